#include "model/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace jaju {
namespace {

ModelConfig routing(int64_t experts, int64_t groups, int64_t kept, int64_t top_k) {
  ModelConfig c;
  c.n_routed_experts = experts;
  c.n_group = groups;
  c.topk_group = kept;
  c.n_experts_per_token = top_k;
  return c;
}

float logit(double p) {
  return static_cast<float>(std::log(p / (1 - p)));
}

TEST(Router, GroupsByTheSumOfTheirTwoBest) {
  // Group 0 has the single best expert, group 1 the better pair.
  const ModelConfig c = routing(8, 2, 1, 2);
  std::vector<float> s = {logit(0.9), logit(0.1), logit(0.1), logit(0.1),
                          logit(0.7), logit(0.6), logit(0.1), logit(0.1)};
  const std::vector<float> bias(8, 0.0f);
  int32_t ids[2];
  float weights[2];
  route_token(c, s, bias, ids, weights);
  EXPECT_EQ(ids[0], 4);
  EXPECT_EQ(ids[1], 5);
  EXPECT_NEAR(weights[0], 2.5 * 0.7 / 1.3, 1e-6);
  EXPECT_NEAR(weights[1], 2.5 * 0.6 / 1.3, 1e-6);
}

TEST(Router, BiasSelectsButDoesNotWeigh) {
  const ModelConfig c = routing(4, 1, 1, 2);
  std::vector<float> s = {logit(0.5), logit(0.5), logit(0.2), logit(0.1)};
  const std::vector<float> bias = {0, -1, 1, 0};
  int32_t ids[2];
  float weights[2];
  route_token(c, s, bias, ids, weights);
  EXPECT_EQ(ids[0], 0);
  EXPECT_EQ(ids[1], 2);
  EXPECT_NEAR(weights[1], 2.5 * 0.2 / 0.7, 1e-6);
}

TEST(Router, TiesGoToTheLowerIdAndWeightsMayStayRaw) {
  ModelConfig c = routing(6, 1, 1, 3);
  c.norm_topk_prob = false;
  c.routed_scaling_factor = 1.0;
  std::vector<float> s(6, 0.0f);
  const std::vector<float> bias(6, 0.0f);
  int32_t ids[3];
  float weights[3];
  route_token(c, s, bias, ids, weights);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ids[i], i);
    EXPECT_FLOAT_EQ(weights[i], 0.5f);
  }
}

// Negative biased choices must never lose to a closed group.
TEST(Router, ClosedGroupsStayClosedWhenChoicesAreNegative) {
  const ModelConfig c = routing(8, 4, 2, 4);
  std::vector<float> s(8, 0.0f);
  const std::vector<float> bias = {-3, -3, -5, -5, -2, -2, -6, -6};
  int32_t ids[4];
  float weights[4];
  route_token(c, s, bias, ids, weights);
  EXPECT_EQ((std::vector<int32_t>(ids, ids + 4)), (std::vector<int32_t>{0, 1, 4, 5}));
}

TEST(Router, NanScoresStillGiveValidDistinctIds) {
  const ModelConfig c = routing(192, 8, 4, 8);
  std::vector<float> s(192, std::nanf(""));
  const std::vector<float> bias(192, 0.0f);
  int32_t ids[8];
  float weights[8];
  route_token(c, s, bias, ids, weights);
  for (int i = 0; i < 8; ++i) {
    EXPECT_GE(ids[i], 0);
    EXPECT_LT(ids[i], 192);
    if (i > 0) {
      EXPECT_LT(ids[i - 1], ids[i]);
    }
  }
}

// Against sorting, on the real sizes.
// What the config lets in, the router takes.
TEST(Router, TheMostExpertsAConfigMayHave) {
  const ModelConfig c = routing(kMaxExperts, 1, 1, 2);
  std::vector<float> s(static_cast<size_t>(kMaxExperts), -1.0f);
  s[7] = s[static_cast<size_t>(kMaxExperts) - 1] = 1.0f;
  const std::vector<float> bias(s.size(), 0.0f);
  int32_t ids[2];
  float weights[2];
  route_token(c, s, bias, ids, weights);
  EXPECT_EQ(ids[0], 7);
  EXPECT_EQ(ids[1], kMaxExperts - 1);
}

TEST(Router, MatchesSortingOnRandomScores) {
  const ModelConfig c = routing(192, 8, 4, 8);
  std::mt19937 dice(3);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 300; ++round) {
    std::vector<float> s(192), bias(192);
    for (float& v : s) v = normal(dice);
    for (float& v : bias) v = 0.1f * normal(dice);
    std::vector<float> choice(192);
    for (size_t e = 0; e < 192; ++e) choice[e] = 1.0f / (1.0f + std::exp(-s[e])) + bias[e];
    std::vector<std::pair<float, size_t>> groups;
    for (size_t g = 0; g < 8; ++g) {
      std::vector<float> in(choice.begin() + static_cast<int64_t>(24 * g),
                            choice.begin() + static_cast<int64_t>(24 * g + 24));
      std::sort(in.rbegin(), in.rend());
      groups.emplace_back(-(in[0] + in[1]), g);
    }
    std::sort(groups.begin(), groups.end());
    std::vector<std::pair<float, int32_t>> open;
    for (size_t g = 0; g < 4; ++g) {
      for (size_t e = 24 * groups[g].second; e < 24 * groups[g].second + 24; ++e)
        open.emplace_back(-choice[e], static_cast<int32_t>(e));
    }
    std::sort(open.begin(), open.end());
    std::vector<int32_t> want;
    for (size_t k = 0; k < 8; ++k) want.push_back(open[k].second);
    std::sort(want.begin(), want.end());
    int32_t ids[8];
    float weights[8];
    route_token(c, s, bias, ids, weights);
    EXPECT_EQ((std::vector<int32_t>(ids, ids + 8)), want);
    EXPECT_NEAR(std::accumulate(weights, weights + 8, 0.0f), 2.5f, 1e-5f);
  }
}

}  // namespace
}  // namespace jaju
