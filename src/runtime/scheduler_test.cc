// One answer whatever happens around it: alone or in a batch, cached, preempted, guessed.
#include "runtime/scheduler.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/scheduler_test_tools.h"

namespace jaju {
namespace {

struct Subject {
  const char* name;
  KvType kv = KvType::automatic;
};
const Subject kModels[] = {{"nano"},      {"fused-bf16"},       {"split-bias-f32"},     {"mtp-f32"},
                           {"tiny-chat"}, {"nano", KvType::q8}, {"mtp-f32", KvType::q8}};

// With prompts read as Session reads them, the answers are Session's.
TEST(Scheduler, FastAnswersAreWhatASessionGives) {
  for (const auto& [name, kv] : kModels) {
    SCOPED_TRACE(fmt::format("{} {}", name, name_of(kv)));
    const auto engine = open_model(name, {.kv_type = kv});
    ASSERT_NE(engine, nullptr);
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const auto prompt = made_up_prompt(seed, 40 + static_cast<int64_t>(seed) * 90, *engine);
      const GenerationRequest wanted = seed % 2 == 0 ? greedy(prompt, 30) : sampled(prompt, 30, seed);
      const SamplingParams params = wanted.params;
      auto session = engine->new_session();
      const auto alone = (*session)->generate(prompt, params, {});
      ASSERT_TRUE(alone.ok()) << alone.message();
      GenerationRequest request = greedy(prompt, 30);
      request.params = params;
      EXPECT_EQ(quiet_answer(*engine, std::move(request), PromptAttention::fast), alone->tokens);
    }
  }
}

TEST(Scheduler, AnswersInABatchAreThoseGivenAlone) {
  for (const auto& [name, kv] : kModels) {
    SCOPED_TRACE(fmt::format("{} {}", name, name_of(kv)));
    const auto engine = open_model(name, {.kv_type = kv, .prefill_chunk = 64});
    ASSERT_NE(engine, nullptr);
    const auto scheduler = start_by_hand(*engine, {.max_sequences = 5});
    const auto request = [&](uint64_t i) {
      const auto prompt = made_up_prompt(i, 3 + static_cast<int64_t>(i * 37 % 200), *engine);
      const auto n = 5 + static_cast<int64_t>(i * 7 % 40);
      return i % 2 == 0 ? greedy(prompt, n) : sampled(prompt, n, i);
    };
    std::vector<std::shared_ptr<Collected>> sinks;
    for (uint64_t i = 0; i < 12; ++i) sinks.push_back(submit(*scheduler, request(i)));
    run_until_idle(*scheduler);
    EXPECT_GT(scheduler->snapshot().rows, scheduler->snapshot().steps);
    scheduler->drain(0);
    for (uint64_t i = 0; i < 12; ++i) {
      EXPECT_EQ(sinks[i]->tokens, quiet_answer(*engine, request(i))) << i;
      EXPECT_EQ(sinks[i]->finish.reason, StopReason::length);
    }
  }
}

// Against the routing that Engine::evaluate reports for the same tokens.
TEST(Scheduler, ExpertFiguresAreTheRoutersChoices) {
  const auto engine = open_model("mtp-f32", {.prefill_chunk = 64});
  ASSERT_NE(engine, nullptr);
  const auto prompt = made_up_prompt(5, 40, *engine);
  const auto evaluation = engine->evaluate(prompt, false);
  ASSERT_TRUE(evaluation.ok()) << evaluation.message();
  const auto scheduler = start_by_hand(*engine);
  const std::vector<ExpertFigures> before = scheduler->experts();
  GenerationRequest request = greedy(prompt, 0);
  request.want_hidden = true;  // every row goes through the last layer's experts, too
  submit(*scheduler, std::move(request));
  run_until_idle(*scheduler);
  const std::vector<ExpertFigures> figures = scheduler->experts();
  ASSERT_EQ(figures.size(), evaluation->experts.size());
  const ModelConfig& c = engine->config();
  size_t layer = 0;
  for (int64_t i = 0; i < c.n_layers; ++i) {
    if (!c.is_moe(i)) continue;
    SCOPED_TRACE(i);
    std::vector<uint64_t> visits(static_cast<size_t>(c.n_routed_experts));
    for (const auto& ids : evaluation->experts[layer]) {
      for (const int32_t id : ids) ++visits[static_cast<size_t>(id)];
    }
    const auto unvisited = std::count(visits.begin(), visits.end(), 0u);
    const ExpertFigures& f = figures[layer];
    EXPECT_EQ(f.layer, i);
    EXPECT_EQ(f.experts, c.n_routed_experts);
    EXPECT_EQ(f.visits - before[layer].visits, prompt.size() * static_cast<size_t>(c.n_experts_per_token));
    EXPECT_EQ(f.reads - before[layer].reads, visits.size() - static_cast<size_t>(unvisited)) << "one step";
    EXPECT_EQ(f.busiest, 2 * *std::max_element(visits.begin(), visits.end())) << "evaluated, then read";
    EXPECT_EQ(f.unvisited, unvisited);
    ++layer;
  }
  EXPECT_GT(layer, 0u);
}

// Paths of the prefix cache, each against an answer without one.
TEST(Scheduler, CachedAnswersAreUncachedAnswers) {
  for (const auto& [name, kv] : kModels) {
    SCOPED_TRACE(fmt::format("{} {}", name, name_of(kv)));
    const auto engine = open_model(name, {.kv_type = kv});
    ASSERT_NE(engine, nullptr);
    const auto scheduler = start_by_hand(*engine, {.speculation = false});
    const auto ask = [&](const std::vector<int32_t>& prompt, uint64_t seed) {
      const auto request = [&] { return seed == 0 ? greedy(prompt, 25) : sampled(prompt, 25, seed); };
      const auto sink = submit(*scheduler, request());
      run_until_idle(*scheduler);
      EXPECT_EQ(sink->tokens, quiet_answer(*engine, request()));
      return sink;
    };
    const auto prompt = made_up_prompt(7, 150, *engine);
    const auto first = ask(prompt, 0);
    EXPECT_EQ(first->finish.stats.cached_tokens, 0);
    EXPECT_EQ(first->finish.stats.cache_stop, CacheStop::nothing_stored);

    // The same again: everything but the last token.
    for (const uint64_t seed : {0, 1, 2}) {
      const auto again = ask(prompt, seed);
      EXPECT_EQ(again->finish.stats.cached_tokens, 149);
      EXPECT_EQ(again->finish.stats.cache_stop, CacheStop::whole_prompt);
    }
    // Whole pages only: the prompt's first 129 tokens need two pages and their last token.
    const auto pages = ask({prompt.begin(), prompt.begin() + 129}, 0);
    EXPECT_EQ(pages->finish.stats.cached_tokens, 128);
    // A part of a page, then something else.
    auto other = prompt;
    other[100] = (other[100] + 1) % 100;
    const auto partial = ask(other, 0);
    EXPECT_EQ(partial->finish.stats.cached_tokens, 100);
    EXPECT_EQ(partial->finish.stats.cache_stop, CacheStop::prompt_differs);
    EXPECT_EQ(partial->finish.stats.stored_token, prompt[100]);
    // The next turn: prompt, answer, and more. The answer's last token was never read.
    const auto turn = join(join(prompt, first->tokens), made_up_prompt(8, 30, *engine));
    const auto next = ask(turn, 0);
    EXPECT_EQ(next->finish.stats.cached_tokens, 150 + 24);
    EXPECT_EQ(next->finish.stats.cache_stop, CacheStop::end_of_stored);
    // Nobody else's prompt.
    GenerationRequest stranger = greedy(prompt, 3);
    stranger.tenant = "somebody else";
    const auto nothing = submit(*scheduler, std::move(stranger));
    run_until_idle(*scheduler);
    EXPECT_EQ(nothing->finish.stats.cached_tokens, 0);
    EXPECT_EQ(nothing->finish.stats.cache_stop, CacheStop::nothing_stored);
  }
}

// Read as a session reads: prompts found in the cache are as good as read again, to the bit.
TEST(Scheduler, FastPromptsAreCachedToTheBit) {
  for (const auto& [name, kv] : kModels) {
    SCOPED_TRACE(fmt::format("{} {}", name, name_of(kv)));
    const auto engine = open_model(name, {.kv_type = kv});
    ASSERT_NE(engine, nullptr);
    const auto scheduler = start_by_hand(*engine, {.prompt_attention = PromptAttention::fast});
    const auto prompt = made_up_prompt(7, 150, *engine);
    auto other = prompt;
    other[100] = (other[100] + 1) % 100;
    for (const auto& p : {prompt, prompt, other}) {
      for (const uint64_t seed : {1, 2}) {
        const auto sink = submit(*scheduler, sampled(p, 25, seed));
        run_until_idle(*scheduler);
        EXPECT_EQ(sink->tokens, quiet_answer(*engine, sampled(p, 25, seed), PromptAttention::fast));
      }
    }
    EXPECT_EQ(scheduler->snapshot().cached_tokens, 3u * 149 + 100 + 149);
  }
}

// Ten turns: each reads only what is new.
TEST(Scheduler, AConversationReadsOnlyItsNewTurns) {
  const auto engine = open_model("nano", {.context = 2048});
  ASSERT_NE(engine, nullptr);
  const auto scheduler = start_by_hand(*engine);
  std::vector<int32_t> text;
  for (uint64_t turn = 0; turn < 10; ++turn) {
    const auto before = static_cast<int64_t>(text.size());
    text = join(text, made_up_prompt(turn + 50, 40, *engine));
    const auto sink = submit(*scheduler, greedy(text, 60));
    run_until_idle(*scheduler);
    EXPECT_EQ(sink->tokens, quiet_answer(*engine, greedy(text, 60))) << turn;
    EXPECT_EQ(sink->finish.stats.cached_tokens, std::max<int64_t>(0, before - 1)) << turn;
    text = join(text, sink->tokens);
  }
}

// Several with one prompt at once: it is read once.
TEST(Scheduler, SamePromptsSideBySideAreReadOnce) {
  const auto engine = open_model("split-bias-f32", {.prefill_chunk = 64});
  ASSERT_NE(engine, nullptr);
  const auto scheduler = start_by_hand(*engine, {.speculation = false});
  const auto prompt = made_up_prompt(3, 300, *engine);
  std::vector<std::shared_ptr<Collected>> sinks;
  for (uint64_t seed = 0; seed < 6; ++seed) sinks.push_back(submit(*scheduler, sampled(prompt, 10, seed)));
  run_until_idle(*scheduler);
  EXPECT_EQ(scheduler->snapshot().rows, 300u + 5u + 6u * 9u);
  for (uint64_t seed = 0; seed < 6; ++seed) {
    EXPECT_EQ(sinks[seed]->tokens, quiet_answer(*engine, sampled(prompt, 10, seed)));
    EXPECT_EQ(sinks[seed]->finish.stats.cached_tokens, seed == 0 ? 0 : 299);
  }
}

// Few pages: sequences are dropped, read again, and say the same.
TEST(Scheduler, PreemptedAnswersAreTheSame) {
  for (const auto& [name, attention, kv] : {std::tuple{"nano", PromptAttention::same_bits, KvType::automatic},
                                            {"fused-bf16", PromptAttention::same_bits, KvType::automatic},
                                            {"split-bias-f32", PromptAttention::same_bits, KvType::automatic},
                                            {"mtp-f32", PromptAttention::same_bits, KvType::automatic},
                                            {"tiny-chat", PromptAttention::same_bits, KvType::automatic},
                                            {"nano", PromptAttention::fast, KvType::automatic},
                                            {"mtp-f32", PromptAttention::fast, KvType::automatic},
                                            {"nano", PromptAttention::same_bits, KvType::q8},
                                            {"mtp-f32", PromptAttention::fast, KvType::q8}}) {
    SCOPED_TRACE(fmt::format("{} {}", name, name_of(kv)));
    const auto engine = open_model(name, {.kv_type = kv});
    ASSERT_NE(engine, nullptr);
    const int64_t page = engine->kv_bytes_per_token() * 64 * (name == std::string("mtp-f32") ? 4 : 3) / 3;
    const auto scheduler = start_by_hand(
        *engine, {.max_sequences = 8, .kv_budget_bytes = 9 * page, .prompt_attention = attention});
    const auto request = [&](uint64_t i) {
      const auto prompt = made_up_prompt(i, 30 + static_cast<int64_t>(i % 3), *engine);
      return i % 2 == 0 ? greedy(prompt, 150) : sampled(prompt, 150, i);
    };
    std::vector<std::shared_ptr<Collected>> sinks;
    for (uint64_t i = 0; i < 8; ++i) sinks.push_back(submit(*scheduler, request(i)));
    run_until_idle(*scheduler);
    EXPECT_GT(scheduler->snapshot().preemptions, 0u);
    EXPECT_GT(scheduler->snapshot().recomputed_tokens, 0u);
    int64_t preemptions = 0;
    for (uint64_t i = 0; i < 8; ++i) {
      EXPECT_EQ(sinks[i]->tokens, quiet_answer(*engine, request(i), attention)) << i;
      preemptions += sinks[i]->finish.stats.preemptions;
    }
    EXPECT_EQ(sinks[0]->finish.stats.preemptions, 0) << "the oldest is never dropped";
    EXPECT_EQ(static_cast<uint64_t>(preemptions), scheduler->snapshot().preemptions);
  }
}

TEST(Scheduler, GuessesChangeNothing) {
  for (const auto& [name, kv] : kModels) {
    SCOPED_TRACE(fmt::format("{} {}", name, name_of(kv)));
    const auto engine = open_model(name, {.kv_type = kv});
    ASSERT_NE(engine, nullptr);
    const auto scheduler = start_by_hand(*engine, {.max_draft = 5, .clock = [] { return 0.0; }});
    for (uint64_t i = 0; i < 8; ++i) {
      const auto request = [&] {
        const auto prompt = made_up_prompt(i, 60, *engine);
        GenerationRequest r = i % 2 == 0 ? greedy(prompt, 120) : sampled(prompt, 120, i);
        if (i % 4 >= 2) r.params.repetition_penalty = 1.1f;
        if (i == 5) r.params.temperature = 0.2f;
        return r;
      };
      const auto sink = submit(*scheduler, request());
      run_until_idle(*scheduler);
      EXPECT_EQ(sink->tokens, quiet_answer(*engine, request())) << i;
      EXPECT_EQ(sink->finish.stats.generated_tokens, 120);
      EXPECT_LE(sink->finish.stats.accepted_tokens, sink->finish.stats.drafted_tokens);
    }
    EXPECT_GT(scheduler->snapshot().drafted_tokens, 0u);
    EXPECT_GT(scheduler->snapshot().accepted_tokens, 0u);
  }
}

}  // namespace
}  // namespace jaju
