// The column methods of school, written so that each step repeats the digits it works on: a step is one fact
// of the tables and at most one carry, and the result is read off the last digits of the steps before it.
#include "data/synth/steps.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/check.h"

namespace jaju::data {
namespace {

// Digits of n >= 0, ones first.
std::vector<int> digits_of(int64_t n) {
  std::vector<int> digits;
  do {
    digits.push_back(static_cast<int>(n % 10));
    n /= 10;
  } while (n > 0);
  return digits;
}

int digit_at(const std::vector<int>& digits, size_t place) {
  return place < digits.size() ? digits[place] : 0;
}

std::string text(int64_t n) {
  return std::to_string(n);
}

// "8*7=56, 8*4+5=37": one digit times a number, ones first.
std::string times_digit(int64_t a, int digit) {
  std::string out;
  int carry = 0;
  for (const int d : digits_of(a)) {
    if (!out.empty()) out += ", ";
    const int sum = digit * d + carry;
    out += text(digit) + "*" + text(d);
    if (carry > 0) out += "+" + text(carry);
    out += "=" + text(sum);
    carry = sum / 10;
  }
  return out;
}

// "47*80: 8*7=56, 8*4+5=37 → 3760", for part = digit * 10^zeros.
std::string times_part(int64_t a, int digit, int64_t part) {
  const std::string head = text(a) + "*" + text(part);
  if (digit == 1 || (a < 10 && part < 10)) return head + "=" + text(a * part);
  return head + ": " + times_digit(a, digit) + " → " + text(a * part);
}

// The columns of a-b for a >= b: "12-8=4, 10-7-1=2, 5-0-1=4". A borrow shows as a two-digit minuend.
std::string sub_columns(int64_t a, int64_t b) {
  const auto top = digits_of(a);
  const auto bottom = digits_of(b);
  std::string out;
  int borrow = 0;
  for (size_t place = 0; place < top.size(); ++place) {
    if (!out.empty()) out += ", ";
    const int low = digit_at(bottom, place);
    const int high = top[place] - low - borrow < 0 ? top[place] + 10 : top[place];
    out += text(high) + "-" + text(low);
    if (borrow > 0) out += "-1";
    out += "=" + text(high - low - borrow);
    borrow = high >= 10 ? 1 : 0;
  }
  return out;
}

}  // namespace

std::string add_steps(int64_t a, int64_t b) {
  JAJU_CHECK(a >= 0 && b >= 0);
  const std::string head = text(a) + "+" + text(b);
  if (a < 10 && b < 10) return head + "=" + text(a + b);
  const auto x = digits_of(a);
  const auto y = digits_of(b);
  std::string out = head + ":";
  int carry = 0;
  for (size_t place = 0; place < std::max(x.size(), y.size()); ++place) {
    const int sum = digit_at(x, place) + digit_at(y, place) + carry;
    out += place == 0 ? " " : ", ";
    out += text(digit_at(x, place)) + "+" + text(digit_at(y, place));
    if (carry > 0) out += "+1";
    out += "=" + text(sum);
    carry = sum / 10;
  }
  return out + " → " + text(a + b);
}

std::string sub_steps(int64_t a, int64_t b) {
  JAJU_CHECK(a >= 0 && b >= 0);
  const std::string head = text(a) + "-" + text(b);
  const bool one_fact = b < 10 && a < 19 && a - b < 10;
  if (one_fact) return head + "=" + text(a - b);
  if (a >= b) return head + ": " + sub_columns(a, b) + " → " + text(a - b);
  if (b < 19 && a < 10 && b - a < 10) return head + "=-(" + text(b) + "-" + text(a) + ")=" + text(a - b);
  return head + "=-(" + text(b) + "-" + text(a) + "): " + sub_columns(b, a) + " → " + text(a - b);
}

std::string mul_steps(int64_t a, int64_t b) {
  JAJU_CHECK(a >= 0 && b >= 0);
  const std::string head = text(a) + "*" + text(b);
  if (a == 0 || b == 0 || a == 1 || b == 1 || (a < 10 && b < 10)) return head + "=" + text(a * b);
  std::string turn;  // fewer partial products when the factor with fewer digits that are not 0 comes second
  const auto weight = [](int64_t n) {
    const auto digits = digits_of(n);
    return std::count_if(digits.begin(), digits.end(), [](int d) { return d != 0; });
  };
  if (weight(a) < weight(b) || (weight(a) == weight(b) && digits_of(a).size() < digits_of(b).size())) {
    std::swap(a, b);
    turn = head + "=";
  }
  const auto parts = digits_of(b);
  std::string out;
  int64_t scale = 1;
  int64_t sum = 0;
  for (size_t place = 0; place < parts.size(); ++place, scale *= 10) {
    const int digit = parts[place];
    if (digit == 0) continue;
    if (digit * scale == b) return turn + times_part(a, digit, b);  // one partial product is the whole
    out += out.empty() ? " " : "; ";
    out += times_part(a, digit, digit * scale);
    const int64_t product = a * digit * scale;
    if (sum > 0) out += "; " + add_steps(sum, product);
    sum += product;
  }
  return turn + text(a) + "*" + text(b) + ":" + out;
}

std::string div_steps(int64_t a, int64_t b) {
  JAJU_CHECK(a >= 0 && b > 0);
  const std::string head = text(a) + "/" + text(b);
  if (b == 1 || (b < 10 && a % b == 0 && a / b < 10)) return head + "=" + text(a / b);
  auto digits = digits_of(a);
  std::reverse(digits.begin(), digits.end());
  std::string out;
  int64_t part = 0;
  for (size_t place = 0; place < digits.size(); ++place) {
    part = part * 10 + digits[place];
    if (out.empty() && part < b && place + 1 < digits.size()) continue;
    const int64_t quotient = part / b;
    const int64_t rest = part % b;
    out += out.empty() ? " " : "; ";
    if (b >= 10 && part >= b) {  // no table for this divisor: count its multiples until one is too large
      for (int64_t k = 1; k <= std::min<int64_t>(quotient + 1, 9); ++k) {
        out += text(b) + "*" + text(k) + "=" + text(b * k) + ", ";
      }
      out += text(part) + "-" + text(b * quotient) + "=" + text(rest) + ", ";
    }
    out += text(part) + "=" + text(b) + "*" + text(quotient) + "+" + text(rest);
    part = rest;
  }
  out = head + ":" + out + " → " + text(a / b);
  return a % b == 0 ? out : out + " r " + text(a % b);
}

std::string gcd_steps(int64_t a, int64_t b) {
  JAJU_CHECK(a > 0 && b > 0);
  std::string out = "gcd(" + text(a) + "," + text(b) + "):";
  if (a < b) std::swap(a, b);
  for (;;) {
    const int64_t rest = a % b;
    out += out.back() == ':' ? " " : ", ";
    out += text(a) + "=" + text(b) + "*" + text(a / b) + "+" + text(rest);
    if (rest <= 1) return out + " → " + text(rest == 1 ? 1 : b);
    a = b;
    b = rest;
  }
}

std::string lcm_steps(int64_t a, int64_t b) {
  JAJU_CHECK(a > 0 && b > 0);
  std::string out = "lcm(" + text(a) + "," + text(b) + "):";
  const int64_t low = std::min(a, b);
  const int64_t high = std::max(a, b);
  for (int64_t multiple = high;; multiple += high) {
    out += out.back() == ':' ? " " : ", ";
    out += text(multiple) + "=" + text(low) + "*" + text(multiple / low) + "+" + text(multiple % low);
    if (multiple % low == 0) return out + " → " + text(multiple);
  }
}

std::string compare_steps(int64_t a, int64_t b) {
  const std::string claim = text(a) + (a < b ? "<" : a > b ? ">" : "=") + text(b);
  if (a < 0 && b < 0) return compare_steps(-a, -b) + "; " + claim;
  if (a < 0 || b < 0 || (a < 10 && b < 10)) return claim;
  auto x = digits_of(a);
  auto y = digits_of(b);
  const auto sign = [](auto p, auto q) { return p < q ? "<" : p > q ? ">" : "="; };
  std::string out = text(a) + "(" + std::to_string(x.size()) + ") " + text(b) + "(" +
                    std::to_string(y.size()) + "): " + std::to_string(x.size()) + sign(x.size(), y.size()) +
                    std::to_string(y.size());
  for (size_t place = x.size(); x.size() == y.size() && place-- > 0;) {
    out += ", " + text(x[place]) + sign(x[place], y[place]) + text(y[place]);
    if (x[place] != y[place]) break;
  }
  return out + " → " + claim;
}

}  // namespace jaju::data
