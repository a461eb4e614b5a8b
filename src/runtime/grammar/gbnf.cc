#include "runtime/grammar/gbnf.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"

namespace jaju::grammar {
namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class Parser {
 public:
  Parser(Grammar& g, std::string_view text) : g_(g), text_(text) {}

  void parse() {
    skip(true);
    while (more()) {
      rule();
      skip(true);
    }
    if (!ok()) return;
    for (const auto& [name, known] : rules_) {
      if (!known.defined) {
        g_.work().fail(error("line {}: rule '{}' is used but not defined", known.line, printable(name)));
        return;
      }
    }
    const auto root = rules_.find("root");
    if (root == rules_.end()) {
      g_.work().fail(error("no rule is called 'root', where the text begins"));
      return;
    }
    g_.root = root->second.id;
  }

 private:
  struct Known {
    RuleId id = -1;
    bool defined = false;
    int64_t line = 0;  // where it was first met
  };

  bool ok() const { return !g_.work().failed(); }
  bool more() const { return pos_ < text_.size() && ok(); }
  char peek(size_t ahead = 0) const { return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0'; }
  bool take(std::string_view s) {
    if (!text_.substr(pos_).starts_with(s)) return false;
    pos_ += s.size();
    return true;
  }
  int64_t line() const {
    return 1 + std::count(text_.begin(),
                          text_.begin() + static_cast<std::ptrdiff_t>(std::min(pos_, text_.size())), '\n');
  }
  void fail(std::string_view what) {
    if (ok()) g_.work().fail(error("line {}: {}", line(), what));
  }

  // White space and comments; line breaks only where a rule cannot end.
  void skip(bool lines) {
    while (pos_ < text_.size()) {
      const char c = text_[pos_];
      if (c == '#') {
        pos_ = std::min(text_.find('\n', pos_), text_.size());
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        ++pos_;
      } else {
        return;
      }
    }
  }

  std::string_view name() {
    const size_t start = pos_;
    while (is_name(peek())) ++pos_;
    return text_.substr(start, pos_ - start);
  }

  Known& known(std::string_view rule_name) {
    auto it = rules_.find(rule_name);
    if (it == rules_.end()) {
      Known k{g_.new_rule(std::string(rule_name)), false, line()};
      it = rules_.emplace(std::string(rule_name), k).first;
    }
    return it->second;
  }

  void rule() {
    const std::string_view rule_name = name();
    if (rule_name.empty()) return fail("expected the name of a rule");
    Known& k = known(rule_name);
    if (k.defined) return fail(fmt::format("rule '{}' is defined twice", printable(rule_name)));
    k.defined = true;
    skip(false);
    if (!take("::=")) return fail("expected '::='");
    skip(true);
    const ExprId body = choice(0);
    if (!ok()) return;
    skip(false);
    if (pos_ < text_.size() && peek() != '\n' && peek() != '\r') return fail("expected the end of the line");
    g_.set_body(k.id, body);
  }

  ExprId choice(int depth) {
    if (depth > g_.work().budget().max_input_depth) {
      fail(
          fmt::format("groups nest more than {} deep (max_input_depth)", g_.work().budget().max_input_depth));
      return g_.never();
    }
    std::vector<ExprId> parts{sequence(depth)};
    while (more() && take("|")) {
      skip(true);
      parts.push_back(sequence(depth));
    }
    return g_.choice(std::move(parts));
  }

  ExprId sequence(int depth) {
    std::vector<ExprId> parts;
    while (more()) {
      const char c = peek();
      ExprId e = g_.never();
      if (c == '"') {
        e = literal();
      } else if (c == '[') {
        e = g_.chars(char_class());
      } else if (c == '.') {
        ++pos_;
        e = g_.chars(CodePointSet::all());
      } else if (c == '(') {
        ++pos_;
        skip(true);
        e = choice(depth + 1);
        skip(true);
        if (ok() && !take(")")) fail("missing ')'");
      } else if (is_name(c)) {
        e = g_.call(known(name()).id);
      } else if (c == '<' || (c == '!' && peek(1) == '<')) {
        fail("token references (<...>) are not supported; write the token's text as a literal");
      } else if (c == '*' || c == '+' || c == '?' || c == '{') {
        fail("nothing to repeat");
      } else {
        break;
      }
      if (!ok()) return g_.never();
      skip(depth > 0);
      e = repeated(e, depth);
      parts.push_back(e);
    }
    return g_.sequence(std::move(parts));
  }

  ExprId repeated(ExprId e, int depth) {
    while (more()) {
      if (take("*")) {
        e = g_.repeat(e, 0, kUnbounded);
      } else if (take("+")) {
        e = g_.repeat(e, 1, kUnbounded);
      } else if (take("?")) {
        e = g_.repeat(e, 0, 1);
      } else if (take("{")) {
        skip(depth > 0);
        const auto min = number();
        skip(depth > 0);
        auto max = min;
        if (take(",")) {
          skip(depth > 0);
          max = peek() == '}' ? std::optional<int32_t>(kUnbounded) : number();
          skip(depth > 0);
        }
        if (ok() && (!min || !max || !take("}"))) fail("expected {m}, {m,} or {m,n}");
        if (ok() && *min > *max) fail("a repetition whose numbers are out of order");
        if (!ok()) return g_.never();
        e = g_.repeat(e, *min, *max);
      } else {
        break;
      }
      skip(depth > 0);
    }
    return e;
  }

  std::optional<int32_t> number() {
    if (peek() < '0' || peek() > '9') return std::nullopt;
    int64_t n = 0;
    while (peek() >= '0' && peek() <= '9')
      n = std::min<int64_t>(n * 10 + (text_[pos_++] - '0'), int64_t{1} << 40);
    if (n > g_.work().budget().max_repeat) {
      fail(fmt::format("a repetition above {} (max_repeat)", g_.work().budget().max_repeat));
      return std::nullopt;
    }
    return static_cast<int32_t>(n);
  }

  uint32_t hex(int n) {
    uint32_t value = 0;
    for (int i = 0; i < n; ++i) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) {
        fail(fmt::format("an escape without its {} hexadecimal digits", n));
        return 0;
      }
      value = value * 16 + static_cast<uint32_t>(digit);
      ++pos_;
    }
    if (value > kMaxCodePoint || (value >= 0xD800 && value < 0xE000))
      fail("an escape that is not a character");
    return value;
  }

