#include "memory/routing_histogram.h"

#include <algorithm>

#include "base/file.h"
#include "base/json.h"

namespace jaju {
namespace {

constexpr const char* kFormat = "jaju-routing";
constexpr int64_t kVersion = 1;
constexpr int64_t kMostBytes = 64'000'000;
constexpr int64_t kMostLayers = 4096;
constexpr size_t kMostExperts = 4096;
constexpr uint64_t kMostVisits = uint64_t{1} << 53;  // what a JSON reader may keep exactly

Status wrong(const std::string& what, const std::string& field, const char* expected) {
  return error("{}: {} must be {}; save the histogram again", what, field, expected);
}

// A whole number of 0 to `most`, or -1.
int64_t count_of(const nlohmann::json& value, uint64_t most) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > most) return -1;
  return static_cast<int64_t>(value.get<uint64_t>());
}

}  // namespace

std::vector<double> RoutingHistogram::shares(size_t index) const {
  const std::vector<uint64_t>& visits = layers[index].visits;
  double sum = 0;
  for (const uint64_t v : visits) sum += static_cast<double>(v);
  std::vector<double> shares;
  shares.reserve(visits.size());
  const auto k = static_cast<double>(experts_per_token);
  for (const uint64_t v : visits) {
    const double share = sum > 0 ? static_cast<double>(v) / sum : 1 / static_cast<double>(visits.size());
    shares.push_back(std::min(k * share, 1.0));
  }
  return shares;
}

std::string to_json(const RoutingHistogram& histogram) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const RoutingHistogram::Layer& l : histogram.layers)
    layers.push_back({{"layer", l.layer}, {"visits", l.visits}});
  const nlohmann::ordered_json all = {{"format", kFormat},
                                      {"version", kVersion},
                                      {"experts_per_token", histogram.experts_per_token},
                                      {"layers", layers}};
  return all.dump() + "\n";
}

Result<RoutingHistogram> parse_routing_histogram(std::string_view text, const std::string& what) {
  JAJU_ASSIGN(const nlohmann::json root, parse_json(text, what));
  if (!root.is_object() || root.value("format", nlohmann::json()) != kFormat)
    return error("{} is no routing histogram: its field 'format' must be \"{}\"", what, kFormat);
  if (root.value("version", nlohmann::json()) != kVersion)
    return error("{} has a version this jaju does not read (it reads {}): use a newer jaju", what, kVersion);
  RoutingHistogram h;
  h.experts_per_token = count_of(root.value("experts_per_token", nlohmann::json()), kMostExperts);
  if (h.experts_per_token < 1) return wrong(what, "'experts_per_token'", "a count of at least 1");
  const auto layers = root.find("layers");
  if (layers == root.end() || !layers->is_array() || layers->empty() || layers->size() > kMostLayers)
    return wrong(what, "'layers'", "a list of 1 to 4096 layers");
  for (const nlohmann::json& entry : *layers) {
    const std::string place = fmt::format("'layers' entry {}", h.layers.size());
    if (!entry.is_object()) return wrong(what, place, "an object");
    RoutingHistogram::Layer layer;
    layer.layer = count_of(entry.value("layer", nlohmann::json()), kMostLayers * 16);
    if (layer.layer < 0 || (!h.layers.empty() && layer.layer <= h.layers.back().layer))
      return wrong(what, place + ": 'layer'", "a number above the one before");
    const auto visits = entry.find("visits");
    if (visits == entry.end() || !visits->is_array() || visits->empty() || visits->size() > kMostExperts ||
        (!h.layers.empty() && visits->size() != h.layers[0].visits.size()))
      return wrong(what, place + ": 'visits'", "a list of counts, as long in every layer");
    layer.visits.reserve(visits->size());
    for (const nlohmann::json& v : *visits) {
      const int64_t count = count_of(v, kMostVisits);
      if (count < 0) return wrong(what, place + ": 'visits'", "whole numbers from 0");
      layer.visits.push_back(static_cast<uint64_t>(count));
    }
    h.layers.push_back(std::move(layer));
  }
  if (h.experts_per_token > h.experts())
    return wrong(what, "'experts_per_token'", "no more than the experts of a layer");
  return h;
}

Result<RoutingHistogram> load_routing_histogram(const std::filesystem::path& file) {
  JAJU_ASSIGN(const std::string text, read_file(file, kMostBytes));
  return parse_routing_histogram(text, file.string());
}

}  // namespace jaju
