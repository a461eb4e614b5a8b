// The request of /v1/responses: items instead of messages.
#include <fmt/format.h>

#include "base/utf8.h"
#include "server/dialects.h"
#include "server/shared_fields.h"

namespace jaju::server {
namespace {

// Items of one turn of the model (reasoning, text, calls) become one message.
Message& assistant_turn(std::vector<Message>& messages) {
  if (messages.empty() || messages.back().role != "assistant") {
    Message message;
    message.role = "assistant";
    messages.push_back(std::move(message));
  }
  return messages.back();
}

void read_item(const Json& value, const std::string& path, const RequestLimits& limits, RequestErrors& errors,
               std::vector<Message>& messages) {
  Fields fields(value, path, errors);
  const std::string type = fields.string("type", 64).value_or("message");
  fields.ignore({"id", "status"});
  if (type == "message") {
    const auto role = fields.choice("role", {"system", "developer", "user", "assistant"});
    if (!role && !fields.has("role")) fields.wrong("role", "is missing");
    if (!fields.has("content")) fields.wrong("content", "is missing");
    std::string text = read_content(fields, "content", {"input_text", "output_text", "text"}, limits);
    if (role && *role == "assistant") {
      assistant_turn(messages).content += text;
    } else {
      Message message;
      message.role = role && *role == "user" ? "user" : "system";
      message.content = std::move(text);
      messages.push_back(std::move(message));
    }
    fields.ignore({"phase"});
  } else if (type == "function_call") {
    ToolCall call;
    call.id = fields.string("call_id", limits.max_name_bytes).value_or("");
    call.name = fields.string("name", limits.max_name_bytes).value_or("");
    if (call.name.empty()) fields.wrong("name", "is missing");
    call.arguments = read_arguments(fields, "arguments", limits);
    Message& turn = assistant_turn(messages);
    if (turn.tool_calls.size() >= limits.max_tool_calls)
      fields.wrong("type", "is one call too many in a row");
    turn.tool_calls.push_back(std::move(call));
  } else if (type == "function_call_output") {
    Message message;
    message.role = "tool";
    message.tool_call_id = fields.string("call_id", limits.max_name_bytes).value_or("");
    message.content = read_content(fields, "output", {"input_text", "output_text", "text"}, limits);
    messages.push_back(std::move(message));
  } else if (type == "reasoning") {
    std::string text = read_content(fields, "content", {"reasoning_text"}, limits);
    assistant_turn(messages).reasoning += text;
    fields.ignore({"summary", "encrypted_content"});
  } else {
    fields.wrong("type",
                 fmt::format("is '{}'; message, function_call, function_call_output and reasoning are read",
                             printable(type)));
  }
  fields.finish();
}

void read_text_format(Fields& fields, const RequestLimits& limits, ChatCall* call, Json* echo) {
  const Json* text = fields.object("text");
  if (text == nullptr) return;
  (*echo)["text"] = *text;
  Fields inner(*text, "text", fields.errors());
  inner.ignore({"verbosity"});
  if (const Json* format = inner.object("format")) {
    Fields f(*format, "text.format", fields.errors());
    const auto type = f.choice("type", {"text", "json_object", "json_schema"});
    if (type && *type == "json_object")
      call->constraint = ConstraintSpec{GrammarKind::json_object, "", "text.format"};
    if (type && *type == "json_schema") {
      const Json* schema = f.get("schema");
      if (schema == nullptr) f.wrong("schema", "is missing");
      set_schema(f, "schema", schema, limits, call);
    }
    f.ignore({"name", "description", "strict"});
    f.finish();
  } else {
    (*echo)["text"]["format"] = {{"type", "text"}};
  }
  inner.finish();
}

}  // namespace

std::optional<ApiError> read_responses(const Json& body, const RequestLimits& limits, const ModelFacts& facts,
                                       ResponsesRequest* out) {
  RequestErrors errors;
  Fields fields(body, "", errors);
  ChatCall& call = out->call;
  Json& echo = out->echo;
  echo = {{"instructions", nullptr},
          {"max_output_tokens", nullptr},
          {"parallel_tool_calls", true},
          {"previous_response_id", nullptr},
          {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
          {"store", false},
          {"temperature", nullptr},
          {"text", {{"format", {{"type", "text"}}}}},
          {"tool_choice", "auto"},
          {"tools", Json::array()},
          {"top_p", nullptr},
          {"truncation", "disabled"},
          {"user", nullptr},
          {"metadata", Json::object()}};
  const auto repeat = [&](const char* name) {
    if (const Json* value = fields.get(name)) echo[name] = *value;
  };
  call.model = fields.string("model", limits.max_name_bytes).value_or("");
  if (const auto instructions = fields.string("instructions", limits.max_text_bytes)) {
    Message message;
    message.role = "system";
    message.content = *instructions;
    call.messages.push_back(std::move(message));
    repeat("instructions");
  }
  const Json* input = fields.get("input");
  if (input == nullptr) {
    fields.wrong("input", "is missing");
  } else if (input->is_string()) {
    Message message;
    message.role = "user";
    message.content = fields.string("input", limits.max_text_bytes).value_or("");
    call.messages.push_back(std::move(message));
  } else if (const Json* items = fields.array("input", limits.max_messages)) {
    if (items->empty()) fields.wrong("input", "is empty");
    for (size_t i = 0; i < items->size() && !errors.any(); ++i) {
      read_item((*items)[i], fmt::format("input[{}]", i), limits, errors, call.messages);
    }
  }
  out->stream = fields.boolean("stream").value_or(false);
  if (const Json* options = fields.object("stream_options")) {
    Fields inner(*options, "stream_options", errors);
    inner.ignore({"include_obfuscation"});
    inner.finish();
  }
  read_sampling(fields, limits, facts, &call.sampling);
  call.sampling.max_tokens = fields.integer("max_output_tokens", 1, 1 << 30);
  read_stop(fields, "stop", limits, &call.stop);
  for (const char* name : {"max_output_tokens", "temperature", "top_p"}) repeat(name);
  // Tools are flat here: {"type": "function", "name", "parameters", "strict"}.
  if (const Json* tools = fields.array("tools", limits.max_tools); tools != nullptr && !tools->empty()) {
    call.tools = Json::array();
    for (size_t i = 0; i < tools->size() && !errors.any(); ++i) {
      Fields tool((*tools)[i], fmt::format("tools[{}]", i), errors);
      if (!tool.choice("type", {"function"}))
        tool.wrong("type", "must be \"function\": other tools are not offered");
      Json read = function_tool(tool, "parameters", limits);
      // The official client marks every tool strict; the answer is then always valid.
      tool.ignore({"defer_loading", "output_schema"});
      tool.finish();
      call.tools.push_back({{"type", "function"}, {"function", std::move(read)}});
    }
    echo["tools"] = *tools;
  }
  if (!errors.any()) read_tool_choice(fields, &call);
  repeat("tool_choice");
  call.parallel_tool_calls = fields.boolean("parallel_tool_calls").value_or(true);
  echo["parallel_tool_calls"] = call.parallel_tool_calls;
  read_text_format(fields, limits, &call, &echo);
  read_grammar(fields, limits, &call);
  if (const Json* reasoning = fields.object("reasoning")) {
    Fields inner(*reasoning, "reasoning", errors);
    read_effort(inner, "effort", &call.thinking);
    inner.ignore({"summary", "generate_summary"});
    inner.finish();
    for (const auto& [key, value] : reasoning->items()) echo["reasoning"][key] = value;
  }
  read_template_kwargs(fields, &call);
  if (const auto top = fields.integer("top_logprobs", 0, limits.max_top_logprobs)) {
    call.top_logprobs = *top > 0 ? static_cast<int>(*top) : -1;
  }
  if (const Json* include = fields.array("include", 32)) {
    for (const Json& what : *include) {
      if (what == "message.output_text.logprobs")
        call.top_logprobs = std::max(call.top_logprobs, 0);
      else if (what != "reasoning.encrypted_content")
        fields.wrong("include", "names something this server does not have");
    }
  }
  if (const auto truncation = fields.choice("truncation", {"auto", "disabled"});
      truncation && *truncation == "auto") {
    fields.wrong("truncation", "\"auto\" is not offered: nothing is dropped from a conversation in silence");
  }
  fields.refuse("previous_response_id", "this server keeps no responses; send the whole conversation");
  fields.refuse("conversation", "this server keeps no conversations; send the whole input");
  fields.refuse("background", "answers are not kept");
  fields.refuse("prompt", "this server keeps no prompts");
  fields.ignore({"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
                 "prompt_cache_retention", "max_tool_calls", "context_management"});
  repeat("metadata");
  repeat("user");
  fields.finish();
  return errors.first();
}

}  // namespace jaju::server
