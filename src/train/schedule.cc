#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace jaju::train {

double stage_lr(const StageConfig& stage, int64_t tokens) {
  const auto t = static_cast<double>(tokens);
  const auto warmup = static_cast<double>(stage.warmup);
  // The first step already learns a little: its end counts, not its beginning.
  if (t < warmup) {
    return stage.lr * std::min(1.0, (t + static_cast<double>(stage.batch_tokens)) /
                                        (warmup + static_cast<double>(stage.batch_tokens)));
  }
  const double length = static_cast<double>(stage.tokens) - warmup;
  const double x = length > 0 ? std::clamp((t - warmup) / length, 0.0, 1.0) : 1.0;
  switch (stage.shape) {
    case LrShape::constant:
      return stage.lr;
    case LrShape::linear:
      return stage.lr + (stage.lr_end - stage.lr) * x;
    case LrShape::cosine:
      return stage.lr_end + (stage.lr - stage.lr_end) * 0.5 * (1.0 + std::cos(std::numbers::pi * x));
  }
  return stage.lr;
}

double bias_step_at(const TrainConfig& config, const StageConfig& stage, int64_t total_tokens_seen) {
  if (!stage.balance) return 0.0;
  const double share = static_cast<double>(total_tokens_seen) /
                       static_cast<double>(std::max<int64_t>(1, config.total_tokens()));
  return share < config.balance.off_after ? config.balance.bias_step : 0.0;
}

}  // namespace jaju::train
