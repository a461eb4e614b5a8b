#include "train/trainer.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <optional>

#include "base/check.h"
#include "base/file.h"
#include "base/thread_team.h"
#include "data/shards.h"
#include "train/batcher.h"
#include "train/checkpoint_keeper.h"
#include "train/run_changes.h"
#include "train/run_model.h"
#include "train/schedule.h"
#include "train/train_state.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

torch::Tensor to_tensor(const std::vector<int64_t>& values, torch::Device device) {
  return torch::tensor(values, torch::kInt64).to(device);
}

Batch to_batch(const FlatBatch& flat, torch::Device device) {
  return {to_tensor(flat.tokens, device), to_tensor(flat.targets, device),
          to_tensor(flat.mtp_targets, device), flat.document_ends};
}

int64_t counted(const std::vector<int64_t>& targets) {
  return std::count_if(targets.begin(), targets.end(), [](int64_t t) { return t >= 0; });
}

class Trainer {
 public:
  Trainer(const TrainConfig& config, const TrainOptions& options, Observer& observer)
      : config_(config), options_(options), observer_(observer) {}

  Result<TrainResult> run();

 private:
  Status open_model();
  Status open_data();
  Status resume(const CheckpointInfo& checkpoint);
  Status check_stages() const;
  Status start_stage();
  Status apply_yarn(double factor);
  Status step_once();
  Status measure_held_out(StepReport& report);
  void add_load(StepReport& report);
  Status save(bool stage_end);

  const StageConfig& stage() const { return config_.stages[state_.stage]; }
  bool done() const { return state_.stage >= config_.stages.size(); }
  bool stop_asked() const { return options_.stop != nullptr && options_.stop->load() != 0; }

  const TrainConfig& config_;
  const TrainOptions& options_;
  Observer& observer_;
  std::unique_ptr<RunDir> run_;
  std::vector<std::unique_ptr<data::ShardSet>> sets_;
  std::vector<std::unique_ptr<data::ShardSet>> held_out_sets_;
  std::unique_ptr<Batcher> batcher_;
  RunModel opened_;
  Model& model_ = opened_.model;  // another module once YaRN changed its positions
  std::unique_ptr<Optimizer> optimizer_;
  TrainState state_;
  std::optional<CheckpointKeeper> checkpoints_;
  int64_t saved_tokens_ = 0;
  std::deque<std::pair<double, int64_t>> recent_;  // seconds and tokens of the last steps
};

Status Trainer::open_model() {
  const auto first = [&](MatmulPrecision precision) -> Result<Model> {
    if (config_.init_from.empty()) return fresh_model(config_.model, precision, config_.run.seed);
    JAJU_ASSIGN(const fs::path from, find_model_dir(config_.init_from));
    return load_model(from, precision);
  };
  JAJU_ASSIGN(opened_, open_run_model(config_.run, options_, default_precision(), first,
                                      [&](const std::string& sentence) { observer_.note(sentence); }));
  optimizer_ = std::make_unique<Optimizer>(config_.optimizer, model_->trainable(),
                                           opened_.precision == MatmulPrecision::bf16);
  return {};
}

Status Trainer::open_data() {
  const auto open = [&](const SourceConfig& source) -> Result<std::unique_ptr<data::ShardSet>> {
    JAJU_ASSIGN(std::unique_ptr<data::ShardSet> set, data::ShardSet::open(source.dir, /*verify=*/true));
    if (set->vocab_size() > model_->config().vocab_size) {
      return error(
          "the shard set {} has {} token ids, but the model's vocab_size is {}: it was prepared with another "
          "tokenizer",
          source.dir.string(), set->vocab_size(), model_->config().vocab_size);
    }
    return set;
  };
  std::vector<Batcher::Source> sources;
  for (const SourceConfig& source : config_.data) {
    JAJU_ASSIGN(std::unique_ptr<data::ShardSet> set, open(source));
    if (set->documents() == 0) return error("the shard set {} is empty", source.dir.string());
    sources.push_back({source.name, set.get()});
    sets_.push_back(std::move(set));
  }
  for (const SourceConfig& source : config_.held_out) {
    JAJU_ASSIGN(std::unique_ptr<data::ShardSet> set, open(source));
    held_out_sets_.push_back(std::move(set));
  }
  batcher_ = std::make_unique<Batcher>(std::move(sources), config_.run.seed, model_->config().vocab_size);
  return {};
}

