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

// Router in f32, weights and activations alike. ids: (rows, n_experts_per_token).
void Forward::route(const MoeWeights& w, Rows y, std::span<int32_t> ids, float* weights) {
  const ModelConfig& c = config_;
  Matrix router;
  router.data = w.router.data();
  router.rows = c.n_routed_experts;
  router.cols = c.hidden_size;
  const MutRows scores(act_.router_scores.data(), y.n, c.n_routed_experts);
  context_.ops.matmul(context_, router, y, scores);
  context_.team.parallel_for(y.n, [&](int64_t i, int) {
    route_token(c, {scores.row(i), static_cast<size_t>(c.n_routed_experts)}, w.router_bias,
                ids.data() + i * c.n_experts_per_token, weights + i * c.n_experts_per_token);
  });
}

// act.expert_counts, rows of each expert from index 1 on, becomes where the visits of expert e end in the
// packed arrays; they begin where those of e - 1 end. Rows ascend within an expert (a counting sort).
void Forward::sort_visits(int64_t visits) {
  auto& ends = act_.expert_counts;
  for (size_t e = 1; e < ends.size(); ++e) ends[e] += ends[e - 1];
  for (int64_t v = 0; v < visits; ++v) {
    const int32_t slot = ends[static_cast<size_t>(act_.expert_ids[static_cast<size_t>(v)])]++;
    act_.slots[static_cast<size_t>(v)] = slot;
    act_.packed_rows[static_cast<size_t>(slot)] =
        static_cast<int32_t>(v) / static_cast<int32_t>(config_.n_experts_per_token);
  }
}

// The rows that visit an expert.
ExpertGroup Forward::group_of(const MlpWeights& w, int64_t expert) {
  const auto e = static_cast<size_t>(expert);
  const int32_t begin = e == 0 ? 0 : act_.expert_counts[e - 1];
  return {w.gate,
          w.up,
          w.down,
          act_.packed_rows.data() + begin,
          act_.expert_counts[e] - begin,
          act_.packed_inner.data() + begin * staggered_stride(config_.moe_intermediate_size, sizeof(float)),
          act_.packed_out.data() + begin * config_.hidden_size};
}

// In: act.y. Out: act.block_out = sum of weighted routed experts, in the order of their ids, plus the shared
// expert.
Status Forward::moe(const Step& step, const MoeWeights& w) {
  const ModelConfig& c = config_;
  const Ops& ops = context_.ops;
  const int64_t top_k = c.n_experts_per_token;
  const auto visits = static_cast<size_t>(step.n_rows * top_k);
  const Rows y(act_.y.data(), step.n_rows, c.hidden_size);
  const MutRows out(act_.block_out.data(), step.n_rows, c.hidden_size);
  const std::span<int32_t> ids(act_.expert_ids.data(), visits);

  route(w, y, ids, act_.expert_weights.data());
  if (step.moe_layer >= 0 && step.extras->on_experts != nullptr) {
    step.extras->on_experts(step.extras->data, step.moe_layer, ids);
  }
  auto& counts = act_.expert_counts;
  std::fill(counts.begin(), counts.end(), 0);
  for (const int32_t id : ids) ++counts[static_cast<size_t>(id) + 1];
  const auto rows_of = std::span<const int32_t>(counts).subspan(1);
  if (step.moe_layer >= 0) experts_.add(step.moe_layer, rows_of);
  const bool streamed = store_ != nullptr && step.moe_layer >= 0;  // the MTP block is in memory whole
  if (streamed) {                                                  // reading begins as early as it can
    store_->demand(step.moe_layer, rows_of);
    predict(step, Ahead::layer);
  }
  sort_visits(static_cast<int64_t>(visits));

  act_.groups.clear();
  // The shared expert first: it has the most rows.
  const bool has_shared = !w.shared.gate.empty();
  if (has_shared) {
    act_.groups.push_back(
        {w.shared.gate, w.shared.up, w.shared.down, nullptr, step.n_rows, act_.inner.data(), out.data});
  }
  if (streamed) {
    JAJU_RETURN_IF_ERROR(streamed_experts(step, w));
  } else {
    for (int64_t e = 0; e < c.n_routed_experts; ++e) {
      const ExpertGroup group = group_of(w.experts[static_cast<size_t>(e)], e);
      if (group.n > 0) act_.groups.push_back(group);
    }
    ops.mlps(context_, act_.groups, y);
    if (step.inputs != nullptr) {
      for (const ExpertGroup& group : act_.groups) saw(step, group, y);
    }
  }
  const Rows packed(act_.packed_out.data(), static_cast<int64_t>(visits), c.hidden_size);
  ops.combine_experts(context_, packed, act_.slots.data(), act_.expert_weights.data(), top_k,
                      has_shared ? Rows(out) : Rows(), out);
  return {};
}

