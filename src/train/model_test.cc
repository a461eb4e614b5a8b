// The module against the oracle's answers (tests/golden, float64 NumPy) and against the engine, in both
// directions.
#include "train/model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/json.h"
#include "runtime/engine.h"
#include "train/bf16_product.h"
#include "train/loops.h"
#include "train/model_parts.h"
#include "train/ops.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;

fs::path golden_dir(const std::string& name) {
  return fs::path(JAJU_TESTS_DIR) / "golden" / name;
}

Batch batch_of(const std::vector<std::vector<int64_t>>& documents) {
  std::vector<int64_t> tokens, targets, mtp, ends;
  for (const auto& d : documents) {
    for (size_t i = 0; i < d.size(); ++i) {
      tokens.push_back(d[i]);
      targets.push_back(i + 1 < d.size() ? d[i + 1] : -1);
      mtp.push_back(i + 2 < d.size() ? d[i + 2] : -1);
    }
    ends.push_back(static_cast<int64_t>(tokens.size()));
  }
  return {torch::tensor(tokens), torch::tensor(targets), torch::tensor(mtp), ends};
}

std::vector<int64_t> some_tokens(int64_t n, int64_t vocab, int64_t seed) {
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < n; ++i) tokens.push_back((seed * 7919 + i * i * 31 + i * 17) % vocab);
  return tokens;
}

// Largest difference, relative to the largest value.
double difference(const Tensor& got, const Tensor& want) {
  EXPECT_EQ(got.sizes(), want.sizes());
  const Tensor a = got.to(at::kDouble), b = want.to(at::kDouble);
  const double worst = (a - b).abs().max().item<double>();
  return worst / b.abs().max().item<double>();  // NaN stays NaN and fails every comparison
}

Tensor tensor_of(const std::vector<float>& values, int64_t cols) {
  return torch::tensor(values).view({-1, cols});
}

class WithMode : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { force_reference(!GetParam()); }
  void TearDown() override { force_reference(false); }
};

class GoldenModel : public testing::TestWithParam<std::tuple<bool, const char*>> {
 protected:
  void SetUp() override { force_reference(!std::get<0>(GetParam())); }
  void TearDown() override { force_reference(false); }
};

