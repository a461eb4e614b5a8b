// Objects of a JSON Schema: declared properties in the order of the schema, optional ones may be left out,
// further ones after them.
#include <algorithm>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "runtime/grammar/dfa.h"
#include "runtime/grammar/regex.h"
#include "runtime/grammar/schema.h"

namespace jaju::grammar {
namespace {

// Different patternProperties of one object; their overlaps are told apart, which doubles with each.
constexpr size_t kMaxKeyPatterns = 4;

}  // namespace

// Keys that are not declared, and what their values must be.
struct SchemaCompiler::Region {
  std::shared_ptr<const Dfa> key;  // over the characters between the quotes; null: any key at all
  All value;
};

SchemaCompiler::All SchemaCompiler::property(const All& all, const std::string& name) {
  All sub;
  for (const Json* schema : all) {
    bool matched = false;
    if (const Json* properties = find(*schema, "properties")) {
      if (const auto p = properties->find(name); p != properties->end()) {
        sub.push_back(child(*schema, *p, "properties/" + pointer_token(name)));
        matched = true;
      }
    }
    if (const Json* patterns = find(*schema, "patternProperties")) {
      for (const auto& [expression, item] : patterns->items()) {
        const auto dfa = pattern(schema, expression);
        if (dfa == nullptr) return {&false_schema()};
        if (dfa->matches(g_[json_.characters(name)].text)) {
          sub.push_back(child(*schema, item, "patternProperties"));
          matched = true;
        }
      }
    }
    if (const Json* names = find(*schema, "propertyNames"); names != nullptr && !accepts(*names, name, 0)) {
      return {&false_schema()};
    }
    const Json* additional = find(*schema, "additionalProperties");
    if (!matched && additional != nullptr) sub.push_back(child(*schema, *additional, "additionalProperties"));
  }
  if (sub.empty()) sub.push_back(&true_schema());
  return sub;
}

std::vector<SchemaCompiler::Region> SchemaCompiler::key_regions(const All& all,
                                                                const std::vector<std::string>& declared) {
  // Patterns by their text, each with the subschemas that have it.
  std::vector<std::string> patterns;
  std::shared_ptr<const Dfa> allowed;  // by propertyNames, and none of the declared; null: any
  bool fine = true, closed = false, said = false, has_properties = false;
  // Keeps those keys that are also (not) in `dfa`.
  auto narrow = [&](std::shared_ptr<const Dfa>* keys, const std::shared_ptr<const Dfa>& dfa,
                    Dfa::Combine how) {
    if (*keys == nullptr) {
      *keys = Dfa::from_expr(g_, g_.repeat(json_.character(CodePointSet::all()), 0, kUnbounded));
    }
    fine = fine && dfa != nullptr && *keys != nullptr;
    if (fine) *keys = Dfa::combine(g_.work(), **keys, *dfa, how);
    fine = fine && *keys != nullptr;
  };
  for (const Json* schema : all) {
    if (const Json* map = find(*schema, "patternProperties")) {
      for (const auto& [expression, item] : map->items()) {
        if (std::find(patterns.begin(), patterns.end(), expression) == patterns.end())
          patterns.push_back(expression);
      }
      if (patterns.size() > kMaxKeyPatterns) {
        fail(schema, fmt::format("more than {} 'patternProperties' are not supported", kMaxKeyPatterns));
        return {};
      }
    }
    if (const Json* names = find(*schema, "propertyNames")) {
      // A schema of strings: only what string_limits knows, or a list.
      const Json* sub = child(*schema, *names, "propertyNames");
      if (!check_keywords(*sub)) return {};
      if (names->is_boolean()) {
        closed |= !names->get<bool>();
        continue;
      }
      for (const auto& [key, item] : names->items()) {
        if (key != "type" && key != "pattern" && key != "minLength" && key != "maxLength" &&
            key != "format" && key != "enum" && key != "description") {
          fail(sub, fmt::format("'{}' inside 'propertyNames' is not supported", printable(key)));
          return {};
        }
      }
      std::shared_ptr<const Dfa> dfa;
      int32_t min = 0, max = 0;
      if (!string_limits({sub}, &dfa, &min, &max)) return {};
      if (dfa != nullptr) narrow(&allowed, dfa, Dfa::Combine::both);
      closed |= min > max;
      if (min <= max && (min > 0 || max != kUnbounded)) {
        const ExprId length = g_.repeat(json_.character(CodePointSet::all()), min, max);
        narrow(&allowed, Dfa::from_expr(g_, length), Dfa::Combine::both);
      }
      if (const Json* list = find(*names, "enum"); list != nullptr && list->is_array()) {
        std::vector<ExprId> parts;
        for (const Json& name : *list) {
          if (name.is_string()) parts.push_back(json_.characters(name.get<std::string>()));
        }
        narrow(&allowed, Dfa::from_expr(g_, g_.choice(std::move(parts))), Dfa::Combine::both);
      }
    }
    said |= find(*schema, "additionalProperties") != nullptr || find(*schema, "patternProperties") != nullptr;
    has_properties |= find(*schema, "properties") != nullptr;
  }
  // Properties are declared and nothing is said about more: no more.
  closed |= has_properties && !said;
  if (closed || !ok()) return {};
  if (!declared.empty() && fine) {
    std::vector<ExprId> names;
    for (const std::string& name : declared) names.push_back(json_.characters(name));
    narrow(&allowed, Dfa::from_expr(g_, g_.choice(std::move(names))), Dfa::Combine::first_only);
  }

  std::vector<Region> regions;
  for (size_t subset = 0; subset < size_t{1} << patterns.size() && fine && ok(); ++subset) {
    Region region{allowed, {}};
    bool possible = true;
    for (size_t i = 0; i < patterns.size() && fine; ++i) {
      const bool inside = (subset >> i & 1) != 0;
      narrow(&region.key, pattern(all[0], patterns[i]),
             inside ? Dfa::Combine::both : Dfa::Combine::first_only);
    }
    if (region.key != nullptr && region.key->size() == 0) continue;
    for (const Json* schema : all) {
      bool matched = false;
      if (const Json* map = find(*schema, "patternProperties")) {
        for (const auto& [expression, item] : map->items()) {
          const auto i =
              static_cast<size_t>(std::find(patterns.begin(), patterns.end(), expression) - patterns.begin());
          if ((subset >> i & 1) == 0) continue;
          region.value.push_back(child(*schema, item, "patternProperties"));
          matched = true;
        }
      }
      const Json* additional = find(*schema, "additionalProperties");
      if (!matched && additional != nullptr) {
        region.value.push_back(child(*schema, *additional, "additionalProperties"));
      } else if (!matched && subset == 0 && !patterns.empty() &&
                 find(*schema, "patternProperties") != nullptr) {
        possible = false;  // patterns are given and nothing is said about other keys: none
      }
    }
    if (!possible) continue;
    if (region.value.empty()) region.value.push_back(&true_schema());
    regions.push_back(std::move(region));
  }
  if (!fine) fail(all[0], "the keys of this object need too many states");
  return regions;
}

ExprId SchemaCompiler::object_value(const All& all) {
  std::vector<std::string> declared;
  std::set<std::string> known, required;
  for (const Json* schema : all) {
    if (const Json* properties = find(*schema, "properties")) {
      if (!properties->is_object()) {
        fail(schema, "'properties' must be an object");
        return g_.never();
      }
      for (const auto& [name, item] : properties->items()) {
        if (known.insert(name).second) declared.push_back(name);
      }
    }
    if (const Json* patterns = find(*schema, "patternProperties");
        patterns != nullptr && !patterns->is_object()) {
      fail(schema, "'patternProperties' must be an object");
      return g_.never();
    }
  }
  for (const Json* schema : all) {
    const Json* list = find(*schema, "required");
    if (list == nullptr || list->is_boolean()) continue;  // a boolean: draft 3, and of no meaning since
    for (const Json& name : *list) {
      if (!list->is_array() || !name.is_string()) {
        fail(schema, "'required' must be a list of names");
        return g_.never();
      }
      required.insert(name.get<std::string>());
      if (known.insert(name.get<std::string>()).second) declared.push_back(name.get<std::string>());
    }
  }

  std::vector<ExprId> parts;
  std::vector<bool> optional;
  int64_t n_required = 0;
  for (const std::string& name : declared) {
    const ExprId v = value(property(all, name));
    if (!ok()) return g_.never();
    const bool must = required.contains(name);
    if (v == g_.never() && must) return g_.never();
    if (v == g_.never()) continue;
    parts.push_back(g_.sequence({json_.quoted(name), json_.colon(), v}));
    optional.push_back(!must);
    n_required += must;
  }
  std::vector<ExprId> more;
  for (Region& region : key_regions(all, declared)) {
    const ExprId v = value(std::move(region.value));
    if (v == g_.never()) continue;
    const ExprId key = region.key == nullptr
                           ? json_.any_string()
                           : g_.sequence({g_.literal("\""), g_.automaton(region.key), g_.literal("\"")});
    more.push_back(g_.sequence({key, json_.colon(), v}));
  }
  if (!ok()) return g_.never();

  const auto n_declared = static_cast<int64_t>(parts.size());
  const int64_t min = largest(all, "minProperties"), max = smallest(all, "maxProperties");
  // Repeated keys of an open object would count as one, so two of them cannot be promised to be two
  // properties.
  if (min > std::max<int64_t>(n_required, 1)) {
    fail(all[0], "'minProperties' above 1 and above the number of required properties is not supported");
  } else if (max < n_declared) {
    fail(all[0], "'maxProperties' below the number of declared properties is not supported");
  }
  if (!ok()) return g_.never();
  if (!more.empty() && max > n_declared) {
    const ExprId entry = g_.choice(std::move(more));
    const auto most = max == kUnbounded ? kUnbounded : static_cast<int32_t>(max - n_declared - 1);
    parts.push_back(g_.sequence({entry, g_.repeat(g_.sequence({json_.comma(), entry}), 0, most)}));
    optional.push_back(true);
  }
  const ExprId open = g_.literal("{"), close = g_.literal("}");
  if (parts.empty()) return min > 0 ? g_.never() : g_.sequence({open, json_.space(), close});
  const bool may_be_empty = n_required == 0 && min == 0;
  const ExprId members = g_.joined(std::move(parts), std::move(optional), json_.comma(), true, true);
  const ExprId inside = g_.sequence({members, json_.space()});
  return g_.sequence({open, json_.space(), may_be_empty ? g_.optional(inside) : inside, close});
}

}  // namespace jaju::grammar
