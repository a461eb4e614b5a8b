#include "runtime/grammar/schema.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/utf8.h"

namespace jaju::grammar {
namespace {

using Json = nlohmann::ordered_json;

// They describe and never restrict.
constexpr std::string_view kAnnotations[] = {
    "$anchor",         "$comment",         "$defs",         "$id",       "$schema",      "$vocabulary",
    "contentEncoding", "contentMediaType", "contentSchema", "default",   "definitions",  "deprecated",
    "description",     "discriminator",    "example",       "examples",  "externalDocs", "id",
    "readOnly",        "strict",           "title",         "writeOnly", "xml"};
constexpr std::string_view kCombining[] = {"$ref", "allOf", "anyOf", "oneOf"};
constexpr std::string_view kPlain[] = {"additionalItems",
                                       "additionalProperties",
                                       "const",
                                       "enum",
                                       "exclusiveMaximum",
                                       "exclusiveMinimum",
                                       "format",
                                       "items",
                                       "maxItems",
                                       "maxLength",
                                       "maxProperties",
                                       "maximum",
                                       "minItems",
                                       "minLength",
                                       "minProperties",
                                       "minimum",
                                       "multipleOf",
                                       "nullable",
                                       "pattern",
                                       "patternProperties",
                                       "prefixItems",
                                       "properties",
                                       "propertyNames",
                                       "required",
                                       "type"};

template <size_t N>
bool in(const std::string_view (&list)[N], std::string_view key) {
  return std::find(std::begin(list), std::end(list), key) != std::end(list);
}

// The first of each stays where it is: properties keep the order of the text.
void drop_repeats(std::vector<const Json*>* all) {
  std::set<const Json*> seen;
  std::erase_if(*all, [&](const Json* s) { return !seen.insert(s).second; });
}

}  // namespace

// One step of a JSON pointer, as it is written in one.
std::string pointer_token(std::string_view token) {
  std::string out;
  for (char c : token) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

const Json& true_schema() {
  static const Json schema = true;
  return schema;
}

const Json& false_schema() {
  static const Json schema = false;
  return schema;
}

void add_schema(Grammar& g, std::string_view text) {
  const auto parsed = parse_ordered_json(text, "the text", g.work().budget().max_input_depth);
  if (!parsed.ok()) {
    g.work().fail(parsed.status());
    return;
  }
  JsonValues json(g);
  g.root = g.new_rule("the document");
  const ExprId document = SchemaCompiler(g, json, *parsed, "#").compile();
  g.set_body(g.root, document);
}

SchemaCompiler::SchemaCompiler(Grammar& g, JsonValues& json, const Json& root, std::string name)
    : g_(g), json_(json), root_(root), name_(std::move(name)) {
  pointers_[&root_] = name_;
}

ExprId SchemaCompiler::compile() {
  const ExprId document = value({&root_});
  // Bodies may ask for rules of further sets; a list instead of recursion, so that chains of $ref cannot be
  // too deep.
  while (!pending_.empty() && ok()) {
    const auto [all, rule] = std::move(pending_.back());
    pending_.pop_back();
    g_.set_body(rule, body(all));
  }
  return document;
}

const std::string& SchemaCompiler::pointer(const Json* schema) {
  return pointers_[schema];
}

void SchemaCompiler::fail(const Json* schema, std::string_view what) {
  const std::string& at = pointer(schema);
  g_.work().fail(error("{}: {}", printable(at.empty() ? name_ : at), what));
}

const Json* SchemaCompiler::child(const Json& parent, const Json& schema, std::string_view path) {
  std::string& at = pointers_[&schema];
  if (at.empty()) at = fmt::format("{}/{}", pointer(&parent), path);
  return &schema;
}

const Json* SchemaCompiler::find(const Json& schema, const char* key) {
  if (!schema.is_object()) return nullptr;
  const auto it = schema.find(key);
  return it == schema.end() ? nullptr : &*it;
}

std::optional<int64_t> SchemaCompiler::count(const Json* schema, const char* key) {
  const Json* n = find(*schema, key);
  if (n == nullptr) return std::nullopt;
  // 3.0 is a whole number too; what is past every counter is as good as no bound.
  if (n->is_number_unsigned())
    return static_cast<int64_t>(std::min<uint64_t>(n->get<uint64_t>(), uint64_t{1} << 53));
  if (n->is_number_float()) {
    const double d = n->get<double>();
    if (d >= 0 && d <= 0x1p53 && d == static_cast<double>(static_cast<int64_t>(d)))
      return static_cast<int64_t>(d);
  }
  fail(schema, fmt::format("'{}' must be a whole number from 0", key));
  return std::nullopt;
}

int64_t SchemaCompiler::largest(const All& all, const char* key) {
  int64_t n = 0;
  for (const Json* schema : all) {
    n = std::max(n, count(schema, key).value_or(0));
    if (n > g_.work().budget().max_repeat) {
      fail(schema, fmt::format("'{}' is above {} (max_repeat)", key, g_.work().budget().max_repeat));
    }
  }
  return n;
}

int64_t SchemaCompiler::smallest(const All& all, const char* key) {
  int64_t n = kUnbounded;
  for (const Json* schema : all) n = std::min(n, count(schema, key).value_or(kUnbounded));
  return n;
}

// Once for each subschema.
bool SchemaCompiler::check_keywords(const Json& schema) {
  if (schema.is_boolean()) return true;
  auto [it, fresh] = checked_.try_emplace(&schema, true);
  if (!fresh) return ok();
  if (++subschemas_ > g_.work().budget().max_subschemas) {
    fail(&schema, fmt::format("more than {} subschemas (max_subschemas)", g_.work().budget().max_subschemas));
  } else if (!schema.is_object()) {
    fail(&schema, "a schema must be an object, true or false");
  } else {
    for (const auto& [key, item] : schema.items()) {
      if (key == "uniqueItems" && item == false) continue;
      if (in(kAnnotations, key) || in(kCombining, key) || in(kPlain, key) || key.starts_with("x-")) continue;
      fail(&schema, fmt::format("the keyword '{}' is not supported", printable(key)));
      break;
    }
  }
  return ok();
}

const Json* SchemaCompiler::resolve(const Json& schema) {
  const Json& ref = schema["$ref"];
  if (!ref.is_string()) {
    fail(&schema, "'$ref' must be a string");
    return nullptr;
  }
  const std::string text = ref.get<std::string>();
  if (text.empty() || text[0] != '#' || (text.size() > 1 && text[1] != '/')) {
    fail(&schema, fmt::format("'$ref' to '{}': only pointers into the same schema (#/...) are supported",
                              printable(text)));
    return nullptr;
  }
  const Json* at = &root_;
  size_t pos = 1;
  while (pos < text.size()) {
    const size_t end = std::min(text.find('/', pos + 1), text.size());
    std::string token;
    const auto hex = [&](size_t i) {
      static constexpr std::string_view kDigits = "0123456789abcdef";
      return i < end ? kDigits.find(static_cast<char>(std::tolower(static_cast<uint8_t>(text[i]))))
                     : kDigits.npos;
    };
    for (size_t i = pos + 1; i < end; ++i) {
      if (text[i] == '%' && hex(i + 1) != std::string::npos && hex(i + 2) != std::string::npos) {
        token += static_cast<char>(hex(i + 1) * 16 + hex(i + 2));
        i += 2;
      } else {
        token += text[i];
      }
    }
    for (size_t i = token.find('~'); i != std::string::npos; i = token.find('~', i + 1)) {
      if (i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1')) {
        token.replace(i, 2, token[i + 1] == '0' ? "~" : "/");
      }
    }
    const Json* next = nullptr;
    if (at->is_object()) {
      const auto it = at->find(token);
      if (it != at->end()) next = &*it;
    } else if (at->is_array() && !token.empty() && token.size() < 9 &&
               token.find_first_not_of("0123456789") == std::string::npos) {
      const size_t i = std::stoul(token);
      if (i < at->size()) next = &(*at)[i];
    }
    if (next == nullptr) {
      fail(&schema, fmt::format("'$ref' to '{}', which is not there", printable(text)));
      return nullptr;
    }
    at = next;
    pos = end;
  }
  std::string& named = pointers_[at];
  if (named.empty()) named = name_ + text.substr(1);
  return at;
}

// A schema that only points elsewhere is what it points at.
ExprId SchemaCompiler::value(All all) {
  drop_repeats(&all);
  std::set<const Json*> seen;
  while (all.size() == 1 && ok()) {
    const Json& only = *all[0];
    if (only.is_boolean()) return only.get<bool>() ? json_.any_value() : g_.never();
    if (!check_keywords(only)) return g_.never();
    if (!seen.insert(&only).second) {
      fail(&only, "a $ref loop: it leads back to itself and to nothing else");
      return g_.never();
    }
    const Json* next = nullptr;
    size_t restricting = 0;
    for (const auto& [key, item] : only.items()) restricting += in(kCombining, key) || in(kPlain, key);
    if (restricting != 1) break;
    if (find(only, "$ref") != nullptr) {
      next = resolve(only);
    } else if (const Json* list = find(only, "allOf");
               list != nullptr && list->is_array() && list->size() == 1) {
      next = child(only, (*list)[0], "allOf/0");
    }
    if (next == nullptr) break;
    all[0] = next;
  }
  // `true` adds nothing to others.
  if (all.size() > 1) std::erase_if(all, [](const Json* s) { return s->is_boolean() && s->get<bool>(); });
  if (!ok()) return g_.never();
  if (all.empty()) return json_.any_value();
  auto [it, fresh] = rules_.try_emplace(all, -1);
  if (fresh) {
    if (static_cast<int64_t>(rules_.size()) > g_.work().budget().max_subschemas) {
      fail(all[0], fmt::format("more than {} combinations of subschemas (max_subschemas)",
                               g_.work().budget().max_subschemas));
    }
    it->second = g_.new_rule(pointer(all[0]));
    pending_.emplace_back(all, it->second);
  }
  return g_.call(it->second);
}

ExprId SchemaCompiler::body(const All& all) {
  // A plain choice stays one of rules, so that branches are shared and may recurse.
  if (all.size() == 1 && all[0]->is_object()) {
    const Json& only = *all[0];
    size_t restricting = 0;
    for (const auto& [key, item] : only.items()) restricting += in(kCombining, key) || in(kPlain, key);
    for (const char* key : {"anyOf", "oneOf"}) {
      const Json* list = find(only, key);
      if (restricting != 1 || list == nullptr || !list->is_array() || list->empty()) continue;
      std::vector<ExprId> parts;
      for (size_t i = 0; i < list->size() && ok(); ++i) {
        parts.push_back(value({child(only, (*list)[i], fmt::format("{}/{}", key, i))}));
      }
      return g_.choice(std::move(parts));
    }
  }
  std::vector<ExprId> parts;
  for (const All& one : alternatives(all)) {
    if (!ok()) break;
    parts.push_back(alternative(one));
  }
  return g_.choice(std::move(parts));
}

struct SchemaCompiler::Expansion {
  struct Pending {
    const Json* schema;
    std::vector<const Json*> ancestors;  // that led here through $ref, allOf, anyOf or oneOf
  };
  std::vector<Pending> pending;
  size_t next = 0;                                       // in `pending`
  std::vector<std::pair<Pending, std::string>> choices;  // a schema and its "anyOf" or "oneOf"
  All plain;
};

std::vector<SchemaCompiler::All> SchemaCompiler::alternatives(const All& all) {
  Expansion e;
  for (const Json* schema : all) e.pending.push_back({schema, {}});
  std::vector<All> out;
  expand(std::move(e), &out);
  return out;
}

void SchemaCompiler::expand(Expansion e, std::vector<All>* out) {
  while (e.next < e.pending.size()) {
    Expansion::Pending p = e.pending[e.next++];
    const Json& schema = *p.schema;
    if (!g_.work().steps(64) || !check_keywords(schema)) return;
    if (schema.is_boolean()) {
      if (!schema.get<bool>()) return;  // nothing satisfies this way
      continue;
    }
    if (std::find(p.ancestors.begin(), p.ancestors.end(), p.schema) != p.ancestors.end()) {
      return fail(p.schema, "a $ref loop: it leads back to itself and to nothing else");
    }
    e.plain.push_back(p.schema);
    p.ancestors.push_back(p.schema);
    if (p.ancestors.size() > 256)
      return fail(p.schema, "$ref, allOf and anyOf lead more than 256 schemas deep");
    if (find(schema, "$ref") != nullptr) {
      const Json* to = resolve(schema);
      if (to == nullptr) return;
      e.pending.push_back({to, p.ancestors});
    }
    for (const char* key : {"allOf", "anyOf", "oneOf"}) {
      const Json* list = find(schema, key);
      if (list == nullptr) continue;
      if (!list->is_array() || list->empty())
        return fail(p.schema, fmt::format("'{}' must be a list of schemas", key));
      if (key == std::string_view("allOf")) {
        for (size_t i = 0; i < list->size(); ++i) {
          e.pending.push_back({child(schema, (*list)[i], fmt::format("allOf/{}", i)), p.ancestors});
        }
      } else {
        e.choices.emplace_back(p, key);
      }
    }
  }
  if (e.choices.empty()) {
    drop_repeats(&e.plain);
    if (static_cast<int64_t>(out->size()) >= g_.work().budget().max_subschemas ||
        ++subschemas_ > 4 * g_.work().budget().max_subschemas) {
      return fail(e.plain[0], "anyOf and oneOf combine in too many ways (max_subschemas)");
    }
    out->push_back(std::move(e.plain));
    return;
  }
  const auto [chosen, key] = std::move(e.choices.back());
  e.choices.pop_back();
  const Json& list = (*chosen.schema)[key];
  for (size_t i = 0; i < list.size() && ok(); ++i) {
    Expansion branch = e;
    branch.pending.push_back(
        {child(*chosen.schema, list[i], fmt::format("{}/{}", key, i)), chosen.ancestors});
    expand(std::move(branch), out);
  }
}

SchemaCompiler::Types SchemaCompiler::types(const All& all) {
  Types t{true, true, true, true, true, true, true};
  bool said = false;
  Types implied;
  for (const Json* schema : all) {
    for (const auto& [key, item] : schema->items()) {
      if (key == "properties" || key == "required" || key == "additionalProperties" ||
          key == "patternProperties" || key == "propertyNames" || key == "minProperties" ||
          key == "maxProperties") {
        implied.object = true;
      } else if (key == "items" || key == "prefixItems" || key == "minItems" || key == "maxItems") {
        implied.array = true;
      } else if (key == "pattern" || key == "minLength" || key == "maxLength" || key == "format") {
        implied.string = true;
      } else if (key == "minimum" || key == "maximum" || key == "exclusiveMinimum" ||
                 key == "exclusiveMaximum" || key == "multipleOf") {
        implied.number = implied.integer = true;
      }
    }
    const Json* type = find(*schema, "type");
    if (type == nullptr) continue;
    said = true;
    Types own;
    const Json list = type->is_array() ? *type : Json::array({*type});
    for (const Json& name : list) {
      if (name == "null") {
        own.null = true;
      } else if (name == "boolean") {
        own.boolean = true;
      } else if (name == "integer") {
        own.integer = true;
      } else if (name == "number") {
        own.number = own.integer = true;
      } else if (name == "string") {
        own.string = true;
      } else if (name == "array") {
        own.array = true;
      } else if (name == "object") {
        own.object = true;
      } else {
        fail(schema, fmt::format("unknown type {}", printable(name.dump())));
        return {};
      }
    }
    if (const Json* nullable = find(*schema, "nullable"); nullable != nullptr && *nullable == true)
      own.null = true;
    t = {t.null && own.null,     t.boolean && own.boolean, t.integer && own.integer, t.number && own.number,
         t.string && own.string, t.array && own.array,     t.object && own.object};
  }
  const bool hints = implied.object || implied.array || implied.string || implied.number;
  return !said && hints ? implied : t;
}

ExprId SchemaCompiler::alternative(const All& all) {
  // enum and const: each value that the other keywords let through.
  for (const Json* schema : all) {
    const Json* constant = find(*schema, "const");
    const Json* list = find(*schema, "enum");
    if (constant == nullptr && list == nullptr) continue;
    if (constant == nullptr && !list->is_array()) {
      fail(schema, "'enum' must be a list");
      return g_.never();
    }
    const Json values = constant != nullptr ? Json::array({*constant}) : *list;
    std::vector<ExprId> parts;
    for (const Json& v : values) {
      bool fits = true;
      for (const Json* other : all) fits = fits && ok() && accepts_plain(*other, v, 0);
      if (fits) parts.push_back(json_.fixed(v));
      if (!ok()) return g_.never();
    }
    return g_.choice(std::move(parts));
  }
  const Types t = types(all);
  if (!ok()) return g_.never();
  bool restricted = false;
  for (const Json* schema : all) {
    for (const auto& [key, item] : schema->items()) restricted |= in(kPlain, key);
  }
  if (!restricted) return json_.any_value();
  std::vector<ExprId> parts;
  if (t.null) parts.push_back(g_.literal("null"));
  if (t.boolean) parts.push_back(g_.choice({g_.literal("true"), g_.literal("false")}));
  if (t.integer || t.number) parts.push_back(number_value(all, !t.number));
  if (t.string) parts.push_back(string_value(all));
  if (t.array) parts.push_back(array_value(all));
  if (t.object) parts.push_back(object_value(all));
  return g_.choice(std::move(parts));
}

}  // namespace jaju::grammar
