#include "model/weights.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>

#include "base/file.h"
#include "formats/safetensors.h"
#include "model/synthetic_checkpoint.h"

namespace jaju {
namespace {

const std::string kGolden = JAJU_TESTS_DIR "/golden/";

struct Loaded {
  ModelConfig config;
  std::unique_ptr<Weights> weights;
};

Loaded load_golden(const std::string& name) {
  Loaded l;
  auto config = load_config(kGolden + name);
  EXPECT_TRUE(config.ok()) << config.message();
  if (!config.ok()) return l;
  l.config = *config;
  auto weights = Weights::load(kGolden + name, l.config);
  EXPECT_TRUE(weights.ok()) << weights.message();
  if (weights.ok()) l.weights = std::move(*weights);
  return l;
}

void expect_shape(const Matrix& m, int64_t rows, int64_t cols) {
  ASSERT_FALSE(m.empty());
  EXPECT_EQ(m.rows, rows);
  EXPECT_EQ(m.cols, cols);
}

TEST(Weights, GoldensLoadWithEveryShape) {
  for (const char* name : {"fused-bf16", "mscale-all-f32", "mtp-f32", "split-bias-f32"}) {
    SCOPED_TRACE(name);
    const Loaded l = load_golden(name);
    ASSERT_NE(l.weights, nullptr);
    const Weights& w = *l.weights;
    expect_shape(w.embed, 512, 64);
    expect_shape(w.head, 512, 64);
    EXPECT_EQ(w.final_norm.size(), 64u);
    ASSERT_EQ(static_cast<int64_t>(w.layers.size()), l.config.n_layers);
    for (size_t i = 0; i < w.layers.size(); ++i) {
      const LayerWeights& layer = w.layers[i];
      EXPECT_EQ(layer.is_moe, i > 0);
      EXPECT_EQ(layer.input_norm.size(), 64u);
      EXPECT_EQ(layer.post_attention_norm.size(), 64u);
      EXPECT_EQ(layer.post_mlp_norm.size(),
                i > 0 ? 64u : 0u);  // layer 0 has one in the file; nothing applies it
      EXPECT_TRUE(layer.attention.q.empty());
      expect_shape(layer.attention.q_a, 48, 64);
      EXPECT_EQ(layer.attention.q_a_norm.size(), 48u);
      expect_shape(layer.attention.q_b, 96, 48);
      expect_shape(layer.attention.kv_a, 40, 64);
      EXPECT_EQ(layer.attention.kv_a_norm.size(), 32u);
      expect_shape(layer.attention.kv_b, 128, 32);
      expect_shape(layer.attention.o, 64, 64);
      if (i == 0) {
        expect_shape(layer.dense.gate, 160, 64);
        expect_shape(layer.dense.up, 160, 64);
        expect_shape(layer.dense.down, 64, 160);
        continue;
      }
      EXPECT_EQ(layer.moe.router.size(), 16u * 64u);
      EXPECT_EQ(layer.moe.router_bias.size(), 16u);
      ASSERT_EQ(layer.moe.experts.size(), 16u);
      for (const MlpWeights& e : layer.moe.experts) {
        expect_shape(e.gate, 32, 64);
        expect_shape(e.up, 32, 64);
        expect_shape(e.down, 64, 32);
      }
      expect_shape(layer.moe.shared.gate, 32, 64);
      expect_shape(layer.moe.shared.down, 64, 32);
    }
    EXPECT_TRUE(w.intact().ok());
    EXPECT_TRUE(w.check_finite().ok());
    const bool biased = std::string(name) == "mtp-f32" || std::string(name) == "split-bias-f32";
    const ParameterCount expected = count_parameters(l.config, biased, false);
    EXPECT_EQ(w.parameters.total(), expected.total());
    EXPECT_EQ(w.parameters.active, expected.active);
    EXPECT_EQ(w.parameters.norms, expected.norms);
    EXPECT_EQ(w.layers[1].moe.router_bias[3] != 0.0f, biased);
  }
}

TEST(Weights, MtpBlock) {
  const Loaded l = load_golden("mtp-f32");
  ASSERT_NE(l.weights, nullptr);
  ASSERT_TRUE(l.weights->mtp.has_value());
  const MtpWeights& m = *l.weights->mtp;
  expect_shape(m.projection, 64, 128);
  expect_shape(m.embed, 512, 64);
  expect_shape(m.head, 512, 64);
  EXPECT_NE(m.embed.data, l.weights->embed.data);  // this checkpoint holds copies
  EXPECT_EQ(m.final_norm.size(), 64u);
  EXPECT_EQ(m.layer.post_mlp_norm.size(), 64u);
  EXPECT_EQ(m.layer.moe.experts.size(), 16u);
  EXPECT_EQ(l.weights->parameters.mtp, count_parameters(l.config, true, true).mtp + 2 * 512 * 64);
}

// Elements as the NumPy reference reads them (hexadecimal floats: exact).
TEST(Weights, ValuesAreTheFilesValues) {
  const Loaded fused = load_golden("fused-bf16");
  ASSERT_NE(fused.weights, nullptr);
  const std::vector<MlpWeights>& experts = fused.weights->layers[2].moe.experts;
  EXPECT_EQ(experts[5].gate.at(3, 7), -0x1.a2p-4f);
  EXPECT_EQ(experts[5].up.at(3, 7), -0x1.9ap-3f);
  EXPECT_EQ(experts[15].down.at(63, 31), 0x1.6ap-3f);
  EXPECT_EQ(fused.weights->embed.at(511, 63), 0x1.a2p-1f);
  EXPECT_EQ(fused.weights->layers[3].moe.router[15 * 64 + 2], -0x1.28p-3f);
  EXPECT_EQ(fused.weights->layers[1].post_mlp_norm[9], 0x1.eap-1f);

  const Loaded split = load_golden("split-bias-f32");
  ASSERT_NE(split.weights, nullptr);
  EXPECT_EQ(split.weights->layers[1].moe.experts[11].up.at(31, 63), -0x1.394c5p-4f);
  EXPECT_EQ(split.weights->layers[1].moe.experts[11].gate.at(31, 63), -0x1.47f7b2p-5f);
  EXPECT_EQ(split.weights->layers[0].attention.kv_b.at(127, 31), 0x1.6a0292p-3f);
  EXPECT_EQ(split.weights->head.at(100, 1), 0x1.003ea6p-3f);
  EXPECT_EQ(split.weights->layers[3].moe.router_bias[3], 0x1.d41eaep-5f);
}

TEST(Weights, GroupsAddUpToTheFile) {
  const Loaded l = load_golden("fused-bf16");
  ASSERT_NE(l.weights, nullptr);
  int64_t parameters = 0;
  for (const TensorGroup& g : l.weights->groups) {
    EXPECT_EQ(g.dtypes, "BF16") << g.name;
    EXPECT_EQ(g.bytes, 2 * g.parameters) << g.name;
    parameters += g.parameters;
  }
  EXPECT_EQ(parameters, l.weights->parameters.total());
  ASSERT_EQ(l.weights->groups.size(), 8u);  // no mtp
  EXPECT_EQ(l.weights->groups[3].name, "routed experts");
  EXPECT_EQ(l.weights->groups[3].tensors, 6);
}

// Sizes that are no multiple of the 128-wide scale blocks; gate and up share a block of the fused tensor.
ModelConfig odd_config() {
  ModelConfig c;
  c.vocab_size = 40;
  c.hidden_size = 200;
  c.intermediate_size = 130;
  c.moe_intermediate_size = 160;
  c.n_layers = 3;
  c.n_heads = 3;
  c.q_lora_rank = 20;
  c.kv_lora_rank = 12;
  c.qk_nope_dim = 10;
  c.qk_rope_dim = 6;
  c.v_dim = 14;
  c.n_routed_experts = 4;
  c.n_shared_experts = 2;
  c.n_experts_per_token = 2;
  c.n_group = 2;
  c.topk_group = 1;
  return c;
}

class SyntheticTest : public testing::Test {
 protected:
  SyntheticTest() {
    std::string pattern = testing::TempDir() + "jaju_weights_XXXXXX";
    dir = ::mkdtemp(pattern.data());
  }
  ~SyntheticTest() override { std::filesystem::remove_all(dir); }

