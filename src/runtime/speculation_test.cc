#include "runtime/speculation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "runtime/scheduler_test_tools.h"

namespace jaju {
namespace {

using Ids = std::vector<int32_t>;

Ids guess(const Ids& text, int64_t most) {
  PromptLookup lookup;
  lookup.extend(text);
  Ids out;
  const int64_t n = lookup.draft(text, most, out);
  EXPECT_EQ(n, static_cast<int64_t>(out.size()));
  return out;
}

TEST(PromptLookup, GuessesWhatFollowedBefore) {
  EXPECT_EQ(guess({1, 2, 3, 4, 5, 9, 1, 2, 3}, 3), (Ids{4, 5, 9}));
  EXPECT_EQ(guess({7, 2, 3, 4, 5, 9, 1, 2, 3}, 2), (Ids{4, 5})) << "two tokens will do";
  EXPECT_EQ(guess({7, 8, 3, 4, 5, 9, 1, 2, 3}, 2), Ids{}) << "one will not";
  EXPECT_EQ(guess({1, 2, 8, 5, 1, 2, 9, 6, 1, 2}, 1), Ids{9}) << "the latest counts";
  EXPECT_EQ(guess({0, 1, 2, 8, 5, 1, 2, 9, 0, 1, 2}, 1), Ids{8}) << "but three agree better than two";
  EXPECT_EQ(guess({4, 5, 4, 5, 4, 5}, 5), (Ids{4, 5, 4, 5, 4})) << "repetition goes on past the end";
  EXPECT_EQ(guess({3}, 2), Ids{});
  EXPECT_EQ(guess({}, 2), Ids{});
}

TEST(PromptLookup, GrowsWithItsText) {
  Dice dice(1);
  Ids text;
  PromptLookup lookup;
  for (int i = 0; i < 20000; ++i) {
    text.push_back(static_cast<int32_t>(dice.next() % 50));
    lookup.extend(text);
    Ids out;
    if (lookup.draft(text, 1, out) == 0) continue;
    // It did follow the last two tokens once.
    const Ids wanted = {text[text.size() - 2], text.back(), out[0]};
    ASSERT_NE(std::search(text.begin(), text.end(), wanted.begin(), wanted.end()), text.end());
  }
}

TEST(StepCost, FindsWhatARowCosts) {
  StepCost cost;
  EXPECT_EQ(cost.per_row(), 0.0);
  for (int i = 0; i < 50; ++i) cost.add(4, 1.0);
  EXPECT_DOUBLE_EQ(cost.per_row(), 0.125) << "nothing known of other sizes";
  for (int i = 0; i < 300; ++i) cost.add(1 + i % 8, 0.010 + 0.002 * (1 + i % 8));
  EXPECT_NEAR(cost.per_row(), 0.002, 2e-4);
  EXPECT_NEAR(cost.seconds(20), 0.050, 5e-3);
  for (int i = 0; i < 1000; ++i) cost.add(1, 0.012);
  EXPECT_NEAR(cost.per_row(), 0.002, 5e-4) << "steps of one size do not make it forget";
}

TEST(DraftGate, GuessesWhileThatPays) {
  DraftGate good;
  for (int i = 0; i < 100; ++i) {
    const int64_t width = good.width(1, 1.5, 4);
    width == 0 ? good.idle() : good.report(width, width);
  }
  EXPECT_EQ(good.width(1, 1.5, 4), 4);
  EXPECT_EQ(good.width(1, 0.9, 4), 0) << "a row costs more than a token is worth";

  DraftGate bad;
  int64_t tried = 0, longest = 0, pause = 0;
  for (int i = 0; i < 2000; ++i) {
    const int64_t width = bad.width(1, 1.5, 4);
    if (width == 0) {
      bad.idle();
      longest = std::max(longest, ++pause);
      continue;
    }
    pause = 0;
    tried += width;
    bad.report(width, 0);
  }
  EXPECT_LT(tried, 50) << "nothing was ever right";
  EXPECT_GE(tried, 8) << "but it looked again";
  EXPECT_GE(longest, 200);
  // Text has become predictable.
  for (int i = 0; i < 600 && bad.width(1, 1.5, 4) < 4; ++i) {
    const int64_t width = bad.width(1, 1.5, 4);
    width == 0 ? bad.idle() : bad.report(width, width);
  }
  EXPECT_EQ(bad.width(1, 1.5, 4), 4);
}

// Two sampled tokens in a row, the second one guessed: as often as the model's own probabilities say.
TEST(Speculation, LeavesTheDistributionAlone) {
  const auto engine = open_model("split-bias-f32");
  constexpr int kRuns = 3000;
  constexpr double kTemperature = 0.7;
  constexpr float kBias = 30;  // so that nothing else is said
  const Ids said = {5, 6, 7};
  // Whatever comes first stood behind 9 before, so the second is always guessed; from what stands there it is
  // sometimes right.
  const auto prompt = join(made_up_prompt(11, 20, *engine), {9, 5, 6, 1, 9, 6, 7, 2, 9, 7, 5, 3, 9});
  const auto shares = [&](const Ids& text) {
    const auto truth = engine->evaluate(text, false);
    EXPECT_TRUE(truth.ok());
    std::vector<double> result;
    for (const int32_t id : said) {
      result.push_back(std::exp(static_cast<double>(truth->logits[static_cast<size_t>(id)]) / kTemperature));
    }
    const double total = std::accumulate(result.begin(), result.end(), 0.0);
    for (double& share : result) share /= total;
    return result;
  };
  std::map<Ids, double> expected;
  const auto first = shares(prompt);
  for (size_t i = 0; i < said.size(); ++i) {
    const auto second = shares(join(prompt, {said[i]}));
    for (size_t j = 0; j < said.size(); ++j) expected[{said[i], said[j]}] = first[i] * second[j] * kRuns;
  }

  const auto scheduler = start_by_hand(*engine, {.clock = [] { return 0.0; }});
  std::map<Ids, int> seen;
  for (uint64_t seed = 0; seed < kRuns; ++seed) {
    GenerationRequest r = sampled(prompt, 3, seed);
    r.params.top_p = 1;
    r.params.temperature = static_cast<float>(kTemperature);
    for (const int32_t id : said) r.params.logit_bias.emplace_back(id, kBias);
    const auto sink = submit(*scheduler, std::move(r));
    run_until_idle(*scheduler);
    ASSERT_EQ(sink->tokens.size(), 3u);
    ++seen[{sink->tokens[0], sink->tokens[1]}];
  }
  const SchedulerSnapshot s = scheduler->snapshot();
  EXPECT_GE(s.drafted_tokens, static_cast<uint64_t>(kRuns)) << "every second token was guessed";
  EXPECT_GT(s.accepted_tokens, static_cast<uint64_t>(kRuns) / 10);
  EXPECT_LT(s.accepted_tokens, s.drafted_tokens);
  double chi_square = 0;
  int total = 0;
  for (const auto& [pair, n] : expected) {
    EXPECT_GT(n, 5.0) << "too rare for this test";
    const int count = seen[pair];
    chi_square += (count - n) * (count - n) / n;
    total += count;
  }
  EXPECT_EQ(total, kRuns) << "something else was said";
  EXPECT_LT(chi_square, 26.1) << "8 degrees of freedom: one in a thousand";
}

// Lets nothing but one text be said.
class Script : public TokenConstraint {
 public:
  Script(Ids text, int64_t vocab) : text_(std::move(text)), vocab_(vocab) {}
  std::unique_ptr<TokenConstraint> restart() const override {
    return std::make_unique<Script>(text_, vocab_);
  }
  std::unique_ptr<TokenConstraint> clone() const override { return std::make_unique<Script>(*this); }
  Status allowed(std::span<uint64_t> mask) override {
    std::fill(mask.begin(), mask.end(), 0);
    mask[static_cast<size_t>(text_[at_]) / 64] |= uint64_t{1} << (text_[at_] % 64);
    return {};
  }
  Status accept(int32_t token) override {
    return token == text_[at_++] ? Status() : error("not in the script");
  }
  bool can_end() const override { return must_end(); }
  bool must_end() const override { return at_ == text_.size(); }
  int64_t vocabulary_size() const override { return vocab_; }

