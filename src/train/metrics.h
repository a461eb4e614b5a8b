// What one step tells: the line in metrics.jsonl and the line a person watches.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace jaju::train {

// Tokens each expert of one MoE layer got, over some steps.
struct LayerLoad {
  std::vector<int64_t> tokens;  // (n_routed_experts)
  int64_t min() const;
  int64_t max() const;
  double mean() const;
  double cv() const;  // standard deviation over mean; 0: even
  int64_t dead() const;
};

struct StepReport {
  int64_t step = 0;
  std::string stage;
  int64_t stage_tokens = 0;
  int64_t tokens = 0;        // of the run, this step included
  int64_t total_tokens = 0;  // of all stages
  int64_t batch = 0;         // tokens of this step
  double loss = 0;
  double mtp_loss = -1;  // below 0: the model has no MTP layer
  double sequence_loss = 0;
  double lr = 0;
  double grad_norm = 0;
  double bias_step = 0;
  double seconds = 0;            // of this step
  double run_seconds = 0;        // of all steps, earlier sessions included
  double tokens_per_second = 0;  // over about the last ten seconds
  std::vector<LayerLoad> load;   // MoE layers, MTP block last; every load_every steps, over those steps
  double imbalance = 1;          // largest load of an expert over the mean, the worst layer of this step
  std::map<std::string, double> held_out;  // loss by set, when it was measured
};

// One JSON object on one line, without a line break. Floats are written so that they read back exactly.
std::string metrics_line(const StepReport& report);
// "step 120  warm  1.23 M of 60 M tokens  loss 2.345  mtp 2.9  lr 2.0e-03  grad 0.41  14.9 k tokens/s
// load 1.4x  52 min left", on one line.
std::string console_line(const StepReport& report);

// "12.3 M".
std::string short_tokens(double n);
// "52 min", "3 h 20 min", "40 s".
std::string short_duration(double seconds);

}  // namespace jaju::train
