// What a recipe says otherwise than when its run last went on, told before the run goes on with it.
// RUN/config.toml has what was said then.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "train/config.h"

namespace jaju::train {

// Settings of [run] that say how a run is kept, where and at what pace, and nothing of what it learns.
bool only_keeps_the_run(std::string_view key);

// Settings that differ between two recipes, each as TOML text: "stage.decay.lr was 0.002 and is 0.001".
// Stages go by their names. Those of only_keeps_the_run() are left out. Errors: one of the texts is no TOML.
Result<std::vector<std::string>> changed_settings(std::string_view before, std::string_view now);

// For a run that goes on and has begun that many stages: `note` hears what has changed. Nothing is compared
// where RUN/config.toml is missing, and note says so where it cannot be read. Errors: [model], the seed, or
// the names, order and yarn_factor of stages that were begun: a run cannot change these any more.
Status check_changes(const std::filesystem::path& run, const TrainConfig& now, size_t begun,
                     const std::function<void(const std::string&)>& note);
// The same for reinforcement learning, where only the seed is fixed.
Status check_changes(const std::filesystem::path& run, const RlRecipe& now,
                     const std::function<void(const std::string&)>& note);

}  // namespace jaju::train
