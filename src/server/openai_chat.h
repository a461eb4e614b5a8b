// POST /v1/chat/completions: OpenAI's chat, its stream of chunks, and our extensions (docs/serve.md).
#pragma once

#include <memory>
#include <optional>

#include "server/chat_call.h"
#include "server/routes.h"

namespace jaju::server {

struct OpenAiChatRequest {
  ChatCall call;
  bool stream = false;
  bool include_usage = false;
  bool return_progress = false;  // chunks with prompt_progress while the prompt is read
};

// Errors name the field.
std::optional<ApiError> read_openai_chat(const Json& body, const RequestLimits& limits,
                                         const ModelFacts& facts, OpenAiChatRequest* out);
// One message of OpenAI's list.
Message read_openai_message(const Json& value, const std::string& path, const RequestLimits& limits,
                            RequestErrors& errors);

void openai_chat(ApiContext& api, const std::shared_ptr<HttpRequest>& request,
                 const std::shared_ptr<Responder>& responder);

// usage as OpenAI spells it, and timings, ours.
Json openai_usage(const Usage& usage);
Json timings_json(const Usage& usage);
// {"content": [{"token", "logprob", "bytes", "top_logprobs"}]}
Json openai_logprobs(const std::vector<TokenLogprob>& tokens);

}  // namespace jaju::server
