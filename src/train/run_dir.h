// The directory of one run, and the promise that its newest checkpoint is always whole.
//
//   RUN/config.toml                the recipe in force, overrides applied
//   RUN/run.json                   machine, commit, precision, parameters
//   RUN/metrics.jsonl              one line per step (metrics.h)
//   RUN/checkpoints/latest         the name of the newest checkpoint
//   RUN/checkpoints/step-000120/   config.json, model.safetensors (f32, released layout),
//   optimizer.safetensors,
//                                  state.json
//
// A checkpoint is written under another name, made durable and renamed: whatever ends the process or fills
// the disk, a directory called step-N is complete.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"

namespace jaju::train {

struct CheckpointInfo {
  int64_t step = 0;
  std::filesystem::path dir;
  bool stage_end = false;
  nlohmann::json state;
};

class RunDir {
 public:
  // Takes the directory for this process (a lock that ends with it), making it when `create`. Errors: it
  // cannot be made or written, it is no run's directory, another process trains in it.
  static Result<std::unique_ptr<RunDir>> open(const std::filesystem::path& path, bool create);
  ~RunDir();
  RunDir(const RunDir&) = delete;
  RunDir& operator=(const RunDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // A fresh directory to fill. What an earlier process left half-written is removed.
  Result<std::filesystem::path> begin_checkpoint();
  // Makes `partial` durable, renames it to step-N, points `latest` at it and removes checkpoints that are
  // neither among the `keep` newest nor the end of a stage.
  Status commit_checkpoint(const std::filesystem::path& partial, int64_t step, int64_t keep);
  void abandon_checkpoint(const std::filesystem::path& partial);

  // Drops the lines of steps behind `step` and a last line that was cut, so that a resumed run has each step
  // once.
  Status trim_metrics(int64_t step);
  // Appends one line.
  Status append_metrics(const std::string& line);

 private:
  RunDir() = default;
  std::filesystem::path path_;
  int lock_ = -1;
  int metrics_ = -1;
};

// Checkpoints of a run, oldest first, with their state.json; directories whose state.json cannot be read are
// left out.
std::vector<CheckpointInfo> list_checkpoints(const std::filesystem::path& run);
// Where none can be listed: that there are none. Errors name what is there and cannot be read.
Status check_checkpoints(const std::filesystem::path& run);
// True when a process holds the run.
bool is_training(const std::filesystem::path& run);
// The newest checkpoint when DIR is a run, else DIR itself. Errors: neither a model nor a run with a
// checkpoint.
Result<std::filesystem::path> find_model_dir(const std::filesystem::path& dir);

}  // namespace jaju::train
