// Who is served when, and what a request may ask for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <set>
#include <thread>

#include "model/synthetic_checkpoint.h"
#include "runtime/scheduler.h"
#include "runtime/scheduler_test_tools.h"

namespace jaju {
namespace {

// ---- Order ----

// One tenant has asked for much before another comes: the other is served next, and from then on both alike.
TEST(SchedulerOrder, TenantsAreServedAlike) {
  const auto engine = open_model("split-bias-f32", {.prefill_chunk = 32});
  const auto scheduler =
      start_by_hand(*engine, {.max_sequences = 2, .prefix_cache = false, .speculation = false});
  std::vector<int> order;
  const auto ask = [&](const char* tenant, int n, int64_t length) {
    for (int i = 0; i < n; ++i) {
      GenerationRequest r = greedy(made_up_prompt(static_cast<uint64_t>(i), length, *engine), 10);
      r.tenant = tenant;
      const auto sink = submit(*scheduler, std::move(r));
      sink->hook = [&order, who = tenant[0]](const Collected& c) {
        if (c.tokens.size() == 10) order.push_back(who);
      };
    }
  };
  ask("greedy", 12, 40);
  for (int i = 0; i < 8; ++i) scheduler->step();
  ask("modest", 4, 40);
  run_until_idle(*scheduler);
  ASSERT_EQ(order.size(), 16u);
  // All of the modest one's are done when as many more of the other's are, give or take what was running.
  const auto last = std::find(order.rbegin(), order.rend(), 'm').base() - order.begin();
  EXPECT_LE(last, 4 + 4 + 3) << std::string(order.begin(), order.end());
}

// A long prompt of one tenant does not keep another's short one waiting.
TEST(SchedulerOrder, ShortPromptsPassLongOnesOfOthers) {
  const auto engine = open_model("split-bias-f32", {.prefill_chunk = 32});
  const auto scheduler = start_by_hand(*engine, {.max_sequences = 4});
  GenerationRequest slow = greedy(made_up_prompt(1, 900, *engine), 3);
  slow.tenant = "long";
  const auto slow_sink = submit(*scheduler, std::move(slow));
  scheduler->step();
  GenerationRequest quick = greedy(made_up_prompt(2, 20, *engine), 3);
  quick.tenant = "short";
  const auto quick_sink = submit(*scheduler, std::move(quick));
  for (int i = 0; i < 4; ++i) scheduler->step();
  EXPECT_TRUE(quick_sink->finished);
  EXPECT_FALSE(slow_sink->finished);
  run_until_idle(*scheduler);
}

TEST(SchedulerOrder, PrioritiesGoFirstAndTakePlaces) {
  const auto engine = open_model("split-bias-f32");
  const auto scheduler = start_by_hand(*engine, {.max_sequences = 1});
  const auto prompt = made_up_prompt(4, 50, *engine);
  const auto low = submit(*scheduler, greedy(prompt, 40));
  for (int i = 0; i < 10; ++i) scheduler->step();
  EXPECT_GT(low->tokens.size(), 0u);
  const size_t said = low->tokens.size();
  GenerationRequest urgent = greedy(made_up_prompt(5, 50, *engine), 20);
  urgent.priority = 1;
  const auto high = submit(*scheduler, std::move(urgent));
  while (!high->finished) {
    ASSERT_TRUE(scheduler->step());
    EXPECT_EQ(low->tokens.size(), said) << "has no place meanwhile";
  }
  run_until_idle(*scheduler);
  EXPECT_EQ(low->finish.stats.preemptions, 1);
  EXPECT_EQ(low->tokens, quiet_answer(*engine, greedy(prompt, 40)));
  // Its pages were kept while nobody needed them: nothing was read twice.
  EXPECT_EQ(low->finish.stats.recomputed_tokens, 0);
}

// A long prompt takes its rows beside the answers, never instead of them, and no more than it may.
TEST(SchedulerOrder, PromptsDoNotStarveAnswers) {
  const auto engine = open_model("split-bias-f32", {.prefill_chunk = 256});
  const auto scheduler =
      start_by_hand(*engine, {.max_prefill_rows = 16, .speculation = false, .clock = [] { return 0.0; }});
  const auto talker = submit(*scheduler, greedy(made_up_prompt(1, 10, *engine), 100));
  scheduler->step();
  const auto reader = submit(*scheduler, greedy(made_up_prompt(2, 400, *engine), 1));
  int64_t steps = 0;
  while (!reader->finished) {
    const size_t before = talker->tokens.size();
    ASSERT_TRUE(scheduler->step());
    ++steps;
    EXPECT_EQ(talker->tokens.size(), before + 1);
    EXPECT_LE(scheduler->snapshot().last_rows, 17);
  }
  EXPECT_EQ(steps, 400 / 16);
  run_until_idle(*scheduler);
}

// With measured times: a step with a prompt in it takes at most `decode_stretch` times as long.
TEST(SchedulerOrder, PromptRowsAreMeasuredAgainstAnswers) {
  const auto engine = open_model("split-bias-f32", {.prefill_chunk = 256});
  double time = 0;
  Scheduler* running = nullptr;
  // A made-up machine: a millisecond and a tenth per row of the last step, per look at the clock.
  const auto clock = [&] {
    if (running != nullptr) time += 1e-3 + 1e-4 * static_cast<double>(running->snapshot().last_rows);
    return time;
  };
  const auto scheduler = start_by_hand(
      *engine, {.decode_stretch = 3.0, .min_prefill_rows = 4, .speculation = false, .clock = clock});
  running = scheduler.get();
  const auto talker = submit(*scheduler, greedy(made_up_prompt(1, 10, *engine), 300));
  for (int i = 0; i < 60; ++i) scheduler->step();
  const auto reader = submit(*scheduler, greedy(made_up_prompt(2, 900, *engine), 1));
  std::vector<int64_t> rows;
  while (!reader->finished) {
    ASSERT_TRUE(scheduler->step());
    rows.push_back(scheduler->snapshot().last_rows);
  }
  ASSERT_GT(rows.size(), 6u);
  EXPECT_LT(rows[rows.size() - 2], 256) << "cut down once its cost is known";
  EXPECT_GE(*std::min_element(rows.begin(), rows.end()), 2);
  running = nullptr;
  run_until_idle(*scheduler);
}

// ---- Leaving ----

TEST(SchedulerEnds, ACancelTakesEffectBeforeTheNextToken) {
  const auto engine = open_model("split-bias-f32", {.prefill_chunk = 32});
  const auto scheduler = start_by_hand(*engine, {.max_sequences = 2});
  RequestId answering = 0, reading = 0, waiting = 0;
  const auto a = submit(*scheduler, greedy(made_up_prompt(1, 10, *engine), 100), &answering);
  scheduler->step();
  const auto r = submit(*scheduler, greedy(made_up_prompt(2, 500, *engine), 100), &reading);
  const auto w = submit(*scheduler, greedy(made_up_prompt(3, 10, *engine), 100), &waiting);
  for (int i = 0; i < 3; ++i) scheduler->step();
  EXPECT_FALSE(r->prefill.empty());
  EXPECT_TRUE(w->prefill.empty());
  const size_t said = a->tokens.size();
  for (const RequestId id : {answering, reading, waiting, RequestId{12345}}) scheduler->cancel(id);
  scheduler->step();
  EXPECT_EQ(a->tokens.size(), said);
  for (const auto& sink : {a, r, w}) {
    EXPECT_TRUE(sink->finished);
    EXPECT_EQ(sink->finish.reason, StopReason::cancelled);
    EXPECT_TRUE(sink->finish.status.ok());
  }
  run_until_idle(*scheduler);
  scheduler->cancel(answering);  // it has ended long since
  run_until_idle(*scheduler);
  EXPECT_EQ(a->calls_after_finish, 0);
  EXPECT_EQ(scheduler->snapshot().cancelled, 3u);
}

TEST(SchedulerEnds, ASinkMayCancelItself) {
  const auto engine = open_model("split-bias-f32");
  const auto scheduler = start_by_hand(*engine, {.speculation = false});
  RequestId id = 0;
  const auto sink = submit(*scheduler, greedy(made_up_prompt(1, 10, *engine), 100), &id);
  sink->hook = [&](const Collected& c) {
    if (c.tokens.size() == 7) scheduler->cancel(id);
  };
  run_until_idle(*scheduler);
  EXPECT_EQ(sink->tokens.size(), 7u);
  EXPECT_EQ(sink->finish.reason, StopReason::cancelled);
}

TEST(SchedulerEnds, EveryReason) {
  const auto engine = open_model("split-bias-f32", {.context = 100});
  const auto scheduler = start_by_hand(*engine);
  const auto prompt = made_up_prompt(1, 80, *engine);
  const auto full = submit(*scheduler, greedy(prompt, -1));
  run_until_idle(*scheduler);
  EXPECT_EQ(full->finish.reason, StopReason::context_full);
  EXPECT_EQ(full->tokens.size(), 21u) << "the last one is never read";
  GenerationRequest stops = greedy(prompt, -1);
  stops.params.stop_tokens = {full->tokens[5]};
  const auto first =
      std::find(full->tokens.begin(), full->tokens.end(), full->tokens[5]) - full->tokens.begin();
  const auto stopped = submit(*scheduler, std::move(stops));
  run_until_idle(*scheduler);
  EXPECT_EQ(stopped->finish.reason, StopReason::stop_token);
  EXPECT_EQ(stopped->finish.stop_token, full->tokens[5]);
  EXPECT_EQ(static_cast<int64_t>(stopped->tokens.size()), first) << "the stop token is not given out";
  EXPECT_EQ(stopped->finish.stats.generated_tokens, first + 1);
  const auto nothing = submit(*scheduler, greedy(made_up_prompt(9, 70, *engine), 0));
  run_until_idle(*scheduler);
  EXPECT_EQ(nothing->finish.reason, StopReason::length);
  EXPECT_TRUE(nothing->tokens.empty());
  EXPECT_EQ(nothing->prefill.back(), 70) << "max_tokens 0 warms the cache";
}

TEST(SchedulerEnds, RefusesWhatItCannotTake) {
  const auto engine = open_model("split-bias-f32");
  const int64_t page = engine->kv_bytes_per_token() * 64;
  const auto scheduler =
      start_by_hand(*engine, {.max_sequences = 1, .kv_budget_bytes = 4 * page, .queue_capacity = 3});
  EXPECT_EQ(scheduler->max_tokens_per_request(), 256);
  const auto refused = [&](GenerationRequest r) {
    const Submission s = scheduler->submit(std::move(r), std::make_shared<Collected>());
    EXPECT_FALSE(s.ok());
    EXPECT_EQ(s.id, 0u);
    EXPECT_FALSE(s.status.message().empty());
    return s;
  };
  const auto small = [&] { return greedy(made_up_prompt(1, 10, *engine), 5); };
  EXPECT_EQ(refused(greedy(made_up_prompt(1, 256, *engine), 5)).verdict, SubmitVerdict::never_fits);
  EXPECT_EQ(refused(greedy(made_up_prompt(1, 2000, *engine), 5)).verdict, SubmitVerdict::never_fits);
  EXPECT_EQ(refused(greedy({}, 5)).verdict, SubmitVerdict::bad_request);
  EXPECT_EQ(refused(greedy({100000}, 5)).verdict, SubmitVerdict::bad_request);
  GenerationRequest r = small();
  r.params.top_p = 2;
  EXPECT_NE(refused(std::move(r)).status.message().find("'top_p'"), std::string::npos);
  r = small();
  r.top_logprobs = 21;
  EXPECT_NE(refused(std::move(r)).status.message().find("top_logprobs is 21"), std::string::npos);
  r = small();
  r.thinking = {.max_tokens = 5, .close = {3}};
  EXPECT_NE(refused(std::move(r)).status.message().find("think_close"), std::string::npos);

  for (int i = 0; i < 3; ++i) submit(*scheduler, small());
  const Submission full = refused(small());
  EXPECT_EQ(full.verdict, SubmitVerdict::queue_full);
  EXPECT_GE(full.retry_after_seconds, 1.0);
  EXPECT_LE(full.retry_after_seconds, 60.0);
  scheduler->step();  // one is admitted: a place in the queue is free
  submit(*scheduler, small());
  run_until_idle(*scheduler);
  // What fits exactly has all the pages there are.
  const auto most = submit(*scheduler, greedy(made_up_prompt(1, 255, *engine), -1));
  run_until_idle(*scheduler);
  EXPECT_EQ(most->finish.reason, StopReason::context_full);
  EXPECT_EQ(most->tokens.size(), 2u);
  scheduler->drain(100);
  EXPECT_EQ(refused(small()).verdict, SubmitVerdict::draining);
  EXPECT_EQ(scheduler->snapshot().refused, 2u) << "those that were well formed";
}

TEST(SchedulerEnds, DrainsWhatItHasTaken) {
  const auto engine = open_model("split-bias-f32");
  for (const bool patient : {true, false}) {
    auto scheduler = Scheduler::start(*engine, {.max_sequences = 2});
    ASSERT_TRUE(scheduler.ok()) << scheduler.message();
    std::vector<std::shared_ptr<Collected>> sinks;
    for (uint64_t i = 0; i < 6; ++i) {
      const auto sink = std::make_shared<Collected>();
      sink->hook = [&, patient](const Collected&) {  // nobody gets far before drain() is called
        while (!patient && !(*scheduler)->snapshot().draining) std::this_thread::yield();
      };
      ASSERT_TRUE((*scheduler)->submit(greedy(made_up_prompt(i, 30, *engine), 50), sink).ok());
      sinks.push_back(sink);
    }
    (*scheduler)->drain(patient ? 600.0 : 0.0);
    int whole = 0;
    for (const auto& sink : sinks) {
      EXPECT_TRUE(sink->finished);
      whole += sink->finish.reason == StopReason::length ? 1 : 0;
    }
    EXPECT_EQ(whole == 6, patient);
    EXPECT_TRUE((*scheduler)->snapshot().draining);
    EXPECT_EQ((*scheduler)->snapshot().pages_running, 0);
  }
}

// Its own thread, and askers on others.
TEST(SchedulerEnds, ServesManyThreads) {
  const auto engine = open_model("split-bias-f32");
  std::vector<std::shared_ptr<Collected>> sinks(24);
  {
    auto scheduler = Scheduler::start(*engine, {.max_sequences = 4});
    ASSERT_TRUE(scheduler.ok()) << scheduler.message();
    std::vector<std::thread> askers;
    for (size_t t = 0; t < 4; ++t) {
      askers.emplace_back([&, t] {
        for (size_t i = t; i < sinks.size(); i += 4) {
          RequestId id = 0;
          sinks[i] = submit(**scheduler, greedy(made_up_prompt(i, 20, *engine), 30), &id);
          if (i % 3 == 0) (*scheduler)->cancel(id);
        }
      });
    }
    for (auto& asker : askers) asker.join();
    (*scheduler)->drain(600);
    EXPECT_EQ((*scheduler)->snapshot().accepted, 24u);
  }
  for (size_t i = 0; i < sinks.size(); ++i) {
    ASSERT_TRUE(sinks[i]->finished);
    if (i % 3 != 0) {
      EXPECT_EQ(sinks[i]->tokens, quiet_answer(*engine, greedy(made_up_prompt(i, 20, *engine), 30)));
    }
  }
}

// Ten times as many as there are places, a third of them gone at random moments, few pages.
TEST(SchedulerEnds, OverloadLosesNothing) {
  for (const char* name : {"nano", "mtp-f32"}) {
    SCOPED_TRACE(name);
    const auto engine = open_model(name, {.prefill_chunk = 64});
    const int64_t page = engine->kv_bytes_per_token() * 64;
    const auto scheduler =
        start_by_hand(*engine, {.max_sequences = 4, .kv_budget_bytes = 14 * page, .queue_capacity = 1000});
    const auto prompt = [&](uint64_t i) {
      // Some begin alike, some are the same.
      return join(made_up_prompt(i % 5, 20 + static_cast<int64_t>(i % 3) * 60, *engine),
                  made_up_prompt(i % 20, static_cast<int64_t>(i % 4) * 13, *engine));
    };
    const auto request = [&](uint64_t i) {
      GenerationRequest r = greedy(prompt(i), 10 + static_cast<int64_t>(i * 11 % 70));
      r.tenant = std::string(1, static_cast<char>('a' + i % 3));
      r.priority = i % 7 == 0 ? 1 : 0;
      return r;
    };
    Dice dice(1);
    std::vector<std::shared_ptr<Collected>> sinks;
    std::vector<RequestId> ids;
    for (uint64_t i = 0; i < 40; ++i) {
      sinks.push_back(submit(*scheduler, request(i), &ids.emplace_back()));
      for (uint64_t n = dice.next() % 4; n > 0; --n) {
        scheduler->step();
        if (dice.next() % 6 == 0) scheduler->cancel(ids[dice.next() % ids.size()]);
      }
    }
    for (int i = 0; i < 100; ++i) {
      scheduler->step();
      if (i % 10 == 0) scheduler->cancel(ids[dice.next() % ids.size()]);
    }
    run_until_idle(*scheduler);
    const SchedulerSnapshot s = scheduler->snapshot();
    EXPECT_EQ(s.finished + s.cancelled, 40u);
    EXPECT_GT(s.cancelled, 5u);
    EXPECT_GT(s.finished, 15u);
    EXPECT_EQ(s.failed, 0u);
    EXPECT_GT(s.cache_evictions, 0u);
    EXPECT_LE(s.pages_cached, 14);
    for (uint64_t i = 0; i < 40; ++i) {
      ASSERT_TRUE(sinks[i]->finished) << i;
      EXPECT_EQ(sinks[i]->calls_after_finish, 0);
      auto whole = quiet_answer(*engine, request(i));
      EXPECT_LE(sinks[i]->tokens.size(), whole.size());
      whole.resize(sinks[i]->tokens.size());  // shorter where it was cancelled
      EXPECT_EQ(sinks[i]->tokens, whole) << i;
      if (sinks[i]->finish.reason == StopReason::length) {
        EXPECT_EQ(sinks[i]->tokens.size(), static_cast<size_t>(request(i).params.max_tokens));
      }
    }
  }
}

// ---- Cost ----

// Once everything runs, a step allocates next to nothing: texts and lists grow now and then.
TEST(SchedulerCost, AStepAllocatesNextToNothing) {
  if (heap_allocations() < 0) GTEST_SKIP() << "the sanitizer's heap is not counted";
  const auto engine = open_model("mtp-f32");
  const auto scheduler = start_by_hand(*engine, {.clock = [] { return 0.0; }});
  struct Nobody : GenerationSink {
    void on_tokens(std::span<const TokenEvent>) override {}
    void on_finish(FinishEvent&&) override {}
  };
  for (uint64_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(
        scheduler->submit(sampled(made_up_prompt(i, 30, *engine), 400, i), std::make_shared<Nobody>()).ok());
  }
  for (int i = 0; i < 100; ++i) scheduler->step();
  const int64_t before = heap_allocations();
  for (int i = 0; i < 100; ++i) scheduler->step();
  EXPECT_EQ(scheduler->snapshot().running, 8);
  EXPECT_LT(heap_allocations() - before, 8 * 20) << "8 sequences, 100 steps";
}

// ---- What may be asked for ----

// Allows the ids of a set, in any order, and an end token after `least` of them; fails when told to.
class OnlyThese : public TokenConstraint {
 public:
  OnlyThese(std::set<int32_t> ids, int32_t end, int least, int64_t vocab, int fails_at = -1)
      : ids_(std::move(ids)), end_(end), least_(least), vocab_(vocab), fails_at_(fails_at) {}
  std::unique_ptr<TokenConstraint> restart() const override {
    return std::make_unique<OnlyThese>(ids_, end_, least_, vocab_, fails_at_);
  }
  std::unique_ptr<TokenConstraint> clone() const override { return std::make_unique<OnlyThese>(*this); }
  Status allowed(std::span<uint64_t> mask) override {
    if (count_ == fails_at_) return error("out of budget");
    std::fill(mask.begin(), mask.end(), 0);
    const auto set = [&](int32_t id) { mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64); };
    for (const int32_t id : ids_) set(id);
    if (can_end()) set(end_);
    return {};
  }
  Status accept(int32_t token) override {
    if (token == end_ ? !can_end() : !ids_.contains(token)) return error("token {} is not allowed", token);
    ++count_;
    ended_ = token == end_;
    return {};
  }
  bool can_end() const override { return count_ >= least_; }
  bool must_end() const override { return ended_ || count_ == 2 * least_; }
  int64_t vocabulary_size() const override { return vocab_; }