Status Trainer::resume(const CheckpointInfo& checkpoint) {
  const std::string what = (checkpoint.dir / "state.json").string();
  JAJU_ASSIGN(state_, parse_train_state(checkpoint.state, what));
  if (state_.stage > config_.stages.size()) {
    return error("{} stands in stage {}, but the recipe has {}: give the recipe it was made with", what,
                 state_.stage, config_.stages.size());
  }
  JAJU_RETURN_IF_ERROR(check_changes(run_->path(), config_, state_.stage + (state_.stage_tokens > 0 ? 1 : 0),
                                     [&](const std::string& sentence) { observer_.note(sentence); }));
  const auto kind = checkpoint.state.find("optimizer");
  const std::string now = name_of(config_.optimizer.kind);
  if (kind == checkpoint.state.end() || *kind != now) {
    return error("{} was made with another optimizer than the recipe's {}: set optimizer.kind as it was",
                 what, now);
  }
  JAJU_RETURN_IF_ERROR(optimizer_->read(checkpoint.dir / "optimizer.safetensors", state_.optimizer_steps));
  if (!done()) {
    batcher_->start_stage(stage());
    const auto data = checkpoint.state.find("data");
    JAJU_RETURN_IF_ERROR(batcher_->restore(data == checkpoint.state.end() ? Json() : *data));
  }
  JAJU_RETURN_IF_ERROR(run_->trim_metrics(state_.step));
  saved_tokens_ = state_.tokens;
  observer_.note(fmt::format("going on from step {} ({} tokens)", state_.step,
                             short_tokens(static_cast<double>(state_.tokens))));
  return {};
}

// What the stages ahead ask of the model, so that a mistake in the last one is told before the first.
Status Trainer::check_stages() const {
  RopeConfig rope = model_->config().rope;
  int64_t max_context = model_->config().max_context;
  for (size_t i = state_.stage; i < config_.stages.size(); ++i) {
    const StageConfig& s = config_.stages[i];
    const bool begun = i == state_.stage && state_.stage_tokens > 0;  // it has its positions already
    if (s.yarn_factor > 0 && !begun && !(rope.yarn && rope.factor == s.yarn_factor)) {
      if (rope.yarn) {
        return error("stage '{}' sets yarn_factor {}, but the model then already has YaRN with factor {}",
                     s.name, s.yarn_factor, rope.factor);
      }
      rope.yarn = true;
      rope.factor = s.yarn_factor;
      max_context = static_cast<int64_t>(static_cast<double>(max_context) * s.yarn_factor);
    }
    if (s.context > max_context) {
      return error("stage '{}' has context {}, but the model's max_position_embeddings is then {}", s.name,
                   s.context, max_context);
    }
  }
  return {};
}

// Only where the stage begins: a checkpoint inside it has the positions already.
Status Trainer::start_stage() {
  if (state_.stage_tokens > 0) return {};
  batcher_->start_stage(stage());
  return stage().yarn_factor > 0 ? apply_yarn(stage().yarn_factor) : Status();
}

