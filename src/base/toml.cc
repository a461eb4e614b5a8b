#define TOML_IMPLEMENTATION
#include "base/toml.h"

#include <algorithm>
#include <sstream>

#include "base/utf8.h"

namespace jaju {
namespace {

// Behind the string whose opening quote is text[at]; a line that ends inside "..." ends it, as an error of
// syntax.
size_t skip_string(std::string_view text, size_t at) {
  const char quote = text[at];
  const std::string three(3, quote);
  const bool many_lines = text.substr(at).starts_with(three);
  for (at += many_lines ? 3 : 1; at < text.size(); ++at) {
    if (text[at] == '\\' && quote == '"') {
      ++at;
    } else if (!many_lines && (text[at] == quote || text[at] == '\n')) {
      return text[at] == quote ? at + 1 : at;
    } else if (many_lines && text.substr(at).starts_with(three)) {
      // Up to two quotes before the closing three belong to the text.
      const size_t end = std::min(text.find_first_not_of(quote, at), text.size());
      return std::min(end, at + 5);
    }
  }
  return text.size();
}

// The first line, counted from 1, with more dots than a key may have; 0: none. A key stands in one line, and
// values nest no deeper than TOML_MAX_NESTED_VALUES, so this bounds the depth of the whole tree. Dots of
// texts, comments and numbers do not count.
int64_t line_with_deep_keys(std::string_view text) {
  const auto digit = [&](size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
  int64_t line = 1;
  int64_t dots = 0;
  bool number_had_dot = false;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    size_t next = i + 1;
    if (c == '"' || c == '\'') next = skip_string(text, i);
    if (c == '#') next = std::min(text.find('\n', i), text.size());
    if (c == '.' && !number_had_dot && i > 0 && digit(i - 1) && digit(next)) {
      number_had_dot = true;
    } else if (c == '.') {
      if (++dots > kMaxKeyParts) return line;
    } else if (!digit(i)) {
      number_had_dot = false;
    }
    if (c == '\n') dots = 0;
    line += std::count(text.data() + i, text.data() + next, '\n');
    i = next;
  }
  return 0;
}

// The first line, counted from 1, with a character outside quotes and comments that is not ASCII; 0: none.
// TOML knows no such keys or values, and asked whether one is a space toml++ 3.3 runs into code it calls
// unreachable.
int64_t line_with_stray_character(std::string_view text) {
  int64_t line = 1;
  for (size_t i = text.starts_with("\xEF\xBB\xBF") ? 3 : 0; i < text.size();) {
    size_t next = i + 1;
    if (text[i] == '"' || text[i] == '\'') next = skip_string(text, i);
    if (text[i] == '#') next = std::min(text.find('\n', i), text.size());
    if (static_cast<unsigned char>(text[i]) >= 0x80) return line;
    line += std::count(text.data() + i, text.data() + next, '\n');
    i = next;
  }
  return 0;
}

}  // namespace

Result<toml::table> parse_toml(std::string_view text, const std::string& what) {
  if (!utf8_valid(text)) return error("{}: is not UTF-8", what);
  if (const int64_t line = line_with_deep_keys(text); line > 0) {
    return error("{} line {}: its keys have more than {} dots; no table needs to lie so deep", what, line,
                 kMaxKeyParts);
  }
  if (const int64_t line = line_with_stray_character(text); line > 0) {
    return error("{} line {}: a character outside quotes is not ASCII; put the text in \"...\"", what, line);
  }
  toml::parse_result parsed = toml::parse(text);
  if (parsed.failed()) {
    const toml::parse_error& problem = parsed.error();
    return error("{} line {}: {}", what, problem.source().begin.line, printable(problem.description()));
  }
  return std::move(parsed).table();
}

Result<toml::table> parse_toml_value(const std::string& word, const std::string& what) {
  const std::string line = "v = " + word;
  if (utf8_valid(line) && line_with_deep_keys(line) == 0) {
    toml::parse_result parsed;
    if (line_with_stray_character(line) == 0) parsed = toml::parse(line, what);
    if (parsed && parsed.table().size() == 1) return std::move(parsed).table();
    std::ostringstream quoted;
    quoted << "v = " << toml::value<std::string>(word);
    parsed = toml::parse(quoted.str(), what);
    if (parsed) return std::move(parsed).table();
  }
  return error("{}: the value is neither TOML nor a text", what);
}

}  // namespace jaju