 private:
  std::set<int32_t> ids_;
  int32_t end_;
  int least_;
  int64_t vocab_;
  int fails_at_;
  int count_ = 0;
  bool ended_ = false;
};

TEST(SchedulerWishes, AConstraintIsObeyed) {
  const auto engine = open_model("split-bias-f32");
  const int64_t vocab = engine->config().vocab_size;
  const auto scheduler = start_by_hand(*engine);
  const std::set<int32_t> ids = {3, 64, 65, 200};
  for (uint64_t seed = 0; seed < 5; ++seed) {
    GenerationRequest r = sampled(made_up_prompt(1, 30, *engine), 50, seed);
    r.params.temperature = 2;
    r.params.stop_tokens = {7};
    r.constraint = std::make_unique<OnlyThese>(ids, 7, 4, vocab);
    const auto sink = submit(*scheduler, std::move(r));
    run_until_idle(*scheduler);
    ASSERT_TRUE(sink->finish.status.ok()) << sink->finish.status.message();
    EXPECT_EQ(sink->finish.reason, StopReason::stop_token);
    EXPECT_GE(sink->tokens.size(), 4u);
    EXPECT_LE(sink->tokens.size(), 8u) << "it must end there, without another step";
    for (const int32_t token : sink->tokens) EXPECT_TRUE(ids.contains(token));
  }
}

// Free until </think>, which is only a number here; the answer may not end before it.
TEST(SchedulerWishes, AConstraintMayStartAfterThinking) {
  const auto engine = open_model("split-bias-f32");
  const int64_t vocab = engine->config().vocab_size;
  const auto scheduler = start_by_hand(*engine);
  const auto prompt = made_up_prompt(1, 30, *engine);
  const auto free = quiet_answer(*engine, greedy(prompt, 12));
  const int32_t close = free[9];
  const auto first = std::find(free.begin(), free.end(), close) - free.begin();
  GenerationRequest r = greedy(prompt, 60);
  r.params.stop_tokens = {(close + 1) % static_cast<int32_t>(vocab)};
  const int32_t end = r.params.stop_tokens[0];
  r.constraint = std::make_unique<OnlyThese>(std::set<int32_t>{5, 6}, end, 3, vocab);
  r.constraint_after = r.think_close = close;
  const auto sink = submit(*scheduler, std::move(r));
  run_until_idle(*scheduler);
  ASSERT_TRUE(sink->finish.status.ok()) << sink->finish.status.message();
  ASSERT_GT(static_cast<int64_t>(sink->tokens.size()), first + 3);
  EXPECT_EQ(sink->finish.stats.reasoning_tokens, first + 1);
  EXPECT_EQ(sink->tokens[static_cast<size_t>(first)], close);
  for (auto i = static_cast<size_t>(first) + 1; i < sink->tokens.size(); ++i) {
    EXPECT_TRUE(sink->tokens[i] == 5 || sink->tokens[i] == 6);
  }
}

TEST(SchedulerWishes, AFailingConstraintEndsItsRequestOnly) {
  const auto engine = open_model("split-bias-f32");
  const auto scheduler = start_by_hand(*engine);
  const auto prompt = made_up_prompt(1, 30, *engine);
  GenerationRequest r = greedy(prompt, 50);
  r.constraint = std::make_unique<OnlyThese>(std::set<int32_t>{5, 6}, 7, 30, engine->config().vocab_size, 3);
  const auto fails = submit(*scheduler, std::move(r));
  const auto other = submit(*scheduler, greedy(prompt, 20));
  run_until_idle(*scheduler);
  EXPECT_EQ(fails->finish.status.message(), "out of budget");
  EXPECT_EQ(fails->tokens.size(), 3u);
  EXPECT_EQ(other->tokens, quiet_answer(*engine, greedy(prompt, 20)));
  EXPECT_EQ(scheduler->snapshot().failed, 1u);
}

TEST(SchedulerWishes, AThinkingBudgetClosesThinking) {
  const auto engine = open_model("split-bias-f32");
  const auto prompt = made_up_prompt(1, 30, *engine);
  const auto free = quiet_answer(*engine, greedy(prompt, 40));
  int32_t close = 0;  // a token the model would not say
  while (std::find(free.begin(), free.end(), close) != free.end()) ++close;
  for (const int64_t budget : {0, 1, 17}) {
    for (const bool speculation : {false, true}) {
      const auto scheduler = start_by_hand(*engine, {.speculation = speculation});
      GenerationRequest r = greedy(prompt, 40);
      r.think_close = close;
      r.thinking = {.max_tokens = budget, .close = {10, close, 11, 12}};
      const auto sink = submit(*scheduler, std::move(r));
      run_until_idle(*scheduler);
      ASSERT_EQ(sink->tokens.size(), 40u);
      const auto b = static_cast<size_t>(budget);
      EXPECT_TRUE(std::equal(free.begin(), free.begin() + budget, sink->tokens.begin()));
      EXPECT_EQ(std::vector<int32_t>(sink->tokens.begin() + budget, sink->tokens.begin() + budget + 4),
                (std::vector<int32_t>{10, close, 11, 12}));
      for (size_t i = 0; i < 40; ++i) EXPECT_EQ(sink->events[i].forced, i >= b && i < b + 4) << i;
      EXPECT_EQ(sink->finish.stats.reasoning_tokens, budget + 2);
      // What follows is what the model says to that text.
      const auto rest = quiet_answer(
          *engine,
          greedy(join(prompt, {sink->tokens.begin(), sink->tokens.begin() + budget + 4}), 36 - budget));
      EXPECT_TRUE(std::equal(rest.begin(), rest.end(), sink->tokens.begin() + budget + 4));
    }
  }
}

TEST(SchedulerWishes, LogProbabilitiesAreTheModelsOwn) {
  const auto engine = open_model("split-bias-f32");
  const auto vocab = static_cast<size_t>(engine->config().vocab_size);
  const auto prompt = made_up_prompt(1, 30, *engine);
  const auto scheduler = start_by_hand(*engine);
  GenerationRequest r = sampled(prompt, 6, 3);
  r.params.repetition_penalty = 1.5f;  // not part of what is reported
  r.params.logit_bias = {{4, 3.0f}};
  r.top_logprobs = 5;
  const auto sink = submit(*scheduler, std::move(r));
  run_until_idle(*scheduler);
  ASSERT_EQ(sink->events.size(), 6u);
  scheduler->drain(0);
  auto text = prompt;
  for (const TokenEvent& event : sink->events) {
    const auto truth = engine->evaluate(text, false);
    ASSERT_TRUE(truth.ok());
    double sum = 0;
    for (size_t i = 0; i < vocab; ++i) sum += std::exp(static_cast<double>(truth->logits[i]));
    const auto logprob = [&](int32_t id) { return truth->logits[static_cast<size_t>(id)] - std::log(sum); };
    EXPECT_NEAR(event.logprob, logprob(event.token), 1e-4);
    ASSERT_EQ(event.top.size(), 5u);
    std::vector<int32_t> order(vocab);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return logprob(a) > logprob(b); });
    for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(event.top[i].second, logprob(order[i]), 1e-4);
    EXPECT_GE(event.top[0].second, event.top[1].second);
    text.push_back(event.token);
  }
}

