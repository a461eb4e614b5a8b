// Runs the small Python step by step and writes the trace (mini_python.h has its shape).
#include <map>
#include <utility>

#include "data/synth/mini_python.h"
#include "data/synth/mini_python_ast.h"

namespace jaju::data {
namespace minipy {
namespace {

constexpr int kMaxSteps = 2000;
constexpr int kMaxDepth = 30;

using Scope = std::map<std::string, Value>;

bool is_plain(const Expr& e) {
  return e.kind == Expr::Kind::value || e.kind == Expr::Kind::name;
}

// Facts about numbers only are joined by "=", everything else by an arrow: "3+4=7", "5>3 → True".
bool is_arithmetic(const Expr& e) {
  switch (e.kind) {
    case Expr::Kind::value:
      return e.value.type == Value::Type::integer;
    case Expr::Kind::unary:
      return e.text == "-" && is_arithmetic(e.args[0]);
    case Expr::Kind::binary:
      return is_arithmetic(e.args[0]) && is_arithmetic(e.args[1]);
    case Expr::Kind::call:
    case Expr::Kind::index:
      return true;
    default:
      return false;
  }
}

enum class Flow { next, give, leave, skip };

class Machine {
 public:
  PythonRun run(std::string_view source) {
    const std::vector<Stmt> program = parse(source);
    Value unused;
    if (execute(program, globals_, "", unused, true) != Flow::next)
      throw Error("flow outside a loop or function");
    while (!trace_.empty() && (trace_.back() == '\n' || trace_.back() == ' ')) trace_.pop_back();
    return {output_, trace_};
  }

 private:
  void tick() {
    if (++steps_ > kMaxSteps || trace_.size() > 4000) throw Error("too many steps");
  }

  // --- The trace: clauses on a line, joined by ", " once the line has one. ---
  void new_line() {
    if (!trace_.empty() && trace_.back() != '\n') trace_ += '\n';
    fresh_ = true;
  }
  void heading(const std::string& text) {  // starts a line: "i=0:"
    new_line();
    trace_ += text;
    fresh_ = true;
    headed_ = true;
  }
  void begin_clause() {
    if (!fresh_)
      trace_ += ", ";
    else if (headed_)
      trace_ += ' ';
    fresh_ = false;
    headed_ = false;
  }
  void clause(const std::string& text) {
    begin_clause();
    trace_ += text;
  }
  void working(const std::string& note) {  // a line of its own
    new_line();
    trace_ += note;
    new_line();
    headed_ = false;
  }

  // --- Expressions. ---
  const Value* find(const std::string& name, const Scope& scope) const {
    if (const auto it = scope.find(name); it != scope.end()) return &it->second;
    if (const auto it = globals_.find(name); it != globals_.end()) return &it->second;
    return nullptr;
  }
  const Value& value_of(const Expr& e, const Scope& scope) const {
    if (e.kind == Expr::Kind::value) return e.value;
    const Value* v = find(e.text, scope);
    if (v == nullptr) throw Error("name " + e.text + " is not defined");
    return *v;
  }

  // Names become their values; lists and dicts keep their names, which are shorter.
  void substitute(Expr& e, const Scope& scope) {
    if (e.kind == Expr::Kind::name) {
      const Value& v = value_of(e, scope);
      if (!v.is_container()) {
        Value copy = v;
        e = {Expr::Kind::value, "", std::move(copy), {}};
      }
      return;
    }
    if (e.kind == Expr::Kind::comprehend) return;  // has a scope of its own
    for (Expr& part : e.args) substitute(part, scope);
    fold(e);
  }
  static void become(Expr& e, Value v) {
    Expr made;
    made.kind = Expr::Kind::value;
    made.value = std::move(v);
    e = std::move(made);
  }
  // A display whose parts are all values is a value: no step of its own.
  static void fold(Expr& e) {
    if (e.kind != Expr::Kind::list && e.kind != Expr::Kind::dict) return;
    for (const Expr& part : e.args) {
      if (part.kind != Expr::Kind::value) return;
    }
    std::vector<Value> items;
    for (Expr& part : e.args) items.push_back(std::move(part.value));
    if (e.kind == Expr::Kind::dict) {
      for (size_t i = 0; i < items.size(); i += 2) {
        for (size_t k = 0; k < i; k += 2) {
          if (equal(items[i], items[k])) throw Error("a key twice");
        }
      }
      become(e, Value::of_dict(std::move(items)));
    } else {
      become(e, Value::of_list(std::move(items)));
    }
  }

