#include "train/ops.h"

#include <atomic>

#include "base/check.h"

namespace jaju::train {
namespace {

std::atomic<bool> reference_only{false};

// Rows of logits that exist at once.
constexpr int64_t kHeadSlice = 1024;

at::ScalarType sum_type(const Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

Tensor reference_log_probs(const Tensor& hidden, const Tensor& head, const Tensor& targets,
                           double temperature) {
  std::vector<Tensor> parts;
  for (int64_t row = 0; row < hidden.size(0); row += kHeadSlice) {
    const int64_t end = std::min(row + kHeadSlice, hidden.size(0));
    const Tensor logits = project(hidden.slice(0, row, end), head).to(sum_type(hidden)) / temperature;
    const Tensor target = targets.slice(0, row, end);
    const Tensor chosen = at::log_softmax(logits, 1).gather(1, target.clamp_min(0).unsqueeze(1)).squeeze(1);
    parts.push_back(at::where(target >= 0, chosen, at::zeros_like(chosen)));
  }
  return at::cat(parts);
}

}  // namespace

Layout::Layout(const std::vector<int64_t>& document_ends) {
  JAJU_CHECK(!document_ends.empty());
  ends = document_ends;
  starts.reserve(ends.size());
  for (const int64_t end : ends) {
    JAJU_CHECK(end > n_tokens);
    starts.push_back(n_tokens);
    longest = std::max(longest, end - n_tokens);
    n_tokens = end;
  }
}

void force_reference(bool on) {
  reference_only = on;
}

bool use_fused(const Tensor& x) {
  return !reference_only && x.device().is_cpu() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

Tensor project(const Tensor& x, const Tensor& w) {
  return at::linear(x, w.to(x.scalar_type()));
}

Tensor rms_norm(const Tensor& x, const Tensor& w, double eps, at::ScalarType out) {
  const Tensor wide = x.to(sum_type(x));
  return (wide * at::rsqrt(wide.square().mean(-1, true) + eps) * w).to(out);
}

std::pair<Tensor, Tensor> add_rms_norm(const Tensor& x, const Tensor& delta, const Tensor& w, double eps,
                                       at::ScalarType out) {
  const Tensor sum = x + delta;
  return {sum, rms_norm(sum, w, eps, out)};
}

Tensor swiglu(const Tensor& gate_up) {
  const int64_t inner = gate_up.size(-1) / 2;
  const Tensor wide = gate_up.to(sum_type(gate_up));
  return (at::silu(wide.slice(-1, 0, inner)) * wide.slice(-1, inner)).to(gate_up.scalar_type());
}

Tensor cross_entropy(const Tensor& hidden, const Tensor& head, const Tensor& targets) {
  const Tensor rows = at::nonzero(targets >= 0).squeeze(1);
  if (rows.numel() == 0) return hidden.sum().to(sum_type(hidden)) * 0;
  return -reference_log_probs(hidden.index_select(0, rows), head, targets.index_select(0, rows), 1.0).mean();
}

Tensor log_probs(const Tensor& hidden, const Tensor& head, const Tensor& targets, double temperature) {
  return reference_log_probs(hidden, head, targets, temperature);
}

}  // namespace jaju::train
