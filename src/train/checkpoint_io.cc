// The module's tensors to and from the released layout. Reading goes through the engine's own Weights, so
// whatever the engine loads trains, too; writing lists every stored tensor as a view of a parameter.
#include <fmt/format.h>

#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "formats/safetensors_writer.h"
#include "model/weights.h"
#include "train/model.h"
#include "train/model_parts.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;
using torch::Tensor;

// One tensor of the file: a whole parameter or a part of one.
struct Stored {
  std::string name;
  Tensor view;
  bool always_f32 = false;
};

void list_mlp(std::vector<Stored>& out, const std::string& prefix, const Tensor& gate_up,
              const Tensor& down) {
  const int64_t inner = gate_up.size(0) / 2;
  out.push_back({prefix + "gate_proj.weight", gate_up.slice(0, 0, inner)});
  out.push_back({prefix + "up_proj.weight", gate_up.slice(0, inner)});
  out.push_back({prefix + "down_proj.weight", down});
}

void list_layer(std::vector<Stored>& out, const LayerParts& l) {
  const auto add = [&](const char* name, const Tensor& t) {
    if (t.defined()) out.push_back({l.prefix + name, t});
  };
  const AttentionParts& a = l.attention;
  add("input_layernorm.weight", l.input_norm);
  add("self_attn.q_proj.weight", a.q);
  add("self_attn.q_a_proj.weight", a.q_a);
  add("self_attn.q_a_layernorm.weight", a.q_a_norm);
  add("self_attn.q_b_proj.weight", a.q_b);
  add("self_attn.kv_a_proj_with_mqa.weight", a.kv_a);
  add("self_attn.kv_a_layernorm.weight", a.kv_a_norm);
  add("self_attn.kv_b_proj.weight", a.kv_b);
  add("self_attn.o_proj.weight", a.o);
  add("post_attention_layernorm.weight", l.post_attention_norm);
  add("post_mlp_layernorm.weight", l.post_mlp_norm);
  if (!l.is_moe) {
    list_mlp(out, l.prefix + "mlp.", l.dense.gate_up, l.dense.down);
    return;
  }
  add("mlp.gate.weight", l.router);
  out.push_back({l.prefix + "mlp.gate.e_score_correction_bias", l.router_bias, true});
  for (int64_t e = 0; e < l.expert_gate_up.size(0); ++e) {
    list_mlp(out, fmt::format("{}mlp.experts.{}.", l.prefix, e), l.expert_gate_up[e], l.expert_down[e]);
  }
  if (l.shared.gate_up.defined()) {
    list_mlp(out, l.prefix + "mlp.shared_experts.", l.shared.gate_up, l.shared.down);
  }
}

std::vector<Stored> list(const Parts& p, bool tied) {
  std::vector<Stored> out;
  out.push_back({"model.embed_tokens.weight", p.embed});
  for (const LayerParts& l : p.layers) list_layer(out, l);
  out.push_back({"model.norm.weight", p.final_norm});
  if (!tied) out.push_back({"lm_head.weight", p.head});
  if (p.mtp) {
    const std::string& prefix = p.mtp->layer.prefix;
    out.push_back({prefix + "enorm.weight", p.mtp->embedding_norm});
    out.push_back({prefix + "hnorm.weight", p.mtp->hidden_norm});
    out.push_back({prefix + "eh_proj.weight", p.mtp->projection});
    list_layer(out, p.mtp->layer);
    out.push_back({prefix + "shared_head.norm.weight", p.mtp->final_norm});
  }
  return out;
}