  std::unique_ptr<Weights> load(const SyntheticCheckpoint& checkpoint, int shards = 1) {
    checkpoint.write(dir, shards);
    auto weights = Weights::load(dir, config);
    EXPECT_TRUE(weights.ok()) << weights.message();
    return weights.ok() ? std::move(*weights) : nullptr;
  }
  std::string load_error(const SyntheticCheckpoint& checkpoint) {
    checkpoint.write(dir);
    auto weights = Weights::load(dir, config);
    EXPECT_FALSE(weights.ok());
    EXPECT_EQ(weights.message().find('\n'), std::string::npos);
    return weights.message();
  }
  void expect_load_error(const SyntheticCheckpoint& checkpoint, const std::string& part) {
    const std::string message = load_error(checkpoint);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }

  // Every element of `m` against the bytes of tensor `name`: matrix `stack_index` of it, rows from
  // `first_row`.
  static void expect_matrix(const Matrix& m, SyntheticCheckpoint& c, const std::string& name,
                            int64_t stack_index = 0, int64_t first_row = 0) {
    SCOPED_TRACE(name);
    ASSERT_FALSE(m.empty());
    const SyntheticTensor& t = c.at(name);
    const int64_t rows = t.shape[t.shape.size() - 2];
    const int64_t cols = t.shape[t.shape.size() - 1];
    ASSERT_EQ(m.cols, cols);
    ASSERT_LE(first_row + m.rows, rows);
    for (int64_t r = 0; r < m.rows; ++r) {
      for (int64_t col = 0; col < cols; ++col) {
        const int64_t row = first_row + r;
        float expected = load_as_f32(t.bytes.data(), t.dtype, (stack_index * rows + row) * cols + col);
        if (t.dtype == DType::f8_e4m3) {
          const SyntheticTensor& s = c.at(name + "_scale_inv");
          const int64_t block_rows = (rows + 127) / 128;
          const int64_t block_cols = (cols + 127) / 128;
          expected *= load_as_f32(s.bytes.data(), s.dtype,
                                  (stack_index * block_rows + row / 128) * block_cols + col / 128);
        }
        ASSERT_EQ(m.at(r, col), expected) << r << ", " << col;
      }
    }
  }

