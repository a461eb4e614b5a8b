#include "train/moe.h"

#include <limits>

namespace jaju::train {
namespace {

// The n largest of each row, the lower index first on ties, ascending.
Tensor largest(const Tensor& values, int64_t n) {
  const Tensor order = std::get<1>(at::sort(values, /*stable=*/true, /*dim=*/-1, /*descending=*/true));
  return std::get<0>(order.slice(-1, 0, n).sort(-1));
}

Tensor reference_ids(const Tensor& scores, const Tensor& bias, const ModelConfig& c) {
  torch::NoGradGuard no_grad;
  Tensor choice = scores + bias;
  if (c.n_group > 1) {
    const Tensor groups = choice.view({choice.size(0), c.n_group, -1});
    const Tensor group_scores = std::get<0>(groups.topk(2, -1)).sum(-1);
    const Tensor open = at::zeros_like(group_scores).scatter_(1, largest(group_scores, c.topk_group), 1.0);
    const Tensor closed = (open == 0).unsqueeze(-1).expand_as(groups);
    choice = groups.masked_fill(closed, -std::numeric_limits<float>::infinity()).flatten(1);
  }
  return largest(choice, c.n_experts_per_token);
}

}  // namespace

Routing route(const Tensor& logits, const Tensor& bias, const Layout& layout, const ModelConfig& c) {
  Routing r;
  const int64_t n = logits.size(0);
  const int64_t n_experts = logits.size(1);
  const Tensor scores = at::sigmoid(logits);
  r.ids = reference_ids(scores, bias, c);
  const Tensor chosen = scores.gather(1, r.ids);
  r.weights = (c.norm_topk_prob ? chosen / (chosen.sum(-1, true) + 1e-20) : chosen) * c.routed_scaling_factor;
  r.load = at::bincount(r.ids.flatten(), {}, n_experts);

  std::vector<int64_t> document(static_cast<size_t>(n));
  std::vector<double> per_token;
  for (int64_t d = 0; d < layout.n_documents(); ++d) {
    std::fill(document.begin() + layout.starts[static_cast<size_t>(d)],
              document.begin() + layout.ends[static_cast<size_t>(d)], d);
    per_token.push_back(1.0 / static_cast<double>(layout.length(d)));
  }
  const Tensor owner = torch::tensor(document, at::kLong).to(logits.device());
  const Tensor inverse = torch::tensor(per_token, at::kDouble).to(logits.options()).unsqueeze(1);
  const Tensor empty = at::zeros({layout.n_documents(), n_experts}, logits.options());
  const Tensor visits = at::zeros_like(logits).scatter_(1, r.ids, 1.0);
  const Tensor share = empty.index_add(0, owner, visits) * inverse *
                       (static_cast<double>(n_experts) / static_cast<double>(c.n_experts_per_token));
  const Tensor mean_score = empty.index_add(0, owner, scores / scores.sum(-1, true)) * inverse;
  r.balance = (share * mean_score / inverse).sum() / static_cast<double>(n);
  return r;
}

Tensor routed_experts(const Tensor& x, const Routing& routing, const Tensor& gate_up, const Tensor& down) {
  const int64_t top_k = routing.ids.size(1);
  const Tensor flat = routing.ids.flatten();
  const Tensor order = std::get<1>(at::sort(flat, /*stable=*/true, /*dim=*/0, /*descending=*/false));
  const Tensor rows = at::div(order, top_k, "floor");
  const Tensor load = routing.load.cpu();
  const Tensor input = x.index_select(0, rows);
  const Tensor weights = routing.weights.flatten().index_select(0, order).unsqueeze(1);
  std::vector<Tensor> parts;
  int64_t first = 0;
  for (int64_t e = 0; e < gate_up.size(0); ++e) {
    const int64_t n = load[e].item<int64_t>();
    if (n == 0) continue;
    const Tensor inner = swiglu(project(input.slice(0, first, first + n), gate_up[e]));
    parts.push_back(project((inner * weights.slice(0, first, first + n)).to(x.scalar_type()), down[e]));
    first += n;
  }
  const auto sums = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return at::zeros(x.sizes(), x.options().dtype(sums))
      .index_add(0, rows, at::cat(parts).to(sums))
      .to(x.scalar_type());
}

}  // namespace jaju::train
