#include "train/metrics.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/status.h"

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

}  // namespace jaju::train
