#include "model/forward.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace jaju {

namespace {

// Widths that depend on which kinds of layers there are; 0 where there is none.
struct Widths {
  int64_t inner = 0;    // widest SwiGLU of a dense layer or of the shared expert
  int64_t experts = 0;  // router scores
  int64_t visits = 0;   // experts per token
  int64_t expert_inner = 0;
  int64_t mtp_input = 0;

  Widths(const ModelConfig& c, LayerKinds kinds) {
    if (kinds.dense) inner = c.intermediate_size;
    if (kinds.mtp) mtp_input = 2 * c.hidden_size;
    if (!kinds.moe) return;
    inner = std::max(inner, c.moe_intermediate_size * c.n_shared_experts);
    experts = c.n_routed_experts;
    visits = c.n_experts_per_token;
    expert_inner = c.moe_intermediate_size;
  }
};

// Every float array of the activations and its values per row.
using Column = std::pair<LineVector<float> Activations::*, int64_t>;
std::array<Column, 14> float_columns(const ModelConfig& c, const Widths& w) {
  return {{{&Activations::x, c.hidden_size},
           {&Activations::y, c.hidden_size},
           {&Activations::block_out, c.hidden_size},
           {&Activations::q_a, c.q_lora_rank},
           {&Activations::q, c.n_heads * c.qk_dim()},
           {&Activations::kv, c.kv_width()},
           {&Activations::heads_out, c.n_heads * c.v_dim},
           {&Activations::cos_sin, c.qk_rope_dim},
           {&Activations::inner, staggered_stride(w.inner, sizeof(float))},
           {&Activations::router_scores, w.experts},
           {&Activations::expert_weights, w.visits},
           {&Activations::packed_inner, w.visits * staggered_stride(w.expert_inner, sizeof(float))},
           {&Activations::packed_out, w.visits * c.hidden_size},
           {&Activations::mtp_input, w.mtp_input}}};
}

ScratchSizes scratch_sizes(const ModelConfig& c, LayerKinds kinds, int64_t max_rows) {
  const Widths w(c, kinds);
  // Inputs of the matmuls of a step, those of down projections excepted.
  int64_t input = 0;
  for (const int64_t cols : {c.hidden_size, w.mtp_input, c.n_heads * c.v_dim, c.q_lora_rank}) {
    input = std::max(input, staggered_stride(cols, sizeof(float)));
  }
  return {.max_rows = max_rows,
          .max_input = max_rows * input,
          .max_groups = w.experts + 1,
          .n_heads = c.n_heads,
          .nope = c.qk_nope_dim,
          .rope = c.qk_rope_dim,
          .v = c.v_dim,
          .latent = c.kv_lora_rank};
}

}  // namespace

LayerKinds kinds_of(const Weights& w) {
  LayerKinds kinds;
  const auto add = [&](const LayerWeights& layer) { (layer.is_moe ? kinds.moe : kinds.dense) = true; };
  for (const LayerWeights& layer : w.layers) add(layer);
  if (w.mtp) add(w.mtp->layer);
  kinds.mtp = w.mtp.has_value();
  return kinds;
}

LayerKinds kinds_of(const ModelConfig& c, bool with_mtp) {
  LayerKinds kinds;
  for (int64_t i = 0; i < c.n_layers; ++i) (c.is_moe(i) ? kinds.moe : kinds.dense) = true;
  kinds.mtp = with_mtp && c.n_mtp_layers > 0;
  kinds.moe = kinds.moe || kinds.mtp;  // the block's own layer
  return kinds;
}

Activations::Activations(const ModelConfig& c, const Weights& weights, int64_t rows) : max_rows(rows) {
  const Widths w(c, kinds_of(weights));
  for (const auto& [array, cols] : float_columns(c, w))
    (this->*array).resize(static_cast<size_t>(rows * cols));
  const auto visits = static_cast<size_t>(rows * w.visits);
  expert_ids.resize(visits);
  slots.resize(visits);
  packed_rows.resize(visits);
  groups.reserve(static_cast<size_t>(w.experts) + 1);
  expert_counts.resize(static_cast<size_t>(w.experts) + 1);
  if (!weights.streamed) return;  // row_bytes counts them always
  predicted_ids.resize(visits);
  predicted_weights.resize(visits);
  predicted_worth.resize(static_cast<size_t>(w.experts));
  predicted_order.resize(static_cast<size_t>(w.experts));
}

