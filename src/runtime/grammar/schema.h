// JSON Schema to a grammar: every text is a JSON document that the schema accepts, its properties in the
// schema's order.
//
// A rule stands for a set of subschemas that must all hold (what allOf, $ref and siblings ask for), so
// recursion through $ref ends as soon as a set was met before. docs/structured-output.md lists the keywords;
// one that is neither there nor an annotation is an error that names its JSON pointer.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/grammar/expr.h"
#include "runtime/grammar/json_values.h"
#include "runtime/grammar/numbers.h"

namespace jaju::grammar {

// Sets g.root; errors in g.work().
void add_schema(Grammar& g, std::string_view text);

class SchemaCompiler {
 public:
  using Json = nlohmann::ordered_json;

  // `root`: what "#" means in a $ref. It and `json` must outlive this. `name` begins pointers: "#".
  SchemaCompiler(Grammar& g, JsonValues& json, const Json& root, std::string name);

  // A text for the root schema. Errors in g.work().
  ExprId compile();

 private:
  // Subschemas that must all hold, each once.
  using All = std::vector<const Json*>;
  struct Types {
    bool null = false, boolean = false, integer = false, number = false, string = false, array = false,
         object = false;
  };

  // schema.cc: sets of subschemas to rules.
  ExprId value(All all);
  ExprId body(const All& all);
  // The ways to satisfy all of them without $ref, allOf, anyOf and oneOf, each a set of which only the other
  // keywords count.
  std::vector<All> alternatives(const All& all);
  struct Expansion;
  void expand(Expansion e, std::vector<All>* out);
  ExprId alternative(const All& all);
  Types types(const All& all);
  const Json* resolve(const Json& schema);
  bool check_keywords(const Json& schema);
  const Json* child(const Json& parent, const Json& schema, std::string_view path);
  const std::string& pointer(const Json* schema);
  void fail(const Json* schema, std::string_view what);
  bool ok() const { return !g_.work().failed(); }
  const Json* find(const Json& schema, const char* key);
  // A count such as maxLength: none when absent, an error when not a whole number from 0.
  std::optional<int64_t> count(const Json* schema, const char* key);
  // Largest (smallest) over the set.
  int64_t largest(const All& all, const char* key);
  int64_t smallest(const All& all, const char* key);

  // schema_values.cc
  ExprId string_value(const All& all);
  ExprId number_value(const All& all, bool integer);
  ExprId array_value(const All& all);
  std::shared_ptr<const Dfa> pattern(const Json* schema, const std::string& text);
  // The characters of a string under pattern, format and lengths; null when nothing limits them.
  bool string_limits(const All& all, std::shared_ptr<const Dfa>* out, int32_t* min, int32_t* max);
  std::optional<NumberBounds> bounds(const All& all);

  // schema_object.cc
  struct Region;
  ExprId object_value(const All& all);
  std::vector<Region> key_regions(const All& all, const std::vector<std::string>& declared);
  // What `all` asks of the property; `false_schema()` inside when it may not be there.
  All property(const All& all, const std::string& name);

  // schema_check.cc: does a value satisfy a schema? For enum and const beside other keywords.
  bool accepts(const Json& schema, const Json& value, int depth);
  bool accepts_plain(const Json& schema, const Json& value, int depth);

  Grammar& g_;
  JsonValues& json_;
  const Json& root_;
  std::string name_;
  std::unordered_map<const Json*, std::string> pointers_;
  std::unordered_map<const Json*, bool> checked_;
  std::map<All, RuleId> rules_;
  std::vector<std::pair<All, RuleId>> pending_;
  std::map<std::string, std::shared_ptr<const Dfa>> patterns_;
  int64_t subschemas_ = 0;
};

// One step of a JSON pointer, as it is written in one: ~0 for ~, ~1 for /.
std::string pointer_token(std::string_view name);

// The subschemas `true` and `false`, for places where there is none in the text.
const nlohmann::ordered_json& true_schema();
const nlohmann::ordered_json& false_schema();

// The expression of a `format`, anchored; none: not supported.
std::optional<std::string_view> format_pattern(std::string_view format);

}  // namespace jaju::grammar
