// Divergences against sums written as the textbook has them, in long double; and of models with themselves
// and others.
#include "eval/divergence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace jaju::eval {
namespace {

std::vector<long double> probabilities(const std::vector<float>& logits) {
  std::vector<long double> p;
  long double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<long double>(x));
  for (const float x : logits) p.push_back(std::exp(static_cast<long double>(x)) / sum);
  return p;
}

TEST(Divergence, IsTheTextbooksSums) {
  std::mt19937 dice(3);
  std::normal_distribution<float> normal;
  constexpr size_t kVocab = 40;
  DivergenceTally tally;
  std::vector<double> kls;
  std::vector<std::vector<double>> kls_of;  // by sequence
  long double same = 0, loss = 0, reference_loss = 0, change = 0;
  int64_t n = 0, sure = 0;
  for (const int length : {3, 1, 7, 20}) {
    tally.begin_sequence();
    kls_of.emplace_back();
    for (int i = 0; i < length; ++i) {
      std::vector<float> a(kVocab), b(kVocab);
      for (size_t k = 0; k < kVocab; ++k) {
        a[k] = 4 * normal(dice);
        b[k] = a[k] + 0.8f * normal(dice);
      }
      const auto next = static_cast<int32_t>(dice() % kVocab);
      tally.add(a, b, next);
      const auto p = probabilities(a), q = probabilities(b);
      long double kl = 0;
      size_t top_p = 0, top_q = 0;
      for (size_t k = 0; k < kVocab; ++k) {
        kl += p[k] * std::log(p[k] / q[k]);
        if (p[k] > p[top_p]) top_p = k;
        if (q[k] > q[top_q]) top_q = k;
      }
      kls.push_back(static_cast<double>(kl));
      kls_of.back().push_back(static_cast<double>(kl));
      same += top_p == top_q ? 1 : 0;
      sure += p[top_p] > 0.5L ? 1 : 0;
      const auto token = static_cast<size_t>(next);
      loss -= std::log(q[token]);
      reference_loss -= std::log(p[token]);
      change += (q[token] - p[token]) * (q[token] - p[token]);
      ++n;
    }
  }
  const Divergence d = tally.finish();
  const auto mean = [&](long double sum) { return static_cast<double>(sum / n); };
  double kl_sum = 0;
  for (const double kl : kls) kl_sum += kl;
  EXPECT_EQ(d.sequences, 4);
  EXPECT_EQ(d.positions, n);
  EXPECT_NEAR(d.kl.mean, mean(kl_sum), 1e-13);
  EXPECT_NEAR(d.same_top.mean, mean(same), 1e-15);
  EXPECT_LT(d.same_top.mean, 1);  // else nothing was seen to differ
  EXPECT_NEAR(d.loss.mean, mean(loss), 1e-12);
  EXPECT_NEAR(d.reference_loss.mean, mean(reference_loss), 1e-12);
  EXPECT_NEAR(d.loss_change.mean, mean(loss - reference_loss), 1e-12);
  EXPECT_NEAR(d.change_rms, std::sqrt(mean(change)), 1e-13);
  EXPECT_EQ(d.sure, sure);
  std::sort(kls.begin(), kls.end());  // 31 of them
  EXPECT_NEAR(d.kl_median, kls[15], 1e-6);
  EXPECT_NEAR(d.kl_99, kls[30], 1e-6);
  EXPECT_NEAR(d.kl_most, kls[30], 1e-6);
  // The interval: deviations of whole sequences from what the mean would give them.
  double spread = 0;
  for (const auto& sequence : kls_of) {
    double sum = 0;
    for (const double kl : sequence) sum += kl;
    const double off = sum - static_cast<double>(sequence.size()) * kl_sum / static_cast<double>(n);
    spread += off * off;
  }
  const double half = 1.959964 * std::sqrt(4.0 / 3.0 * spread) / static_cast<double>(n);
  EXPECT_NEAR(d.kl.high, d.kl.mean + half, 1e-12);
  EXPECT_NEAR(d.kl.low, std::max(0.0, d.kl.mean - half), 1e-12);
}

