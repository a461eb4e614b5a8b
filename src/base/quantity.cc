#include "base/quantity.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/utf8.h"

namespace jaju {
namespace {

struct Scanned {
  double value = 0;  // its prefix included
  std::string_view unit;
};

// any_case: "m" is a million, which where other units are meant it is not.
std::optional<Scanned> scan(std::string_view text, bool any_case) {
  text = trim_spaces(text);
  Scanned s;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), s.value);
  if (failed != std::errc() || !std::isfinite(s.value)) return std::nullopt;
  text = trim_spaces(text.substr(static_cast<size_t>(end - text.data())));
  constexpr std::string_view kPrefixes = "KMGTP";
  size_t power = 0;
  if (!text.empty()) {
    const bool upper = any_case || text.front() == 'k';
    const char prefix =
        upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(text.front()))) : text.front();
    if (const size_t at = kPrefixes.find(prefix); at != std::string_view::npos) {
      power = at + 1;
      text.remove_prefix(1);
    }
  }
  double base = 1000;
  if (power > 0 && !text.empty() && text.front() == 'i') {
    base = 1024;
    text.remove_prefix(1);
  }
  for (size_t i = 0; i < power; ++i) s.value *= base;
  s.unit = text;
  return s;
}

bool is_unit(std::string_view text) {
  constexpr std::array<std::string_view, 11> kUnits = {"",    "B",    "b",     "B/s",    "Bps",  "OPS",
                                                       "ops", "OP/s", "FLOPS", "FLOP/s", "flops"};
  return std::find(kUnits.begin(), kUnits.end(), text) != kUnits.end();
}

}  // namespace

std::string_view trim_spaces(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Result<double> parse_quantity(std::string_view text) {
  constexpr double kMost = 1e18;
  const std::optional<Scanned> s = scan(text, false);
  if (!s || !is_unit(s->unit) || s->value <= 0 || s->value > kMost)
    return error("'{}' is not a quantity like 64G, 7GB/s or 2TOPS", printable(text));
  return s->value;
}

Result<int64_t> parse_size(std::string_view text) {
  constexpr double kMost = 1e15;
  const std::optional<Scanned> s = scan(text, true);
  if (!s || !(s->unit.empty() || s->unit == "B" || s->unit == "b") || s->value < 0)
    return error("'{}' is not a size like 16G, 6.3G, 512MiB or 4096", printable(text));
  if (s->value > kMost) return error("'{}' is more than any machine has", printable(text));
  return static_cast<int64_t>(std::llround(s->value));
}

}  // namespace jaju