TEST_P(GoldenModel, LogitsAreTheOracles) {
  const std::string name = std::get<1>(GetParam());
  auto loaded = load_model(golden_dir(name), MatmulPrecision::f32);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  Model model = *loaded;
  const auto json = read_json(golden_dir(name) / "golden.json", 1 << 20);
  ASSERT_TRUE(json.ok());
  const auto tokens = (*json)["tokens"].get<std::vector<int64_t>>();
  const Batch batch = batch_of({tokens});
  torch::NoGradGuard no_grad;
  const Tensor logits = model->logits(model->hidden(batch));
  EXPECT_LT(difference(logits[-1], torch::tensor((*json)["last_logits"].get<std::vector<double>>())), 1e-4);
  const auto top8 = (*json)["top8"].get<std::vector<std::vector<int64_t>>>();
  for (size_t pos = 0; pos < tokens.size(); ++pos) {
    EXPECT_TRUE(std::get<1>(logits[static_cast<int64_t>(pos)].topk(8)).equal(torch::tensor(top8[pos])))
        << pos;
  }
  const auto experts = (*json)["experts"].get<std::vector<std::vector<std::vector<int64_t>>>>();
  for (size_t l = 0; l < experts.size(); ++l) {
    Tensor want = at::zeros({model->config().n_routed_experts}, at::kLong);
    for (const auto& ids : experts[l])
      want.index_add_(0, torch::tensor(ids), at::ones_like(torch::tensor(ids)));
    EXPECT_TRUE(model->router_stats().load[static_cast<int64_t>(l)].equal(want)) << l;
  }
  if (json->contains("mtp_last_logits")) {
    const auto want = torch::tensor((*json)["mtp_last_logits"].get<std::vector<double>>());
    EXPECT_LT(difference(model->mtp_logits(batch)[-1], want), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenModel,
                         testing::Combine(testing::Bool(),
                                          testing::Values("fused-bf16", "mscale-all-f32", "mtp-f32",
                                                          "split-bias-f32", "deepseek-v3-f32",
                                                          "odd-layers-f32", "tiny-chat")));

ModelConfig small_config(int variant) {
  ModelConfig c;
  c.vocab_size = 97;
  c.hidden_size = 48;
  c.intermediate_size = 100;
  c.moe_intermediate_size = 24;
  c.n_layers = 3;
  c.n_heads = 3;
  c.max_context = 128;
  c.q_lora_rank = variant == 0 ? 20 : 0;
  c.kv_lora_rank = 24;
  c.qk_nope_dim = 12;
  c.qk_rope_dim = 8;
  c.v_dim = 10;
  c.n_routed_experts = 12;
  c.n_shared_experts = variant == 2 ? 0 : 1;
  c.n_experts_per_token = 3;
  c.n_group = variant == 0 ? 4 : 1;
  c.topk_group = variant == 0 ? 2 : 1;
  c.routed_scaling_factor = variant == 1 ? 1.0 : 2.5;
  c.has_post_mlp_norm = variant != 2;
  c.tie_word_embeddings = variant == 1;
  c.n_mtp_layers = variant == 2 ? 0 : 1;
  c.rms_norm_eps = 1e-5;
  c.eos_token_ids = variant == 0 ? std::vector<int64_t>{3, 4} : std::vector<int64_t>{3};
  if (variant != 2) {
    c.rope.yarn = true;
    c.rope.factor = 4;
    c.rope.original_context = 32;
    c.rope.mscale = 1;
    c.rope.mscale_all_dim = variant;
    c.rope.interleaved = variant == 0;
  }
  return c;
}

// Weights far enough from their start that every term matters.
Model random_model(const ModelConfig& c, uint64_t seed, MatmulPrecision precision = MatmulPrecision::f32) {
  Model model(c, precision, seed);
  torch::NoGradGuard no_grad;
  torch::manual_seed(static_cast<int64_t>(seed));
  for (auto& [name, t] : model->trainable()) {
    if (t.dim() == 1) {
      t.add_(at::randn_like(t), 0.2);
    } else {
      t.mul_(5);
    }
  }
  for (auto& [name, t] : model->router_biases()) t.normal_(0, 0.05);
  return model;
}

TEST_P(WithMode, EngineReadsWhatTheModuleSaves) {
  const fs::path dir = fs::path(testing::TempDir()) / fmt::format("jaju_train_model_test_{}", ::getpid());
  for (int variant = 0; variant < 3; ++variant) {
    const ModelConfig c = small_config(variant);
    Model model = random_model(c, 40 + static_cast<uint64_t>(variant));
    const Status saved = save_model(model, dir, "float32");
    ASSERT_TRUE(saved.ok()) << saved.message();
    const auto engine = Engine::open(dir, {.kv_type = KvType::f32, .threads = 1});
    ASSERT_TRUE(engine.ok()) << engine.message();
    const auto tokens = some_tokens(70, c.vocab_size, 3);
    const auto want =
        (*engine)->evaluate(std::vector<int32_t>(tokens.begin(), tokens.end()), /*all_positions=*/true);
    ASSERT_TRUE(want.ok()) << want.message();
    torch::NoGradGuard no_grad;
    const Batch batch = batch_of({tokens});
    EXPECT_LT(difference(model->logits(model->hidden(batch)), tensor_of(want->logits, c.vocab_size)), 1e-4);
    if (c.n_mtp_layers > 0) {
      EXPECT_LT(difference(model->mtp_logits(batch)[-1], torch::tensor(want->mtp_logits)), 1e-4);
    }
    // And back, to the bit.
    auto again = load_model(dir, MatmulPrecision::f32);
    ASSERT_TRUE(again.ok()) << again.message();
    for (size_t i = 0; i < model->trainable().size(); ++i) {
      EXPECT_TRUE(model->trainable()[i].second.equal((*again)->trainable()[i].second))
          << model->trainable()[i].first;
    }
    for (size_t i = 0; i < model->router_biases().size(); ++i) {
      EXPECT_TRUE(model->router_biases()[i].second.equal((*again)->router_biases()[i].second));
    }
    EXPECT_EQ((*again)->config().eos_token_ids, c.eos_token_ids);
    ASSERT_TRUE(save_model(model, dir, "bfloat16").ok());
    again = load_model(dir, MatmulPrecision::f32);
    ASSERT_TRUE(again.ok()) << again.message();
    EXPECT_TRUE((*again)->parts().head.equal(model->parts().head.to(at::kBFloat16).to(at::kFloat)));
    fs::remove_all(dir);
  }
  EXPECT_NE(
      save_model(Model(small_config(0), MatmulPrecision::f32, 1), dir, "float16").message().find("float16"),
      std::string::npos);
}

TEST_P(WithMode, DocumentsDoNotSeeEachOther) {
  const ModelConfig c = small_config(0);
  Model model = random_model(c, 7);
  std::vector<std::vector<int64_t>> documents;
  for (const int64_t n : {1, 30, 2, 77, 16, 17, 1}) documents.push_back(some_tokens(n, c.vocab_size, n));
  torch::NoGradGuard no_grad;
  const Tensor together = model->hidden(batch_of(documents));
  const Tensor drafts = model->mtp_logits(batch_of(documents));
  std::vector<Tensor> alone, drafts_alone;
  double nll = 0, n_targets = 0, balance = 0, n_tokens = 0;
  for (const auto& d : documents) {
    const Batch one = batch_of({d});
    alone.push_back(model->hidden(one));
    drafts_alone.push_back(model->mtp_logits(one));
    const Losses l = model->losses(one, false);
    const auto n = static_cast<double>(d.size());
    nll += l.main.item<double>() * (n - 1);
    balance += l.sequence.item<double>() * n;
    n_targets += n - 1;
    n_tokens += n;
  }
  EXPECT_LT(difference(together, at::cat(alone)), 1e-5);
  EXPECT_LT(difference(drafts, at::cat(drafts_alone)), 1e-5);
  const Losses all = model->losses(batch_of(documents), false);
  EXPECT_NEAR(all.main.item<double>(), nll / n_targets, 1e-5);
  EXPECT_NEAR(all.sequence.item<double>(), balance / n_tokens, 1e-4);
  EXPECT_FALSE(all.mtp.defined());
}

TEST_P(WithMode, LossesAreThoseOfTheLogits) {
  const ModelConfig c = small_config(1);
  Model model = random_model(c, 8);
  Batch batch = batch_of({some_tokens(40, c.vocab_size, 1), some_tokens(25, c.vocab_size, 2)});
  batch.targets.slice(0, 3, 9).fill_(-1);
  torch::NoGradGuard no_grad;
  const Losses losses = model->losses(batch, true);
  const Tensor logits = model->logits(model->hidden(batch));
  const Tensor log_p = at::log_softmax(logits.to(at::kDouble) / 0.7, 1);
  EXPECT_NEAR(losses.main.item<double>(),
              at::cross_entropy_loss(logits, batch.targets, {}, at::Reduction::Mean, -1).item<double>(),
              1e-5);
  const Tensor mtp = model->mtp_logits(batch);
  const Tensor mtp_targets = at::cat({batch.mtp_targets.slice(0, 0, 39), batch.mtp_targets.slice(0, 40, 64)});
  EXPECT_NEAR(losses.mtp.item<double>(),
              at::cross_entropy_loss(mtp, mtp_targets, {}, at::Reduction::Mean, -1).item<double>(), 1e-5);
  const Tensor got = model->token_log_probs(batch, 0.7);
  for (int64_t i = 0; i < batch.tokens.size(0); ++i) {
    const auto target = batch.targets[i].item<int64_t>();
    EXPECT_NEAR(got[i].item<double>(), target < 0 ? 0.0 : log_p[i][target].item<double>(), 1e-4) << i;
  }
}

TEST_P(WithMode, BiasMovesTowardsTheMeanLoad) {
  const ModelConfig c = small_config(0);
  Model model(c, MatmulPrecision::f32, 1);
  const auto n = static_cast<int64_t>(model->router_biases().size());
  ASSERT_EQ(n, 3);  // two MoE layers and the MTP block
  Tensor load = at::full({n, c.n_routed_experts}, 5, at::kLong);
  load[1][0] = 0;
  load[1][1] = 10;
  model->update_router_bias(load, 1e-3);
  EXPECT_EQ(model->router_biases()[0].second.abs().max().item<float>(), 0);
  EXPECT_FLOAT_EQ(model->router_biases()[1].second[0].item<float>(), 1e-3f);
  EXPECT_FLOAT_EQ(model->router_biases()[1].second[1].item<float>(), -1e-3f);
}

// Every gradient of the whole objective and of the log-probabilities.
std::vector<Tensor> gradients(Model& model, const Batch& batch, bool log_probs) {
  for (auto& [name, t] : model->trainable()) t.mutable_grad() = Tensor();
  if (log_probs) {
    const Tensor p = model->token_log_probs(batch, 0.8);
    const Tensor weight = at::arange(p.size(0), p.options()).mul(0.37).sin();
    (p * weight).sum().backward();
  } else {
    const Losses losses = model->losses(batch, true);
    Tensor total = 2 * losses.main + 0.7 * losses.sequence;
    if (losses.mtp.defined()) total = total + 0.3 * losses.mtp;
    total.backward();
  }
  std::vector<Tensor> grads;
  for (auto& [name, t] : model->trainable())
    grads.push_back(t.grad().defined() ? t.grad().clone() : Tensor());
  return grads;
}

Batch many_documents(int64_t vocab) {
  std::vector<std::vector<int64_t>> documents;
  for (const int64_t n : {1, 31, 2, 77, 16, 33, 128, 1, 200}) documents.push_back(some_tokens(n, vocab, n));
  Batch batch = batch_of(documents);
  batch.targets.slice(0, 40, 60).fill_(-1);
  batch.mtp_targets.slice(0, 50, 70).fill_(-1);
  return batch;
}

// The fused backward passes against autograd through plain ATen operations in double precision.
TEST(Gradients, FusedOnesAreThoseOfDoublePrecision) {
  for (int variant = 0; variant < 3; ++variant) {
    const ModelConfig c = small_config(variant);
    const Batch batch = many_documents(c.vocab_size);
    Model exact = random_model(c, 60 + static_cast<uint64_t>(variant));
    exact->to(at::kDouble);
    for (const bool log_probs : {false, true}) {
      const auto want = gradients(exact, batch, log_probs);
      for (const char* name : {"generic", "avx2", "avx512"}) {
        const Loops* const chosen = find_loops(name);
        if (chosen == nullptr) continue;
        choose_loops(chosen);
        Model model = random_model(c, 60 + static_cast<uint64_t>(variant));
        const auto got = gradients(model, batch, log_probs);
        for (size_t i = 0; i < want.size(); ++i) {
          const std::string what = model->trainable()[i].first + " " + name + (log_probs ? " log_probs" : "");
          ASSERT_EQ(got[i].defined(), want[i].defined()) << what;
          // f32 sums of at most a few hundred terms through three layers: some hundred roundings of 6e-8.
          if (want[i].defined()) {
            EXPECT_LT(difference(got[i], want[i]), 5e-5) << what;
          }
        }
        choose_loops(nullptr);
      }
    }
  }
}

// The double-precision reference itself against differences of the loss: no autograd on either side of the
// test above.
TEST(Gradients, ReferenceIsTheSlopeOfTheLoss) {
  const ModelConfig c = small_config(0);
  const Batch batch = batch_of({some_tokens(20, c.vocab_size, 1), some_tokens(9, c.vocab_size, 2)});
  Model model = random_model(c, 5);
  model->to(at::kDouble);
  const auto grads = gradients(model, batch, false);
  torch::NoGradGuard no_grad;
  const auto loss = [&] {
    const Losses l = model->losses(batch, true);
    return (2 * l.main + 0.7 * l.sequence + 0.3 * l.mtp).item<double>();
  };
  torch::manual_seed(3);
  for (size_t i = 0; i < grads.size(); ++i) {
    const auto [name, t] = model->trainable()[i];
    Tensor parameter = t;
    const Tensor direction = at::randn_like(parameter);
    constexpr double kStep = 3e-8;  // too small to change which experts are chosen
    parameter.add_(direction, kStep);
    const double up = loss();
    parameter.add_(direction, -2 * kStep);
    const double down = loss();
    parameter.add_(direction, kStep);
    const double want = (up - down) / (2 * kStep);
    EXPECT_NEAR((grads[i] * direction).sum().item<double>(), want, 1e-5 * std::max(1.0, std::abs(want)))
        << name;
  }
}

// Rounding to eight bits of mantissa moves gradients; the fused loops may add little to what plain bf16
// autograd does.
TEST(Gradients, Bf16OnesAreAsCloseAsPlainAutograds) {
  const ModelConfig c = small_config(0);
  const Batch batch = many_documents(c.vocab_size);
  Model model(c, MatmulPrecision::f32, 9);
  Model rounded(c, MatmulPrecision::bf16, 9);
  for (const bool log_probs : {false, true}) {
    const auto want = gradients(model, batch, log_probs);
    std::vector<double> median;
    for (const std::string how : {"reference", "fused", "fused, AVX-512", "fused, AMX"}) {
      const Bf16Isa isa = how == "fused, AMX"       ? Bf16Isa::amx
                          : how == "fused, AVX-512" ? Bf16Isa::avx512
                                                    : Bf16Isa::none;
      if (bf16_isa() < isa) continue;
      force_reference(how == "reference");
      limit_bf16_isa(isa);
      const auto got = gradients(rounded, batch, log_probs);
      force_reference(false);
      limit_bf16_isa(Bf16Isa::amx);
      std::vector<double> errors;
      for (size_t i = 0; i < want.size(); ++i) {
        if (!want[i].defined()) continue;
        const double error = (got[i] - want[i]).norm().item<double>() / want[i].norm().item<double>();
        EXPECT_FALSE(std::isnan(error)) << model->trainable()[i].first;
        errors.push_back(error);
      }
      // A near-tie of the router may flip and move one tensor further, hence the median.
      std::nth_element(errors.begin(), errors.begin() + static_cast<int64_t>(errors.size() / 2),
                       errors.end());
      median.push_back(errors[errors.size() / 2]);
      EXPECT_LT(median.back(), 1.5 * median[0]) << how;
      EXPECT_GT(median.back(), 1e-4) << how;  // else nothing was rounded
    }
    EXPECT_LT(median[0], 0.2);
  }
}

TEST(Gradients, ThreadsDoNotMatter) {
  const ModelConfig c = small_config(0);
  const Batch batch = many_documents(c.vocab_size);
  const int before = at::get_num_threads();
  std::vector<std::vector<Tensor>> results;
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    Model model = random_model(c, 11);
    results.push_back(gradients(model, batch, false));
  }
  at::set_num_threads(before);
  // Matmuls are the library's: it may split sums by threads. Everything ours has one order, so all stays
  // tiny.
  for (size_t i = 0; i < results[0].size(); ++i) {
    EXPECT_LT(difference(results[1][i], results[0][i]), 2e-6);
    EXPECT_LT(difference(results[2][i], results[0][i]), 2e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(All, WithMode, testing::Bool(),
                         [](const auto& p) { return p.param ? "fused" : "reference"; });

}  // namespace
}  // namespace jaju::train
