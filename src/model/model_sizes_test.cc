// Sizes from headers and from a config, against the facts, the loader and the packer.
#include "model/model_sizes.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "model/forward.h"
#include "model/pack.h"
#include "model/weights.h"

namespace jaju {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(JAJU_TESTS_DIR) / "golden";

std::map<std::string, int64_t> by_name(const ModelSizes& sizes) {
  std::map<std::string, int64_t> parts;
  for (const NamedBytes& part : sizes.resident) parts[part.name] = part.bytes;
  return parts;
}

ModelConfig axk1() {
  auto config = load_config(kGolden / "axk1-config.json");
  EXPECT_TRUE(config.ok()) << config.message();
  return *config;
}

// Facts sheet, 3.2 and 3.3.
TEST(ModelSizes, AxK1InBf16) {
  const Storage bf16 = *storage_from_name("bf16");
  const MeasuredModel m = measure_config(axk1(), bf16, bf16);
  EXPECT_EQ(m.parameters, 518'983'059'456);
  EXPECT_EQ(m.sizes.expert_read_bytes, 2 * 44'040'192);
  EXPECT_EQ(m.sizes.moe_layers, 60);
  EXPECT_EQ(m.sizes.experts_per_layer, 192);
  EXPECT_EQ(m.sizes.experts_per_token, 8);
  EXPECT_EQ(m.sizes.experts() * m.sizes.expert_read_bytes, 2 * 507'343'011'840);
  auto parts = by_name(m.sizes);
  EXPECT_EQ(parts["embedding"], 2 * 1'174'405'120ll);
  EXPECT_EQ(parts["head"], 2 * 1'174'405'120ll);
  // The two inner norms of a layer, 2,048 values, are f32.
  EXPECT_EQ(parts["attention"], 2 * 6'168'569'856 + 61 * 2 * 2'048);
  EXPECT_EQ(parts["shared experts"], 2 * 2'642'411'520);
  EXPECT_EQ(parts["dense mlp"], 2 * 396'361'728);
  EXPECT_EQ(parts["routers"], 4 * 82'575'360);
  // 61 times three norms and the final one, less the one on layer 0 that nothing applies.
  EXPECT_EQ(parts["norms"], 4 * (1'318'912 - 7'168));
  EXPECT_TRUE(m.kinds.dense && m.kinds.moe && !m.kinds.mtp);
  EXPECT_FALSE(m.one_read);
}

// One expert at 4.5 bits is 24.77 MB (facts, 3.4), and 704 panels of 16 rows have 64 bytes of factors each:
// whole extents as it happens.
TEST(ModelSizes, AxK1Packed) {
  const MeasuredModel m = measure_config(axk1(), *storage_from_name("q4"), *storage_from_name("q8"));
  EXPECT_EQ(m.sizes.slot_bytes, 44'040'192 * 9 / 16 + 704 * 64);
  EXPECT_EQ(m.sizes.slot_bytes % 4096, 0);
  EXPECT_EQ(m.sizes.expert_read_bytes, m.sizes.slot_bytes);
  EXPECT_TRUE(m.one_read);
  EXPECT_EQ(m.experts, "q4");
  // "Experts 4.5 bits + the rest 8.5: 297.7 GB" (facts, 3.4), the embedding in bf16, 1.17 billion weights of
  // 7.5 bits more, and the keys of kv_b, half of 0.51 billion, once more. Factors and f32 routers make up the
  // rest.
  EXPECT_NEAR(static_cast<double>(m.keys_twice), 61 * 4'194'304 * 8.5 / 8, 61 * 64 * 512 / 16 * 64 + 1);
  const double more = 1'174'405'120.0 * 7.5 / 8 + static_cast<double>(m.keys_twice);
  EXPECT_NEAR(static_cast<double>(m.file_bytes), 297.7e9 + more, 0.003 * 297.7e9);
}

TEST(ModelSizes, F8HasAFactorEvery128) {
  const Storage f8 = *storage_from_name("f8");
  EXPECT_EQ(f8.bytes(2048, 7168), 2048 * 7168 + 16 * 56 * 4);
  EXPECT_EQ(f8.bytes(1, 129), 129 + 2 * 4);
  const MeasuredModel m = measure_config(axk1(), f8, f8);
  EXPECT_EQ(m.sizes.expert_read_bytes, 44'040'192 + 3 * 16 * 56 * 4);
}

TEST(ModelSizes, Names) {
  EXPECT_EQ(storage_from_name("q6")->name(), "q6");
  EXPECT_EQ(storage_from_name("f8")->name(), "F8_E4M3");
  for (const char* word : {"", "q5", "Q4", "none", "int4"}) EXPECT_FALSE(storage_from_name(word)) << word;
}

// Groups by name must be what the loader calls them. The loader's figures are bytes in the file; ours of
// vectors and routers are f32 copies, which an f32 checkpoint's are anyway.
TEST(ModelSizes, AgreesWithTheLoader) {
  for (const char* name :
       {"deepseek-v3-f32", "mtp-f32", "odd-layers-f32", "split-bias-f32", "mscale-all-f32"}) {
    const auto config = load_config(kGolden / name);
    ASSERT_TRUE(config.ok()) << config.message();
    const auto weights = Weights::load(kGolden / name, *config);
    ASSERT_TRUE(weights.ok()) << weights.message();
    const auto measured = measure_model(kGolden / name, *config);
    ASSERT_TRUE(measured.ok()) << measured.message();
    auto parts = by_name(measured->sizes);
    for (const TensorGroup& g : (*weights)->groups) {
      if (g.name == "routed experts") {
        EXPECT_EQ(measured->sizes.experts() * measured->sizes.expert_read_bytes, g.bytes) << name;
      } else if (g.name == "norms" && config->has_post_mlp_norm) {
        int64_t dense = 0;
        for (int64_t i = 0; i < config->n_layers; ++i) dense += config->is_moe(i) ? 0 : 1;
        EXPECT_EQ(parts["norms"] + dense * config->hidden_size * 4, g.bytes) << name;
      } else {
        EXPECT_EQ(parts[g.name], g.bytes) << name << ' ' << g.name;
      }
    }
    const LayerKinds kinds = kinds_of(**weights);
    EXPECT_EQ(measured->kinds.dense, kinds.dense);
    EXPECT_EQ(measured->kinds.moe, kinds.moe);
    EXPECT_EQ(measured->kinds.mtp, kinds.mtp);
    EXPECT_EQ(measured->parameters, (*weights)->parameters.total() + (*weights)->parameters.mtp) << name;
  }
}

// What a config alone is said to take when packed is what the packer would write, to the byte.
TEST(ModelSizes, AConfigAloneAgreesWithThePacker) {
  for (const char* name : {"tiny-chat", "deepseek-v3-f32", "split-bias-f32", "odd-layers-f32"}) {
    const auto config = load_config(kGolden / name);
    ASSERT_TRUE(config.ok()) << config.message();
    const auto weights = Weights::load(kGolden / name, *config);
    ASSERT_TRUE(weights.ok()) << weights.message();
    PackOptions options;
    options.experts = Scheme::q6;
    int64_t experts = 0, rest = 0, plain = 0;
    for (const PackShard& shard : plan_pack(**weights, *config, options)) {
      for (const PackPart& part : shard.parts) {
        const bool mtp = part.spec.name.starts_with(fmt::format("model.layers.{}.", config->n_layers));
        if (mtp) continue;
        // The embedding keeps its type, which in a checkpoint of f32 is twice bf16; so does kv_b of odd
        // heads.
        if (part.scheme == Scheme::none && part.vector == nullptr) {
          plain += part.values * 2;
        } else {
          (part.matrices.size() == 3 ? experts : rest) += part.bytes;
        }
      }
    }
    const MeasuredModel m = measure_config(*config, {Scheme::q6, DType::u8}, {Scheme::q8, DType::u8});
    EXPECT_EQ(m.sizes.expert_bytes(), experts) << name;
    EXPECT_EQ(m.sizes.resident_bytes(), rest + plain) << name;
  }
}

TEST(ModelSizes, WhatDoesNotFitTogether) {
  auto config = load_config(kGolden / "tiny-chat");
  ASSERT_TRUE(config.ok());
  ModelConfig shallow = *config;
  shallow.n_layers -= 1;
  shallow.n_mtp_layers = 0;
  const auto measured = measure_model(kGolden / "tiny-chat", shallow);
  ASSERT_FALSE(measured.ok());
  EXPECT_NE(measured.message().find("config.json does not have"), std::string::npos);
  EXPECT_FALSE(measure_model(kGolden, *config).ok());
}

}  // namespace
}  // namespace jaju
