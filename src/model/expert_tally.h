// How often the router chose which expert. One writer, the forward pass; readers on any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "memory/routing_histogram.h"
#include "model/config.h"

namespace jaju {

// One MoE layer since the start. The MTP block is not counted.
struct ExpertFigures {
  int64_t layer = 0;    // of the model, dense layers counted
  int64_t experts = 0;  // routed ones
  uint64_t visits = 0;  // rows that reached it times experts per token; the last layer sees only rows whose
                        // logits are wanted
  uint64_t reads = 0;  // experts with at least one row in a step, summed over steps: weights read from memory
  uint64_t busiest = 0;   // visits of the expert with the most
  int64_t unvisited = 0;  // experts that were never chosen
};

class ExpertTally {
 public:
  explicit ExpertTally(const ModelConfig& config);

  // Rows each expert (n_routed_experts of them) got in one step of the moe_layer-th MoE layer.
  void add(int64_t moe_layer, std::span<const int32_t> rows);
  std::vector<ExpertFigures> figures() const;
  // Every expert's visits; no layers without routed experts.
  RoutingHistogram histogram() const;

 private:
  int64_t n_experts_;
  int64_t n_experts_per_token_;
  std::vector<int64_t> layers_;                // of each MoE layer: its number in the model
  std::vector<std::atomic<uint64_t>> visits_;  // (MoE layers, experts)
  std::vector<std::atomic<uint64_t>> reads_;   // (MoE layers)
};

}  // namespace jaju
