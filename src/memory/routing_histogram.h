// Which experts a model's router chose how often: what pins, and predictions of the hit rate, are made from.
//
//   {"format": "jaju-routing", "version": 1, "experts_per_token": 8,
//    "layers": [{"layer": 1, "visits": [12, 0, 7, ...]}, ...]}
//
// `layer` is the model's own number (dense layers have no entry), `visits` the rows each routed expert got.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace jaju {

struct RoutingHistogram {
  struct Layer {
    int64_t layer = 0;
    std::vector<uint64_t> visits;  // one per expert, the same number in every layer
  };
  int64_t experts_per_token = 0;
  std::vector<Layer> layers;  // ascending

  int64_t experts() const { return layers.empty() ? 0 : static_cast<int64_t>(layers[0].visits.size()); }
  // Share of a layer's rows that visit each expert: sums to experts_per_token. Uniform for a layer nobody
  // visited. No share is above 1.
  std::vector<double> shares(size_t index) const;
};

std::string to_json(const RoutingHistogram& histogram);
// `what` names the text in messages. Errors: not JSON, another format or a later version, no layers, layers
// out of order or of different sizes, counts that are no counts.
Result<RoutingHistogram> parse_routing_histogram(std::string_view text, const std::string& what);
Result<RoutingHistogram> load_routing_histogram(const std::filesystem::path& file);

}  // namespace jaju