TEST(SchedulerWishes, EmbeddingsAreTheSameHoweverTheyAreRead) {
  const auto engine = open_model("nano", {.prefill_chunk = 64});
  const auto prompt = made_up_prompt(1, 150, *engine);
  std::vector<std::vector<float>> hidden;
  for (const int64_t rows : {1, 7, 64}) {
    const auto scheduler = start_by_hand(*engine, {.min_prefill_rows = 1, .max_prefill_rows = rows});
    submit(*scheduler, greedy(made_up_prompt(2, 5, *engine), 300));  // so that the limit holds
    submit(*scheduler, greedy(prompt, 3));                           // stored, but may not be used
    for (int i = 0; i < 3; ++i) scheduler->step();
    GenerationRequest r = greedy(prompt, 10);
    r.want_hidden = true;
    const auto sink = submit(*scheduler, std::move(r));
    run_until_idle(*scheduler);
    EXPECT_TRUE(sink->tokens.empty());
    EXPECT_EQ(sink->finish.stats.cache_stop, CacheStop::off);
    hidden.push_back(sink->finish.hidden);
  }
  ASSERT_EQ(static_cast<int64_t>(hidden[0].size()), engine->config().hidden_size);
  EXPECT_EQ(hidden[0], hidden[1]);
  EXPECT_EQ(hidden[0], hidden[2]);
  EXPECT_TRUE(std::any_of(hidden[0].begin(), hidden[0].end(), [](float x) { return x != 0; }));
}

