#include "runtime/grammar/regex.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "runtime/grammar/dfa.h"
#include "runtime/grammar/json_values.h"
#include "runtime/grammar/unicode_class.h"

namespace jaju::grammar {
namespace {

CodePointSet digits() {
  return CodePointSet('0', '9');
}

CodePointSet word() {
  CodePointSet set('0', '9');
  set.add('a', 'z');
  set.add('A', 'Z');
  set.add('_');
  return set;
}

// ECMAScript's WhiteSpace and LineTerminator.
CodePointSet white_space() {
  CodePointSet set(0x09, 0x0D);
  for (uint32_t c : {0x20u, 0xA0u, 0x1680u, 0x2028u, 0x2029u, 0x202Fu, 0x205Fu, 0x3000u, 0xFEFFu}) set.add(c);
  set.add(0x2000, 0x200A);
  return set;
}

CodePointSet not_line_end() {
  CodePointSet set('\n', '\n');
  set.add('\r');
  set.add(0x2028, 0x2029);
  return set.inverted();
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Parser {
 public:
  Parser(Grammar& g, std::string_view text, JsonValues* json, const std::string& where)
      : g_(g), text_(text), json_(json), where_(where) {}

  ExprId parse() {
    const ExprId e = choice(0);
    if (ok() && pos_ < text_.size()) fail("unmatched ')'");
    return ok() ? e : g_.never();
  }

 private:
  bool ok() const { return !g_.work().failed(); }
  bool more() const { return pos_ < text_.size() && ok(); }
  char peek(size_t ahead = 0) const { return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0'; }
  bool take(std::string_view s) {
    if (!text_.substr(pos_).starts_with(s)) return false;
    pos_ += s.size();
    return true;
  }
  void fail(std::string_view what) { g_.work().fail(error("{} at byte {}: {}", where_, pos_, what)); }

  ExprId chars(const CodePointSet& set) { return json_ != nullptr ? json_->character(set) : g_.chars(set); }

  ExprId choice(int depth) {
    if (depth > g_.work().budget().max_input_depth) {
      fail(
          fmt::format("groups nest more than {} deep (max_input_depth)", g_.work().budget().max_input_depth));
      return g_.never();
    }
    std::vector<ExprId> parts{sequence(depth)};
    while (more() && take("|")) parts.push_back(sequence(depth));
    return g_.choice(std::move(parts));
  }

  ExprId sequence(int depth) {
    std::vector<ExprId> parts;
    while (more() && peek() != '|' && peek() != ')') {
      const ExprId e = quantified(atom(depth));
      if (!ok()) return g_.never();
      parts.push_back(e);
    }
    return g_.sequence(std::move(parts));
  }

  // {m}, {m,} or {m,n} at the cursor, which moves past it; otherwise it is a plain brace.
  std::optional<std::pair<int32_t, int32_t>> braces() {
    size_t i = pos_ + 1;
    auto number = [&]() -> std::optional<int64_t> {
      const size_t start = i;
      int64_t n = 0;
      while (i < text_.size() && text_[i] >= '0' && text_[i] <= '9') {
        n = std::min<int64_t>(n * 10 + (text_[i++] - '0'), int64_t{1} << 40);
      }
      if (i == start) return std::nullopt;
      return n;
    };
    const auto min = number();
    if (!min) return std::nullopt;
    std::optional<int64_t> max = min;
    if (i < text_.size() && text_[i] == ',') {
      ++i;
      max = number();
      if (!max) max = kUnbounded;
    }
    if (i >= text_.size() || text_[i] != '}') return std::nullopt;
    const int64_t limit = g_.work().budget().max_repeat;
    if (*min > limit || (*max > limit && *max != kUnbounded)) {
      fail(fmt::format("a repetition above {} (max_repeat)", limit));
      return std::nullopt;
    }
    if (*min > *max) {
      fail("a repetition whose numbers are out of order");
      return std::nullopt;
    }
    pos_ = i + 1;
    return std::pair(static_cast<int32_t>(*min), static_cast<int32_t>(*max));
  }

  ExprId quantified(ExprId e) {
    if (!more()) return e;
    std::pair<int32_t, int32_t> times{1, 1};
    if (take("*")) {
      times = {0, kUnbounded};
    } else if (take("+")) {
      times = {1, kUnbounded};
    } else if (take("?")) {
      times = {0, 1};
    } else if (peek() == '{') {
      const auto counted = braces();
      if (!counted) return e;
      times = *counted;
    } else {
      return e;
    }
    // Lazy finds another match first, but the texts that match are the same.
    if (!take("?") && peek() == '+') {
      fail("possessive repetition is not supported");
    } else if (peek() == '*' || peek() == '?' || (peek() == '{' && braces())) {
      fail("nothing to repeat; put the repeated part in a group");
    }
    return g_.repeat(e, times.first, times.second);
  }

  ExprId atom(int depth) {
    const char c = peek();
    switch (c) {
      case '(':
        return group(depth);
      case '[':
        return chars(char_class());
      case '.':
        ++pos_;
        return chars(not_line_end());
      case '^':
        ++pos_;
        return g_.text_begin();
      case '$':
        ++pos_;
        return g_.text_end();
      case '*':
      case '+':
      case '?':
        fail("nothing to repeat");
        return g_.never();
      case '{':
        if (braces()) fail("nothing to repeat");
        if (!ok()) return g_.never();
        break;
      case '\\': {
        CodePointSet set;
        ++pos_;
        if (peek() == 'b' || peek() == 'B') fail("word boundaries (\\b) are not supported");
        if ((peek() >= '1' && peek() <= '9') || peek() == 'k') fail("back-references are not supported");
        if (ok()) escape(&set);
        return ok() ? chars(set) : g_.never();
      }
      default:
        break;
    }
    const uint32_t cp = character();
    return chars(CodePointSet(cp, cp));
  }

  ExprId group(int depth) {
    ++pos_;
    if (take("?")) {
      if (take(":")) {
      } else if (peek() == '=' || peek() == '!' || (peek() == '<' && (peek(1) == '=' || peek(1) == '!'))) {
        fail("look-ahead and look-behind are not supported");
      } else if (take("<") || take("P<")) {
        const size_t end = text_.find('>', pos_);
        if (end == std::string_view::npos) {
          fail("a group's name without '>'");
        } else {
          pos_ = end + 1;
        }
      } else {
        fail("flags and other (?...) groups are not supported");
      }
      if (!ok()) return g_.never();
    }
    const ExprId e = choice(depth + 1);
    if (ok() && !take(")")) fail("missing ')'");
    return e;
  }

  uint32_t character() {
    uint32_t cp = 0;
    pos_ += static_cast<size_t>(std::max(utf8_length(text_.substr(pos_), &cp), 1));
    return cp;
  }

  std::optional<uint32_t> hex(size_t n) {
    uint32_t value = 0;
    for (size_t i = 0; i < n; ++i) {
      const int digit = hex_value(peek(i));
      if (digit < 0) return std::nullopt;
      value = value * 16 + static_cast<uint32_t>(digit);
    }
    pos_ += n;
    return value;
  }

  // After the backslash. True for one character (in `set`), false for a class such as \d.
  bool escape(CodePointSet* set) {
    if (pos_ >= text_.size()) {
      fail("a backslash at the end");
      return false;
    }
    const char c = text_[pos_++];
    auto one = [&](uint32_t cp) {
      *set = CodePointSet(cp, cp);
      if (set->empty()) fail("a lone surrogate is not a character");
      return true;
    };
    switch (c) {
      case 'd':
        *set = digits();
        return false;
      case 'D':
        *set = digits().inverted();
        return false;
      case 'w':
        *set = word();
        return false;
      case 'W':
        *set = word().inverted();
        return false;
      case 's':
        *set = white_space();
        return false;
      case 'S':
        *set = white_space().inverted();
        return false;
      case 'p':
      case 'P': {
        const size_t end = text_.find('}', pos_);
        if (peek() != '{' || end == std::string_view::npos) {
          fail("\\p without {name}");
          return false;
        }
        const auto found = unicode_category(text_.substr(pos_ + 1, end - pos_ - 1));
        if (!found) {
          fail(
              "this \\p{...} is not supported: only general categories (\\p{L}, \\p{Lu}, \\p{Letter}, ...) "
              "are");
          return false;
        }
        g_.work().steps(0x11000);
        pos_ = end + 1;
        *set = c == 'p' ? *found : found->inverted();
        return false;
      }
      case 't':
        return one('\t');
      case 'n':
        return one('\n');
      case 'r':
        return one('\r');
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      case '0':
        if (peek() >= '0' && peek() <= '9') fail("octal escapes are not supported");
        return one(0);
      case 'c': {
        const char letter = peek();
        if ((letter < 'a' || letter > 'z') && (letter < 'A' || letter > 'Z')) {
          fail("\\c without a letter");
          return false;
        }
        ++pos_;
        return one(static_cast<uint32_t>(letter) & 31);
      }
      case 'x':
        if (const auto value = hex(2)) return one(*value);
        fail("\\x without two hexadecimal digits");
        return false;
      case 'u': {
        if (take("{")) {
          uint32_t value = 0;
          size_t n = 0;
          while (hex_value(peek()) >= 0 && n++ < 6)
            value = value * 16 + static_cast<uint32_t>(hex_value(text_[pos_++]));
          if (n == 0 || !take("}") || value > kMaxCodePoint) {
            fail("\\u{...} is not a character");
            return false;
          }
          return one(value);
        }
        const auto value = hex(4);
        if (!value) {
          fail("\\u without four hexadecimal digits");
          return false;
        }
        if (*value >= 0xD800 && *value < 0xDC00 && text_.substr(pos_).starts_with("\\u")) {
          const size_t before = pos_;
          pos_ += 2;
          const auto low = hex(4);
          if (low && *low >= 0xDC00 && *low < 0xE000)
            return one(0x10000 + ((*value - 0xD800) << 10) + (*low - 0xDC00));
          pos_ = before;
        }
        return one(*value);
      }
      default:
        break;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) {
      fail(fmt::format("the escape \\{} is not supported", c));
      return false;
    }
    --pos_;
    return one(character());
  }

  CodePointSet char_class() {
    CodePointSet set;
    ++pos_;
    const bool inverted = take("^");
    while (more() && peek() != ']') {
      CodePointSet low;
      if (!class_atom(&low)) {  // a class: no range begins with it
        if (!ok()) return {};
        set.add(low);
        if (peek() == '-' && peek(1) != ']') {
          fail("a range that begins with a class");
          return {};
        }
        continue;
      }
      if (peek() != '-' || peek(1) == ']' || pos_ + 1 >= text_.size()) {
        set.add(low);
        continue;
      }
      ++pos_;
      CodePointSet high;
      const bool single = class_atom(&high);
      if (!ok()) return {};
      const uint32_t lo = low.ranges()[0].first;
      if (!single || high.empty() || high.ranges()[0].first < lo) {
        fail("a range of a class that is out of order");
        return {};
      }
      set.add(lo, high.ranges()[0].first);
    }
    if (ok() && !take("]")) fail("missing ']'");
    return inverted ? set.inverted() : set;
  }

  // True for one character. On failure the work has failed.
  bool class_atom(CodePointSet* set) {
    if (peek() != '\\') {
      const uint32_t cp = character();
      *set = CodePointSet(cp, cp);
      return true;
    }
    ++pos_;
    if (take("b")) {
      *set = CodePointSet('\b', '\b');
      return true;
    }
    if (take("-")) {
      *set = CodePointSet('-', '-');
      return true;
    }
    return escape(set) && ok();
  }

  Grammar& g_;
  std::string_view text_;
  JsonValues* json_;
  const std::string& where_;
  size_t pos_ = 0;
};

}  // namespace

ExprId parse_regex(Grammar& g, std::string_view text, JsonValues* json, const std::string& where) {
  return Parser(g, text, json, where).parse();
}

void add_regex(Grammar& g, std::string_view text) {
  g.root = g.new_rule("the expression");
  const ExprId e = parse_regex(g, text, nullptr, "expression");
  g.set_body(g.root, g.anchored(e));
}

std::shared_ptr<const Dfa> pattern_automaton(Grammar& g, std::string_view text, JsonValues& json,
                                             const std::string& where) {
  const ExprId e = parse_regex(g, text, &json, where);
  if (g.work().failed()) return nullptr;
  const ExprId any = g.repeat(json.character(CodePointSet::all()), 0, kUnbounded);
  return Dfa::from_expr(g, g.anchored(g.sequence({any, e, any})), 20'000);
}

}  // namespace jaju::grammar
