// The sampler against hand-computed values, exact distributions, and a stream of dice computed elsewhere.
#include "runtime/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

namespace jaju {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

SamplingParams plain() {
  SamplingParams params;
  params.temperature = 1.0f;
  params.top_p = 1.0f;
  return params;
}

// Draws n times from the same logits, a fresh history each time is not needed: no penalty is on.
std::vector<int> histogram(const SamplingParams& params, const std::vector<float>& logits, int n) {
  Sampler sampler(params, static_cast<int64_t>(logits.size()));
  std::vector<int> count(logits.size(), 0);
  for (int i = 0; i < n; ++i) {
    std::vector<float> copy = logits;
    const Result<int32_t> token = sampler.sample(copy);
    EXPECT_TRUE(token.ok()) << token.message();
    if (!token.ok()) break;
    ++count[*token];
  }
  return count;
}

std::set<int> support(const SamplingParams& params, const std::vector<float>& logits) {
  std::set<int> ids;
  const std::vector<int> count = histogram(params, logits, 4000);
  for (size_t i = 0; i < count.size(); ++i) {
    if (count[i] > 0) ids.insert(static_cast<int>(i));
  }
  return ids;
}

std::vector<float> logs(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

double chi_square(const std::vector<int>& count, const std::vector<double>& expected, int n) {
  double sum = 0;
  for (size_t i = 0; i < count.size(); ++i) {
    const double mean = expected[i] * n;
    sum += (count[i] - mean) * (count[i] - mean) / mean;
  }
  return sum;
}

TEST(Dice, MatchesPublishedStreams) {
  // First outputs for state {1, 2, 3, 4}, as in the reference implementation's ports.
  const uint64_t state[4] = {1, 2, 3, 4};
  Dice dice(state);
  EXPECT_EQ(dice.next(), 11520u);
  EXPECT_EQ(dice.next(), 0u);
  EXPECT_EQ(dice.next(), 1509978240u);
  EXPECT_EQ(dice.next(), 1215971899390074240u);
  // SplitMix64 from seed 1234567 gives the four words below; the stream from the seed must be the one from
  // them.
  const uint64_t seeded[4] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                              4593380528125082431u};
  Dice from_words(seeded);
  Dice from_seed(1234567);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(from_seed.next(), from_words.next());
}

TEST(Sampler, MatchesAStreamComputedElsewhere) {
  // 24 draws for seed 42, temperature 0.8, by a few lines of Python (integers and math.exp).
  const std::vector<int32_t> expected = {1, 1, 3, 4, 4, 3, 3, 4, 3, 3, 3, 1,
                                         3, 1, 3, 4, 3, 4, 3, 3, 1, 1, 1, 3};
  SamplingParams params = plain();
  params.temperature = 0.8f;
  params.seed = 42;
  Sampler sampler(params, 5);
  for (const int32_t want : expected) {
    std::vector<float> logits = logs({.05, .4, .1, .25, .2});
    const Result<int32_t> token = sampler.sample(logits);
    ASSERT_TRUE(token.ok());
    EXPECT_EQ(*token, want);
  }
}

TEST(Sampler, SameSeedSameTokensOtherSeedOthers) {
  const std::vector<float> logits = logs(std::vector<double>(50, 0.02));
  const auto draw = [&](uint64_t seed) {
    SamplingParams params = plain();
    params.seed = seed;
    Sampler sampler(params, 50);
    std::vector<int32_t> tokens;
    for (int i = 0; i < 64; ++i) {
      std::vector<float> copy = logits;
      tokens.push_back(*sampler.sample(copy));
    }
    return tokens;
  };
  EXPECT_EQ(draw(7), draw(7));
  EXPECT_NE(draw(7), draw(8));
  EXPECT_NE(draw(0), draw(1));
}

// 27.88: nine degrees of freedom stay below it in 999 of 1,000 honest runs.
TEST(Sampler, DrawsTheExactDistribution) {
  const int n = 200000;
  const std::vector<double> p = {0.30, 0.20, 0.15, 0.10, 0.08, 0.07, 0.04, 0.03, 0.02, 0.01};
  SamplingParams params = plain();
  params.seed = 5;
  EXPECT_LT(chi_square(histogram(params, logs(p), n), p, n), 27.88);

  params.temperature = 0.5f;  // squares the odds
  std::vector<double> sharp;
  double total = 0;
  for (const double x : p) total += x * x;
  for (const double x : p) sharp.push_back(x * x / total);
  EXPECT_LT(chi_square(histogram(params, logs(p), n), sharp, n), 27.88);
  // And the test can fail: those draws do not fit the flat odds.
  EXPECT_GT(chi_square(histogram(params, logs(p), n), p, n), 1000);
}

TEST(Sampler, CutDistributionIsRenormalised) {
  const int n = 100000;
  SamplingParams params = plain();
  params.top_k = 3;
  params.seed = 11;
  const std::vector<int> count = histogram(params, logs({0.1, 0.4, 0.05, 0.3, 0.15}), n);
  EXPECT_EQ(count[0], 0);
  EXPECT_EQ(count[2], 0);
  // 0.4, 0.3, 0.15 over their sum; two degrees of freedom, 1 in 1000.
  EXPECT_LT(chi_square({count[1], count[3], count[4]}, {0.4 / 0.85, 0.3 / 0.85, 0.15 / 0.85}, n), 13.82);
}

TEST(Sampler, TopKTiesGoToTheLowestId) {
  SamplingParams params = plain();
  params.top_k = 2;
  EXPECT_EQ(support(params, {1, 1, 1, 1}), (std::set<int>{0, 1}));
  params.top_k = 1;
  EXPECT_EQ(support(params, {0, 3, 3}), (std::set<int>{1}));
  params.top_k = 100;
  EXPECT_EQ(support(params, {0, 0, 0}), (std::set<int>{0, 1, 2}));
}

TEST(Sampler, TopPKeepsTheTokenThatCrossesTheLine) {
  SamplingParams params = plain();
  const std::vector<float> logits = logs({0.2, 0.5, 0.3});
  params.top_p = 0.49f;  // 0.5 reaches it alone
  EXPECT_EQ(support(params, logits), (std::set<int>{1}));
  params.top_p = 0.51f;  // 0.5 does not, 0.8 does
  EXPECT_EQ(support(params, logits), (std::set<int>{1, 2}));
  params.top_p = 0.79f;
  EXPECT_EQ(support(params, logits), (std::set<int>{1, 2}));
  params.top_p = 0.81f;
  EXPECT_EQ(support(params, logits), (std::set<int>{0, 1, 2}));
  params.top_p = 0.0f;  // one token always stays
  EXPECT_EQ(support(params, logits), (std::set<int>{1}));
}

TEST(Sampler, TopPSortsFarEnoughForAWideDistribution) {
  // 2,000 equal tokens: nine tenths of them are 1,800, the lowest ids, and the list grows past its first 128.
  SamplingParams params = plain();
  params.top_p = 0.9f;
  const std::vector<float> logits(2000, 0.5f);
  Sampler sampler(params, 2000);
  int32_t largest = 0;
  std::set<int32_t> distinct;
  for (int i = 0; i < 10000; ++i) {
    std::vector<float> copy = logits;
    const int32_t token = *sampler.sample(copy);
    largest = std::max(largest, token);
    distinct.insert(token);
  }
  EXPECT_LE(largest, 1800);
  EXPECT_GT(largest, 1780);
  EXPECT_GT(distinct.size(), 1700u);
}

TEST(Sampler, TopPWorksOnWhatTopKLeft) {
  SamplingParams params = plain();
  params.top_k = 2;     // 0.4 and 0.3 become 0.571 and 0.429
  params.top_p = 0.5f;  // so the first is enough; of the whole, 0.4 would not be
  EXPECT_EQ(support(params, logs({0.4, 0.3, 0.2, 0.1})), (std::set<int>{0}));
}

TEST(Sampler, MinPIsRelativeToTheBest) {
  SamplingParams params = plain();
  const std::vector<float> logits = logs({0.5, 0.3, 0.15, 0.05});
  params.min_p = 0.25f;  // 0.125 and up
  EXPECT_EQ(support(params, logits), (std::set<int>{0, 1, 2}));
  params.min_p = 0.35f;
  EXPECT_EQ(support(params, logits), (std::set<int>{0, 1}));
  params.min_p = 1.0f;
  EXPECT_EQ(support(params, logits), (std::set<int>{0}));
}

TEST(Sampler, GreedyTakesTheLowestIdOfEquals) {
  SamplingParams params;
  params.temperature = 0.0f;
  Sampler sampler(params, 4);
  std::vector<float> logits = {1, 3, 3, 2};
  EXPECT_EQ(*sampler.sample(logits), 1);
}

TEST(Sampler, RepetitionPenaltyByHand) {
  SamplingParams params;
  params.temperature = 0.0f;
  params.repetition_penalty = 2.0f;
  Sampler sampler(params, 4);
  sampler.observe_prompt(std::vector<int32_t>{0, 1, 0});
  std::vector<float> logits = {4, -1, 1.5f, 1};
  EXPECT_EQ(*sampler.sample(logits), 0);                    // 4 / 2 still wins
  EXPECT_EQ(logits, (std::vector<float>{2, -2, 1.5f, 1}));  // positive divided, negative multiplied, once
  logits = {2, -1, 1.5f, 1};
  EXPECT_EQ(*sampler.sample(logits), 2);  // 1 < 1.5
  logits = {0, 0, 1.5f, 1};
  EXPECT_EQ(*sampler.sample(logits), 3);  // token 2 is in the answer now: 0.75 < 1
}

TEST(Sampler, PresenceAndFrequencyByHand) {
  SamplingParams params;
  params.temperature = 0.0f;
  params.presence_penalty = 0.5f;
  params.frequency_penalty = 0.25f;
  Sampler sampler(params, 3);
  sampler.observe_prompt(std::vector<int32_t>{1, 1, 1});  // the prompt does not count
  std::vector<float> logits = {0, 3, 0};
  EXPECT_EQ(*sampler.sample(logits), 1);
  EXPECT_EQ(logits, (std::vector<float>{0, 3, 0}));
  logits = {0, 3, 0};
  EXPECT_EQ(*sampler.sample(logits), 1);
  EXPECT_EQ(logits, (std::vector<float>{0, 2.25f, 0}));  // 3 - 0.5 - 1 * 0.25
  logits = {0, 3, 0};
  EXPECT_EQ(*sampler.sample(logits), 1);
  EXPECT_EQ(logits, (std::vector<float>{0, 2.0f, 0}));  // 3 - 0.5 - 2 * 0.25
}

TEST(Sampler, LogitBiasComesFirst) {
  SamplingParams params;
  params.temperature = 0.0f;
  params.repetition_penalty = 2.0f;
  params.logit_bias = {{0, 6.0f}, {2, -100.0f}};
  Sampler sampler(params, 3);
  sampler.observe_prompt(std::vector<int32_t>{0});
  std::vector<float> logits = {-2, 1, 50};
  EXPECT_EQ(*sampler.sample(logits), 0);
  EXPECT_EQ(logits, (std::vector<float>{2, 1, -50}));  // (-2 + 6) / 2, not -4 + 6
}

TEST(Sampler, BadLogitsAreErrors) {
  Sampler sampler(plain(), 3);
  std::vector<float> logits = {0, kNaN, 0};
  Result<int32_t> token = sampler.sample(logits);
  ASSERT_FALSE(token.ok());
  EXPECT_NE(token.message().find("token 1 is nan"), std::string::npos) << token.message();
  logits = {0, 0, kInfinity};
  EXPECT_FALSE(sampler.sample(logits).ok());
  logits = {-kInfinity, -kInfinity, -kInfinity};
  token = sampler.sample(logits);
  ASSERT_FALSE(token.ok());
  EXPECT_NE(token.message().find("nothing to choose"), std::string::npos) << token.message();
  logits = {-kInfinity, -3.0f, -kInfinity};
  EXPECT_EQ(*sampler.sample(logits), 1);
}

TEST(Sampler, ExtremeLogitsStayFinite) {
  for (const float top_p : {1.0f, 0.9f}) {
    SamplingParams params = plain();
    params.temperature = 0.001f;
    params.top_p = top_p;
    Sampler sampler(params, 3);
    std::vector<float> logits = {3e38f, -3e38f, 2e38f};
    EXPECT_EQ(*sampler.sample(logits), 0);
  }
  SamplingParams params = plain();
  params.logit_bias = {{1, 3e38f}};
  Sampler sampler(params, 2);
  std::vector<float> logits = {0, 3e38f};
  EXPECT_FALSE(sampler.sample(logits).ok());
}

TEST(SamplingParams, ValidateNamesTheField) {
  const auto message = [](auto change) {
    SamplingParams params;
    change(params);
    return params.validate(100).message();
  };
  EXPECT_EQ(message([](SamplingParams&) {}), "");
  EXPECT_NE(message([](SamplingParams& p) { p.temperature = -0.1f; }).find("'temperature'"),
            std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.temperature = kNaN; }).find("'temperature'"),
            std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.top_k = -1; }).find("'top_k'"), std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.top_p = 1.01f; }).find("'top_p'"), std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.top_p = kNaN; }).find("'top_p'"), std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.min_p = kNaN; }).find("'min_p'"), std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.repetition_penalty = 0; }).find("'repetition_penalty'"),
            std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.presence_penalty = kNaN; }).find("'presence_penalty'"),
            std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.frequency_penalty = kInfinity; }).find("'frequency_penalty'"),
            std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.max_tokens = -2; }).find("'max_tokens'"), std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) {
              p.logit_bias = {{100, 1.0f}};
            }).find("token 100"),
            std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) {
              p.logit_bias = {{1, kNaN}};
            }).find("'logit_bias'"),
            std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.stop_tokens = {-1}; }).find("'stop_tokens'"),
            std::string::npos);
}

