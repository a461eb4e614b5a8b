// The module's tensors by role. Internal to the model's files.
//
// Matrices are (outputs, inputs) as in the file. Gate and up lie in one matrix, gate rows first, and a
// layer's experts in one stack: one matmul instead of two or many. The file has them apart
// (checkpoint_io.cc).
#pragma once

#include <torch/torch.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace jaju::train {

struct AttentionParts {
  torch::Tensor q;  // only when q_lora_rank is 0; else q_a, q_a_norm, q_b
  torch::Tensor q_a, q_a_norm, q_b;
  torch::Tensor kv_a, kv_a_norm, kv_b, o;
};

struct MlpParts {
  torch::Tensor gate_up;  // (2 inner, hidden)
  torch::Tensor down;     // (hidden, inner)
};

struct LayerParts {
  std::string prefix;  // "model.layers.3."
  bool is_moe = false;
  torch::Tensor input_norm, post_attention_norm;
  torch::Tensor post_mlp_norm;  // undefined: not applied
  AttentionParts attention;
  MlpParts dense;                // when !is_moe
  torch::Tensor router;          // (experts, hidden)
  torch::Tensor router_bias;     // (experts), a buffer
  torch::Tensor expert_gate_up;  // (experts, 2 inner, hidden)
  torch::Tensor expert_down;     // (experts, hidden, inner)
  MlpParts shared;               // undefined without shared experts
};

struct MtpParts {
  torch::Tensor embedding_norm, hidden_norm, projection, final_norm;
  LayerParts layer;
};

struct Parts {
  torch::Tensor embed;
  torch::Tensor head;  // the embedding's tensor when tied
  torch::Tensor final_norm;
  std::vector<LayerParts> layers;
  std::optional<MtpParts> mtp;
  std::vector<std::pair<std::string, torch::Tensor>> trainable;
  std::vector<std::pair<std::string, torch::Tensor>> biases;
};

}  // namespace jaju::train
