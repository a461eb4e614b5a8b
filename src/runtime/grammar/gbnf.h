// GBNF, the grammar notation that llama.cpp's users know.
//
//   root   ::= "answer: " number ("," ws number)*   # a comment
//   number ::= "-"? [0-9]{1,9}
//   ws     ::= [ \t\n]?
//
// Literals and classes take the escapes \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH (characters, not bytes);
// `.` is any character; * + ? {m} {m,} {m,n} repeat what stands before them. A rule ends with its line,
// except inside parentheses and after `|` or `::=`. Refused, with the line: unknown or doubly defined rules,
// no `root`, left recursion (named by lower()), token references such as <think>.
#pragma once

#include <string_view>

#include "runtime/grammar/expr.h"

namespace jaju::grammar {

// Sets g.root; errors in g.work().
void add_gbnf(Grammar& g, std::string_view text);

}  // namespace jaju::grammar
