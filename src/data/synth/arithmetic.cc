// Sums, differences, products, quotients, expressions of several operations, decimals.
#include <algorithm>
#include <array>
#include <utility>

#include "data/synth/families.h"
#include "data/synth/math_phrases.h"
#include "data/synth/steps.h"

namespace jaju::data {
namespace {

std::string text(int64_t n) {
  return std::to_string(n);
}

// A number of exactly `digits` digits (one digit: 0 to 9); now and then with zeros inside, where carries
// travel.
int64_t number(Dice& dice, int digits) {
  int64_t low = 1;
  for (int i = 1; i < digits; ++i) low *= 10;
  int64_t n = dice.between(digits == 1 ? 0 : low, low * 10 - 1);
  if (digits >= 3 && dice.chance(0.1)) n = n / 100 * 100 + n % 10;
  if (digits >= 2 && dice.chance(0.05)) n = n / low * low;
  return n;
}

// Two numbers for a column sum: the longer has as many digits as the level says (5: five or six).
std::pair<int64_t, int64_t> two_numbers(Dice& dice, int difficulty) {
  const int longer = difficulty <= 4 ? difficulty : static_cast<int>(dice.between(5, 6));
  const int shorter =
      dice.chance(0.65) ? longer : static_cast<int>(dice.between(difficulty <= 4 ? 1 : 3, longer));
  const int64_t a = number(dice, longer);
  const int64_t b = number(dice, shorter);
  return dice.chance(0.5) ? std::pair(a, b) : std::pair(b, a);
}

// How the person writes signs.
struct Signs {
  std::string_view times, divided, space;
};

Signs signs(Dice& dice) {
  constexpr std::array<std::string_view, 4> kTimes = {"×", "×", "*", "x"};
  constexpr std::array<std::string_view, 3> kDivided = {"÷", "÷", "/"};
  Signs s;
  s.times = dice.pick(std::span<const std::string_view>(kTimes));
  s.divided = dice.pick(std::span<const std::string_view>(kDivided));
  s.space = dice.chance(0.6) || s.times == "x" ? " " : "";
  return s;
}

std::string written(std::string_view a, std::string_view sign, std::string_view b, const Signs& s) {
  std::string out(a);
  for (const auto part : {s.space, sign, s.space, b}) out += part;
  return out;
}

// A problem of one operation: the question as an expression or in the words of `questions`.
Problem one_operation(Dice& dice, Language language, int64_t a, std::string_view sign, int64_t b,
                      const Signs& s, const Patterns& questions, const Patterns& openers, std::string steps,
                      int64_t value) {
  const std::string left = text(a);
  const std::string right = text(b);
  const std::string e = written(left, sign, right, s);
  Problem problem;
  problem.question = dice.chance(0.5) ? phrase(dice, language, kExpressionQuestions, {{"e", e}})
                                      : phrase(dice, language, questions, {{"a", left}, {"b", right}});
  const std::string opener = phrase(dice, language, openers, {{"a", left}, {"b", right}});
  problem.thinking = trace_of(opener, steps);
  problem.expected = text(value);
  problem.answer = value_answer(dice, language, problem.expected, e);
  return problem;
}

Problem add(Dice& dice, Language language, int difficulty) {
  const auto [a, b] = two_numbers(dice, difficulty);
  const Signs s = signs(dice);
  return one_operation(dice, language, a, "+", b, s, kAddQuestions, kAddOpeners, add_steps(a, b), a + b);
}

Problem sub(Dice& dice, Language language, int difficulty) {
  auto [a, b] = two_numbers(dice, difficulty);
  if (a < b && !dice.chance(0.15)) std::swap(a, b);
  const Signs s = signs(dice);
  const bool apart = a >= b && dice.chance(0.35);
  return one_operation(dice, language, a, "-", b, s, apart ? kDifferenceQuestions : kSubQuestions,
                       kSubOpeners, sub_steps(a, b), a - b);
}

Problem mul(Dice& dice, Language language, int difficulty) {
  constexpr int kDigits[5][2] = {{1, 1}, {2, 1}, {2, 2}, {3, 2}, {3, 3}};
  int64_t a = number(dice, kDigits[difficulty - 1][0]);
  int64_t b = number(dice, kDigits[difficulty - 1][1]);
  if (difficulty > 1 && b < 2) b = dice.between(2, 9);
  if (difficulty != 1 && dice.chance(0.4)) std::swap(a, b);
  const Signs s = signs(dice);
  return one_operation(dice, language, a, s.times, b, s, kMulQuestions, kMulOpeners, mul_steps(a, b), a * b);
}

Problem div(Dice& dice, Language language, int difficulty) {
  int64_t b = 0;
  int64_t a = 0;
  switch (difficulty) {
    case 1:
      b = dice.between(2, 9);
      a = b * dice.between(1, 9);
      break;
    case 2:
      b = dice.between(2, 9);
      a = number(dice, 2);
      break;
    case 3:
      b = dice.between(2, 9);
      a = number(dice, 3);
      break;
    case 4:
      b = dice.between(2, 9);
      a = number(dice, 4);
      break;
    default:
      b = dice.between(11, 99);
      a = number(dice, 3);
      break;
  }
  const int64_t kind = difficulty == 1 ? 1 : dice.between(1, 20);
  const Signs s = signs(dice);
  if (kind <= 9) {  // without a remainder
    a -= a % b;
    if (a == 0) a = b * dice.between(1, 9);
    return one_operation(dice, language, a, s.divided, b, s, kDivQuestions, kDivOpeners, div_steps(a, b),
                         a / b);
  }
  const std::string left = text(a);
  const std::string right = text(b);
  const std::string e = written(left, s.divided, right, s);
  const std::string quotient = text(a / b);
  const std::string rest = text(a % b);
  const auto ask = [&](const Patterns& patterns) {
    return phrase(dice, language, patterns, {{"a", left}, {"b", right}, {"e", e}});
  };
  Problem problem;
  problem.question = ask(kind <= 16   ? kDivBothQuestions
                         : kind <= 19 ? kRemainderQuestions
                                      : kQuotientQuestions);
  std::string steps = div_steps(a, b);
  if (a % b == 0 && kind <= 19) {  // who asks for the remainder gets the zero
    if (steps == left + "/" + right + "=" + quotient)
      steps = left + "/" + right + ": " + left + "=" + right + "*" + quotient + "+0 → " + quotient;
    steps += " r 0";
  }
  problem.thinking = trace_of(ask(kDivOpeners), steps);
  if (kind <= 16) {
    problem.expected = phrase(dice, language, kDivBothAnswers, {{"q", quotient}, {"r", rest}});
    problem.answer = problem.expected;
    if (dice.chance(0.2)) problem.answer += language == Language::zh || language == Language::ja ? "。" : ".";
    return problem;
  }
  const bool remainder = kind <= 19;
  problem.thinking += '\n';
  problem.thinking +=
      phrase(dice, language, remainder ? kRemainderIs : kQuotientIs, {{"q", quotient}, {"r", rest}});
  problem.expected = remainder ? rest : quotient;
  problem.answer = value_answer(dice, language, problem.expected, "");
  return problem;
}

// An expression of several operations whose every value is a whole number.
struct Expression {
  char op = 0;  // 0: a number
  int64_t value = 0;
  std::vector<Expression> sides;  // two, or none
};

Expression num(int64_t n) {
  return {0, n, {}};
}

Expression join(Expression left, char op, Expression right) {
  Expression out;
  out.op = op;
  const int64_t a = left.value;
  const int64_t b = right.value;
  out.value = op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
  out.sides.push_back(std::move(left));
  out.sides.push_back(std::move(right));
  return out;
}

bool is_sum(const Expression& e) {
  return e.op == '+' || e.op == '-';
}
bool is_product(const Expression& e) {
  return e.op == '*' || e.op == '/';
}

std::string written(const Expression& e, const Signs& s) {
  if (e.op == 0) return text(e.value);
  const auto side = [&](const Expression& part, bool right) {
    const bool brackets = (is_product(e) && is_sum(part)) || (right && e.op == '-' && is_sum(part)) ||
                          (right && e.op == '/' && is_product(part));
    const std::string inside = written(part, s);
    return brackets ? "(" + inside + ")" : inside;
  };
  const std::string_view sign = e.op == '*' ? s.times : e.op == '/' ? s.divided : e.op == '+' ? "+" : "-";
  return written(side(e.sides[0], false), sign, side(e.sides[1], true), s);
}

// One line per operation, in the order they are done.
std::string steps_of(const Expression& e) {
  if (e.op == 0) return {};
  std::string out;
  for (const auto& side : e.sides) {
    const std::string lines = steps_of(side);
    if (!lines.empty()) out += lines + "\n";
  }
  const int64_t a = e.sides[0].value;
  const int64_t b = e.sides[1].value;
  switch (e.op) {
    case '+':
      return out + add_steps(a, b);
    case '-':
      return out + sub_steps(a, b);
    case '*':
      return out + mul_steps(a, b);
    default:
      return out + div_steps(a, b);
  }
}

// `value` as a quotient without remainder: (value * divisor) / divisor.
Expression quotient(int64_t value, int64_t divisor) {
  return join(num(value * divisor), '/', num(divisor));
}

Expression two_steps(Dice& dice, int difficulty) {
  const bool small = difficulty <= 2;
  const int64_t high = small ? 9 : 99;
  const int64_t a = dice.between(small ? 1 : 10, difficulty == 2 ? 99 : high);
  const int64_t b = dice.between(small ? 2 : 10, high);
  const int64_t c = dice.between(2, 9);
  switch (dice.between(1, difficulty == 1 ? 5 : 9)) {
    case 1:
      return join(num(a), '+', join(num(b), '*', num(c)));
    case 2:
      return join(join(num(b), '*', num(c)), '+', num(a));
    case 3:
      return join(join(num(a), '+', num(b)), '-', num(dice.between(1, a + b)));
    case 4:
      return join(join(num(a), '+', num(b)), '+', num(dice.between(1, high)));
    case 5:
      return join(join(num(std::max(a, b)), '-', num(std::min(a, b))), '+', num(c));
    case 6:
      return join(join(num(small ? c : a), '+', num(b)), '*', num(c));
    case 7:
      return join(join(num(b), '*', num(c)), '-', num(dice.between(1, b * c)));
    case 8:
      return join(num(a), '+', quotient(b, c));
    default: {
      const int64_t part = dice.between(1, b * c - 1);
      return join(join(num(part), '+', num(b * c - part)), '/', num(c));
    }
  }
}

Expression three_steps(Dice& dice, int difficulty) {
  const int64_t a = dice.between(11, 99);
  const int64_t b = dice.between(2, 9);
  const int64_t c = dice.between(11, 99);
  const int64_t d = dice.between(2, 9);
  if (difficulty == 4) {
    switch (dice.between(1, 4)) {
      case 1:
        return join(join(num(a), '*', num(b)), '+', join(num(c), '*', num(d)));
      case 2:
        return join(join(num(a), '+', num(c)), '*', join(num(b + d), '-', num(d)));
      case 3:
        return join(join(join(num(a), '+', num(c)), '*', num(b)), '-', num(dice.between(1, a)));
      default:
        return join(join(num(a), '*', num(b)), '+', quotient(d, b));
    }
  }
  switch (dice.between(1, 5)) {
    case 1:
      return join(join(num(a), '*', num(c)), '+', num(dice.between(11, 999)));
    case 2:
      return join(join(num(a), '*', num(b)), '-', join(num(c), '*', num(d)));
    case 3:
      return join(num(a), '*', join(num(c), '-', num(dice.between(1, c - 2))));
    case 4:
      return join(join(num(a), '+', join(num(c), '*', num(b))), '-', num(dice.between(1, a)));
    default:
      return join(join(quotient(c, d), '+', num(a * b)), '-', num(a));
  }
}

bool has_brackets(std::string_view expression) {
  return expression.find('(') != std::string_view::npos;
}

Problem mixed(Dice& dice, Language language, int difficulty) {
  const Expression e = difficulty <= 3 ? two_steps(dice, difficulty) : three_steps(dice, difficulty);
  const Signs s = signs(dice);
  const std::string shown = written(e, s);
  Problem problem;
  problem.question = phrase(dice, language, kExpressionQuestions, {{"e", shown}});
  const bool products = shown.find_first_not_of("0123456789+- ") != std::string::npos;
  const Patterns& openers = has_brackets(shown) ? kBracketsFirst : products ? kTimesFirst : kLeftToRight;
  const std::string opener = phrase(dice, language, openers, {});
  problem.thinking = trace_of(opener, steps_of(e));
  problem.expected = text(e.value);
  problem.answer = value_answer(dice, language, problem.expected, shown);
  return problem;
}

// n / 10^places: "3.50"; without zeros at the end where `trim`.
std::string decimal(int64_t n, int places, bool trim) {
  const int64_t unit = places == 1 ? 10 : 100;
  std::string fraction = text(unit + n % unit).substr(1);
  while (trim && !fraction.empty() && fraction.back() == '0') fraction.pop_back();
  return fraction.empty() ? text(n / unit) : text(n / unit) + "." + fraction;
}

Problem decimal_problem(Dice& dice, Language language, int difficulty) {
  const int places = difficulty <= 2 ? 1 : 2;
  const int64_t unit = places == 1 ? 10 : 100;
  const int64_t high = difficulty == 1 || difficulty == 3 ? 10 * unit : 100 * unit;
  const Signs s = signs(dice);
  int64_t a = dice.between(1, high - 1);
  int64_t b = dice.between(1, high - 1);
  if (dice.chance(0.2)) b = b / 10 * 10 + (b < 10 ? 10 : 0);  // fewer places than the other
  const bool trim = dice.chance(0.7);
  const char op = difficulty == 5 && dice.chance(0.6) ? '*' : dice.chance(0.5) ? '+' : '-';
  std::string shown;
  std::string steps;
  int64_t value = 0;
  if (op == '*') {  // price times pieces
    b = dice.between(2, 9);
    value = a * b;
    const std::string left = decimal(a, places, trim);
    shown = written(left, s.times, text(b), s);
    if (left != decimal(a, places, false)) steps = left + "=" + decimal(a, places, false) + "\n";
    steps += mul_steps(a, b);
  } else {
    if (op == '-' && a < b) std::swap(a, b);
    value = op == '+' ? a + b : a - b;
    const std::string sign(1, op);
    const std::string left = decimal(a, places, trim);
    const std::string right = decimal(b, places, trim);
    shown = written(left, sign, right, s);
    const std::string plain = left + sign + right;
    const std::string padded = decimal(a, places, false) + sign + decimal(b, places, false);
    if (plain != padded) steps = plain + "=" + padded + "\n";
    steps += op == '+' ? add_steps(a, b) : sub_steps(a, b);
  }
  Problem problem;
  problem.question = phrase(dice, language, kExpressionQuestions, {{"e", shown}});
  const std::string opener = phrase(dice, language, kDecimalOpeners, {});
  problem.expected = decimal(value, places, true);
  const std::string full = decimal(value, places, false);
  steps += "\n" + text(value) + "/" + text(unit) + "=" + full;
  if (full != problem.expected) steps += "=" + problem.expected;
  problem.thinking = trace_of(op == '*' ? std::string() : opener, steps);
  problem.answer = value_answer(dice, language, problem.expected, shown);
  return problem;
}

constexpr Family kFamilies[] = {
    {"add", "arithmetic", 5, 1.5, add},     {"sub", "arithmetic", 5, 1.5, sub},
    {"mul", "arithmetic", 5, 2.0, mul},     {"div", "arithmetic", 5, 1.2, div},
    {"mixed", "arithmetic", 5, 1.0, mixed}, {"decimal", "arithmetic", 5, 0.5, decimal_problem},
};

}  // namespace

std::span<const Family> arithmetic_families() {
  return kFamilies;
}

}  // namespace jaju::data
