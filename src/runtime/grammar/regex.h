// Regular expressions in ECMAScript's notation (with its `u` flag), as automata: alternation, groups,
// classes, greedy and lazy repetition, ^ and $ for the ends of the text, \d \w \s, \p{L} and the other
// general categories. What an automaton cannot do in linear time is refused by name: back-references,
// look-around, \b, flags.
#pragma once

#include <string>
#include <string_view>

#include "runtime/grammar/expr.h"

namespace jaju::grammar {

class JsonValues;

// The whole text is one match. Sets g.root; errors in g.work().
void add_regex(Grammar& g, std::string_view text);

// The expression, with unresolved ^ and $. With `json`: over the characters inside a JSON string, in their
// one spelling (JsonValues::character). `where` begins messages ("regex", "schema #/properties/a/pattern").
ExprId parse_regex(Grammar& g, std::string_view text, JsonValues* json, const std::string& where);

// What JSON Schema means by `pattern`: a match anywhere in the string's characters. No quotes. Null when it
// needs too many states; errors in g.work().
std::shared_ptr<const Dfa> pattern_automaton(Grammar& g, std::string_view text, JsonValues& json,
                                             const std::string& where);

}  // namespace jaju::grammar
