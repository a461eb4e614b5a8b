#include "cli/size_value.h"

#include <charconv>

#include "base/file.h"
#include "base/quantity.h"

namespace jaju::cli {

CLI::Validator size_value(int64_t least, int64_t most) {
  const auto read = [least, most](std::string& text) -> std::string {
    const Result<int64_t> bytes = parse_size(text);
    if (!bytes.ok()) return bytes.message();
    if (*bytes < least || *bytes > most)
      return fmt::format("'{}' is outside {} to {}", text, human_bytes(static_cast<double>(least)),
                         human_bytes(static_cast<double>(most)));
    text = std::to_string(*bytes);
    return "";
  };
  return {read, "SIZE"};
}

CLI::Validator seed_value() {
  const auto read = [](std::string& text) -> std::string {
    uint64_t seed = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seed);
    if (failure == std::errc() && end == text.data() + text.size()) return "";
    return fmt::format("'{}' is not a whole number from 0 to {}", text, UINT64_MAX);
  };
  return {read, ""};
}

}  // namespace jaju::cli
