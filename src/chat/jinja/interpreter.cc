#include "chat/jinja/interpreter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "chat/jinja/builtins.h"

namespace jaju::jinja {

constexpr size_t kIndexFrom = 32;  // names in one scope

Interpreter::Entered::Entered(Interpreter& in) : in_(in) {
  if (in.depth_ >= in.limits_.max_depth) {
    throw TemplateError(
        fmt::format("evaluation nests deeper than {} levels; a macro may call itself", in.limits_.max_depth));
  }
  in.charge(1);
  ++in.depth_;
}

Interpreter::Interpreter(const Limits& limits, int64_t now) : limits_(limits), now_(now) {
  push_scope(nullptr);
  define_globals(*this);
}

Interpreter::~Interpreter() {
  scopes_.clear();
  kept_.clear();
  // All of them are still held here, so no namespace dies inside another: no recursion, no cycle left.
  for (auto& space : namespaces_) space->attributes.clear();
}

void Interpreter::define(const std::string& name, Value value) {
  assign(name, std::move(value));
}

void Interpreter::charge(int64_t steps) {
  steps_ += steps;
  if (steps_ > limits_.max_steps) {
    throw TemplateError(fmt::format("the template takes more than {} steps", limits_.max_steps));
  }
}

void Interpreter::charge(const Args& args) {
  for (const Value& value : args.positional) charge(value.weight());
  charge(static_cast<int64_t>(args.named.size()));
  for (const auto& argument : args.named) charge(argument.second.weight());
}

void Interpreter::charge_bytes(size_t bytes) {
  bytes_ += static_cast<int64_t>(bytes);
  if (bytes_ > limits_.max_string_bytes) {
    throw TemplateError(
        fmt::format("the template makes more than {} bytes of strings", limits_.max_string_bytes));
  }
  charge(1 + static_cast<int64_t>(bytes / 256));
}

Text Interpreter::run(const Body& body) {
  push_scope(scope_);  // variables set by the template do not touch the globals
  return capture(body);
}

Value Interpreter::new_namespace() {
  auto space = std::make_shared<Namespace>();
  namespaces_.push_back(space);
  return Value(NamespacePtr(std::move(space)));
}

// ---- scopes

void Interpreter::push_scope(Scope* parent) {
  scopes_.push_back(std::make_unique<Scope>());
  scope_ = scopes_.back().get();
  scope_->parent = parent;
}

void Interpreter::pop_scope() {
  if (scopes_.back()->captured) kept_.push_back(std::move(scopes_.back()));
  scopes_.pop_back();
}

// A request may bring many variables: looking one up may not take longer with each.
Value* Interpreter::Scope::find(const std::string& name) {
  if (index.empty()) {
    for (auto& [key, value] : names) {
      if (key == name) return &value;
    }
    return nullptr;
  }
  auto it = index.find(name);
  return it == index.end() ? nullptr : &names[it->second].second;
}

const Value* Interpreter::lookup(const std::string& name) const {
  for (Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    if (const Value* value = scope->find(name)) return value;
  }
  return nullptr;
}

void Interpreter::assign(const std::string& name, Value value) {
  if (Value* old = scope_->find(name)) {
    *old = std::move(value);
    return;
  }
  scope_->names.emplace_back(name, std::move(value));
  const size_t n = scope_->names.size();
  if (n < kIndexFrom) return;
  for (size_t i = n == kIndexFrom ? 0 : n - 1; i < n; ++i) scope_->index.emplace(scope_->names[i].first, i);
}

void Interpreter::assign(const Target& target, const Value& value) {
  if (!target.fields.empty()) {
    std::vector<Value> items = iterate_charged(value);
    if (items.size() != target.fields.size()) {
      throw TemplateError(
          fmt::format("{} values can not be unpacked into {} names", items.size(), target.fields.size()));
    }
    for (size_t i = 0; i < items.size(); ++i) assign(target.fields[i], items[i]);
  } else if (!target.attribute.empty()) {
    const Value* space = lookup(target.name);
    if (space == nullptr || !space->is_namespace()) {
      throw TemplateError(fmt::format("'{}.{}' can not be set: '{}' is not a namespace", target.name,
                                      target.attribute, target.name));
    }
    space->space().attributes.insert_or_assign(target.attribute, value);
  } else {
    assign(target.name, value);
  }
}

// ---- statements

void Interpreter::print(const Text& text) {
  printed_ += static_cast<int64_t>(text.size());
  if (printed_ > limits_.max_output_bytes) {
    throw TemplateError(fmt::format("the template writes more than {} bytes", limits_.max_output_bytes));
  }
  charge(static_cast<int64_t>(text.size() / 256));
  out_->append(text);
}

Text Interpreter::capture(const Body& body) {
  Text text;
  Text* outer = std::exchange(out_, &text);
  exec(body);
  out_ = outer;
  return text;
}

Interpreter::Flow Interpreter::exec(const Body& body) {
  for (const auto& node : body) {
    Flow flow = exec(*node);
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::exec(const Node& node) {
  Entered entered(*this);
  line_ = node.line;
  switch (node.kind) {
    case Node::Kind::text:
      print(node.value.text());
      return Flow::normal;
    case Node::Kind::output: {
      Value value = eval(*node.expr);
      charge(value.weight());
      print(to_text(value));
      return Flow::normal;
    }
    case Node::Kind::if_:
      for (const auto& branch : node.branches) {
        if (eval(*branch.condition).truthy()) return exec(branch.body);
      }
      return exec(node.else_body);
    case Node::Kind::for_:
      return exec_for(node);
    case Node::Kind::set:
      assign(node.target, eval(*node.expr));
      return Flow::normal;
    case Node::Kind::set_block: {
      Scope* outer = scope_;
      push_scope(outer);
      Text text = capture(node.body);
      pop_scope();
      scope_ = outer;
      assign(node.target, filtered(node.filters, make(std::move(text))));
      return Flow::normal;
    }
    case Node::Kind::macro: {
      assign(node.name, Value(make_macro(node)));
      return Flow::normal;
    }
    case Node::Kind::call_block:
      exec_call_block(node);
      return Flow::normal;
    case Node::Kind::filter_block: {
      Scope* outer = scope_;
      push_scope(outer);
      Text text = capture(node.body);
      pop_scope();
      scope_ = outer;
      print(to_text(filtered(node.filters, make(std::move(text)))));
      return Flow::normal;
    }
    case Node::Kind::with: {
      std::vector<Value> values;
      for (const auto& assignment : node.assignments) values.push_back(eval(*assignment.second));
      Scope* outer = scope_;
      push_scope(outer);
      for (size_t i = 0; i < values.size(); ++i) assign(node.assignments[i].first, values[i]);
      Flow flow = exec(node.body);
      pop_scope();
      scope_ = outer;
      return flow;
    }
    case Node::Kind::group:
      return exec(node.body);
    case Node::Kind::break_:
      return Flow::break_;
    case Node::Kind::continue_:
      return Flow::continue_;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::exec_for(const Node& node) {
  std::vector<Value> items = iterate_charged(eval(*node.expr));
  Scope* outer = scope_;
  if (node.filter) {
    std::vector<Value> kept;
    for (Value& item : items) {
      push_scope(outer);
      assign(node.target, item);
      if (eval(*node.filter).truthy()) kept.push_back(std::move(item));
      pop_scope();
      scope_ = outer;
    }
    items = std::move(kept);
  }
  if (items.empty()) return exec(node.else_body);
  auto loop = std::make_shared<Loop>();
  loop->items = std::move(items);
  Flow flow = Flow::normal;
  for (size_t i = 0; i < loop->items.size() && flow != Flow::break_; ++i) {
    loop->index = i;
    push_scope(outer);
    assign("loop", Value(loop));
    assign(node.target, loop->items[i]);
    flow = exec(node.body);
    pop_scope();
    scope_ = outer;
  }
  // A loop that was kept in a namespace must not hold values: loops could then nest without bound.
  loop->items.clear();
  return Flow::normal;
}

Value Interpreter::filtered(const std::vector<ExprPtr>& filters, Value value) {
  for (const auto& filter : filters) {
    value = apply_filter(*this, filter->text, value, eval_arguments(*filter));
  }
  return value;
}

// A macro keeps a pointer to the scope it was defined in.
CallablePtr Interpreter::make_macro(const Node& node) {
  for (Scope* s = scope_; s != nullptr && !s->captured; s = s->parent) s->captured = true;
  auto callable = std::make_shared<Callable>();
  callable->name = node.kind == Node::Kind::macro ? node.name : "caller";
  callable->call = [node = &node, scope = scope_](Interpreter& in, const Args& args) {
    return in.call_macro(*node, scope, args);
  };
  return callable;
}

Value Interpreter::call_macro(const Node& node, Scope* scope, const Args& args) {
  const std::string name = node.kind == Node::Kind::macro ? node.name : "caller";
  if (args.positional.size() > node.parameters.size()) {
    throw TemplateError(fmt::format("macro '{}' takes {} arguments, {} were given", name,
                                    node.parameters.size(), args.positional.size()));
  }
  for (const auto& argument : args.named) {
    bool known = argument.first == "caller" ||
                 std::any_of(node.parameters.begin(), node.parameters.end(),
                             [&](const Parameter& p) { return p.name == argument.first; });
    if (!known)
      throw TemplateError(fmt::format("macro '{}' has no argument '{}'", name, clip(argument.first)));
  }
  Scope* outer = scope_;
  push_scope(scope);
  for (size_t i = 0; i < node.parameters.size(); ++i) {
    const Parameter& parameter = node.parameters[i];
    const Value* given = args.get(i, parameter.name);
    if (given != nullptr) {
      assign(parameter.name, *given);
    } else if (parameter.fallback) {
      assign(parameter.name, eval(*parameter.fallback));
    } else {
      assign(parameter.name, Value::undefined(fmt::format("parameter '{}' was not given", parameter.name)));
    }
  }
  if (const Value* caller = args.get("caller")) assign("caller", *caller);
  Text text = capture(node.body);
  pop_scope();
  scope_ = outer;
  return make(std::move(text));
}

void Interpreter::exec_call_block(const Node& node) {
  Value callee = eval(*node.expr->items[0]);
  Args args = eval_arguments(*node.expr);
  args.named.emplace_back("caller", Value(make_macro(node)));
  print(to_text(call(callee, args)));
}

// ---- expressions

Value Interpreter::eval(const Expr& expr) {
  Entered entered(*this);
  line_ = expr.line;
  switch (expr.kind) {
    case Expr::Kind::constant:
      return expr.value;
    case Expr::Kind::name: {
      const Value* value = lookup(expr.text);
      return value != nullptr ? *value : Value::undefined(fmt::format("'{}' is undefined", expr.text));
    }
    case Expr::Kind::list:
    case Expr::Kind::tuple:
    case Expr::Kind::dict:
      return eval_collection(expr);
    case Expr::Kind::attribute:
      return attribute(eval(*expr.items[0]), expr.text);
    case Expr::Kind::subscript: {
      Value object = eval(*expr.items[0]);
      return item(object, eval(*expr.items[1]));
    }
    case Expr::Kind::slice:
      return eval_slice(expr);
    case Expr::Kind::call:
      return eval_call(expr);
    case Expr::Kind::filter: {
      Value value = eval(*expr.items[0]);
      return apply_filter(*this, expr.text, value, eval_arguments(expr));
    }
    case Expr::Kind::test: {
      Value value = eval(*expr.items[0]);
      return apply_test(*this, expr.text, value, eval_arguments(expr));
    }
    case Expr::Kind::logical_and: {
      Value left = eval(*expr.items[0]);
      return left.truthy() ? eval(*expr.items[1]) : left;
    }
    case Expr::Kind::logical_or: {
      Value left = eval(*expr.items[0]);
      return left.truthy() ? left : eval(*expr.items[1]);
    }
    case Expr::Kind::conditional:
      if (eval(*expr.items[1]).truthy()) return eval(*expr.items[0]);
      if (expr.items[2]) return eval(*expr.items[2]);
      return Value::undefined("the inline if has no else and its condition is false");
    case Expr::Kind::comparison:
      return eval_comparison(expr);
    default:
      return eval_operation(expr);
  }
}

Value Interpreter::eval_operation(const Expr& expr) {
  if (expr.kind == Expr::Kind::concat) {
    Text text;
    for (const auto& item : expr.items) {
      Value value = eval(*item);
      charge(value.weight());
      Text part = to_text(value);
      charge_bytes(part.size());
      text.append(part);
    }
    return make(std::move(text));
  }
  Value a = eval(*expr.items[0]);
  if (expr.kind == Expr::Kind::logical_not) return !a.truthy();
  if (expr.kind == Expr::Kind::binary) {
    Value b = eval(*expr.items[1]);
    return binary(expr.text, a, b);
  }
  a.require_defined();
  if (!a.is_number()) throw TemplateError(fmt::format("a {} has no sign", a.type_name()));
  if (expr.kind == Expr::Kind::plus) return a.is_float() ? Value(a.real()) : Value(a.integer());
  if (a.is_float()) return -a.real();
  if (a.integer() == std::numeric_limits<int64_t>::min()) throw TemplateError("an integer is too large");
  return -a.integer();
}

Value Interpreter::eval_collection(const Expr& expr) {
  if (expr.kind == Expr::Kind::dict) {
    Dict dict;
    for (size_t i = 0; i + 1 < expr.items.size(); i += 2) {
      Value key = eval(*expr.items[i]);
      charge(key.weight());
      dict.set(key, eval(*expr.items[i + 1]));
    }
    return Value::dict(std::move(dict));
  }
  std::vector<Value> items;
  items.reserve(expr.items.size());
  for (const auto& item : expr.items) items.push_back(eval(*item));
  return Value::list(std::move(items), expr.kind == Expr::Kind::tuple);
}

Args Interpreter::eval_arguments(const Expr& expr) {
  Args args;
  for (const Argument& argument : expr.arguments) {
    Value value = eval(*argument.value);
    if (argument.stars == 1) {
      for (Value& item : iterate_charged(value)) args.positional.push_back(std::move(item));
    } else if (argument.stars == 2) {
      if (!value.is_dict())
        throw TemplateError(fmt::format("'**' needs a dict, not a {}", value.type_name()));
      charge(value.weight());
      for (const auto& [key, item] : value.dict().items()) {
        if (!key.is_string()) throw TemplateError("the keys of a '**' argument must be strings");
        args.outside_names = args.outside_names || !key.text().trusted();
        args.named.emplace_back(key.text().bytes(), item);
      }
    } else if (argument.name.empty()) {
      args.positional.push_back(std::move(value));
    } else {
      args.named.emplace_back(argument.name, std::move(value));
    }
  }
  return args;
}

Value Interpreter::eval_call(const Expr& expr) {
  const Expr& callee = *expr.items[0];
  if (callee.kind == Expr::Kind::attribute) {
    Value object = eval(*callee.items[0]);
    if (has_method(object, callee.text)) {
      Args args = eval_arguments(expr);
      line_ = expr.line;
      return call_method(*this, object, callee.text, args);
    }
    Value function = attribute(object, callee.text);
    if (function.is_undefined()) {
      throw TemplateError(
          fmt::format("a {} has no method '{}' in chat templates", object.type_name(), callee.text));
    }
    return call(function, eval_arguments(expr));
  }
  Value function = eval(callee);
  function.require_defined();
  return call(function, eval_arguments(expr));
}

Value Interpreter::call(const Value& callee, const Args& args) {
  callee.require_defined();
  if (!callee.is_callable()) throw TemplateError(fmt::format("a {} can not be called", callee.type_name()));
  Entered entered(*this);
  return callee.callable().call(*this, args);
}

Value Interpreter::eval_comparison(const Expr& expr) {
  Value left = eval(*expr.items[0]);
  for (size_t i = 0; i < expr.operators.size(); ++i) {
    const std::string& op = expr.operators[i];
    Value right = eval(*expr.items[i + 1]);
    charge(std::max(left.weight(), right.weight()));
    bool holds;
    if (op == "==") {
      holds = equal(left, right);
    } else if (op == "!=") {
      holds = !equal(left, right);
    } else if (op == "in") {
      holds = contains(right, left);
    } else if (op == "not in") {
      holds = !contains(right, left);
    } else {
      int order = compare(left, right);
      holds = op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0;
    }
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::eval_slice(const Expr& expr) {
  Value object = eval(*expr.items[0]);
  object.require_defined();
  if (!object.is_list() && !object.is_string()) {
    throw TemplateError(fmt::format("a {} can not be sliced", object.type_name()));
  }
  const bool text = object.is_string();
  std::vector<size_t> offsets;
  if (text) {
    charge(static_cast<int64_t>(object.text().size()));
    offsets = char_offsets(object.text().bytes());
  }
  const int64_t n = static_cast<int64_t>(text ? offsets.size() - 1 : object.list().items.size());
  auto bound = [&](size_t i, int64_t fallback) {
    if (!expr.items[i]) return fallback;
    Value value = eval(*expr.items[i]);
    if (value.is_none()) return fallback;
    value.require_defined();
    if (!value.is_int() && !value.is_bool()) {
      throw TemplateError(fmt::format("a slice bound must be an integer, not a {}", value.type_name()));
    }
    return value.integer();
  };
  const int64_t step = bound(3, 1);
  if (step == 0) throw TemplateError("the step of a slice can not be zero");
  // Python's rule: negative bounds count from the end, then both are clipped to what exists.
  auto place = [&](int64_t i) {
    if (i < 0) i = std::max(i + n, static_cast<int64_t>(step < 0 ? -1 : 0));
    return std::min(i, step < 0 ? n - 1 : n);
  };
  const int64_t none = std::numeric_limits<int64_t>::min();
  int64_t from = bound(1, none), to = bound(2, none);
  from = from == none ? (step < 0 ? n - 1 : 0) : place(from);
  to = to == none ? (step < 0 ? -1 : n) : place(to);
  const int64_t count = step > 0 ? (to > from ? (to - from - 1) / step + 1 : 0)
                                 : (from > to ? (from - to - 1) / -std::max(step, -n - 1) + 1 : 0);
  charge(count);
  if (text && step == 1) {
    if (count == 0) return Value(Text());
    return make(object.text().substr(offsets[static_cast<size_t>(from)], offsets[static_cast<size_t>(to)]));
  }
  Text out;
  std::vector<Value> items;
  for (int64_t k = 0, i = from; k < count; ++k) {
    const size_t u = static_cast<size_t>(i);
    if (text) {
      out.append(object.text(), offsets[u], offsets[u + 1]);
    } else {
      items.push_back(object.list().items[u]);
    }
    if (k + 1 < count) i += step;
  }
  return text ? make(std::move(out)) : Value::list(std::move(items), object.list().tuple);
}

}  // namespace jaju::jinja