// The positions are part of the module's shape, so a new module takes over the weights.
Status Trainer::apply_yarn(double factor) {
  ModelConfig changed = model_->config();
  if (changed.rope.yarn && changed.rope.factor == factor) return {};
  JAJU_CHECK(!changed.rope.yarn);  // check_stages()
  changed.rope.yarn = true;
  changed.rope.factor = factor;
  changed.rope.original_context = changed.max_context;
  changed.max_context = static_cast<int64_t>(static_cast<double>(changed.max_context) * factor);
  Model next(changed, opened_.precision, config_.run.seed);
  next->to(opened_.device);
  const torch::NoGradGuard no_grad;
  const NamedTensors from = model_->trainable();
  const NamedTensors to = next->trainable();
  JAJU_CHECK(from.size() == to.size());
  for (size_t i = 0; i < from.size(); ++i) {
    torch::Tensor target = to[i].second;
    target.copy_(from[i].second);
  }
  const NamedTensors old_biases = model_->router_biases();
  const NamedTensors new_biases = next->router_biases();
  for (size_t i = 0; i < old_biases.size(); ++i) {
    torch::Tensor target = new_biases[i].second;
    target.copy_(old_biases[i].second);
  }
  model_ = next;
  optimizer_->replace_parameters(model_->trainable());
  return {};
}

Status Trainer::step_once() {
  const Clock::time_point start = Clock::now();
  FlatBatch flat;
  JAJU_RETURN_IF_ERROR(batcher_->next(flat));
  for (const auto& set : sets_) JAJU_RETURN_IF_ERROR(set->intact());
  if (counted(flat.targets) == 0) {
    return error("no token of this batch counts for the loss: the shards' loss bits are all off");
  }
  const Batch batch = to_batch(flat, opened_.device);
  StepReport report;
  report.step = state_.step + 1;
  report.stage = stage().name;
  report.batch = flat.size();
  report.lr = stage_lr(stage(), state_.stage_tokens);
  const double peak = config_.peak_lr();
  const double muon_lr = peak > 0 ? config_.optimizer.muon_lr * report.lr / peak : 0.0;

  const bool with_mtp =
      model_->config().n_mtp_layers > 0 && stage().mtp_weight > 0 && counted(flat.mtp_targets) > 0;
  const Losses losses = model_->losses(batch, with_mtp);
  torch::Tensor objective = losses.main;
  report.loss = losses.main.item<double>();
  if (with_mtp && losses.mtp.defined()) {
    objective = objective + stage().mtp_weight * losses.mtp;
    report.mtp_loss = losses.mtp.item<double>();
  }
  if (losses.sequence.defined()) {
    report.sequence_loss = losses.sequence.item<double>();
    if (stage().balance && config_.balance.sequence_loss > 0) {
      objective = objective + config_.balance.sequence_loss * losses.sequence;
    }
  }
  if (!std::isfinite(objective.item<double>())) {
    return error(
        "the loss is {} (mtp {}, sequence {}): lower the learning rate, or set run.precision to \"f32\"",
        report.loss, report.mtp_loss, report.sequence_loss);
  }
  const torch::Tensor load = model_->router_stats().load;
  objective.backward();
  report.grad_norm = optimizer_->gradient_norm();
  if (!std::isfinite(report.grad_norm)) {
    return error(
        "the gradient is not finite at loss {}: lower the learning rate, or set run.precision to \"f32\"",
        report.loss);
  }
  const double clip = config_.optimizer.clip;
  optimizer_->step(report.lr, muon_lr, clip > 0 && report.grad_norm > clip ? clip / report.grad_norm : 1.0);
  optimizer_->zero_gradients();

  report.bias_step = bias_step_at(config_, stage(), state_.tokens);
  if (load.defined() && load.numel() > 0) {
    const torch::Tensor host = load.to(torch::kCPU);
    state_.balance_load = state_.balance_load.defined() ? state_.balance_load + host : host.clone();
    state_.report_load = state_.report_load.defined() ? state_.report_load + host : host.clone();
    const torch::Tensor layer_max = std::get<0>(host.to(torch::kFloat64).max(1));
    report.imbalance = (layer_max / host.to(torch::kFloat64).mean(1).clamp_min(1e-9)).max().item<double>();
    ++state_.balance_counted;
    ++state_.report_counted;
    if (state_.balance_counted >= config_.balance.every) {
      if (report.bias_step > 0)
        model_->update_router_bias(state_.balance_load.to(opened_.device), report.bias_step);
      state_.balance_load = torch::Tensor();
      state_.balance_counted = 0;
    }
  }

  const int64_t before = state_.tokens;
  ++state_.step;
  state_.tokens += flat.size();
  state_.stage_tokens += flat.size();
  report.tokens = state_.tokens;
  report.stage_tokens = state_.stage_tokens;
  report.total_tokens = config_.total_tokens();
  if (state_.report_counted >= config_.run.load_every) add_load(report);
  report.seconds = seconds_since(start);
  state_.run_seconds += report.seconds;
  report.run_seconds = state_.run_seconds;
  recent_.emplace_back(report.seconds, flat.size());
  double seconds = 0;
  int64_t tokens = 0;
  for (auto it = recent_.rbegin(); it != recent_.rend(); ++it) {
    seconds += it->first;
    tokens += it->second;
  }
  while (recent_.size() > 3 && seconds - recent_.front().first > 10.0) {
    seconds -= recent_.front().first;
    tokens -= recent_.front().second;
    recent_.pop_front();
  }
  report.tokens_per_second = seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;

  const bool stage_ends = state_.stage_tokens >= stage().tokens;
  if (!held_out_sets_.empty() &&
      (stage_ends || before / config_.run.eval_tokens != state_.tokens / config_.run.eval_tokens)) {
    JAJU_RETURN_IF_ERROR(measure_held_out(report));
  }
  JAJU_RETURN_IF_ERROR(run_->append_metrics(metrics_line(report)));
  observer_.step(report);
  return {};
}

