#include "model/forward.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace jaju {

Activations::Activations(const ModelConfig& c, int64_t rows) : max_rows(rows) {
  const auto sized = [&](std::vector<float>& v, int64_t cols) { v.resize(static_cast<size_t>(rows * cols)); };
  const int64_t k = c.n_experts_per_token;
  sized(x, c.hidden_size);
  sized(y, c.hidden_size);
  sized(block_out, c.hidden_size);
  sized(q_a, c.q_lora_rank);
  sized(q, c.n_heads * c.qk_dim());
  sized(kv, c.kv_width());
  sized(heads_out, c.n_heads * c.v_dim);
  sized(cos_sin, c.qk_rope_dim);
  sized(inner, std::max(c.intermediate_size, c.moe_intermediate_size * c.n_shared_experts));
  sized(router_scores, c.n_routed_experts);
  sized(expert_weights, k);
  sized(packed_inner, k * c.moe_intermediate_size);
  sized(packed_out, k * c.hidden_size);
  const auto visits = static_cast<size_t>(rows * k);
  expert_ids.resize(visits);
  slots.resize(visits);
  packed_rows.resize(visits);
  groups.reserve(static_cast<size_t>(c.n_routed_experts));
  expert_counts.resize(static_cast<size_t>(c.n_routed_experts) + 1);
}

Forward::Forward(const ModelConfig& config, const Weights& weights, Context& context, int64_t max_rows)
    : config_(config), weights_(weights), context_(context), rope_(config), act_(config, max_rows) {
  const int64_t h = config.hidden_size;
  if (weights.mtp) act_.mtp_input.resize(static_cast<size_t>(max_rows * 2 * h));
  // The most sequences a step can hold is one per row.
  expanded_.reserve(static_cast<size_t>(max_rows));
  absorbed_.reserve(static_cast<size_t>(max_rows));
  // Inputs of the matmuls of a step: rows of these widths, and a row per visit for the experts' down
  // projections.
  const int64_t shared_inner = config.moe_intermediate_size * config.n_shared_experts;
  int64_t max_input = 0;
  for (const int64_t cols : {h * (weights.mtp ? 2 : 1), config.n_heads * config.v_dim,
                             config.intermediate_size, shared_inner, config.q_lora_rank}) {
    max_input = std::max(max_input, max_rows * staggered_stride(cols, sizeof(float)));
  }
  max_input = std::max(max_input, max_rows * config.n_experts_per_token *
                                      staggered_stride(config.moe_intermediate_size, sizeof(float)));
  reserve_scratch(context, {.max_rows = max_rows,
                            .max_input = max_input,
                            .nope = config.qk_nope_dim,
                            .rope = config.qk_rope_dim,
                            .v = config.v_dim,
                            .latent = config.kv_lora_rank});
}

int64_t Forward::cache_layers() const {
  return config_.n_layers + (weights_.mtp ? 1 : 0);
}

// Lays out the batch's slices and rope table.
Forward::Step Forward::begin(const Batch& batch, int64_t rope_offset) {
  Step step;
  step.n_rows = static_cast<int64_t>(batch.tokens.size());
  JAJU_CHECK(step.n_rows > 0 && step.n_rows <= act_.max_rows);
  expanded_.clear();
  absorbed_.clear();
  int64_t row = 0;
  for (const BatchSequence& s : batch.sequences) {
    auto& slices = s.mode == AttentionMode::absorbed ? absorbed_ : expanded_;
    slices.push_back({row, s.n_rows, s.first_pos, s.kv.layer(0)});
    for (int64_t i = 0; i < s.n_rows; ++i, ++row) {
      rope_.fill(s.first_pos + i + rope_offset, act_.cos_sin.data() + row * 2 * rope_.n_pairs());
    }
  }
  JAJU_CHECK(row == step.n_rows);
  return step;
}

void Forward::decoder_layer(const Step& step, const LayerWeights& layer, int64_t cache_layer) {
  const Ops& ops = context_.ops;
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const MutRows x(act_.x.data(), step.n_rows, config_.hidden_size);
  const MutRows y(act_.y.data(), step.n_rows, config_.hidden_size);
  const MutRows out(act_.block_out.data(), step.n_rows, config_.hidden_size);

  ops.rms_norm(context_, x, layer.input_norm.data(), eps, y);
  attention(step, layer.attention, cache_layer);
  ops.add(context_, x, out);

  ops.rms_norm(context_, x, layer.post_attention_norm.data(), eps, y);
  if (layer.is_moe) {
    moe(step, layer.moe);
  } else {
    mlp(step, layer.dense, out);
  }
  // K1's own norm acts on MoE layers, on routed sum + shared expert, before the residual add.
  if (!layer.post_mlp_norm.empty()) ops.rms_norm(context_, out, layer.post_mlp_norm.data(), eps, out);
  ops.add(context_, x, out);
}

// logits = matrix * rms(x) for the wanted rows; the rows move to the front of y first.
void Forward::head(const Step& step, const Vector& norm, const Matrix& matrix, std::span<const int32_t> rows,
                   MutRows logits) {
  if (rows.empty()) return;
  const int64_t hidden = config_.hidden_size;
  const auto n = static_cast<int64_t>(rows.size());
  JAJU_CHECK(n <= act_.max_rows && logits.n == n && logits.cols == matrix.rows);
  for (int64_t i = 0; i < n; ++i) {
    JAJU_CHECK(rows[static_cast<size_t>(i)] < step.n_rows);
    std::memcpy(act_.y.data() + i * hidden, act_.x.data() + rows[static_cast<size_t>(i)] * hidden,
                static_cast<size_t>(hidden) * sizeof(float));
  }
  const MutRows y(act_.y.data(), n, hidden);
  context_.ops.rms_norm(context_, y, norm.data(), static_cast<float>(config_.rms_norm_eps), y);
  context_.ops.matmul(context_, matrix, y, logits);
}

void Forward::run(const Batch& batch, MutRows logits, const ForwardExtras& extras) {
  Step step = begin(batch, 0);
  step.extras = &extras;
  const MutRows x(act_.x.data(), step.n_rows, config_.hidden_size);
  context_.ops.embed(context_, weights_.embed, batch.tokens, x);
  int64_t moe_layer = 0;
  for (int64_t i = 0; i < config_.n_layers; ++i) {
    const LayerWeights& layer = weights_.layers[static_cast<size_t>(i)];
    step.moe_layer = layer.is_moe ? moe_layer++ : -1;
    decoder_layer(step, layer, i);
  }
  if (extras.hidden.data != nullptr) {
    context_.ops.rms_norm(context_, x, weights_.final_norm.data(), static_cast<float>(config_.rms_norm_eps),
                          extras.hidden);
  }
  head(step, weights_.final_norm, weights_.head, batch.logit_rows, logits);
}

}  // namespace jaju
