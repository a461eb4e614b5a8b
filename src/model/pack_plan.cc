// Which tensors a packed model has, and in which files.
#include <algorithm>

#include "formats/safetensors_header.h"
#include "model/pack.h"
#include "model/packed_names.h"

namespace jaju {
namespace {

class Planner {
 public:
  Planner(const ModelConfig& config, const PackOptions& options) : config_(config), options_(options) {}

  void vector(const std::string& name, const Vector& v, std::vector<int64_t> shape = {}) {
    if (v.empty()) return;
    const auto n = static_cast<int64_t>(v.size());
    if (shape.empty()) shape = {n};
    PackPart part;
    part.spec = {name, DType::f32, std::move(shape)};
    part.vector = &v;
    part.values = n;
    part.bytes = n * size_of(DType::f32);
    plain_.push_back(std::move(part));
  }

  // As it is; f8 and four-bit floats as bf16.
  void plain(const std::string& name, const Matrix& m) {
    if (m.empty()) return;
    const DType dtype = m.dtype == DType::f8_e4m3 || m.stored_fp4() ? DType::bf16 : m.dtype;
    PackPart part;
    part.spec = {name, dtype, {m.rows, m.cols}};
    part.matrices = {m};
    part.values = m.rows * m.cols;
    part.bytes = part.values * size_of(dtype);
    plain_.push_back(std::move(part));
  }

  void packed(const std::string& name, const Matrix& m) {
    if (m.empty()) return;
    const Scheme scheme = options_.keep_fp4_rest && m.stored_fp4() ? m.scheme : options_.rest;
    const int64_t bytes = packed_bytes(scheme, m.rows, m.cols);
    quantised_.push_back(part_of(packed_name(name, scheme), scheme, {m}, bytes));
  }

  void mlp(const std::string& prefix, const MlpWeights& w) {
    packed(prefix + "gate_proj.weight", w.gate);
    packed(prefix + "up_proj.weight", w.up);
    packed(prefix + "down_proj.weight", w.down);
  }

  void kv_b(const std::string& prefix, const Matrix& m) {
    if (m.empty()) return;
    const std::string name = prefix + "kv_b_proj.weight";
    if (!packs_kv_b(config_)) return plain(name, m);
    PackPart whole =
        part_of(packed_name(name, kKvBScheme), kKvBScheme, {m}, packed_bytes(kKvBScheme, m.rows, m.cols));
    whole.of_kv_b = true;
    PackPart keys = whole;
    keys.spec.name = packed_name(prefix + "k_b_proj.weight", kKvBScheme);
    keys.bytes = packed_bytes(kKvBScheme, config_.n_heads * config_.kv_lora_rank, config_.qk_nope_dim);
    keys.spec.shape = {keys.bytes};
    keys.key_rows = config_.qk_nope_dim;
    keys.head_rows = config_.qk_nope_dim + config_.v_dim;
    keys.values = 0;
    quantised_.push_back(std::move(whole));
    quantised_.push_back(std::move(keys));
  }

  void attention(const std::string& prefix, const AttentionWeights& a) {
    packed(prefix + "q_proj.weight", a.q);
    packed(prefix + "q_a_proj.weight", a.q_a);
    vector(prefix + "q_a_layernorm.weight", a.q_a_norm);
    packed(prefix + "q_b_proj.weight", a.q_b);
    packed(prefix + "kv_a_proj_with_mqa.weight", a.kv_a);
    vector(prefix + "kv_a_layernorm.weight", a.kv_a_norm);
    kv_b(prefix, a.kv_b);
    packed(prefix + "o_proj.weight", a.o);
  }

  void moe(const std::string& prefix, const MoeWeights& w, int64_t hidden) {
    const auto n = static_cast<int64_t>(w.experts.size());
    for (int64_t e = 0; e < n; ++e) {
      const MlpWeights& expert = w.experts[static_cast<size_t>(e)];
      const Scheme scheme = scheme_of(w);
      experts_.push_back(part_of(packed_name(fmt::format("{}experts.{}", prefix, e), scheme), scheme,
                                 {expert.gate, expert.up, expert.down},
                                 expert_extent_bytes(scheme, expert.gate.rows, hidden)));
    }
    vector(prefix + "gate.weight", w.router, {n, hidden});
    vector(prefix + "gate.e_score_correction_bias", w.router_bias);
    mlp(prefix + "shared_experts.", w.shared);
  }