  ModelConfig config = odd_config();
  std::filesystem::path dir;
};

TEST_F(SyntheticTest, EveryDtypeAndLayout) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f8_e4m3}) {
    for (const DType scale_dtype : {DType::f32, DType::bf16}) {
      for (const bool fused : {true, false}) {
        SCOPED_TRACE(fmt::format("{} {} fused {}", name_of(dtype), name_of(scale_dtype), fused));
        SyntheticCheckpoint c(config, {dtype, scale_dtype, fused, true, true});
        const auto w = load(c);
        ASSERT_NE(w, nullptr);
        for (const size_t layer : {1, 2}) {
          const std::string mlp = fmt::format("model.layers.{}.mlp.", layer);
          const MoeWeights& moe = w->layers[layer].moe;
          ASSERT_EQ(moe.experts.size(), 4u);
          for (int64_t e = 0; e < 4; ++e) {
            const MlpWeights& expert = moe.experts[static_cast<size_t>(e)];
            ASSERT_EQ(expert.gate.rows, 160);
            ASSERT_EQ(expert.up.rows, 160);
            ASSERT_EQ(expert.down.rows, 200);
            if (fused) {
              expect_matrix(expert.gate, c, mlp + "experts.gate_up_proj", e, 0);
              expect_matrix(expert.up, c, mlp + "experts.gate_up_proj", e, 160);
              expect_matrix(expert.down, c, mlp + "experts.down_proj", e);
            } else {
              expect_matrix(expert.gate, c, fmt::format("{}experts.{}.gate_proj.weight", mlp, e));
              expect_matrix(expert.up, c, fmt::format("{}experts.{}.up_proj.weight", mlp, e));
              expect_matrix(expert.down, c, fmt::format("{}experts.{}.down_proj.weight", mlp, e));
            }
          }
          expect_shape(moe.shared.gate, 320, 200);
          expect_matrix(moe.shared.down, c, mlp + "shared_experts.down_proj.weight");
        }
        expect_matrix(w->layers[0].dense.up, c, "model.layers.0.mlp.up_proj.weight");
        expect_matrix(w->layers[2].attention.kv_b, c, "model.layers.2.self_attn.kv_b_proj.weight");
        expect_matrix(w->head, c, "lm_head.weight");
        ASSERT_TRUE(w->mtp.has_value());
        expect_matrix(w->mtp->projection, c, "model.layers.3.eh_proj.weight");
        EXPECT_EQ(w->mtp->embed.data, w->embed.data);
        EXPECT_EQ(w->mtp->head.data, w->head.data);
        config.n_mtp_layers = 1;
        const ParameterCount expected = count_parameters(config, true, true);
        EXPECT_EQ(w->parameters.total(), expected.total());
        EXPECT_EQ(w->parameters.mtp, expected.mtp);
        EXPECT_EQ(w->parameters.active, expected.active);
        EXPECT_TRUE(w->check_finite().ok()) << w->check_finite().message();
      }
    }
  }
}

