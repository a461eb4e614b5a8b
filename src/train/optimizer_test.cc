#include "train/optimizer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace jaju::train {
namespace {

namespace fs = std::filesystem;

NamedTensors parameters(uint64_t seed) {
  torch::manual_seed(seed);
  NamedTensors all = {{"model.embed_tokens.weight", torch::randn({50, 7})},
                      {"model.layers.0.self_attn.o_proj.weight", torch::randn({33, 65})},
                      {"model.layers.1.mlp.experts.down_proj", torch::randn({3, 20, 40})},
                      {"model.layers.1.mlp.gate.weight", torch::randn({8, 7})},
                      {"model.norm.weight", torch::ones({40'000})}};  // more than one chunk
  for (auto& [name, tensor] : all) tensor.requires_grad_(true);
  return all;
}

void set_gradients(NamedTensors& all, uint64_t seed) {
  torch::manual_seed(seed);
  for (auto& [name, tensor] : all) tensor.mutable_grad() = torch::randn_like(tensor);
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

// LibTorch's own AdamW on copies: matrices with decay, vectors without.
TEST(AdamwTest, AgreesWithLibTorch) {
  OptimizerConfig config;
  NamedTensors ours = parameters(1);
  NamedTensors theirs = parameters(1);
  Optimizer optimizer(config, ours, false);
  std::vector<torch::Tensor> matrices;
  std::vector<torch::Tensor> vectors;
  for (auto& [name, tensor] : theirs) (tensor.dim() >= 2 ? matrices : vectors).push_back(tensor);
  auto options = torch::optim::AdamWOptions(3e-3).betas({config.beta1, config.beta2}).eps(config.eps);
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(matrices, std::make_unique<torch::optim::AdamWOptions>(options.weight_decay(0.1)));
  groups.emplace_back(vectors, std::make_unique<torch::optim::AdamWOptions>(options.weight_decay(0.0)));
  torch::optim::AdamW reference(groups, options);
  for (uint64_t step = 0; step < 20; ++step) {
    set_gradients(ours, 100 + step);
    set_gradients(theirs, 100 + step);
    optimizer.step(3e-3, 0.0, 1.0);
    reference.step();
    optimizer.zero_gradients();
  }
  for (size_t i = 0; i < ours.size(); ++i) {
    // 20 steps of at most 3e-3 each in f32 on values of about 1: rounding of about 20 * 6e-8 * a few.
    EXPECT_LT(largest_difference(ours[i].second, theirs[i].second), 1e-5) << ours[i].first;
    EXPECT_GT(largest_difference(ours[i].second, parameters(1)[i].second), 1e-2) << ours[i].first;
  }
}

TEST(AdamwTest, NormAndClipMatchTheFormula) {
  NamedTensors all = parameters(2);
  set_gradients(all, 3);
  const Optimizer optimizer(OptimizerConfig(), all, false);
  double squares = 0;
  for (auto& [name, tensor] : all) squares += tensor.grad().to(torch::kFloat64).square().sum().item<double>();
  EXPECT_NEAR(optimizer.gradient_norm(), std::sqrt(squares), 1e-9 * std::sqrt(squares));
  all[2].second.mutable_grad()[1][2][3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(optimizer.gradient_norm()));

  // Scaling by s is the same as gradients that are s times as large.
  NamedTensors scaled = parameters(4);
  NamedTensors halved = parameters(4);
  Optimizer one(OptimizerConfig(), scaled, false);
  Optimizer two(OptimizerConfig(), halved, false);
  set_gradients(scaled, 5);
  set_gradients(halved, 5);
  for (auto& [name, tensor] : halved) tensor.mutable_grad() = tensor.grad() * 0.5;
  one.step(1e-2, 0.0, 0.5);
  two.step(1e-2, 0.0, 1.0);
  for (size_t i = 0; i < scaled.size(); ++i) EXPECT_TRUE(torch::equal(scaled[i].second, halved[i].second));
}

TEST(MuonTest, TakesTheHiddenMatricesOnly) {
  const torch::Tensor matrix = torch::zeros({4, 4});
  EXPECT_TRUE(is_muon_parameter("model.layers.0.self_attn.q_b_proj.weight", matrix));
  EXPECT_TRUE(is_muon_parameter("model.layers.0.mlp.gate_proj.weight", matrix));
  EXPECT_TRUE(is_muon_parameter("model.layers.1.mlp.experts.gate_proj", torch::zeros({2, 4, 4})));
  EXPECT_FALSE(is_muon_parameter("model.layers.1.mlp.gate.weight", matrix));
  EXPECT_FALSE(is_muon_parameter("model.embed_tokens.weight", matrix));
  EXPECT_FALSE(is_muon_parameter("lm_head.weight", matrix));
  EXPECT_FALSE(is_muon_parameter("model.norm.weight", torch::zeros({4})));
}

// Newton-Schulz against the singular value decomposition: the same singular vectors, all values near 1.
TEST(MuonTest, OrthogonalisesLikeTheSvd) {
  torch::manual_seed(6);
  for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{24, 40}, {40, 24}, {16, 16}}) {
    const torch::Tensor x = torch::randn({3, rows, cols});
    for (const bool bf16 : {false, true}) {
      const torch::Tensor y = orthogonalise(x, 5, bf16);
      ASSERT_EQ(y.sizes(), x.sizes());
      const torch::Tensor values = torch::linalg_svdvals(y);
      // Muon's coefficients promise about 0.7 to 1.2 for all but the smallest singular values.
      EXPECT_LT(values.max().item<double>(), 1.3);
      EXPECT_GT(values.median().item<double>(), 0.65);
      const auto svd = torch::linalg_svd(x, false);
      const torch::Tensor exact = torch::matmul(std::get<0>(svd), std::get<2>(svd));
      const double cosine = ((y * exact).sum() / (y.norm() * exact.norm())).item<double>();
      EXPECT_GT(cosine, 0.97);
    }
  }
}

TEST(MuonTest, EveryExpertIsItsOwnMatrixAndGroupsChangeNothing) {
  OptimizerConfig config;
  config.kind = OptimizerKind::muon;
  config.muon_weight_decay = 0;
  torch::manual_seed(7);
  const torch::Tensor stack = torch::randn({3, 20, 40});
  const torch::Tensor gradient = torch::randn({3, 20, 40});
  torch::Tensor together = stack.clone().requires_grad_(true);
  together.mutable_grad() = gradient.clone();
  torch::Tensor neighbour = torch::randn({20, 40}).requires_grad_(true);
  neighbour.mutable_grad() = torch::randn({20, 40});
  Optimizer all(config, {{"experts", together}, {"o_proj", neighbour}}, false);
  all.step(1e-3, 0.02, 1.0);
  for (int64_t e = 0; e < 3; ++e) {
    torch::Tensor alone = stack[e].clone().requires_grad_(true);
    alone.mutable_grad() = gradient[e].clone();
    Optimizer one(config, {{"expert", alone}}, false);
    one.step(1e-3, 0.02, 1.0);
    EXPECT_LT(largest_difference(alone, together[e]), 1e-6);
    EXPECT_GT(largest_difference(alone, stack[e]), 1e-3);
  }
}

TEST(OptimizerTest, StateComesBackFromTheFile) {
  const fs::path file = fs::temp_directory_path() / fmt::format("jaju_optimizer_{}.safetensors", ::getpid());
  for (const OptimizerKind kind : {OptimizerKind::adamw, OptimizerKind::muon}) {
    OptimizerConfig config;
    config.kind = kind;
    NamedTensors first = parameters(8);
    Optimizer one(config, first, false);
    set_gradients(first, 9);
    one.step(1e-3, 0.02, 1.0);
    ASSERT_TRUE(one.write(file).ok());

    NamedTensors second;
    for (auto& [name, tensor] : first)
      second.emplace_back(name, tensor.detach().clone().requires_grad_(true));
    Optimizer two(config, second, false);
    const Status read = two.read(file, one.steps());
    ASSERT_TRUE(read.ok()) << read.message();
    set_gradients(first, 10);
    set_gradients(second, 10);
    one.step(1e-3, 0.02, 1.0);
    two.step(1e-3, 0.02, 1.0);
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_TRUE(torch::equal(first[i].second, second[i].second)) << first[i].first;
    }
    NamedTensors fewer = parameters(8);
    fewer.pop_back();
    EXPECT_FALSE(Optimizer(config, fewer, false).read(file, 1).ok());
  }
  fs::remove(file);
}

}  // namespace
}  // namespace jaju::train
