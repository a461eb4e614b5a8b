// Values a template computes with: Python's, as far as chat templates see them. Immutable except namespaces,
// so there are no cycles through lists and dicts, and nesting is bounded (kMaxValueDepth): no recursion over
// a value can overflow the stack.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "chat/jinja/text.h"

namespace jaju::jinja {

inline constexpr int kMaxValueDepth = 64;
// Nodes of one value, shared parts counted each time they are reached; a string counts 1 + a node per 64
// bytes. Bounds what printing or comparing one value can cost ([x, x] nested 60 times is small in memory
// only).
inline constexpr int64_t kMaxValueWeight = 4'000'000;
inline constexpr size_t kMaxTextBytes = 64u << 20;

// Thrown inside the engine only; Template turns it into a Status with the line.
struct TemplateError : std::runtime_error {
  explicit TemplateError(const std::string& message, int at_line = 0)
      : std::runtime_error(message), line(at_line) {}
  int line;  // 0: not known yet
};

class Value;
class Interpreter;
struct Args;
struct Loop;  // interpreter.h

struct List;
class Dict;
struct Namespace;
struct Callable;

struct None {};
// A name or item that is not there; `what` is for messages ("'tools' is undefined").
struct Undefined {
  std::shared_ptr<const std::string> what;
};

using TextPtr = std::shared_ptr<const Text>;
using ListPtr = std::shared_ptr<const List>;
using DictPtr = std::shared_ptr<const Dict>;
using NamespacePtr = std::shared_ptr<Namespace>;
using CallablePtr = std::shared_ptr<const Callable>;
using LoopPtr = std::shared_ptr<Loop>;

class Value {
 public:
  using Data = std::variant<Undefined, None, bool, int64_t, double, TextPtr, ListPtr, DictPtr, NamespacePtr,
                            CallablePtr, LoopPtr>;
  Value() = default;  // undefined
  Value(None) : data_(None{}) {}
  Value(bool b) : data_(b) {}
  Value(int64_t i) : data_(i) {}
  Value(double d) : data_(d) {}
  Value(Text text) : data_(std::make_shared<const Text>(std::move(text))) {}
  Value(TextPtr text) : data_(std::move(text)) {}
  Value(ListPtr list) : data_(std::move(list)) {}
  Value(DictPtr dict) : data_(std::move(dict)) {}
  Value(NamespacePtr space) : data_(std::move(space)) {}
  Value(CallablePtr callable) : data_(std::move(callable)) {}
  Value(LoopPtr loop) : data_(std::move(loop)) {}
  Value(const void*) = delete;  // no pointer becomes a bool by accident

  static Value undefined(std::string what) {
    Value v;
    v.data_ = Undefined{std::make_shared<const std::string>(std::move(what))};
    return v;
  }
  static Value of(size_t n) { return Value(static_cast<int64_t>(n)); }
  static Value literal(std::string_view text) { return Value(Text(text, true)); }
  // Throw when the items nest deeper than kMaxValueDepth or weigh more than kMaxValueWeight.
  static Value list(std::vector<Value> items, bool tuple = false);
  static Value dict(Dict dict);

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_int() const { return std::holds_alternative<int64_t>(data_); }
  bool is_float() const { return std::holds_alternative<double>(data_); }
  bool is_number() const { return is_bool() || is_int() || is_float(); }
  bool is_string() const { return std::holds_alternative<TextPtr>(data_); }
  bool is_list() const { return std::holds_alternative<ListPtr>(data_); }
  bool is_dict() const { return std::holds_alternative<DictPtr>(data_); }
  bool is_namespace() const { return std::holds_alternative<NamespacePtr>(data_); }
  bool is_callable() const { return std::holds_alternative<CallablePtr>(data_); }
  bool is_loop() const { return std::holds_alternative<LoopPtr>(data_); }

  // Each requires its is_...().
  const Text& text() const { return *std::get<TextPtr>(data_); }
  const List& list() const { return *std::get<ListPtr>(data_); }
  const Dict& dict() const { return *std::get<DictPtr>(data_); }
  Namespace& space() const { return *std::get<NamespacePtr>(data_); }
  const Callable& callable() const { return *std::get<CallablePtr>(data_); }
  Loop& loop() const { return *std::get<LoopPtr>(data_); }
  int64_t integer() const { return is_bool() ? (std::get<bool>(data_) ? 1 : 0) : std::get<int64_t>(data_); }
  double real() const { return is_float() ? std::get<double>(data_) : static_cast<double>(integer()); }

  bool truthy() const;
  int depth() const;
  int64_t weight() const;
  std::string type_name() const;  // Python's: "str", "NoneType", ...
  // Throws "'x' is undefined" for an undefined value.
  void require_defined() const;
  const void* identity() const;  // the object behind, nullptr for scalars

  const Data& data() const { return data_; }

 private:
  Data data_;
};

struct List {
  std::vector<Value> items;
  bool tuple = false;
  int depth = 1;
  int64_t weight = 1;
};

class Dict {
 public:
  // Keys are strings, integers, booleans, none or floats; Python's rule 1 == True == 1.0 holds.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(const Value& key, Value value);
  const std::vector<std::pair<Value, Value>>& items() const { return items_; }
  size_t size() const { return items_.size(); }
  int depth() const { return depth_; }
  int64_t weight() const { return weight_; }

 private:
  std::vector<std::pair<Value, Value>> items_;
  std::unordered_map<std::string, size_t>
      index_;  // canonical key -> position; filled from kIndexFrom items on
  int depth_ = 1;
  int64_t weight_ = 1;
};

struct Namespace {
  std::map<std::string, Value, std::less<>> attributes;
};

struct Callable {
  std::string name;
  std::function<Value(Interpreter&, const Args&)> call;
  int depth = 0;  // of the value a bound method holds
};

// Arguments of a call, filter or test.
struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
  bool outside_names = false;  // a name in `named` came from outside (**dict)
  // Argument by position or name; nullptr when it was not given.
  const Value* get(size_t position, std::string_view name) const;
  const Value* get(std::string_view name) const;
};

bool equal(const Value& a, const Value& b);
// Python's ordering: <0, 0, >0. Throws for types that have none.
int compare(const Value& a, const Value& b);
// `needle in haystack`.
bool contains(const Value& haystack, const Value& needle);
// What a for loop visits: items, keys, characters. Throws for what can not be visited.
std::vector<Value> iterate(const Value& value);

// Python's str() and repr() of a value.
Text to_text(const Value& value);
Text repr(const Value& value);
std::string float_repr(double value);

// json.dumps as Transformers' tojson calls it: non-ASCII text as it is, ", " and ": " unless indent >= 0.
// Throws for undefined values, functions, namespaces.
struct JsonStyle {
  int indent = -1;
  bool ensure_ascii = false;
  bool sort_keys = false;
  Text item_separator;  // empty: the default for `indent`
  Text key_separator;
};
Text to_json(const Value& value, const JsonStyle& style);

// Every string in `json` becomes text of the given trust. Throws when it nests too deep.
Value from_json(const nlohmann::ordered_json& json, bool trusted);

}  // namespace jaju::jinja
