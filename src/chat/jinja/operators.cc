// Arithmetic, attributes and items: Python's rules on the values of value.h.
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "chat/jinja/builtins.h"
#include "chat/jinja/interpreter.h"

namespace jaju::jinja {
namespace {

[[noreturn]] void too_large() {
  throw TemplateError("an integer is larger than 64 bits");
}

int64_t add(int64_t x, int64_t y) {
  int64_t r = 0;
  if (__builtin_add_overflow(x, y, &r)) too_large();
  return r;
}

int64_t subtract(int64_t x, int64_t y) {
  int64_t r = 0;
  if (__builtin_sub_overflow(x, y, &r)) too_large();
  return r;
}

int64_t multiply(int64_t x, int64_t y) {
  int64_t r = 0;
  if (__builtin_mul_overflow(x, y, &r)) too_large();
  return r;
}

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == 0) throw TemplateError("division by zero");
  if (b == -1) return subtract(0, a);
  int64_t q = a / b;
  return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}

Value power(const Value& a, const Value& b) {
  if (a.is_float() || b.is_float() || b.integer() < 0) return std::pow(a.real(), b.real());
  int64_t result = 1, base = a.integer(), n = b.integer();
  while (n > 0) {
    if ((n & 1) != 0) result = multiply(result, base);
    n >>= 1;
    if (n > 0) base = multiply(base, base);
  }
  return result;
}

Value arithmetic(const std::string& op, const Value& a, const Value& b) {
  if (op == "**") return power(a, b);
  if (op == "/") {
    if (b.real() == 0) throw TemplateError("division by zero");
    return a.real() / b.real();
  }
  if (a.is_float() || b.is_float()) {
    const double x = a.real(), y = b.real();
    if (op == "+") return x + y;
    if (op == "-") return x - y;
    if (op == "*") return x * y;
    if (y == 0) throw TemplateError("division by zero");
    if (op == "//") return std::floor(x / y);
    double r = std::fmod(x, y);
    return r != 0 && ((r < 0) != (y < 0)) ? r + y : r;
  }
  const int64_t x = a.integer(), y = b.integer();
  if (op == "+") return add(x, y);
  if (op == "-") return subtract(x, y);
  if (op == "*") return multiply(x, y);
  if (op == "//") return floor_divide(x, y);
  if (y == -1) return static_cast<int64_t>(0);
  return x - floor_divide(x, y) * y;
}

Value repeat(Interpreter& in, const Value& value, int64_t times) {
  if (times < 0) times = 0;
  if (value.is_string()) {
    const Text& text = value.text();
    if (text.empty() || times == 0) return Value(Text());
    if (static_cast<uint64_t>(times) > kMaxTextBytes / text.size()) {
      throw TemplateError("a repeated string grows larger than 64 MB");
    }
    in.charge_bytes(text.size() * static_cast<size_t>(times));
    in.charge(times * static_cast<int64_t>(text.runs()));
    Text out;
    for (int64_t i = 0; i < times; ++i) out.append(text);
    return in.make(std::move(out));
  }
  const auto& items = value.list().items;
  if (!items.empty() && times > kMaxValueWeight / static_cast<int64_t>(items.size())) {
    throw TemplateError("a repeated list holds too many values");
  }
  in.charge(static_cast<int64_t>(items.size()) * times);
  std::vector<Value> out;
  if (!items.empty()) {
    for (int64_t i = 0; i < times; ++i) out.insert(out.end(), items.begin(), items.end());
  }
  return Value::list(std::move(out), value.list().tuple);
}

Value loop_attribute(const Loop& loop, std::string_view name) {
  const size_t n = loop.items.size(), i = loop.index;
  if (name == "index") return Value::of(i + 1);
  if (name == "index0") return Value::of(i);
  if (name == "length") return Value::of(n);
  if (n == 0) return Value::undefined("the loop has ended");
  if (name == "revindex") return Value::of(n - i);
  if (name == "revindex0") return Value::of(n - i - 1);
  if (name == "first") return i == 0;
  if (name == "last") return i + 1 == n;
  if (name == "depth") return static_cast<int64_t>(1);
  if (name == "depth0") return static_cast<int64_t>(0);
  if (name == "previtem")
    return i > 0 ? loop.items[i - 1] : Value::undefined("the first item has none before it");
  if (name == "nextitem")
    return i + 1 < n ? loop.items[i + 1] : Value::undefined("the last item has none after it");
  if (name == "cycle") {
    auto cycle = std::make_shared<Callable>();
    cycle->name = "cycle";
    cycle->call = [i](Interpreter&, const Args& args) -> Value {
      if (args.positional.empty()) throw TemplateError("loop.cycle needs at least one value");
      return args.positional[i % args.positional.size()];
    };
    return Value(CallablePtr(std::move(cycle)));
  }
  return Value::undefined(fmt::format("'loop' has no attribute '{}'", clip(name)));
}

}  // namespace