nlohmann::ordered_json config_json(const ModelConfig& c, const std::string& dtype) {
  nlohmann::ordered_json j;
  // What the engine calls A.X K1 always has the post-MLP norm; without it the layers are DeepSeek-V3's.
  j["architectures"] = {c.has_post_mlp_norm ? "AXK1ForCausalLM" : "DeepseekV3ForCausalLM"};
  j["model_type"] = !c.has_post_mlp_norm ? "deepseek_v3" : c.model_type == "axk1" ? "axk1" : "AXK1";
  j["vocab_size"] = c.vocab_size;
  j["hidden_size"] = c.hidden_size;
  j["intermediate_size"] = c.intermediate_size;
  j["moe_intermediate_size"] = c.moe_intermediate_size;
  j["num_hidden_layers"] = c.n_layers;
  j["num_attention_heads"] = c.n_heads;
  j["num_key_value_heads"] = c.n_heads;
  j["n_shared_experts"] = c.n_shared_experts;
  j["n_routed_experts"] = c.n_routed_experts;
  j["num_experts_per_tok"] = c.n_experts_per_token;
  j["n_group"] = c.n_group;
  j["topk_group"] = c.topk_group;
  j["scoring_func"] = "sigmoid";
  j["topk_method"] = c.topk_method;
  j["norm_topk_prob"] = c.norm_topk_prob;
  j["routed_scaling_factor"] = c.routed_scaling_factor;
  j["first_k_dense_replace"] = c.first_dense_layers;
  j["moe_layer_freq"] = c.moe_layer_freq;
  j["q_lora_rank"] = c.q_lora_rank > 0 ? nlohmann::ordered_json(c.q_lora_rank) : nlohmann::ordered_json();
  j["kv_lora_rank"] = c.kv_lora_rank;
  j["qk_nope_head_dim"] = c.qk_nope_dim;
  j["qk_rope_head_dim"] = c.qk_rope_dim;
  j["v_head_dim"] = c.v_dim;
  j["hidden_act"] = "silu";
  j["rms_norm_eps"] = c.rms_norm_eps;
  j["rope_theta"] = c.rope.theta;
  j["rope_interleave"] = c.rope.interleaved;
  j["rope_scaling"] = nullptr;
  if (c.rope.yarn) {
    auto& r = j["rope_scaling"];
    r = {{"rope_type", "yarn"},
         {"factor", c.rope.factor},
         {"original_max_position_embeddings", c.rope.original_context},
         {"beta_fast", c.rope.beta_fast},
         {"beta_slow", c.rope.beta_slow}};
    if (c.rope.mscale != 0) r["mscale"] = c.rope.mscale;
    if (c.rope.mscale_all_dim != 0) r["mscale_all_dim"] = c.rope.mscale_all_dim;
    if (c.rope.attention_factor != 0) r["attention_factor"] = c.rope.attention_factor;
  }
  j["max_position_embeddings"] = c.max_context;
  j["num_nextn_predict_layers"] = c.n_mtp_layers;
  j["tie_word_embeddings"] = c.tie_word_embeddings;
  j["attention_bias"] = false;
  const auto id = [](int64_t token) {
    return token < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(token);
  };
  j["bos_token_id"] = id(c.bos_token_id);
  j["pad_token_id"] = id(c.pad_token_id);
  if (c.eos_token_ids.size() == 1) {
    j["eos_token_id"] = c.eos_token_ids[0];
  } else {
    j["eos_token_id"] =
        c.eos_token_ids.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(c.eos_token_ids);
  }
  j["torch_dtype"] = dtype;
  return j;
}

Status write_tensors(const std::vector<Stored>& tensors, const fs::path& path, DType dtype) {
  std::vector<TensorSpec> specs;
  for (const Stored& s : tensors) {
    specs.push_back({s.name, s.always_f32 ? DType::f32 : dtype, s.view.sizes().vec()});
  }
  JAJU_ASSIGN(const auto writer, SafetensorsWriter::create(path, specs, {{"format", "pt"}}));
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto type = specs[i].dtype == DType::f32 ? at::kFloat : at::kBFloat16;
    const Tensor bytes = tensors[i].view.detach().to(at::kCPU).to(type).contiguous();
    JAJU_RETURN_IF_ERROR(writer->append(bytes.data_ptr(), static_cast<int64_t>(bytes.nbytes())));
  }
  return writer->finish();
}

// Copies what the engine read into a parameter, or into rows of one.
void fill(const Tensor& target, const Matrix& m) {
  float* out = target.data_ptr<float>();
  for (int64_t r = 0; r < m.rows; ++r) {
    for (int64_t c = 0; c < m.cols; ++c) *out++ = m.at(r, c);
  }
}

void fill(const Tensor& target, const Vector& v) {
  std::copy(v.begin(), v.end(), target.data_ptr<float>());
}

void fill_mlp(const Tensor& gate_up, const Tensor& down, const MlpWeights& w) {
  fill(gate_up.slice(0, 0, w.gate.rows), w.gate);
  fill(gate_up.slice(0, w.gate.rows), w.up);
  fill(down, w.down);
}