 private:
  Ids text_;
  int64_t vocab_;
  size_t at_ = 0;
};

// The MTP block's guesses are those it makes with the whole text before it: whoever says just what it guesses
// has every guess accepted. Also where the prompt came from the cache.
TEST(Speculation, MtpGuessesAreTheBlocksOwn) {
  const auto engine = open_model("mtp-f32");
  const auto prompt = made_up_prompt(3, 150, *engine);
  Ids script = {17};
  while (script.size() < 40) {
    const auto truth = engine->evaluate(join(prompt, script), false);
    ASSERT_TRUE(truth.ok());
    const auto& draft = truth->mtp_logits;
    script.push_back(static_cast<int32_t>(std::max_element(draft.begin(), draft.end()) - draft.begin()));
  }
  const auto scheduler = start_by_hand(*engine, {.clock = [] { return 0.0; }});
  for (const int64_t cached : {0, 149, 128}) {
    if (cached == 128) {  // a beginning of the prompt only
      GenerationRequest warm = greedy({prompt.begin(), prompt.begin() + 129}, 0);
      warm.tenant = "other";
      submit(*scheduler, std::move(warm));
      run_until_idle(*scheduler);
    }
    GenerationRequest r = greedy(prompt, -1);
    r.tenant = cached == 128 ? "other" : "";
    r.constraint = std::make_unique<Script>(script, engine->config().vocab_size);
    const auto sink = submit(*scheduler, std::move(r));
    run_until_idle(*scheduler);
    EXPECT_EQ(sink->tokens, script);
    const RequestStats& stats = sink->finish.stats;
    EXPECT_GE(stats.cached_tokens, cached);
    EXPECT_EQ(stats.accepted_tokens, 19) << "one a step, as many steps as there are other tokens";
    EXPECT_EQ(stats.drafted_tokens, 20) << "the last is of no use";
  }
}

// Text that repeats itself: fewer steps than tokens.
TEST(Speculation, SavesSteps) {
  const auto engine = open_model("nano");
  const auto steps = [&](bool speculation) {
    const auto scheduler = start_by_hand(*engine, {.speculation = speculation, .clock = [] { return 0.0; }});
    Ids prompt;
    for (int i = 0; i < 20; ++i) prompt.insert(prompt.end(), {301, 302, 303, 304, 305, 306, 307});
    GenerationRequest r = greedy(prompt, 100);
    r.params.logit_bias = {};
    submit(*scheduler, std::move(r));
    run_until_idle(*scheduler);
    return scheduler->snapshot();
  };
  const SchedulerSnapshot with = steps(true), without = steps(false);
  EXPECT_EQ(with.generated_tokens, without.generated_tokens);
  EXPECT_EQ(with.steps + with.accepted_tokens, without.steps);
  EXPECT_EQ(without.drafted_tokens, 0u);
}

}  // namespace
}  // namespace jaju