TEST(Sampler, MasksBanEverythingElse) {
  std::vector<float> logits(150);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i % 7);
  const auto mask_of = [](std::vector<int> ids) {
    std::vector<uint64_t> mask(3, 0);
    for (const int id : ids) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
    return mask;
  };
  const auto mask = mask_of({3, 63, 64, 140});
  Sampler sampler(plain(), 150);
  std::set<int> seen;
  Sampled out;
  for (int i = 0; i < 500; ++i) {
    auto copy = logits;
    ASSERT_TRUE(sampler.sample(copy, {.mask = mask}, out).ok());
    seen.insert(out.token);
  }
  EXPECT_EQ(seen, (std::set<int>{3, 63, 64, 140}));
  auto copy = logits;
  const std::vector<int32_t> banned = {3, 63, 64};
  ASSERT_TRUE(sampler.sample(copy, {.mask = mask, .banned = banned}, out).ok());
  EXPECT_EQ(out.token, 140);
  copy = logits;
  const auto none = mask_of({});
  EXPECT_NE(sampler.sample(copy, {.mask = none}, out).message().find("constraint"), std::string::npos);
  // A mask that allows all, words of ones included, changes nothing.
  const std::vector<uint64_t> all(3, ~uint64_t{0});
  Sampler a(plain(), 150), b(plain(), 150);
  for (int i = 0; i < 50; ++i) {
    auto x = logits, y = logits;
    ASSERT_TRUE(a.sample(x, {.mask = all}, out).ok());
    EXPECT_EQ(out.token, *b.sample(y));
  }
}