Value Interpreter::binary(const std::string& op, const Value& a, const Value& b) {
  a.require_defined();
  b.require_defined();
  if (a.is_number() && b.is_number()) return arithmetic(op, a, b);
  if (op == "+" && a.is_string() && b.is_string()) {
    charge_bytes(a.text().size() + b.text().size());
    Text text = a.text();
    text.append(b.text());
    return make(std::move(text));
  }
  if (op == "+" && a.is_list() && b.is_list() && a.list().tuple == b.list().tuple) {
    charge(static_cast<int64_t>(a.list().items.size() + b.list().items.size()));
    std::vector<Value> items = a.list().items;
    items.insert(items.end(), b.list().items.begin(), b.list().items.end());
    return Value::list(std::move(items), a.list().tuple);
  }
  if (op == "*") {
    bool left = (a.is_string() || a.is_list()) && (b.is_int() || b.is_bool());
    bool right = (b.is_string() || b.is_list()) && (a.is_int() || a.is_bool());
    if (left) return repeat(*this, a, b.integer());
    if (right) return repeat(*this, b, a.integer());
  }
  if (op == "%" && a.is_string()) return percent_format(*this, a.text(), b);
  throw TemplateError(
      fmt::format("'{}' does not work between a {} and a {}", op, a.type_name(), b.type_name()));
}

Value Interpreter::attribute(const Value& object, const std::string& name) {
  object.require_defined();
  if (object.is_namespace()) {
    const auto& attributes = object.space().attributes;
    auto it = attributes.find(name);
    return it != attributes.end()
               ? it->second
               : Value::undefined(fmt::format("the namespace has no attribute '{}'", clip(name)));
  }
  if (object.is_loop()) return loop_attribute(object.loop(), name);
  if (has_method(object, name)) {
    auto method = std::make_shared<Callable>();
    method->name = name;
    method->depth = object.depth() + 1;
    if (method->depth > kMaxValueDepth) throw TemplateError("methods nest too deep");
    method->call = [object, name](Interpreter& in, const Args& args) {
      return call_method(in, object, name, args);
    };
    return Value(CallablePtr(std::move(method)));
  }
  if (object.is_dict()) {
    if (const Value* found = object.dict().find(name)) return *found;
  }
  return Value::undefined(fmt::format("a {} has no attribute '{}'", object.type_name(), clip(name)));
}

Value Interpreter::item(const Value& object, const Value& key) {
  object.require_defined();
  if (key.is_string()) charge(key.weight());
  if (object.is_dict()) {
    charge(static_cast<int64_t>(object.dict().size() / 8));
    if (const Value* found = object.dict().find(key)) return *found;
  }
  if ((object.is_list() || object.is_string()) && (key.is_int() || key.is_bool())) {
    int64_t i = key.integer();
    if (object.is_list()) {
      const auto& items = object.list().items;
      const int64_t n = static_cast<int64_t>(items.size());
      if (i < 0) i += n;
      if (i >= 0 && i < n) return items[static_cast<size_t>(i)];
    } else {
      charge(object.weight());
      std::vector<size_t> offsets = char_offsets(object.text().bytes());
      const int64_t n = static_cast<int64_t>(offsets.size()) - 1;
      if (i < 0) i += n;
      if (i >= 0 && i < n) {
        return object.text().substr(offsets[static_cast<size_t>(i)], offsets[static_cast<size_t>(i) + 1]);
      }
    }
    return Value::undefined(fmt::format("index {} is out of range", key.integer()));
  }
  if (key.is_string()) {
    if (object.is_dict() && !has_method(object, key.text().bytes())) {
      return Value::undefined(fmt::format("the dict has no key '{}'", clip(key.text().bytes())));
    }
    return attribute(object, key.text().bytes());
  }
  return Value::undefined(fmt::format("a {} has no such item", object.type_name()));
}

}  // namespace jaju::jinja