void Trainer::add_load(StepReport& report) {
  for (std::vector<int64_t>& row : to_rows(state_.report_load)) {
    // The MTP block's row is empty in a stage without MTP loss: not dead experts, no layer.
    if (std::any_of(row.begin(), row.end(), [](int64_t t) { return t > 0; }))
      report.load.push_back({std::move(row)});
  }
  state_.report_load = torch::Tensor();
  state_.report_counted = 0;
}

Status Trainer::measure_held_out(StepReport& report) {
  const torch::NoGradGuard no_grad;
  model_->eval();
  for (size_t s = 0; s < held_out_sets_.size(); ++s) {
    const data::ShardSet& set = *held_out_sets_[s];
    double sum = 0;
    int64_t count = 0;
    int64_t read = 0;
    FlatBatch flat;
    const auto flush = [&] {
      const int64_t n = counted(flat.targets);
      if (n > 0)
        sum += model_->losses(to_batch(flat, opened_.device), false).main.item<double>() *
               static_cast<double>(n);
      count += n;
      flat.clear();
    };
    for (int64_t d = 0; d < set.documents() && read < config_.run.held_out_tokens; ++d) {
      const std::span<const uint32_t> document = set.document(d);
      const int64_t length = std::min<int64_t>(static_cast<int64_t>(document.size()), stage().context);
      if (length < 2) continue;
      if (flat.size() > 0 && flat.size() + length > stage().batch_tokens) flush();
      flat.append(document.first(static_cast<size_t>(length)), 0, length);
      if (*std::max_element(flat.tokens.end() - length, flat.tokens.end()) >= model_->config().vocab_size) {
        return error("the held-out set '{}' holds a token beyond the model's vocab_size of {}",
                     config_.held_out[s].name, model_->config().vocab_size);
      }
      read += length;
    }
    flush();
    if (count > 0) report.held_out[config_.held_out[s].name] = sum / static_cast<double>(count);
  }
  model_->train();
  return {};
}

Status Trainer::save(bool stage_end) {
  state_.optimizer_steps = optimizer_->steps();
  Json state = state_.to_json();
  state["version"] = 1;
  state["stage_end"] = stage_end;
  state["optimizer"] = name_of(config_.optimizer.kind);
  state["data"] = batcher_->save();
  JAJU_RETURN_IF_ERROR(checkpoints_->save(state_.step, model_, *optimizer_, state));
  saved_tokens_ = state_.tokens;
  return {};
}