TEST(SchedulerWishes, HiddenStatesOfAPreemptedPromptAreTheSame) {
  const auto engine = open_model("nano", {.prefill_chunk = 32});
  GenerationRequest r = greedy(made_up_prompt(1, 100, *engine), 0);
  r.want_hidden = true;
  std::vector<std::vector<float>> hidden;
  for (const bool disturbed : {false, true}) {
    const auto scheduler = start_by_hand(*engine, {.max_sequences = 1});
    GenerationRequest wanted = greedy(r.prompt, 0);
    wanted.want_hidden = true;
    const auto sink = submit(*scheduler, std::move(wanted));
    scheduler->step();
    scheduler->step();
    if (disturbed) {
      GenerationRequest urgent = greedy(made_up_prompt(2, 5, *engine), 3);
      urgent.priority = 1;
      submit(*scheduler, std::move(urgent));
    }
    run_until_idle(*scheduler);
    EXPECT_EQ(sink->finish.stats.preemptions, disturbed ? 1 : 0);
    hidden.push_back(sink->finish.hidden);
  }
  EXPECT_EQ(hidden[0], hidden[1]);
}

// Whichever allocation of a step fails: every request ends, no page is lost, and the next one is answered.
TEST(SchedulerWishes, AFailedAllocationHangsNobody) {
  if (heap_allocations() < 0) GTEST_SKIP() << "this build has a heap of its own";
  const auto engine = open_model("mtp-f32", {.context = 300, .threads = 1, .prefill_chunk = 32});
  int64_t failed = 0;
  for (int64_t at = 0;; ++at) {
    const auto scheduler = start_by_hand(*engine, {.max_sequences = 3});
    std::vector<std::shared_ptr<Collected>> sinks;
    for (int64_t i = 0; i < 5; ++i) {
      GenerationRequest r = sampled(made_up_prompt(1, 60 + i, *engine), 4, static_cast<uint64_t>(i));
      r.tenant = "t";
      sinks.push_back(submit(*scheduler, std::move(r)));
    }
    const int64_t before = heap_allocations();
    fail_allocation(at);
    for (int i = 0; i < 500 && scheduler->step(); ++i) {
    }
    fail_allocation(-1);
    const SchedulerSnapshot now = scheduler->snapshot();
    for (const auto& sink : sinks) ASSERT_TRUE(sink->finished) << "allocation " << at;
    ASSERT_EQ(now.waiting, 0) << "allocation " << at;
    ASSERT_EQ(now.running, 0) << "allocation " << at;
    ASSERT_EQ(now.pages_running, 0) << "allocation " << at;
    const auto next = submit(*scheduler, greedy({1, 2, 3}, 2));
    run_until_idle(*scheduler);
    ASSERT_TRUE(next->finish.status.ok()) << next->finish.status.message();
    if (heap_allocations() - before < at) break;  // there are no more
    failed +=
        std::any_of(sinks.begin(), sinks.end(), [](const auto& s) { return !s->finish.status.ok(); }) ? 1 : 0;
  }
  EXPECT_GT(failed, 50);
}