void fill_layer(const LayerParts& l, const LayerWeights& w) {
  fill(l.input_norm, w.input_norm);
  fill(l.post_attention_norm, w.post_attention_norm);
  if (l.post_mlp_norm.defined()) fill(l.post_mlp_norm, w.post_mlp_norm);
  const AttentionParts& a = l.attention;
  if (a.q.defined()) {
    fill(a.q, w.attention.q);
  } else {
    fill(a.q_a, w.attention.q_a);
    fill(a.q_a_norm, w.attention.q_a_norm);
    fill(a.q_b, w.attention.q_b);
  }
  fill(a.kv_a, w.attention.kv_a);
  fill(a.kv_a_norm, w.attention.kv_a_norm);
  fill(a.kv_b, w.attention.kv_b);
  fill(a.o, w.attention.o);
  if (!l.is_moe) {
    fill_mlp(l.dense.gate_up, l.dense.down, w.dense);
    return;
  }
  fill(l.router, w.moe.router);
  fill(l.router_bias, w.moe.router_bias);
  for (size_t e = 0; e < w.moe.experts.size(); ++e) {
    const auto i = static_cast<int64_t>(e);
    fill_mlp(l.expert_gate_up[i], l.expert_down[i], w.moe.experts[e]);
  }
  if (l.shared.gate_up.defined()) fill_mlp(l.shared.gate_up, l.shared.down, w.moe.shared);
}

bool same_values(const Matrix& a, const Matrix& b) {
  if (a.data == b.data) return true;
  for (int64_t r = 0; r < a.rows; ++r) {
    for (int64_t c = 0; c < a.cols; ++c) {
      if (a.at(r, c) != b.at(r, c)) return false;
    }
  }
  return true;
}

}  // namespace

Status save_model(const Model& model, const fs::path& dir, const std::string& dtype) {
  if (dtype != "float32" && dtype != "bfloat16") {
    return error("a model is saved as \"float32\" or \"bfloat16\", not \"{}\"", dtype);
  }
  std::error_code failed;
  fs::create_directories(dir, failed);
  if (failed) return error("cannot make the directory {}: {}", dir.string(), failed.message());
  try {
    JAJU_RETURN_IF_ERROR(write_tensors(list(model->parts(), model->config().tie_word_embeddings),
                                       dir / "model.safetensors",
                                       dtype == "float32" ? DType::f32 : DType::bf16));
  } catch (const std::exception& e) {  // memory, a CUDA copy
    return error("cannot save the model to {}: {}", dir.string(), e.what());
  }
  return write_file_atomic(dir / "config.json", config_json(model->config(), dtype).dump(2) + "\n");
}

Result<Model> load_model(const fs::path& dir, MatmulPrecision precision) {
  JAJU_ASSIGN(ModelConfig config, load_config(dir));
  JAJU_ASSIGN(const auto weights, Weights::load(dir, config));
  config.n_mtp_layers = weights->mtp ? 1 : 0;
  if (weights->mtp && (!same_values(weights->mtp->embed, weights->embed) ||
                       !same_values(weights->mtp->head, weights->head))) {
    return error(
        "{}: the MTP block has an embedding or head of its own that differs from the model's: training "
        "shares them, "
        "so remove model.layers.{}.* first",
        dir.string(), config.n_layers);
  }
  try {
    Model model(config, precision, 0);
    torch::NoGradGuard no_grad;
    const Parts& p = model->parts();
    fill(p.embed, weights->embed);
    fill(p.final_norm, weights->final_norm);
    if (!config.tie_word_embeddings) fill(p.head, weights->head);
    for (size_t i = 0; i < p.layers.size(); ++i) fill_layer(p.layers[i], weights->layers[i]);
    if (p.mtp) {
      fill(p.mtp->embedding_norm, weights->mtp->embedding_norm);
      fill(p.mtp->hidden_norm, weights->mtp->hidden_norm);
      fill(p.mtp->projection, weights->mtp->projection);
      fill(p.mtp->final_norm, weights->mtp->final_norm);
      fill_layer(p.mtp->layer, weights->mtp->layer);
    }
    JAJU_RETURN_IF_ERROR(weights->intact());
    return model;
  } catch (const std::exception& e) {
    return error("cannot build the model of {}: {}", dir.string(), e.what());
  }
}

}  // namespace jaju::train
