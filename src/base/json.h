// JSON at the door: nlohmann's parser behind a depth limit, with errors as sentences instead of exceptions.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/status.h"

namespace jaju {

inline constexpr int kMaxJsonDepth = 64;

// Parses one JSON document. `what` names the source in the message ("config.json", "line 3").
// Errors: syntax (with the byte), invalid UTF-8, nesting deeper than max_depth, duplicate keys, numbers past
// double.
Result<nlohmann::json> parse_json(std::string_view text, const std::string& what,
                                  int max_depth = kMaxJsonDepth);

// Same, keeping the order of object keys. Refuses objects of more than kMaxOrderedKeys keys, and many of
// nearly so many: they are kept in a list, and a look-up walks it.
inline constexpr size_t kMaxOrderedKeys = 4096;
Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text, const std::string& what,
                                                  int max_depth = kMaxJsonDepth);

// Reads and parses a file of at most max_bytes.
Result<nlohmann::json> read_json(const std::filesystem::path& path, int64_t max_bytes);

}  // namespace jaju
