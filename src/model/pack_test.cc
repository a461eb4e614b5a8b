// Packing: what is written is what quantising each matrix gives, in every layout of a checkpoint; interrupted
// work goes on to the same bytes; damage is found and named.
#include "model/pack.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>

#include "base/file.h"
#include "base/staged_dir.h"
#include "formats/safetensors.h"
#include "model/forward.h"
#include "model/packed_manifest.h"
#include "model/packed_names.h"
#include "model/synthetic_checkpoint.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

class Pack : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           (std::string("jaju_pack_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(dir_);
    fs::create_directories(dir_ / "from");
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::unique_ptr<Weights> load(const std::string& name) {
    auto weights = Weights::load(dir_ / name, config_);
    EXPECT_TRUE(weights.ok()) << weights.message();
    return weights.ok() ? std::move(*weights) : nullptr;
  }
  Result<PackReport> pack(const Weights& from, const std::string& to, const PackOptions& options) {
    JAJU_ASSIGN(const StagedDir staged, StagedDir::open(dir_ / to, "the same work"));
    JAJU_ASSIGN(PackReport report,
                write_packed(from, plan_pack(from, config_, options), staged.stage(), options, team_));
    JAJU_RETURN_IF_ERROR(staged.publish());
    return report;
  }
  std::string bytes_of(const fs::path& file) {
    const auto content = read_file(file, 1 << 30);
    EXPECT_TRUE(content.ok()) << content.message();
    return content.ok() ? *content : "";
  }

  ModelConfig config_ = odd_config();
  ThreadTeam team_{2};
  fs::path dir_;
};

// Decoded weights are the matrix's, not another's, whose error would be twice the size: quantize_test.cc has
// how near they come.
void expect_near(const Matrix& packed, const Matrix& from, Scheme scheme, const std::string& what) {
  SCOPED_TRACE(what);
  ASSERT_EQ(packed.scheme, scheme);
  ASSERT_EQ(packed.rows, from.rows);
  ASSERT_EQ(packed.cols, from.cols);
  double error = 0, size = 0;
  for (int64_t r = 0; r < from.rows; ++r) {
    for (int64_t c = 0; c < from.cols; ++c) {
      const auto value = static_cast<double>(from.at(r, c));
      const double gap = static_cast<double>(packed.at(r, c)) - value;
      error += gap * gap;
      size += value * value;
    }
  }
  const double most = scheme == Scheme::q8                            ? 1e-4
                      : scheme == Scheme::q6                          ? 1e-3
                      : scheme == Scheme::q4 || scheme == Scheme::q4i ? 1e-2
                      : scheme == Scheme::q3                          ? 0.1
                                                                      : 0.3;
  EXPECT_LT(error, size * most);
}

void expect_same(const Matrix& packed, const Matrix& from) {
  ASSERT_EQ(packed.scheme, Scheme::none);
  ASSERT_EQ(packed.rows, from.rows);
  for (int64_t r = 0; r < from.rows; ++r) {
    for (int64_t c = 0; c < from.cols; ++c)
      ASSERT_NEAR(packed.at(r, c), from.at(r, c), std::abs(from.at(r, c)) * 0x1p-8f);
  }
}

TEST_F(Pack, EveryTensorOfEveryLayout) {
  const Scheme schemes[] = {Scheme::q4, Scheme::q3, Scheme::q4i, Scheme::q2};
  int turn = 0;
  for (const bool fused : {true, false}) {
    for (const DType dtype : {DType::f32, DType::bf16, DType::f8_e4m3}) {
      const Scheme experts = schemes[turn++ % 4];
      SCOPED_TRACE(testing::Message()
                   << (fused ? "fused " : "split ") << name_of(dtype) << " " << name_of(experts));
      SyntheticCheckpoint checkpoint(config_,
                                     {.dtype = dtype, .fused = fused, .router_bias = true, .mtp = true});
      checkpoint.add("model.layers.3.shared_head.head.weight", DType::f32,
                     {config_.vocab_size, config_.hidden_size});
      checkpoint.write(dir_ / "from", 2);
      const auto from = load("from");
      ASSERT_NE(from, nullptr);
      const auto report = pack(*from, "to", {.experts = experts, .rest = Scheme::q8, .shard_bytes = 200'000});
      ASSERT_TRUE(report.ok()) << report.message();
      EXPECT_GT(report->shards, 2);
      const auto to = load("to");
      ASSERT_NE(to, nullptr);
      // The dense layer's norm that nothing applies is left behind.
      EXPECT_EQ(to->parameters.total() + config_.hidden_size, from->parameters.total());
      EXPECT_EQ(to->parameters.active + config_.hidden_size, from->parameters.active);
      expect_same(to->embed, from->embed);
      expect_near(to->head, from->head, Scheme::q8, "head");
      EXPECT_EQ(to->final_norm, from->final_norm);
      std::vector<std::pair<const LayerWeights*, const LayerWeights*>> layers = {
          {&to->mtp->layer, &from->mtp->layer}};
      for (size_t i = 0; i < from->layers.size(); ++i) layers.emplace_back(&to->layers[i], &from->layers[i]);
      expect_near(to->mtp->projection, from->mtp->projection, Scheme::q8, "eh_proj");
      ASSERT_NE(from->mtp->head.data, from->head.data);
      expect_near(to->mtp->head, from->mtp->head, Scheme::q8, "the MTP block's own head");
      for (const auto& [a, b] : layers) {
        EXPECT_EQ(a->input_norm, b->input_norm);
        EXPECT_EQ(a->post_attention_norm, b->post_attention_norm);
        EXPECT_EQ(a->post_mlp_norm, b->post_mlp_norm);
        EXPECT_EQ(a->attention.q_a_norm, b->attention.q_a_norm);
        EXPECT_EQ(a->attention.kv_a_norm, b->attention.kv_a_norm);
        expect_near(a->attention.q_a, b->attention.q_a, Scheme::q8, "q_a");
        expect_near(a->attention.q_b, b->attention.q_b, Scheme::q8, "q_b");
        expect_near(a->attention.kv_a, b->attention.kv_a, Scheme::q8, "kv_a");
        expect_same(a->attention.kv_b, b->attention.kv_b);
        expect_near(a->attention.o, b->attention.o, Scheme::q8, "o");
        ASSERT_EQ(a->is_moe, b->is_moe);
        if (!a->is_moe) {
          expect_near(a->dense.gate, b->dense.gate, Scheme::q8, "dense");
          continue;
        }
        EXPECT_EQ(a->moe.router, b->moe.router);
        EXPECT_EQ(a->moe.router_bias, b->moe.router_bias);
        expect_near(a->moe.shared.down, b->moe.shared.down, Scheme::q8, "shared");
        ASSERT_EQ(a->moe.experts.size(), b->moe.experts.size());
        for (size_t e = 0; e < a->moe.experts.size(); ++e) {
          expect_near(a->moe.experts[e].gate, b->moe.experts[e].gate, experts, "gate");
          expect_near(a->moe.experts[e].up, b->moe.experts[e].up, experts, "up");
          expect_near(a->moe.experts[e].down, b->moe.experts[e].down, experts, "down");
        }
      }
      fs::remove_all(dir_ / "to");
      fs::remove_all(dir_ / "from");
      fs::create_directories(dir_ / "from");
    }
  }
}

// --- Checkpoints in four-bit floats ---

enum class Fp4Layout { compressed_mxfp4, compressed_nvfp4, modelopt, stacked };

ModelConfig config_of_whole_groups() {
  ModelConfig c = odd_config();
  c.hidden_size = 160;
  c.moe_intermediate_size = 96;
  return c;
}

// What a matrix's numbers must be after packing: code, scale and factor, multiplied here.
struct Fp4Truth {
  Scheme scheme = Scheme::none;
  const SyntheticTensor* codes = nullptr;
  const SyntheticTensor* scales = nullptr;
  float factor = 1;
  int64_t first_row = 0;

  double at(int64_t cols, int64_t r, int64_t c) const {
    const double values[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    const int64_t i = (first_row + r) * cols + c;
    const int both = static_cast<int>(codes->bytes[static_cast<size_t>(i / 2)]);
    const int code = i % 2 == 0 ? both & 15 : both >> 4;
    const auto scale =
        static_cast<uint8_t>(scales->bytes[static_cast<size_t>(i / (scheme == Scheme::mxfp4 ? 32 : 16))]);
    const double unit =
        scheme == Scheme::mxfp4 ? std::ldexp(1.0, scale - 127) : static_cast<double>(f8_e4m3_to_f32(scale));
    return (code < 8 ? 1 : -1) * values[code % 8] * unit * static_cast<double>(factor);
  }
};

// Replaces the matrices of the routed experts of a synthetic checkpoint.
void store_experts_in_fp4(SyntheticCheckpoint& checkpoint, const ModelConfig& c, Fp4Layout layout) {
  uint32_t dice = 7;
  const auto fill = [&](const std::string& name, DType dtype, std::vector<int64_t> shape, int low,
                        int count) {
    checkpoint.add(name, dtype, std::move(shape));
    for (std::byte& b : checkpoint.at(name).bytes) {
      dice = dice * 1664525u + 1013904223u;
      b = static_cast<std::byte>(low + static_cast<int>((dice >> 16) % static_cast<uint32_t>(count)));
    }
  };
  const auto f32 = [&](const std::string& name, float value) {
    checkpoint.add(name, DType::f32, {1});
    std::memcpy(checkpoint.at(name).bytes.data(), &value, 4);
  };
  for (int64_t l = 1; l < c.n_layers; ++l) {
    const std::string experts = fmt::format("model.layers.{}.mlp.experts.", l);
    const auto stacked = [&](const std::string& name, int64_t rows, int64_t cols) {
      checkpoint.remove(experts + name);
      fill(experts + name + "_blocks", DType::u8, {c.n_routed_experts, rows, cols / 32, 16}, 0, 256);
      fill(experts + name + "_scales", DType::u8, {c.n_routed_experts, rows, cols / 32}, 110, 12);
    };
    if (layout == Fp4Layout::stacked) {
      stacked("gate_up_proj", 2 * c.moe_intermediate_size, c.hidden_size);
      stacked("down_proj", c.hidden_size, c.moe_intermediate_size);
      continue;
    }
    for (int64_t e = 0; e < c.n_routed_experts; ++e) {
      for (const std::string which : {"gate", "up", "down"}) {
        const std::string name = fmt::format("{}{}.{}_proj.weight", experts, e, which);
        const std::vector<int64_t> shape = checkpoint.at(name).shape;
        const int64_t rows = shape[0], cols = shape[1];
        checkpoint.remove(name);
        if (layout == Fp4Layout::compressed_mxfp4) {
          fill(name + "_packed", DType::u8, {rows, cols / 2}, 0, 256);
          fill(name + "_scale", DType::u8, {rows, cols / 32}, 110, 12);
        } else if (layout == Fp4Layout::compressed_nvfp4) {
          fill(name + "_packed", DType::u8, {rows, cols / 2}, 0, 256);
          fill(name + "_scale", DType::f8_e4m3, {rows, cols / 16}, 0, 127);
          f32(name + "_global_scale", 512);
          f32(fmt::format("{}{}.{}_proj.input_global_scale", experts, e, which), 3);
        } else {
          fill(name, DType::u8, {rows, cols / 2}, 0, 256);
          fill(name + "_scale", DType::f8_e4m3, {rows, cols / 16}, 0, 127);
          f32(name + "_scale_2", 0x1p-9f);
          f32(fmt::format("{}{}.{}_proj.input_scale", experts, e, which), 3);
        }
      }
    }
  }
}

TEST_F(Pack, FourBitFloatsKeepEveryNumber) {
  config_ = config_of_whole_groups();
  for (const Fp4Layout layout :
       {Fp4Layout::compressed_mxfp4, Fp4Layout::compressed_nvfp4, Fp4Layout::modelopt, Fp4Layout::stacked}) {
    SCOPED_TRACE(static_cast<int>(layout));
    const bool fused = layout == Fp4Layout::stacked;
    SyntheticCheckpoint checkpoint(config_, {.dtype = DType::bf16, .fused = fused});
    store_experts_in_fp4(checkpoint, config_, layout);
    checkpoint.write(dir_ / "from", 2);

    const auto refused = Weights::load(dir_ / "from", config_);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.message().find("jaju pack"), std::string::npos) << refused.message();
    const auto from = Weights::load(dir_ / "from", config_, StoredFp4::wanted);
    ASSERT_TRUE(from.ok()) << from.message();
    const auto plain = count_parameters(config_, false, false);
    EXPECT_EQ((*from)->parameters.routed_experts, plain.routed_experts);

    ASSERT_TRUE(pack(**from, "to", {}).ok());
    const auto to = load("to");
    ASSERT_NE(to, nullptr);
    const bool mx = layout == Fp4Layout::compressed_mxfp4 || fused;
    for (int64_t e = 0; e < config_.n_routed_experts; ++e) {
      const MlpWeights& expert = to->layers[1].moe.experts[static_cast<size_t>(e)];
      const std::string experts = "model.layers.1.mlp.experts.";
      const std::pair<const char*, const Matrix*> matrices[] = {
          {"gate", &expert.gate}, {"up", &expert.up}, {"down", &expert.down}};
      for (const auto& [which, m] : matrices) {
        Fp4Truth truth;
        truth.scheme = mx ? Scheme::mxfp4 : Scheme::nvfp4;
        truth.factor = mx ? 1.0f : 0x1p-9f;
        if (fused) {
          const std::string name = experts + (m == &expert.down ? "down_proj" : "gate_up_proj");
          truth.codes = &checkpoint.at(name + "_blocks");
          truth.scales = &checkpoint.at(name + "_scales");
          truth.first_row = m == &expert.down ? e * m->rows : (2 * e + (m == &expert.up ? 1 : 0)) * m->rows;
        } else {
          const std::string name = fmt::format("{}{}.{}_proj.weight", experts, e, which);
          truth.codes = &checkpoint.at(layout == Fp4Layout::modelopt ? name : name + "_packed");
          truth.scales = &checkpoint.at(name + "_scale");
        }
        ASSERT_EQ(m->scheme, truth.scheme);
        for (int64_t r = 0; r < m->rows; ++r) {
          for (int64_t c = 0; c < m->cols; ++c) {
            // Factors are powers of two: no rounding at all.
            ASSERT_EQ(static_cast<double>(m->at(r, c)), truth.at(m->cols, r, c))
                << which << " " << r << " " << c;
          }
        }
      }
    }
    EXPECT_EQ(to->layers[1].attention.o.scheme, Scheme::q8);
    EXPECT_TRUE(verify_packed(dir_ / "to", team_, nullptr).ok());
    const auto manifest = read_file(dir_ / "to" / kPackedManifestFile, 1 << 20);
    ASSERT_TRUE(manifest.ok());
    EXPECT_EQ(parse_packed_manifest(*manifest, "it")->experts, mx ? Scheme::mxfp4 : Scheme::nvfp4);

    // And as any other matrix where they are not to be kept.
    ASSERT_TRUE(pack(**from, "again", {.experts = Scheme::q8, .keep_fp4_experts = false}).ok());
    const auto again = load("again");
    ASSERT_NE(again, nullptr);
    expect_near(again->layers[2].moe.experts[3].down, (*from)->layers[2].moe.experts[3].down, Scheme::q8,
                "q8");
    for (const char* name : {"from", "to", "again"}) fs::remove_all(dir_ / name);
    fs::create_directories(dir_ / "from");
  }
}

TEST_F(Pack, FourBitFloatsThatAreNotWholeAreNamed) {
  config_ = config_of_whole_groups();
  const std::string name = "model.layers.1.mlp.experts.2.up_proj.weight";
  struct Damage {
    const char* what;
    std::function<void(SyntheticCheckpoint&)> make;
    std::string says;
  };
  const Damage damages[] = {
      {"no scales", [&](SyntheticCheckpoint& c) { c.remove(name + "_scale"); }, "weight_scale"},
      {"no factor", [&](SyntheticCheckpoint& c) { c.remove(name + "_global_scale"); }, "weight_global_scale"},
      {"factor of zero",
       [&](SyntheticCheckpoint& c) { std::memset(c.at(name + "_global_scale").bytes.data(), 0, 4); },
       "above zero"},
      {"no codes", [&](SyntheticCheckpoint& c) { c.remove(name + "_packed"); }, name},
      {"scales of another type",
       [&](SyntheticCheckpoint& c) {
         const auto shape = c.at(name + "_scale").shape;
         c.remove(name + "_scale");
         c.add(name + "_scale", DType::i8, shape);
       },
       "weight_scale"}};
  for (const Damage& damage : damages) {
    SCOPED_TRACE(damage.what);
    SyntheticCheckpoint checkpoint(config_, {.dtype = DType::bf16, .fused = false});
    store_experts_in_fp4(checkpoint, config_, Fp4Layout::compressed_nvfp4);
    damage.make(checkpoint);
    checkpoint.write(dir_ / "from");
    const auto refused = Weights::load(dir_ / "from", config_, StoredFp4::wanted);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.message().find(damage.says), std::string::npos) << refused.message();
  }
  // Found when the panel is made.
  SyntheticCheckpoint checkpoint(config_, {.dtype = DType::bf16, .fused = false});
  store_experts_in_fp4(checkpoint, config_, Fp4Layout::compressed_nvfp4);
  checkpoint.at(name + "_scale").bytes[5] = std::byte{0x7f};
  checkpoint.write(dir_ / "from");
  const auto from = Weights::load(dir_ / "from", config_, StoredFp4::wanted);
  ASSERT_TRUE(from.ok()) << from.message();
  const auto refused = pack(**from, "to", {});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find("model.layers.1.mlp.experts.2.nvfp4"), std::string::npos)
      << refused.message();
  // Columns that are no whole groups.
  config_ = odd_config();
  SyntheticCheckpoint odd(config_, {.dtype = DType::bf16, .fused = true});
  store_experts_in_fp4(odd, config_, Fp4Layout::stacked);
  odd.write(dir_ / "from");
  const auto uneven = Weights::load(dir_ / "from", config_, StoredFp4::wanted);
  ASSERT_FALSE(uneven.ok());
  EXPECT_NE(uneven.message().find("whole groups"), std::string::npos) << uneven.message();
}

TEST_F(Pack, ExpertsAreWholeExtents) {
  SyntheticCheckpoint(config_, {}).write(dir_ / "from");
  const auto from = load("from");
  ASSERT_TRUE(pack(*from, "to", {.shard_bytes = 200'000}).ok());
  int experts = 0;
  for (const auto& entry : fs::directory_iterator(dir_ / "to")) {
    if (entry.path().extension() != ".safetensors") continue;
    const auto file = Checkpoint::open_file(entry.path());
    ASSERT_TRUE(file.ok()) << file.message();
    for (const StoredTensor& t : (*file)->tensors()) {
      if (t.info.name.find(".experts.") == std::string::npos) continue;
      // The file is mapped at a page: addresses are offsets, as far as pages go.
      EXPECT_EQ(reinterpret_cast<uintptr_t>(t.data) % kExtentBytes, 0u) << t.info.name;
      EXPECT_EQ(t.info.bytes,
                expert_extent_bytes(Scheme::q4, config_.moe_intermediate_size, config_.hidden_size));
      EXPECT_EQ(t.info.bytes % kExtentBytes, 0);
      ++experts;
    }
  }
  EXPECT_EQ(experts, 8 * 2);
}

TEST_F(Pack, InterruptedWorkGoesOnToTheSameBytes) {
  SyntheticCheckpoint(config_, {}).write(dir_ / "from");
  const auto from = load("from");
  const PackOptions options{.shard_bytes = 200'000};
  ASSERT_TRUE(pack(*from, "whole", options).ok());

  // Stops with an error in the third file, as a full disk would, by a directory in its place.
  const auto shards = plan_pack(*from, config_, options);
  ASSERT_GT(shards.size(), 3u);
  const fs::path stage = dir_ / "parts.partial";
  fs::create_directories(stage / shards[2].file / "in the way");
  const auto staged = StagedDir::open(dir_ / "parts", "the same work");
  EXPECT_FALSE(staged.ok()) << "somebody else's folder";
  fs::remove_all(stage);
  ASSERT_TRUE(StagedDir::open(dir_ / "parts", "the same work").ok());
  fs::create_directories(stage / shards[2].file / "in the way");
  EXPECT_FALSE(pack(*from, "parts", options).ok());
  EXPECT_FALSE(fs::exists(dir_ / "parts"));
  EXPECT_TRUE(fs::exists(stage / shards[1].file));
  fs::remove_all(stage / shards[2].file);
  fs::remove(stage / shards[0].file);  // written down as done, and lost
  // A file that was cut off in the middle of writing, as after kill -9.
  std::ofstream(stage / (shards[2].file + ".123.partial")) << "half";

  const auto report = pack(*from, "parts", options);
  ASSERT_TRUE(report.ok()) << report.message();
  EXPECT_EQ(report->shards_kept, 1);
  for (const auto& entry : fs::directory_iterator(dir_ / "whole")) {
    EXPECT_EQ(bytes_of(entry.path()), bytes_of(dir_ / "parts" / entry.path().filename())) << entry.path();
  }
  EXPECT_TRUE(verify_packed(dir_ / "parts", team_, nullptr).ok());
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(dir_ / "parts")) ++files;
  EXPECT_EQ(files, shards.size() + 2) << "shards, index, packed.json";
}

TEST_F(Pack, VerifyNamesWhatIsDamaged) {
  SyntheticCheckpoint(config_, {}).write(dir_ / "from");
  const auto from = load("from");
  ASSERT_TRUE(pack(*from, "to", {.shard_bytes = 200'000}).ok());
  const auto good = verify_packed(dir_ / "to", team_, nullptr);
  ASSERT_TRUE(good.ok()) << good.message();
  EXPECT_GT(good->tensors, 50);

  const auto checkpoint = Checkpoint::open(dir_ / "to");
  const StoredTensor* t = (*checkpoint)->find("model.layers.1.mlp.experts.3.q4");
  ASSERT_NE(t, nullptr);
  const std::string file = (*checkpoint)->file_name(t->file);
  std::string content = bytes_of(file);
  content[static_cast<size_t>(t->info.begin) + 777] ^= 1;
  std::ofstream(file, std::ios::binary) << content;
  const auto bad = verify_packed(dir_ / "to", team_, nullptr);
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.message().find("1 of "), std::string::npos) << bad.message();
  EXPECT_NE(bad.message().find("'model.layers.1.mlp.experts.3.q4'"), std::string::npos) << bad.message();
  EXPECT_FALSE(verify_packed(dir_ / "from", team_, nullptr).ok()) << "no packed model";
}

TEST_F(Pack, ValuesThatAreNotFiniteAreNamed) {
  SyntheticCheckpoint checkpoint(config_, {.fused = false});
  const float nan = std::nanf("");
  std::memcpy(checkpoint.at("model.layers.2.mlp.experts.5.up_proj.weight").bytes.data() + 400, &nan, 4);
  checkpoint.write(dir_ / "from");
  const auto from = load("from");
  const auto refused = pack(*from, "to", {});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.message().find("model.layers.2.mlp.experts.5.q4"), std::string::npos)
      << refused.message();
  EXPECT_FALSE(fs::exists(dir_ / "to"));
}

TEST_F(Pack, AnExpertTooFewOrOfAnotherSizeIsNamed) {
  SyntheticCheckpoint(config_, {}).write(dir_ / "from");
  const auto from = load("from");
  ASSERT_TRUE(pack(*from, "to", {}).ok());
  config_.moe_intermediate_size = 200;
  const auto other = Weights::load(dir_ / "to", config_);
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.message().find("experts.0.q4"), std::string::npos) << other.message();
  config_ = odd_config();
  config_.n_routed_experts = 12;
  EXPECT_FALSE(Weights::load(dir_ / "to", config_).ok());
}

// What the message is when a matrix of the checkpoint is packed.
std::string refusal_with_packed(const ModelConfig& config, const std::string& name, const fs::path& dir,
                                Scheme scheme = Scheme::q8) {
  SyntheticCheckpoint checkpoint(config, {});
  const SyntheticTensor& plain = checkpoint.at(name);
  const int64_t bytes = packed_bytes(scheme, plain.shape[0], plain.shape[1]);
  checkpoint.remove(name);
  checkpoint.add(packed_name(name, scheme), DType::u8, {bytes});
  checkpoint.write(dir);
  const auto refused = Weights::load(dir, config);
  EXPECT_FALSE(refused.ok());
  return refused.message();
}

// What kernels read by rows may not come packed, whatever a file says.
TEST_F(Pack, APackedEmbeddingIsRefused) {
  const std::string name = "model.embed_tokens.weight";
  const std::string message = refusal_with_packed(config_, name, dir_ / "from");
  EXPECT_NE(message.find("missing '" + name + "'"), std::string::npos) << message;
}

ModelConfig config_with_whole_panels() {
  ModelConfig c = odd_config();
  c.qk_nope_dim = 32;
  c.v_dim = 16;
  c.kv_lora_rank = 80;
  return c;
}

// kv_b in q8 whatever the rest is, and the keys of its heads once more, turned round: of every type.
TEST_F(Pack, KvBIsPackedWhereHeadsAreWholePanels) {
  config_ = config_with_whole_panels();
  const int64_t rows = config_.qk_nope_dim + config_.v_dim;
  for (const DType dtype : {DType::f32, DType::bf16, DType::f8_e4m3}) {
    SCOPED_TRACE(name_of(dtype));
    SyntheticCheckpoint checkpoint(config_, {.dtype = dtype, .mtp = true});
    checkpoint.write(dir_ / "from");
    const auto from = load("from");
    ASSERT_NE(from, nullptr);
    ASSERT_TRUE(pack(*from, "to", {.experts = Scheme::q4, .rest = Scheme::q4}).ok());
    const auto to = load("to");
    ASSERT_NE(to, nullptr);
    EXPECT_EQ(to->parameters.attention, from->parameters.attention);
    std::vector<std::pair<const LayerWeights*, const LayerWeights*>> layers = {
        {&to->mtp->layer, &from->mtp->layer}};
    for (size_t i = 0; i < from->layers.size(); ++i) layers.emplace_back(&to->layers[i], &from->layers[i]);
    for (const auto& [a, b] : layers) {
      const Matrix& kv_b = b->attention.kv_b;
      expect_near(a->attention.kv_b, kv_b, Scheme::q8, "kv_b");
      std::vector<float> turned;
      for (int64_t h = 0; h < config_.n_heads; ++h) {
        for (int64_t k = 0; k < config_.kv_lora_rank; ++k) {
          for (int64_t d = 0; d < config_.qk_nope_dim; ++d) turned.push_back(kv_b.at(h * rows + d, k));
        }
      }
      Matrix keys;
      keys.data = turned.data();
      keys.rows = config_.n_heads * config_.kv_lora_rank;
      keys.cols = config_.qk_nope_dim;
      expect_near(a->attention.k_b, keys, Scheme::q8, "k_b");
    }
    fs::remove_all(dir_ / "to");
    fs::remove_all(dir_ / "from");
    fs::create_directories(dir_ / "from");
  }
}

TEST_F(Pack, APackedKvBWithoutItsKeysOrWithOddHeadsOrNotInQ8IsRefused) {
  const std::string name = "model.layers.1.self_attn.kv_b_proj.weight";
  const std::string odd = refusal_with_packed(config_, name, dir_ / "from");
  EXPECT_NE(odd.find("'" + name + "' is packed, which it cannot be with heads of 20 and 18 rows"),
            std::string::npos)
      << odd;
  const std::string alone = refusal_with_packed(config_with_whole_panels(), name, dir_ / "from");
  EXPECT_NE(alone.find("missing 'model.layers.1.self_attn.k_b_proj.weight.q8'"), std::string::npos) << alone;
  const std::string narrow = refusal_with_packed(config_with_whole_panels(), name, dir_ / "from", Scheme::q4);
  EXPECT_NE(narrow.find("'" + name + "' is in q4, it must be in q8"), std::string::npos) << narrow;
}

// The matrices of a packed model as f32, in memory of their own.
class Unpacked {
 public:
  void replace(Matrix& m) {
    if (m.scheme == Scheme::none) return;
    std::vector<float>& values = memory_.emplace_back();
    for (int64_t r = 0; r < m.rows; ++r) {
      for (int64_t c = 0; c < m.cols; ++c) values.push_back(m.at(r, c));
    }
    Matrix plain;
    plain.data = values.data();
    plain.rows = m.rows;
    plain.cols = m.cols;
    m = plain;
  }
  void replace(MlpWeights& w) {
    for (Matrix* m : {&w.gate, &w.up, &w.down}) replace(*m);
  }
  void replace(Weights& w) {
    replace(w.head);
    for (LayerWeights& layer : w.layers) {
      AttentionWeights& a = layer.attention;
      for (Matrix* m : {&a.q, &a.q_a, &a.q_b, &a.kv_a, &a.kv_b, &a.o}) replace(*m);
      a.k_b = {};
      replace(layer.dense);
      replace(layer.moe.shared);
      for (MlpWeights& expert : layer.moe.experts) replace(expert);
    }
  }

 private:
  std::deque<std::vector<float>> memory_;
};

// A trained model (random ones make mountains of a rounding) with packed weights: on ref the same as its
// decoded weights in f32, on the others near it. Every token visits every expert: else one that is chosen by
// a hair would hide what is measured.
TEST_F(Pack, LogitsAreNearTheCheckpointsOnEveryBackend) {
  const fs::path nano = fs::path(JAJU_TESTS_DIR).parent_path() / "models" / "nano";
  const auto config = load_config(nano);
  ASSERT_TRUE(config.ok()) << config.message();
  config_ = *config;
  config_.n_experts_per_token = config_.n_routed_experts;
  config_.topk_group = config_.n_group;
  const auto loaded = Weights::load(nano, config_);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const Weights* const from = loaded->get();
  ASSERT_TRUE(pack(*from, "q8", {.experts = Scheme::q8, .rest = Scheme::q8}).ok());
  ASSERT_TRUE(pack(*from, "q4", {}).ok());
  ASSERT_TRUE(pack(*from, "q4i", {.experts = Scheme::q4i, .rest = Scheme::q4i}).ok());
  const auto logits = [&](const Weights& weights, const Ops& ops) {
    constexpr int64_t kRows = 20;
    Context context(team_, ops, Precision::f32);
    Forward forward(config_, weights, context, kRows);
    const CacheRow layout{CacheType::f32, config_.kv_lora_rank, config_.qk_rope_dim};
    std::vector<std::byte> page(static_cast<size_t>(kv_page_bytes(forward.cache_layers(), layout)));
    std::byte* const pages[] = {page.data()};
    std::vector<int32_t> tokens, wanted;
    for (int32_t i = 0; i < kRows; ++i) {
      tokens.push_back(300 + i * 7 % 150);
      wanted.push_back(i);
    }
    BatchSequence sequence;
    sequence.n_rows = kRows;
    sequence.kv = KvView{pages, layout};
    std::vector<float> out(static_cast<size_t>(kRows * config_.vocab_size));
    EXPECT_TRUE(
        forward.run({tokens, {&sequence, 1}, wanted}, MutRows(out.data(), kRows, config_.vocab_size)).ok());
    return out;
  };
  // Error over size of the logits.
  const auto distance = [](const std::vector<float>& a, const std::vector<float>& b) {
    double error = 0, size = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
      error += (x - y) * (x - y);
      size += y * y;
    }
    return std::sqrt(error / size);
  };
  const std::vector<float> truth = logits(*from, *find_ops("ref"));
  for (const auto& [name, most] : {std::pair{"q8", 0.05}, std::pair{"q4", 0.3}, std::pair{"q4i", 0.4}}) {
    SCOPED_TRACE(name);
    const auto packed = load(name);
    const std::vector<float> slow = logits(*packed, *find_ops("ref"));
    const auto plain = load(name);
    Unpacked unpacked;
    unpacked.replace(*plain);
    EXPECT_LT(distance(slow, logits(*plain, *find_ops("ref"))), 1e-6);
    EXPECT_LT(distance(slow, truth), most);
    EXPECT_GT(distance(slow, truth), 0);
    for (const char* backend : {"avx2", "avx512"}) {
      const Ops* ops = find_ops(backend);
      if (ops == nullptr) continue;
      EXPECT_LT(distance(logits(*packed, *ops), slow), 0.1) << backend << ": inputs of 8 bits";
    }
  }
}

TEST(PackedManifest, RoundTripAndMistakes) {
  PackedManifest m{Scheme::q4, Scheme::q8, "from", 131'072, {{"a.safetensors", {{"x", 7}, {"y", ~0ull}}}}};
  const std::string text = to_json(m);
  const auto again = parse_packed_manifest(text, "packed.json");
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ(to_json(*again), text);
  const auto says = [&](const std::string& from, const std::string& to, const std::string& word) {
    std::string bad = text;
    const size_t at = bad.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    bad.replace(at, from.size(), to);
    const auto parsed = parse_packed_manifest(bad, "packed.json");
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_NE(parsed.message().find(word), std::string::npos) << parsed.message();
  };
  says("jaju-packed", "other", "format");
  says("\"version\": 1", "\"version\": 2", "later");
  says("\"version\": 1", "\"version\": 0", "must be 1");
  says("\"q4\"", "\"q5\"", "experts");
  says("131072", "\"many\"", "calibration_tokens");
  says("a.safetensors", "../a.safetensors", "file");
  says("0000000000000007", "000000000000007", "'x'");
  says("0000000000000007", "000000000000000g", "'x'");
  says("{", "[", "packed.json");
}

}  // namespace
}  // namespace jaju
