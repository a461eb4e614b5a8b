// Tensor names: GGUF on the left, the released checkpoint on the right. Import and export both read this
// page, and nothing else says how a tensor is called.
//
// GGUF names stand behind "blk.L." for layer L, the checkpoint's behind "model.layers.L.". An MTP block is
// the layer behind the last. Shapes are the checkpoint's own ((out, in), rows in its order) but for:
//
//   attn_k_b        (n_heads, kv_lora_rank, qk_nope): each head's k rows of kv_b_proj, transposed
//   attn_v_b        (n_heads, v_dim, kv_lora_rank): each head's v rows of kv_b_proj
//   attn_kv_b       kv_b_proj as it is, in older files
//   ffn_*_exps      (n_experts, out, in): the experts behind one another
//   ffn_gate_up_exps  (n_experts, 2 * inner, hidden): gate rows, then up rows, in some files
//
// Rows of the rotary parts stay in the checkpoint's order: interleaved pairs, which is what both programs and
// A.X K1 use. (Converters of other architectures permute them; for these they do not.)
#pragma once

#include <string>

#include "base/status.h"

namespace jaju::gguf_names {

struct Name {
  const char* gguf;
  const char* checkpoint;
};

// The whole model
inline constexpr Name kEmbed{"token_embd.weight", "model.embed_tokens.weight"};
inline constexpr Name kFinalNorm{"output_norm.weight", "model.norm.weight"};
inline constexpr Name kHead{"output.weight", "lm_head.weight"};  // absent when tied

// Attention
inline constexpr Name kInputNorm{"attn_norm.weight", "input_layernorm.weight"};
inline constexpr Name kQ{"attn_q.weight", "self_attn.q_proj.weight"};
inline constexpr Name kQa{"attn_q_a.weight", "self_attn.q_a_proj.weight"};
inline constexpr Name kQaNorm{"attn_q_a_norm.weight", "self_attn.q_a_layernorm.weight"};
inline constexpr Name kQb{"attn_q_b.weight", "self_attn.q_b_proj.weight"};
inline constexpr Name kKva{"attn_kv_a_mqa.weight", "self_attn.kv_a_proj_with_mqa.weight"};
inline constexpr Name kKvaNorm{"attn_kv_a_norm.weight", "self_attn.kv_a_layernorm.weight"};
inline constexpr Name kKvb{"attn_kv_b.weight", "self_attn.kv_b_proj.weight"};
inline constexpr const char* kKb = "attn_k_b.weight";
inline constexpr const char* kVb = "attn_v_b.weight";
inline constexpr Name kO{"attn_output.weight", "self_attn.o_proj.weight"};

// MLP
inline constexpr Name kPostAttentionNorm{"ffn_norm.weight", "post_attention_layernorm.weight"};
inline constexpr Name kPostMlpNorm{"post_ffw_norm.weight", "post_mlp_layernorm.weight"};
inline constexpr Name kGate{"ffn_gate.weight", "mlp.gate_proj.weight"};
inline constexpr Name kUp{"ffn_up.weight", "mlp.up_proj.weight"};
inline constexpr Name kDown{"ffn_down.weight", "mlp.down_proj.weight"};
inline constexpr Name kRouter{"ffn_gate_inp.weight", "mlp.gate.weight"};
inline constexpr Name kRouterBias{"exp_probs_b.bias", "mlp.gate.e_score_correction_bias"};
inline constexpr const char* kRouterBiasOlder = "exp_probs_b";
inline constexpr const char* kGateExperts = "ffn_gate_exps.weight";
inline constexpr const char* kUpExperts = "ffn_up_exps.weight";
inline constexpr const char* kGateUpExperts = "ffn_gate_up_exps.weight";
inline constexpr const char* kDownExperts = "ffn_down_exps.weight";
// A.X K1's current release: one tensor for gate and up of all experts, one for down.
inline constexpr const char* kFusedGateUp = "mlp.experts.gate_up_proj";
inline constexpr const char* kFusedDown = "mlp.experts.down_proj";
inline constexpr Name kSharedGate{"ffn_gate_shexp.weight", "mlp.shared_experts.gate_proj.weight"};
inline constexpr Name kSharedUp{"ffn_up_shexp.weight", "mlp.shared_experts.up_proj.weight"};
inline constexpr Name kSharedDown{"ffn_down_shexp.weight", "mlp.shared_experts.down_proj.weight"};

// MTP block
inline constexpr Name kMtpProjection{"nextn.eh_proj.weight", "eh_proj.weight"};
inline constexpr Name kMtpEmbeddingNorm{"nextn.enorm.weight", "enorm.weight"};
inline constexpr Name kMtpHiddenNorm{"nextn.hnorm.weight", "hnorm.weight"};
inline constexpr Name kMtpFinalNorm{"nextn.shared_head_norm.weight", "shared_head.norm.weight"};
inline constexpr Name kMtpEmbed{"nextn.embed_tokens.weight", "embed_tokens.weight"};  // where it has its own
inline constexpr Name kMtpHead{"nextn.shared_head_head.weight", "shared_head.head.weight"};  // likewise

inline std::string in_gguf(int64_t layer, const char* name) {
  return fmt::format("blk.{}.{}", layer, name);
}
inline std::string in_checkpoint(int64_t layer, const std::string& name) {
  return fmt::format("model.layers.{}.{}", layer, name);
}

}  // namespace jaju::gguf_names
