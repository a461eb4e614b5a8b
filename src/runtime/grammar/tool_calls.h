// GrammarKind::tool_calls (grammar.h): a series of tool calls, or free text that may turn into one.
#pragma once

#include <string_view>

#include "runtime/grammar/expr.h"

namespace jaju::grammar {

// Sets g.root; errors in g.work().
void add_tool_calls(Grammar& g, std::string_view text);

}  // namespace jaju::grammar
