// The forward pass of A.X K1 (facts sheet, section 2) over a batch of sequences of any lengths.
//
//   x = embed(token)
//   every layer:  x += attention(rms(x));  x += mlp(rms(x))       mla.cc, router.cc, experts.cc
//   logits = head * rms(x)                  only for the rows that want them, and so the last mlp
//
// Routed experts are in memory, or an ExpertStore brings them: where they come from changes no bit, because
// an expert's output depends on its own rows and outputs are summed in the order of ids.
//
// Allocates nothing after construction. One step at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/ops.h"
#include "memory/expert_store.h"
#include "model/activations.h"
#include "model/config.h"
#include "model/expert_tally.h"
#include "model/kv_view.h"
#include "model/rope.h"
#include "model/weights.h"

namespace jaju {

enum class AttentionMode {
  expanded,  // prompts: keys and values rebuilt from the latents, block by block
  absorbed   // generation: one latent per position, W_UK and W_UV folded into query and output
};

// One sequence's rows of a batch, in order; rows of the first sequence come first.
struct BatchSequence {
  int64_t n_rows = 0;
  int64_t first_pos = 0;  // positions before it are in the cache already
  KvView kv;              // pages for every position up to first_pos + n_rows
  AttentionMode mode = AttentionMode::expanded;
};

struct Batch {
  std::span<const int32_t> tokens;  // one per row
  std::span<const BatchSequence> sequences;
  std::span<const int32_t> logit_rows;  // rows that want logits
};

// Sees what enters the matrices of a step, for calibration (importance.h). Embedding, routers and kv_b are
// not among them.
class InputObserver {
 public:
  virtual ~InputObserver() = default;
  // x.row(rows[i]) (rows null: i) for i below n was multiplied by `w`, and by the matrices that read the same
  // rows: `up` with `gate`, kv_a with q_a. On the step's thread, between its operations; the rows change
  // afterwards.
  virtual void saw(ThreadTeam& team, const Matrix& w, Rows x, const int32_t* rows, int64_t n) = 0;
};

// What a caller may ask for besides logits.
struct ForwardExtras {
  // (rows, hidden) of the batch after the final norm: what the MTP layer reads. Empty: not wanted.
  MutRows hidden;
  // Called for every MoE layer with (rows, n_experts_per_token) ids, ascending in a row.
  void (*on_experts)(void* data, int64_t moe_layer, std::span<const int32_t> ids) = nullptr;
  void* data = nullptr;
  // Sees every row of the batch, also in the head whatever logits are wanted. In f32 (Precision::f32) and
  // with matrices that are not packed: others leave the inner layer of an MLP rounded.
  InputObserver* inputs = nullptr;
};

class Forward {
 public:
  // max_rows: most rows of one step. The context must outlive this object; its scratch is sized here. store:
  // of weights.expert_catalog(), when the weights are streamed.
  Forward(const ModelConfig& config, const Weights& weights, Context& context, int64_t max_rows,
          ExpertStore* store = nullptr);

  // Bytes that a Forward of max_rows on a team of `threads` takes, its context's scratch included. The cache
  // is not in it. Ask before building one: the constructor allocates without asking.
  static int64_t working_bytes(const ModelConfig& config, LayerKinds kinds, int64_t max_rows, int threads);

  // logits: (logit_rows.size(), vocab). Error: an expert cannot be had from the disk; what was computed is
  // worth nothing then, the cache behind the sequences' first positions included.
  Status run(const Batch& batch, MutRows logits, const ForwardExtras& extras = {});

  // Draft logits of the MTP block. Row i joins hidden[i] (after the final norm) with tokens[i], the token
  // that follows its position; it sits in the cache as layer n_layers at the position of hidden[i], one
  // earlier than the position its rope uses. logits: (logit_rows.size(), vocab), each predicting the token
  // after tokens[i]. inputs: as in ForwardExtras.
  void run_mtp(const Batch& batch, Rows hidden, MutRows logits, InputObserver* inputs = nullptr);

  // After an error: the rows of the batch that wanted the expert, ascending. Empty: it concerns them all.
  std::span<const int32_t> failed_rows() const { return failed_rows_; }

  // What run() routed where since the start. Any thread, also during a run.
  const ExpertTally& experts() const { return experts_; }

  // Layers a cache page must hold: one more than the model's when the weights have an MTP block.
  int64_t cache_layers() const;

 private:
  struct Step;
  void attention(const Step& step, const AttentionWeights& w, int64_t cache_layer);
  Status moe(const Step& step, const MoeWeights& w);
  void route(const MoeWeights& w, Rows y, std::span<int32_t> ids, float* weights);
  void sort_visits(int64_t visits);
  ExpertGroup group_of(const MlpWeights& w, int64_t expert);
  Status streamed_experts(const Step& step, const MoeWeights& w);
  void predict(const Step& step, Ahead ahead);
  void mlp(const Step& step, const MlpWeights& w, MutRows out);
  Status decoder_layer(const Step& step, const LayerWeights& layer, int64_t cache_layer);
  void attention_block(const Step& step, const LayerWeights& layer, int64_t cache_layer);
  Status mlp_block(const Step& step, const LayerWeights& layer);
  int64_t keep_logit_rows(const Step& step, std::span<const int32_t> rows);
  Step begin(const Batch& batch, int64_t rope_offset);
  // Tell the step's observer, where there is one, what a matrix or the three of a group have just read.
  void saw(const Step& step, const Matrix& w, Rows x);
  void saw(const Step& step, const ExpertGroup& group, Rows x);
  void observe_head(const Step& step, const Vector& norm, const Matrix& matrix);
  void head(const Step& step, const Vector& norm, const Matrix& matrix, std::span<const int32_t> rows,
            bool first_rows, MutRows logits);

  const ModelConfig& config_;
  const Weights& weights_;
  Context& context_;
  Rope rope_;
  Activations act_;
  ExpertTally experts_;
  ExpertStore* store_;  // null: experts are in memory
  std::vector<int32_t> failed_rows_;
  std::vector<SequenceSlice> expanded_;  // of the current step
  std::vector<SequenceSlice> absorbed_;
};

// The batch at hand: how many rows, and where their experts are counted.
struct Forward::Step {
  int64_t n_rows = 0;
  const ForwardExtras* extras = nullptr;
  InputObserver* inputs = nullptr;
  int64_t moe_layer = -1;  // counted over MoE layers; -1: the MTP block's
  // Rows of the batch that are left, where not all are (keep_logit_rows).
  std::span<const int32_t> kept_rows{};
  // For predictions: the layer that follows, if it has experts, and which rows will reach them (empty: all).
  const LayerWeights* next = nullptr;
  int64_t next_moe_layer = 0;  // its number over MoE layers
  std::span<const int32_t> next_rows{};
};

}  // namespace jaju
