#include "train/run_model.h"

#include <ATen/Parallel.h>

#include "base/file.h"
#include "formats/safetensors.h"
#include "train/machine.h"
#include "train/metrics.h"

namespace jaju::train {

namespace fs = std::filesystem;

namespace {

// The model of a checkpoint whose optimizer can be read, too: training does not go on without it.
Result<Model> load_checkpoint(const fs::path& dir, MatmulPrecision precision) {
  JAJU_RETURN_IF_ERROR(Checkpoint::open_file(dir / "optimizer.safetensors").status());
  return load_model(dir, precision);
}

}  // namespace

Result<RunModel> open_run_model(const RunConfig& run, const TrainOptions& options, MatmulPrecision automatic,
                                const FirstModel& first, const Note& note) {
  RunModel out;
  if (run.precision == "bf16") out.precision = MatmulPrecision::bf16;
  if (run.precision == "auto") out.precision = automatic;
  const bool cuda = torch::cuda::is_available();
  if (run.device == "cuda" && !cuda) {
    return error("'run.device' is \"cuda\", but this LibTorch sees no CUDA device: use \"cpu\"");
  }
  if (cuda && run.device != "cpu") out.device = torch::Device(torch::kCUDA);

  JAJU_RETURN_IF_ERROR(check_checkpoints(options.run_dir));
  std::vector<CheckpointInfo> checkpoints = list_checkpoints(options.run_dir);
  if (options.fresh && !checkpoints.empty()) {
    return error(
        "{} already holds a run at step {}: choose another --out, or leave --fresh out to go on with it",
        options.run_dir.string(), checkpoints.back().step);
  }
  Status failed;
  for (auto it = checkpoints.rbegin(); it != checkpoints.rend() && !out.checkpoint; ++it) {
    Result<Model> loaded = load_checkpoint(it->dir, out.precision);
    if (loaded.ok()) {
      out.model = *loaded;
      out.checkpoint = std::move(*it);
      continue;
    }
    if (failed.ok()) failed = loaded.status();
    note(fmt::format("{} cannot be used ({}); trying the one before", it->dir.string(), loaded.message()));
  }
  if (!out.checkpoint && !failed.ok()) {
    return error("no checkpoint of {} can be used: {}", options.run_dir.string(), failed.message());
  }
  if (!out.checkpoint) {
    JAJU_ASSIGN(out.model, first(out.precision));
  }
  out.model->to(out.device);
  return out;
}

Result<Model> fresh_model(const ModelConfig& config, MatmulPrecision precision, uint64_t seed) {
  const ParameterCount count = count_parameters(config, true, config.n_mtp_layers > 0);
  const auto parameters = static_cast<double>(count.total() + count.mtp);
  const double needed = 4 * sizeof(float) * parameters;
  const double available = available_memory();
  if (available > 0 && needed > available) {
    return error(
        "a model of {} parameters needs {} for weights, gradients and optimizer, but {} are free: make "
        "[model] smaller",
        short_tokens(parameters), human_bytes(needed), human_bytes(available));
  }
  return Model(config, precision, seed);
}

Status write_run_json(const RunModel& run, const TrainOptions& options, const nlohmann::ordered_json& more) {
  const Machine machine = this_machine();
  const ModelConfig& config = run.model->config();
  const ParameterCount count = count_parameters(config, true, config.n_mtp_layers > 0);
  int64_t trained = 0;
  for (const auto& [name, tensor] : run.model->trainable()) trained += tensor.numel();
  nlohmann::ordered_json facts = {
      {"commit", options.commit},
      {"libtorch", TORCH_VERSION},
      {"machine",
       {{"cpu", machine.cpu},
        {"cpus", machine.cpus},
        {"memory", machine.memory},
        {"system", machine.system}}},
      {"device", run.device.str()},
      {"threads", at::get_num_threads()},
      {"precision", run.precision == MatmulPrecision::bf16 ? "bf16" : "f32"},
      {"parameters",
       {{"trained", trained}, {"total", count.total()}, {"active", count.active}, {"mtp", count.mtp}}}};
  facts.update(more);
  return write_file_atomic(options.run_dir / "run.json", facts.dump(2) + "\n");
}

}  // namespace jaju::train
