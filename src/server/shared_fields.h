// Fields that several dialects spell alike.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/chat_call.h"
#include "server/json_request.h"

namespace jaju::server {

// temperature, top_p, top_k, min_p, repetition_penalty, presence_penalty, frequency_penalty, seed, logit_bias
void read_sampling(Fields& fields, const RequestLimits& limits, const ModelFacts& facts, SamplingFields* out);
// top_p from 0 to 1, as the samplers want it.
std::optional<double> read_top_p(Fields& fields);
// A string or an array of strings, none empty.
void read_stop(Fields& fields, std::string_view name, const RequestLimits& limits,
               std::vector<std::string>* out);
// tools in OpenAI's chat shape, tool_choice, parallel_tool_calls
void read_tools(Fields& fields, const RequestLimits& limits, ChatCall* call);
// One tool's name and schema, checked; null on error.
Json function_tool(Fields& fields, std::string_view schema_field, const RequestLimits& limits);
// tool_choice as OpenAI's words, or {"type": "function", "name" or "function": {"name"}}
void read_tool_choice(Fields& fields, ChatCall* call);
// reasoning_effort's words, into thinking and a budget: none and minimal are off, low 1024 tokens, medium
// 4096.
void read_effort(Fields& fields, std::string_view name, ThinkingFields* out);
// chat_template_kwargs and thinking_budget. enable_thinking wins over an effort.
void read_template_kwargs(Fields& fields, ChatCall* call);
// grammar, regex, guided_regex, guided_grammar, guided_json: our extensions (vLLM's names).
void read_grammar(Fields& fields, const RequestLimits& limits, ChatCall* call);
// A schema given as an object, or an array, text or boolean that is not one: an error.
void set_schema(Fields& fields, std::string_view name, const Json* schema, const RequestLimits& limits,
                ChatCall* call);

// Text of a message: a string, or an array of {"type": one of `text_types`, "text"}. Other parts are an
// error: the model reads text only.
std::string read_content(Fields& fields, std::string_view name,
                         std::initializer_list<std::string_view> text_types, const RequestLimits& limits);
// The arguments of a call, JSON text or an object.
Json read_arguments(Fields& fields, std::string_view name, const RequestLimits& limits);

// "2026-11-28T06:15:05Z"
std::string iso_time(int64_t seconds);

}  // namespace jaju::server
