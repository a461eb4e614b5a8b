// The differentiable pieces of the model (facts sheet, section 2). Each has two implementations: plain ATen
// calls, which run anywhere autograd does (CUDA, double precision, the tests' reference), and fused CPU loops
// behind the same call.
//
// Element types: the residual stream, norm weights, router and losses are f32. Everything between two norms
// is f32 or bf16 ("activations"), decided by the caller; a matmul takes its weight in the type of its input.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "train/layout.h"

namespace jaju::train {

using torch::Tensor;
// An optional tensor argument of an autograd function: c10::optional in LibTorch 1.13, std::optional later.
using MaybeTensor = torch::autograd::optional_variable_list::value_type;

// True makes every op take the ATen path, also on the CPU: for tests.
void force_reference(bool on);
// Whether the fused loops run for this tensor: CPU, f32 or bf16, not switched off.
bool use_fused(const Tensor& x);

// x (N, in), w (out, in) f32 -> (N, out) in x's type.
Tensor project(const Tensor& x, const Tensor& w);

// The router's logits: x (N, in), w (experts, in) f32 -> (N, experts) f32, with f32 sums whatever x is.
Tensor project_f32(const Tensor& x, const Tensor& w);

// x (N, cols) -> x / rms(x) * w, in `out` type.
Tensor rms_norm(const Tensor& x, const Tensor& w, double eps, at::ScalarType out);

// sum = x + delta (f32), and its norm: the two values every half layer ends with.
std::pair<Tensor, Tensor> add_rms_norm(const Tensor& x, const Tensor& delta, const Tensor& w, double eps,
                                       at::ScalarType out);

// (N, 2 inner), gate columns first -> silu(gate) * up, (N, inner).
Tensor swiglu(const Tensor& gate_up);

// Mean over targets >= 0 of the cross entropy of head * hidden (N, cols), nats. 0 when no target counts.
Tensor cross_entropy(const Tensor& hidden, const Tensor& head, const Tensor& targets);

// (N) f32: log softmax(head * hidden / temperature)[target]; 0 where the target is -1.
Tensor log_probs(const Tensor& hidden, const Tensor& head, const Tensor& targets, double temperature);

}  // namespace jaju::train
