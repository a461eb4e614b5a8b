// Names of tensors in a packed model (tensor/packed.h): the checkpoint's own name, a dot and the scheme.
//
// kv_b is in q8, and beside "self_attn.kv_b_proj.weight.q8" stands "self_attn.k_b_proj.weight.q8", (n_heads *
// kv_lora_rank, qk_nope_dim): the key rows of each head once more, turned round (GGUF's attn_k_b). A packed
// matrix is multiplied from one side only, and kv_b's keys are from both: with latents in a prompt, with
// queries when decoding.
//
// An expert is one tensor, "model.layers.3.mlp.experts.7.q4": gate, up and down behind one another, padded
// with zeros to whole extents, so that one read of the disk fetches it.
#pragma once

#include <cstdint>
#include <string>

#include "model/config.h"
#include "tensor/packed.h"

namespace jaju {

constexpr int64_t kExtentBytes = 4096;  // alignment and granularity of an expert in its file

inline std::string packed_name(const std::string& name, Scheme scheme) {
  return name + "." + std::string(name_of(scheme));
}

// What kv_b is packed in, whatever the others are: it is a thousandth of A.X K1, and of nano's divergence in
// 4 bits a fifth would be its own (docs/quantisation.md).
constexpr Scheme kKvBScheme = Scheme::q8;
// Whether it is packed: where a head's rows, turned or not, are whole panels. Else it keeps its type.
inline bool packs_kv_b(const ModelConfig& c) {
  return c.qk_nope_dim % kPanelRows == 0 && c.v_dim % kPanelRows == 0 && c.kv_lora_rank % kPanelRows == 0;
}

// Bytes of one expert's tensor.
constexpr int64_t expert_extent_bytes(Scheme scheme, int64_t inner, int64_t hidden) {
  const int64_t bytes = 2 * packed_bytes(scheme, inner, hidden) + packed_bytes(scheme, hidden, inner);
  return (bytes + kExtentBytes - 1) / kExtentBytes * kExtentBytes;
}

}  // namespace jaju
