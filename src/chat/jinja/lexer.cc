#include "chat/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "chat/jinja/value.h"

namespace jaju::jinja {
namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Line ends become \n, and one of them at the very end is not part of the template (Jinja's defaults).
std::string normalise(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : s_(normalise(source)) {}

  std::vector<Token> run() {
    while (at_ < s_.size()) {
      size_t open = find_tag();
      std::string_view text = std::string_view(s_).substr(at_, open - at_);
      if (open == s_.size()) {
        push(Token::Kind::text, std::string(text));
        at_ = open;
        break;
      }
      const char kind = s_[open + 1];
      const char sign =
          open + 2 < s_.size() && (s_[open + 2] == '-' || s_[open + 2] == '+') ? s_[open + 2] : 0;
      const size_t inside = open + 2 + (sign != 0 ? 1 : 0);
      emit_text(text, sign, kind != '{');
      line_starting_ = false;
      if (kind == '#') {
        comment(open);
      } else if (kind == '{') {
        at_ = inside;
        push(Token::Kind::output_begin, "");
        inner('}');
      } else if (size_t after = raw_begin(inside); after != 0) {
        raw(open, after);
      } else {
        at_ = inside;
        push(Token::Kind::block_begin, "");
        inner('%');
      }
    }
    push(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& message, size_t at) {
    auto newlines = std::count(s_.begin(), s_.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    throw TemplateError(message, static_cast<int>(newlines) + 1);
  }

  void push(Token::Kind kind, std::string value) {
    // Tokens come in order, so lines are counted once.
    while (counted_ < at_) line_ += s_[counted_++] == '\n' ? 1 : 0;
    if (kind == Token::Kind::text && value.empty()) return;
    tokens_.push_back({kind, std::move(value), line_});
  }

  // Start of the next "{{", "{%" or "{#", or the end.
  size_t find_tag() const {
    for (size_t i = at_; i + 1 < s_.size(); ++i) {
      if (s_[i] == '{' && (s_[i + 1] == '{' || s_[i + 1] == '%' || s_[i + 1] == '#')) return i;
    }
    return s_.size();
  }

  void emit_text(std::string_view text, char sign, bool block) {
    if (sign == '-') {
      while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    } else if (sign != '+' &&
               block) {  // lstrip_blocks: a block alone on its line takes its indentation along
      size_t newline = text.rfind('\n');
      size_t start = newline == std::string_view::npos ? 0 : newline + 1;
      if ((start > 0 || line_starting_) &&
          std::all_of(text.begin() + static_cast<std::ptrdiff_t>(start), text.end(), is_space)) {
        text = text.substr(0, start);
      }
    }
    push(Token::Kind::text, std::string(text));
  }

  // at_ stands behind "-%}", "+%}" or "%}"; drops what the sign or trim_blocks takes.
  void after_close(char sign, bool trim_newline) {
    const size_t from = at_;
    if (sign == '-') {
      while (at_ < s_.size() && is_space(s_[at_])) ++at_;
    } else if (sign != '+' && trim_newline && at_ < s_.size() && s_[at_] == '\n') {
      ++at_;
    }
    line_starting_ = at_ > from && s_[at_ - 1] == '\n';
  }

  void comment(size_t open) {
    size_t close = s_.find("#}", open + 2);
    if (close == std::string::npos) fail("the comment has no end '#}'", open);
    char sign = close > open + 2 && (s_[close - 1] == '-' || s_[close - 1] == '+') ? s_[close - 1] : 0;
    at_ = close + 2;
    after_close(sign, true);
  }

  size_t skip_spaces(size_t i) const {
    while (i < s_.size() && is_space(s_[i])) ++i;
    return i;
  }

  // Behind "{% word %}" when `inside` (after "{%" and its sign) starts one, with the closing sign; else 0.
  size_t word_block(size_t inside, std::string_view word, char* sign) const {
    size_t i = skip_spaces(inside);
    if (s_.compare(i, word.size(), word) != 0) return 0;
    i = skip_spaces(i + word.size());
    *sign = 0;
    if (i < s_.size() && (s_[i] == '-' || s_[i] == '+')) *sign = s_[i++];
    return s_.compare(i, 2, "%}") == 0 ? i + 2 : 0;
  }

  size_t raw_begin(size_t inside) {
    size_t after = word_block(inside, "raw", &raw_sign_);
    return after;
  }

  void raw(size_t open, size_t after) {
    at_ = after;
    if (raw_sign_ == '-') at_ = skip_spaces(at_);
    line_starting_ = at_ > 0 && s_[at_ - 1] == '\n';
    for (size_t i = at_; (i = s_.find("{%", i)) != std::string::npos; i += 2) {
      size_t inside = i + 2;
      char open_sign = inside < s_.size() && (s_[inside] == '-' || s_[inside] == '+') ? s_[inside] : 0;
      char close_sign = 0;
      size_t end = word_block(inside + (open_sign != 0 ? 1 : 0), "endraw", &close_sign);
      if (end == 0) continue;
      emit_text(std::string_view(s_).substr(at_, i - at_), open_sign, true);
      at_ = end;
      after_close(close_sign, true);
      return;
    }
    fail("the raw block has no {% endraw %}", open);
  }

  // Tokens until "}}" or "%}".
  void inner(char closer) {
    const size_t open = at_;
    std::string brackets;
    while (true) {
      at_ = skip_spaces(at_);
      if (at_ >= s_.size())
        fail(closer == '}' ? "'{{' has no '}}'" : "'{%' has no '%}'", open > 2 ? open - 2 : 0);
      const char c = s_[at_];
      if (brackets.empty()) {
        size_t i = at_ + (c == '-' || (c == '+' && closer == '%') ? 1 : 0);
        if (i + 1 < s_.size() && s_[i] == closer && s_[i + 1] == '}') {
          push(closer == '}' ? Token::Kind::output_end : Token::Kind::block_end, "");
          char sign = i > at_ ? c : 0;
          at_ = i + 2;
          after_close(sign, closer == '%');
          return;
        }
      }
      if (starts_name(c)) {
        size_t end = at_;
        while (end < s_.size() && (starts_name(s_[end]) || is_digit(s_[end]))) ++end;
        std::string name = s_.substr(at_, end - at_);
        push(Token::Kind::name, std::move(name));
        at_ = end;
      } else if (is_digit(c)) {
        number();
      } else if (c == '"' || c == '\'') {
        string(c);
      } else {
        op(brackets);
      }
    }
  }

  void number() {
    auto digits = [&](size_t i) {
      while (i < s_.size() && (is_digit(s_[i]) || (s_[i] == '_' && i + 1 < s_.size() && is_digit(s_[i + 1]))))
        ++i;
      return i;
    };
    size_t end = digits(at_);
    bool real = false;
    if (end + 1 < s_.size() && s_[end] == '.' && is_digit(s_[end + 1])) {
      real = true;
      end = digits(end + 1);
    }
    if (end < s_.size() && (s_[end] == 'e' || s_[end] == 'E')) {
      size_t i = end + 1;
      if (i < s_.size() && (s_[i] == '-' || s_[i] == '+')) ++i;
      if (i < s_.size() && is_digit(s_[i])) {
        real = true;
        end = digits(i);
      }
    }
    std::string value = s_.substr(at_, end - at_);
    value.erase(std::remove(value.begin(), value.end(), '_'), value.end());
    push(real ? Token::Kind::real : Token::Kind::integer, std::move(value));
    at_ = end;
  }

  void string(char quote) {
    const size_t open = at_;
    std::string value;
    size_t i = at_ + 1;
    while (true) {
      if (i >= s_.size()) fail("a string has no closing quote", open);
      char c = s_[i++];
      if (c == quote) break;
      if (c != '\\') {
        value += c;
        continue;
      }
      if (i >= s_.size()) fail("a string has no closing quote", open);
      i = escape(i, value);
    }
    push(Token::Kind::string, std::move(value));
    at_ = i;
  }

  // Python's escapes; an unknown one keeps its backslash.
  size_t escape(size_t i, std::string& out) {
    static constexpr std::string_view kFrom = "\\'\"abfnrtv";
    static constexpr std::string_view kTo = "\\'\"\a\b\f\n\r\t\v";
    const char c = s_[i++];
    if (size_t found = kFrom.find(c); found != std::string_view::npos) {
      out += kTo[found];
    } else if (c == '\n') {
      // a line continued
    } else if (c == 'x' || c == 'u' || c == 'U') {
      uint32_t cp = hex(i, c == 'x' ? 2 : c == 'u' ? 4 : 8);
      i += c == 'x' ? 2 : c == 'u' ? 4 : 8;
      // Two \u escapes may spell a surrogate pair.
      if (cp >= 0xD800 && cp < 0xDC00 && s_.compare(i, 2, "\\u") == 0) {
        uint32_t low = hex(i + 2, 4);
        if (low >= 0xDC00 && low < 0xE000) {
          cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
          i += 6;
        }
      }
      utf8_append(out, cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000) ? 0xFFFD : cp);
    } else if (c >= '0' && c <= '7') {
      uint32_t cp = static_cast<uint32_t>(c - '0');
      for (int k = 0; k < 2 && i < s_.size() && s_[i] >= '0' && s_[i] <= '7'; ++k) {
        cp = cp * 8 + static_cast<uint32_t>(s_[i++] - '0');
      }
      utf8_append(out, cp);
    } else {
      out += '\\';
      out += c;
    }
    return i;
  }

  uint32_t hex(size_t from, size_t n) {
    uint32_t v = 0;
    for (size_t i = from; i < from + n; ++i) {
      char c = i < s_.size() ? s_[i] : 'x';
      int d = is_digit(c)            ? c - '0'
              : c >= 'a' && c <= 'f' ? c - 'a' + 10
              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                     : -1;
      if (d < 0) fail(fmt::format("an escape in a string needs {} hexadecimal digits", n), from);
      v = v * 16 + static_cast<uint32_t>(d);
    }
    return v;
  }

  void op(std::string& brackets) {
    static constexpr std::string_view kTwo[] = {"==", "!=", "<=", ">=", "//", "**"};
    static constexpr std::string_view kOne = "+-*/%~<>=.:,|()[]{}";
    for (std::string_view two : kTwo) {
      if (s_.compare(at_, 2, two) == 0) {
        push(Token::Kind::op, std::string(two));
        at_ += 2;
        return;
      }
    }
    const char c = s_[at_];
    if (kOne.find(c) == std::string_view::npos) {
      fail(fmt::format("unexpected character '{}'", c), at_);
    }
    if (c == '(' || c == '[' || c == '{') brackets += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (brackets.empty() || brackets.back() != c) fail(fmt::format("'{}' closes nothing", c), at_);
      brackets.pop_back();
    }
    push(Token::Kind::op, std::string(1, c));
    ++at_;
  }

  const std::string s_;
  size_t at_ = 0;
  size_t counted_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  char raw_sign_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace jaju::jinja
