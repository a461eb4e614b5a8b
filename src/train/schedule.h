// Where a run stands in its stages, and what that means for the learning rate and the losses' weights.
#pragma once

#include <cstdint>

#include "train/config.h"

namespace jaju::train {

// Learning rate of a step that begins when `tokens` of the stage's data are behind us: rising over
// stage.warmup, then from lr to lr_end in the stage's shape over the rest. Cosine is half a period, from 1 to
// 0.
double stage_lr(const StageConfig& stage, int64_t tokens);

// Step of the router biases: balance.bias_step until off_after of the whole run, 0 behind it and in stages
// without balancing.
double bias_step_at(const TrainConfig& config, const StageConfig& stage, int64_t total_tokens_seen);

}  // namespace jaju::train