  // Does the leftmost innermost step of `e`; false when there is none left. `note`: its working, if any.
  // `wrote`: the step wrote lines itself (a call, a comprehension).
  bool reduce(Expr& e, Scope& scope, std::string& note, bool& wrote) {
    if (is_plain(e) || e.kind == Expr::Kind::absent) return false;
    tick();
    switch (e.kind) {
      case Expr::Kind::boolean: {
        if (reduce(e.args[0], scope, note, wrote)) return true;
        const bool left = truthy(value_of(e.args[0], scope));
        Expr kept = left == (e.text == "and") ? std::move(e.args[1]) : std::move(e.args[0]);
        e = std::move(kept);
        return true;
      }
      case Expr::Kind::choice: {
        if (reduce(e.args[1], scope, note, wrote)) return true;
        Expr kept = std::move(e.args[truthy(value_of(e.args[1], scope)) ? 0 : 2]);
        e = std::move(kept);
        return true;
      }
      case Expr::Kind::comprehend:
        comprehend(e, scope);
        wrote = true;
        return true;
      default:
        break;
    }
    for (Expr& part : e.args) {
      if (reduce(part, scope, note, wrote)) {
        fold(e);
        return true;
      }
    }
    std::vector<Value> args;
    for (const Expr& part : e.args) {
      args.push_back(part.kind == Expr::Kind::absent ? Value{} : value_of(part, scope));
    }
    const auto given = [&](size_t i) { return e.args[i].kind == Expr::Kind::absent ? nullptr : &args[i]; };
    switch (e.kind) {
      case Expr::Kind::unary:
        if (e.text == "not") {
          become(e, Value::of_bool(!truthy(args[0])));
        } else {
          if (!args[0].is_number()) throw Error("wrong type for -");
          become(e, Value::of(-args[0].number));
        }
        return true;
      case Expr::Kind::binary:
        become(e, apply_binary(e.text, args[0], args[1], note));
        return true;
      case Expr::Kind::compare:
        become(e, apply_compare(e.text, args[0], args[1], note));
        return true;
      case Expr::Kind::index:
        become(e, apply_index(args[0], args[1], note));
        return true;
      case Expr::Kind::slice:
        become(e, apply_slice(args[0], given(1), given(2), given(3), note));
        return true;
      case Expr::Kind::method: {
        const Value object = args[0];
        args.erase(args.begin());
        bool changed = false;
        become(e, apply_method(e.text, object, args, note, changed));
        return true;
      }
      case Expr::Kind::call: {
        if (functions_.contains(e.text)) {
          become(e, call(e.text, args));
          wrote = true;
        } else if (is_builtin(e.text)) {
          become(e, apply_builtin(e.text, args, note));
        } else {
          throw Error("unknown function " + e.text);
        }
        return true;
      }
      case Expr::Kind::list:
      case Expr::Kind::dict: {  // holds names of containers: take their values
        for (size_t i = 0; i < e.args.size(); ++i) become(e.args[i], args[i]);
        fold(e);
        return true;
      }
      default:
        throw Error("cannot evaluate");
    }
  }

  // Writes "prefix" and the reductions of `e`; gives its value. With `silent_end`, a value reached right
  // after working is not written again (the caller writes it in its own clause).
  Value evaluate(Expr e, Scope& scope, const std::string& prefix, bool silent_end = false) {
    substitute(e, scope);
    begin_clause();
    trace_ += prefix + to_text(e);
    for (;;) {
      const bool arithmetic = is_arithmetic(e);
      std::string note;
      bool wrote = false;
      if (!reduce(e, scope, note, wrote)) break;
      if (wrote || !note.empty()) {
        if (!note.empty())
          working(note);
        else
          new_line();
        headed_ = false;
        if (is_plain(e) && silent_end) break;
        begin_clause();
        trace_ += prefix + to_text(e);
      } else {
        trace_ += (arithmetic && is_arithmetic(e) ? "=" : " → ") + to_text(e);
      }
    }
    Value v = value_of(e, scope);
    // A container kept its name: say what it holds, when the line is about it.
    if (e.kind == Expr::Kind::name && !prefix.empty()) trace_ += " → " + repr(v);
    return v;
  }

  // Values without a trace when there is nothing to do.
  Value quiet_or(Expr e, Scope& scope, const std::string& prefix) {
    Expr copy = e;
    substitute(copy, scope);
    if (is_plain(copy)) return value_of(copy, scope);
    return evaluate(std::move(e), scope, prefix, true);
  }

  void comprehend(Expr& e, Scope& scope) {
    Expr iterable = e.args[1];
    substitute(iterable, scope);
    new_line();
    const std::vector<Value> items = iterate(iterable, scope, e.text);
    Scope inner = scope;
    std::vector<Value> made;
    for (const Value& item : items) {
      inner[e.text] = item;
      heading(e.text + "=" + repr(item) + ":");
      if (e.args.size() > 2 && !truthy(evaluate(e.args[2], inner, ""))) continue;
      Expr element = e.args[0];
      substitute(element, inner);
      made.push_back(is_plain(element) ? evaluate(e.args[0], inner, "take ")
                                       : evaluate(e.args[0], inner, ""));
    }
    new_line();
    headed_ = false;
    become(e, Value::of_list(std::move(made)));
  }

