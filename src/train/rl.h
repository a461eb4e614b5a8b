// Reinforcement learning after fine-tuning: GSPO inside DAPO's loop, with answers that a program can check
// (facts sheet, 5.3 and 8.3). No LibTorch type in this header.
//
// A step:
//   1. The weights are written out and opened by our engine, which samples `samples` answers to each of the
//      batch's prompts; every problem gives two, [problem; <think>] and [problem; </think>]. The reward is +1
//      or -1 for the answer plus 0 or -1 for its form.
//   2. Groups whose rewards are all equal teach nothing and are dropped; more problems are asked in their
//      place, up to max_rounds rounds (DAPO's dynamic sampling, arXiv 2503.14476).
//   3. The trainer's own forward pass gives the log-probabilities under the weights that sampled. The
//      engine's would not do: its sums round differently by 1e-4 and more, as much as the whole clip range.
//   4. `epochs` times over `minibatches` minibatches, an AdamW step up the GSPO objective (gspo.h). Router
//      biases stand still, there is no balance loss and no KL term. The MTP block is not trained.
//
// "auto" precision means f32 here: updates of 1e-5 vanish in weights rounded to bf16.
// The directory of a run is the trainer's (run_dir.h), its checkpoints too: export, merge and eval take it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "train/trainer.h"

namespace jaju::train {

// All answers of one mode in a step, groups that were dropped included.
struct RlModeReport {
  int64_t answers = 0;
  double reward = 0;         // mean, -2 to 1
  double accuracy = 0;       // share
  double format_errors = 0;  // share
  double length = 0;         // mean tokens
};

struct RlReport {
  // step, tokens (trained on), lr, grad_norm (mean of the updates), loss (minus the objective), load, times.
  StepReport step;
  std::map<std::string, RlModeReport> modes;  // "think", "direct"
  int64_t total_steps = 0;
  int64_t rounds = 0;
  int64_t groups = 0;          // learnt from
  int64_t groups_dropped = 0;  // all rewards equal
  int64_t overlong = 0;        // answers without an end
  int64_t updates = 0;
  double clipped = 0;    // share of answers, over the updates
  double ratio_off = 0;  // mean |ratio - 1|
  int64_t sampled_tokens = 0;
  double sampling_seconds = 0;
};

// The trainer's line (metrics.h) with these keys beside: reward, accuracy, format_errors and length by mode,
// rounds, groups, groups_dropped, overlong, updates, clipped, ratio_off, sampled_tokens, sampling_seconds.
std::string metrics_line(const RlReport& report);
// "step 12 of 50  reward think 0.81 direct -0.20  ...", on one line.
std::string console_line(const RlReport& report);

// Called from the training thread.
class RlObserver {
 public:
  virtual ~RlObserver() = default;
  virtual void step(const RlReport& report) = 0;
  virtual void sampling(int64_t step, int64_t round, int64_t done, int64_t total) = 0;  // often
  virtual void note(const std::string& sentence) = 0;
};

// Runs the recipe to its end, from the newest checkpoint of the run when there is one; the same recipe gives
// the same steps, however often it was stopped. A stop while answers are sampled ends the step without a
// trace; one that comes later waits for its updates. Errors: as train(), and problems that cannot be read.
Result<TrainResult> train_rl(const RlRecipe& recipe, const TrainOptions& options, RlObserver& observer);

}  // namespace jaju::train
