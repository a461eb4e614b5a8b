#include "model/weights.h"

#include <gtest/gtest.h>

#include "base/file.h"

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

}  // namespace
}  // namespace jaju
