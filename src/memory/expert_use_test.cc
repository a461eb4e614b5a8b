// Eviction against a plain simulation: the store's choice of what to give up, beside what
// least-recently-used and a cache that knows the future would keep.
#include "memory/expert_use.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "base/split_mix.h"

namespace jaju {
namespace {

constexpr int64_t kLayers = 6;
constexpr int64_t kExperts = 64;
constexpr int64_t kTopK = 4;

// One step: for each layer the experts it visits.
using Step = std::vector<std::vector<int64_t>>;

// Every layer draws kTopK experts with probabilities p_e ~ 1 / (1 + e)^skew, in an order of its own.
std::vector<Step> decode_trace(int64_t steps, double skew) {
  uint64_t state = 3;
  std::vector<std::vector<double>> cumulated;
  std::vector<std::vector<int64_t>> order;
  for (int64_t l = 0; l < kLayers; ++l) {
    std::vector<int64_t> experts(kExperts);
    for (int64_t e = 0; e < kExperts; ++e) experts[static_cast<size_t>(e)] = e;
    for (size_t i = experts.size(); i > 1; --i) std::swap(experts[i - 1], experts[split_mix64(state) % i]);
    order.push_back(experts);
    double sum = 0;
    auto& c = cumulated.emplace_back();
    for (int64_t e = 0; e < kExperts; ++e) c.push_back(sum += std::pow(1.0 + static_cast<double>(e), -skew));
  }
  std::vector<Step> trace;
  for (int64_t s = 0; s < steps; ++s) {
    Step& step = trace.emplace_back();
    for (size_t l = 0; l < kLayers; ++l) {
      std::set<int64_t> chosen;
      while (static_cast<int64_t>(chosen.size()) < kTopK) {
        const double u = static_cast<double>(split_mix64(state) >> 11) * 0x1p-53 * cumulated[l].back();
        const auto at = std::lower_bound(cumulated[l].begin(), cumulated[l].end(), u) - cumulated[l].begin();
        chosen.insert(order[l][static_cast<size_t>(at)]);
      }
      step.emplace_back(chosen.begin(), chosen.end());
    }
  }
  return trace;
}

// Share of visits that were in a cache of `slots`; the victim is the key for which worth(key, layer) is
// least.
template <typename Visit, typename Worth>
double hit_rate(const std::vector<Step>& trace, size_t slots, Visit visit, Worth worth) {
  std::set<int64_t> cache;
  int64_t hits = 0, all = 0;
  for (size_t s = 0; s < trace.size(); ++s) {
    for (int64_t l = 0; l < kLayers; ++l) {
      const auto& experts = trace[s][static_cast<size_t>(l)];
      for (const int64_t e : experts) visit(l * kExperts + e, s);
      for (const int64_t e : experts) {
        const int64_t key = l * kExperts + e;
        const bool counts = s >= trace.size() / 2;  // warm
        all += counts ? 1 : 0;
        if (cache.contains(key)) {
          hits += counts ? 1 : 0;
          continue;
        }
        if (cache.size() == slots) {
          // An expert of this step that was computed may go, one that is still needed may not: order of ids.
          int64_t victim = -1;
          double least = 0;
          for (const int64_t k : cache) {
            const bool needed = k / kExperts == l && k >= key &&
                                std::find(experts.begin(), experts.end(), k % kExperts) != experts.end();
            if (needed) continue;
            const double w = worth(k, l, s);
            if (victim < 0 || w < least) {
              victim = k;
              least = w;
            }
          }
          cache.erase(victim);
        }
        cache.insert(key);
      }
    }
  }
  return static_cast<double>(hits) / static_cast<double>(all);
}

double ours(const std::vector<Step>& trace, size_t slots, int64_t rows) {
  ExpertUse use(kLayers, kExperts);
  size_t seen = ~size_t{0};
  return hit_rate(
      trace, slots,
      [&](int64_t key, size_t step) {
        if (step != seen) use.advance(rows);
        seen = step;
        use.visit(key, rows);
      },
      [&](int64_t key, int64_t layer, size_t) { return use.worth(key, layer); });
}

double least_recently_used(const std::vector<Step>& trace, size_t slots) {
  std::map<int64_t, double> last;
  double clock = 0;
  return hit_rate(
      trace, slots, [&](int64_t key, size_t) { last[key] = ++clock; },
      [&](int64_t key, int64_t, size_t) { return last[key]; });
}

// Gives up what is visited again last (Belady): no cache can do better.
double clairvoyant(const std::vector<Step>& trace, size_t slots) {
  std::map<int64_t, std::vector<double>> visits;
  for (size_t s = 0; s < trace.size(); ++s) {
    for (size_t l = 0; l < kLayers; ++l) {
      for (const int64_t e : trace[s][l])
        visits[static_cast<int64_t>(l) * kExperts + e].push_back(static_cast<double>(s * kLayers + l));
    }
  }
  return hit_rate(
      trace, slots, [](int64_t, size_t) {},
      [&](int64_t key, int64_t layer, size_t step) {
        const auto& v = visits[key];
        const auto next = std::upper_bound(v.begin(), v.end(),
                                           static_cast<double>(step * kLayers + static_cast<size_t>(layer)));
        return next == v.end() ? -1e18 : -*next;
      });
}

TEST(ExpertUse, EvenRoutingHitsAsOftenAsTheShareThatIsCached) {
  const auto trace = decode_trace(600, 0);
  for (const double share : {0.25, 0.5, 0.75}) {
    const auto slots = static_cast<size_t>(share * kLayers * kExperts);
    EXPECT_NEAR(ours(trace, slots, 1), share, 0.03);
  }
}

TEST(ExpertUse, SkewedRoutingEarnsMoreThanRecency) {
  for (const double skew : {0.6, 1.0}) {
    const auto trace = decode_trace(800, skew);
    for (const double share : {0.25, 0.5}) {
      SCOPED_TRACE(testing::Message() << "skew " << skew << ", share " << share);
      const auto slots = static_cast<size_t>(share * kLayers * kExperts);
      const double rate = ours(trace, slots, 1);
      const double recent = least_recently_used(trace, slots);
      const double best = clairvoyant(trace, slots);
      EXPECT_GT(rate, recent + 0.03);
      EXPECT_LT(rate, best);
      RecordProperty("rates",
                     std::to_string(rate) + " " + std::to_string(recent) + " " + std::to_string(best));
    }
  }
}

// Chunks of a long prompt visit every expert: recency keeps none of them, the best possible the share.
TEST(ExpertUse, SweepsKeepAFixedPart) {
  std::vector<Step> trace(8, Step(kLayers));
  for (Step& step : trace) {
    for (auto& layer : step) {
      for (int64_t e = 0; e < kExperts; ++e) layer.push_back(e);
    }
  }
  const size_t slots = kLayers * kExperts / 2;
  EXPECT_EQ(least_recently_used(trace, slots), 0);
  EXPECT_GT(ours(trace, slots, 256), 0.8 * clairvoyant(trace, slots));
}

// What was useful once must not stay for ever.
TEST(ExpertUse, FollowsAChangeOfSubject) {
  auto trace = decode_trace(400, 1.0);
  for (Step& step : decode_trace(400, 1.0)) {
    for (auto& layer : step) {
      for (int64_t& e : layer) e = kExperts - 1 - e;
      std::sort(layer.begin(), layer.end());
    }
    trace.push_back(std::move(step));
  }
  const size_t slots = kLayers * kExperts / 4;
  // Hits are counted in the second half only: all of it is the new subject.
  EXPECT_GT(ours(trace, slots, 1), least_recently_used(trace, slots));
}

TEST(ExpertUse, NumbersStayFiniteOverAnyNumberOfRows) {
  ExpertUse use(1, 2);
  for (int i = 0; i < 5000; ++i) {
    use.advance(256);
    use.visit(0, 8);
    if (i % 2 == 0) use.visit(1, 8);
    ASSERT_TRUE(std::isfinite(use.worth(0, 0)));
  }
  EXPECT_GT(use.worth(0, 0), use.worth(1, 0));
}

}  // namespace
}  // namespace jaju