// Computes what act.groups holds and the experts that are there, then the others in waves as they arrive.
Status Forward::streamed_experts(const Step& step, const MoeWeights& w) {
  const Rows y(act_.y.data(), step.n_rows, config_.hidden_size);
  for (bool wait = false;; wait = true) {
    const Result<std::span<const LoadedExpert>> wave = store_->take(wait);
    if (!wave.ok()) {
      const ExpertGroup group = group_of(w.experts[0], store_->failed_expert());
      for (int64_t i = 0; i < group.n; ++i) {
        const int32_t row = group.rows[i];
        failed_rows_.push_back(step.kept_rows.empty() ? row : step.kept_rows[static_cast<size_t>(row)]);
      }
      return wave.status();
    }
    for (const LoadedExpert& e : *wave) {
      MlpWeights expert = w.experts[static_cast<size_t>(e.expert)];
      expert.place(e.data);
      act_.groups.push_back(group_of(expert, e.expert));
    }
    if (!act_.groups.empty()) context_.ops.mlps(context_, act_.groups, y);
    act_.groups.clear();
    if (wait && wave->empty()) return {};
  }
}

// Runs the next layer's router on what is known now, x, which lacks what `ahead` says. The residual stream
// changes slowly, so most of its choices are right. act.block_out and act.router_scores are free where this
// is called.
void Forward::predict(const Step& step, Ahead ahead) {
  if (store_ == nullptr || step.next == nullptr || !store_->wants_prediction(ahead)) return;
  const int64_t hidden = config_.hidden_size;
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const auto n = step.next_rows.empty() ? step.n_rows : static_cast<int64_t>(step.next_rows.size());
  if (n > act_.max_rows) return;
  // A second look is for few rows: many ask for most of a layer anyway.
  if (ahead != Ahead::layer && 2 * n * config_.n_experts_per_token > config_.n_routed_experts) return;
  const MutRows guess(act_.block_out.data(), n, hidden);
  if (step.next_rows.empty()) {
    context_.ops.rms_norm(context_, Rows(act_.x.data(), n, hidden), step.next->post_attention_norm.data(),
                          eps, guess);
  } else {
    for (int64_t i = 0; i < n; ++i) {
      const float* const x = act_.x.data() + step.next_rows[static_cast<size_t>(i)] * hidden;
      std::copy_n(x, hidden, guess.row(i));
    }
    context_.ops.rms_norm(context_, guess, step.next->post_attention_norm.data(), eps, guess);
  }
  const std::span<int32_t> ids(act_.predicted_ids.data(),
                               static_cast<size_t>(n * config_.n_experts_per_token));
  route(step.next->moe, guess, ids, act_.predicted_weights.data());
  auto& worth = act_.predicted_worth;
  std::fill(worth.begin(), worth.end(), 0.0f);
  for (size_t v = 0; v < ids.size(); ++v) worth[static_cast<size_t>(ids[v])] += act_.predicted_weights[v];
  size_t chosen = 0;
  for (size_t e = 0; e < worth.size(); ++e) {
    if (worth[e] > 0) act_.predicted_order[chosen++] = static_cast<int32_t>(e);
  }
  const auto end = act_.predicted_order.begin() + static_cast<int64_t>(chosen);
  std::sort(act_.predicted_order.begin(), end, [&](int32_t a, int32_t b) {
    const float wa = worth[static_cast<size_t>(a)], wb = worth[static_cast<size_t>(b)];
    return wa != wb ? wa > wb : a < b;
  });
  store_->announce(step.next_moe_layer, {act_.predicted_order.data(), chosen}, ahead);
}

}  // namespace jaju
