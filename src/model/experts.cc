// The MLPs: dense SwiGLU, and the mixture: router, routed experts, shared expert (facts sheet 2.1 and 2.5).

#include <algorithm>

#include "model/forward.h"
#include "model/router.h"

namespace jaju {

// out = down(silu(gate y) * up y), y = act.y.
void Forward::mlp(const Step& step, const MlpWeights& w, MutRows out) {
  const ExpertGroup all{w.gate, w.up, w.down, nullptr, step.n_rows, act_.inner.data(), out.data};
  const Rows y(act_.y.data(), step.n_rows, config_.hidden_size);
  context_.ops.mlps(context_, {&all, 1}, y);
  saw(step, all, y);
}

// In: act.y. Out: act.block_out = sum of weighted routed experts, in the order of their ids, plus the shared
// expert.
void Forward::moe(const Step& step, const MoeWeights& w) {
  const ModelConfig& c = config_;
  const Ops& ops = context_.ops;
  const int64_t top_k = c.n_experts_per_token;
  const Rows y(act_.y.data(), step.n_rows, c.hidden_size);
  const MutRows out(act_.block_out.data(), step.n_rows, c.hidden_size);

  // Router in f32, weights and activations alike.
  Matrix router;
  router.data = w.router.data();
  router.rows = c.n_routed_experts;
  router.cols = c.hidden_size;
  const MutRows scores(act_.router_scores.data(), step.n_rows, c.n_routed_experts);
  ops.matmul(context_, router, y, scores);
  context_.team.parallel_for(step.n_rows, [&](int64_t i, int) {
    route_token(c, {scores.row(i), static_cast<size_t>(c.n_routed_experts)}, w.router_bias,
                act_.expert_ids.data() + i * top_k, act_.expert_weights.data() + i * top_k);
  });
  const auto visits = static_cast<size_t>(step.n_rows * top_k);
  if (step.moe_layer >= 0 && step.extras->on_experts != nullptr) {
    step.extras->on_experts(step.extras->data, step.moe_layer, {act_.expert_ids.data(), visits});
  }

  // Sort the visits by expert (counting sort, rows ascending within an expert).
  auto& starts = act_.expert_counts;
  std::fill(starts.begin(), starts.end(), 0);
  for (size_t v = 0; v < visits; ++v) ++starts[static_cast<size_t>(act_.expert_ids[v]) + 1];
  if (step.moe_layer >= 0) experts_.add(step.moe_layer, std::span(starts).subspan(1));
  for (size_t e = 1; e < starts.size(); ++e) starts[e] += starts[e - 1];
  const int64_t inner_stride = staggered_stride(c.moe_intermediate_size, sizeof(float));
  act_.groups.clear();
  // The shared expert first: it has the most rows.
  const bool has_shared = !w.shared.gate.empty();
  if (has_shared) {
    act_.groups.push_back(
        {w.shared.gate, w.shared.up, w.shared.down, nullptr, step.n_rows, act_.inner.data(), out.data});
  }
  for (size_t e = 0; e + 1 < starts.size(); ++e) {
    const int32_t n = starts[e + 1] - starts[e];
    if (n == 0) continue;
    const MlpWeights& expert = w.experts[e];
    act_.groups.push_back({expert.gate, expert.up, expert.down, act_.packed_rows.data() + starts[e], n,
                           act_.packed_inner.data() + starts[e] * inner_stride,
                           act_.packed_out.data() + starts[e] * c.hidden_size});
  }
  for (size_t v = 0; v < visits; ++v) {
    const int32_t slot = starts[static_cast<size_t>(act_.expert_ids[v])]++;
    act_.slots[v] = slot;
    act_.packed_rows[static_cast<size_t>(slot)] = static_cast<int32_t>(v) / static_cast<int32_t>(top_k);
  }

  ops.mlps(context_, act_.groups, y);
  if (step.inputs != nullptr) {
    for (const ExpertGroup& group : act_.groups) saw(step, group, y);
  }
  const Rows packed(act_.packed_out.data(), static_cast<int64_t>(visits), c.hidden_size);
  ops.combine_experts(context_, packed, act_.slots.data(), act_.expert_weights.data(), top_k,
                      has_shared ? Rows(out) : Rows(), out);
}

}  // namespace jaju