int64_t Activations::row_bytes(const ModelConfig& c, LayerKinds kinds) {
  const Widths w(c, kinds);
  int64_t bytes = w.visits * 5 * static_cast<int64_t>(sizeof(int32_t));
  for (const auto& [array, cols] : float_columns(c, w)) bytes += cols * static_cast<int64_t>(sizeof(float));
  return bytes;
}

Forward::Forward(const ModelConfig& config, const Weights& weights, Context& context, int64_t max_rows,
                 ExpertStore* store)
    : config_(config),
      weights_(weights),
      context_(context),
      rope_(config),
      act_(config, weights, max_rows),
      experts_(config),
      store_(store) {
  JAJU_CHECK(weights.streamed == (store != nullptr));
  failed_rows_.reserve(static_cast<size_t>(max_rows));
  // The most sequences a step can hold is one per row.
  expanded_.reserve(static_cast<size_t>(max_rows));
  absorbed_.reserve(static_cast<size_t>(max_rows));
  reserve_scratch(context, scratch_sizes(config, kinds_of(weights), max_rows));
}

int64_t Forward::working_bytes(const ModelConfig& config, LayerKinds kinds, int64_t max_rows, int threads) {
  return max_rows * Activations::row_bytes(config, kinds) +
         scratch_bytes(scratch_sizes(config, kinds, max_rows), threads);
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

Status Forward::decoder_layer(const Step& step, const LayerWeights& layer, int64_t cache_layer) {
  attention_block(step, layer, cache_layer);
  return mlp_block(step, layer);
}

// x += attention(rms(x)).
void Forward::attention_block(const Step& step, const LayerWeights& layer, int64_t cache_layer) {
  const MutRows x(act_.x.data(), step.n_rows, config_.hidden_size);
  const MutRows y(act_.y.data(), step.n_rows, config_.hidden_size);
  context_.ops.rms_norm(context_, x, layer.input_norm.data(), static_cast<float>(config_.rms_norm_eps), y);
  attention(step, layer.attention, cache_layer);
  context_.ops.add(context_, x, Rows(act_.block_out.data(), step.n_rows, config_.hidden_size));
}

// x += mlp(rms(x)).
Status Forward::mlp_block(const Step& step, const LayerWeights& layer) {
  const Ops& ops = context_.ops;
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const MutRows x(act_.x.data(), step.n_rows, config_.hidden_size);
  const MutRows y(act_.y.data(), step.n_rows, config_.hidden_size);
  const MutRows out(act_.block_out.data(), step.n_rows, config_.hidden_size);
  ops.rms_norm(context_, x, layer.post_attention_norm.data(), eps, y);
  if (layer.is_moe) {
    JAJU_RETURN_IF_ERROR(moe(step, layer.moe));
  } else {
    predict(step, Ahead::layer);
    mlp(step, layer.dense, out);
  }
  // K1's own norm acts on MoE layers, on routed sum + shared expert, before the residual add.
  if (!layer.post_mlp_norm.empty()) ops.rms_norm(context_, out, layer.post_mlp_norm.data(), eps, out);
  ops.add(context_, x, out);
  return {};
}

// After the last attention nothing looks back any more: only rows whose logits are wanted need the last MLP.
// Moves them to the front where they come in order; they keep their bits, each row's being its own. Returns
// how many rows are left.
int64_t Forward::keep_logit_rows(const Step& step, std::span<const int32_t> rows) {
  int32_t next = 0;
  for (const int32_t row : rows) {
    JAJU_CHECK(row < step.n_rows);
    if (row < next) return step.n_rows;
    next = row + 1;
  }
  const int64_t hidden = config_.hidden_size;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::memmove(act_.x.data() + static_cast<int64_t>(i) * hidden, act_.x.data() + rows[i] * hidden,
                 static_cast<size_t>(hidden) * sizeof(float));
  }
  return static_cast<int64_t>(rows.size());
}

