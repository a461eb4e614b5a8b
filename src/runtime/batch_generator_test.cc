// Batched answers against Session::generate, one at a time: token for token the same.
#include "runtime/batch_generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "runtime/engine_impl.h"
#include "runtime/kv_pool.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Engine> open_golden(const std::string& name, const EngineOptions& options = {}) {
  auto engine = Engine::open(fs::path(JAJU_TESTS_DIR) / "golden" / name, options);
  EXPECT_TRUE(engine.ok()) << engine.message();
  return engine.ok() ? std::move(*engine) : nullptr;
}

std::vector<int32_t> random_prompt(Dice& dice, int64_t n, int64_t vocab) {
  std::vector<int32_t> prompt;
  for (int64_t i = 0; i < n; ++i)
    prompt.push_back(static_cast<int32_t>(dice.next() % static_cast<uint64_t>(vocab)));
  return prompt;
}

void expect_same_as_alone(Engine& engine, const std::vector<BatchRequest>& requests, int64_t slots) {
  const auto batched = generate_batch(engine, requests, slots);
  ASSERT_TRUE(batched.ok()) << batched.message();
  ASSERT_EQ(batched->size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    auto session = engine.new_session();  // fresh: an empty cache
    const auto alone = (*session)->generate(requests[i].prompt, requests[i].params, {});
    ASSERT_TRUE(alone.ok()) << alone.message();
    EXPECT_EQ((*batched)[i].tokens, alone->tokens) << "request " << i << ", " << slots << " slots";
    EXPECT_EQ((*batched)[i].reason, alone->reason) << "request " << i << ", " << slots << " slots";
  }
}

// Prompts of many lengths, greedy and sampled, stop tokens, limits, penalties, a nearly full context.
std::vector<BatchRequest> mixed_requests(int64_t vocab, int64_t context) {
  Dice dice(5);
  std::vector<BatchRequest> requests;
  for (int i = 0; i < 18; ++i) {
    BatchRequest r;
    const int64_t n = i % 6 == 5 ? context - 1 - i / 6 : 1 + static_cast<int64_t>(dice.next() % 90);
    r.prompt = random_prompt(dice, n, vocab);
    r.params.temperature = i % 3 == 0 ? 0.0f : 1.0f;
    r.params.top_p = i % 2 == 0 ? 1.0f : 0.9f;
    r.params.seed = static_cast<uint64_t>(i);
    r.params.max_tokens = i % 6 == 5 ? -1 : (i * 7) % 30;
    if (i % 4 == 1) r.params.repetition_penalty = 1.3f;
    for (int64_t id = i % 5; i % 3 == 1 && id < vocab; id += 16)
      r.params.stop_tokens.push_back(static_cast<int32_t>(id));
    requests.push_back(std::move(r));
  }
  return requests;
}

TEST(BatchGenerator, EveryAnswerIsWhatASessionGives) {
  for (const char* name : {"fused-bf16", "split-bias-f32", "mtp-f32"}) {
    SCOPED_TRACE(name);
    const auto engine = open_golden(name, {.context = 128, .threads = 1, .prefill_chunk = 48});
    ASSERT_NE(engine, nullptr);
    const auto requests = mixed_requests(engine->config().vocab_size, 128);
    for (const int64_t slots : {5, 64}) expect_same_as_alone(*engine, requests, slots);
  }
}

TEST(BatchGenerator, MixHasEveryReasonToStop) {
  const auto engine = open_golden("split-bias-f32", {.context = 128});
  ASSERT_NE(engine, nullptr);
  const auto answers = generate_batch(*engine, mixed_requests(engine->config().vocab_size, 128), 8);
  ASSERT_TRUE(answers.ok());
  for (const StopReason reason : {StopReason::stop_token, StopReason::length, StopReason::context_full}) {
    EXPECT_TRUE(std::any_of(answers->begin(), answers->end(), [&](const auto& a) {
      return a.reason == reason;
    })) << static_cast<int>(reason);
  }
  for (const BatchAnswer& a : *answers) EXPECT_EQ(a.stop_token >= 0, a.reason == StopReason::stop_token);
}

