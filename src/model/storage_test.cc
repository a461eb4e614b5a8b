// How weights are stored must not matter: a checkpoint in bf16, f16 or f8 with block scales gives the very
// same bits as one that holds the same values in f32, in both expert layouts, on every backend.
#include <gtest/gtest.h>

#include <cstring>

#include "model/forward.h"
#include "model/synthetic_checkpoint.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

// The same tensors with every weight widened to f32 and scales multiplied in.
SyntheticCheckpoint widened(const SyntheticCheckpoint& from) {
  SyntheticCheckpoint to = from;
  to.tensors.clear();
  for (const SyntheticTensor& t : from.tensors) {
    if (t.name.ends_with("_scale_inv")) continue;
    SyntheticTensor wide{t.name, DType::f32, t.shape, {}};
    const SyntheticTensor* scales = nullptr;
    for (const SyntheticTensor& s : from.tensors) {
      if (s.name == t.name + "_scale_inv") scales = &s;
    }
    int64_t n = 1;
    for (const int64_t d : t.shape) n *= d;
    wide.bytes.resize(static_cast<size_t>(n) * 4);
    const int64_t cols = t.shape.back();
    const int64_t rows = t.shape.size() > 1 ? t.shape[t.shape.size() - 2] : 1;
    for (int64_t i = 0; i < n; ++i) {
      float value = load_as_f32(t.bytes.data(), t.dtype, i);
      if (scales != nullptr) {
        const int64_t block = i / (rows * cols) * ((rows + 127) / 128) + i / cols % rows / 128;
        value *=
            load_as_f32(scales->bytes.data(), scales->dtype, block * ((cols + 127) / 128) + i % cols / 128);
      }
      std::memcpy(wide.bytes.data() + 4 * i, &value, 4);
    }
    to.tensors.push_back(std::move(wide));
  }
  return to;
}

std::vector<float> logits_of(const fs::path& dir, const ModelConfig& config, const Ops& ops) {
  auto weights = Weights::load(dir, config);
  EXPECT_TRUE(weights.ok()) << weights.message();
  if (!weights.ok()) return {};
  ThreadTeam team(2);
  Context context(team, ops, Precision::f32);
  const std::vector<int32_t> prompt = {3, 1, 4, 1, 5, 9, 2, 6, 5, 35};
  Forward forward(config, **weights, context, 16);
  const CacheRow layout{CacheType::f32, config.kv_lora_rank, config.qk_rope_dim};
  std::vector<std::byte> page(static_cast<size_t>(kv_page_bytes(forward.cache_layers(), layout)));
  std::byte* const pages[] = {page.data()};
  std::vector<float> logits(static_cast<size_t>(2 * config.vocab_size));
  const auto run = [&](std::vector<int32_t> tokens, int64_t first_pos, AttentionMode mode, float* out) {
    const auto n = static_cast<int64_t>(tokens.size());
    const BatchSequence sequence{n, first_pos, {pages, layout}, mode};
    const auto last = static_cast<int32_t>(n - 1);
    EXPECT_TRUE(forward.run({tokens, {&sequence, 1}, {&last, 1}}, MutRows(out, 1, config.vocab_size)).ok());
  };
  run(prompt, 0, AttentionMode::expanded, logits.data());
  run({89}, 10, AttentionMode::absorbed, logits.data() + config.vocab_size);
  return logits;
}

class Storage : public testing::TestWithParam<const char*> {};

TEST_P(Storage, SameValuesSameBits) {
  const Ops* ops = find_ops(GetParam());
  if (ops == nullptr) GTEST_SKIP() << "this CPU cannot run " << GetParam();
  const ModelConfig config = odd_config();
  const fs::path root = fs::path(testing::TempDir()) / ("jaju_storage_" + std::string(GetParam()));
  for (const DType dtype : {DType::bf16, DType::f16, DType::f8_e4m3}) {
    for (const bool fused : {true, false}) {
      fs::remove_all(root);
      fs::create_directories(root / "stored");
      fs::create_directories(root / "wide");
      SyntheticOptions options;
      options.dtype = dtype;
      options.fused = fused;
      const SyntheticCheckpoint stored(config, options);
      stored.write(root / "stored", 2);
      widened(stored).write(root / "wide");
      const std::vector<float> a = logits_of(root / "stored", config, *ops);
      const std::vector<float> b = logits_of(root / "wide", config, *ops);
      ASSERT_EQ(a.size(), b.size());
      EXPECT_EQ(0, std::memcmp(a.data(), b.data(), a.size() * sizeof(float)))
          << name_of(dtype) << (fused ? " fused" : " split");
      EXPECT_NE(a[0], a[1]);
    }
  }
  fs::remove_all(root);
}

INSTANTIATE_TEST_SUITE_P(All, Storage, testing::Values("ref", "avx2", "avx512"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace jaju
