#include "train/run_arguments.h"

#include <CLI/CLI.hpp>

#include "cli/commit_info.h"
#include "train/run_dir.h"

namespace jaju::train {

void RunArguments::add_to(CLI::App& verb, const std::string& example) {
  verb.add_option("recipe", recipe, "The recipe (TOML); left out: RUN/config.toml");
  verb.add_option("--out", out, "RUN, the directory of this run")->required();
  verb.add_option("--set", overrides, "key=value: overrides one key of the recipe, like " + example)
      ->allow_extra_args(false);
  CLI::Option* insist = verb.add_flag("--resume", resume, "Insist on going on with an earlier run");
  verb.add_flag("--fresh", fresh, "Insist on a new run")->excludes(insist);
  verb.add_option("--steps", steps, "Stop after so many steps, with a checkpoint")
      ->check(CLI::PositiveNumber);
}

Result<std::filesystem::path> RunArguments::find_recipe() const {
  if (!recipe.empty()) return std::filesystem::path(recipe);
  const std::filesystem::path own = std::filesystem::path(out) / "config.toml";
  std::error_code ignored;
  if (std::filesystem::exists(own, ignored)) return own;
  return error("give a recipe: {} holds no run to go on with", out);
}

Status RunArguments::check_resume() const {
  if (!resume || !list_checkpoints(out).empty()) return {};
  return error("{} has no checkpoint to go on from; leave --resume out to start", out);
}

TrainOptions RunArguments::options(const std::atomic<int>& stop) const {
  TrainOptions train;
  train.run_dir = out;
  train.fresh = fresh;
  train.stop = &stop;
  train.stop_after_steps = steps;
  train.commit = kCommit;
  return train;
}

}  // namespace jaju::train