Result<TrainResult> Trainer::run() {
  JAJU_ASSIGN(run_, RunDir::open(options_.run_dir, /*create=*/true));
  JAJU_RETURN_IF_ERROR(open_model());
  JAJU_RETURN_IF_ERROR(open_data());
  const CheckpointInfo* const checkpoint = opened_.checkpoint ? &*opened_.checkpoint : nullptr;
  JAJU_RETURN_IF_ERROR(checkpoint != nullptr ? resume(*checkpoint) : run_->trim_metrics(-1));
  JAJU_RETURN_IF_ERROR(check_stages());
  JAJU_RETURN_IF_ERROR(write_run_json(opened_, options_));
  JAJU_RETURN_IF_ERROR(write_file_atomic(run_->path() / "config.toml", config_.toml));
  model_->train();
  checkpoints_.emplace(*run_, config_.run, checkpoint);
  const auto result = [&](TrainEnd end) {
    return TrainResult{end, state_.step, state_.tokens, checkpoints_->newest()};
  };
  const int64_t first_step = state_.step;
  while (!done()) {
    JAJU_RETURN_IF_ERROR(start_stage());
    while (state_.stage_tokens < stage().tokens) {
      const bool enough =
          options_.stop_after_steps > 0 && state_.step - first_step >= options_.stop_after_steps;
      if (stop_asked() || enough) {
        if (!checkpoints_->saved(state_.step)) JAJU_RETURN_IF_ERROR(save(false));
        return result(TrainEnd::stopped);
      }
      const Status stepped = step_once();
      if (!stepped.ok()) {
        return checkpoints_->ended_by(fmt::format("step {} (stage '{}')", state_.step + 1, stage().name),
                                      stepped);
      }
      const bool by_tokens =
          config_.run.checkpoint_tokens > 0 && state_.tokens - saved_tokens_ >= config_.run.checkpoint_tokens;
      if ((checkpoints_->due() || by_tokens) && state_.stage_tokens < stage().tokens)
        JAJU_RETURN_IF_ERROR(save(false));
    }
    ++state_.stage;
    state_.stage_tokens = 0;
    JAJU_RETURN_IF_ERROR(save(true));
  }
  return result(TrainEnd::finished);
}

}  // namespace

void prepare_process(int threads) {
  at::set_num_threads(threads > 0 ? threads : usable_cpus());
  tune_allocator();
}

Result<TrainResult> train(const TrainConfig& config, const TrainOptions& options, Observer& observer) {
  return without_exceptions(options.run_dir, "batch_tokens or the model",
                            [&] { return Trainer(config, options, observer).run(); });
}

Status export_model(const fs::path& from, const fs::path& to, const std::string& dtype,
                    const fs::path& tokenizer) {
  try {
    JAJU_ASSIGN(const fs::path source, find_model_dir(from));
    std::error_code failure;
    if (fs::exists(to / "checkpoints", failure) || fs::equivalent(source, to, failure)) {
      return error("{} is a run or the model itself: give --to another directory", to.string());
    }
    const fs::path files = fs::is_directory(tokenizer, failure) ? tokenizer : tokenizer.parent_path();
    if (!tokenizer.empty() && !fs::exists(files / "tokenizer.json", failure)) {
      return error("{} has no tokenizer.json", tokenizer.string());
    }
    JAJU_ASSIGN(const Model model, load_model(source, MatmulPrecision::f32));
    fs::create_directories(to, failure);
    if (failure) return error("cannot make the directory {}: {}", to.string(), failure.message());
    JAJU_RETURN_IF_ERROR(save_model(model, to, dtype));
    if (tokenizer.empty()) return {};
    constexpr int64_t kMaxFile = 256'000'000;
    for (const char* name :
         {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"}) {
      const bool needed = std::string_view(name) == "tokenizer.json";
      if (!needed && !fs::exists(files / name, failure)) continue;
      JAJU_ASSIGN(const std::string content, read_file(files / name, kMaxFile));
      JAJU_RETURN_IF_ERROR(write_file_atomic(to / name, content));
    }
    return {};
  } catch (const std::exception& problem) {
    return error("exporting {} failed: {}", from.string(), problem.what());
  }
}

}  // namespace jaju::train
