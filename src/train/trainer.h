// The training loop: stages, steps, held-out loss, checkpoints, resuming. No LibTorch type in this header.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/status.h"
#include "train/config.h"
#include "train/metrics.h"

namespace jaju::train {

// Who watches. Called from the training thread, between steps.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void step(const StepReport& report) = 0;
  virtual void note(const std::string& sentence) = 0;
};

struct TrainOptions {
  std::filesystem::path run_dir;
  bool fresh = false;  // an error when the run has checkpoints; otherwise they are taken up
  const std::atomic<int>* stop = nullptr;  // a signal's number: finish the step, write a checkpoint, return
  int64_t stop_after_steps = 0;            // steps of this session; 0: no limit. For trials and tests
  std::string commit;                      // for run.json
};

enum class TrainEnd { finished, stopped };

struct TrainResult {
  TrainEnd end = TrainEnd::finished;
  int64_t step = 0;
  int64_t tokens = 0;
  std::filesystem::path checkpoint;  // the newest
};

// Threads, allocator: once per process, before the first tensor. threads 0: every CPU this process may use.
void prepare_process(int threads);

// Runs the recipe to its end, from the newest checkpoint of the run when there is one. Whatever the error,
// the newest checkpoint stays whole, and the sentence says where it is. Errors: data or model that cannot be
// opened, a loss or gradient that is not finite, a disk that refuses a write, memory that does not suffice.
Result<TrainResult> train(const TrainConfig& config, const TrainOptions& options, Observer& observer);

// Writes the model of `from` (a run's newest checkpoint, or a model directory) to `to` in the released
// layout, with the tokenizer files of `tokenizer` (a directory; empty: none). dtype "float32" or "bfloat16".
Status export_model(const std::filesystem::path& from, const std::filesystem::path& to,
                    const std::string& dtype, const std::filesystem::path& tokenizer);

}  // namespace jaju::train
