#include "runtime/grammar/numbers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "runtime/grammar/dfa.h"
#include "runtime/grammar/json_values.h"

namespace jaju::grammar {
namespace {

constexpr int64_t kMaxExponent = 400;

// Builds expressions over digits. A comparison that is not strict includes equality.
class Digits {
 public:
  explicit Digits(Grammar& g) : g_(g) {}

  ExprId between(char lo, char hi) {
    return lo > hi ? g_.never() : g_.chars(CodePointSet(static_cast<uint8_t>(lo), static_cast<uint8_t>(hi)));
  }
  ExprId any(int64_t min, int64_t max) {
    return g_.repeat(between('0', '9'), static_cast<int32_t>(min), static_cast<int32_t>(max));
  }

  // Whole numbers without leading zeros above (below) `whole`, of at most `max_digits` digits.
  ExprId whole_above(const std::string& whole, int64_t max_digits) {
    const auto n = static_cast<int64_t>(whole.size());
    std::vector<ExprId> parts;
    if (max_digits > n) parts.push_back(g_.sequence({between('1', '9'), any(n, max_digits - 1)}));
    for (size_t i = 0; i < whole.size(); ++i) {
      const char first =
          i == 0 ? std::max<char>(static_cast<char>(whole[i] + 1), '1') : static_cast<char>(whole[i] + 1);
      const auto rest = static_cast<int64_t>(whole.size() - i - 1);
      parts.push_back(g_.sequence({g_.literal(whole.substr(0, i)), between(first, '9'), any(rest, rest)}));
    }
    return g_.choice(std::move(parts));
  }
  ExprId whole_below(const std::string& whole) {
    const auto n = static_cast<int64_t>(whole.size());
    std::vector<ExprId> parts;
    if (n > 1) parts.push_back(g_.literal("0"));
    if (n > 1) parts.push_back(g_.sequence({between('1', '9'), any(0, n - 2)}));
    for (size_t i = 0; i < whole.size(); ++i) {
      const char first = i == 0 && n > 1 ? '1' : '0';
      const auto rest = static_cast<int64_t>(whole.size() - i - 1);
      parts.push_back(g_.sequence({g_.literal(whole.substr(0, i)),
                                   between(first, static_cast<char>(whole[i] - 1)), any(rest, rest)}));
    }
    return g_.choice(std::move(parts));
  }

  // "." and digits, or nothing.
  ExprId any_fraction(int64_t max) { return g_.optional(g_.sequence({g_.literal("."), any(1, max)})); }
  ExprId zero_fraction(int64_t max) {
    return g_.optional(
        g_.sequence({g_.literal("."), g_.repeat(g_.literal("0"), 1, static_cast<int32_t>(max))}));
  }
  ExprId fraction_above(const std::string& fraction, bool strict, int64_t max) {
    if (fraction.empty() && !strict) return any_fraction(max);
    std::vector<ExprId> parts;
    for (size_t i = 0; i < fraction.size(); ++i) {
      parts.push_back(
          g_.sequence({g_.literal(fraction.substr(0, i)), between(static_cast<char>(fraction[i] + 1), '9'),
                       any(0, max - static_cast<int64_t>(i) - 1)}));
    }
    const auto left = max - static_cast<int64_t>(fraction.size());
    if (!strict) {
      parts.push_back(g_.sequence({g_.literal(fraction), any(0, left)}));
    } else {
      for (int64_t zeros = 0; zeros < left; ++zeros) {  // equal so far, then something
        parts.push_back(g_.sequence({g_.literal(fraction + std::string(static_cast<size_t>(zeros), '0')),
                                     between('1', '9'), any(0, left - zeros - 1)}));
      }
    }
    return g_.sequence({g_.literal("."), g_.choice(std::move(parts))});
  }
  ExprId fraction_below(const std::string& fraction, bool strict, int64_t max) {
    if (fraction.empty()) return strict ? g_.never() : zero_fraction(max);
    std::vector<ExprId> parts;
    for (size_t i = 0; i < fraction.size(); ++i) {
      parts.push_back(
          g_.sequence({g_.literal(fraction.substr(0, i)), between('0', static_cast<char>(fraction[i] - 1)),
                       any(0, max - static_cast<int64_t>(i) - 1)}));
      if (i > 0) parts.push_back(g_.literal(fraction.substr(0, i)));  // ends before its last digit: less
    }
    if (!strict) {
      parts.push_back(
          g_.sequence({g_.literal(fraction),
                       g_.repeat(g_.literal("0"), 0,
                                 static_cast<int32_t>(max) - static_cast<int32_t>(fraction.size()))}));
    }
    return g_.optional(g_.sequence({g_.literal("."), g_.choice(std::move(parts))}));
  }