TEST_F(SyntheticTest, Sharded) {
  SyntheticCheckpoint c(config, {.dtype = DType::f8_e4m3, .fused = false});
  const auto w = load(c, 5);
  ASSERT_NE(w, nullptr);
  expect_matrix(w->layers[1].moe.experts[3].down, c, "model.layers.1.mlp.experts.3.down_proj.weight");
  EXPECT_EQ(w->parameters.total(), count_parameters(config, false, false).total());
}

TEST_F(SyntheticTest, DeepSeekV3WithoutQueryRank) {
  config.model_type = "deepseek_v3";
  config.has_post_mlp_norm = false;
  config.q_lora_rank = 0;
  config.tie_word_embeddings = true;
  config.n_shared_experts = 0;
  SyntheticCheckpoint c(config, {.dtype = DType::bf16, .fused = false, .router_bias = true});
  c.add("model.layers.1.self_attn.rotary_emb.inv_freq", DType::f32, {3});
  const auto w = load(c);
  ASSERT_NE(w, nullptr);
  expect_matrix(w->layers[1].attention.q, c, "model.layers.1.self_attn.q_proj.weight");
  EXPECT_TRUE(w->layers[1].attention.q_a.empty());
  EXPECT_TRUE(w->layers[1].post_mlp_norm.empty());
  EXPECT_TRUE(w->layers[1].moe.shared.gate.empty());
  EXPECT_EQ(w->head.data, w->embed.data);
  EXPECT_EQ(w->parameters.head, 0);
  EXPECT_EQ(w->parameters.total(), count_parameters(config, true, false).total());
}

TEST_F(SyntheticTest, PostMlpNormUnderItsOtherName) {
  SyntheticCheckpoint c(config, {});
  c.at("model.layers.2.post_mlp_layernorm.weight").name = "model.layers.2.mlp.post_mlp_layernorm.weight";
  c.remove("model.layers.0.post_mlp_layernorm.weight");
  const auto w = load(c);
  ASSERT_NE(w, nullptr);
  const SyntheticTensor& norm = c.at("model.layers.2.mlp.post_mlp_layernorm.weight");
  ASSERT_EQ(w->layers[2].post_mlp_norm.size(), 200u);
  EXPECT_EQ(std::memcmp(w->layers[2].post_mlp_norm.data(), norm.bytes.data(), norm.bytes.size()), 0);
  EXPECT_EQ(w->parameters.norms, count_parameters(config, false, false).norms - 200);  // layer 0 has none
}

TEST_F(SyntheticTest, FurtherMtpBlocksAreCountedAndUnused) {
  config.n_mtp_layers = 2;
  SyntheticCheckpoint c(config, {.mtp = true});
  c.add("model.layers.4.eh_proj.weight", DType::f32, {200, 400});
  const auto w = load(c);
  ASSERT_NE(w, nullptr);
  EXPECT_EQ(w->parameters.mtp, count_parameters(config, false, true).mtp / 2 + 200 * 400);
  config.n_mtp_layers = 1;
  expect_load_error(c, "unknown 'model.layers.4.eh_proj.weight'");
}

