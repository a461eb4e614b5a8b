// The tables that recipes for training and for reinforcement learning share. Internal to config.h's files.
#pragma once

#include "train/config.h"
#include "train/toml_section.h"

namespace jaju::train {

constexpr int64_t kMaxRecipeBytes = 1'000'000;

Status read_run(toml::table& table, const std::string& what, RunConfig& run);
Status read_optimizer(const toml::table& table, const std::string& what, OptimizerConfig& optimizer);

}  // namespace jaju::train
