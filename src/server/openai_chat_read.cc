// The request of /v1/chat/completions.
#include <fmt/format.h>

#include "server/openai_chat.h"
#include "server/shared_fields.h"

namespace jaju::server {

Message read_openai_message(const Json& value, const std::string& path, const RequestLimits& limits,
                            RequestErrors& errors) {
  Fields fields(value, path, errors);
  Message message;
  const auto role = fields.choice("role", {"system", "developer", "user", "assistant", "tool"});
  if (!role) {
    if (!fields.has("role")) fields.wrong("role", "is missing");
    return message;
  }
  message.role = *role == "developer" ? "system" : *role;
  message.content = read_content(fields, "content", {"text", "input_text", "output_text"}, limits);
  fields.ignore({"name", "refusal", "annotations"});
  fields.refuse("audio", "this model writes text only");
  fields.refuse("function_call", "it was replaced by tool_calls");
  if (message.role == "assistant") {
    if (const auto text = fields.string("reasoning_content", limits.max_text_bytes))
      message.reasoning = *text;
    if (const auto text = fields.string("reasoning", limits.max_text_bytes)) message.reasoning = *text;
    if (const Json* calls = fields.array("tool_calls", limits.max_tool_calls)) {
      for (size_t i = 0; i < calls->size() && !errors.any(); ++i) {
        Fields call((*calls)[i], fmt::format("{}.tool_calls[{}]", path, i), errors);
        ToolCall read;
        read.id = call.string("id", limits.max_name_bytes).value_or("");
        call.choice("type", {"function"});
        call.ignore({"index"});
        const Json* function = call.object("function");
        if (function == nullptr) {
          call.wrong("function", "is missing");
          break;
        }
        Fields inner(*function, call.at("function"), errors);
        read.name = inner.string("name", limits.max_name_bytes).value_or("");
        if (read.name.empty()) inner.wrong("name", "is missing");
        read.arguments = read_arguments(inner, "arguments", limits);
        inner.finish();
        call.finish();
        message.tool_calls.push_back(std::move(read));
      }
    }
  } else if (message.role == "tool") {
    message.tool_call_id = fields.string("tool_call_id", limits.max_name_bytes).value_or("");
  }
  if (message.role != "assistant" && !fields.has("content")) fields.wrong("content", "is missing");
  fields.finish();
  return message;
}

namespace {

void read_response_format(Fields& fields, const RequestLimits& limits, ChatCall* call) {
  const Json* format = fields.object("response_format");
  if (format == nullptr) return;
  Fields inner(*format, fields.at("response_format"), fields.errors());
  const auto type = inner.choice("type", {"text", "json_object", "json_schema"});
  if (!type) {
    if (!inner.has("type")) inner.wrong("type", "is missing");
    return;
  }
  if (*type == "json_object") {
    call->constraint = ConstraintSpec{GrammarKind::json_object, "", "response_format"};
    if (const Json* schema = inner.get("schema")) set_schema(inner, "schema", schema, limits, call);
  } else if (*type == "json_schema") {
    const Json* named = inner.object("json_schema");
    if (named == nullptr) return inner.wrong("json_schema", "is missing");
    Fields schema(*named, inner.at("json_schema"), fields.errors());
    schema.ignore({"name", "description", "strict"});  // strict or not, the answer always matches
    if (const Json* text = schema.get("schema"))
      set_schema(schema, "schema", text, limits, call);
    else
      call->constraint = ConstraintSpec{GrammarKind::json_object, "", "response_format"};
    schema.finish();
  }
  inner.finish();
}

}  // namespace

std::optional<ApiError> read_openai_chat(const Json& body, const RequestLimits& limits,
                                         const ModelFacts& facts, OpenAiChatRequest* out) {
  RequestErrors errors;
  Fields fields(body, "", errors);
  ChatCall& call = out->call;
  call.model = fields.string("model", limits.max_name_bytes).value_or("");
  const Json* messages = fields.array("messages", limits.max_messages);
  if (messages == nullptr || messages->empty()) {
    fields.wrong("messages", "must be an array with at least one message");
  } else {
    for (size_t i = 0; i < messages->size() && !errors.any(); ++i) {
      call.messages.push_back(
          read_openai_message((*messages)[i], fmt::format("messages[{}]", i), limits, errors));
    }
  }
  out->stream = fields.boolean("stream").value_or(false);
  if (const Json* options = fields.object("stream_options")) {
    Fields inner(*options, "stream_options", errors);
    out->include_usage = inner.boolean("include_usage").value_or(false);
    inner.ignore({"include_obfuscation", "continuous_usage_stats"});
    inner.finish();
    if (!out->stream) fields.wrong("stream_options", "is for streams; set stream to true");
  }
  out->return_progress = fields.boolean("return_progress").value_or(false);
  call.n = static_cast<int>(fields.integer("n", 1, limits.max_n).value_or(1));
  read_sampling(fields, limits, facts, &call.sampling);
  call.sampling.max_tokens = fields.integer("max_tokens", 1, 1 << 30);
  if (const auto most = fields.integer("max_completion_tokens", 1, 1 << 30)) call.sampling.max_tokens = *most;
  read_stop(fields, "stop", limits, &call.stop);
  const bool logprobs = fields.boolean("logprobs").value_or(false);
  if (const auto top = fields.integer("top_logprobs", 0, limits.max_top_logprobs)) {
    if (!logprobs && *top > 0) fields.wrong("top_logprobs", "needs logprobs: true");
    call.top_logprobs = static_cast<int>(*top);
  }
  call.top_logprobs = logprobs ? std::max(0, call.top_logprobs) : -1;
  read_response_format(fields, limits, &call);
  read_grammar(fields, limits, &call);
  read_tools(fields, limits, &call);
  read_effort(fields, "reasoning_effort", &call.thinking);
  read_template_kwargs(fields, &call);
  fields.ignore({"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
                 "prompt_cache_retention", "verbosity", "prediction"});
  fields.refuse("functions", "it was replaced by tools");
  fields.refuse("function_call", "it was replaced by tool_choice");
  fields.refuse("audio", "this model writes text only");
  fields.refuse("web_search_options", "this server opens no addresses");
  if (const Json* modalities = fields.array("modalities", 8)) {
    if (*modalities != Json::array({"text"})) fields.wrong("modalities", "can only be [\"text\"]");
  }
  fields.finish();
  return errors.first();
}

}  // namespace jaju::server