  // The elements a loop will see, written as "i: 0 1 2".
  std::vector<Value> iterate(const Expr& iterable, Scope& scope, const std::string& variable) {
    // range(...) of plain values is no step of its own: the list of its numbers says it.
    Expr e = iterable;
    substitute(e, scope);
    bool simple = is_plain(e);
    if (e.kind == Expr::Kind::call && e.text == "range") {
      simple = true;
      for (const Expr& part : e.args) simple = simple && is_plain(part);
    }
    Value v;
    if (simple && e.kind == Expr::Kind::call) {
      std::vector<Value> args;
      for (const Expr& part : e.args) args.push_back(value_of(part, scope));
      std::string note;
      v = apply_builtin("range", args, note);
    } else if (simple) {
      v = value_of(e, scope);
    } else if (e.kind == Expr::Kind::call && e.text == "range") {
      // The bounds first: "len(a)" in range(len(a)).
      std::vector<Value> args;
      for (const Expr& part : e.args) args.push_back(quiet_or(part, scope, ""));
      std::string note;
      v = apply_builtin("range", args, note);
    } else {
      v = evaluate(e, scope, "", true);
    }
    std::vector<Value> items;
    if (v.type == Value::Type::text) {
      for (const char c : v.text) items.push_back(Value::of_text(std::string(1, c)));
    } else if (v.type == Value::Type::dict) {
      for (size_t i = 0; i < v.items->size(); i += 2) items.push_back((*v.items)[i]);
    } else if (v.type == Value::Type::list) {
      items = *v.items;
    } else {
      throw Error("cannot loop over this");
    }
    new_line();
    trace_ += variable + ":";
    for (const Value& item : items) trace_ += " " + (v.type == Value::Type::text ? item.text : repr(item));
    if (items.empty()) trace_ += " -";
    new_line();
    headed_ = false;
    return items;
  }

  Value call(const std::string& name, const std::vector<Value>& args) {
    const Stmt& function = *functions_.at(name);
    if (args.size() != function.params.size()) throw Error("wrong number of arguments");
    if (++depth_ > kMaxDepth) throw Error("too deep");
    Scope locals;
    heading(name + ":");
    for (size_t i = 0; i < args.size(); ++i) {
      locals[function.params[i]] = args[i];
      clause(function.params[i] + "=" + repr(args[i]));
    }
    Value result;
    execute(function.bodies[0], locals, "", result, false);
    new_line();
    headed_ = false;
    --depth_;
    return result;
  }

  // --- Statements. ---
  void store(const Expr& target, Scope& scope, Value v) {
    if (target.kind == Expr::Kind::name) {
      scope[target.text] = std::move(v);
      return;
    }
    const Value& object = value_of(target.args[0], scope);
    const Value index = quiet_or(target.args[1], scope, "");
    if (object.type == Value::Type::dict) {
      for (size_t i = 0; i < object.items->size(); i += 2) {
        if (equal((*object.items)[i], index)) {
          (*object.items)[i + 1] = std::move(v);
          return;
        }
      }
      object.items->push_back(index);
      object.items->push_back(std::move(v));
      return;
    }
    if (object.type != Value::Type::list || !index.is_number()) throw Error("cannot assign to this");
    const auto size = static_cast<int64_t>(object.items->size());
    const int64_t i = index.number < 0 ? index.number + size : index.number;
    if (i < 0 || i >= size) throw Error("index out of range");
    (*object.items)[static_cast<size_t>(i)] = std::move(v);
  }

  void show_changed(const Expr& owner, Scope& scope) {
    if (owner.kind == Expr::Kind::name) clause(owner.text + "=" + repr(value_of(owner, scope)));
  }

  // At the top level each statement has a line of its own; inside, a line is an iteration or a call.
  Flow execute(const std::vector<Stmt>& body, Scope& scope, const std::string& prefix, Value& result,
               bool top) {
    for (const Stmt& s : body) {
      tick();
      if (top) {
        new_line();
        headed_ = false;
      }
      const Flow flow = one(s, scope, prefix, result);
      if (flow != Flow::next) return flow;
    }
    return Flow::next;
  }

