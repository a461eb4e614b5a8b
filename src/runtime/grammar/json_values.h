// JSON as expressions: strings, numbers, values of any shape, and the white space between them.
//
// White space: none but an optional space after ':', and after '{', '[', ',' and before '}', ']' an optional
// space or a line break with at most 64 spaces or 16 tabs. Models write both compact and indented JSON; none
// of it can go on forever.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string_view>

#include "runtime/grammar/expr.h"

namespace jaju::grammar {

// Digits of numbers without bounds, so that they end and fit int64 and double everywhere.
inline constexpr int32_t kIntegerDigits = 18, kFractionDigits = 18, kExponentDigits = 2;

// Makes rules in one grammar, each once.
class JsonValues {
 public:
  explicit JsonValues(Grammar& g) : g_(g) {}

  ExprId space();  // optional; after { [ , and before } ]
  ExprId colon();  // ": "
  ExprId comma();  // ", " or a line break

  ExprId any_value() { return g_.call(any_value_rule()); }
  RuleId any_object();
  ExprId any_array();

  // Any string, every escape JSON has; no lone surrogates.
  ExprId any_string();
  // `min` to `max` characters (Unicode's, a pair of escapes is one).
  ExprId string_of_length(int32_t min, int32_t max);
  // One character of a string in its one spelling: escaped only where it must be (\n or \u001f, never \/ or
  // \u0041).
  ExprId character(const CodePointSet& set);
  // The same for a fixed text, without quotes.
  ExprId characters(std::string_view utf8);
  ExprId quoted(std::string_view utf8);

  ExprId number();
  ExprId integer();
  // Exactly this value, its white space free; numbers and strings in one spelling.
  ExprId fixed(const nlohmann::ordered_json& value);

 private:
  RuleId any_value_rule();
  ExprId full_character();
  ExprId list(std::string_view open, ExprId item, std::string_view close);

  Grammar& g_;
  RuleId space_ = -1, value_ = -1, object_ = -1, array_ = -1, string_ = -1, number_ = -1, integer_ = -1;
};

}  // namespace jaju::grammar
