#include "train/rl.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/file.h"
#include "data/synth.h"
#include "eval/dataset.h"
#include "eval/rollout.h"
#include "train/batcher.h"
#include "train/checkpoint_keeper.h"
#include "train/gspo.h"
#include "train/optimizer.h"
#include "train/run_changes.h"
#include "train/run_model.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Independent streams from one seed: what they are for, then a counter.
uint64_t stream(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b = 0) {
  uint64_t key = data::Dice(seed + purpose).next();
  key = data::Dice(key ^ a).next();
  return data::Dice(key ^ b).next();
}

bool listed(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

Result<std::vector<data::Problem>> read_problems(const RlConfig& rl) {
  std::error_code ignored;
  const fs::path file = fs::is_directory(rl.problems, ignored) ? rl.problems / "train.jsonl" : rl.problems;
  JAJU_ASSIGN(std::vector<eval::Item> items, eval::read_items(file, {}));
  std::vector<data::Problem> problems;
  for (eval::Item& item : items) {
    data::Problem& p = item.problem;
    if (!item.choices.empty()) {
      return error("{} holds multiple-choice questions; rewards are for questions with a free answer",
                   file.string());
    }
    if (!listed(rl.tasks, p.task) || !listed(rl.languages, p.language)) continue;
    if (p.difficulty < rl.min_difficulty || p.difficulty > rl.max_difficulty) continue;
    if (p.id.empty()) p.id = data::problem_id(p.language, p.question);
    if (data::is_test_problem(p.id)) continue;
    problems.push_back(std::move(p));
  }
  if (problems.empty()) {
    return error(
        "{} has {} problems, but none that [rl] tasks, languages and difficulties leave for training",
        file.string(), items.size());
  }
  return problems;
}

struct State {
  int64_t step = 0;
  int64_t tokens = 0;
  int64_t drawn = 0;  // problems, over all epochs
  double run_seconds = 0;
  int64_t optimizer_steps = 0;
};

Result<State> parse_state(const Json& json, const std::string& what) {
  State s;
  try {
    if (json.at("kind") != "rl") return error("{} is not the checkpoint of reinforcement learning", what);
    s.step = json.at("step").get<int64_t>();
    s.tokens = json.at("tokens").get<int64_t>();
    s.drawn = json.at("drawn").get<int64_t>();
    s.run_seconds = json.at("run_seconds").get<double>();
    s.optimizer_steps = json.at("optimizer_steps").get<int64_t>();
  } catch (const Json::exception&) {
    return error("{} is no state of reinforcement learning: give --out another directory", what);
  }
  if (s.step < 0 || s.drawn < 0) return error("{} is damaged: a count is below 0", what);
  return s;
}

// A group that is learnt from.
struct Group {
  eval::RolloutGroup rollouts;
  std::vector<double> advantages;
};

// One forward pass of a minibatch.
struct Piece {
  SampleBatch packed;
  torch::Tensor old;  // (answers)
};

class RlTrainer {
 public:
  RlTrainer(const RlRecipe& recipe, const TrainOptions& options, RlObserver& observer)
      : recipe_(recipe), rl_(recipe.rl), options_(options), observer_(observer) {}
  ~RlTrainer() {
    std::error_code ignored;
    if (run_ != nullptr) fs::remove_all(rollout_dir(), ignored);
  }

  Result<TrainResult> run();

 private:
  Status open_model();
  Status open_tokenizer(const fs::path& model_dir);
  Status resume(const CheckpointInfo& checkpoint);
  Status save();
  // Both leave `stopped_` true, and everything else as it was, when the caller asked for an end meanwhile.
  Status step_once();
  Result<std::vector<Group>> sample(RlReport& report, int64_t& drawn);
  Status learn(std::vector<Group> groups, RlReport& report);
  Status update(std::vector<Piece>& minibatch, bool first, RlReport& report);
  void count(const std::vector<eval::RolloutPrompt>& prompts, const std::vector<eval::RolloutGroup>& groups,
             RlReport& report) const;
  double reward_of(const eval::Rollout& rollout) const;

  const data::Problem& problem(int64_t drawn) const {
    const auto n = static_cast<int64_t>(problems_.size());
    const uint64_t key = stream(recipe_.run.seed, 1, static_cast<uint64_t>(drawn / n));
    return problems_[static_cast<size_t>(shuffled_index(drawn % n, n, key))];
  }
  int64_t modes() const { return rl_.modes == "both" ? 2 : 1; }
  fs::path rollout_dir() const { return run_->path() / "rollout-model"; }
  bool stop_asked() const { return options_.stop != nullptr && options_.stop->load() != 0; }
  torch::Tensor log_prob_means(const SampleBatch& packed) {
    return sequence_means(packed, model_->token_log_probs(packed.batch, rl_.temperature));
  }

  const RlRecipe& recipe_;
  const RlConfig& rl_;
  const TrainOptions& options_;
  RlObserver& observer_;
  std::unique_ptr<RunDir> run_;
  std::vector<data::Problem> problems_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<ChatTemplate> chat_;
  RunModel opened_;
  Model& model_ = opened_.model;
  std::unique_ptr<Optimizer> optimizer_;
  State state_;
  std::optional<CheckpointKeeper> checkpoints_;
  torch::Tensor load_;  // (n_moe_layers, n_routed_experts) of this step's updates
  bool stopped_ = false;
};

Status RlTrainer::open_model() {
  JAJU_ASSIGN(const fs::path start, find_model_dir(recipe_.init_from));
  const auto first = [&](MatmulPrecision precision) { return load_model(start, precision); };
  JAJU_ASSIGN(opened_, open_run_model(recipe_.run, options_, /*automatic=*/MatmulPrecision::f32, first,
                                      [&](const std::string& sentence) { observer_.note(sentence); }));
  optimizer_ = std::make_unique<Optimizer>(recipe_.optimizer, model_->trainable(), false);
  return open_tokenizer(start);
}

Status RlTrainer::open_tokenizer(const fs::path& model_dir) {
  std::error_code ignored;
  fs::path dir = recipe_.run.tokenizer.empty() ? model_dir : recipe_.run.tokenizer;
  if (!fs::is_directory(dir, ignored)) dir = dir.parent_path();
  if (!fs::exists(dir / "tokenizer.json", ignored)) {
    return error("{} has no tokenizer.json: set run.tokenizer to the directory of the model's tokenizer",
                 dir.string());
  }
  JAJU_ASSIGN(tokenizer_, Tokenizer::load(dir));
  JAJU_ASSIGN(chat_, ChatTemplate::load(dir));
  if (tokenizer_->vocab_size() > model_->config().vocab_size) {
    return error("the tokenizer of {} has {} tokens, but the model's vocab_size is {}", dir.string(),
                 tokenizer_->vocab_size(), model_->config().vocab_size);
  }
  return {};
}

Status RlTrainer::resume(const CheckpointInfo& checkpoint) {
  JAJU_ASSIGN(state_, parse_state(checkpoint.state, (checkpoint.dir / "state.json").string()));
  JAJU_RETURN_IF_ERROR(
      check_changes(run_->path(), recipe_, [&](const std::string& sentence) { observer_.note(sentence); }));
  JAJU_RETURN_IF_ERROR(optimizer_->read(checkpoint.dir / "optimizer.safetensors", state_.optimizer_steps));
  JAJU_RETURN_IF_ERROR(run_->trim_metrics(state_.step));
  observer_.note(fmt::format("going on from step {}", state_.step));
  return {};
}

Status RlTrainer::save() {
  const Json state = {{"version", 1},
                      {"kind", "rl"},
                      {"step", state_.step},
                      {"tokens", state_.tokens},
                      {"drawn", state_.drawn},
                      {"stage_end", state_.step >= rl_.steps},
                      {"run_seconds", state_.run_seconds},
                      {"optimizer_steps", optimizer_->steps()}};
  return checkpoints_->save(state_.step, model_, *optimizer_, state);
}

// What the objective sees; reports show the plain reward.
double RlTrainer::reward_of(const eval::Rollout& rollout) const {
  double reward = static_cast<double>(rollout.reward);
  if (rl_.overlong == Overlong::soft) {
    const auto beyond = static_cast<double>(static_cast<int64_t>(rollout.tokens.size()) -
                                            (rl_.max_tokens - rl_.overlong_buffer));
    reward -= std::clamp(beyond / static_cast<double>(rl_.overlong_buffer), 0.0, 1.0);
  }
  return reward;
}

void RlTrainer::count(const std::vector<eval::RolloutPrompt>& prompts,
                      const std::vector<eval::RolloutGroup>& groups, RlReport& report) const {
  for (size_t g = 0; g < groups.size(); ++g) {
    RlModeReport& mode = report.modes[std::string(eval::name_of(prompts[g].mode))];
    for (const eval::Rollout& r : groups[g].samples) {
      const auto share = [&](double& mean, double value) {
        mean += (value - mean) / static_cast<double>(mode.answers);
      };
      ++mode.answers;
      share(mode.reward, static_cast<double>(r.reward));
      share(mode.accuracy, r.correct ? 1 : 0);
      share(mode.format_errors, r.format != eval::FormatError::none ? 1 : 0);
      share(mode.length, static_cast<double>(r.tokens.size()));
      report.sampled_tokens += static_cast<int64_t>(r.tokens.size());
      report.overlong += r.finished ? 0 : 1;
    }
  }
}

// Rollouts until the batch is full of groups that teach something, or max_rounds is over. `drawn` moves
// along; the state does so only when the step is done.
Result<std::vector<Group>> RlTrainer::sample(RlReport& report, int64_t& drawn) {
  JAJU_RETURN_IF_ERROR(save_model(model_, rollout_dir(), rl_.rollout_dtype));
  EngineOptions engine_options;
  engine_options.threads = recipe_.run.threads;
  engine_options.prefill_chunk = std::max(engine_options.prefill_chunk, rl_.slots);
  JAJU_ASSIGN(const std::unique_ptr<Engine> engine, Engine::open(rollout_dir(), engine_options));
  const int64_t wanted = rl_.prompts * modes();
  std::vector<Group> kept;
  int64_t seen = 0;
  std::atomic<bool> cancel{false};
  for (int64_t round = 0; round < rl_.max_rounds && static_cast<int64_t>(kept.size()) < wanted; ++round) {
    // As many problems as should fill the batch at the rate so far, at most a batch of them.
    const int64_t missing = wanted - static_cast<int64_t>(kept.size());
    int64_t n = rl_.prompts;
    if (round > 0) {
      const double rate = static_cast<double>(std::max<size_t>(kept.size(), 1)) / static_cast<double>(seen);
      n = std::clamp<int64_t>(
          std::llround(static_cast<double>(missing) / rate / static_cast<double>(modes())), 1, n);
    }
    std::vector<eval::RolloutPrompt> prompts;
    for (int64_t i = 0; i < n; ++i) {
      const data::Problem& p = problem(drawn++);
      if (rl_.modes != "direct") prompts.push_back({&p, eval::Mode::think});
      if (rl_.modes != "think") prompts.push_back({&p, eval::Mode::direct});
    }
    eval::RolloutOptions options;
    options.samples = rl_.samples;
    options.temperature = static_cast<float>(rl_.temperature);
    options.max_tokens = rl_.max_tokens;
    options.slots = rl_.slots;
    options.seed =
        stream(recipe_.run.seed, 2, static_cast<uint64_t>(state_.step), static_cast<uint64_t>(round));
    options.cancel = &cancel;
    options.on_done = [&](int64_t done, int64_t total) {
      if (stop_asked()) cancel = true;
      observer_.sampling(state_.step + 1, round + 1, done, total);
    };
    Result<std::vector<eval::RolloutGroup>> groups =
        eval::rollout(*engine, *tokenizer_, *chat_, prompts, options);
    if (!groups.ok()) {
      stopped_ = cancel;
      return groups.status();
    }
    ++report.rounds;
    seen += static_cast<int64_t>(groups->size());
    count(prompts, *groups, report);
    for (eval::RolloutGroup& group : *groups) {
      std::vector<double> rewards;
      for (const eval::Rollout& r : group.samples) rewards.push_back(reward_of(r));
      std::vector<double> advantages = group_advantages(rewards);
      // No samples: a prompt that fills the context.
      if (std::all_of(advantages.begin(), advantages.end(), [](double a) { return a == 0.0; })) {
        ++report.groups_dropped;
      } else {
        kept.push_back({std::move(group), std::move(advantages)});
      }
    }
  }
  return kept;
}

Status RlTrainer::update(std::vector<Piece>& minibatch, bool first, RlReport& report) {
  int64_t answers = 0;
  for (const Piece& piece : minibatch) answers += piece.packed.answers();
  double objective = 0;
  for (Piece& piece : minibatch) {
    const torch::Tensor now = log_prob_means(piece.packed);
    if (first) piece.old = now.detach();  // no update lies between
    const GspoTerms terms = gspo_terms(now, piece.old, piece.packed.advantage, rl_.clip_low, rl_.clip_high);
    const double value = terms.objective.item<double>();
    if (!std::isfinite(value)) return error("the objective is {}: lower rl.lr or the clip range", value);
    objective += value;
    report.clipped += static_cast<double>(terms.clipped);
    report.ratio_off += terms.ratio_off;
    report.step.batch += piece.packed.tokens();
    (terms.objective * (-1.0 / static_cast<double>(answers))).backward();
    const torch::Tensor load = model_->router_stats().load.to(torch::kCPU);
    load_ = load_.defined() ? load_ + load : load.clone();
  }
  const double norm = optimizer_->gradient_norm();
  if (!std::isfinite(norm))
    return error("the gradient is not finite at an objective of {}: lower rl.lr", objective);
  const double clip = recipe_.optimizer.clip;
  optimizer_->step(report.step.lr, 0.0, clip > 0 && norm > clip ? clip / norm : 1.0);
  optimizer_->zero_gradients();
  report.step.grad_norm += norm;
  report.step.loss -= objective / static_cast<double>(answers);
  ++report.updates;
  return {};
}

Status RlTrainer::learn(std::vector<Group> groups, RlReport& report) {
  data::Dice dice(stream(recipe_.run.seed, 3, static_cast<uint64_t>(state_.step)));
  for (size_t i = groups.size(); i > 1; --i) {
    std::swap(groups[i - 1], groups[static_cast<size_t>(dice.between(0, static_cast<int64_t>(i) - 1))]);
  }
  // Minibatches hold whole groups, so that each weighs good answers against bad ones of the same prompt. When
  // few groups are left there are fewer minibatches, not smaller ones.
  const double full = static_cast<double>(rl_.prompts * modes()) / static_cast<double>(rl_.minibatches);
  const auto n = static_cast<size_t>(
      std::clamp<int64_t>(std::llround(static_cast<double>(groups.size()) / full), 1,
                          std::min<int64_t>(rl_.minibatches, static_cast<int64_t>(groups.size()))));
  std::vector<std::vector<Piece>> minibatches;
  int64_t answers = 0;
  for (size_t m = 0; m < n; ++m) {
    std::vector<Sample> samples;
    for (size_t g = m * groups.size() / n; g < (m + 1) * groups.size() / n; ++g) {
      const eval::RolloutGroup& group = groups[g].rollouts;
      for (size_t s = 0; s < group.samples.size(); ++s) {
        const eval::Rollout& r = group.samples[s];
        if (r.tokens.empty() || (rl_.overlong == Overlong::filter && !r.finished)) continue;
        samples.push_back({&group.prompt, &r.tokens, groups[g].advantages[s]});
      }
    }
    if (samples.empty()) continue;
    answers += static_cast<int64_t>(samples.size());
    const std::vector<size_t> edges = cut(samples, rl_.batch_tokens);
    std::vector<Piece>& minibatch = minibatches.emplace_back();
    for (size_t e = 0; e + 1 < edges.size(); ++e) {
      minibatch.push_back(
          {pack(std::span(samples).subspan(edges[e], edges[e + 1] - edges[e]), opened_.device), {}});
    }
  }
  {
    // The first minibatch gives its own in its update.
    const torch::NoGradGuard no_grad;
    for (size_t m = 1; m < minibatches.size(); ++m) {
      for (Piece& piece : minibatches[m]) piece.old = log_prob_means(piece.packed);
    }
  }
  for (int64_t epoch = 0; epoch < rl_.epochs; ++epoch) {
    for (size_t m = 0; m < minibatches.size(); ++m) {
      JAJU_RETURN_IF_ERROR(update(minibatches[m], epoch == 0 && m == 0, report));
    }
  }
  if (report.updates > 0) {
    const auto updates = static_cast<double>(report.updates);
    report.step.grad_norm /= updates;
    report.step.loss /= updates;
    report.clipped /= static_cast<double>(answers * rl_.epochs);
    report.ratio_off /= static_cast<double>(answers * rl_.epochs);
  }
  return {};
}

Status RlTrainer::step_once() {
  const Clock::time_point start = Clock::now();
  RlReport report;
  report.total_steps = rl_.steps;
  report.step.step = state_.step + 1;
  report.step.stage = "rl";
  report.step.lr = rl_.lr;
  if (state_.step < rl_.warmup) {
    report.step.lr *= static_cast<double>(state_.step + 1) / static_cast<double>(rl_.warmup + 1);
  }
  int64_t drawn = state_.drawn;
  JAJU_ASSIGN(std::vector<Group> groups, sample(report, drawn));
  report.sampling_seconds = seconds_since(start);
  report.groups = static_cast<int64_t>(groups.size());
  load_ = torch::Tensor();
  if (groups.empty()) {
    observer_.note(
        fmt::format("step {}: all {} groups had equal rewards, so there is nothing to learn from; the "
                    "problems may be too easy or "
                    "too hard",
                    report.step.step, report.groups_dropped));
  } else {
    JAJU_RETURN_IF_ERROR(learn(std::move(groups), report));
  }
  ++state_.step;
  state_.drawn = drawn;
  state_.tokens += report.step.batch;
  report.step.tokens = report.step.total_tokens = state_.tokens;
  if (load_.defined() && load_.numel() > 0) {
    const torch::Tensor counts = load_.to(torch::kFloat64);
    report.step.imbalance =
        (std::get<0>(counts.max(1)) / counts.mean(1).clamp_min(1e-9)).max().item<double>();
    for (int64_t row = 0; state_.step % recipe_.run.load_every == 0 && row < load_.size(0); ++row) {
      const int64_t* tokens = load_.data_ptr<int64_t>() + row * load_.size(1);
      if (std::any_of(tokens, tokens + load_.size(1), [](int64_t t) { return t > 0; })) {
        report.step.load.push_back({std::vector<int64_t>(tokens, tokens + load_.size(1))});
      }
    }
  }
  report.step.seconds = seconds_since(start);
  state_.run_seconds += report.step.seconds;
  report.step.run_seconds = state_.run_seconds;
  report.step.tokens_per_second = static_cast<double>(report.step.batch) / report.step.seconds;
  JAJU_RETURN_IF_ERROR(run_->append_metrics(metrics_line(report)));
  observer_.step(report);
  return {};
}

Result<TrainResult> RlTrainer::run() {
  JAJU_ASSIGN(problems_, read_problems(rl_));
  JAJU_ASSIGN(run_, RunDir::open(options_.run_dir, /*create=*/true));
  JAJU_RETURN_IF_ERROR(open_model());
  const CheckpointInfo* const checkpoint = opened_.checkpoint ? &*opened_.checkpoint : nullptr;
  JAJU_RETURN_IF_ERROR(checkpoint != nullptr ? resume(*checkpoint) : run_->trim_metrics(-1));
  JAJU_RETURN_IF_ERROR(write_run_json(opened_, options_, {{"problems", problems_.size()}}));
  JAJU_RETURN_IF_ERROR(write_file_atomic(run_->path() / "config.toml", recipe_.toml));
  model_->train();
  checkpoints_.emplace(*run_, recipe_.run, checkpoint);
  const int64_t first_step = state_.step;
  const auto result = [&](TrainEnd end) {
    return TrainResult{end, state_.step, state_.tokens, checkpoints_->newest()};
  };
  const auto ended_by = [&](const Status& problem) {
    return checkpoints_->ended_by(fmt::format("step {}", state_.step + 1), problem);
  };
  while (state_.step < rl_.steps) {
    const bool enough =
        options_.stop_after_steps > 0 && state_.step - first_step >= options_.stop_after_steps;
    Status stepped;
    if (!stop_asked() && !enough) stepped = step_once();
    if (stop_asked() || enough || stopped_) {
      if (!stepped.ok() && !stopped_) return ended_by(stepped);
      if (!checkpoints_->saved(state_.step) && state_.step > 0) JAJU_RETURN_IF_ERROR(save());
      return result(TrainEnd::stopped);
    }
    if (!stepped.ok()) return ended_by(stepped);
    if (checkpoints_->due() && state_.step < rl_.steps) JAJU_RETURN_IF_ERROR(save());
  }
  if (!checkpoints_->saved(state_.step)) JAJU_RETURN_IF_ERROR(save());
  return result(TrainEnd::finished);
}

}  // namespace

Result<TrainResult> train_rl(const RlRecipe& recipe, const TrainOptions& options, RlObserver& observer) {
  return without_exceptions(options.run_dir, "rl.batch_tokens",
                            [&] { return RlTrainer(recipe, options, observer).run(); });
}

}  // namespace jaju::train
