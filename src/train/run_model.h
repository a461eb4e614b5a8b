// Which model a run trains: from which checkpoint, on what device, in what precision; and what run.json says
// of it.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/status.h"
#include "train/model.h"
#include "train/run_dir.h"
#include "train/trainer.h"

namespace jaju::train {

struct RunModel {
  Model model{nullptr};  // on `device`
  MatmulPrecision precision = MatmulPrecision::f32;
  torch::Device device{torch::kCPU};
  // Where the weights come from; none: this run's first step is ahead.
  std::optional<CheckpointInfo> checkpoint;
};

// Makes the model of a run without a checkpoint.
using FirstModel = std::function<Result<Model>(MatmulPrecision)>;
// Told of every checkpoint that was passed over, in a sentence.
using Note = std::function<void(const std::string&)>;

// The weights of the newest checkpoint in options.run_dir that can be read, else those of `first`.
// `automatic` is what the precision "auto" means. Errors: no such device, a run where options.fresh wants
// none, checkpoints of which none can be used (an older model would then be trained a second time,
// unnoticed), and those of `first`.
Result<RunModel> open_run_model(const RunConfig& run, const TrainOptions& options, MatmulPrecision automatic,
                                const FirstModel& first, const Note& note);

// Fresh weights. Errors: the machine lacks the memory for them, their gradients and two moments (all f32);
// said before a byte of them is allocated.
Result<Model> fresh_model(const ModelConfig& config, MatmulPrecision precision, uint64_t seed);

// RUN/run.json: commit, libtorch, machine {cpu, cpus, memory, system}, device, threads, precision, parameters
// {trained, total, active, mtp}, then the keys of `more`. A model card takes its figures from here
// (recipe_release.h), so every kind of run writes all of them.
Status write_run_json(const RunModel& run, const TrainOptions& options,
                      const nlohmann::ordered_json& more = nlohmann::ordered_json::object());

}  // namespace jaju::train
