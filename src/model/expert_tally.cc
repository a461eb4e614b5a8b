#include "model/expert_tally.h"

#include <algorithm>

namespace jaju {
namespace {

std::vector<int64_t> moe_layers(const ModelConfig& config) {
  std::vector<int64_t> layers;
  for (int64_t i = 0; i < config.n_layers; ++i) {
    if (config.is_moe(i)) layers.push_back(i);
  }
  return layers;
}

// There is one writer, so nothing has to be locked.
void increase(std::atomic<uint64_t>& counter, uint64_t by) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

ExpertTally::ExpertTally(const ModelConfig& config)
    : n_experts_(config.n_routed_experts),
      n_experts_per_token_(config.n_experts_per_token),
      layers_(moe_layers(config)),
      visits_(layers_.size() * static_cast<size_t>(n_experts_)),
      reads_(layers_.size()) {}

void ExpertTally::add(int64_t moe_layer, std::span<const int32_t> rows) {
  std::atomic<uint64_t>* const visits = visits_.data() + moe_layer * n_experts_;
  uint64_t reads = 0;
  for (size_t e = 0; e < rows.size(); ++e) {
    if (rows[e] == 0) continue;
    increase(visits[e], static_cast<uint64_t>(rows[e]));
    ++reads;
  }
  increase(reads_[static_cast<size_t>(moe_layer)], reads);
}

RoutingHistogram ExpertTally::histogram() const {
  RoutingHistogram all;
  all.experts_per_token = n_experts_per_token_;
  for (size_t i = 0; i < layers_.size(); ++i) {
    RoutingHistogram::Layer& layer = all.layers.emplace_back();
    layer.layer = layers_[i];
    for (int64_t e = 0; e < n_experts_; ++e) {
      layer.visits.push_back(visits_[i * static_cast<size_t>(n_experts_) + static_cast<size_t>(e)].load(
          std::memory_order_relaxed));
    }
  }
  return all;
}

std::vector<ExpertFigures> ExpertTally::figures() const {
  std::vector<ExpertFigures> all(layers_.size());
  for (size_t i = 0; i < all.size(); ++i) {
    ExpertFigures& f = all[i];
    f.layer = layers_[i];
    f.experts = n_experts_;
    f.reads = reads_[i].load(std::memory_order_relaxed);
    for (int64_t e = 0; e < n_experts_; ++e) {
      const uint64_t n = visits_[i * static_cast<size_t>(n_experts_) + static_cast<size_t>(e)].load(
          std::memory_order_relaxed);
      f.visits += n;
      f.busiest = std::max(f.busiest, n);
      f.unvisited += n == 0 ? 1 : 0;
    }
  }
  return all;
}

}  // namespace jaju
