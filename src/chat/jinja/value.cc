#include "chat/jinja/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace jaju::jinja {
namespace {

constexpr size_t kIndexFrom = 12;

std::string canonical_string(std::string_view key) {
  return fmt::format("s{}", key);
}

std::string canonical_key(const Value& key) {
  if (key.is_string()) return canonical_string(key.text().bytes());
  if (key.is_none()) return "n";
  if (key.is_bool() || key.is_int()) return fmt::format("i{}", key.integer());
  if (key.is_float()) {
    double d = key.real();
    if (d == std::floor(d) && std::abs(d) < 9e15) return fmt::format("i{}", static_cast<int64_t>(d));
    return fmt::format("f{}", float_repr(d));
  }
  throw TemplateError(fmt::format("a {} can not be a key of a dict", key.type_name()));
}

void check_size(int depth, int64_t weight) {
  if (depth > kMaxValueDepth) {
    throw TemplateError(fmt::format("a list or dict nests deeper than {} levels", kMaxValueDepth));
  }
  if (weight > kMaxValueWeight) throw TemplateError("a list or dict holds too many values");
}

bool scalar_key(const Value& key) {
  return key.is_string() || key.is_none() || key.is_number();
}

}  // namespace

const Value* Dict::find(const Value& key) const {
  if (!scalar_key(key)) return nullptr;
  if (index_.empty()) {
    for (const auto& item : items_) {
      if (equal(item.first, key)) return &item.second;
    }
    return nullptr;
  }
  auto it = index_.find(canonical_key(key));
  return it == index_.end() ? nullptr : &items_[it->second].second;
}

const Value* Dict::find(std::string_view key) const {
  if (index_.empty()) {
    for (const auto& item : items_) {
      if (item.first.is_string() && item.first.text().bytes() == key) return &item.second;
    }
    return nullptr;
  }
  auto it = index_.find(canonical_string(key));
  return it == index_.end() ? nullptr : &items_[it->second].second;
}

void Dict::set(const Value& key, Value value) {
  std::string canonical = canonical_key(key);
  depth_ = std::max(depth_, value.depth() + 1);
  weight_ += key.weight() + value.weight();
  if (const Value* old = find(key)) {
    *const_cast<Value*>(old) = std::move(value);  // ours: `this` is not const here
    return;
  }
  items_.emplace_back(key, std::move(value));
  if (!index_.empty()) {
    index_.emplace(std::move(canonical), items_.size() - 1);
  } else if (items_.size() >= kIndexFrom) {
    for (size_t i = 0; i < items_.size(); ++i) index_.emplace(canonical_key(items_[i].first), i);
  }
}

Value Value::list(std::vector<Value> items, bool tuple) {
  auto list = std::make_shared<List>();
  list->tuple = tuple;
  for (const Value& item : items) {
    list->depth = std::max(list->depth, item.depth() + 1);
    list->weight += item.weight();
  }
  check_size(list->depth, list->weight);
  list->items = std::move(items);
  return Value(ListPtr(std::move(list)));
}

Value Value::dict(Dict dict) {
  check_size(dict.depth(), dict.weight());
  return Value(DictPtr(std::make_shared<const Dict>(std::move(dict))));
}

bool Value::truthy() const {
  if (is_undefined() || is_none()) return false;
  if (is_bool() || is_int()) return integer() != 0;
  if (is_float()) return real() != 0;
  if (is_string()) return !text().empty();
  if (is_list()) return !list().items.empty();
  if (is_dict()) return dict().size() > 0;
  return true;
}

int Value::depth() const {
  if (is_list()) return list().depth;
  if (is_dict()) return dict().depth();
  if (is_callable()) return callable().depth;
  return 0;
}

int64_t Value::weight() const {
  if (is_list()) return list().weight;
  if (is_dict()) return dict().weight();
  if (is_string()) return 1 + static_cast<int64_t>(text().size() / 64);
  return 1;
}

std::string Value::type_name() const {
  static constexpr const char* kNames[] = {"undefined", "NoneType", "bool",      "int",      "float", "str",
                                           "list",      "dict",     "namespace", "function", "loop"};
  if (is_list() && list().tuple) return "tuple";
  return kNames[data_.index()];
}

void Value::require_defined() const {
  if (!is_undefined()) return;
  const auto& what = std::get<Undefined>(data_).what;
  throw TemplateError(what ? *what : std::string("the value is undefined"));
}

const void* Value::identity() const {
  if (is_list()) return std::get<ListPtr>(data_).get();
  if (is_dict()) return std::get<DictPtr>(data_).get();
  if (is_namespace()) return std::get<NamespacePtr>(data_).get();
  if (is_callable()) return std::get<CallablePtr>(data_).get();
  if (is_loop()) return std::get<LoopPtr>(data_).get();
  return nullptr;
}

