// Products of activations with weights, on row slices and on the calling thread, for the fused functions.
// With AMX they are ours (amx.h), else LibTorch's.
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace jaju::train {

// A weight (out, in), ready for both directions, in the type of the activations.
class Weight {
 public:
  Weight() = default;
  // w: (out, in), any float type. The backward direction is prepared only when asked for.
  Weight(const torch::Tensor& w, at::ScalarType type, bool forward, bool backward);

  int64_t out() const { return out_; }
  int64_t in() const { return in_; }
  // y (rows, out) = x (rows, in) w^T. y: the activations' type, or f32 with AMX.
  void apply(const torch::Tensor& x, const torch::Tensor& y) const;
  // dx (rows, in) = dy (rows, out) w
  void apply_transposed(const torch::Tensor& dy, const torch::Tensor& dx) const;

 private:
  int64_t out_ = 0;
  int64_t in_ = 0;
  torch::Tensor plain_;  // (out, in); undefined with AMX
  torch::Tensor forward_, backward_;
};

// Whether tensors of this type go to AMX.
bool on_amx(at::ScalarType type);

// dw (out, in) f32 += dy^T x, with dy (rows, out) and x (rows, in).
void add_outer(const torch::Tensor& dy, const torch::Tensor& x, const torch::Tensor& dw);

}  // namespace jaju::train