// What shapes cannot tell must fail as a whole: one sentence with the first ten problems.
TEST_F(SyntheticTest, OneMessageForEverythingThatDoesNotFit) {
  SyntheticCheckpoint c(config, {});
  c.remove("model.norm.weight");
  c.remove("model.layers.1.mlp.experts.down_proj");
  c.at("model.layers.0.self_attn.o_proj.weight").shape = {100, 84};
  c.add("model.layers.1.self_attn.o_proj.bias", DType::f32, {200});
  const std::string message = load_error(c);
  for (const char* part :
       {"missing 'model.norm.weight'", "missing 'model.layers.1.mlp.experts.down_proj'",
        "'model.layers.0.self_attn.o_proj.weight' is (100, 84), expected (200, 42)",
        "unknown 'model.layers.1.self_attn.o_proj.bias'", "take both from the same complete download"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << "\n" << message;
  }
  for (int i = 0; i < 50; ++i) c.add(fmt::format("extra.{}", i), DType::u8, {1});
  const std::string capped = load_error(c);
  EXPECT_NE(capped.find("; and 44 more;"), std::string::npos) << capped;
  EXPECT_LT(capped.size(), 1500u);
}

TEST_F(SyntheticTest, MismatchesAreNamed) {
  const SyntheticCheckpoint good(config, {});
  SyntheticCheckpoint c = good;
  c.at("model.layers.1.mlp.gate.weight").shape = {200, 4};
  expect_load_error(c, "'model.layers.1.mlp.gate.weight' is (200, 4), expected (4, 200)");
  c = good;
  c.at("model.layers.1.mlp.gate.weight").dtype = DType::i32;
  expect_load_error(c, "'model.layers.1.mlp.gate.weight' is I32, it must be F32, F16 or BF16");
  c = good;
  c.at("lm_head.weight").dtype = DType::i32;
  expect_load_error(c, "'lm_head.weight' is I32, a weight must be");
  c = good;
  c.remove("model.layers.2.mlp.experts.down_proj");
  c.remove("model.layers.2.mlp.experts.gate_up_proj");
  expect_load_error(c, "missing 'model.layers.2.mlp.experts.gate_up_proj' or");
  c = good;
  c.remove("lm_head.weight");
  expect_load_error(c, "missing 'lm_head.weight'");

  config.n_layers = 4;
  expect_load_error(good, "config.json announces 4 layers, the weights hold 3");
  config.n_layers = 2;  // the third layer then looks like an MTP block without its projection
  expect_load_error(good, "missing 'model.layers.2.eh_proj.weight'");
  config = odd_config();
  config.n_routed_experts = 6;
  expect_load_error(good, "is (4, 320, 200), expected (6, 320, 200)");
}

TEST_F(SyntheticTest, SplitExpertsStopAtTheFirstGap) {
  config.n_routed_experts = 4;
  const SyntheticCheckpoint c(config, {.fused = false});
  config.n_routed_experts = 60000;
  const std::string message = load_error(c);
  EXPECT_NE(message.find("missing 'model.layers.1.mlp.experts.4.*' of 60000 experts"), std::string::npos)
      << message;
  EXPECT_EQ(message.find("experts.5."), std::string::npos) << message;
}

TEST_F(SyntheticTest, Fp8NeedsItsScales) {
  const SyntheticCheckpoint good(config, {.dtype = DType::f8_e4m3});
  const std::string scale = "model.layers.1.mlp.experts.gate_up_proj_scale_inv";
  SyntheticCheckpoint c = good;
  c.remove(scale);
  expect_load_error(c, "missing '" + scale + "'");
  c = good;
  ASSERT_EQ(c.at(scale).shape, (std::vector<int64_t>{4, 3, 2}));
  c.at(scale).shape = {4, 2, 3};
  expect_load_error(c, "'" + scale + "' is (4, 2, 3), expected (4, 3, 2)");
  c = good;
  c.at(scale).dtype = DType::i32;
  expect_load_error(c, "'" + scale + "' is I32, scales must be F32 or BF16");
  c = good;
  c.at("lm_head.weight_scale_inv").name = "lm_head.weight_scale";
  expect_load_error(c, "unknown 'lm_head.weight_scale'");
}

// An odd-sized tensor in front shifts everything off its natural alignment.
TEST_F(SyntheticTest, UnalignedDataIsRead) {
  for (const DType dtype : {DType::f32, DType::f8_e4m3}) {
    SyntheticCheckpoint c(config, {.dtype = dtype});
    SyntheticTensor odd{"model.rotary_emb.inv_freq", DType::u8, {1}, {std::byte{7}}};
    c.tensors.insert(c.tensors.begin(), odd);
    const auto w = load(c);
    ASSERT_NE(w, nullptr);
    EXPECT_NE(reinterpret_cast<uintptr_t>(w->embed.data) % 2, 0u);
    expect_matrix(w->embed, c, "model.embed_tokens.weight");
    expect_matrix(w->layers[2].moe.experts[3].up, c, "model.layers.2.mlp.experts.gate_up_proj", 3, 160);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(w->embed.block_scales) % alignof(float),
              0u);  // read through a float*
    EXPECT_TRUE(w->check_finite().ok());
  }
}

