// Products of activations with weights, on row slices and on the calling thread, for the fused functions.
// bf16 ones are ours where the CPU multiplies bf16 (bf16_product.h), all others LibTorch's.
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
  // y (rows, out) = x (rows, in) w^T. y: the activations' type, or f32 with our own products.
  void apply(const torch::Tensor& x, const torch::Tensor& y) const;
  // dx (rows, in) = dy (rows, out) w
  void apply_transposed(const torch::Tensor& dy, const torch::Tensor& dx) const;

 private:
  int64_t out_ = 0;
  int64_t in_ = 0;
  torch::Tensor plain_;  // (out, in); undefined with our own products
  torch::Tensor forward_, backward_;
};

// Whether tensors of this type are multiplied by bf16_product.h.
bool own_products(at::ScalarType type);

// dw (out, in) f32 += dy^T x, with dy (rows, out) and x (rows, in).
void add_outer(const torch::Tensor& dy, const torch::Tensor& x, const torch::Tensor& dw);

}  // namespace jaju::train
