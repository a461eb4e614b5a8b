// The engine against the oracle's answers (tests/golden, float64 NumPy), on every backend this CPU can run.
#include "runtime/engine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <numeric>

#include "base/json.h"
#include "kernels/ops.h"
#include "model/forward.h"
#include "model/synthetic_checkpoint.h"
#include "runtime/engine_impl.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

fs::path golden_dir(const std::string& name) {
  return fs::path(JAJU_TESTS_DIR) / "golden" / name;
}

std::unique_ptr<Engine> open_or_fail(const fs::path& dir, const EngineOptions& options) {
  auto engine = Engine::open(dir, options);
  EXPECT_TRUE(engine.ok()) << engine.message();
  return engine.ok() ? std::move(*engine) : nullptr;
}

nlohmann::json answers(const std::string& name) {
  auto json = read_json(golden_dir(name) / "golden.json", 1 << 20);
  EXPECT_TRUE(json.ok()) << json.message();
  return *json;
}

class Golden : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  void SetUp() override {
    if (find_ops(std::get<0>(GetParam())) == nullptr)
      GTEST_SKIP() << "this CPU cannot run " << std::get<0>(GetParam());
    ::setenv("JAJU_ISA", std::get<0>(GetParam()), 1);
  }
  void TearDown() override { ::unsetenv("JAJU_ISA"); }
};

void expect_close(const float* got, const std::vector<double>& want, const char* what) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - want[i]);
    if (std::isnan(difference) || difference > worst)
      worst = difference;  // a NaN stays, and fails the comparison
    largest = std::max(largest, std::abs(want[i]));
  }
  EXPECT_LT(worst / largest, 1e-4) << what;
  testing::Test::RecordProperty(what, std::to_string(worst / largest));
}

TEST_P(Golden, LogitsExpertsDraftAndGreedyTokens) {
  const std::string name = std::get<1>(GetParam());
  const nlohmann::json want = answers(name);
  const auto tokens = want["tokens"].get<std::vector<int32_t>>();
  const auto top8 = want["top8"].get<std::vector<std::vector<int32_t>>>();
  const auto greedy = want["greedy16"].get<std::vector<int32_t>>();
  for (const int64_t chunk : {256, 37}) {
    const auto engine = open_or_fail(
        golden_dir(name),
        {.kv_type = KvType::f32, .precision = Precision::f32, .threads = 2, .prefill_chunk = chunk});
    ASSERT_NE(engine, nullptr);
    const auto all = engine->evaluate(tokens, true);
    ASSERT_TRUE(all.ok()) << all.message();
    const auto vocab = static_cast<size_t>(all->vocab_size);
    expect_close(all->logits.data() + (tokens.size() - 1) * vocab,
                 want["last_logits"].get<std::vector<double>>(), "last_logits");
    EXPECT_EQ(all->experts, want["experts"].get<std::vector<std::vector<std::vector<int32_t>>>>());
    for (size_t pos = 0; pos < tokens.size(); ++pos) {
      std::vector<int32_t> ids(vocab);
      std::iota(ids.begin(), ids.end(), 0);
      const float* row = all->logits.data() + pos * vocab;
      std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) { return row[a] > row[b]; });
      EXPECT_EQ(std::vector<int32_t>(ids.begin(), ids.begin() + 8), top8[pos]) << "position " << pos;
    }
    if (want.contains("mtp_last_logits")) {
      expect_close(all->mtp_logits.data(), want["mtp_last_logits"].get<std::vector<double>>(),
                   "mtp_last_logits");
    } else {
      EXPECT_TRUE(all->mtp_logits.empty());
    }
    const auto last = engine->evaluate(tokens, false);
    ASSERT_TRUE(last.ok());
    EXPECT_EQ(last->logits, std::vector<float>(all->logits.end() - all->vocab_size, all->logits.end()));

    auto session = engine->new_session();
    ASSERT_TRUE(session.ok());
    SamplingParams sampling;
    sampling.temperature = 0;
    sampling.max_tokens = 16;
    const auto generation = (*session)->generate(tokens, sampling, {});
    ASSERT_TRUE(generation.ok()) << generation.message();
    EXPECT_EQ(generation->tokens, greedy);
    EXPECT_EQ(generation->reason, StopReason::length);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Golden,
                         testing::Combine(testing::Values("ref", "avx2", "avx512"),
                                          testing::Values("fused-bf16", "mscale-all-f32", "mtp-f32",
                                                          "split-bias-f32", "deepseek-v3-f32",
                                                          "odd-layers-f32")),
                         [](const auto& p) {
                           std::string name = std::string(std::get<0>(p.param)) + "_" + std::get<1>(p.param);
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(Session, SecondTurnReusesTheCommonPrefix) {
  const auto engine = open_or_fail(golden_dir("split-bias-f32"), {});
  ASSERT_NE(engine, nullptr);
  auto session = engine->new_session();
  SamplingParams sampling;
  sampling.temperature = 0;
  sampling.max_tokens = 5;
  std::vector<int32_t> prompt = {1, 5, 9, 33, 77};
  auto first = (*session)->generate(prompt, sampling, {});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->stats.cached_tokens, 0);
  prompt.insert(prompt.end(), first->tokens.begin(), first->tokens.end());
  prompt.push_back(120);
  const auto second = (*session)->generate(prompt, sampling, {});
  ASSERT_TRUE(second.ok());
  // The last sampled token was never read by the model.
  EXPECT_EQ(second->stats.cached_tokens, 9);
  auto fresh = engine->new_session();
  EXPECT_EQ((*fresh)->generate(prompt, sampling, {})->tokens, second->tokens);
  // A different history drops what differs; the same one reads only its last token.
  prompt[2] = 10;
  EXPECT_EQ((*session)->generate(prompt, sampling, {})->stats.cached_tokens, 2);
  EXPECT_EQ((*session)->generate(prompt, sampling, {})->stats.cached_tokens, 10);
}