// The RL case: each prompt many times, seeds apart; more prompts than slots, prompts that share a beginning.
TEST(BatchGenerator, SharedPromptsAnswerAsIfReadAlone) {
  const auto engine = open_golden("split-bias-f32", {.context = 192, .threads = 2, .prefill_chunk = 64});
  ASSERT_NE(engine, nullptr);
  const int64_t vocab = engine->config().vocab_size;
  Dice dice(9);
  const auto opening = random_prompt(dice, 70, vocab);
  std::vector<BatchRequest> requests;
  for (int prompt = 0; prompt < 3; ++prompt) {
    auto tokens = opening;
    const auto tail = random_prompt(dice, 1 + 12 * prompt, vocab);
    tokens.insert(tokens.end(), tail.begin(), tail.end());
    for (uint64_t sample = 0; sample < 6; ++sample) {
      BatchRequest r{tokens, {}};
      r.params.temperature = 1.0f;
      r.params.seed = sample + 100;
      r.params.max_tokens = 3 + static_cast<int64_t>(sample * 3 % 11);
      requests.push_back(std::move(r));
    }
  }
  for (const int64_t slots : {1, 4, 40}) expect_same_as_alone(*engine, requests, slots);
}

TEST(BatchGenerator, ReportsStepsAndStopsWhenCancelled) {
  const auto engine = open_golden("split-bias-f32", {.context = 128});
  ASSERT_NE(engine, nullptr);
  std::vector<BatchRequest> requests(6);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = {1, 2, static_cast<int32_t>(i)};
    requests[i].params.temperature = 0;
    requests[i].params.max_tokens = 10;
  }
  int64_t last = 0;
  ASSERT_TRUE(generate_batch(*engine, requests, 2, [&](int64_t done, int64_t total) {
                EXPECT_EQ(total, 6);
                EXPECT_GE(done, last);
                last = done;
              }).ok());
  EXPECT_EQ(last, 6);

  std::atomic<bool> cancel{false};
  const auto answers = generate_batch(
      *engine, requests, 2, [&](int64_t done, int64_t) { cancel = done >= 2; }, &cancel);
  ASSERT_TRUE(answers.ok());
  EXPECT_EQ((*answers)[0].tokens.size(), 10u);
  EXPECT_EQ((*answers)[1].reason, StopReason::length);
  for (size_t i = 2; i < 6; ++i) {
    EXPECT_EQ((*answers)[i].reason, StopReason::cancelled);
    EXPECT_TRUE((*answers)[i].tokens.empty());
  }
}

TEST(BatchGenerator, BadRequestsAreNamed) {
  const auto engine = open_golden("split-bias-f32", {.context = 16});
  ASSERT_NE(engine, nullptr);
  std::vector<BatchRequest> requests(2);
  requests[0].prompt = {1};
  EXPECT_NE(generate_batch(*engine, requests, 1).message().find("request 1: the prompt is empty"),
            std::string::npos);
  requests[1].prompt = std::vector<int32_t>(16, 1);
  EXPECT_NE(generate_batch(*engine, requests, 1).message().find("request 1: the prompt has 16"),
            std::string::npos);
  requests[1].prompt = {1};
  requests[1].params.temperature = -1;
  EXPECT_NE(generate_batch(*engine, requests, 1).message().find("'temperature'"), std::string::npos);
  requests[1].params.temperature = 1;
  EXPECT_NE(generate_batch(*engine, requests, 0).message().find("slots is 0"), std::string::npos);
  EXPECT_TRUE(generate_batch(*engine, {}, 4)->empty());
}

TEST(KvPages, CopyHoldsTheSameBytesAndItsOwnPages) {
  KvPool pool(3, {CacheType::f32, 6, 2});
  KvPages a(pool);
  ASSERT_TRUE(a.reserve(130).ok());  // three pages
  for (int64_t page = 0; page < 3; ++page) {
    for (int64_t i = 0; i < pool.page_bytes(); ++i)
      a.view().pages[page][i] = static_cast<std::byte>(i * 7 + page);
  }
  KvPages b(pool);
  ASSERT_TRUE(b.reserve(200).ok());
  ASSERT_TRUE(b.copy_from(a, 65).ok());  // two pages
  for (int64_t page = 0; page < 2; ++page) {
    EXPECT_NE(a.view().pages[page], b.view().pages[page]);
    EXPECT_EQ(std::memcmp(a.view().pages[page], b.view().pages[page], static_cast<size_t>(pool.page_bytes())),
              0);
  }
}

}  // namespace
}  // namespace jaju