TEST(Divergence, LargeLogitsAndImpossibleTokens) {
  const std::vector<float> a = {1000, 999, -INFINITY}, b = {-1000, -1001, -1200};
  DivergenceTally tally;
  tally.begin_sequence();
  tally.add(a, b, 0);
  const Divergence d = tally.finish();
  EXPECT_NEAR(d.kl.mean, 0, 1e-12);
  EXPECT_TRUE(std::isnan(d.kl.low)) << "one sequence has no spread";
  EXPECT_EQ(d.same_top.mean, 1);
  EXPECT_NEAR(d.loss.mean, std::log(1 + std::exp(-1)), 1e-12);
  EXPECT_EQ(DivergenceTally().finish().positions, 0);
}

// With each other's intervals: 95 % of them should hold the truth, which many sequences tell.
TEST(Divergence, IntervalsHoldTheTruthAsOftenAsTheySay) {
  std::mt19937 dice(11);
  std::normal_distribution<float> normal;
  // A sequence's positions share a shift, so that they hang together.
  const auto add_sequences = [&](DivergenceTally& tally, int n) {
    for (int s = 0; s < n; ++s) {
      tally.begin_sequence();
      const float shift = normal(dice);
      for (int i = 0; i < 10; ++i) {
        const float a = normal(dice);
        tally.add(std::vector<float>{a, 0}, std::vector<float>{a + shift + 0.1f * normal(dice), 0}, 0);
      }
    }
  };
  DivergenceTally large;
  add_sequences(large, 100'000);
  const double truth = large.finish().loss_change.mean;
  int held = 0;
  constexpr int kTries = 400;
  for (int i = 0; i < kTries; ++i) {
    DivergenceTally tally;
    add_sequences(tally, 60);
    const Divergence d = tally.finish();
    held += d.loss_change.low <= truth && truth <= d.loss_change.high ? 1 : 0;
  }
  // 380 expected, with a standard deviation of 4.4; three of those and the normal's quantile for 60
  // sequences.
  EXPECT_GT(held, 362);
  EXPECT_LT(held, 397);
}

TEST(Divergence, AModelWithItselfAndWithAnother) {
  const auto open = [](const char* name) {
    auto engine =
        Engine::open(std::string(JAJU_TESTS_DIR) + "/golden/" + name, {.threads = 2, .prefill_chunk = 64});
    EXPECT_TRUE(engine.ok()) << engine.message();
    return std::move(*engine);
  };
  const auto a = open("split-bias-f32");
  const auto b = open("mscale-all-f32");
  ASSERT_EQ(a->config().vocab_size, b->config().vocab_size);
  std::vector<TokenSequence> sequences;
  for (int32_t s = 0; s < 9; ++s) {
    auto& sequence = sequences.emplace_back();
    for (int32_t i = 0; i < 3 + 5 * s; ++i) sequence.push_back((s * 31 + i * 17) % 100);
  }
  const auto same = compare(*a, *a, sequences, {});
  ASSERT_TRUE(same.ok()) << same.message();
  EXPECT_EQ(same->kl_most, 0);
  EXPECT_EQ(same->same_top.mean, 1);
  EXPECT_EQ(same->loss.mean, same->reference_loss.mean);
  EXPECT_EQ(same->sequences, 9);

  const auto other = compare(*b, *a, sequences, {});
  ASSERT_TRUE(other.ok()) << other.message();
  // By evaluate, a sequence at a time.
  long double sum = 0;
  int64_t n = 0;
  for (const TokenSequence& s : sequences) {
    const auto p_of = a->evaluate(s, true), q_of = b->evaluate(s, true);
    ASSERT_TRUE(p_of.ok() && q_of.ok());
    const auto width = a->config().vocab_size;
    for (size_t i = 0; i + 1 < s.size(); ++i, ++n) {
      const auto row = [&](const Evaluation& e) {
        const auto first = e.logits.begin() + static_cast<int64_t>(i) * width;
        return probabilities({first, first + width});
      };
      const auto p = row(*p_of), q = row(*q_of);
      for (size_t k = 0; k < p.size(); ++k) sum += p[k] * std::log(p[k] / q[k]);
    }
  }
  EXPECT_EQ(other->positions, n);
  EXPECT_GT(other->kl.mean, 1e-4);
  EXPECT_NEAR(other->kl.mean, static_cast<double>(sum / n), 1e-9 * static_cast<double>(sum / n));
  const auto refused = compare(*a, *a, std::vector<TokenSequence>{TokenSequence(65, 1)}, {});
  EXPECT_FALSE(refused.ok());
}

}  // namespace
}  // namespace jaju::eval
