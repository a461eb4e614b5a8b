// ModelConfig: what config.json says, checked once. The file is the only source of truth; class defaults of
// A.X K1 (Hugging Face `AXK1Config`) fill in fields the file leaves out.
//
// Accepts model_type "AXK1" and "axk1", and "deepseek_v3" (same layers without the post-MLP norm).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace jaju {

// Most routed experts a config may announce: the router's tables have room for as many.
inline constexpr int64_t kMaxExperts = 4096;

// Rotary embedding with optional YaRN (arXiv 2309.00071). Rules, not constants: see rope.h.
struct RopeConfig {
  double theta = 10000.0;
  bool interleaved = true;  // pairs (2j, 2j+1); false: (j, j + dim/2)
  bool yarn = false;        // everything below only counts when true
  double factor = 1.0;
  int64_t original_context = 0;
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  double mscale = 0.0;            // 0: not given
  double mscale_all_dim = 0.0;    // 0: not given
  double attention_factor = 0.0;  // 0: not given

  bool operator==(const RopeConfig&) const = default;
};

struct ModelConfig {
  std::string model_type = "AXK1";
  std::string dtype = "bfloat16";  // `dtype` or `torch_dtype`

  int64_t vocab_size = 163840;
  int64_t hidden_size = 7168;
  int64_t intermediate_size = 18432;     // dense layers
  int64_t moe_intermediate_size = 2048;  // one expert
  int64_t n_layers = 61;
  int64_t n_heads = 64;
  int64_t max_context = 131072;  // max_position_embeddings

  // Attention (MLA)
  int64_t q_lora_rank = 1536;  // 0: one q_proj instead of q_a, q_a_layernorm, q_b
  int64_t kv_lora_rank = 512;
  int64_t qk_nope_dim = 128;
  int64_t qk_rope_dim = 64;
  int64_t v_dim = 128;
  RopeConfig rope;

  // Experts
  int64_t n_routed_experts = 192;
  int64_t n_shared_experts = 1;
  int64_t n_experts_per_token = 8;
  int64_t n_group = 8;
  int64_t topk_group = 4;
  int64_t first_dense_layers = 1;  // first_k_dense_replace
  int64_t moe_layer_freq = 1;
  bool norm_topk_prob = true;
  double routed_scaling_factor = 2.5;
  std::string topk_method = "none";
  bool has_post_mlp_norm = true;  // false for deepseek_v3

  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  int64_t n_mtp_layers = 0;  // num_nextn_predict_layers: what the file announces; weights may lack them

  int64_t bos_token_id = -1;  // -1: none
  int64_t pad_token_id = -1;
  std::vector<int64_t> eos_token_ids;

  bool operator==(const ModelConfig&) const = default;
  bool is_moe(int64_t layer) const { return layer >= first_dense_layers && layer % moe_layer_freq == 0; }
  int64_t qk_dim() const { return qk_nope_dim + qk_rope_dim; }
  // Values the cache holds per token and layer: latent and shared rope key.
  int64_t kv_width() const { return kv_lora_rank + qk_rope_dim; }
};

// Parses and checks; every error names the field. `what` names the source ("DIR/config.json").
Result<ModelConfig> parse_config(std::string_view json_text, const std::string& what);
// Reads config.json of at most 16 MB; `path` is the file or the directory that holds it.
Result<ModelConfig> load_config(const std::filesystem::path& path);

// Parameters by part, computed from the config alone (facts: 518,983,059,456 for A.X K1).
struct ParameterCount {
  int64_t embedding = 0;
  int64_t head = 0;  // 0 when tied
  int64_t attention = 0;
  int64_t dense_mlp = 0;
  int64_t routed_experts = 0;
  int64_t shared_experts = 0;
  int64_t routers = 0;  // weights and, where the checkpoint has them, selection biases
  int64_t norms = 0;
  int64_t mtp = 0;  // the MTP layer, not part of total()

  int64_t total() const {
    return embedding + head + attention + dense_mlp + routed_experts + shared_experts + routers + norms;
  }
  int64_t active = 0;  // total less the routed experts a token does not visit
};

// with_router_bias: count a selection bias per MoE layer; with_mtp: count config.n_mtp_layers layers in
// `mtp`. Without weights at hand callers pass false for A.X K1 (the release holds neither; facts sheet,
// section 0).
ParameterCount count_parameters(const ModelConfig& config, bool with_router_bias, bool with_mtp);

}  // namespace jaju
