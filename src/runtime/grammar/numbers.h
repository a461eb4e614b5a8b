// JSON numbers between bounds, exactly, as automata over their digits.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "runtime/grammar/expr.h"

namespace jaju::grammar {

// A decimal number without rounding: 12.50 is {false, "12", "5"}.
struct Decimal {
  bool negative = false;
  std::string whole = "0";  // no leading zeros
  std::string fraction;     // no trailing zeros

  // The shortest decimal that means the same number to JSON's readers. None: not a number, or past 10^400.
  static std::optional<Decimal> of(const nlohmann::ordered_json& number);
  bool zero() const { return whole == "0" && fraction.empty(); }
};
// Below 0, 0 or above 0 as a is less, equal or greater.
int compare(const Decimal& a, const Decimal& b);

struct NumberBounds {
  std::optional<Decimal> min, max;
  bool exclusive_min = false, exclusive_max = false;
  std::optional<Decimal> multiple_of;  // above 0
  bool bounded() const { return min || max || multiple_of; }
};

// The largest `multiple_of`, as a whole number of its last decimal place, that is supported.
inline constexpr int64_t kMaxMultiple = 10'000;

// Numbers within the bounds, in plain digits: no exponent, at most kFractionDigits after the point (as many
// as the bounds have, if more), whole ones without any point when `integer`. Null: too many states or a
// multiple_of that is too large (a named error in work), or the budget.
std::shared_ptr<const Dfa> number_automaton(Grammar& g, const NumberBounds& bounds, bool integer);

}  // namespace jaju::grammar
