// A.X K1 as a LibTorch module: the same layers as model/forward.cc (facts sheet, section 2), with gradients.
//
// Documents of any lengths lie one after another in one flat list of tokens; attention never crosses from one
// document to the next and positions restart at 0. Parameters carry the names of the safetensors file
// (Hugging Face AXK1, one tensor per expert matrix in the file, one stacked tensor per layer here).
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "model/config.h"

namespace jaju::train {

// How matmuls are computed. Weights, gradients, norms, router and softmax are f32 either way.
enum class MatmulPrecision {
  f32,
  bf16  // inputs of large matmuls rounded to bf16, f32 accumulation; fast where the CPU has AMX or BF16 dots,
        // and CUDA
};

// bf16 where CUDA is there or the CPU multiplies bf16 in hardware (AVX512_BF16, AMX), else f32.
MatmulPrecision default_precision();
// Makes glibc keep freed buffers instead of handing them back to the kernel: a training step frees and takes
// the same megabytes hundreds of times, and page faults would cost more than the arithmetic. Call once, first
// thing in main.
void tune_allocator();

struct Parts;  // model_parts.h: the tensors by role

struct Batch {
  torch::Tensor tokens;       // (N) int64
  torch::Tensor targets;      // (N) int64: the next token of the same document; -1 where no loss counts
  torch::Tensor mtp_targets;  // (N) int64: the token after the next one; -1 where none, or no loss counts
  std::vector<int64_t> document_ends;  // ascending; the last is N
};

// Per MoE layer, filled by forward() in training and evaluation.
struct RouterStats {
  // (n_moe_layers, n_routed_experts) int64: tokens each expert got in this call. A model with an MTP block
  // has one more row for its layer, the last; it is zero where the block did not run.
  torch::Tensor load;
};

struct Losses {
  torch::Tensor main;  // mean cross entropy over targets >= 0, nats
  torch::Tensor mtp;   // same for mtp_targets; undefined without MTP layer
  // Sequence-level balance loss of DeepSeek-V3, summed over MoE layers (the MTP block's too when it ran); the
  // mean over documents, weighted by their tokens; coefficient not applied.
  torch::Tensor sequence;
};

class ModelImpl : public torch::nn::Module {
 public:
  // Fresh weights: normal(0, 0.02), output projections (o_proj, down_proj) scaled by 1/sqrt(2 n_layers),
  // norms 1, router bias 0. `config.n_mtp_layers` of 1 adds the MTP block.
  ModelImpl(const ModelConfig& config, MatmulPrecision precision, uint64_t seed);

  const ModelConfig& config() const { return config_; }

  // (N, hidden) f32 after the final norm; routed with the current biases.
  torch::Tensor hidden(const Batch& batch);
  // (N, vocab) f32 for the given rows of hidden().
  torch::Tensor logits(const torch::Tensor& hidden_rows);
  // Logits of the MTP block for every token that has a next one in its document, in order: (rows, vocab) f32,
  // each for the token after the next. For tests and evaluation.
  torch::Tensor mtp_logits(const Batch& batch);
  // The whole training objective in one call; the head and its cross entropy run in slices, so (N, vocab)
  // never exists.
  Losses losses(const Batch& batch, bool with_mtp);
  // (N) f32 log-probability of each target (0 where target is -1), with gradient; for GSPO.
  torch::Tensor token_log_probs(const Batch& batch, double temperature = 1.0);

  const RouterStats& router_stats() const { return stats_; }
  // b += step * sign(mean load - load), per MoE layer, for the load given (accumulated over steps by the
  // caller).
  void update_router_bias(const torch::Tensor& load, double step);

  // Every tensor that is trained, by its name in this module, in a fixed order. Router biases are not among
  // them: they are buffers.
  std::vector<std::pair<std::string, torch::Tensor>> trainable() const;
  // The selection biases, by name, in the order of RouterStats rows.
  std::vector<std::pair<std::string, torch::Tensor>> router_biases() const;

  const Parts& parts() const { return *parts_; }

 private:
  struct Run;
  torch::Tensor parameter(const std::string& name, std::vector<int64_t> shape, double scale);
  void make_layer(struct LayerParts& layer, int64_t index, bool is_moe);
  Run begin(const Batch& batch);
  torch::Tensor attention(Run& run, const struct AttentionParts& w, const torch::Tensor& y) const;
  torch::Tensor moe(Run& run, const struct LayerParts& w, const torch::Tensor& y) const;
  std::pair<torch::Tensor, torch::Tensor> layer(Run& run, const struct LayerParts& w, const torch::Tensor& x,
                                                const torch::Tensor& delta) const;
  torch::Tensor trunk(Run& run);
  std::pair<torch::Tensor, torch::Tensor> mtp_trunk(Run& run, const torch::Tensor& hidden);
  void keep_stats(const Run& run);

  ModelConfig config_;
  MatmulPrecision precision_;
  RouterStats stats_;
  std::shared_ptr<Parts> parts_;  // shared: the module's clones and copies name the same tensors
  torch::Tensor rope_table_;      // (positions, qk_rope_dim) f32, grown when a longer document comes
};
TORCH_MODULE(Model);

// Writes DIR/config.json and DIR/model.safetensors in the released layout (HF names, one tensor per expert
// matrix; the MTP block as model.layers.<n_layers>.*). dtype "float32" or "bfloat16". Atomic per file.
Status save_model(const Model& model, const std::filesystem::path& dir, const std::string& dtype);
// Builds the module from a directory in that layout: any checkpoint the engine loads (fused or per expert,
// any dtype).
Result<Model> load_model(const std::filesystem::path& dir, MatmulPrecision precision);

}  // namespace jaju::train