TEST(Sampler, ForcedTokensThrowNoDiceAndAreRemembered) {
  SamplingParams params = plain();
  params.repetition_penalty = 100;
  const std::vector<float> logits = {1, 1, 1, 1};
  Sampler a(params, 4), b(params, 4);
  Sampled out;
  auto copy = logits;
  ASSERT_TRUE(a.sample(copy, {.forced = 2}, out).ok());
  EXPECT_EQ(out.token, 2);
  b.observe_prompt(std::vector<int32_t>{2});  // the same penalty, no dice thrown either
  for (int i = 0; i < 20; ++i) {
    auto x = logits, y = logits;
    ASSERT_TRUE(a.sample(x, {}, out).ok());
    EXPECT_EQ(out.token, *b.sample(y));
  }
  copy = {1, kNaN, 1, 1};
  EXPECT_FALSE(a.sample(copy, {.forced = 2}, out).ok()) << "what follows would be nonsense";
}

TEST(Sampler, ReportsTheRawDistribution) {
  const std::vector<double> p = {0.5, 0.2, 0.2, 0.1};
  SamplingParams params = plain();
  params.temperature = 0;
  params.logit_bias = {{3, 50.0f}};
  Sampler sampler(params, 4);
  std::vector<float> logits = logs(p);
  for (float& x : logits) x += 700;  // far from where exp() could go
  auto copy = logits;
  Sampled out;
  const std::vector<uint64_t> mask = {0b1011};
  ASSERT_TRUE(sampler.sample(copy, {.mask = mask, .top_logprobs = 3}, out).ok());
  EXPECT_EQ(out.token, 3);
  EXPECT_NEAR(out.logprob, std::log(0.1), 1e-4);
  ASSERT_EQ(out.top.size(), 3u);
  const int32_t order[] = {0, 1, 2};  // of equals the lower id
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(out.top[i].first, order[i]);
    EXPECT_NEAR(out.top[i].second, std::log(p[i]), 1e-4) << "also of what the mask bans";
  }
  copy = logits;
  ASSERT_TRUE(sampler.sample(copy, {.top_logprobs = 0}, out).ok());
  EXPECT_TRUE(out.top.empty());
  EXPECT_NEAR(out.logprob, std::log(0.1), 1e-4);
  copy = logits;
  ASSERT_TRUE(sampler.sample(copy, {.top_logprobs = 20}, out).ok());
  EXPECT_EQ(out.top.size(), 4u);
}

}  // namespace
}  // namespace jaju
