// The syntax tree of the small Python (mini_python.h) and its values. Internal to mini_python_*.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jaju::data::minipy {

// Ends a run; caught in run_mini_python.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Value {
  enum class Type { none, integer, boolean, text, list, dict };
  Type type = Type::none;
  int64_t number = 0;  // integer, boolean
  std::string text;    // text
  std::shared_ptr<std::vector<Value>>
      items;  // list; dict: key, value, key, value (shared: Python's references)

  static Value of(int64_t n) { return {Type::integer, n, {}, nullptr}; }
  static Value of_bool(bool b) { return {Type::boolean, b ? 1 : 0, {}, nullptr}; }
  static Value of_text(std::string s) { return {Type::text, 0, std::move(s), nullptr}; }
  static Value of_list(std::vector<Value> v) {
    return {Type::list, 0, {}, std::make_shared<std::vector<Value>>(std::move(v))};
  }
  static Value of_dict(std::vector<Value> v) {
    return {Type::dict, 0, {}, std::make_shared<std::vector<Value>>(std::move(v))};
  }
  bool is_number() const { return type == Type::integer || type == Type::boolean; }
  bool is_container() const { return type == Type::list || type == Type::dict; }
};

bool truthy(const Value& v);
bool equal(const Value& a, const Value& b);
bool less(const Value& a, const Value& b);  // numbers or texts; throws Error otherwise
std::string repr(const Value& v);           // as Python's repr
std::string str(const Value& v);            // as Python's str

struct Expr {
  enum class Kind {
    absent,      // a part left out (of a slice)
    value,       // value
    name,        // text
    unary,       // text: "-", "not"; args[0]
    binary,      // text: + - * // % **; args[0..1]
    compare,     // text: < <= > >= == != "in" "not in"; args[0..1]
    boolean,     // text: "and", "or"; args[0..1]
    choice,      // args: then, condition, else
    call,        // text: function; args
    method,      // text: method; args[0]: object, then the arguments
    index,       // args: object, index
    slice,       // args: object, start, stop, step (each may be absent)
    list,        // args
    dict,        // args: key, value, key, value
    comprehend,  // text: variable; args: element, iterable, [condition]
  };
  Kind kind = Kind::absent;
  std::string text;
  Value value;
  std::vector<Expr> args;
};

struct Stmt {
  enum class Kind {
    assign,
    augment,
    expression,
    print,
    branch,
    loop,
    repeat,
    define,
    give,
    leave,
    skip,
    pass
  };
  Kind kind = Kind::pass;
  std::string text;                       // name of the function or the loop variable; operator of augment
  std::vector<Expr> targets;              // assign (several: a, b = b, a), augment: names or indexes
  std::vector<Expr> exprs;                // value; print arguments; loop iterable; conditions of a branch
  std::vector<std::vector<Stmt>> bodies;  // branch: one per condition, then else; loop, repeat, define: one
  std::vector<std::string> params;        // define
};

std::vector<Stmt> parse(std::string_view source);  // throws Error

// As written in a trace: no spaces round arithmetic and comparisons, parentheses only where needed.
std::string to_text(const Expr& e);

// Binary operators, comparisons, built-ins and methods on values (mini_python_builtins.cc). `note`, when not
// left empty, is the line of working that derives the result. All throw Error.
Value apply_binary(const std::string& op, const Value& a, const Value& b, std::string& note);
Value apply_compare(const std::string& op, const Value& a, const Value& b, std::string& note);
Value apply_index(const Value& object, const Value& index, std::string& note);
// Bounds that are absent are nullptr.
Value apply_slice(const Value& object, const Value* start, const Value* stop, const Value* step,
                  std::string& note);
bool is_builtin(std::string_view name);
Value apply_builtin(const std::string& name, const std::vector<Value>& args, std::string& note);
// May change `object`'s items (append, pop, sort, ...): `changed` says so.
Value apply_method(const std::string& name, const Value& object, const std::vector<Value>& args,
                   std::string& note, bool& changed);

}  // namespace jaju::data::minipy
