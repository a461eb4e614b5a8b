// The hit-rate model against caches simulated draw by draw, with routing drawn as the model assumes.
#include "memory/hit_rate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <unordered_map>

#include "base/split_mix.h"

namespace jaju {
namespace {

constexpr int64_t kLayers = 6;
constexpr int64_t kExperts = 96;
constexpr int64_t kTopK = 8;
constexpr int64_t kTokens = 4000;

// Draws kTopK different experts a layer, weights (1 + e)^-skew: the first clocks to ring.
class Dice {
 public:
  explicit Dice(double skew) : skew_(skew) {}
  std::vector<int64_t> token() {
    std::vector<int64_t> keys;
    std::vector<std::pair<double, int64_t>> clocks(kExperts);
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      for (int64_t e = 0; e < kExperts; ++e) {
        const double u = (static_cast<double>(split_mix64(state_) >> 11) + 0.5) * 0x1p-53;
        const double rate = std::pow(1 + static_cast<double>(e), -skew_);
        clocks[static_cast<size_t>(e)] = {-std::log(u) / rate, layer * kExperts + e};
      }
      std::partial_sort(clocks.begin(), clocks.begin() + kTopK, clocks.end());
      for (int64_t k = 0; k < kTopK; ++k) keys.push_back(clocks[static_cast<size_t>(k)].second);
    }
    return keys;
  }

