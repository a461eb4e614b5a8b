// Every array a forward pass writes, allocated once for the largest step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/ops.h"
#include "model/config.h"
#include "model/weights.h"

namespace jaju {

// Which kinds of layers a model has: what the sizes below depend on besides the config.
struct LayerKinds {
  bool dense = false;
  bool moe = false;
  bool mtp = false;
};
LayerKinds kinds_of(const Weights& w);
// Of a config alone, for plans; with_mtp: count the MTP block that the config announces.
LayerKinds kinds_of(const ModelConfig& c, bool with_mtp);

// Sized by what the weights hold, never by a number of the config that no tensor confirms: the experts'
// arrays stay empty without MoE layers, and so on.
struct Activations {
  Activations(const ModelConfig& c, const Weights& w, int64_t max_rows);
  // Bytes of these arrays per row.
  static int64_t row_bytes(const ModelConfig& c, LayerKinds kinds);

  int64_t max_rows;
  LineVector<float> x;               // (rows, hidden): the residual stream
  LineVector<float> y;               // (rows, hidden): normed input of a block, then its output
  LineVector<float> block_out;       // (rows, hidden)
  LineVector<float> q_a;             // (rows, q_lora_rank)
  LineVector<float> q;               // (rows, n_heads * qk_dim)
  LineVector<float> kv;              // (rows, kv_lora_rank + qk_rope_dim)
  LineVector<float> heads_out;       // (rows, n_heads * v_dim)
  LineVector<float> cos_sin;         // (rows, qk_rope_dim)
  LineVector<float> inner;           // (rows, staggered stride of the widest dense or shared inner)
  LineVector<float> router_scores;   // (rows, n_routed_experts)
  std::vector<int32_t> expert_ids;   // (rows, n_experts_per_token), ascending in a row
  LineVector<float> expert_weights;  // same shape
  std::vector<int32_t> slots;        // same shape: row of the packed arrays
  std::vector<int32_t> packed_rows;  // (rows * n_experts_per_token): batch row, sorted by expert
  LineVector<float> packed_inner;   // (rows * n_experts_per_token, staggered stride of moe_intermediate_size)
  LineVector<float> packed_out;     // (rows * n_experts_per_token, hidden)
  std::vector<ExpertGroup> groups;  // capacity n_routed_experts + 1
  std::vector<int32_t> expert_counts;  // (n_routed_experts + 1)
  LineVector<float> mtp_input;         // (rows, 2 * hidden); empty without MTP
  // The next layer's routing, guessed; empty where experts are in memory.
  std::vector<int32_t> predicted_ids;    // (rows, n_experts_per_token)
  std::vector<float> predicted_weights;  // same shape
  std::vector<float> predicted_worth;    // (n_routed_experts): sum of the weights over rows
  std::vector<int32_t> predicted_order;  // (n_routed_experts)
};

}  // namespace jaju