// logits = matrix * rms(x) for the wanted rows; the rows move to the front of y first. first_rows: they are
// the first ones of x, whatever their numbers say.
void Forward::head(const Step& step, const Vector& norm, const Matrix& matrix, std::span<const int32_t> rows,
                   bool first_rows, MutRows logits) {
  if (rows.empty()) return;
  const int64_t hidden = config_.hidden_size;
  const auto n = static_cast<int64_t>(rows.size());
  JAJU_CHECK(n <= act_.max_rows && logits.n == n && logits.cols == matrix.rows);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = first_rows ? i : rows[static_cast<size_t>(i)];
    JAJU_CHECK(row < step.n_rows);
    std::memcpy(act_.y.data() + i * hidden, act_.x.data() + row * hidden,
                static_cast<size_t>(hidden) * sizeof(float));
  }
  const MutRows y(act_.y.data(), n, hidden);
  context_.ops.rms_norm(context_, y, norm.data(), static_cast<float>(config_.rms_norm_eps), y);
  context_.ops.matmul(context_, matrix, y, logits);
}

void Forward::saw(const Step& step, const Matrix& w, Rows x) {
  if (step.inputs != nullptr) step.inputs->saw(context_.team, w, x, nullptr, x.n);
}

void Forward::saw(const Step& step, const ExpertGroup& group, Rows x) {
  if (step.inputs == nullptr) return;
  const int64_t cols = group.gate.rows;
  const Rows inner(group.inner, group.n, cols, staggered_stride(cols, sizeof(float)));
  step.inputs->saw(context_.team, group.gate, x, group.rows, group.n);
  step.inputs->saw(context_.team, group.down, inner, nullptr, group.n);
}

// The head reads only rows whose logits are wanted; calibration wants to see what it would read of all. In:
// act.x. Overwrites act.y.
void Forward::observe_head(const Step& step, const Vector& norm, const Matrix& matrix) {
  if (step.inputs == nullptr) return;
  const MutRows y(act_.y.data(), step.n_rows, config_.hidden_size);
  context_.ops.rms_norm(context_, Rows(act_.x.data(), step.n_rows, config_.hidden_size), norm.data(),
                        static_cast<float>(config_.rms_norm_eps), y);
  saw(step, matrix, y);
}

Status Forward::run(const Batch& batch, MutRows logits, const ForwardExtras& extras) {
  Step step = begin(batch, 0);
  step.extras = &extras;
  step.inputs = extras.inputs;
  failed_rows_.clear();
  if (store_ != nullptr) JAJU_RETURN_IF_ERROR(store_->begin_step(step.n_rows));
  const MutRows x(act_.x.data(), step.n_rows, config_.hidden_size);
  context_.ops.embed(context_, weights_.embed, batch.tokens, x);
  const bool all_rows =
      extras.hidden.data != nullptr || extras.on_experts != nullptr || extras.inputs != nullptr;
  const int64_t n_rows = step.n_rows;
  int64_t moe_layer = 0;
  for (int64_t i = 0; i < config_.n_layers; ++i) {
    const LayerWeights& layer = weights_.layers[static_cast<size_t>(i)];
    step.moe_layer = layer.is_moe ? moe_layer++ : -1;
    const bool last_next = i + 2 == config_.n_layers;
    step.next_moe_layer = moe_layer;
    step.next = i + 1 < config_.n_layers && weights_.layers[static_cast<size_t>(i) + 1].is_moe
                    ? &weights_.layers[static_cast<size_t>(i) + 1]
                    : nullptr;
    if (last_next && !all_rows) {
      step.next_rows = batch.logit_rows;
      if (batch.logit_rows.empty()) step.next = nullptr;
    }
    // Nothing is asked of the drives during a dense layer.
    if (!layer.is_moe) predict(step, Ahead::two_attentions);
    attention_block(step, layer, i);
    if (i + 1 == config_.n_layers && !all_rows) {
      step.n_rows = keep_logit_rows(step, batch.logit_rows);
      if (step.n_rows < n_rows) step.kept_rows = batch.logit_rows;
    }
    if (step.n_rows > 0) JAJU_RETURN_IF_ERROR(mlp_block(step, layer));
    predict(step, Ahead::attention);
  }
  if (extras.hidden.data != nullptr) {
    context_.ops.rms_norm(context_, x, weights_.final_norm.data(), static_cast<float>(config_.rms_norm_eps),
                          extras.hidden);
  }
  observe_head(step, weights_.final_norm, weights_.head);
  head(step, weights_.final_norm, weights_.head, batch.logit_rows, step.n_rows < n_rows, logits);
  return {};
}

}  // namespace jaju
