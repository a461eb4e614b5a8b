// What a step of reinforcement learning tells, as metrics.h does for training.
#include <cmath>
#include <nlohmann/json.hpp>

#include "train/rl.h"

namespace jaju::train {

std::string metrics_line(const RlReport& r) {
  nlohmann::ordered_json line = nlohmann::ordered_json::parse(metrics_line(r.step));
  for (const auto& [name, mode] : r.modes) {
    line["reward"][name] = mode.reward;
    line["accuracy"][name] = mode.accuracy;
    line["format_errors"][name] = mode.format_errors;
    line["length"][name] = mode.length;
  }
  line["rounds"] = r.rounds;
  line["groups"] = r.groups;
  line["groups_dropped"] = r.groups_dropped;
  line["overlong"] = r.overlong;
  line["updates"] = r.updates;
  line["clipped"] = r.clipped;
  line["ratio_off"] = r.ratio_off;
  line["sampled_tokens"] = r.sampled_tokens;
  line["sampling_seconds"] = std::round(r.sampling_seconds * 1e3) / 1e3;
  return line.dump();
}

std::string console_line(const RlReport& r) {
  std::string line = fmt::format("step {} of {}", r.step.step, r.total_steps);
  for (const auto& [name, mode] : r.modes) {
    line += fmt::format("  {} {:+.2f} ({:.1f} % right, {:.1f} % malformed, {:.0f} tokens)", name, mode.reward,
                        100 * mode.accuracy, 100 * mode.format_errors, mode.length);
  }
  const double left = r.step.step > 0 ? r.step.run_seconds / static_cast<double>(r.step.step) *
                                            static_cast<double>(r.total_steps - r.step.step)
                                      : -1;
  return line + fmt::format("  groups {}, {} dropped  clipped {:.0f} %  grad {:.2f}  {:.0f} s  {} left",
                            r.groups, r.groups_dropped, 100 * r.clipped, r.step.grad_norm, r.step.seconds,
                            short_duration(left));
}

}  // namespace jaju::train
