// Strings, numbers and arrays of a JSON Schema.
#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "runtime/grammar/dfa.h"
#include "runtime/grammar/regex.h"
#include "runtime/grammar/schema.h"

namespace jaju::grammar {
namespace {

// Characters up to which a length may be combined with a pattern: the automaton grows with their product.
constexpr int32_t kMaxPatternLength = 2'000;
constexpr size_t kMaxPrefixItems = 1'000;

}  // namespace

std::shared_ptr<const Dfa> SchemaCompiler::pattern(const Json* schema, const std::string& text) {
  auto [it, fresh] = patterns_.try_emplace(text, nullptr);
  if (fresh) {
    it->second = pattern_automaton(g_, text, json_, pointer(schema) + "/pattern");
    if (it->second == nullptr) fail(schema, "this 'pattern' needs too many states; simplify it");
  }
  return it->second;
}

bool SchemaCompiler::string_limits(const All& all, std::shared_ptr<const Dfa>* out, int32_t* min,
                                   int32_t* max) {
  *min = static_cast<int32_t>(largest(all, "minLength"));
  *max = static_cast<int32_t>(smallest(all, "maxLength"));
  *out = nullptr;
  auto narrow = [&](std::shared_ptr<const Dfa> dfa, const Json* schema) {
    if (dfa == nullptr || !ok()) return false;
    *out = *out == nullptr ? dfa : Dfa::combine(g_.work(), **out, *dfa, Dfa::Combine::both);
    if (*out == nullptr) fail(schema, "this string's patterns and lengths together need too many states");
    return ok();
  };
  for (const Json* schema : all) {
    if (const Json* text = find(*schema, "pattern")) {
      if (!text->is_string()) {
        fail(schema, "'pattern' must be a string");
        return false;
      }
      if (!narrow(pattern(schema, text->get<std::string>()), schema)) return false;
    }
    if (const Json* format = find(*schema, "format")) {
      const auto expression = format->is_string() ? format_pattern(format->get<std::string>()) : std::nullopt;
      if (!expression) {
        fail(schema, fmt::format("the format {} is not supported", printable(format->dump())));
        return false;
      }
      if (!expression->empty() && !narrow(pattern(schema, std::string(*expression)), schema)) return false;
    }
  }
  if (*out == nullptr || (*min == 0 && *max == kUnbounded) || *min > *max) return ok();
  if (*min > kMaxPatternLength || (*max > kMaxPatternLength && *max != kUnbounded)) {
    // A pattern that is already shorter needs no limit.
    fail(all[0],
         fmt::format(
             "'minLength' or 'maxLength' above {} together with 'pattern' or 'format' is not supported",
             kMaxPatternLength));
    return false;
  }
  const ExprId length = g_.repeat(json_.character(CodePointSet::all()), *min, *max);
  if (!narrow(Dfa::from_expr(g_, length), all[0])) {
    fail(all[0], "this string's patterns and lengths together need too many states");
    return false;
  }
  *min = 0;
  *max = kUnbounded;
  return ok();
}

ExprId SchemaCompiler::string_value(const All& all) {
  std::shared_ptr<const Dfa> dfa;
  int32_t min = 0, max = 0;
  if (!string_limits(all, &dfa, &min, &max) || min > max) return g_.never();
  if (dfa != nullptr) return g_.sequence({g_.literal("\""), g_.automaton(dfa), g_.literal("\"")});
  return min == 0 && max == kUnbounded ? json_.any_string() : json_.string_of_length(min, max);
}

std::optional<NumberBounds> SchemaCompiler::bounds(const All& all) {
  NumberBounds b;
  auto read = [&](const Json* schema, const char* key) -> std::optional<Decimal> {
    const Json* n = find(*schema, key);
    if (n == nullptr) return std::nullopt;
    auto d = Decimal::of(*n);
    if (!d) fail(schema, fmt::format("'{}' must be a number below 1e400", key));
    return d;
  };
  auto raise = [&](const Decimal& d, bool exclusive) {
    const int c = b.min ? compare(d, *b.min) : 1;
    if (c > 0 || (c == 0 && exclusive)) b.min = d, b.exclusive_min = exclusive;
  };
  auto lower = [&](const Decimal& d, bool exclusive) {
    const int c = b.max ? compare(d, *b.max) : -1;
    if (c < 0 || (c == 0 && exclusive)) b.max = d, b.exclusive_max = exclusive;
  };
  for (const Json* schema : all) {
    // Draft 4 has booleans that say how minimum and maximum are meant.
    auto flag = [&](const char* key) {
      const Json* f = find(*schema, key);
      return f != nullptr && f->is_boolean() ? std::optional<bool>(f->get<bool>()) : std::nullopt;
    };
    const auto strict_min = flag("exclusiveMinimum"), strict_max = flag("exclusiveMaximum");
    if (const auto d = read(schema, "minimum")) raise(*d, strict_min.value_or(false));
    if (const auto d = read(schema, "maximum")) lower(*d, strict_max.value_or(false));
    if (!strict_min) {
      if (const auto d = read(schema, "exclusiveMinimum")) raise(*d, true);
    }
    if (!strict_max) {
      if (const auto d = read(schema, "exclusiveMaximum")) lower(*d, true);
    }
    if (const auto d = read(schema, "multipleOf")) {
      if (d->negative || d->zero()) fail(schema, "'multipleOf' must be above 0");
      if (b.multiple_of && compare(*d, *b.multiple_of) != 0)
        fail(schema, "two different 'multipleOf' are not supported");
      b.multiple_of = d;
    }
    if (const Json* format = find(*schema, "format")) {
      const bool wide = *format == "int64";
      if (*format == "int32" || wide) {
        raise(*Decimal::of(wide ? Json(INT64_MIN) : Json(INT32_MIN)), false);
        lower(*Decimal::of(wide ? Json(INT64_MAX) : Json(INT32_MAX)), false);
      } else if (*format != "float" && *format != "double" && types(all).string == false) {
        fail(schema, fmt::format("the format {} is not supported for numbers", printable(format->dump())));
      }
    }
    if (!ok()) return std::nullopt;
  }
  return b;
}

ExprId SchemaCompiler::number_value(const All& all, bool integer) {
  const auto b = bounds(all);
  if (!b) return g_.never();
  if (!b->bounded()) return integer ? json_.integer() : json_.number();
  const auto dfa = number_automaton(g_, *b, integer);
  if (dfa == nullptr) {
    fail(all[0], ok() ? "the bounds of this number need too many states" : g_.work().status().message());
    return g_.never();
  }
  return g_.automaton(dfa);
}

ExprId SchemaCompiler::array_value(const All& all) {
  auto min = largest(all, "minItems");
  auto max = smallest(all, "maxItems");
  // Of each subschema: what its items at the front are, and what the rest are (null: nothing said).
  struct Items {
    const Json* schema;
    const Json* prefix = nullptr;
    const Json* rest = nullptr;
    std::string_view prefix_key = "prefixItems", rest_key = "items";
  };
  std::vector<Items> each;
  size_t n_prefix = 0;
  bool open = false;
  for (const Json* schema : all) {
    Items items{schema};
    items.prefix = find(*schema, "prefixItems");
    items.rest = find(*schema, "items");
    if (items.rest != nullptr && items.rest->is_array()) {  // before draft 2020-12
      items.prefix = items.rest;
      items.rest = find(*schema, "additionalItems");
      items.prefix_key = "items";
      items.rest_key = "additionalItems";
    }
    if (items.prefix != nullptr && !items.prefix->is_array()) {
      fail(schema, "'prefixItems' must be a list");
      return g_.never();
    }
    if (items.prefix != nullptr) n_prefix = std::max(n_prefix, items.prefix->size());
    open |= items.rest != nullptr;
    each.push_back(items);
  }
  if (n_prefix > kMaxPrefixItems) {
    fail(all[0], fmt::format("more than {} 'prefixItems' are not supported", kMaxPrefixItems));
    return g_.never();
  }
  // Nothing said about more items than the prefix: none, unless there must be.
  if (n_prefix > 0 && !open && min <= static_cast<int64_t>(n_prefix)) {
    max = std::min(max, static_cast<int64_t>(n_prefix));
  }
  auto item = [&](size_t i) {
    All sub;
    for (const Items& items : each) {
      if (items.prefix != nullptr && i < items.prefix->size()) {
        sub.push_back(child(*items.schema, (*items.prefix)[i], fmt::format("{}/{}", items.prefix_key, i)));
      } else if (items.rest != nullptr) {
        sub.push_back(child(*items.schema, *items.rest, items.rest_key));
      }
    }
    if (sub.empty()) sub.push_back(&true_schema());
    return value(std::move(sub));
  };
  if (min > max || !ok()) return g_.never();

  std::vector<ExprId> parts;
  std::vector<bool> optional;
  for (size_t i = 0; i < n_prefix && static_cast<int64_t>(i) < max; ++i) {
    const ExprId e = item(i);
    if (e == g_.never()) {  // the list must end here
      max = static_cast<int64_t>(i);
      break;
    }
    parts.push_back(e);
    optional.push_back(static_cast<int64_t>(i) >= min);
  }
  const auto n = static_cast<int64_t>(parts.size());
  if (n == static_cast<int64_t>(n_prefix) && max > n) {
    const ExprId rest = item(n_prefix);
    if (rest == g_.never()) {
      max = n;
    } else {
      // A first one, and more with a separator before each.
      const auto least = std::max<int64_t>(min - n, 1) - 1,
                 most = max == kUnbounded ? kUnbounded : max - n - 1;
      parts.push_back(
          g_.sequence({rest, g_.repeat(g_.sequence({json_.comma(), rest}), static_cast<int32_t>(least),
                                       static_cast<int32_t>(most))}));
      optional.push_back(min <= n);
    }
  }
  if (min > max || !ok()) return g_.never();
  if (parts.empty()) return g_.sequence({g_.literal("["), json_.space(), g_.literal("]")});
  const bool may_be_empty = optional[0];
  const ExprId items = g_.joined(std::move(parts), std::move(optional), json_.comma(), false, true);
  const ExprId inside = g_.sequence({items, json_.space()});
  return g_.sequence(
      {g_.literal("["), json_.space(), may_be_empty ? g_.optional(inside) : inside, g_.literal("]")});
}

}  // namespace jaju::grammar
