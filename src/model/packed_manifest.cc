#include "model/packed_manifest.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "base/utf8.h"

namespace jaju {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kVersion = 1;

bool plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

std::optional<uint64_t> checksum(const std::string& text) {
  uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 16 || failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

const PackedShardSums* PackedManifest::find(std::string_view file) const {
  const auto at =
      std::find_if(shards.begin(), shards.end(), [&](const PackedShardSums& s) { return s.file == file; });
  return at == shards.end() ? nullptr : &*at;
}

std::string to_json(const PackedManifest& m) {
  Json shards = Json::array();
  for (const PackedShardSums& shard : m.shards) {
    nlohmann::json tensors = nlohmann::json::object();  // sorted, whatever order they came in
    for (const auto& [name, sum] : shard.tensors) tensors[name] = fmt::format("{:016x}", sum);
    shards.push_back({{"file", shard.file}, {"tensors", std::move(tensors)}});
  }
  Json all = {{"format", kPackedFormat},
              {"version", kVersion},
              {"experts", name_of(m.experts)},
              {"rest", name_of(m.rest)},
              {"source", m.source}};
  if (m.calibration_tokens > 0) all["calibration_tokens"] = m.calibration_tokens;
  all["shards"] = std::move(shards);
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<PackedManifest> parse_packed_manifest(std::string_view text, const std::string& what) {
  JAJU_ASSIGN(const nlohmann::json root, parse_json(text, what));
  const auto wrong = [&](std::string_view field, std::string_view must) {
    return error("{}: '{}' must be {}; pack the model again", what, field, must);
  };
  const auto text_of = [](const nlohmann::json& object, const char* key) -> std::optional<std::string> {
    if (!object.is_object()) return std::nullopt;
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
  };
  if (text_of(root, "format") != kPackedFormat) return wrong("format", fmt::format("\"{}\"", kPackedFormat));
  const auto version = root.find("version");
  if (version == root.end() || !version->is_number_integer() || *version < kVersion) {
    return wrong("version", std::to_string(kVersion));
  }
  if (*version != kVersion) {
    return error("{}: 'version' must be {}; it was packed by a later jaju, update this one", what, kVersion);
  }
  PackedManifest m;
  for (const auto& [key, scheme] : {std::pair{"experts", &m.experts}, std::pair{"rest", &m.rest}}) {
    const auto word = text_of(root, key);
    const auto found = word ? scheme_named(*word) : std::nullopt;
    if (!found) return wrong(key, "q8, q6, q4, q4i, q3, q2, mxfp4 or nvfp4");
    *scheme = *found;
  }
  const auto source = text_of(root, "source");
  if (!source) return wrong("source", "a text");
  m.source = *source;
  if (const auto tokens = root.find("calibration_tokens"); tokens != root.end()) {
    if (!tokens->is_number_integer() || *tokens < 1) return wrong("calibration_tokens", "a count");
    m.calibration_tokens = tokens->get<int64_t>();
  }
  const auto shards = root.find("shards");
  if (shards == root.end() || !shards->is_array()) return wrong("shards", "a list");
  for (const nlohmann::json& entry : *shards) {
    const auto file = text_of(entry, "file");
    if (!file || !plain_file_name(*file)) return wrong("file", "a name in the same directory");
    if (m.find(*file) != nullptr) return wrong("file", "a name that occurs once");
    PackedShardSums shard{*file, {}};
    const auto tensors = entry.find("tensors");
    if (tensors == entry.end() || !tensors->is_object()) return wrong("tensors", "an object");
    for (const auto& [name, value] : tensors->items()) {
      const auto sum = value.is_string() ? checksum(value.get_ref<const std::string&>()) : std::nullopt;
      if (!sum) return wrong(printable(name), "a checksum of 16 hex digits");
      shard.tensors.emplace_back(name, *sum);
    }
    m.shards.push_back(std::move(shard));
  }
  return m;
}

}  // namespace jaju