 private:
  double skew_;
  uint64_t state_ = 7;
};

double simulate_lru(double skew, size_t slots) {
  Dice dice(skew);
  std::list<int64_t> order;  // latest first
  std::unordered_map<int64_t, std::list<int64_t>::iterator> where;
  int64_t hits = 0, all = 0;
  for (int64_t t = 0; t < kTokens; ++t) {
    for (const int64_t key : dice.token()) {
      const auto found = where.find(key);
      if (t >= kTokens / 2) {
        ++all;
        hits += found != where.end() ? 1 : 0;
      }
      if (found != where.end()) {
        order.erase(found->second);
      } else if (order.size() == slots) {
        where.erase(order.back());
        order.pop_back();
      }
      order.push_front(key);
      where[key] = order.begin();
    }
  }
  return static_cast<double>(hits) / static_cast<double>(all);
}

// Keeps what was visited most, a visit counting half after `half_life` tokens; what was just read in stays
// until something is read that is worth more.
double simulate_frequency(double skew, size_t slots, double half_life) {
  Dice dice(skew);
  std::vector<double> worth(kLayers * kExperts);
  std::vector<bool> present(worth.size());
  std::vector<int64_t> cache;
  int64_t hits = 0, all = 0;
  for (int64_t t = 0; t < kTokens; ++t) {
    for (double& w : worth) w *= std::exp2(-1 / half_life);
    for (const int64_t key : dice.token()) {
      const auto k = static_cast<size_t>(key);
      const bool hit = present[k];
      if (t >= kTokens / 2) {
        ++all;
        hits += hit ? 1 : 0;
      }
      worth[k] += 1;
      if (hit) continue;
      if (cache.size() == slots) {
        const auto victim = std::min_element(cache.begin(), cache.end(), [&](int64_t a, int64_t b) {
          return worth[static_cast<size_t>(a)] < worth[static_cast<size_t>(b)];
        });
        present[static_cast<size_t>(*victim)] = false;
        *victim = key;
      } else {
        cache.push_back(key);
      }
      present[k] = true;
    }
  }
  return static_cast<double>(hits) / static_cast<double>(all);
}

TEST(HitRate, UniformRoutingEarnsTheShareAndNoMore) {
  const Routing routing = Routing::uniform(60, 192, 8);
  EXPECT_NEAR(routing.per_token(), 480, 1e-6);
  for (const double share : {0.05, 0.25, 0.5, 0.9}) {
    EXPECT_NEAR(routing.hit_lru(share * 60 * 192), share, 1e-6);
    EXPECT_NEAR(routing.hit_frequency(share * 60 * 192, 128), share, 1e-6);
    EXPECT_NEAR(routing.hit_best_fixed(share * 60 * 192), share, 1e-6);
  }
}

// Facts, 2.12 of the style sheet: "with even routing 16 tokens wake 95 of 192 experts".
TEST(HitRate, ExpertsThatAStepTouches) {
  const Routing routing = Routing::uniform(1, 192, 8);
  EXPECT_NEAR(routing.touched(1), 8, 1e-6);
  EXPECT_NEAR(routing.touched(16), 95, 0.5);
  EXPECT_NEAR(routing.touched(1000), 192, 1e-6);
  // Skewed routing touches fewer.
  EXPECT_LT(Routing::zipf(1, 192, 8, 0.8).touched(16), 75);
  EXPECT_NEAR(Routing::zipf(1, 192, 8, 0.8).touched(1), 8, 1e-6);
}

TEST(HitRate, LruAsSimulated) {
  for (const double skew : {0.0, 0.8, 1.2}) {
    const Routing routing = Routing::zipf(kLayers, kExperts, kTopK, skew);
    for (const double share : {0.1, 0.3, 0.6}) {
      const double slots = std::floor(share * kLayers * kExperts);
      // Layers come round once a token, so the simulated cache forgets by whole tokens, where Che's T is any
      // number: it must lie between the model's caches of one token's visits less and more. 0.01 is for dice.
      const double simulated = simulate_lru(skew, static_cast<size_t>(slots));
      EXPECT_GT(simulated, routing.hit_lru(slots - kLayers * kTopK) - 0.01) << skew << ' ' << share;
      EXPECT_LT(simulated, routing.hit_lru(slots + kLayers * kTopK) + 0.01) << skew << ' ' << share;
    }
  }
}

// A histogram of a few tokens predicts the caches of many, and even routing stays even.
TEST(HitRate, FewTokensMeasureWhatManyShow) {
  for (const double skew : {0.0, 0.8, 1.2}) {
    const Routing truth = Routing::zipf(kLayers, kExperts, kTopK, skew);
    Dice dice(skew);
    RoutingHistogram h;
    h.experts_per_token = kTopK;
    h.layers.resize(kLayers);
    for (auto& layer : h.layers) layer.visits.resize(kExperts);
    for (int t = 0; t < 100; ++t) {
      for (const int64_t key : dice.token()) {
        ++h.layers[static_cast<size_t>(key / kExperts)].visits[static_cast<size_t>(key % kExperts)];
      }
    }
    const Routing seen = Routing::measured(h);
    EXPECT_NEAR(seen.per_token(), kLayers * kTopK, 1e-6);
    for (const double share : {0.1, 0.3, 0.6}) {
      const double slots = share * kLayers * kExperts;
      // A plan may be 20 % off in speed; with a drive that binds and half of the visits found that is 0.1.
      EXPECT_NEAR(seen.hit_frequency(slots, 32), truth.hit_frequency(slots, 32), 0.05)
          << skew << ' ' << share;
    }
  }
}

TEST(HitRate, FrequencyAsSimulated) {
  for (const double skew : {0.0, 0.8, 1.2}) {
    const Routing routing = Routing::zipf(kLayers, kExperts, kTopK, skew);
    for (const double share : {0.1, 0.3, 0.6}) {
      const double slots = std::floor(share * kLayers * kExperts);
      EXPECT_NEAR(routing.hit_frequency(slots, 128),
                  simulate_frequency(skew, static_cast<size_t>(slots), 128), 0.03)
          << skew << ' ' << share;
    }
  }
}

TEST(HitRate, OrderAndEnds) {
  for (const double skew : {0.4, 0.8, 1.2}) {
    const Routing routing = Routing::zipf(60, 192, 8, skew);
    double last = 0;
    for (const double share : {0.05, 0.1, 0.25, 0.5, 0.75}) {
      const double slots = share * 60 * 192;
      const double lru = routing.hit_lru(slots);
      const double frequency = routing.hit_frequency(slots, 128);
      EXPECT_GT(lru, share);
      EXPECT_GT(frequency, lru);
      EXPECT_LE(frequency, routing.hit_best_fixed(slots) + 1e-9);
      EXPECT_GT(frequency, last);
      last = frequency;
      // A longer memory knows better.
      EXPECT_GT(routing.hit_frequency(slots, 1000), frequency);
    }
    EXPECT_EQ(routing.hit_lru(0), 0);
    EXPECT_EQ(routing.hit_frequency(0, 128), 0);
    EXPECT_EQ(routing.hit_best_fixed(0), 0);
    EXPECT_EQ(routing.hit_lru(60 * 192), 1);
    EXPECT_EQ(routing.hit_frequency(60 * 192, 128), 1);
    EXPECT_NEAR(routing.hit_best_fixed(60 * 192), 1, 1e-12);
  }
}

TEST(HitRate, OfAHistogram) {
  RoutingHistogram h;
  h.experts_per_token = 2;
  h.layers = {{1, {40'000'000, 40'000'000, 20'000'000, 0}}, {2, {0, 0, 0, 0}}};
  const std::vector<double> shares = h.shares(0);
  EXPECT_NEAR(shares[0], 0.8, 1e-12);
  EXPECT_NEAR(shares[3], 0, 1e-12);
  EXPECT_NEAR(h.shares(1)[0], 0.5, 1e-12);
  const Routing routing = Routing::measured(h);
  EXPECT_NEAR(routing.per_token(), 4, 1e-9);
  EXPECT_EQ(routing.experts(), 8);
  // Two experts of 0.8 first, then one of the second layer's 0.5.
  EXPECT_NEAR(routing.hit_best_fixed(3), (0.8 + 0.8 + 0.5) / 4, 1e-6);
  EXPECT_NEAR(routing.hit_lru(7), 1, 1e-3);  // the eighth is hardly ever asked for
  // Nobody above certain, however few experts took all the visits.
  h.layers = {{1, {100, 0, 0, 0}}};
  EXPECT_EQ(h.shares(0)[0], 1);
}

}  // namespace
}  // namespace jaju