TEST(Session, StopsWhereItIsTold) {
  const auto engine = open_or_fail(golden_dir("split-bias-f32"), {.context = 20});
  ASSERT_NE(engine, nullptr);
  const auto greedy = answers("split-bias-f32")["greedy16"].get<std::vector<int32_t>>();
  const auto prompt = answers("split-bias-f32")["tokens"].get<std::vector<int32_t>>();
  auto session = engine->new_session();
  SamplingParams sampling;
  sampling.temperature = 0;
  const auto full = (*session)->generate(prompt, sampling, {});
  EXPECT_EQ(full->reason, StopReason::context_full);
  EXPECT_EQ(full->tokens, std::vector<int32_t>(greedy.begin(), greedy.begin() + 10));
  sampling.stop_tokens = {greedy[4]};
  const auto stopped = (*session)->generate(prompt, sampling, {});
  EXPECT_EQ(stopped->reason, StopReason::stop_token);
  EXPECT_EQ(stopped->tokens.size(), 4u);
  sampling.stop_tokens.clear();
  int seen = 0;
  GenerateHooks hang_up;
  hang_up.on_token = [&](int32_t) { return ++seen < 3; };
  const auto hung_up = (*session)->generate(prompt, sampling, hang_up);
  EXPECT_EQ(hung_up->reason, StopReason::cancelled);
  EXPECT_EQ(hung_up->tokens.size(), 3u);
  const std::atomic<bool> cancel{true};
  GenerateHooks hooks;
  hooks.cancel = &cancel;
  EXPECT_TRUE((*session)->generate(prompt, sampling, hooks)->tokens.empty());
  sampling.max_tokens = 0;
  EXPECT_EQ((*session)->generate(prompt, sampling, {})->reason, StopReason::length);
}

