#include "server/shared_fields.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include <fmt/format.h>

#include "base/json.h"
#include "base/utf8.h"

namespace jaju::server {

std::optional<double> read_top_p(Fields& fields) {
  std::optional<double> p = fields.number("top_p", 0, 1);
  if (p) *p = std::max(*p, 1e-6);  // 0 is the likeliest token alone
  return p;
}

void read_sampling(Fields& fields, const RequestLimits& limits, const ModelFacts& facts,
                   SamplingFields* out) {
  out->temperature = fields.number("temperature", 0, 10);
  out->top_p = read_top_p(fields);
  out->top_k = fields.integer("top_k", -1, 1 << 20);
  if (out->top_k == -1) out->top_k = 0;  // vLLM's "off"
  out->min_p = fields.number("min_p", 0, 1);
  out->repetition_penalty = fields.number("repetition_penalty", 0.01, 100);
  out->presence_penalty = fields.number("presence_penalty", -2, 2);
  out->frequency_penalty = fields.number("frequency_penalty", -2, 2);
  if (const auto seed = fields.integer("seed", INT64_MIN, INT64_MAX))
    out->seed = static_cast<uint64_t>(*seed);
  const Json* bias = fields.object("logit_bias");
  if (bias == nullptr) return;
  if (bias->size() > limits.max_logit_bias) {
    fields.wrong("logit_bias",
                 fmt::format("has {} entries; at most {} are taken", bias->size(), limits.max_logit_bias));
    return;
  }
  for (const auto& [key, value] : bias->items()) {
    int64_t id = -1;
    const auto [end, failure] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (failure != std::errc() || end != key.data() + key.size() || id < 0 || id >= facts.vocab_size) {
      fields.wrong("logit_bias", fmt::format("names token '{}', which is not an id from 0 to {}",
                                             printable(key), facts.vocab_size - 1));
      return;
    }
    const double v = value.is_number() ? value.get<double>() : 1e9;
    if (!(v >= -100 && v <= 100)) {
      fields.wrong("logit_bias", fmt::format("of token {} must be a number from -100 to 100", id));
      return;
    }
    out->logit_bias.emplace_back(static_cast<int32_t>(id), static_cast<float>(v));
  }
}

void read_stop(Fields& fields, std::string_view name, const RequestLimits& limits,
               std::vector<std::string>* out) {
  const Json* value = fields.get(name);
  if (value == nullptr) return;
  const Json list = value->is_string() ? Json::array({*value}) : *value;
  if (!list.is_array()) return fields.wrong(name, "must be a string or an array of strings");
  if (list.size() > limits.max_stop_strings) {
    return fields.wrong(
        name, fmt::format("has {} entries; at most {} are taken", list.size(), limits.max_stop_strings));
  }
  for (const Json& stop : list) {
    if (!stop.is_string()) return fields.wrong(name, "must be a string or an array of strings");
    const auto& text = stop.get_ref<const std::string&>();
    if (text.empty()) return fields.wrong(name, "has an empty string, which would stop every answer at once");
    if (text.size() > limits.max_stop_bytes) {
      return fields.wrong(name, fmt::format("has a string of more than {} bytes", limits.max_stop_bytes));
    }
    out->push_back(text);
  }
}

Json function_tool(Fields& fields, std::string_view schema_field, const RequestLimits& limits) {
  Json function = Json::object();
  const auto name = fields.string("name", limits.max_name_bytes);
  if (!name || name->empty()) {
    fields.wrong("name", "is missing: a tool needs a name");
    return nullptr;
  }
  function["name"] = *name;
  if (const auto description = fields.string("description", limits.max_tool_bytes))
    function["description"] = *description;
  if (const Json* schema = fields.object(schema_field)) {
    if (schema->contains("type") && (*schema)["type"] != "object") {
      fields.wrong(schema_field, "must describe an object: a call's arguments have names");
      return nullptr;
    }
    function["parameters"] = *schema;
  }
  if (const auto strict = fields.boolean("strict")) function["strict"] = *strict;
  if (function.dump(-1, ' ', false, Json::error_handler_t::replace).size() > limits.max_tool_bytes) {
    fields.wrong("name", fmt::format("belongs to a tool of more than {} bytes", limits.max_tool_bytes));
    return nullptr;
  }
  return function;
}

void read_tools(Fields& fields, const RequestLimits& limits, ChatCall* call) {
  if (const Json* tools = fields.array("tools", limits.max_tools); tools != nullptr && !tools->empty()) {
    call->tools = Json::array();
    for (size_t i = 0; i < tools->size(); ++i) {
      Fields tool((*tools)[i], fmt::format("{}[{}]", fields.at("tools"), i), fields.errors());
      if (!tool.choice("type", {"function"}))
        tool.wrong("type", "must be \"function\": other tools are not offered");
      const Json* function = tool.object("function");
      if (function == nullptr) {
        tool.wrong("function", "is missing");
        return;
      }
      Fields inner(*function, tool.at("function"), fields.errors());
      Json read = function_tool(inner, "parameters", limits);
      inner.finish();
      tool.ignore({"strict", "cache_control"});
      tool.finish();
      if (fields.errors().any()) return;
      call->tools.push_back({{"type", "function"}, {"function", std::move(read)}});
    }
  }
  read_tool_choice(fields, call);
  call->parallel_tool_calls = fields.boolean("parallel_tool_calls").value_or(true);
}

void read_tool_choice(Fields& fields, ChatCall* call) {
  const Json* choice = fields.get("tool_choice");
  if (choice == nullptr) return;
  const bool have_tools = call->tools.is_array() && !call->tools.empty();
  if (choice->is_string()) {
    const auto word = fields.choice("tool_choice", {"auto", "none", "required"});
    if (!word) return;
    if (*word == "none") call->tool_choice = ToolChoice::none;
    if (*word == "required") {
      call->tool_choice = ToolChoice::required;
      if (!have_tools) fields.wrong("tool_choice", "is \"required\", but there are no tools");
    }
    return;
  }
  Fields named(*choice, fields.at("tool_choice"), fields.errors());
  named.choice("type", {"function"});
  std::optional<std::string> name;
  if (const Json* function = named.object("function")) {
    Fields inner(*function, named.at("function"), fields.errors());
    name = inner.string("name", 256);
    inner.finish();
  } else {
    name = named.string("name", 256);
  }
  named.finish();
  if (!name) return named.wrong("name", "is missing");
  call->tool_choice = ToolChoice::named;
  call->tool_name = *name;
  if (have_tools) {
    for (const Json& tool : call->tools) {
      if (tool["function"]["name"] == *name) return;
    }
  }
  fields.wrong("tool_choice", fmt::format("names the tool '{}', which is not in 'tools'", printable(*name)));
}

void read_effort(Fields& fields, std::string_view name, ThinkingFields* out) {
  const auto effort = fields.choice(name, {"none", "minimal", "low", "medium", "high", "xhigh", "max"});
  if (!effort) return;
  out->on = *effort != "none" && *effort != "minimal";
  if (*effort == "low") out->budget = 1024;
  if (*effort == "medium") out->budget = 4096;
}

void read_template_kwargs(Fields& fields, ChatCall* call) {
  if (const Json* kwargs = fields.object("chat_template_kwargs")) {
    Json variables = Json::object();
    for (const auto& [key, value] : kwargs->items()) {
      if (key == "enable_thinking" || key == "thinking") {
        if (!value.is_boolean()) {
          return fields.wrong("chat_template_kwargs",
                              fmt::format("has '{}', which must be true or false", key));
        }
        call->thinking.on = value.get<bool>();
      } else {
        variables[key] = value;
      }
    }
    if (!variables.empty()) call->template_variables = std::move(variables);
  }
  if (const auto budget = fields.integer("thinking_budget", 0, 1 << 24)) {
    call->thinking.budget = *budget;
    if (!call->thinking.on) call->thinking.on = true;
  }
}

void set_schema(Fields& fields, std::string_view name, const Json* schema, const RequestLimits& limits,
                ChatCall* call) {
  if (schema == nullptr) return;
  if (!schema->is_object())
    return fields.wrong(name, fmt::format("must be a JSON Schema (an object), not {}", kind_of(*schema)));
  std::string text = dump(*schema);
  if (text.size() > limits.max_schema_bytes) {
    return fields.wrong(name, fmt::format("is longer than {} bytes", limits.max_schema_bytes));
  }
  call->constraint = ConstraintSpec{GrammarKind::json_schema, std::move(text), fields.at(name)};
}

void read_grammar(Fields& fields, const RequestLimits& limits, ChatCall* call) {
  int n = call->constraint ? 1 : 0;
  const auto text = [&](std::string_view name, GrammarKind kind) {
    const auto value = fields.string(name, limits.max_schema_bytes);
    if (!value) return;
    call->constraint = ConstraintSpec{kind, *value, std::string(name)};
    if (++n > 1) fields.wrong(name, "is a second constraint; give one of response_format, grammar and regex");
  };
  text("grammar", GrammarKind::gbnf);
  text("guided_grammar", GrammarKind::gbnf);
  text("regex", GrammarKind::regex);
  text("guided_regex", GrammarKind::regex);
  if (const Json* schema = fields.get("guided_json")) {
    if (++n > 1)
      fields.wrong("guided_json", "is a second constraint; give one of response_format, grammar and regex");
    if (schema->is_string()) {
      Result<Json> parsed =
          parse_ordered_json(schema->get_ref<const std::string&>(), "guided_json", limits.max_json_depth);
      if (!parsed.ok())
        return fields.wrong("guided_json", fmt::format("can not be read: {}", parsed.message()));
      set_schema(fields, "guided_json", &*parsed, limits, call);
    } else {
      set_schema(fields, "guided_json", schema, limits, call);
    }
  }
}

std::string read_content(Fields& fields, std::string_view name,
                         std::initializer_list<std::string_view> text_types, const RequestLimits& limits) {
  const Json* content = fields.get(name);
  if (content == nullptr) return {};
  if (content->is_string()) return fields.string(name, limits.max_text_bytes).value_or("");
  if (!content->is_array()) {
    fields.wrong(name, fmt::format("must be a string or an array of parts, not {}", kind_of(*content)));
    return {};
  }
  if (content->size() > limits.max_parts) {
    fields.wrong(name, fmt::format("has more than {} parts", limits.max_parts));
    return {};
  }
  std::string text;
  for (size_t i = 0; i < content->size(); ++i) {
    Fields part((*content)[i], fmt::format("{}[{}]", fields.at(name), i), fields.errors());
    const auto type = part.string("type", 64);
    bool known = false;
    for (const std::string_view word : text_types) known = known || (type && *type == word);
    if (!known) {
      part.wrong("type",
                 fmt::format("is '{}': this model reads text only", type ? printable(*type) : "missing"));
      return {};
    }
    const auto more = part.string("text", limits.max_text_bytes);
    if (!more) {
      part.wrong("text", "is missing");
      return {};
    }
    text += *more;
    part.ignore({"cache_control", "annotations", "logprobs", "citations"});
    part.finish();
    if (text.size() > limits.max_text_bytes) {
      fields.wrong(name, fmt::format("is longer than {} bytes", limits.max_text_bytes));
      return {};
    }
  }
  return text;
}

Json read_arguments(Fields& fields, std::string_view name, const RequestLimits& limits) {
  const Json* value = fields.get(name);
  if (value == nullptr) return Json::object();
  if (value->is_object()) return *value;
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) return Json::object();
    Result<Json> parsed = parse_ordered_json(text, "it", limits.max_json_depth);
    if (parsed.ok() && parsed->is_object()) return *std::move(parsed);
  }
  fields.wrong(name, "must be a JSON object, or the text of one");
  return Json::object();
}

std::string iso_time(int64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&when, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace jaju::server
