// The request of /v1/messages.
#include <fmt/format.h>

#include "base/utf8.h"
#include "server/dialects.h"
#include "server/shared_fields.h"

namespace jaju::server {
namespace {

// One message may hold text, thinking, calls and results; results become messages of their own, in front of
// the text beside them.
void read_message(const Json& value, const std::string& path, const RequestLimits& limits,
                  RequestErrors& errors, std::vector<Message>& messages) {
  Fields fields(value, path, errors);
  const auto role = fields.choice("role", {"user", "assistant", "system"});
  if (!role && !fields.has("role")) fields.wrong("role", "is missing");
  Message message;
  message.role = role.value_or("user");
  const Json* content = fields.get("content");
  if (content == nullptr) {
    fields.wrong("content", "is missing");
  } else if (content->is_string()) {
    message.content = fields.string("content", limits.max_text_bytes).value_or("");
  } else if (const Json* blocks = fields.array("content", limits.max_parts)) {
    for (size_t i = 0; i < blocks->size() && !errors.any(); ++i) {
      Fields block((*blocks)[i], fmt::format("{}.content[{}]", path, i), errors);
      const std::string type = block.string("type", 64).value_or("");
      block.ignore({"cache_control", "citations"});
      if (type == "text") {
        message.content += block.string("text", limits.max_text_bytes).value_or("");
      } else if (type == "thinking" && message.role == "assistant") {
        message.reasoning += block.string("thinking", limits.max_text_bytes).value_or("");
        block.ignore({"signature"});
      } else if (type == "tool_use" && message.role == "assistant") {
        ToolCall call;
        call.id = block.string("id", limits.max_name_bytes).value_or("");
        call.name = block.string("name", limits.max_name_bytes).value_or("");
        if (call.name.empty()) block.wrong("name", "is missing");
        call.arguments = read_arguments(block, "input", limits);
        block.ignore({"caller"});
        message.tool_calls.push_back(std::move(call));
      } else if (type == "tool_result" && message.role == "user") {
        Message result;
        result.role = "tool";
        result.tool_call_id = block.string("tool_use_id", limits.max_name_bytes).value_or("");
        result.content = read_content(block, "content", {"text"}, limits);
        if (block.boolean("is_error").value_or(false)) result.content = "error: " + result.content;
        messages.push_back(std::move(result));
      } else {
        block.wrong("type", fmt::format("is '{}': text, thinking, tool_use and tool_result are read",
                                        printable(type)));
      }
      block.finish();
    }
    if (message.tool_calls.size() > limits.max_tool_calls) fields.wrong("content", "holds too many calls");
    if (message.content.size() > limits.max_text_bytes)
      fields.wrong("content", fmt::format("is longer than {} bytes", limits.max_text_bytes));
    // Only results: their messages are there already.
    if (message.role == "user" && message.content.empty() && !messages.empty() &&
        messages.back().role == "tool" && !blocks->empty()) {
      fields.finish();
      return;
    }
  }
  fields.finish();
  messages.push_back(std::move(message));
}

void read_tools_and_choice(Fields& fields, const RequestLimits& limits, ChatCall* call) {
  if (const Json* tools = fields.array("tools", limits.max_tools); tools != nullptr && !tools->empty()) {
    call->tools = Json::array();
    for (size_t i = 0; i < tools->size() && !fields.errors().any(); ++i) {
      Fields tool((*tools)[i], fmt::format("tools[{}]", i), fields.errors());
      const std::string type = tool.string("type", 64).value_or("custom");
      if (type != "custom") tool.wrong("type", "must be \"custom\": other tools are not offered");
      Json read = function_tool(tool, "input_schema", limits);
      tool.ignore(
          {"cache_control", "input_examples", "eager_input_streaming", "defer_loading", "allowed_callers"});
      tool.finish();
      call->tools.push_back({{"type", "function"}, {"function", std::move(read)}});
    }
  }
  const Json* choice = fields.object("tool_choice");
  if (choice == nullptr || fields.errors().any()) return;
  Fields inner(*choice, "tool_choice", fields.errors());
  const auto type = inner.choice("type", {"auto", "any", "tool", "none"});
  call->parallel_tool_calls = !inner.boolean("disable_parallel_tool_use").value_or(false);
  const auto name = inner.string("name", limits.max_name_bytes);
  inner.finish();
  if (!type) return;
  const bool have_tools = call->tools.is_array() && !call->tools.empty();
  if (*type == "none") call->tool_choice = ToolChoice::none;
  if (*type == "any") call->tool_choice = ToolChoice::required;
  if (*type == "tool") {
    call->tool_choice = ToolChoice::named;
    call->tool_name = name.value_or("");
    bool known = false;
    if (have_tools) {
      for (const Json& tool : call->tools) known = known || tool["function"]["name"] == call->tool_name;
    }
    if (!known) inner.wrong("name", "is not the name of one of 'tools'");
  }
  if (*type == "any" && !have_tools) inner.wrong("type", "is \"any\", but there are no tools");
}

}  // namespace

std::optional<ApiError> read_anthropic(const Json& body, const RequestLimits& limits, const ModelFacts&,
                                       bool count, AnthropicRequest* out) {
  RequestErrors errors;
  Fields fields(body, "", errors);
  ChatCall& call = out->call;
  call.model = fields.string("model", limits.max_name_bytes).value_or("");
  if (fields.has("system")) {
    Message message;
    message.role = "system";
    message.content = read_content(fields, "system", {"text"}, limits);
    call.messages.push_back(std::move(message));
  }
  const Json* messages = fields.array("messages", limits.max_messages);
  if (messages == nullptr || messages->empty()) {
    fields.wrong("messages", "must be an array with at least one message");
  } else {
    for (size_t i = 0; i < messages->size() && !errors.any(); ++i) {
      read_message((*messages)[i], fmt::format("messages[{}]", i), limits, errors, call.messages);
    }
  }
  const auto most = fields.integer("max_tokens", 1, 1 << 30);
  if (!most && !count && !fields.has("max_tokens")) fields.wrong("max_tokens", "is missing");
  call.sampling.max_tokens = most;
  call.sampling.temperature = fields.number("temperature", 0, 2);
  call.sampling.top_p = read_top_p(fields);
  call.sampling.top_k = fields.integer("top_k", 0, 1 << 20);
  out->stream = fields.boolean("stream").value_or(false);
  read_stop(fields, "stop_sequences", limits, &call.stop);
  read_tools_and_choice(fields, limits, &call);
  if (const Json* thinking = fields.object("thinking")) {
    Fields inner(*thinking, "thinking", errors);
    const auto type = inner.choice("type", {"enabled", "disabled", "adaptive"});
    if (type) call.thinking.on = *type != "disabled";
    if (const auto budget = inner.integer("budget_tokens", 0, 1 << 24)) call.thinking.budget = *budget;
    inner.ignore({"display"});
    inner.finish();
  }
  const auto output_schema = [&](Fields& at) {
    if (const Json* format = at.object("format")) {
      Fields f(*format, at.at("format"), errors);
      f.choice("type", {"json_schema"});
      set_schema(f, "schema", f.get("schema"), limits, &call);
      f.finish();
    }
  };
  if (const Json* config = fields.object("output_config")) {
    Fields inner(*config, "output_config", errors);
    output_schema(inner);
    if (!call.thinking.on)
      read_effort(inner, "effort", &call.thinking);
    else
      inner.ignore({"effort"});
    inner.finish();
  }
  if (const Json* format = fields.object("output_format")) {
    Fields f(*format, "output_format", errors);
    f.choice("type", {"json_schema"});
    set_schema(f, "schema", f.get("schema"), limits, &call);
    f.finish();
  }
  fields.ignore({"metadata", "service_tier", "cache_control", "inference_geo"});
  fields.refuse("container", "this server has no containers");
  fields.refuse("mcp_servers", "this server opens no addresses");
  fields.refuse("context_management", "nothing is dropped from a conversation in silence");
  fields.finish();
  // A last message of the model is where it goes on.
  if (!call.messages.empty() && call.messages.back().role == "assistant" &&
      call.messages.back().tool_calls.empty()) {
    if (call.thinking.on.value_or(false)) {
      errors.add("thinking", "'thinking' can not be enabled when the last message is the assistant's");
    }
    call.prefill = call.messages.back().content;
    while (!call.prefill.empty() && (call.prefill.back() == ' ' || call.prefill.back() == '\n'))
      call.prefill.pop_back();
    call.messages.pop_back();
    call.thinking.on = false;
  }
  return errors.first();
}

}  // namespace jaju::server
