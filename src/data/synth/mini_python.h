// A small Python, enough for the snippets of the code families, that writes down what it does.
//
// The trace is small-step: names are replaced by their values, then one operation is done at a time, so that
// every step copies a line and looks up one fact. What needs more than one fact (a long addition, a call, an
// index) stands on lines of its own, after which the expression is written again with the result in its
// place:
//   x=3                       x = 3
//   y=3*2+4=6+4=10            y = x * 2 + 4
//   i: 0 1 2                  for i in range(3):
//   i=0: s=0+0=0                  s += i
//   f: n=3, return 3*2=6      a call of f(3)
//   print 10                  print(y)
//
// Known: int, bool, str, list, dict, None; assignments, if/elif/else, for, while, break, continue, def,
// return, print; one-generator list comprehensions; the built-ins and methods listed in
// mini_python_builtins.cc. Where it accepts a program, it prints what CPython prints
// (tests/data/python_oracle.py compares them).
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace jaju::data {

struct PythonRun {
  std::string output;  // what print wrote, without the last line break
  std::string trace;   // lines; no white space at either end
};

// For text of our own making: nesting is not bounded. Fails on anything outside the subset, on a Python
// error, and after 2,000 steps.
Result<PythonRun> run_mini_python(std::string_view source);

}  // namespace jaju::data
