#include "runtime/grammar/tool_calls.h"

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/utf8.h"
#include "runtime/grammar/dfa.h"
#include "runtime/grammar/json_values.h"
#include "runtime/grammar/schema.h"

namespace jaju::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxTools = 1'024, kMaxMarker = 256;

// Any text that does not contain `marker`, which is not empty.
std::shared_ptr<const Dfa> text_without(Grammar& g, const std::string& marker) {
  const auto any = Dfa::from_expr(g, g.repeat(g.chars(CodePointSet::all()), 0, kUnbounded));
  // State: how much of the marker has just been written (Knuth, Morris, Pratt).
  const size_t n = marker.size();
  std::vector<size_t> border(n + 1, 0);
  for (size_t i = 1, k = 0; i < n; ++i) {
    while (k > 0 && marker[i] != marker[k]) k = border[k];
    if (marker[i] == marker[k]) ++k;
    border[i + 1] = k;
  }
  std::vector<int32_t> next(n * 256, -1);
  for (size_t s = 0; s < n; ++s) {
    for (size_t b = 0; b < 256; ++b) {
      size_t k = s;
      while (k > 0 && marker[k] != static_cast<char>(b)) k = border[k];
      if (marker[k] == static_cast<char>(b)) ++k;
      if (k < n) next[s * 256 + b] = static_cast<int32_t>(k);
    }
  }
  const auto without = Dfa::from_table(g.work(), next, std::vector<uint8_t>(n, 1));
  return any == nullptr || without == nullptr ? nullptr
                                              : Dfa::combine(g.work(), *any, *without, Dfa::Combine::both);
}

}  // namespace

void add_tool_calls(Grammar& g, std::string_view text) {
  Work& work = g.work();
  const auto parsed = parse_ordered_json(text, "the text", work.budget().max_input_depth);
  if (!parsed.ok()) return work.fail(parsed.status());
  const Json& spec = *parsed;
  if (!spec.is_object()) return work.fail(error("the text must be a JSON object"));
  std::string begin, end, separator, mode = "required";
  int64_t max_calls = 0;
  for (const auto& [key, item] : spec.items()) {
    const bool marker = key == "begin" || key == "end" || key == "separator" || key == "mode";
    if (marker && !item.is_string()) return work.fail(error("'{}' must be a string", key));
    if (key == "begin") {
      begin = item.get<std::string>();
    } else if (key == "end") {
      end = item.get<std::string>();
    } else if (key == "separator") {
      separator = item.get<std::string>();
    } else if (key == "mode") {
      mode = item.get<std::string>();
    } else if (key == "max_calls") {
      if (!item.is_number_unsigned() || item.get<uint64_t>() > 1'000'000) {
        return work.fail(error("'max_calls' must be a whole number from 0 to 1000000"));
      }
      max_calls = item.get<int64_t>();
    } else if (key != "tools") {
      return work.fail(error("unknown field '{}'", printable(key)));
    }
  }
  if (mode != "required" && mode != "auto")
    return work.fail(error("'mode' must be \"required\" or \"auto\""));
  if (begin.empty() && mode == "auto")
    return work.fail(error("'begin' is missing: free text could not be told from calls"));
  if (begin.size() > kMaxMarker || end.size() > kMaxMarker || separator.size() > kMaxMarker) {
    return work.fail(error("'begin', 'end' and 'separator' may have {} bytes", kMaxMarker));
  }
  const auto tools = spec.find("tools");
  if (tools == spec.end() || !tools->is_array() || tools->empty() || tools->size() > kMaxTools) {
    return work.fail(error("'tools' must be a list of 1 to {} tools", kMaxTools));
  }

  JsonValues json(g);
  g.root = g.new_rule("tool calls");
  std::vector<ExprId> calls;
  std::set<std::string> names;
  for (size_t i = 0; i < tools->size() && !work.failed(); ++i) {
    const Json& tool = (*tools)[i];
    const std::string at = fmt::format("#/tools/{}", i);
    const auto name = tool.is_object() ? tool.find("name") : tool.end();
    if (!tool.is_object() || name == tool.end() || !name->is_string() ||
        name->get_ref<const std::string&>().empty()) {
      return work.fail(error("{}: a tool needs a 'name'", at));
    }
    if (!names.insert(name->get<std::string>()).second) {
      return work.fail(error("{}: two tools are called '{}'", at, printable(name->get<std::string>())));
    }
    ExprId arguments = g.call(json.any_object());
    const auto parameters = tool.find("parameters");
    if (parameters != tool.end() && !parameters->is_null()) {
      arguments = SchemaCompiler(g, json, *parameters, at + "/parameters").compile();
    }
    calls.push_back(g.sequence({json.quoted(name->get<std::string>()), json.comma(),
                                g.literal("\"arguments\""), json.colon(), arguments}));
  }
  if (work.failed()) return;
  const ExprId object = g.sequence({g.literal("{"), json.space(), g.literal("\"name\""), json.colon(),
                                    g.choice(std::move(calls)), json.space(), g.literal("}")});
  const ExprId call = g.sequence({object, g.literal(end)});
  const auto most = max_calls == 0 ? kUnbounded : static_cast<int32_t>(max_calls) - 1;
  const ExprId more = g.repeat(g.sequence({g.literal(separator), g.literal(begin), call}), 0, most);
  if (mode == "required") {
    g.set_body(g.root, g.sequence({g.literal(begin), call, more}));
    return;
  }
  // Free text, and once it has written `begin` a call must follow; after the calls nothing else.
  const auto free = text_without(g, begin);
  // The text up to the marker must not complete it earlier: "<<a" may hold the beginning of "<a".
  if (free == nullptr) return work.fail(error("'begin' needs too many states"));
  const auto free_and_begin = Dfa::from_expr(g, g.sequence({g.automaton(free), g.literal(begin)}));
  const ExprId any = g.repeat(g.chars(CodePointSet::all()), 0, kUnbounded);
  const auto too_late = Dfa::from_expr(
      g, g.sequence({any, g.literal(begin), g.repeat(g.chars(CodePointSet::all()), 1, kUnbounded)}));
  if (free_and_begin == nullptr || too_late == nullptr)
    return work.fail(error("'begin' needs too many states"));
  const auto opened = Dfa::combine(work, *free_and_begin, *too_late, Dfa::Combine::first_only);
  if (opened == nullptr) return work.fail(error("'begin' needs too many states"));
  g.set_body(g.root, g.choice({g.automaton(free), g.sequence({g.automaton(opened), call, more})}));
}

}  // namespace jaju::grammar
