// Does a value satisfy a schema? Asked of the values of enum and const when other keywords stand beside them,
// and of declared names under propertyNames. Knows the same keywords as the rest.
#include <algorithm>

#include "base/utf8.h"
#include "runtime/grammar/dfa.h"
#include "runtime/grammar/schema.h"

namespace jaju::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 200;  // of schemas in schemas

// 1 and 1.0 are equal; the order of keys does not matter.
bool equal(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) {
    const auto x = Decimal::of(a), y = Decimal::of(b);
    return x && y && compare(*x, *y) == 0;
  }
  if (a.type() != b.type()) return false;
  if (a.is_array()) return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), equal);
  if (a.is_object()) {
    if (a.size() != b.size()) return false;
    for (const auto& [key, item] : a.items()) {
      const auto it = b.find(key);
      if (it == b.end() || !equal(item, *it)) return false;
    }
    return true;
  }
  return a == b;
}

bool whole(const Json& v) {
  const auto d = Decimal::of(v);
  return d && d->fraction.empty();
}

bool has_type(const Json& v, std::string_view type) {
  if (type == "null") return v.is_null();
  if (type == "boolean") return v.is_boolean();
  if (type == "integer") return v.is_number() && whole(v);
  if (type == "number") return v.is_number();
  if (type == "string") return v.is_string();
  if (type == "array") return v.is_array();
  return type == "object" && v.is_object();
}

int64_t characters(const std::string& utf8) {
  return std::count_if(utf8.begin(), utf8.end(),
                       [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
}

}  // namespace

bool SchemaCompiler::accepts(const Json& schema, const Json& value, int depth) {
  if (depth > kMaxDepth) fail(&schema, "values and schemas nest too deep to be checked");
  if (!g_.work().steps(16) || !check_keywords(schema)) return false;
  if (schema.is_boolean()) return schema.get<bool>();
  if (find(schema, "$ref") != nullptr) {
    const Json* to = resolve(schema);
    if (to == nullptr || !accepts(*to, value, depth + 1)) return false;
  }
  for (const char* key : {"allOf", "anyOf", "oneOf"}) {
    const Json* list = find(schema, key);
    if (list == nullptr) continue;
    size_t n = 0;
    for (size_t i = 0; i < list->size(); ++i) {
      n += accepts(*child(schema, (*list)[i], fmt::format("{}/{}", key, i)), value, depth + 1);
    }
    if (key == std::string_view("allOf") ? n != list->size() : n == 0) return false;
  }
  return accepts_plain(schema, value, depth);
}

bool SchemaCompiler::accepts_plain(const Json& schema, const Json& v, int depth) {
  if (schema.is_boolean()) return schema.get<bool>();
  if (const Json* constant = find(schema, "const"); constant != nullptr && !equal(*constant, v)) return false;
  if (const Json* list = find(schema, "enum"); list != nullptr) {
    if (std::none_of(list->begin(), list->end(), [&](const Json& item) { return equal(item, v); }))
      return false;
  }
  if (const Json* type = find(schema, "type")) {
    bool fits = v.is_null() && find(schema, "nullable") != nullptr && schema["nullable"] == true;
    const Json list = type->is_array() ? *type : Json::array({*type});
    for (const Json& name : list) fits |= name.is_string() && has_type(v, name.get_ref<const std::string&>());
    if (!fits) return false;
  }
  if (v.is_number()) {
    const auto b = bounds({&schema});
    const auto d = Decimal::of(v);
    if (!b || !d) return false;
    if (b->min && (compare(*d, *b->min) < 0 || (b->exclusive_min && compare(*d, *b->min) == 0))) return false;
    if (b->max && (compare(*d, *b->max) > 0 || (b->exclusive_max && compare(*d, *b->max) == 0))) return false;
    if (b->multiple_of) {
      NumberBounds only;
      only.multiple_of = b->multiple_of;
      const auto dfa = number_automaton(g_, only, false);
      const std::string text =
          (d->negative ? "-" : "") + d->whole + (d->fraction.empty() ? "" : "." + d->fraction);
      if (dfa == nullptr || !dfa->matches(text)) return false;
    }
  }
  if (v.is_string()) {
    const std::string& text = v.get_ref<const std::string&>();
    std::shared_ptr<const Dfa> dfa;
    const int64_t n = characters(text);
    if (n < count(&schema, "minLength").value_or(0) || n > count(&schema, "maxLength").value_or(INT64_MAX))
      return false;
    for (const char* key : {"pattern", "format"}) {
      const Json* p = find(schema, key);
      if (p == nullptr || !p->is_string()) continue;
      std::string expression = p->get<std::string>();
      if (key == std::string_view("format")) {
        const auto known = format_pattern(expression);
        if (!known) fail(&schema, fmt::format("the format '{}' is not supported", printable(expression)));
        expression = known.value_or("");
        if (expression.empty()) continue;
      }
      const auto matcher = pattern(&schema, expression);
      if (matcher == nullptr || !matcher->matches(g_[json_.characters(text)].text)) return false;
    }
  }
  if (v.is_array()) {
    const auto n = static_cast<int64_t>(v.size());
    if (n < count(&schema, "minItems").value_or(0) || n > count(&schema, "maxItems").value_or(INT64_MAX))
      return false;
    const Json* prefix = find(schema, "prefixItems");
    const Json* rest = find(schema, "items");
    if (rest != nullptr && rest->is_array()) {
      prefix = rest;
      rest = find(schema, "additionalItems");
    }
    for (size_t i = 0; i < v.size(); ++i) {
      const Json* item = prefix != nullptr && i < prefix->size() ? &(*prefix)[i] : rest;
      if (item != nullptr && !accepts(*child(schema, *item, "items"), v[i], depth + 1)) return false;
    }
  }
  if (v.is_object()) {
    const auto n = static_cast<int64_t>(v.size());
    if (n < count(&schema, "minProperties").value_or(0) ||
        n > count(&schema, "maxProperties").value_or(INT64_MAX)) {
      return false;
    }
    if (const Json* required = find(schema, "required"); required != nullptr && required->is_array()) {
      for (const Json& name : *required) {
        if (name.is_string() && !v.contains(name.get_ref<const std::string&>())) return false;
      }
    }
    for (const auto& [name, item] : v.items()) {
      for (const Json* sub : property({&schema}, name)) {
        if (!accepts(*sub, item, depth + 1)) return false;
      }
    }
  }
  return ok();
}

}  // namespace jaju::grammar