// One token's embedding is not a number: whoever says it fails, and nobody else notices.
TEST(SchedulerWishes, LogitsThatAreNoNumbersEndTheirRequestOnly) {
  const std::filesystem::path golden = std::filesystem::path(JAJU_TESTS_DIR) / "golden" / "split-bias-f32";
  const std::filesystem::path dir = std::filesystem::path(testing::TempDir()) / "jaju_scheduler_nan";
  std::filesystem::create_directories(dir);
  std::filesystem::copy(golden / "config.json", dir / "config.json",
                        std::filesystem::copy_options::overwrite_existing);
  const auto config = load_config(dir);
  ASSERT_TRUE(config.ok()) << config.message();
  SyntheticCheckpoint checkpoint(*config, {.router_bias = true});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(checkpoint.at("model.embed_tokens.weight").bytes.data() + 42 * config->hidden_size * 4, &nan,
              4);
  checkpoint.write(dir);
  auto engine = Engine::open(dir, {.context = 512, .threads = 1});
  ASSERT_TRUE(engine.ok()) << engine.message();
  std::vector<int32_t> clean;
  for (const int32_t id : made_up_prompt(1, 40, **engine)) clean.push_back(id == 42 ? 43 : id);
  GenerationRequest wanted = greedy(clean, 20);
  wanted.params.logit_bias = {{42, -100.0f}};
  const SamplingParams params = wanted.params;
  const auto quiet = quiet_answer(**engine, std::move(wanted));

  const auto scheduler = start_by_hand(**engine);
  const auto bad = submit(*scheduler, greedy(join(clean, {42, 1}), 20));
  GenerationRequest again = greedy(clean, 20);
  again.params = params;
  const auto good = submit(*scheduler, std::move(again));
  run_until_idle(*scheduler);
  EXPECT_NE(bad->finish.status.message().find("no token can be chosen"), std::string::npos)
      << bad->finish.status.message();
  EXPECT_TRUE(good->finish.status.ok());
  EXPECT_EQ(good->tokens, quiet);
  EXPECT_TRUE(scheduler->snapshot().healthy);
}