  void layer(int64_t index, const LayerWeights& w, int64_t hidden) {
    const std::string prefix = fmt::format("model.layers.{}.", index);
    vector(prefix + "input_layernorm.weight", w.input_norm);
    attention(prefix + "self_attn.", w.attention);
    vector(prefix + "post_attention_layernorm.weight", w.post_attention_norm);
    vector(prefix + "post_mlp_layernorm.weight", w.post_mlp_norm);
    if (w.is_moe) {
      moe(prefix + "mlp.", w.moe, hidden);
    } else {
      mlp(prefix + "mlp.", w.dense);
    }
  }

  // Ends a piece that must stay together: experts, then what is quantised, then the rest.
  void end_piece() {
    std::vector<PackPart> parts = std::move(experts_);
    for (auto* more : {&quantised_, &plain_}) {
      std::move(more->begin(), more->end(), std::back_inserter(parts));
      more->clear();
    }
    experts_.clear();
    int64_t bytes = 0;
    for (const PackPart& p : parts) bytes += p.bytes;
    if (shards_.empty() || shards_.back().bytes + bytes > options_.shard_bytes) shards_.emplace_back();
    shards_.back().bytes += bytes;
    std::move(parts.begin(), parts.end(), std::back_inserter(shards_.back().parts));
  }

  std::vector<PackShard> finish() {
    for (size_t i = 0; i < shards_.size(); ++i) {
      shards_[i].file = shards_.size() == 1
                            ? "model.safetensors"
                            : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards_.size());
      // Whole extents in front keep the others aligned.
      std::stable_partition(shards_[i].parts.begin(), shards_[i].parts.end(),
                            [](const PackPart& p) { return p.matrices.size() == 3; });
    }
    return std::move(shards_);
  }

 private:
  // Of a layer's experts, which share one.
  Scheme scheme_of(const MoeWeights& w) const {
    if (!options_.keep_fp4_experts) return options_.experts;
    const Scheme first = w.experts.front().gate.scheme;
    const auto is_first = [&](const Matrix& m) { return m.stored_fp4() && m.scheme == first; };
    const bool all = std::all_of(w.experts.begin(), w.experts.end(), [&](const MlpWeights& e) {
      return is_first(e.gate) && is_first(e.up) && is_first(e.down);
    });
    return all ? first : options_.experts;
  }

  PackPart part_of(std::string name, Scheme scheme, std::vector<Matrix> matrices, int64_t bytes) const {
    PackPart part;
    part.spec = {std::move(name), DType::u8, {bytes}};
    part.scheme = scheme;
    for (const Matrix& m : matrices) {
      part.values += m.rows * m.cols;
      part.importance.push_back(options_.importance != nullptr ? options_.importance->of(m) : nullptr);
    }
    part.matrices = std::move(matrices);
    part.bytes = bytes;
    return part;
  }

  const ModelConfig& config_;
  const PackOptions& options_;
  std::vector<PackPart> experts_, quantised_, plain_;
  std::vector<PackShard> shards_;
};

}  // namespace

std::vector<PackShard> plan_pack(const Weights& weights, const ModelConfig& config,
                                 const PackOptions& options) {
  Planner plan(config, options);
  plan.plain("model.embed_tokens.weight", weights.embed);
  // The head is read whole for every token: quantised also where it is the embedding.
  plan.packed("lm_head.weight", weights.head);
  plan.vector("model.norm.weight", weights.final_norm);
  plan.end_piece();
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    plan.layer(static_cast<int64_t>(i), weights.layers[i], config.hidden_size);
    plan.end_piece();
  }
  if (weights.mtp) {
    const MtpWeights& w = *weights.mtp;
    const std::string prefix = fmt::format("model.layers.{}.", config.n_layers);
    plan.vector(prefix + "enorm.weight", w.embedding_norm);
    plan.vector(prefix + "hnorm.weight", w.hidden_norm);
    plan.packed(prefix + "eh_proj.weight", w.projection);
    plan.layer(config.n_layers, w.layer, config.hidden_size);
    plan.vector(prefix + "shared_head.norm.weight", w.final_norm);
    if (w.embed.data != weights.embed.data) plan.plain(prefix + "embed_tokens.weight", w.embed);
    if (w.head.data != weights.head.data) plan.packed(prefix + "shared_head.head.weight", w.head);
    plan.end_piece();
  }
  return plan.finish();
}

}  // namespace jaju