TEST(Session, SameSeedSameText) {
  const auto engine = open_or_fail(golden_dir("fused-bf16"), {});
  ASSERT_NE(engine, nullptr);
  SamplingParams sampling;
  sampling.temperature = 1.0f;
  sampling.max_tokens = 40;
  const std::vector<int32_t> prompt = {4, 8, 15};
  std::vector<std::vector<int32_t>> runs;
  for (const uint64_t seed : {7, 7, 8}) {
    sampling.seed = seed;
    auto session = engine->new_session();
    runs.push_back((*session)->generate(prompt, sampling, {})->tokens);
  }
  EXPECT_EQ(runs[0], runs[1]);
  EXPECT_NE(runs[0], runs[2]);
}

TEST(Engine, BadRequestsNameTheirField) {
  const auto engine = open_or_fail(golden_dir("split-bias-f32"), {.context = 16});
  ASSERT_NE(engine, nullptr);
  EXPECT_NE(engine->evaluate(std::vector<int32_t>{}, false).message().find("no tokens"), std::string::npos);
  EXPECT_NE(engine->evaluate(std::vector<int32_t>{512}, false).message().find("token 512 is outside"),
            std::string::npos);
  EXPECT_NE(engine->evaluate(std::vector<int32_t>(17, 1), false).message().find("context of 16"),
            std::string::npos);
  auto session = engine->new_session();
  EXPECT_NE((*session)->generate(std::vector<int32_t>{-1}, {}, {}).message().find("token -1"),
            std::string::npos);
  EXPECT_NE((*session)->generate(std::vector<int32_t>(16, 1), {}, {}).message().find("the context holds 16"),
            std::string::npos);
  EXPECT_NE(
      Engine::open(golden_dir("split-bias-f32"), {.context = 4096}).message().find("context 4096 is outside"),
      std::string::npos);
  EXPECT_NE(Engine::open(golden_dir("split-bias-f32"), {.threads = -2}).message().find("threads -2"),
            std::string::npos);
  ::setenv("JAJU_ISA", "neon", 1);
  EXPECT_NE(Engine::open(golden_dir("split-bias-f32"), {}).message().find("JAJU_ISA is 'neon'"),
            std::string::npos);
  ::unsetenv("JAJU_ISA");
}

// The file is cut while mapped: the answer that used it is an error, the process lives.
TEST(Engine, ShrinkingCheckpointEndsTheRequestNotTheProcess) {
  const fs::path dir = fs::path(testing::TempDir()) / "jaju_shrinking";
  fs::remove_all(dir);
  fs::create_directories(dir);
  for (const char* file : {"config.json", "model.safetensors"})
    fs::copy_file(golden_dir("split-bias-f32") / file, dir / file);
  const auto engine = open_or_fail(dir, {});
  ASSERT_NE(engine, nullptr);
  fs::resize_file(dir / "model.safetensors", 4096);
  const auto result = engine->evaluate(std::vector<int32_t>{1, 2, 3}, false);
  EXPECT_NE(result.message().find("model.safetensors became shorter"), std::string::npos) << result.message();
  fs::remove_all(dir);
}

// A checkpoint of holes with its config.json, for tests of sizes.
fs::path sparse_model(const char* name, const nlohmann::json& changes) {
  const fs::path dir = fs::path(testing::TempDir()) / name;
  fs::remove_all(dir);
  fs::create_directories(dir);
  nlohmann::json json = {{"model_type", "AXK1"},
                         {"torch_dtype", "bfloat16"},
                         {"vocab_size", 8},
                         {"hidden_size", 4},
                         {"num_hidden_layers", 2},
                         {"num_attention_heads", 2},
                         {"num_key_value_heads", 2},
                         {"q_lora_rank", 4},
                         {"kv_lora_rank", 4},
                         {"qk_nope_head_dim", 2},
                         {"qk_rope_head_dim", 2},
                         {"v_head_dim", 2},
                         {"intermediate_size", 8},
                         {"n_group", 1},
                         {"topk_group", 1},
                         {"n_routed_experts", 4096},
                         {"num_experts_per_tok", 4096},
                         {"moe_intermediate_size", 1 << 22},
                         {"first_k_dense_replace", 1}};
  json.update(changes);
  const auto config = parse_config(json.dump(), "config.json");
  EXPECT_TRUE(config.ok()) << config.message();
  std::ofstream(dir / "config.json") << json.dump();
  if (config.ok()) SyntheticCheckpoint(*config, {.dtype = DType::bf16, .sparse = true}).write(dir);
  return dir;
}