const Value* Args::get(std::string_view name) const {
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

const Value* Args::get(size_t position, std::string_view name) const {
  return position < positional.size() ? &positional[position] : get(name);
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    return a.is_float() || b.is_float() ? a.real() == b.real() : a.integer() == b.integer();
  }
  if (a.data().index() != b.data().index()) return false;
  if (a.is_string()) return a.text().bytes() == b.text().bytes();
  if (a.is_list()) {
    const List &x = a.list(), &y = b.list();
    return x.tuple == y.tuple && x.items.size() == y.items.size() &&
           std::equal(x.items.begin(), x.items.end(), y.items.begin(), equal);
  }
  if (a.is_dict()) {
    if (a.dict().size() != b.dict().size()) return false;
    for (const auto& [key, value] : a.dict().items()) {
      const Value* other = b.dict().find(key);
      if (other == nullptr || !equal(value, *other)) return false;
    }
    return true;
  }
  return a.identity() == b.identity();  // undefined and none have none: equal
}

int compare(const Value& a, const Value& b) {
  a.require_defined();
  b.require_defined();
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) {
      // NaN is neither less nor greater; "equal" is the answer that keeps sorting well defined.
      return a.real() < b.real() ? -1 : a.real() > b.real() ? 1 : 0;
    }
    return a.integer() < b.integer() ? -1 : a.integer() > b.integer() ? 1 : 0;
  }
  // Byte order of UTF-8 is code point order.
  if (a.is_string() && b.is_string()) return a.text().bytes().compare(b.text().bytes());
  if (a.is_list() && b.is_list() && a.list().tuple == b.list().tuple) {
    const auto &x = a.list().items, &y = b.list().items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (!equal(x[i], y[i])) return compare(x[i], y[i]);
    }
    return x.size() < y.size() ? -1 : x.size() > y.size() ? 1 : 0;
  }
  throw TemplateError(fmt::format("a {} and a {} have no order", a.type_name(), b.type_name()));
}

bool contains(const Value& haystack, const Value& needle) {
  if (haystack.is_string()) {
    if (!needle.is_string()) {
      throw TemplateError(
          fmt::format("'in <string>' needs a string on its left, not {}", needle.type_name()));
    }
    return find_text(haystack.text().bytes(), needle.text().bytes()) != std::string::npos;
  }
  if (haystack.is_dict()) return haystack.dict().find(needle) != nullptr;
  if (haystack.is_list()) {
    const auto& items = haystack.list().items;
    return std::any_of(items.begin(), items.end(), [&](const Value& item) { return equal(item, needle); });
  }
  if (haystack.is_undefined()) return false;
  throw TemplateError(fmt::format("'in' can not search a {}", haystack.type_name()));
}

std::vector<Value> iterate(const Value& value) {
  if (value.is_list()) return value.list().items;
  std::vector<Value> out;
  if (value.is_undefined()) return out;
  if (value.is_dict()) {
    for (const auto& item : value.dict().items()) out.push_back(item.first);
    return out;
  }
  if (value.is_string()) {
    std::vector<size_t> offsets = char_offsets(value.text().bytes());
    for (size_t i = 0; i + 1 < offsets.size(); ++i) {
      out.emplace_back(value.text().substr(offsets[i], offsets[i + 1]));
    }
    return out;
  }
  throw TemplateError(fmt::format("a {} can not be iterated", value.type_name()));
}

namespace {

Value from_json_at(const nlohmann::ordered_json& json, bool trusted, int depth) {
  check_size(depth, 0);
  using Kind = nlohmann::ordered_json::value_t;
  switch (json.type()) {
    case Kind::null:
    case Kind::discarded:
    case Kind::binary:
      return None{};
    case Kind::boolean:
      return json.get<bool>();
    case Kind::number_integer:
      return json.get<int64_t>();
    case Kind::number_unsigned: {
      uint64_t u = json.get<uint64_t>();
      if (u > static_cast<uint64_t>(INT64_MAX)) return static_cast<double>(u);
      return static_cast<int64_t>(u);
    }
    case Kind::number_float:
      return json.get<double>();
    case Kind::string: {
      const auto& s = json.get_ref<const std::string&>();
      return Text(utf8_valid(s) ? s : utf8_replace_invalid(s), trusted);
    }
    case Kind::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(from_json_at(item, trusted, depth + 1));
      return Value::list(std::move(items));
    }
    case Kind::object: {
      Dict dict;
      for (const auto& [key, value] : json.items()) {
        dict.set(Text(utf8_valid(key) ? key : utf8_replace_invalid(key), trusted),
                 from_json_at(value, trusted, depth + 1));
      }
      return Value::dict(std::move(dict));
    }
  }
  return None{};
}

}  // namespace

Value from_json(const nlohmann::ordered_json& json, bool trusted) {
  return from_json_at(json, trusted, 0);
}

}  // namespace jaju::jinja
