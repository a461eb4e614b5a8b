// How far a training run is: what state.json of a checkpoint holds beside the data's cursor (batcher.h), so
// that the run goes on to the bit.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"

namespace jaju::train {

struct TrainState {
  int64_t step = 0;
  int64_t tokens = 0;
  size_t stage = 0;
  int64_t stage_tokens = 0;
  double run_seconds = 0;
  int64_t optimizer_steps = 0;
  // Tokens by MoE layer and expert, (n_moe_layers, n_routed_experts) int64 on the CPU, and over how many
  // steps; not defined after 0 steps.
  torch::Tensor balance_load;  // since the router biases moved
  int64_t balance_counted = 0;
  torch::Tensor report_load;  // since the load was reported
  int64_t report_counted = 0;

  // Without the keys version, stage_end, optimizer and data, which are the trainer's.
  nlohmann::json to_json() const;
};
// `what` names the file. Errors: a key is missing or of another type, which makes the checkpoint unusable.
Result<TrainState> parse_train_state(const nlohmann::json& json, const std::string& what);

// The rows of a load; none when it is not defined.
std::vector<std::vector<int64_t>> to_rows(const torch::Tensor& load);

}  // namespace jaju::train