 private:
  Grammar& g_;
};

// Magnitudes between two of the same sign; null: no bound.
struct Magnitudes {
  const Decimal* min = nullptr;
  bool strict_min = false;
  const Decimal* max = nullptr;
  bool strict_max = false;
};

class Builder {
 public:
  Builder(Grammar& g, const NumberBounds& b, bool integer) : g_(g), d_(g), integer_(integer) {
    for (const auto& bound : {b.min, b.max}) {
      if (!bound) continue;
      whole_digits_ = std::max(whole_digits_, static_cast<int64_t>(bound->whole.size()));
      fraction_digits_ = std::max(fraction_digits_, static_cast<int64_t>(bound->fraction.size()));
    }
    if (b.multiple_of) {
      fraction_digits_ = std::max(fraction_digits_, static_cast<int64_t>(b.multiple_of->fraction.size()));
    }
  }

  std::shared_ptr<const Dfa> build(const NumberBounds& b) {
    std::vector<ExprId> parts;
    // Not negative: between max(min, 0) and max.
    if (!b.max || !(b.max->negative || (b.max->zero() && b.exclusive_max))) {
      Magnitudes m;
      if (b.min && !b.min->negative) {
        m.min = &*b.min;
        m.strict_min = b.exclusive_min;
      }
      if (b.max) {
        m.max = &*b.max;
        m.strict_max = b.exclusive_max;
      }
      parts.push_back(magnitudes(m));
    }
    // Negative: the bounds change places.
    if (!b.min || (b.min->negative && !b.min->zero())) {
      Magnitudes m;
      const Decimal zero;
      if (b.max && b.max->negative) {
        m.min = &*b.max;
        m.strict_min = b.exclusive_max;
      } else {
        m.min = &zero;  // -0 is left to the other half
        m.strict_min = true;
      }
      if (b.min) {
        m.max = &*b.min;
        m.strict_max = b.exclusive_min;
      }
      parts.push_back(g_.sequence({g_.literal("-"), magnitudes(m)}));
    }
    auto dfa = Dfa::from_expr(g_, g_.choice(std::move(parts)));
    if (dfa != nullptr && b.multiple_of) dfa = only_multiples(dfa, *b.multiple_of);
    return dfa;
  }

 private:
  // Both comparisons are automata of their own; their intersection is the range.
  ExprId magnitudes(const Magnitudes& m) {
    const ExprId all = g_.sequence(
        {g_.choice({g_.literal("0"), g_.sequence({d_.between('1', '9'), d_.any(0, whole_digits_ - 1)})}),
         integer_ ? g_.empty() : d_.any_fraction(fraction_digits_)});
    if (m.min == nullptr && m.max == nullptr) return all;
    const ExprId above = m.min == nullptr ? all : compare_expr(*m.min, m.strict_min, true);
    const ExprId below = m.max == nullptr ? all : compare_expr(*m.max, m.strict_max, false);
    if (m.min == nullptr) return below;
    if (m.max == nullptr) return above;
    const auto a = Dfa::from_expr(g_, above), b = Dfa::from_expr(g_, below);
    if (a == nullptr || b == nullptr) return g_.never();
    const auto both = Dfa::combine(g_.work(), *a, *b, Dfa::Combine::both);
    return both == nullptr ? g_.never() : g_.automaton(both);
  }

  ExprId compare_expr(const Decimal& bound, bool strict, bool above) {
    const ExprId other = above ? d_.whole_above(bound.whole, whole_digits_) : d_.whole_below(bound.whole);
    ExprId equal;
    if (integer_) {
      // 3 is above 2.5 (counted by whole_above) and below 3.5.
      const bool fits = above ? bound.fraction.empty() && !strict : !bound.fraction.empty() || !strict;
      equal = fits ? g_.literal(bound.whole) : g_.never();
      return g_.choice({other, equal});
    }
    equal = g_.sequence(
        {g_.literal(bound.whole), above ? d_.fraction_above(bound.fraction, strict, fraction_digits_)
                                        : d_.fraction_below(bound.fraction, strict, fraction_digits_)});
    return g_.choice({g_.sequence({other, d_.any_fraction(fraction_digits_)}), equal});
  }