TEST_F(SyntheticTest, CheckFiniteFindsOneBadValue) {
  struct Case {
    DType dtype;
    uint32_t bits;
  };
  for (const Case& bad :
       {Case{DType::f32, 0x7fc00000u}, Case{DType::f32, 0xff800000u}, Case{DType::f16, 0x7c00u},
        Case{DType::f16, 0xfe01u}, Case{DType::bf16, 0x7f80u}, Case{DType::bf16, 0xffc1u},
        Case{DType::f8_e4m3, 0x7fu}, Case{DType::f8_e4m3, 0xffu}}) {
    SyntheticCheckpoint c(config, {.dtype = bad.dtype});
    SyntheticTensor& t = c.at("model.layers.2.mlp.experts.down_proj");
    const auto width = static_cast<size_t>(size_of(bad.dtype));
    for (const size_t at : {size_t{0}, t.bytes.size() - width}) {  // the first and the last element
      SyntheticCheckpoint broken = c;
      std::memcpy(broken.at(t.name).bytes.data() + at, &bad.bits, width);
      const auto w = load(broken);
      ASSERT_NE(w, nullptr);
      const Status s = w->check_finite();
      ASSERT_FALSE(s.ok()) << name_of(bad.dtype) << " " << bad.bits;
      EXPECT_NE(s.message().find("1 tensor holds"), std::string::npos) << s.message();
      EXPECT_NE(s.message().find("'" + t.name + "'"), std::string::npos) << s.message();
    }
  }
}

TEST_F(SyntheticTest, CheckFiniteFindsBadScales) {
  for (const float bad :
       {0.0f, -1.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    SyntheticCheckpoint c(config, {.dtype = DType::f8_e4m3});
    std::vector<std::byte>& bytes = c.at("lm_head.weight_scale_inv").bytes;
    std::memcpy(bytes.data() + bytes.size() - 4, &bad, 4);
    const auto w = load(c);
    ASSERT_NE(w, nullptr);
    EXPECT_NE(w->check_finite().message().find("'lm_head.weight_scale_inv'"), std::string::npos) << bad;
  }
}

TEST_F(SyntheticTest, CheckFiniteReportsProgress) {
  const auto w = load(SyntheticCheckpoint(config, {}));
  ASSERT_NE(w, nullptr);
  std::pair<int64_t, int64_t> seen;
  const Status s = w->check_finite(
      [](void* data, int64_t done, int64_t total) {
        auto& last = *static_cast<std::pair<int64_t, int64_t>*>(data);
        EXPECT_GT(done, last.first);
        last = {done, total};
      },
      &seen);
  EXPECT_TRUE(s.ok());
  EXPECT_EQ(seen.first, seen.second);
  EXPECT_EQ(seen.second, 4 * w->parameters.total());
}

// Two layers of the released model at full size, 23 GB of holes: offsets beyond 4 GiB, nothing loaded whole.
TEST_F(SyntheticTest, OffsetsAreSixtyFourBit) {
  auto real = load_config(kGolden + "axk1-config.json");
  ASSERT_TRUE(real.ok()) << real.message();
  config = *real;
  config.n_layers = 2;
  const SyntheticCheckpoint c(config, {.dtype = DType::bf16, .sparse = true});
  c.write(dir);
  // The last element of the last expert's up matrix, set in the file itself.
  const std::string path = (dir / "model.safetensors").string();
  int64_t at = 0;
  {
    auto file = Checkpoint::open_file(path);
    ASSERT_TRUE(file.ok()) << file.message();
    const StoredTensor* t = (*file)->find("model.layers.1.mlp.experts.gate_up_proj");
    ASSERT_NE(t, nullptr);
    at = t->info.begin + t->info.bytes - 2;
    ASSERT_GT(at, int64_t{11} << 30);
  }
  std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(at).write("\x40\x40", 2);  // 3.0 in bf16
  out.close();
  ASSERT_TRUE(out.good());

  auto w = Weights::load(dir, config);
  ASSERT_TRUE(w.ok()) << w.message();
  const std::vector<MlpWeights>& experts = (*w)->layers[1].moe.experts;
  ASSERT_EQ(experts.size(), 192u);
  EXPECT_EQ(experts[191].up.at(2047, 7167), 3.0f);
  EXPECT_EQ(experts[191].gate.at(2047, 7167), 0.0f);
  EXPECT_EQ(experts[190].up.at(2047, 7167), 0.0f);
  EXPECT_EQ((*w)->parameters.total(), count_parameters(config, false, false).total());
}

TEST_F(SyntheticTest, AShrinkingFileIsReportedNotFatal) {
  const auto w = load(SyntheticCheckpoint(config, {}));
  ASSERT_NE(w, nullptr);
  EXPECT_TRUE(w->intact().ok());
  std::filesystem::resize_file(dir / "model.safetensors", 8192);
  EXPECT_EQ(w->head.at(39, 199), 0.0f);  // would be SIGBUS
  EXPECT_NE(w->intact().message().find("became shorter while in use"), std::string::npos);
  EXPECT_NE(w->check_finite().message().find("became shorter while in use"), std::string::npos);
}

}  // namespace
}  // namespace jaju
