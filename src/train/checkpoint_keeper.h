// When a run writes checkpoints, and what it says of them when something ends it: the newest one stays whole
// (run_dir.h), and every error tells where it is.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status.h"
#include "train/model.h"
#include "train/optimizer.h"
#include "train/run_dir.h"
#include "train/trainer.h"

namespace jaju::train {

class CheckpointKeeper {
 public:
  // `from`: the checkpoint the run goes on from; nullptr: none yet. The time until the next one runs from
  // here.
  CheckpointKeeper(RunDir& run, const RunConfig& config, const CheckpointInfo* from);

  // Writes the model (f32), the optimizer and `state` as the checkpoint of `step`.
  Status save(int64_t step, const Model& model, const Optimizer& optimizer, const nlohmann::json& state);

  bool saved(int64_t step) const { return saved_step_ == step; }
  // checkpoint_minutes have passed.
  bool due() const;
  const std::filesystem::path& newest() const { return newest_; }  // empty: none yet
  // "STEP: PROBLEM; the last good checkpoint is DIR", for a problem that ends the run in `step`.
  Status ended_by(const std::string& step, const Status& problem) const;

 private:
  using Clock = std::chrono::steady_clock;
  Status write(const std::filesystem::path& partial, int64_t step, const Model& model,
               const Optimizer& optimizer, const nlohmann::json& state);

  RunDir& run_;
  const RunConfig& config_;
  std::filesystem::path newest_;
  int64_t saved_step_ = -1;
  Clock::time_point last_ = Clock::now();
};

// Calls `run` and makes errors of what LibTorch and the standard library throw; they say that the checkpoints
// in `run_dir` are whole. `smaller` is what to make smaller when memory does not suffice.
Result<TrainResult> without_exceptions(const std::filesystem::path& run_dir, const char* smaller,
                                       const std::function<Result<TrainResult>()>& run);

}  // namespace jaju::train
