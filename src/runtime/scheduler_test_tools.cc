#include "runtime/scheduler_test_tools.h"

#include <gtest/gtest.h>

namespace jaju {

void Collected::on_tokens(std::span<const TokenEvent> fresh) {
  calls_after_finish += finished ? 1 : 0;
  for (const TokenEvent& event : fresh) {
    tokens.push_back(event.token);
    events.push_back(event);
  }
  if (hook) hook(*this);
}

void Collected::on_prefill(int64_t done, int64_t total) {
  calls_after_finish += finished ? 1 : 0;
  EXPECT_LE(done, total);
  EXPECT_GT(done, prefill.empty() ? 0 : prefill.back());
  prefill.push_back(done);
}

void Collected::on_finish(FinishEvent&& event) {
  calls_after_finish += finished ? 1 : 0;
  finish = std::move(event);
  finished = true;
}

std::unique_ptr<Engine> open_model(const std::string& name, EngineOptions options) {
  const std::filesystem::path tests(JAJU_TESTS_DIR);
  if (options.context == 0) options.context = 1024;
  if (options.threads == 0) options.threads = 1;
  auto engine = Engine::open(
      name == "nano" ? tests.parent_path() / "models" / "nano" : tests / "golden" / name, options);
  EXPECT_TRUE(engine.ok()) << engine.message();
  return engine.ok() ? std::move(*engine) : nullptr;
}

std::unique_ptr<Scheduler> start_by_hand(Engine& engine, SchedulerOptions options) {
  options.manual = true;
  auto scheduler = Scheduler::start(engine, options);
  EXPECT_TRUE(scheduler.ok()) << scheduler.message();
  return scheduler.ok() ? std::move(*scheduler) : nullptr;
}

GenerationRequest greedy(std::vector<int32_t> prompt, int64_t max_tokens) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.params.temperature = 0;
  request.params.max_tokens = max_tokens;
  return request;
}

GenerationRequest sampled(std::vector<int32_t> prompt, int64_t max_tokens, uint64_t seed) {
  GenerationRequest request = greedy(std::move(prompt), max_tokens);
  request.params.temperature = 1;
  request.params.top_p = 0.95f;
  request.params.seed = seed;
  return request;
}

std::vector<int32_t> made_up_prompt(uint64_t seed, int64_t n, const Engine& engine) {
  Dice dice(seed);
  const auto vocab = static_cast<uint64_t>(engine.config().vocab_size);
  std::vector<int32_t> prompt;
  while (static_cast<int64_t>(prompt.size()) < n) {
    if (prompt.size() > 20 && dice.next() % 8 == 0) {  // says something again
      const size_t from = dice.next() % (prompt.size() - 6);
      for (size_t i = from; i < from + 6; ++i) prompt.push_back(prompt[i]);
    } else {
      prompt.push_back(static_cast<int32_t>(dice.next() % vocab));
    }
  }
  prompt.resize(static_cast<size_t>(n));
  return prompt;
}

std::vector<int32_t> join(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::shared_ptr<Collected> submit(Scheduler& scheduler, GenerationRequest request, RequestId* id) {
  auto sink = std::make_shared<Collected>();
  const Submission s = scheduler.submit(std::move(request), sink);
  EXPECT_TRUE(s.ok()) << s.status.message();
  if (id != nullptr) *id = s.id;
  return sink;
}

void run_until_idle(Scheduler& scheduler) {
  for (int i = 0; scheduler.step(); ++i) ASSERT_LT(i, 100000) << "the scheduler does not come to rest";
  const SchedulerSnapshot s = scheduler.snapshot();
  EXPECT_EQ(s.waiting, 0);
  EXPECT_EQ(s.running, 0);
  EXPECT_EQ(s.pages_running, 0) << "pages were lost";
}

std::vector<int32_t> quiet_answer(Engine& engine, GenerationRequest request, PromptAttention attention) {
  const auto scheduler =
      start_by_hand(engine, {.prompt_attention = attention, .prefix_cache = false, .speculation = false});
  const auto sink = submit(*scheduler, std::move(request));
  run_until_idle(*scheduler);
  EXPECT_TRUE(sink->finished);
  EXPECT_TRUE(sink->finish.status.ok()) << sink->finish.status.message();
  return sink->tokens;
}

}  // namespace jaju
