// Weights: a checkpoint's tensors as views the forward pass uses, every name and shape checked first.
//
// Matrices stay where the file is mapped (bf16, f16, f32, or f8 with 128x128 scales); an expert is a slice,
// so nothing is loaded whole. Norms, the router and its bias are small and kept as owned f32.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "memory/extent_loader.h"
#include "memory/slot_pool.h"
#include "model/config.h"
#include "tensor/view.h"

namespace jaju {

class Checkpoint;    // formats/safetensors.h
class RandomMemory;  // random_weights.cc

using Vector = std::vector<float>;

struct AttentionWeights {
  Matrix q;          // q_proj (n_heads * qk_dim, hidden); only when q_lora_rank is 0
  Matrix q_a;        // (q_lora_rank, hidden)
  Vector q_a_norm;   // (q_lora_rank)
  Matrix q_b;        // (n_heads * qk_dim, q_lora_rank); per head nope rows, then rope rows
  Matrix kv_a;       // kv_a_proj_with_mqa (kv_lora_rank + qk_rope_dim, hidden); latent rows first
  Vector kv_a_norm;  // (kv_lora_rank)
  Matrix kv_b;       // (n_heads * (qk_nope_dim + v_dim), kv_lora_rank); per head W_UK rows, then W_UV rows
  // (n_heads * kv_lora_rank, qk_nope_dim): per head W_UK turned round; only beside a packed kv_b
  // (packed_names.h).
  Matrix k_b;
  Matrix o;  // (hidden, n_heads * v_dim)
};

// SwiGLU: down(silu(gate x) * up x).
struct MlpWeights {
  Matrix gate;  // (inner, hidden)
  Matrix up;    // (inner, hidden)
  Matrix down;  // (hidden, inner)

  // The three lie behind one another from `extent` on, as in a packed model.
  void place(const std::byte* extent) {
    for (Matrix* m : {&gate, &up, &down}) {
      m->data = extent;
      extent += m->bytes();
    }
  }
};

struct MoeWeights {
  Vector router;                    // mlp.gate, (n_routed_experts, hidden), f32
  Vector router_bias;               // e_score_correction_bias (n_routed_experts); zeros when absent
  std::vector<MlpWeights> experts;  // n_routed_experts views
  MlpWeights shared;  // inner = moe_intermediate_size * n_shared_experts; empty when there are none
};

struct LayerWeights {
  Vector input_norm;
  AttentionWeights attention;
  Vector post_attention_norm;
  Vector post_mlp_norm;  // empty: not applied (dense layers, deepseek_v3)
  bool is_moe = false;
  MlpWeights dense;  // when !is_moe
  MoeWeights moe;    // when is_moe
};

// The first MTP block, model.layers.<n_layers>.* (DeepSeek-V3 report, 2.2; names as vLLM loads them).
struct MtpWeights {
  Vector embedding_norm;  // enorm
  Vector hidden_norm;     // hnorm
  Matrix projection;      // eh_proj (hidden, 2 * hidden): input is [embedding | hidden]
  LayerWeights layer;
  Vector final_norm;  // shared_head.norm
  Matrix embed;       // own copy, else the main model's
  Matrix head;        // own copy, else the main model's
};

// Bytes of one group of tensors, by dtype, for `show`.
struct TensorGroup {
  std::string name;  // "embedding", "attention", "dense mlp", "routed experts", "shared experts", "routers",
                     // "norms", "head", "mtp"
  std::string dtypes;  // "BF16", or "BF16+F32"
  int64_t tensors = 0;
  int64_t parameters = 0;
  int64_t bytes = 0;
};

// What random weights are stored as: experts, and as `pack` would have it the other large matrices, quantised
// or `dtype`.
struct RandomTypes {
  DType dtype = DType::bf16;
  Scheme experts = Scheme::none;
  Scheme rest = Scheme::none;
};

enum class StoredFp4 { refused, wanted };

class Weights {
 public:
  // Opens the checkpoint in `dir` (model.safetensors, or shards with model.safetensors.index.json; both A.X
  // K1 revisions). Unknown, missing and wrongly shaped tensors are listed in one message.
  //
  // Matrices in four-bit floats (fp4_tensors.h) are an error unless asked for: only packing reads them.
  static Result<std::unique_ptr<Weights>> load(const std::filesystem::path& dir, const ModelConfig& config,
                                               StoredFp4 fp4 = StoredFp4::refused);
  // Random weights of any shape, made in memory: for measuring, not for reading. About N(0, 0.02), no two
  // matrices the same memory. Error: not enough memory.
  static Result<std::unique_ptr<Weights>> random(const ModelConfig& config, const RandomTypes& types);
  // All matrices in the same memory, as large as the largest: for what only looks at shapes and a few values
  // (PackOptions::random). skew: selection biases from 0 down to -skew, in an order of each layer's own, so
  // that some experts are visited more often than others.
  static Result<std::unique_ptr<Weights>> random_shape(const ModelConfig& config, DType dtype, double skew);
  ~Weights();

  Matrix embed;  // (vocab, hidden)
  Matrix head;   // (vocab, hidden); embed when tied
  Vector final_norm;
  std::vector<LayerWeights> layers;
  std::optional<MtpWeights> mtp;

  ParameterCount parameters;  // of what is in the files
  bool packed = false;        // some matrix is (tensor/packed.h)
  std::vector<TensorGroup> groups;

  // A packed model larger than memory, weights_stream.cc: its routed experts are left to an ExpertStore.
  bool streamed = false;  // routed experts have shapes and no data
  // What the store needs to know: an entry for every MoE layer of the model. `dir` is where the
  // weights were loaded from. Errors: not packed; packed.json is missing, damaged or of other files.
  Result<ExpertCatalog> expert_catalog(const std::filesystem::path& dir) const;
  // Reads everything but these experts and the embedding into memory of its own, compared with its checksums
  // if `verify`, and lets go of the rest. Not from the mapping, because the system may take mapped pages away
  // again; the embedding stays there, because a token reads one row of it.
  Status stream(const std::filesystem::path& dir, const LoaderOptions& options, bool verify,
                ThreadTeam& team);

  // OK, or which file shrank since it was mapped. Cheap: call once per step.
  Status intact() const;
  // Files that are mapped become memory of this process in huge pages, under whoever computes with them
  // (base/mapped_file.h). Returns the bytes that were moved; 0 for random weights.
  int64_t move_to_huge_pages(const std::function<bool()>& go_on);
  int64_t file_bytes() const;  // 0: random
  // Reads every element; error names the first tensors that hold NaN or infinity. `run --check`.
  // progress(done_bytes, total_bytes) may be null.
  Status check_finite(void (*progress)(void*, int64_t, int64_t) = nullptr, void* data = nullptr) const;

 private:
  Weights();
  std::unique_ptr<Checkpoint> checkpoint_;  // null: random
  std::unique_ptr<RandomMemory> random_;
  std::vector<Vector> converted_scales_;  // FP8 scales stored as bf16, or unaligned
  SlotPool residents_;                    // stream()
};

}  // namespace jaju
