#include "model/router.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace jaju {
namespace {

constexpr float kClosed = -std::numeric_limits<float>::infinity();

// Sum of the two best choices of a group: the score Transformers gives it (facts sheet 2.6).
float top2_sum(std::span<const float> choice) {
  float best = kClosed;
  float second = kClosed;
  for (const float value : choice) {
    if (value > best) {
      second = best;
      best = value;
    } else if (value > second) {
      second = value;
    }
  }
  return choice.size() == 1 ? best : best + second;
}

// Marks the n largest of `values`, the lower index first on ties.
void mark_largest(std::span<const float> values, int64_t n, std::span<bool> marked) {
  std::fill(marked.begin(), marked.end(), false);
  for (int64_t k = 0; k < n; ++k) {
    size_t best = values.size();
    for (size_t i = 0; i < values.size(); ++i) {
      if (!marked[i] && (best == values.size() || values[i] > values[best])) best = i;
    }
    marked[best] = true;
  }
}

}  // namespace

void route_token(const ModelConfig& config, std::span<float> logits, std::span<const float> bias,
                 int32_t* ids, float* weights) {
  const size_t n_experts = logits.size();
  JAJU_CHECK(n_experts <= static_cast<size_t>(kMaxExperts) && bias.size() == n_experts);
  std::array<float, kMaxExperts> choice;
  for (size_t e = 0; e < n_experts; ++e) {
    logits[e] = 1.0f / (1.0f + std::exp(-logits[e]));
    choice[e] = logits[e] + bias[e];
  }
  std::array<bool, kMaxExperts> marked;
  if (config.n_group > 1) {
    const auto n_groups = static_cast<size_t>(config.n_group);
    const size_t size = n_experts / n_groups;
    std::array<float, kMaxExperts> group_score;
    for (size_t g = 0; g < n_groups; ++g) group_score[g] = top2_sum({choice.data() + g * size, size});
    mark_largest({group_score.data(), n_groups}, config.topk_group, {marked.data(), n_groups});
    for (size_t g = 0; g < n_groups; ++g) {
      if (!marked[g]) std::fill_n(choice.begin() + static_cast<int64_t>(g * size), size, kClosed);
    }
  }
  mark_largest({choice.data(), n_experts}, config.n_experts_per_token, {marked.data(), n_experts});
  float sum = 0;
  int64_t k = 0;
  for (size_t e = 0; e < n_experts; ++e) {
    if (!marked[e]) continue;
    ids[k] = static_cast<int32_t>(e);
    weights[k++] = logits[e];
    sum += logits[e];
  }
  const auto scale = static_cast<float>(config.routed_scaling_factor);
  for (k = 0; k < config.n_experts_per_token; ++k) {
    weights[k] = (config.norm_topk_prob ? weights[k] / (sum + 1e-20f) : weights[k]) * scale;
  }
}

}  // namespace jaju
