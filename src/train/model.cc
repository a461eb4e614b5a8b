#include "train/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "model/rope.h"
#include "train/attention.h"
#include "train/model_parts.h"
#include "train/moe.h"
#include "train/ops.h"

namespace jaju::train {
namespace {

// transformers gives the two inner norms their own default of 1e-6, whatever rms_norm_eps says.
constexpr double kInnerEps = 1e-6;

// A module's own names must not hold dots.
std::string member_name(std::string name) {
  std::replace(name.begin(), name.end(), '.', '/');
  return name;
}

Tensor rows_of(const std::vector<int64_t>& rows, const torch::Device& device) {
  return torch::tensor(rows, at::kLong).to(device);
}

}  // namespace

// One pass over a batch: its layout and what the layers leave behind.
struct ModelImpl::Run {
  Layout layout;
  Tensor tokens;
  at::ScalarType type = at::kFloat;  // of activations
  Tensor rope_table;
  Tensor balance;
  std::vector<Tensor> loads;
};

ModelImpl::ModelImpl(const ModelConfig& config, MatmulPrecision precision, uint64_t seed)
    : config_(config), precision_(precision), parts_(std::make_shared<Parts>()) {
  const int64_t hidden = config_.hidden_size;
  config_.n_mtp_layers = std::min<int64_t>(config_.n_mtp_layers, 1);
  Parts& p = *parts_;
  constexpr double kSpread = 0.02;
  p.embed = parameter("model.embed_tokens.weight", {config_.vocab_size, hidden}, kSpread);
  for (int64_t i = 0; i < config_.n_layers; ++i) make_layer(p.layers.emplace_back(), i, config_.is_moe(i));
  p.final_norm = parameter("model.norm.weight", {hidden}, 0);
  p.head = config_.tie_word_embeddings ? p.embed
                                       : parameter("lm_head.weight", {config_.vocab_size, hidden}, kSpread);
  if (config_.n_mtp_layers > 0) {
    MtpParts& m = p.mtp.emplace();
    const std::string prefix = fmt::format("model.layers.{}.", config_.n_layers);
    m.embedding_norm = parameter(prefix + "enorm.weight", {hidden}, 0);
    m.hidden_norm = parameter(prefix + "hnorm.weight", {hidden}, 0);
    m.projection = parameter(prefix + "eh_proj.weight", {hidden, 2 * hidden}, kSpread);
    make_layer(m.layer, config_.n_layers, true);
    m.final_norm = parameter(prefix + "shared_head.norm.weight", {hidden}, 0);
  }

  // Filled in the order of their names' creation, so a seed gives the same weights everywhere.
  torch::NoGradGuard no_grad;
  at::Generator generator = torch::make_generator<at::CPUGeneratorImpl>(seed);
  const double output_spread = kSpread / std::sqrt(2.0 * static_cast<double>(config_.n_layers));
  for (auto& [name, tensor] : p.trainable) {
    if (tensor.dim() == 1) continue;  // norms stay 1
    const bool output =
        name.find("o_proj") != std::string::npos || name.find("down_proj") != std::string::npos;
    tensor.normal_(0.0, output ? output_spread : kSpread, generator);
  }
}

// scale 0: ones.
Tensor ModelImpl::parameter(const std::string& name, std::vector<int64_t> shape, double scale) {
  Tensor t = register_parameter(member_name(name), scale == 0 ? at::ones(shape) : at::zeros(shape));
  parts_->trainable.emplace_back(name, t);
  return t;
}

void ModelImpl::make_layer(LayerParts& l, int64_t index, bool is_moe) {
  const ModelConfig& c = config_;
  constexpr double kSpread = 0.02;
  const int64_t hidden = c.hidden_size;
  l.prefix = fmt::format("model.layers.{}.", index);
  l.is_moe = is_moe;
  const auto make = [&](const std::string& name, std::vector<int64_t> shape) {
    return parameter(l.prefix + name, std::move(shape), kSpread);
  };
  const auto norm = [&](const std::string& name, int64_t n) { return parameter(l.prefix + name, {n}, 0); };
  l.input_norm = norm("input_layernorm.weight", hidden);
  AttentionParts& a = l.attention;
  if (c.q_lora_rank > 0) {
    a.q_a = make("self_attn.q_a_proj.weight", {c.q_lora_rank, hidden});
    a.q_a_norm = norm("self_attn.q_a_layernorm.weight", c.q_lora_rank);
    a.q_b = make("self_attn.q_b_proj.weight", {c.n_heads * c.qk_dim(), c.q_lora_rank});
  } else {
    a.q = make("self_attn.q_proj.weight", {c.n_heads * c.qk_dim(), hidden});
  }
  a.kv_a = make("self_attn.kv_a_proj_with_mqa.weight", {c.kv_width(), hidden});
  a.kv_a_norm = norm("self_attn.kv_a_layernorm.weight", c.kv_lora_rank);
  a.kv_b = make("self_attn.kv_b_proj.weight", {c.n_heads * (c.qk_nope_dim + c.v_dim), c.kv_lora_rank});
  a.o = make("self_attn.o_proj.weight", {hidden, c.n_heads * c.v_dim});
  l.post_attention_norm = norm("post_attention_layernorm.weight", hidden);
  if (!is_moe) {
    l.dense.gate_up = make("mlp.gate_up_proj.weight", {2 * c.intermediate_size, hidden});
    l.dense.down = make("mlp.down_proj.weight", {hidden, c.intermediate_size});
    return;
  }
  const int64_t inner = c.moe_intermediate_size;
  l.router = make("mlp.gate.weight", {c.n_routed_experts, hidden});
  const std::string bias = l.prefix + "mlp.gate.e_score_correction_bias";
  l.router_bias = register_buffer(member_name(bias), at::zeros({c.n_routed_experts}));
  parts_->biases.emplace_back(bias, l.router_bias);
  l.expert_gate_up = make("mlp.experts.gate_up_proj", {c.n_routed_experts, 2 * inner, hidden});
  l.expert_down = make("mlp.experts.down_proj", {c.n_routed_experts, hidden, inner});
  if (c.n_shared_experts > 0) {
    const int64_t shared = inner * c.n_shared_experts;
    l.shared.gate_up = make("mlp.shared_experts.gate_up_proj.weight", {2 * shared, hidden});
    l.shared.down = make("mlp.shared_experts.down_proj.weight", {hidden, shared});
  }
  if (c.has_post_mlp_norm) l.post_mlp_norm = norm("post_mlp_layernorm.weight", hidden);
}

ModelImpl::Run ModelImpl::begin(const Batch& batch) {
  Run run{Layout(batch.document_ends), {}, at::kFloat, {}, {}, {}};
  JAJU_CHECK(batch.tokens.dim() == 1 && batch.tokens.size(0) == run.layout.n_tokens);
  const torch::Device device = parts_->embed.device();
  run.tokens = batch.tokens.to(device);
  if (parts_->embed.scalar_type() == at::kDouble) {
    run.type = at::kDouble;  // tests
  } else if (precision_ == MatmulPrecision::bf16) {
    run.type = at::kBFloat16;
  }
  if (!rope_table_.defined() || rope_table_.size(0) < run.layout.longest) {
    const Rope rope(config_);
    const int64_t positions = (run.layout.longest + 255) / 256 * 256;
    rope_table_ = at::empty({positions, 2 * rope.n_pairs()});
    for (int64_t pos = 0; pos < positions; ++pos) {
      rope.fill(pos, rope_table_.data_ptr<float>() + pos * 2 * rope.n_pairs());
    }
  }
  rope_table_ = rope_table_.to(device);
  run.rope_table = rope_table_;
  run.balance = at::zeros({}, parts_->embed.options());
  return run;
}

Tensor ModelImpl::attention(Run& run, const AttentionParts& w, const Tensor& y) const {
  const ModelConfig& c = config_;
  const Tensor q = c.q_lora_rank > 0
                       ? project(rms_norm(project(y, w.q_a), w.q_a_norm, kInnerEps, run.type), w.q_b)
                       : project(y, w.q);
  // The latent is normed; the rope key behind it is not.
  const Tensor kv_a = project(y, w.kv_a);
  const Tensor latent = rms_norm(kv_a.slice(1, 0, c.kv_lora_rank), w.kv_a_norm, kInnerEps, run.type);
  const Tensor kv = project(latent, w.kv_b);
  const AttentionShape shape{c.n_heads, c.qk_nope_dim,           c.qk_rope_dim,
                             c.v_dim,   Rope(c).softmax_scale(), c.rope.interleaved};
  const Tensor heads =
      causal_attention(q, kv, kv_a.slice(1, c.kv_lora_rank), run.rope_table, run.layout, shape);
  return project(heads, w.o);
}

Tensor ModelImpl::moe(Run& run, const LayerParts& w, const Tensor& y) const {
  const Routing routing = route(project_f32(y, w.router), w.router_bias, run.layout, config_);
  run.loads.push_back(routing.load);
  run.balance = run.balance + routing.balance;
  Tensor shared;
  if (w.shared.gate_up.defined()) shared = project(swiglu(project(y, w.shared.gate_up)), w.shared.down);
  return routed_experts(y, routing, w.expert_gate_up, w.expert_down, shared);
}

// Takes the residual stream as x + delta and gives it back the same way: each sum is made by the norm that
// reads it.
std::pair<Tensor, Tensor> ModelImpl::layer(Run& run, const LayerParts& w, const Tensor& x,
                                           const Tensor& delta) const {
  const double eps = config_.rms_norm_eps;
  Tensor sum = x;
  Tensor y;
  if (delta.defined()) {
    std::tie(sum, y) = add_rms_norm(x, delta, w.input_norm, eps, run.type);
  } else {
    y = rms_norm(x, w.input_norm, eps, run.type);
  }
  const Tensor mixed = attention(run, w.attention, y);
  std::tie(sum, y) = add_rms_norm(sum, mixed, w.post_attention_norm, eps, run.type);
  Tensor out = w.is_moe ? moe(run, w, y) : project(swiglu(project(y, w.dense.gate_up)), w.dense.down);
  // K1's own norm acts on MoE layers, on routed sum + shared expert, before the residual add.
  if (w.post_mlp_norm.defined()) out = rms_norm(out, w.post_mlp_norm, eps, run.type);
  return {sum, out};
}

// (N, hidden) after the final norm, in the activations' type.
Tensor ModelImpl::trunk(Run& run) {
  Tensor x = at::embedding(parts_->embed, run.tokens);
  Tensor delta;
  for (const LayerParts& l : parts_->layers) std::tie(x, delta) = layer(run, l, x, delta);
  return add_rms_norm(x, delta, parts_->final_norm, config_.rms_norm_eps, run.type).second;
}

// The MTP block (DeepSeek-V3 report, 2.2): hidden states joined with the next token's embedding. Returns its
// normed hidden states and the rows of the batch they belong to: all but each document's last.
std::pair<Tensor, Tensor> ModelImpl::mtp_trunk(Run& run, const Tensor& hidden) {
  std::vector<int64_t> rows;
  std::vector<int64_t> ends;
  for (int64_t d = 0; d < run.layout.n_documents(); ++d) {
    for (int64_t r = run.layout.starts[static_cast<size_t>(d)];
         r + 1 < run.layout.ends[static_cast<size_t>(d)]; ++r) {
      rows.push_back(r);
    }
    const auto n = static_cast<int64_t>(rows.size());
    if (n > (ends.empty() ? 0 : ends.back())) ends.push_back(n);
  }
  if (rows.empty()) return {};
  const Tensor index = rows_of(rows, hidden.device());
  const MtpParts& m = *parts_->mtp;
  const double eps = config_.rms_norm_eps;
  const Tensor next = at::embedding(parts_->embed, run.tokens.index_select(0, index + 1));
  const Tensor joined = at::cat({rms_norm(next, m.embedding_norm, eps, run.type),
                                 rms_norm(hidden.index_select(0, index), m.hidden_norm, eps, run.type)},
                                1);
  Run inner{Layout(ends), {}, run.type, run.rope_table, run.balance, {}};
  const Tensor start = project(joined, m.projection).to(parts_->embed.scalar_type());
  const auto [x, delta] = layer(inner, m.layer, start, {});
  run.balance = inner.balance;
  run.loads.insert(run.loads.end(), inner.loads.begin(), inner.loads.end());
  return {add_rms_norm(x, delta, m.final_norm, eps, run.type).second, index};
}

void ModelImpl::keep_stats(const Run& run) {
  std::vector<Tensor> loads = run.loads;
  const auto experts = config_.n_routed_experts;
  while (loads.size() < parts_->biases.size()) {
    loads.push_back(at::zeros({experts}, at::TensorOptions(at::kLong).device(parts_->embed.device())));
  }
  stats_.load = loads.empty() ? at::zeros({0, experts}, at::kLong) : at::stack(loads).cpu();
}

Tensor ModelImpl::hidden(const Batch& batch) {
  Run run = begin(batch);
  const Tensor h = trunk(run);
  keep_stats(run);
  return h.scalar_type() == at::kBFloat16 ? h.to(at::kFloat) : h;
}

Tensor ModelImpl::logits(const Tensor& hidden_rows) {
  if (precision_ == MatmulPrecision::f32) return project(hidden_rows, parts_->head);
  return project(hidden_rows.to(at::kBFloat16), parts_->head).to(at::kFloat);
}

Tensor ModelImpl::mtp_logits(const Batch& batch) {
  JAJU_CHECK(parts_->mtp.has_value());
  Run run = begin(batch);
  const Tensor hidden = mtp_trunk(run, trunk(run)).first;
  keep_stats(run);
  if (!hidden.defined()) return at::zeros({0, config_.vocab_size}, parts_->embed.options());
  return logits(hidden);
}

Losses ModelImpl::losses(const Batch& batch, bool with_mtp) {
  Run run = begin(batch);
  const torch::Device device = parts_->embed.device();
  Losses losses;
  const Tensor h = trunk(run);
  losses.main = cross_entropy(h, parts_->head, batch.targets.to(device));
  if (with_mtp && parts_->mtp) {
    const auto [draft, rows] = mtp_trunk(run, h);
    losses.mtp = draft.defined()
                     ? cross_entropy(draft, parts_->head, batch.mtp_targets.to(device).index_select(0, rows))
                     : at::zeros({}, parts_->embed.options());
  }
  losses.sequence = run.balance;
  keep_stats(run);
  return losses;
}

Tensor ModelImpl::token_log_probs(const Batch& batch, double temperature) {
  Run run = begin(batch);
  const Tensor h = trunk(run);
  keep_stats(run);
  return log_probs(h, parts_->head, batch.targets.to(h.device()), temperature);
}

void ModelImpl::update_router_bias(const Tensor& load, double step) {
  torch::NoGradGuard no_grad;
  JAJU_CHECK(load.dim() == 2 && load.size(0) <= static_cast<int64_t>(parts_->biases.size()));
  const Tensor counts = load.to(at::kFloat);
  const Tensor direction = at::sign(counts.mean(1, true) - counts);
  for (int64_t i = 0; i < load.size(0); ++i) {
    Tensor& bias = parts_->biases[static_cast<size_t>(i)].second;
    bias.add_(direction[i].to(bias.device()), step);
  }
}

std::vector<std::pair<std::string, Tensor>> ModelImpl::trainable() const {
  return parts_->trainable;
}
std::vector<std::pair<std::string, Tensor>> ModelImpl::router_biases() const {
  return parts_->biases;
}

}  // namespace jaju::train