  uint32_t character() {
    if (take("\\")) {
      const char c = peek();
      ++pos_;
      switch (c) {
        case 'x':
          return hex(2);
        case 'u':
          return hex(4);
        case 'U':
          return hex(8);
        case 't':
          return '\t';
        case 'r':
          return '\r';
        case 'n':
          return '\n';
        case '\\':
        case '"':
        case '[':
        case ']':
        case '-':
        case '^':
          return static_cast<uint8_t>(c);
        default:
          fail("an unknown escape");
          return 0;
      }
    }
    uint32_t cp = 0;
    pos_ += static_cast<size_t>(std::max(utf8_length(text_.substr(pos_), &cp), 1));
    return cp;
  }

  ExprId literal() {
    ++pos_;
    std::string bytes;
    while (more() && peek() != '"') utf8_append(bytes, character());
    if (ok() && !take("\"")) fail("a literal without its closing quote");
    return ok() ? g_.literal(bytes) : g_.never();
  }

  CodePointSet char_class() {
    CodePointSet set;
    ++pos_;
    const bool inverted = take("^");
    while (more() && peek() != ']') {
      const uint32_t lo = character();
      uint32_t hi = lo;
      if (peek() == '-' && peek(1) != ']' && pos_ + 1 < text_.size()) {
        ++pos_;
        hi = character();
        if (ok() && hi < lo) fail("a range of a class that is out of order");
      }
      if (!ok()) return {};
      set.add(lo, hi);
    }
    if (ok() && !take("]")) fail("a class without its ']'");
    return inverted ? set.inverted() : set;
  }

  Grammar& g_;
  std::string_view text_;
  size_t pos_ = 0;
  std::map<std::string, Known, std::less<>> rules_;
};

}  // namespace

void add_gbnf(Grammar& g, std::string_view text) {
  Parser(g, text).parse();
}

}  // namespace jaju::grammar