  // The digits so far modulo the multiple, in units of its last decimal place.
  std::shared_ptr<const Dfa> only_multiples(const std::shared_ptr<const Dfa>& dfa, const Decimal& multiple) {
    const size_t places = multiple.fraction.size();
    int64_t unit = 0;
    for (char c : multiple.whole + multiple.fraction)
      unit = std::min<int64_t>(unit * 10 + (c - '0'), kMaxMultiple + 1);
    if (unit > kMaxMultiple || unit < 1) {
      g_.work().fail(
          error("a multipleOf of more than {} of its last decimal place is not supported", kMaxMultiple));
      return nullptr;
    }
    // State (remainder, place): place 0 before the point, 1.. after it; past the last place only zeros.
    const auto m = static_cast<size_t>(unit), width = places + 2;
    std::vector<int32_t> next(m * width * 256, -1);
    std::vector<uint8_t> accepting(m * width, 0);
    auto at = [&](size_t r, size_t place) { return r * width + place; };
    for (size_t r = 0; r < m; ++r) {
      for (size_t place = 0; place < width; ++place) {
        int32_t* row = &next[at(r, place) * 256];
        size_t scaled = r;
        for (size_t p = std::max<size_t>(place, 1); p < places + 1; ++p) scaled = scaled * 10 % m;
        accepting[at(r, place)] = scaled == 0;
        if (place == 0) {
          row[static_cast<uint8_t>('-')] = static_cast<int32_t>(at(r, place));
          row[static_cast<uint8_t>('.')] = static_cast<int32_t>(at(r, 1));
        }
        for (size_t digit = 0; digit < 10; ++digit) {
          if (place == places + 1 && digit > 0) break;
          const size_t to = place == places + 1 ? r : (r * 10 + digit) % m;
          const size_t to_place = place == 0 ? 0 : std::min(place + 1, places + 1);
          row['0' + digit] = static_cast<int32_t>(at(to, to_place));
        }
      }
    }
    const auto multiples = Dfa::from_table(g_.work(), next, accepting);
    return multiples == nullptr ? nullptr : Dfa::combine(g_.work(), *dfa, *multiples, Dfa::Combine::both);
  }

  Grammar& g_;
  Digits d_;
  bool integer_;
  int64_t whole_digits_ = kIntegerDigits, fraction_digits_ = kFractionDigits;
};

}  // namespace

std::optional<Decimal> Decimal::of(const nlohmann::ordered_json& number) {
  if (!number.is_number()) return std::nullopt;
  if (number.is_number_float() && !std::isfinite(number.get<double>())) return std::nullopt;
  const std::string text = number.dump();
  Decimal d;
  std::string digits;
  int64_t point = -1, exponent = 0;
  size_t i = 0;
  if (text[i] == '-') {
    d.negative = true;
    ++i;
  }
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.') {
      point = static_cast<int64_t>(digits.size());
    } else {
      digits += text[i];
    }
  }
  if (i < text.size()) exponent = std::strtoll(text.c_str() + i + 1, nullptr, 10);
  if (point < 0) point = static_cast<int64_t>(digits.size());
  point += exponent;
  if (std::abs(exponent) > kMaxExponent) return std::nullopt;
  if (point <= 0) digits.insert(0, static_cast<size_t>(1 - point), '0'), point = 1;
  if (point > static_cast<int64_t>(digits.size()))
    digits.append(static_cast<size_t>(point) - digits.size(), '0');
  d.whole = digits.substr(0, static_cast<size_t>(point));
  d.fraction = digits.substr(static_cast<size_t>(point));
  d.whole.erase(0, std::min(d.whole.find_first_not_of('0'), d.whole.size() - 1));
  d.fraction.erase(d.fraction.find_last_not_of('0') + 1);
  if (d.zero()) d.negative = false;
  return d;
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  int c = 0;
  if (a.whole.size() != b.whole.size()) {
    c = a.whole.size() < b.whole.size() ? -1 : 1;
  } else if (a.whole != b.whole) {
    c = a.whole < b.whole ? -1 : 1;
  } else if (a.fraction != b.fraction) {
    c = a.fraction < b.fraction ? -1 : 1;  // without trailing zeros, a prefix is less
  }
  return a.negative ? -c : c;
}

std::shared_ptr<const Dfa> number_automaton(Grammar& g, const NumberBounds& bounds, bool integer) {
  return Builder(g, bounds, integer).build(bounds);
}

}  // namespace jaju::grammar
