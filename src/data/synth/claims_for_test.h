// For tests: reads a worked trace as claims ("6*4+4=28", "47*6: ... → 282", "2/9<2/3") and works each out
// again with exact fractions. Written apart from the code that writes the traces.
#pragma once

#include <numeric>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace jaju::data {

struct Rational {
  __int128 top = 0;
  __int128 bottom = 1;
  friend bool operator==(const Rational& a, const Rational& b) {
    return a.top * b.bottom == b.top * a.bottom;
  }
  friend bool operator<(const Rational& a, const Rational& b) { return a.top * b.bottom < b.top * a.bottom; }
};

inline Rational rational(__int128 top, __int128 bottom) {
  __int128 a = top < 0 ? -top : top;
  __int128 b = bottom < 0 ? -bottom : bottom;
  while (b != 0) {
    const __int128 rest = a % b;
    a = b;
    b = rest;
  }
  if (bottom < 0) a = -a;
  return {top / a, bottom / a};
}

// sums of products of quotients of factors: "/" binds tightest, so that "1/4 ÷ 2/3" reads as people write it.
class ExpressionReader {
 public:
  // `x` is the value of a letter or a box.
  ExpressionReader(std::string text, std::optional<Rational> x) : text_(std::move(text)), x_(x) {}

  std::optional<Rational> read() {
    const auto value = sum();
    return at_ == text_.size() ? value : std::nullopt;
  }

 private:
  using Value = std::optional<Rational>;

  void blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(std::string_view sign) {
    blanks();
    if (text_.compare(at_, sign.size(), sign) != 0) return false;
    at_ += sign.size();
    blanks();
    return true;
  }
  Value sum() {
    Value left = product();
    while (left) {
      const bool plus = take("+");
      if (!plus && !take("-")) break;
      const Value right = product();
      if (!right) return right;
      const __int128 other = right->top * left->bottom;
      left = rational(left->top * right->bottom + (plus ? other : -other), left->bottom * right->bottom);
    }
    return left;
  }
  Value product() {
    Value left = quotient();
    while (left) {
      const bool times = take("*") || take("×") || take("x ");
      if (!times && !take("÷")) break;
      const Value right = quotient();
      if (!right || (!times && right->top == 0)) return std::nullopt;
      left = times ? rational(left->top * right->top, left->bottom * right->bottom)
                   : rational(left->top * right->bottom, left->bottom * right->top);
    }
    return left;
  }
  Value quotient() {
    Value left = factor();
    while (left && take("/")) {
      const Value right = factor();
      if (!right || right->top == 0) return std::nullopt;
      left = rational(left->top * right->bottom, left->bottom * right->top);
    }
    return left;
  }
  Value variable() {
    for (const std::string_view name : {"x", "y", "n", "a", "□"}) {
      if (x_ && text_.compare(at_, name.size(), name) == 0) {
        at_ += name.size();
        return x_;
      }
    }
    return std::nullopt;
  }
  Value pair_of(std::string_view name) {  // gcd(4,6)
    const size_t comma = text_.find(',', at_);
    const size_t close = text_.find(')', at_);
    if (comma == std::string::npos || close == std::string::npos) return std::nullopt;
    const int64_t a = std::stoll(text_.substr(at_));
    const int64_t b = std::stoll(text_.substr(comma + 1));
    at_ = close + 1;
    return Rational{name == "gcd(" ? std::gcd(a, b) : std::lcm(a, b), 1};
  }
  Value factor() {
    if (take("-")) {
      Value value = factor();
      if (value) value->top = -value->top;
      return value;
    }
    for (const std::string_view name : {"gcd(", "lcm("}) {
      if (take(name)) return pair_of(name);
    }
    if (take("(")) {
      const Value value = sum();
      return take(")") ? value : std::nullopt;
    }
    if (const Value value = variable()) return value;
    const size_t start = at_;
    __int128 n = 0;
    __int128 unit = 1;
    bool point = false;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '.' && !point) {
        point = true;
      } else if (text_[at_] >= '0' && text_[at_] <= '9') {
        n = n * 10 + (text_[at_] - '0');
        if (point) unit *= 10;
      } else {
        break;
      }
    }
    if (at_ == start) return std::nullopt;
    const Rational number = rational(n, unit);
    if (const Value value = variable()) {  // 3x
      return rational(number.top * value->top, number.bottom * value->bottom);
    }
    return number;
  }

  std::string text_;
  std::optional<Rational> x_;
  size_t at_ = 0;
};

inline std::vector<std::string> split(const std::string& text, std::string_view separator) {
  std::vector<std::string> parts;
  size_t from = 0;
  for (;;) {
    const size_t at = text.find(separator, from);
    parts.push_back(text.substr(from, at - from));
    if (at == std::string::npos) return parts;
    from = at + separator.size();
  }
}

