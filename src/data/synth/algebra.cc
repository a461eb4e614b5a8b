// Fractions, comparisons, sequences and linear equations.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "data/synth/families.h"
#include "data/synth/math_phrases.h"
#include "data/synth/steps.h"

namespace jaju::data {
namespace {

std::string text(int64_t n) {
  return std::to_string(n);
}

struct Fraction {
  int64_t top = 0;
  int64_t bottom = 1;
};

std::string text(const Fraction& f) {
  return f.bottom == 1 ? text(f.top) : text(f.top) + "/" + text(f.bottom);
}

Fraction reduced(Fraction f) {
  const int64_t divisor = std::gcd(f.top, f.bottom);
  return {f.top / divisor, f.bottom / divisor};
}

// n/d without remainder: a fact of the tables to 12 where the quotient has one digit.
std::string table_quotient(int64_t n, int64_t d) {
  return n / d < 10 ? text(n) + "/" + text(d) + "=" + text(n / d) : div_steps(n, d);
}

// The last lines of a trace: from top/bottom to lowest terms. Ends in the value.
std::string reduce_steps(Fraction f) {
  const std::string shown = text(f.top) + "/" + text(f.bottom);
  if (f.top == 0) return shown + "=0";
  if (f.top % f.bottom == 0)
    return f.bottom == 1 ? shown + "=" + text(f.top) : table_quotient(f.top, f.bottom);
  if (f.top == 1) return shown;
  const int64_t divisor = std::gcd(f.top, f.bottom);
  const std::string steps = gcd_steps(f.top, f.bottom);
  if (divisor == 1) return steps + "; " + shown;
  return steps + "; " + table_quotient(f.top, divisor) + "; " + table_quotient(f.bottom, divisor) + "; " +
         shown + "=" + text(reduced(f));
}

// A fraction below 1 with this denominator.
Fraction proper(Dice& dice, int64_t bottom) {
  return {dice.between(1, bottom - 1), bottom};
}

std::string sum_steps(Fraction a, Fraction b, char sign, int64_t top, int64_t bottom) {
  std::string out = sign == '+' ? add_steps(a.top, b.top) : sub_steps(a.top, b.top);
  return out + "; " + text(a) + sign + text(b) + "=" + text(top) + "/" + text(bottom) + "\n";
}

// "12/4=3; 1*3=3; 1/4=3/12"
std::string widened(Fraction& f, int64_t bottom) {
  if (f.bottom == bottom) return {};
  const int64_t factor = bottom / f.bottom;
  const Fraction wide{f.top * factor, bottom};
  std::string out = table_quotient(bottom, f.bottom) + "; " + mul_steps(f.top, factor) + "; " + text(f) +
                    "=" + text(wide) + "\n";
  f = wide;
  return out;
}

Problem simplify(Dice& dice, Language language) {
  const Fraction lowest = proper(dice, dice.between(2, 9));
  const int64_t factor = dice.between(2, 9);
  const Fraction f{lowest.top * factor, lowest.bottom * factor};
  Problem problem;
  problem.question = phrase(dice, language, kSimplifyQuestions, {{"f", text(f)}});
  const std::string opener = phrase(dice, language, kSimplify, {});
  problem.thinking = trace_of(opener, reduce_steps(f));
  problem.expected = text(reduced(f));
  problem.answer = value_answer(dice, language, problem.expected, text(f));
  return problem;
}

Problem fraction(Dice& dice, Language language, int difficulty) {
  constexpr std::array<int64_t, 8> kBottoms = {2, 3, 4, 5, 6, 8, 10, 12};
  const auto bottom = [&] { return dice.pick(std::span<const int64_t>(kBottoms)); };
  if (difficulty == 2) return simplify(dice, language);
  Fraction a;
  Fraction b;
  std::string_view sign = dice.chance(0.5) ? "+" : "-";
  const Patterns* openers = &kCommonDenominator;
  if (difficulty == 1) {
    a = proper(dice, dice.between(3, 12));
    b = proper(dice, a.bottom);
    openers = &kSameDenominator;
  } else if (difficulty == 3) {
    a = proper(dice, dice.between(2, 6));
    b = proper(dice, a.bottom * dice.between(2, a.bottom <= 4 ? 3 : 2));
    if (dice.chance(0.5)) std::swap(a, b);
  } else if (dice.chance(0.5)) {
    a = proper(dice, difficulty == 4 ? dice.between(2, 6) : bottom());
    b = proper(dice, difficulty == 4 ? dice.between(2, 6) : bottom());
  } else {
    sign = difficulty == 5 && dice.chance(0.5) ? "÷" : "×";
    a = proper(dice, difficulty == 4 ? dice.between(2, 9) : bottom());
    b = proper(dice, difficulty == 4 ? dice.between(2, 9) : bottom());
    openers = sign == "×" ? &kMultiplyFractions : &kDivideFractions;
  }
  if (difficulty > 2) {  // a person writes them in lowest terms
    a = reduced(a);
    b = reduced(b);
    if (a.bottom == b.bottom && (sign == "+" || sign == "-")) openers = &kSameDenominator;
  }
  if (sign == "-" && a.top * b.bottom < b.top * a.bottom) std::swap(a, b);
  const std::string shown = text(a) + " " + std::string(sign) + " " + text(b);
  std::string steps;
  Fraction value;
  if (sign == "+" || sign == "-") {
    if (a.bottom != b.bottom) {
      steps += lcm_steps(a.bottom, b.bottom) + "\n";
      const int64_t common = std::lcm(a.bottom, b.bottom);
      steps += widened(a, common);
      steps += widened(b, common);
    }
    value = {sign == "+" ? a.top + b.top : a.top - b.top, a.bottom};
    steps += sum_steps(a, b, sign[0], value.top, value.bottom);
  } else {
    if (sign == "÷") std::swap(b.top, b.bottom);
    value = {a.top * b.top, a.bottom * b.bottom};
    const std::string second = text(b.top) + "/" + text(b.bottom);
    if (sign == "÷") steps += text(a) + "*" + second + "\n";
    steps += mul_steps(a.top, b.top) + "\n" + mul_steps(a.bottom, b.bottom) + "\n" + text(a) + "*" + second +
             "=" + text(value.top) + "/" + text(value.bottom) + "\n";
  }
  Problem problem;
  const bool frame = dice.chance(0.75);
  problem.question =
      phrase(dice, language, frame ? kExpressionQuestions : kFractionQuestions, {{"e", shown}});
  const std::string opener = phrase(dice, language, *openers, {});
  problem.thinking = trace_of(opener, steps + reduce_steps(value));
  problem.expected = text(reduced(value));
  problem.answer = value_answer(dice, language, problem.expected, shown);
  return problem;
}

// A number to compare: value = n / unit, or a fraction.
struct Item {
  std::string shown;
  int64_t top = 0;
  int64_t bottom = 1;
  int places = -1;  // 0: whole, 1, 2: decimals as written, -1: a fraction
};

bool less(const Item& a, const Item& b) {
  return a.top * b.bottom < b.top * a.bottom;
}

Item whole(int64_t n) {
  return {text(n), n, 1, 0};
}

Item decimal(int64_t n, int places) {
  const int64_t unit = places == 1 ? 10 : 100;
  return {text(n / unit) + "." + text(unit + n % unit).substr(1), n, unit, places};
}

// One line that ends in "a<b" or "a>b".
std::string compare_items(const Item& a, const Item& b) {
  const std::string claim = a.shown + (less(a, b) ? "<" : ">") + b.shown;
  if (a.places == 0 && b.places == 0) return compare_steps(a.top, b.top);
  if (a.places < 0) {  // cross products
    const int64_t left = a.top * b.bottom;
    const int64_t right = b.top * a.bottom;
    return mul_steps(a.top, b.bottom) + "; " + mul_steps(b.top, a.bottom) + "; " +
           compare_steps(left, right) + "; " + claim;
  }
  const int64_t unit = std::max(a.bottom, b.bottom);
  return compare_steps(a.top * (unit / a.bottom), b.top * (unit / b.bottom)) + "; " + claim;
}

std::vector<Item> items(Dice& dice, int difficulty) {
  std::vector<Item> out;
  const size_t count = difficulty == 1 || difficulty == 4 ? 2 : static_cast<size_t>(dice.between(2, 3));
  const int64_t kind = dice.between(1, 2);
  const int64_t base = dice.between(1, 9);
  const int64_t middle = dice.between(100, 998);
  while (out.size() < count) {
    Item item;
    switch (difficulty) {
      case 1:
        item = whole(dice.between(1, 99));
        break;
      case 2:
        item = whole(kind == 1 ? dice.between(10, 1200) : middle / 10 * 10 + dice.between(0, 9));
        break;
      case 3:
        item = kind == 1 ? decimal(dice.between(1, 99), 1) : whole(dice.between(-40, 20));
        break;
      case 4: {
        const int64_t bottom = dice.between(2, 9);
        const int64_t top = dice.between(1, bottom - 1);
        if (std::gcd(top, bottom) > 1) continue;
        item = {text(Fraction{top, bottom}), top, bottom, -1};
        break;
      }
      default:
        if (kind == 1) {  // 3.5 against 3.45
          const int places = static_cast<int>(dice.between(1, 2));
          item = decimal(places == 1 ? base * 10 + dice.between(0, 9) : base * 100 + dice.between(0, 99),
                         places);
        } else {
          item = whole(middle * 100 + dice.between(0, 99));
        }
    }
    const auto same = [&](const Item& other) { return !less(item, other) && !less(other, item); };
    if (std::none_of(out.begin(), out.end(), same)) out.push_back(item);
  }
  return out;
}

Problem compare(Dice& dice, Language language, int difficulty) {
  const std::vector<Item> list = items(dice, difficulty);
  const bool largest = dice.chance(0.5);
  const bool verdict = list.size() == 2 && dice.chance(0.35);
  const bool pair = list.size() == 2 && dice.chance(0.6);
  const Item& a = list[0];
  const Item& b = list[1];
  Problem problem;
  const std::string opener = a.places < 0 ? std::string() : phrase(dice, language, kCompare, {});
  if (verdict) {
    problem.question = phrase(dice, language, largest ? kIsLargerQuestions : kIsSmallerQuestions,
                              {{"a", a.shown}, {"b", b.shown}});
    problem.thinking = trace_of(opener, compare_items(a, b));
    problem.expected = phrase(dice, language, less(a, b) != largest ? kYes : kNo, {});
    problem.answer = problem.expected;
    if (dice.chance(0.3)) problem.answer += language == Language::zh || language == Language::ja ? "。" : ".";
    return problem;
  }
  std::string joined;
  for (const auto& item : list) {
    if (!joined.empty()) joined += language == Language::zh || language == Language::ja ? "、" : ", ";
    joined += item.shown;
  }
  if (pair) {
    problem.question =
        phrase(dice, language, largest ? kLargerOfTwo : kSmallerOfTwo, {{"a", a.shown}, {"b", b.shown}});
  } else {
    problem.question =
        phrase(dice, language, largest ? kLargestQuestions : kSmallestQuestions, {{"l", joined}});
  }
  std::string steps;
  const Item* best = &a;
  for (size_t i = 1; i < list.size(); ++i) {
    steps += compare_items(*best, list[i]) + "\n";
    if (less(*best, list[i]) == largest) best = &list[i];
  }
  problem.thinking = trace_of(opener, steps + best->shown);
  problem.expected = best->shown;
  problem.answer = value_answer(dice, language, problem.expected, "");
  return problem;
}

// a-b as one claim where the difference is small enough to see, in columns otherwise.
std::string difference(int64_t a, int64_t b) {
  return std::abs(a - b) < 10 ? text(a) + "-" + text(b) + "=" + text(a - b) : sub_steps(a, b);
}

std::string moved(int64_t from, int64_t by) {
  return by < 0 ? sub_steps(from, -by) : add_steps(from, by);
}

std::string differences(const std::vector<int64_t>& terms, size_t count) {
  std::string out;
  for (size_t i = 1; i < count; ++i) {
    if (i > 1) out += "; ";
    out += difference(terms[i], terms[i - 1]);
  }
  return out;
}

struct Sequence {
  std::vector<int64_t> terms;  // the last one is asked for, or the one at `gap`
  size_t gap = 0;
  std::string steps;
};

Sequence arithmetic_sequence(Dice& dice, int difficulty) {
  const int64_t step = dice.between(2, difficulty == 1 ? 9 : 30);
  const bool down = difficulty > 1 && dice.chance(0.35);
  const size_t count = static_cast<size_t>(dice.between(5, 6));
  int64_t term = dice.between(1, difficulty == 1 ? 20 : 60);
  if (down) term += step * static_cast<int64_t>(count);
  const int64_t by = down ? -step : step;
  Sequence s;
  for (size_t i = 0; i < count; ++i, term += by) s.terms.push_back(term);
  s.gap = difficulty > 1 && dice.chance(0.45)
              ? static_cast<size_t>(dice.between(1, static_cast<int64_t>(count) - 2))
              : count - 1;
  const auto& t = s.terms;
  if (s.gap == count - 1) {
    s.steps = differences(t, 3) + "\n" + moved(t[count - 2], by);
    return s;
  }
  // The two pairs next to each other that are both known and come first.
  std::string pairs;
  int known = 0;
  for (size_t i = 1; i < count && known < 2; ++i) {
    if (i == s.gap || i - 1 == s.gap) continue;
    if (known > 0) pairs += "; ";
    pairs += difference(t[i], t[i - 1]);
    ++known;
  }
  s.steps = pairs + "\n" + moved(t[s.gap - 1], by);
  return s;
}

Sequence geometric_sequence(Dice& dice, int difficulty) {
  const int64_t ratio = difficulty == 3 ? dice.between(2, 3) : dice.between(2, 6);
  const bool down = difficulty == 5 && dice.chance(0.4);
  int64_t term = dice.between(1, difficulty == 3 ? 9 : down ? 4 : 7);
  std::vector<int64_t> up;
  for (int i = 0; i < 5; ++i, term *= ratio) up.push_back(term);
  Sequence s;
  s.terms = up;
  if (down) std::reverse(s.terms.begin(), s.terms.end());
  s.gap = 4;
  const auto& t = s.terms;
  s.steps = differences(t, 4) + "\n";
  if (down) {  // each times the ratio is the one before
    s.steps += div_steps(t[2], t[3]) + "; " + mul_steps(t[2], ratio) + "\n" + div_steps(t[3], ratio);
  } else {
    s.steps += div_steps(t[1], t[0]) + "; " + mul_steps(t[1], ratio) + "\n" + mul_steps(t[3], ratio);
  }
  return s;
}

Sequence alternating_sequence(Dice& dice) {
  const int64_t first = dice.between(2, 9);
  int64_t second = dice.between(1, 9);
  if (second == first) second = first == 9 ? 4 : first + 1;
  const int64_t signed_second = dice.chance(0.6) ? -second : second;
  Sequence s;
  int64_t term = dice.between(30, 80);  // seven terms go down by 21 at most
  for (size_t i = 0; i < 7; ++i) {
    s.terms.push_back(term);
    term += i % 2 == 0 ? first : signed_second;
  }
  s.gap = 6;
  s.steps = differences(s.terms, 6) + "\n" + moved(s.terms[5], signed_second);
  return s;
}

// Differences that grow by the same number.
Sequence growing_sequence(Dice& dice) {
  const int64_t growth = dice.between(1, 5);
  int64_t by = dice.between(1, 9);
  int64_t term = dice.between(1, 30);
  Sequence s;
  std::vector<int64_t> steps;
  for (size_t i = 0; i < 6; ++i) {
    s.terms.push_back(term);
    steps.push_back(by);
    term += by;
    by += growth;
  }
  s.gap = 5;
  s.steps = differences(s.terms, 5) + "\n" + differences(steps, 3) + "; " + moved(steps[3], growth) + "\n" +
            moved(s.terms[4], steps[4]);
  return s;
}

Problem sequence(Dice& dice, Language language, int difficulty) {
  Sequence s;
  if (difficulty <= 2) {
    s = arithmetic_sequence(dice, difficulty);
  } else if (difficulty == 3) {
    s = geometric_sequence(dice, difficulty);
  } else if (difficulty == 4) {
    s = alternating_sequence(dice);
  } else {
    s = dice.chance(0.5) ? growing_sequence(dice) : geometric_sequence(dice, difficulty);
  }
  const bool last = s.gap + 1 == s.terms.size();
  constexpr std::array<std::string_view, 3> kGaps = {"□", "?", "__"};
  const std::string_view gap = dice.pick(std::span<const std::string_view>(kGaps));
  std::string joined;
  for (size_t i = 0; i < s.terms.size() - (last ? 1 : 0); ++i) {
    if (i > 0) joined += ", ";
    joined += i == s.gap ? std::string(gap) : text(s.terms[i]);
  }
  Problem problem;
  problem.question = phrase(dice, language, last ? kNextTermQuestions : kMissingQuestions, {{"l", joined}});
  const std::string opener = phrase(dice, language, kDifferences, {});
  problem.thinking = trace_of(opener, s.steps);
  problem.expected = text(s.terms[s.gap]);
  problem.answer = value_answer(dice, language, problem.expected, "");
  return problem;
}

// a*x + b: "3x + 5", "x - 2", "-x"; `gap` is the blank between signs.
std::string linear(int64_t a, std::string_view x, int64_t b, std::string_view gap) {
  std::string out = a == 1 ? "" : a == -1 ? "-" : text(a);
  out += x;
  if (b == 0) return out;
  for (const auto part : {gap, std::string_view(b < 0 ? "-" : "+"), gap}) out += part;
  return out + text(std::abs(b));
}

// c-b with any signs, ending in the value: the sum or difference of the amounts.
std::string minus_steps(int64_t c, int64_t b) {
  if (b >= 0 && c >= 0) return sub_steps(c, b);
  if (b < 0 && c >= 0) return add_steps(c, -b);
  if (b < 0) return text(c) + "+" + text(-b) + "=" + text(-b) + "-" + text(-c) + "; " + sub_steps(-b, -c);
  return text(c) + "-" + text(b) + "=-(" + text(-c) + "+" + text(b) + "); " + add_steps(-c, b) + "; " +
         text(c) + "-" + text(b) + "=" + text(c - b);
}

// d/a with any signs, without a remainder.
std::string over_steps(int64_t d, int64_t a) {
  if (d >= 0 && a > 0) return div_steps(d, a);
  return div_steps(std::abs(d), std::abs(a)) + "; " + text(d) + "/" + text(a) + "=" + text(d / a);
}

struct Equation {
  std::string shown;
  std::string steps;  // without the last line, "x=5"
  int64_t x = 0;
};

// a*x + b = c, solved step by step.
Equation one_sided(int64_t a, std::string_view name, int64_t b, int64_t x, std::string_view gap) {
  const int64_t c = a * x + b;
  Equation e;
  e.x = x;
  const std::string equals = std::string(gap) + "=" + std::string(gap);
  e.shown = linear(a, name, b, gap) + equals + text(c);
  const std::string ax = linear(a, name, 0, "");
  if (b != 0) {
    e.steps = ax + "=" + text(c) + (b < 0 ? "+" : "-") + text(std::abs(b)) + "\n" + minus_steps(c, b) + "\n";
    if (a != 1) e.steps += ax + "=" + text(c - b) + "\n";
  }
  if (a != 1)
    e.steps += std::string(name) + "=" + text(c - b) + "/" + text(a) + "\n" + over_steps(c - b, a) + "\n";
  return e;
}

// a*x + b = c*x + d with a > c > 0.
Equation two_sided(int64_t a, int64_t b, int64_t c, std::string_view name, int64_t x, std::string_view gap) {
  const int64_t d = (a - c) * x + b;
  Equation e;
  e.x = x;
  const std::string equals = std::string(gap) + "=" + std::string(gap);
  e.shown = linear(a, name, b, gap) + equals + linear(c, name, d, gap);
  const std::string left = linear(a - c, name, 0, "");
  e.steps = linear(a, name, 0, "") + "-" + linear(c, name, 0, "") + "=" + left + "\n" + left + "=" + text(d) +
            (b < 0 ? "+" : "-") + text(std::abs(b)) + "\n" + minus_steps(d, b) + "\n";
  if (a - c != 1) {
    e.steps +=
        std::string(name) + "=" + text(d - b) + "/" + text(a - c) + "\n" + over_steps(d - b, a - c) + "\n";
  }
  return e;
}

int64_t not_zero(Dice& dice, int64_t size) {
  const int64_t n = dice.between(1, size);
  return dice.chance(0.5) ? n : -n;
}

Problem equation(Dice& dice, Language language, int difficulty) {
  constexpr std::array<std::string_view, 6> kNames = {"x", "x", "x", "y", "n", "a"};
  const bool box = difficulty == 1 && dice.chance(0.4);
  const std::string_view name =
      box ? std::string_view("□") : dice.pick(std::span<const std::string_view>(kNames));
  const std::string_view gap = dice.chance(0.7) ? " " : "";
  Equation e;
  switch (difficulty) {
    case 1: {
      const int64_t b = not_zero(dice, dice.chance(0.5) ? 9 : 50);
      e = one_sided(1, name, b, dice.between(b < 0 ? -b : 1, b < 0 ? -b + 40 : 50), gap);
      break;
    }
    case 2: {
      const int64_t a = dice.between(2, 9);
      e = one_sided(a, name, 0, dice.between(2, 30), gap);
      break;
    }
    case 3: {
      const int64_t a = dice.between(2, 9);
      const int64_t x = dice.between(1, 15);
      int64_t b = not_zero(dice, 30);
      if (a * x + b < 0) b = -b;
      e = one_sided(a, name, b, x, gap);
      break;
    }
    case 4: {
      const int64_t a = dice.chance(0.2) ? -dice.between(2, 9) : dice.between(1, 9);
      const int64_t x = -dice.between(1, 15);
      const int64_t b = not_zero(dice, 40);
      e = one_sided(a, name, b, x, gap);
      break;
    }
    default: {
      const int64_t c = dice.between(1, 8);
      const int64_t a = c + dice.between(1, 9);
      const int64_t b = not_zero(dice, 30);
      const int64_t x = dice.chance(0.7) ? dice.between(1, 12) : -dice.between(1, 12);
      e = two_sided(a, b, c, name, x, gap);
    }
  }
  Problem problem;
  problem.question = box ? phrase(dice, language, kBoxQuestions, {{"e", e.shown}})
                         : phrase(dice, language, kEquationQuestions, {{"e", e.shown}, {"x", name}});
  const std::string opener = box ? std::string() : phrase(dice, language, kSolve, {{"x", name}});
  problem.thinking = trace_of(opener, e.steps + std::string(name) + "=" + text(e.x));
  problem.expected = text(e.x);
  problem.answer = value_answer(dice, language, problem.expected, box ? std::string_view() : name);
  return problem;
}

constexpr Family kFamilies[] = {
    {"fraction", "algebra", 5, 1.0, fraction},
    {"compare", "algebra", 5, 1.0, compare},
    {"sequence", "algebra", 5, 1.0, sequence},
    {"equation", "algebra", 5, 1.2, equation},
};

}  // namespace

std::span<const Family> algebra_families() {
  return kFamilies;
}

}  // namespace jaju::data
