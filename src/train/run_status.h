// `jaju train status`: a run in words.
#pragma once

#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/status.h"

namespace jaju::train {

// What a run is to become, as far as its recipe says.
struct RunGoal {
  double tokens = 0;  // 0: not known
  int64_t steps = 0;  // of reinforcement learning, which counts steps; 0: not known
};

// The newest figures of metrics.jsonl, which counts as outside bytes: lines that are no step with a loss are
// skipped, and what the words quote of it cannot hold control bytes.
class NewestMetrics {
 public:
  // One line, without its line break.
  void add(std::string_view line);
  // Stage, tokens, losses, speed, a line each; empty before the first step.
  std::string describe(bool running, const RunGoal& goal) const;

 private:
  double number(const char* key) const;

  nlohmann::json last_;
  nlohmann::json held_out_;
  nlohmann::json dead_;
  std::deque<double> losses_;  // the last ones, oldest first
};

// Figures and checkpoints. Errors: no run there.
Result<std::string> describe_run(const std::filesystem::path& run);

}  // namespace jaju::train
