#include "train/metrics.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "train/config.h"
#include "train/run_dir.h"

namespace jaju::train {

int64_t LayerLoad::min() const {
  return tokens.empty() ? 0 : *std::min_element(tokens.begin(), tokens.end());
}
int64_t LayerLoad::max() const {
  return tokens.empty() ? 0 : *std::max_element(tokens.begin(), tokens.end());
}
double LayerLoad::mean() const {
  const auto sum = std::accumulate(tokens.begin(), tokens.end(), int64_t{0});
  return tokens.empty() ? 0.0 : static_cast<double>(sum) / static_cast<double>(tokens.size());
}
double LayerLoad::cv() const {
  const double m = mean();
  double squares = 0;
  for (const int64_t t : tokens) squares += (static_cast<double>(t) - m) * (static_cast<double>(t) - m);
  return m > 0 ? std::sqrt(squares / static_cast<double>(tokens.size())) / m : 0.0;
}
int64_t LayerLoad::dead() const {
  return std::count(tokens.begin(), tokens.end(), 0);
}

std::string metrics_line(const StepReport& r) {
  const auto rounded = [](double x, double unit) { return std::round(x / unit) * unit; };
  nlohmann::ordered_json line = {{"step", r.step},
                                 {"stage", r.stage},
                                 {"tokens", r.tokens},
                                 {"batch", r.batch},
                                 {"loss", r.loss},
                                 {"sequence_loss", r.sequence_loss},
                                 {"lr", r.lr},
                                 {"grad_norm", r.grad_norm},
                                 {"bias_step", r.bias_step},
                                 {"imbalance", rounded(r.imbalance, 1e-3)},
                                 {"seconds", rounded(r.seconds, 1e-4)},
                                 {"run_seconds", rounded(r.run_seconds, 1e-2)},
                                 {"tokens_per_second", std::round(r.tokens_per_second)}};
  if (r.mtp_loss >= 0) line["mtp_loss"] = r.mtp_loss;
  if (!r.load.empty()) {
    int64_t dead = 0;
    nlohmann::ordered_json layers = nlohmann::ordered_json::array();
    for (const LayerLoad& layer : r.load) {
      dead += layer.dead();
      layers.push_back({{"min", layer.min()},
                        {"max", layer.max()},
                        {"cv", rounded(layer.cv(), 1e-4)},
                        {"dead", layer.dead()},
                        {"tokens", layer.tokens}});
    }
    line["dead_experts"] = dead;
    line["load"] = std::move(layers);
  }
  if (!r.held_out.empty()) line["held_out"] = r.held_out;
  return line.dump();
}

std::string short_tokens(double n) {
  const auto with_unit = [](double x, const char* unit) {
    return fmt::format("{:.{}f} {}", x, x < 9.995 ? 2 : x < 99.95 ? 1 : 0, unit);
  };
  if (n >= 1e9) return with_unit(n / 1e9, "B");
  if (n >= 1e6) return with_unit(n / 1e6, "M");
  if (n >= 1e3) return with_unit(n / 1e3, "k");
  return fmt::format("{:.0f}", n);
}

std::string short_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  const auto s = static_cast<int64_t>(seconds + 0.5);
  if (s < 90) return fmt::format("{} s", s);
  if (s < 90 * 60) return fmt::format("{} min", (s + 30) / 60);
  return fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
}

std::string console_line(const StepReport& r) {
  std::string line = fmt::format("step {}  {}  {} of {} tokens  loss {:.3f}", r.step, r.stage,
                                 short_tokens(static_cast<double>(r.tokens)),
                                 short_tokens(static_cast<double>(r.total_tokens)), r.loss);
  if (r.mtp_loss >= 0) line += fmt::format("  mtp {:.3f}", r.mtp_loss);
  for (const auto& [name, loss] : r.held_out) line += fmt::format("  {} {:.3f}", name, loss);
  const double left =
      r.tokens_per_second > 0
          ? static_cast<double>(std::max<int64_t>(0, r.total_tokens - r.tokens)) / r.tokens_per_second
          : -1;
  return line + fmt::format("  lr {:.1e}  grad {:.2f}  load {:.1f}x  {} tokens/s  {} left", r.lr, r.grad_norm,
                            r.imbalance, short_tokens(r.tokens_per_second), short_duration(left));
}

Result<std::string> describe_run(const std::string& run_dir) {
  const std::filesystem::path run = run_dir;
  std::ifstream in(run / "metrics.jsonl");
  const std::vector<CheckpointInfo> checkpoints = list_checkpoints(run);
  if (!in && checkpoints.empty()) {
    return error("{} is not the directory of a run: it has neither metrics.jsonl nor checkpoints", run_dir);
  }
  // The newest values, and the mean of the last losses.
  constexpr size_t kWindow = 50;
  nlohmann::json last;
  nlohmann::json held_out;
  nlohmann::json dead;
  std::deque<double> losses;
  for (std::string line; in && std::getline(in, line);) {
    nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.value("loss", nlohmann::json()).is_number()) continue;
    losses.push_back(entry["loss"].get<double>());
    if (losses.size() > kWindow) losses.pop_front();
    if (entry.contains("held_out")) held_out = entry["held_out"];
    if (entry.contains("dead_experts")) dead = entry["dead_experts"];
    last = std::move(entry);
  }
  std::string text;
  const bool running = is_training(run);
  if (last.is_object()) {
    const auto number = [&](const char* key) {
      const auto found = last.find(key);
      return found != last.end() && found->is_number() ? found->get<double>() : 0.0;
    };
    Result<TrainConfig> config = load_train_config(run / "config.toml");
    const double total = config.ok() ? static_cast<double>(config->total_tokens()) : 0.0;
    const double speed = number("tokens_per_second");
    const std::string stage =
        last.value("stage", nlohmann::json()).is_string() ? last["stage"].get<std::string>() : "?";
    text +=
        fmt::format("{}  step {:.0f}, stage {}\n", running ? "training" : "stopped ", number("step"), stage);
    // Reinforcement learning counts steps: how many tokens they take shows only then.
    const Result<RlRecipe> rl = load_rl_recipe(run / "config.toml");
    if (rl.ok()) text += fmt::format("steps     {:.0f} of {}\n", number("step"), rl->rl.steps);
    text += fmt::format(
        "tokens    {}{}\n", short_tokens(number("tokens")),
        total > 0 ? fmt::format(" of {} ({:.0f} %)", short_tokens(total), 100 * number("tokens") / total)
                  : "");
    text += fmt::format(
        "loss      {:.4f} (mean of the last {} steps), gradient norm {:.2f}, learning rate {:.2e}\n",
        std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size()),
        losses.size(), number("grad_norm"), number("lr"));
    if (held_out.is_object()) {
      text += "held out ";
      for (const auto& [name, value] : held_out.items()) {
        if (value.is_number()) text += fmt::format(" {} {:.4f}", name, value.get<double>());
      }
      text += "\n";
    }
    text +=
        fmt::format("experts   largest load {:.2f}x the mean{}\n", number("imbalance"),
                    dead.is_number_integer() ? fmt::format(", {} without a token", dead.get<int64_t>()) : "");
    text += fmt::format("speed     {} tokens/s, {} so far{}\n", short_tokens(speed),
                        short_duration(number("run_seconds")),
                        running && speed > 0 && total > 0
                            ? ", " + short_duration((total - number("tokens")) / speed) + " left"
                            : "");
  }
  for (const CheckpointInfo& info : checkpoints) {
    text += fmt::format("checkpoint {}{}\n", info.dir.string(), info.stage_end ? " (end of a stage)" : "");
  }
  return text;
}

}  // namespace jaju::train
