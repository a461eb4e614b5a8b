#include "runtime/grammar/json_values.h"

#include <fmt/format.h>

#include <string>

#include "base/utf8.h"

namespace jaju::grammar {
namespace {

CodePointSet set_of(std::initializer_list<std::pair<uint32_t, uint32_t>> ranges) {
  CodePointSet set;
  for (const auto& [lo, hi] : ranges) set.add(lo, hi);
  return set;
}

CodePointSet hex_digits() {
  return set_of({{'0', '9'}, {'a', 'f'}, {'A', 'F'}});
}

// The letter of a two-character escape, 0 when there is none.
char short_escape(uint32_t c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

}  // namespace

ExprId JsonValues::space() {
  if (space_ < 0) {
    space_ = g_.new_rule("space", true);
    const ExprId spaces = g_.repeat(g_.literal(" "), 0, 64), tabs = g_.repeat(g_.literal("\t"), 1, 16);
    g_.set_body(space_,
                g_.choice({g_.literal(" "), g_.sequence({g_.literal("\n"), g_.choice({spaces, tabs})})}));
  }
  return g_.optional(g_.call(space_));
}

ExprId JsonValues::colon() {
  return g_.sequence({g_.literal(":"), g_.optional(g_.literal(" "))});
}

ExprId JsonValues::comma() {
  return g_.sequence({g_.literal(","), space()});
}

ExprId JsonValues::list(std::string_view open, ExprId item, std::string_view close) {
  const ExprId more = g_.repeat(g_.sequence({comma(), item}), 0, kUnbounded);
  return g_.sequence(
      {g_.literal(open), space(), g_.optional(g_.sequence({item, more, space()})), g_.literal(close)});
}

RuleId JsonValues::any_object() {
  if (object_ < 0) {
    object_ = g_.new_rule("object", true);
    g_.set_body(object_, list("{", g_.sequence({any_string(), colon(), any_value()}), "}"));
  }
  return object_;
}

ExprId JsonValues::any_array() {
  if (array_ < 0) {
    array_ = g_.new_rule("array", true);
    g_.set_body(array_, list("[", any_value(), "]"));
  }
  return g_.call(array_);
}

RuleId JsonValues::any_value_rule() {
  if (value_ < 0) {
    value_ = g_.new_rule("value", true);
    g_.set_body(value_, g_.choice({g_.call(any_object()), any_array(), any_string(), number(),
                                   g_.literal("true"), g_.literal("false"), g_.literal("null")}));
  }
  return value_;
}

ExprId JsonValues::full_character() {
  const ExprId hex = g_.chars(hex_digits());
  const ExprId d = g_.chars(set_of({{'d', 'd'}, {'D', 'D'}}));
  CodePointSet raw = CodePointSet(0x20, kMaxCodePoint).without(set_of({{'"', '"'}, {'\\', '\\'}}));
  CodePointSet letters;
  for (char c : std::string_view("\"\\/bfnrt")) letters.add(static_cast<uint8_t>(c));
  const ExprId not_surrogate = g_.choice(
      {g_.sequence({g_.chars(hex_digits().without(set_of({{'d', 'd'}, {'D', 'D'}}))), hex, hex, hex}),
       g_.sequence({d, g_.chars(CodePointSet('0', '7')), hex, hex})});
  const ExprId pair =
      g_.sequence({d, g_.chars(set_of({{'8', '9'}, {'a', 'b'}, {'A', 'B'}})), hex, hex, g_.literal("\\u"), d,
                   g_.chars(set_of({{'c', 'f'}, {'C', 'F'}})), hex, hex});
  const ExprId escaped =
      g_.choice({g_.chars(letters), g_.sequence({g_.literal("u"), g_.choice({not_surrogate, pair})})});
  return g_.choice({g_.chars(raw), g_.sequence({g_.literal("\\"), escaped})});
}

ExprId JsonValues::any_string() {
  if (string_ < 0) {
    string_ = g_.new_rule("string", true);
    g_.set_body(string_, string_of_length(0, kUnbounded));
  }
  return g_.call(string_);
}

ExprId JsonValues::string_of_length(int32_t min, int32_t max) {
  return g_.sequence({g_.literal("\""), g_.repeat(full_character(), min, max), g_.literal("\"")});
}

ExprId JsonValues::character(const CodePointSet& set) {
  const CodePointSet special = set_of({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}});
  std::vector<ExprId> parts{g_.chars(set.without(special))};
  const CodePointSet escaped = set.intersected(special);
  for (const auto& [lo, hi] : escaped.ranges()) {
    for (uint32_t c = lo; c <= hi; ++c) {
      if (const char letter = short_escape(c)) {
        parts.push_back(g_.literal(std::string{'\\', letter}));
      } else {
        CodePointSet digit;
        digit.add(static_cast<uint8_t>(fmt::format("{:x}", c & 15)[0]));
        digit.add(static_cast<uint8_t>(fmt::format("{:X}", c & 15)[0]));
        parts.push_back(g_.sequence({g_.literal(c < 16 ? "\\u000" : "\\u001"), g_.chars(digit)}));
      }
    }
  }
  return g_.choice(std::move(parts));
}

ExprId JsonValues::characters(std::string_view utf8) {
  std::string out;
  for (char c : utf8) {
    if (const char letter = short_escape(static_cast<uint8_t>(c))) {
      out += {'\\', letter};
    } else if (static_cast<uint8_t>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out += c;
    }
  }
  return g_.literal(out);
}

ExprId JsonValues::quoted(std::string_view utf8) {
  return g_.sequence({g_.literal("\""), characters(utf8), g_.literal("\"")});
}

ExprId JsonValues::integer() {
  if (integer_ < 0) {
    integer_ = g_.new_rule("integer", true);
    const ExprId digits = g_.sequence({g_.chars(CodePointSet('1', '9')),
                                       g_.repeat(g_.chars(CodePointSet('0', '9')), 0, kIntegerDigits - 1)});
    g_.set_body(integer_, g_.choice({g_.literal("0"), g_.sequence({g_.optional(g_.literal("-")), digits})}));
  }
  return g_.call(integer_);
}

ExprId JsonValues::number() {
  if (number_ < 0) {
    number_ = g_.new_rule("number", true);
    const ExprId digit = g_.chars(CodePointSet('0', '9'));
    const ExprId whole =
        g_.choice({g_.literal("0"),
                   g_.sequence({g_.chars(CodePointSet('1', '9')), g_.repeat(digit, 0, kIntegerDigits - 1)})});
    const ExprId fraction = g_.sequence({g_.literal("."), g_.repeat(digit, 1, kFractionDigits)});
    const ExprId exponent = g_.sequence({g_.chars(set_of({{'e', 'e'}, {'E', 'E'}})),
                                         g_.optional(g_.chars(set_of({{'+', '+'}, {'-', '-'}}))),
                                         g_.repeat(digit, 1, kExponentDigits)});
    g_.set_body(number_, g_.sequence({g_.optional(g_.literal("-")), whole, g_.optional(fraction),
                                      g_.optional(exponent)}));
  }
  return g_.call(number_);
}

ExprId JsonValues::fixed(const nlohmann::ordered_json& value) {
  if (value.is_string()) return quoted(value.get_ref<const std::string&>());
  if (!value.is_structured()) return g_.literal(value.dump());
  const bool object = value.is_object();
  std::vector<ExprId> parts{g_.literal(object ? "{" : "["), space()};
  bool first = true;
  for (const auto& [key, item] : value.items()) {
    if (!first) parts.push_back(comma());
    first = false;
    if (object) {
      parts.push_back(quoted(key));
      parts.push_back(colon());
    }
    parts.push_back(fixed(item));
  }
  if (!first) parts.push_back(space());
  parts.push_back(g_.literal(object ? "}" : "]"));
  return g_.sequence(std::move(parts));
}

}  // namespace jaju::grammar