// The same bits while weights move, and after.
TEST(Engine, HugePagesHoldTheSameWeights) {
  const fs::path nano = fs::path(JAJU_TESTS_DIR) / ".." / "models" / "nano";
  std::vector<int32_t> tokens(40);
  std::iota(tokens.begin(), tokens.end(), 100);
  const auto open = [&](HugePages mode) {
    EngineOptions options;
    options.threads = 2;
    options.context = 64;
    options.huge_pages = mode;
    return open_or_fail(nano, options);
  };
  const auto logits = [&](Engine& engine) {
    const auto evaluation = engine.evaluate(tokens, true);
    EXPECT_TRUE(evaluation.ok()) << evaluation.message();
    return evaluation.ok() ? evaluation->logits : std::vector<float>();
  };
  const auto mapped = open(HugePages::off);
  const std::vector<float> truth = logits(*mapped);
  ASSERT_FALSE(truth.empty());
  EXPECT_EQ(mapped->settle(), 0);
  const auto moved = open(HugePages::on);
  EXPECT_EQ(logits(*moved), truth);
  EXPECT_GE(moved->settle(), int64_t{8} << 20) << "nano has 13 MB";
  EXPECT_EQ(logits(*moved), truth);
  EXPECT_EQ(open(HugePages::automatic)->settle(), 0) << "too small to be worth it";
}

// Numbers that no tensor confirms (experts of a model without MoE layers) must cost nothing.
TEST(Engine, DenseModelsPayNothingForExpertsTheyLack) {
  const fs::path dir = sparse_model("jaju_dense_only", {{"first_k_dense_replace", 2}});
  const auto engine = open_or_fail(dir, {});
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(engine->options().prefill_chunk, 256);
  EXPECT_LT(Forward::working_bytes(engine->config(), kinds_of(engine->weights()), 256, 1), 1 << 20);
  const auto result = engine->evaluate(std::vector<int32_t>{1, 2, 3}, false);
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_TRUE(result->experts.empty());
  fs::remove_all(dir);
}

// 1 token visits 4096 experts of width 4 M: 69 GB of intermediates.
TEST(Engine, ModelsTooWideForTheMachineAreRefused) {
  if (::sysconf(_SC_PHYS_PAGES) * ::sysconf(_SC_PAGESIZE) > 200'000'000'000) GTEST_SKIP() << "it fits here";
  const fs::path dir = sparse_model("jaju_too_wide", nlohmann::json::object());
  const auto engine = Engine::open(dir, {});
  EXPECT_NE(engine.message().find("one token needs 68.7 GB of working memory"), std::string::npos)
      << engine.message();
  fs::remove_all(dir);
}

TEST(Engine, StepsShrinkToTheMemory) {
  const auto bytes = [](int64_t rows) { return 10 + 3 * rows; };
  EXPECT_EQ(rows_that_fit(256, 778, bytes), 256);
  EXPECT_EQ(rows_that_fit(256, 777, bytes), 128);
  EXPECT_EQ(rows_that_fit(256, 13, bytes), 1);
  EXPECT_EQ(rows_that_fit(256, 12, bytes), 0);
}

TEST(Engine, KvBytesPerToken) {
  ModelConfig k1;
  EXPECT_EQ(kv_bytes_per_token(k1, KvType::automatic), 70272);
  k1.dtype = "float32";
  EXPECT_EQ(kv_bytes_per_token(k1, KvType::automatic), 140544);
}

}  // namespace
}  // namespace jaju