  Flow one(const Stmt& s, Scope& scope, const std::string& prefix, Value& result) {
    switch (s.kind) {
      case Stmt::Kind::pass:
        return Flow::next;
      case Stmt::Kind::leave:
        clause("break");
        return Flow::leave;
      case Stmt::Kind::skip:
        clause("continue");
        return Flow::skip;
      case Stmt::Kind::define:
        functions_[s.text] = &s;
        return Flow::next;
      case Stmt::Kind::give:
        result = evaluate(s.exprs[0], scope, "return ");
        return Flow::give;
      case Stmt::Kind::assign: {
        if (s.targets.size() == 1 && s.targets[0].kind == Expr::Kind::name) {
          scope[s.targets[0].text] = evaluate(s.exprs[0], scope, s.targets[0].text + "=");
          return Flow::next;
        }
        std::vector<Value> values;  // all of them before the first is stored
        for (const Expr& e : s.exprs) values.push_back(quiet_or(e, scope, ""));
        for (size_t i = 0; i < values.size(); ++i) {
          const Expr& target = s.targets[i];
          store(target, scope, values[i]);
          show_changed(target.kind == Expr::Kind::index ? target.args[0] : target, scope);
        }
        return Flow::next;
      }
      case Stmt::Kind::augment: {
        Expr sum{Expr::Kind::binary, s.text, {}, {s.targets[0], s.exprs[0]}};
        if (s.targets[0].kind == Expr::Kind::name) {
          scope[s.targets[0].text] = evaluate(std::move(sum), scope, s.targets[0].text + "=");
        } else {
          Value v = evaluate(std::move(sum), scope, "", true);
          store(s.targets[0], scope, std::move(v));
          show_changed(s.targets[0].args[0], scope);
        }
        return Flow::next;
      }
      case Stmt::Kind::expression: {
        const Expr& e = s.exprs[0];
        if (e.kind == Expr::Kind::method) {
          method_statement(e, scope);
        } else {
          evaluate(e, scope, "", true);
        }
        return Flow::next;
      }
      case Stmt::Kind::print: {
        std::string line;
        for (const Expr& e : s.exprs) line += (line.empty() ? "" : " ") + str(quiet_or(e, scope, ""));
        clause("print " + line);
        output_ += (printed_ ? "\n" : "") + line;
        printed_ = true;
        return Flow::next;
      }
      case Stmt::Kind::branch: {
        for (size_t i = 0; i < s.bodies.size(); ++i) {
          if (i < s.exprs.size() && !truthy(evaluate(s.exprs[i], scope, ""))) continue;
          return execute(s.bodies[i], scope, prefix, result, false);
        }
        return Flow::next;
      }
      case Stmt::Kind::loop: {
        const std::vector<Value> items = iterate(s.exprs[0], scope, s.text);
        for (const Value& item : items) {
          scope[s.text] = item;
          const std::string here = prefix + (prefix.empty() ? "" : " ") + s.text + "=" + repr(item);
          heading(here + ":");
          const Flow flow = execute(s.bodies[0], scope, here, result, false);
          if (flow == Flow::give) return flow;
          if (flow == Flow::leave) break;
        }
        new_line();
        headed_ = false;
        return Flow::next;
      }
      case Stmt::Kind::repeat: {
        for (;;) {
          tick();
          new_line();
          headed_ = false;
          if (!truthy(evaluate(s.exprs[0], scope, ""))) break;
          const Flow flow = execute(s.bodies[0], scope, prefix, result, false);
          if (flow == Flow::give) return flow;
          if (flow == Flow::leave) break;
        }
        new_line();
        return Flow::next;
      }
    }
    return Flow::next;
  }

  // a.append(x): the argument's working, then what the list holds now.
  void method_statement(const Expr& e, Scope& scope) {
    Expr copy = e;
    if (copy.args[0].kind != Expr::Kind::name) throw Error("a method on its own needs a name");
    std::vector<Value> args;
    for (size_t i = 1; i < e.args.size(); ++i) args.push_back(quiet_or(e.args[i], scope, ""));
    std::string note;
    bool changed = false;
    const Value object = value_of(e.args[0], scope);
    apply_method(e.text, object, args, note, changed);
    if (!note.empty()) working(note);
    if (changed) show_changed(e.args[0], scope);
  }

  Scope globals_;
  std::map<std::string, const Stmt*> functions_;
  std::string output_;
  std::string trace_;
  bool printed_ = false;
  bool fresh_ = true;    // no clause on this line yet
  bool headed_ = false;  // the line starts with "i=0:"
  int steps_ = 0;
  int depth_ = 0;
};

}  // namespace
}  // namespace minipy

Result<PythonRun> run_mini_python(std::string_view source) {
  try {
    return minipy::Machine().run(source);
  } catch (const minipy::Error& error) {
    return Status::error(std::string("mini Python: ") + error.what());
  }
}

}  // namespace jaju::data
