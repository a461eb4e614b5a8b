// The requests of Ollama's /api/chat and /api/generate.
#include <fmt/format.h>

#include "server/dialects.h"
#include "server/shared_fields.h"

namespace jaju::server {
namespace {

Message read_message(const Json& value, const std::string& path, const RequestLimits& limits,
                     RequestErrors& errors) {
  Fields fields(value, path, errors);
  Message message;
  const auto role = fields.choice("role", {"system", "user", "assistant", "tool"});
  if (!role && !fields.has("role")) fields.wrong("role", "is missing");
  message.role = role.value_or("user");
  message.content = fields.string("content", limits.max_text_bytes).value_or("");
  message.reasoning = fields.string("thinking", limits.max_text_bytes).value_or("");
  fields.refuse("images", "this model reads text only");
  message.tool_call_id = fields.string("tool_call_id", limits.max_name_bytes).value_or("");
  fields.ignore({"tool_name", "name"});
  if (const Json* calls = fields.array("tool_calls", limits.max_tool_calls)) {
    for (size_t i = 0; i < calls->size() && !errors.any(); ++i) {
      Fields call((*calls)[i], fmt::format("{}.tool_calls[{}]", path, i), errors);
      ToolCall read;
      read.id = call.string("id", limits.max_name_bytes).value_or("");
      call.ignore({"type"});
      if (const Json* function = call.object("function")) {
        Fields inner(*function, call.at("function"), errors);
        read.name = inner.string("name", limits.max_name_bytes).value_or("");
        if (read.name.empty()) inner.wrong("name", "is missing");
        read.arguments = read_arguments(inner, "arguments", limits);
        inner.ignore({"index", "description"});
        inner.finish();
      } else {
        call.wrong("function", "is missing");
      }
      call.finish();
      message.tool_calls.push_back(std::move(read));
    }
  }
  fields.finish();
  return message;
}

void read_options(Fields& fields, const RequestLimits& limits, ChatCall* call) {
  const Json* options = fields.object("options");
  if (options == nullptr) return;
  Fields o(*options, "options", fields.errors());
  SamplingFields& s = call->sampling;
  s.temperature = o.number("temperature", 0, 10);
  s.top_k = o.integer("top_k", 0, 1 << 20);
  s.top_p = read_top_p(o);
  s.min_p = o.number("min_p", 0, 1);
  s.repetition_penalty = o.number("repeat_penalty", 0.01, 100);
  s.presence_penalty = o.number("presence_penalty", -2, 2);
  s.frequency_penalty = o.number("frequency_penalty", -2, 2);
  if (const auto seed = o.integer("seed", INT64_MIN, INT64_MAX); seed && *seed != -1) {  // -1: a random one
    s.seed = static_cast<uint64_t>(*seed);
  }
  if (const auto n = o.integer("num_predict", -2, 1 << 30)) s.max_tokens = *n < 0 ? -1 : *n;
  read_stop(o, "stop", limits, &call->stop);
  // Settings of Ollama's own runner; here they belong to the server.
  o.ignore({"num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "use_mmap", "use_mlock",
            "numa", "low_vram", "f16_kv", "vocab_only", "repeat_last_n", "penalize_newline"});
  for (const char* name : {"mirostat", "mirostat_eta", "mirostat_tau", "tfs_z", "typical_p"}) {
    if (const auto value = o.number(name, -1e9, 1e9)) {
      const bool off = std::string_view(name) == "mirostat" ? *value == 0 : *value == 1;
      const bool with_mirostat = std::string_view(name).starts_with("mirostat_");
      if (!off && !with_mirostat) o.wrong(name, "is not supported");
    }
  }
  o.finish();
}

}  // namespace

std::optional<ApiError> read_ollama(const Json& body, const RequestLimits& limits, const ModelFacts&,
                                    bool chat, OllamaRequest* out) {
  RequestErrors errors;
  Fields fields(body, "", errors);
  ChatCall& call = out->call;
  out->chat = chat;
  call.model = fields.string("model", limits.max_name_bytes).value_or("");
  if (call.model.empty()) fields.wrong("model", "is missing");
  out->stream = fields.boolean("stream").value_or(true);
  if (const Json* think = fields.get("think")) {
    if (think->is_boolean())
      call.thinking.on = think->get<bool>();
    else
      read_effort(fields, "think", &call.thinking);
  }
  if (const Json* format = fields.get("format")) {
    if (format->is_object()) {
      set_schema(fields, "format", format, limits, &call);
    } else if (format->is_string() && (*format == "json" || *format == "")) {
      if (*format == "json") call.constraint = ConstraintSpec{GrammarKind::json_object, "", "format"};
    } else {
      fields.wrong("format", "must be \"json\" or a JSON Schema");
    }
  }
  read_options(fields, limits, &call);
  const bool logprobs = fields.boolean("logprobs").value_or(false);
  const auto top = fields.integer("top_logprobs", 0, limits.max_top_logprobs);
  if (logprobs) call.top_logprobs = static_cast<int>(top.value_or(0));
  fields.ignore({"keep_alive", "truncate", "shift", "_debug_render_only"});
  if (chat) {
    if (const Json* messages = fields.array("messages", limits.max_messages)) {
      for (size_t i = 0; i < messages->size() && !errors.any(); ++i) {
        call.messages.push_back(read_message((*messages)[i], fmt::format("messages[{}]", i), limits, errors));
      }
    }
    out->empty = call.messages.empty();
    if (const Json* tools = fields.array("tools", limits.max_tools); tools != nullptr && !tools->empty()) {
      call.tools = Json::array();
      for (size_t i = 0; i < tools->size() && !errors.any(); ++i) {
        Fields tool((*tools)[i], fmt::format("tools[{}]", i), errors);
        tool.choice("type", {"function"});
        const Json* function = tool.object("function");
        if (function == nullptr) {
          tool.wrong("function", "is missing");
          break;
        }
        Fields inner(*function, tool.at("function"), errors);
        Json read = function_tool(inner, "parameters", limits);
        inner.finish();
        tool.ignore({"items"});
        tool.finish();
        call.tools.push_back({{"type", "function"}, {"function", std::move(read)}});
      }
    }
  } else {
    const std::string prompt = fields.string("prompt", limits.max_text_bytes).value_or("");
    out->empty = prompt.empty();
    const auto system = fields.string("system", limits.max_text_bytes);
    call.raw = fields.boolean("raw").value_or(false);
    if (call.raw) {
      call.raw_prompt = prompt;
    } else {
      if (system && !system->empty()) {
        call.messages.emplace_back();
        call.messages.back().role = "system";
        call.messages.back().content = *system;
      }
      call.messages.emplace_back();
      call.messages.back().role = "user";
      call.messages.back().content = prompt;
    }
    fields.refuse("images", "this model reads text only");
    fields.refuse("suffix", "the model was not trained to fill gaps");
    fields.refuse("template", "templates of clients are not run; the model's own is");
    fields.refuse("context", "send the conversation to /api/chat; its beginning is cached");
  }
  fields.finish();
  return errors.first();
}

}  // namespace jaju::server
