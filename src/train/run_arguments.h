// The command line of verbs that train in a run's directory (`jaju train run` and `jaju train rl`).
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "train/trainer.h"

namespace CLI {
class App;
}

namespace jaju::train {

struct RunArguments {
  std::string recipe;  // empty: the one in `out`
  std::string out;
  std::vector<std::string> overrides;
  bool fresh = false;
  bool resume = false;
  int64_t steps = 0;

  // Adds the options to `verb`, which keeps pointing here; `example` is an override of --set's help.
  void add_to(CLI::App& verb, const std::string& example);
  // The recipe to read. Errors: none is given, and `out` holds no run to go on with.
  Result<std::filesystem::path> find_recipe() const;
  // Errors: --resume, and `out` has no checkpoint.
  Status check_resume() const;
  // For train() and train_rl(); `stop` as TrainOptions has it.
  TrainOptions options(const std::atomic<int>& stop) const;
};

}  // namespace jaju::train
