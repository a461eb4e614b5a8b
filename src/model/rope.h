// Rotary positions with YaRN, by rule (arXiv 2309.00071; facts sheet 2.3 and 2.4).
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"

namespace jaju {

class Rope {
 public:
  explicit Rope(const ModelConfig& config);

  // Pairs of the rope head: qk_rope_dim / 2.
  int64_t n_pairs() const { return static_cast<int64_t>(frequencies_.size()); }
  bool interleaved() const { return interleaved_; }
  // Cosines then sines of one position, both times the YaRN table factor; `out` holds 2 * n_pairs().
  void fill(int64_t pos, float* out) const;
  // What q.k is multiplied by: qk_dim^-0.5, times the YaRN factor squared when mscale_all_dim is given.
  double softmax_scale() const { return softmax_scale_; }
  // Radians per position of each pair, and the factor on cos and sin.
  const std::vector<double>& frequencies() const { return frequencies_; }
  double table_factor() const { return table_factor_; }

 private:
  std::vector<double> frequencies_;
  double table_factor_ = 1.0;
  double softmax_scale_ = 1.0;
  bool interleaved_ = true;
};

}  // namespace jaju
