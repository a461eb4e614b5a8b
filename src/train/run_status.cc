#include "train/run_status.h"

#include <fstream>
#include <numeric>

#include "base/json.h"
#include "base/utf8.h"
#include "train/config.h"
#include "train/metrics.h"
#include "train/run_dir.h"

namespace jaju::train {
namespace {

constexpr size_t kWindow = 50;  // losses whose mean is told

}  // namespace

void NewestMetrics::add(std::string_view line) {
  nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
  if (!entry.is_object() || !entry.value("loss", nlohmann::json()).is_number()) return;
  losses_.push_back(entry["loss"].get<double>());
  if (losses_.size() > kWindow) losses_.pop_front();
  if (entry.contains("held_out")) held_out_ = entry["held_out"];
  if (entry.contains("dead_experts")) dead_ = entry["dead_experts"];
  last_ = std::move(entry);
}

double NewestMetrics::number(const char* key) const {
  const auto found = last_.find(key);
  return found != last_.end() && found->is_number() ? found->get<double>() : 0.0;
}

std::string NewestMetrics::describe(bool running, const RunGoal& goal) const {
  if (!last_.is_object()) return "";
  const double tokens = number("tokens");
  const double speed = number("tokens_per_second");
  const auto stage = last_.find("stage");
  std::string text =
      fmt::format("{}  step {:.0f}, stage {}\n", running ? "training" : "stopped ", number("step"),
                  stage != last_.end() && stage->is_string() ? printable(stage->get<std::string>()) : "?");
  if (goal.steps > 0) text += fmt::format("steps     {:.0f} of {}\n", number("step"), goal.steps);
  text += fmt::format("tokens    {}{}\n", short_tokens(tokens),
                      goal.tokens > 0 ? fmt::format(" of {} ({:.0f} %)", short_tokens(goal.tokens),
                                                    100 * tokens / goal.tokens)
                                      : "");
  text += fmt::format(
      "loss      {:.4f} (mean of the last {} steps), gradient norm {:.2f}, learning rate {:.2e}\n",
      std::accumulate(losses_.begin(), losses_.end(), 0.0) / static_cast<double>(losses_.size()),
      losses_.size(), number("grad_norm"), number("lr"));
  if (held_out_.is_object()) {
    text += "held out ";
    for (const auto& [name, value] : held_out_.items()) {
      if (value.is_number()) text += fmt::format(" {} {:.4f}", printable(name), value.get<double>());
    }
    text += "\n";
  }
  text +=
      fmt::format("experts   largest load {:.2f}x the mean{}\n", number("imbalance"),
                  dead_.is_number_integer() ? fmt::format(", {} without a token", dead_.get<int64_t>()) : "");
  text += fmt::format("speed     {} tokens/s, {} so far{}\n", short_tokens(speed),
                      short_duration(number("run_seconds")),
                      running && speed > 0 && goal.tokens > 0
                          ? ", " + short_duration((goal.tokens - tokens) / speed) + " left"
                          : "");
  return text;
}

Result<std::string> describe_run(const std::filesystem::path& run) {
  std::ifstream in(run / "metrics.jsonl");
  const std::vector<CheckpointInfo> checkpoints = list_checkpoints(run);
  if (!in && checkpoints.empty()) {
    return error("{} is not the directory of a run: it has neither metrics.jsonl nor checkpoints",
                 run.string());
  }
  NewestMetrics metrics;
  for (std::string line; in && std::getline(in, line);) metrics.add(line);
  RunGoal goal;
  const Result<TrainConfig> config = load_train_config(run / "config.toml");
  if (config.ok()) goal.tokens = static_cast<double>(config->total_tokens());
  const Result<RlRecipe> rl = load_rl_recipe(run / "config.toml");
  if (rl.ok()) goal.steps = rl->rl.steps;
  std::string text = metrics.describe(is_training(run), goal);
  for (const CheckpointInfo& info : checkpoints) {
    text += fmt::format("checkpoint {}{}\n", info.dir.string(), info.stage_end ? " (end of a stage)" : "");
  }
  return text;
}

}  // namespace jaju::train
