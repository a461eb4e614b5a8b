// Runs a syntax tree. Nothing is reachable but the values given: no files, no attributes of C++ objects, no
// clock except strftime_now. Every budget that runs out is a TemplateError.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "chat/jinja/ast.h"
#include "chat/jinja/template.h"
#include "chat/jinja/value.h"

namespace jaju::jinja {

// The variable `loop` of one for statement.
struct Loop {
  std::vector<Value> items;  // emptied when the loop ends
  size_t index = 0;
};

class Interpreter {
 public:
  Interpreter(const Limits& limits, int64_t now);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  void define(const std::string& name, Value value);
  Text run(const Body& body);
  // Line of the statement or expression that ran last.
  int line() const { return line_; }
  int64_t now() const { return now_; }

  // One level of recursion: counts against the depth budget while it lives.
  class Entered {
   public:
    explicit Entered(Interpreter& in);
    ~Entered() { --in_.depth_; }
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

   private:
    Interpreter& in_;
  };

  // Budgets. Work that grows with a value charges its weight or its bytes before it is done.
  void charge(int64_t steps);
  void charge(const Args& args);
  void charge_bytes(size_t bytes);
  // A string made by the template.
  Value make(Text text) {
    charge_bytes(text.size() + 16 * text.runs());  // what it really holds
    return Value(std::move(text));
  }
  std::vector<Value> iterate_charged(const Value& value) {
    charge(value.weight() + (value.is_string() ? 4 * static_cast<int64_t>(value.text().size()) : 0));
    return iterate(value);
  }

  Value call(const Value& callee, const Args& args);
  // object.name and object[key], undefined when there is no such thing.
  Value attribute(const Value& object, const std::string& name);
  Value item(const Value& object, const Value& key);
  Value binary(const std::string& op, const Value& a, const Value& b);
  Value new_namespace();

 private:
  struct Scope {
    Scope* parent = nullptr;
    std::vector<std::pair<std::string, Value>> names;
    std::unordered_map<std::string, size_t> index;  // name -> position, once there are many
    bool captured = false;                          // a macro refers to it: it lives until the end
    Value* find(const std::string& name);
  };
  enum class Flow { normal, break_, continue_ };

  void push_scope(Scope* parent);
  void pop_scope();
  const Value* lookup(const std::string& name) const;
  void assign(const std::string& name, Value value);
  void assign(const Target& target, const Value& value);

  Flow exec(const Body& body);
  Flow exec(const Node& node);
  Flow exec_for(const Node& node);
  void exec_call_block(const Node& node);
  Text capture(const Body& body);
  void print(const Text& text);
  Value filtered(const std::vector<ExprPtr>& filters, Value value);
  CallablePtr make_macro(const Node& node);
  Value call_macro(const Node& node, Scope* scope, const Args& args);

  Value eval(const Expr& expr);
  Value eval_operation(const Expr& expr);
  Value eval_collection(const Expr& expr);
  Value eval_call(const Expr& expr);
  Value eval_slice(const Expr& expr);
  Value eval_comparison(const Expr& expr);
  Args eval_arguments(const Expr& expr);

  const Limits limits_;
  const int64_t now_;
  int64_t steps_ = 0;
  int64_t bytes_ = 0;
  int64_t printed_ = 0;
  int depth_ = 0;
  int line_ = 0;
  std::vector<std::unique_ptr<Scope>> scopes_;  // a stack
  std::vector<std::unique_ptr<Scope>> kept_;    // captured ones that were left
  Scope* scope_ = nullptr;
  std::vector<NamespacePtr> namespaces_;  // emptied at the end: only namespaces can form cycles
  Text* out_ = nullptr;
};

}  // namespace jaju::jinja
