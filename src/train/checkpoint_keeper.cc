#include "train/checkpoint_keeper.h"

#include "base/file.h"

namespace jaju::train {

namespace fs = std::filesystem;

CheckpointKeeper::CheckpointKeeper(RunDir& run, const RunConfig& config, const CheckpointInfo* from)
    : run_(run), config_(config) {
  if (from == nullptr) return;
  newest_ = from->dir;
  saved_step_ = from->step;
}

Status CheckpointKeeper::write(const fs::path& partial, int64_t step, const Model& model,
                               const Optimizer& optimizer, const nlohmann::json& state) {
  JAJU_RETURN_IF_ERROR(save_model(model, partial, "float32"));
  JAJU_RETURN_IF_ERROR(optimizer.write(partial / "optimizer.safetensors"));
  JAJU_RETURN_IF_ERROR(write_file_atomic(partial / "state.json", state.dump(1) + "\n"));
  return run_.commit_checkpoint(partial, step, config_.keep);
}

Status CheckpointKeeper::save(int64_t step, const Model& model, const Optimizer& optimizer,
                              const nlohmann::json& state) {
  JAJU_ASSIGN(const fs::path partial, run_.begin_checkpoint());
  const Status written = write(partial, step, model, optimizer, state);
  if (!written.ok()) {
    run_.abandon_checkpoint(partial);
    return newest_.empty()
               ? error("{}; there is no checkpoint yet: make room, then start again", written.message())
               : error("{}; the last good checkpoint is {}: make room, then run the same command again",
                       written.message(), newest_.string());
  }
  newest_ = run_.path() / "checkpoints" / fmt::format("step-{:06}", step);
  saved_step_ = step;
  last_ = Clock::now();
  return {};
}

bool CheckpointKeeper::due() const {
  const std::chrono::duration<double, std::ratio<60>> passed = Clock::now() - last_;
  return config_.checkpoint_minutes > 0 && passed.count() >= config_.checkpoint_minutes;
}

Status CheckpointKeeper::ended_by(const std::string& step, const Status& problem) const {
  return newest_.empty()
             ? error("{}: {}; there is no checkpoint yet", step, problem.message())
             : error("{}: {}; the last good checkpoint is {}", step, problem.message(), newest_.string());
}

Result<TrainResult> without_exceptions(const fs::path& run_dir, const char* smaller,
                                       const std::function<Result<TrainResult>()>& run) {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return error("out of memory: make {} smaller; the checkpoints in {} are whole", smaller,
                 run_dir.string());
  } catch (const c10::Error& problem) {
    return error("LibTorch failed: {}; the checkpoints in {} are whole", problem.what_without_backtrace(),
                 run_dir.string());
  } catch (const std::exception& problem) {
    return error("training failed: {}; the checkpoints in {} are whole", problem.what(), run_dir.string());
  }
}

}  // namespace jaju::train
