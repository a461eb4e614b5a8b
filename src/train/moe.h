// The router and the routed experts (facts sheet 2.5), dropless.
#pragma once

#include "model/config.h"
#include "train/ops.h"

namespace jaju::train {

struct Routing {
  Tensor ids;      // (N, top_k) int64, ascending in a row
  Tensor weights;  // (N, top_k) f32, with gradient
  Tensor load;     // (n_experts) int64: tokens each expert got
  // Sequence-level balance loss of DeepSeek-V3 (arXiv 2412.19437, eq. 17 to 20) with the experts really
  // visited, per document; the documents' mean, weighted by their tokens. Scalar f32, with gradient.
  Tensor balance;
};

// logits (N, n_experts) f32, bias (n_experts) f32. Same choice as model/router.h.
Routing route(const Tensor& logits, const Tensor& bias, const Layout& layout, const ModelConfig& config);

// x (N, hidden); gate_up (experts, 2 inner, hidden), down (experts, hidden, inner), f32 parameters.
// Returns (N, hidden): base (undefined: zero) + sum over the visited experts of weight * down(swiglu(gate_up
// x)), in x's type.
Tensor routed_experts(const Tensor& x, const Routing& routing, const Tensor& gate_up, const Tensor& down,
                      const Tensor& base);

}  // namespace jaju::train