// What a trace says, re-evaluated.
struct Verdict {
  int claims = 0;       // worked out and true
  int words = 0;        // lines that are not arithmetic
  std::string mistake;  // the first false or unreadable piece
  std::string last;     // the last piece of arithmetic: the trace's result
};

class ClaimReader {
 public:
  ClaimReader(const std::string& trace, std::optional<Rational> x) : x_(x) {
    for (const auto& line : split(trace, "\n")) {
      if (is_words(line)) {
        ++verdict_.words;
      } else {
        read_line(line);
      }
    }
  }
  const Verdict& verdict() const { return verdict_; }

 private:
  static bool is_words(const std::string& line) {
    std::string rest = line;
    for (const std::string_view sign : {"→", "□", "gcd", "lcm"}) {
      for (size_t at = 0; (at = rest.find(sign, at)) != std::string::npos;) rest.erase(at, sign.size());
    }
    return rest.find_first_not_of("0123456789+-*/()=<>.,:; rxyna") != std::string::npos;
  }

  std::optional<Rational> value_of(const std::string& text) { return ExpressionReader(text, x_).read(); }

  void fail(const std::string& piece) {
    if (verdict_.mistake.empty()) verdict_.mistake = piece;
  }

  // "a=b=c", "a<b", "a>b"; returns the value of the last part.
  std::optional<Rational> read_claim(const std::string& claim) {
    for (const char sign : {'<', '>'}) {
      const size_t at = claim.find(sign);
      if (at == std::string::npos) continue;
      const auto left = value_of(claim.substr(0, at));
      const auto right = value_of(claim.substr(at + 1));
      const bool holds = left && right && (sign == '<' ? *left < *right : *right < *left);
      if (holds) {
        ++verdict_.claims;
      } else {
        fail(claim);
      }
      return right;
    }
    const auto parts = split(claim, "=");
    const auto first = value_of(parts[0]);
    if (!first) fail(claim);
    for (size_t i = 1; first && i < parts.size(); ++i) {
      const auto other = value_of(parts[i]);
      if (other && *other == *first) {
        ++verdict_.claims;
      } else {
        fail(claim);
      }
    }
    verdict_.last = parts.back();
    return first;
  }

  void read_line(const std::string& line) {
    std::vector<std::string> open;  // heads without a result of their own: "47*86:"
    std::optional<Rational> result;
    for (std::string segment : split(line, ";")) {
      while (!segment.empty() && segment.front() == ' ') segment.erase(0, 1);
      auto heads = split(segment, ": ");
      const auto arrows = split(heads.back(), " → ");
      heads.pop_back();
      std::string head;
      if (!heads.empty() && arrows.size() > 1) {
        head = heads.back();
        heads.pop_back();
      }
      open.insert(open.end(), heads.begin(), heads.end());
      if (head.empty() && arrows.size() > 1 && !open.empty()) {  // the head of an earlier segment: a division
        head = open.back();
        open.pop_back();
      }
      for (const auto& piece : split(arrows[0], ", ")) result = read_claim(piece);
      if (arrows.size() > 1) result = read_result(head, arrows[1]);
      for (size_t i = 2; i < arrows.size(); ++i) read_claim(arrows[i]);  // a decimal point moved
    }
    for (const auto& head : open) {
      const auto value = read_claim(head);
      if (value && result && *value == *result) {
        ++verdict_.claims;
      } else {
        fail(head);
      }
    }
    if (!open.empty()) verdict_.last = last_result_;
  }

  std::optional<Rational> read_result(const std::string& head, const std::string& shown) {
    last_result_ = shown;
    static const std::regex lengths(R"((\d+)\((\d+)\) (\d+)\((\d+)\))");
    std::smatch match;
    if (head.find(") ") != std::string::npos && std::regex_match(head, match, lengths)) {
      if (match[1].length() != std::stol(match[2]) || match[3].length() != std::stol(match[4])) fail(head);
      const auto value = read_claim(shown);
      verdict_.last = shown;
      return value;
    }
    const size_t rest = shown.find(" r ");
    if (rest != std::string::npos) {
      const auto sides = split(head, "/");
      if (sides.size() != 2) {
        fail(head + " → " + shown);
        return std::nullopt;
      }
      const int64_t a = std::stoll(sides[0]);
      const int64_t b = std::stoll(sides[1]);
      if (a / b == std::stoll(shown) && a % b == std::stoll(shown.substr(rest + 3))) {
        ++verdict_.claims;
      } else {
        fail(head + " → " + shown);
      }
      verdict_.last = shown;
      return std::nullopt;
    }
    const auto wanted = read_claim(head);
    const auto value = value_of(shown);
    if (wanted && value && *wanted == *value) {
      ++verdict_.claims;
    } else {
      fail(head + " → " + shown);
    }
    verdict_.last = shown;
    return value;
  }

  std::optional<Rational> x_;
  Verdict verdict_;
  std::string last_result_;
};

}  // namespace jaju::data
