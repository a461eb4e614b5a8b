// Syntax tree of a template. Plain data; depth is bounded by the parser (kMaxTreeDepth), so recursion over it
// is safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "chat/jinja/value.h"

namespace jaju::jinja {

struct Expr;
struct Node;
using ExprPtr = std::unique_ptr<Expr>;
using Body = std::vector<std::unique_ptr<Node>>;

struct Argument {
  std::string name;  // empty: positional
  ExprPtr value;
  int stars = 0;  // 1: *list, 2: **dict
};

struct Expr {
  enum class Kind {
    constant,     // value
    name,         // text
    list,         // items
    tuple,        // items
    dict,         // items: key, value, key, value
    attribute,    // items[0].text
    subscript,    // items[0][items[1]]
    slice,        // items[0][items[1]:items[2]:items[3]], each may be null
    call,         // items[0](arguments)
    filter,       // items[0] | text(arguments); items[0] is null in a filter block
    test,         // items[0] is text(arguments)
    negate,       // -items[0]
    plus,         // +items[0]
    logical_not,  // not items[0]
    logical_and,
    logical_or,
    binary,       // items[0] text items[1]; text is the operator
    concat,       // items ~ ...
    comparison,   // items[0] operators[0] items[1] operators[1] ...
    conditional,  // items[0] if items[1] else items[2] (may be null)
  };
  Kind kind;
  int line = 0;
  int depth = 1;
  std::string text;
  Value value;
  std::vector<ExprPtr> items;
  std::vector<Argument> arguments;
  std::vector<std::string> operators;
};

// What an assignment or a loop fills: names, possibly nested in tuples, or one namespace attribute.
struct Target {
  std::string name;
  std::string attribute;       // name.attribute
  std::vector<Target> fields;  // a tuple; `name` is empty
};

struct Parameter {
  std::string name;
  ExprPtr fallback;  // null: undefined when not given
};

struct Node {
  enum class Kind {
    text,          // value: literal text
    output,        // expr
    if_,           // branches, else_body
    for_,          // target, expr, filter, body, else_body
    set,           // target, expr
    set_block,     // target, filters (outermost last), body
    macro,         // name, parameters, body
    call_block,    // expr (a call), parameters, body
    filter_block,  // filters, body
    with,          // assignments, body
    group,         // body (generation)
    break_,
    continue_,
  };
  struct Branch {
    ExprPtr condition;
    Body body;
  };
  Kind kind;
  int line = 0;
  Value value;
  std::string name;
  ExprPtr expr;
  ExprPtr filter;
  Target target;
  std::vector<Branch> branches;
  std::vector<ExprPtr> filters;
  std::vector<Parameter> parameters;
  std::vector<std::pair<Target, ExprPtr>> assignments;
  Body body;
  Body else_body;
};

}  // namespace jaju::jinja