// The model's file shrinks under a running server: nobody is answered from it any more, and the process
// lives.
TEST(SchedulerWishes, ADamagedModelEndsEverything) {
  const std::filesystem::path golden = std::filesystem::path(JAJU_TESTS_DIR) / "golden" / "split-bias-f32";
  const std::filesystem::path dir = std::filesystem::path(testing::TempDir()) / "jaju_scheduler_shrunk";
  std::filesystem::remove_all(dir);
  std::filesystem::copy(golden, dir);
  auto engine = Engine::open(dir, {.context = 512, .threads = 1});
  ASSERT_TRUE(engine.ok()) << engine.message();
  const auto scheduler = start_by_hand(**engine, {.max_sequences = 1});
  const auto running = submit(*scheduler, greedy(made_up_prompt(1, 40, **engine), 200));
  const auto waiting = submit(*scheduler, greedy(made_up_prompt(2, 40, **engine), 200));
  for (int i = 0; i < 5; ++i) scheduler->step();
  EXPECT_FALSE(running->tokens.empty());
  const size_t said = running->tokens.size();
  std::filesystem::resize_file(dir / "model.safetensors", 4096);
  run_until_idle(*scheduler);
  EXPECT_EQ(running->tokens.size(), said) << "nothing that was computed with it came out";
  for (const auto& sink : {running, waiting}) {
    EXPECT_NE(sink->finish.status.message().find("model.safetensors"), std::string::npos)
        << sink->finish.status.message();
  }
  const SchedulerSnapshot s = scheduler->snapshot();
  EXPECT_FALSE(s.healthy);
  EXPECT_EQ(s.failed, 2u);
  EXPECT_EQ(s.pages_cached, 0);
  const Submission late = scheduler->submit(greedy({1, 2, 3}, 5), std::make_shared<Collected>());
  EXPECT_EQ(late.verdict, SubmitVerdict::unhealthy);
  EXPECT_EQ(late.status.message(), running->finish.status.message());
}

}  // namespace
}  // namespace jaju
