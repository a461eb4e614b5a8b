#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace jaju {
namespace {

// YaRN's attention scaling, 3.4 of the paper, with DeepSeek's mscale.
double mscale_of(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

}  // namespace

Rope::Rope(const ModelConfig& config) : interleaved_(config.rope.interleaved) {
  const RopeConfig& r = config.rope;
  const auto dim = static_cast<double>(config.qk_rope_dim);
  for (int64_t j = 0; j < config.qk_rope_dim / 2; ++j) {
    frequencies_.push_back(std::pow(r.theta, -2.0 * static_cast<double>(j) / dim));
  }
  softmax_scale_ = 1.0 / std::sqrt(static_cast<double>(config.qk_dim()));
  if (!r.yarn) return;

  // The pair that turns `rotations` times over the original context.
  const auto correction = [&](double rotations) {
    return dim * std::log(static_cast<double>(r.original_context) / (rotations * 2.0 * std::numbers::pi)) /
           (2.0 * std::log(r.theta));
  };
  const double low = std::max(std::floor(correction(r.beta_fast)), 0.0);
  const double high = std::min(std::ceil(correction(r.beta_slow)), dim - 1.0);
  for (size_t j = 0; j < frequencies_.size(); ++j) {
    // Fast pairs keep their frequency, slow ones are stretched by the factor, those between are mixed.
    const double ramp = std::clamp((static_cast<double>(j) - low) / std::max(high - low, 0.001), 0.0, 1.0);
    frequencies_[j] *= 1.0 - ramp + ramp / r.factor;
  }
  // transformers' rule: the quotient only when both are given, else the plain factor.
  if (r.attention_factor != 0.0) {
    table_factor_ = r.attention_factor;
  } else if (r.mscale != 0.0 && r.mscale_all_dim != 0.0) {
    table_factor_ = mscale_of(r.factor, r.mscale) / mscale_of(r.factor, r.mscale_all_dim);
  } else {
    table_factor_ = mscale_of(r.factor, 1.0);
  }
  if (r.mscale_all_dim != 0.0) {
    const double m = mscale_of(r.factor, r.mscale_all_dim);
    softmax_scale_ *= m * m;
  }
}

void Rope::fill(int64_t pos, float* out) const {
  const size_t n = frequencies_.size();
  for (size_t j = 0; j < n; ++j) {
    const double angle = static_cast<double>(pos) * frequencies_[j];
    out[j] = static_cast<float>(std::cos(angle) * table_factor_);
    out[n + j] = static_cast<float>(std::sin(angle) * table_factor_);
  }
}

}  // namespace jaju
