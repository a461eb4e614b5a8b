// The handlers of every route that talks to the model, and the readers of their JSON (fuzzed).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/chat_call.h"
#include "server/routes.h"

namespace jaju::server {

using RequestPtr = std::shared_ptr<HttpRequest>;
using ResponderPtr = std::shared_ptr<Responder>;

// --- OpenAI: /v1/completions (openai_completions.cc)
struct OpenAiCompletionRequest {
  std::vector<ChatCall> calls;  // one for each prompt
  bool stream = false, include_usage = false, echo = false;
};
std::optional<ApiError> read_openai_completion(const Json& body, const RequestLimits& limits,
                                               const ModelFacts& facts, OpenAiCompletionRequest* out);
void openai_completions(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);

// --- OpenAI: /v1/models, /v1/embeddings (openai_models.cc)
void openai_models(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
void openai_model(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
struct EmbeddingRequest {
  std::string model;
  std::vector<std::variant<std::string, std::vector<int32_t>>> inputs;
  bool base64 = false;
};
std::optional<ApiError> read_embedding(const Json& body, const RequestLimits& limits, const ModelFacts& facts,
                                       EmbeddingRequest* out);
void openai_embeddings(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
// Tokens of the inputs, checked against the context. Sets *error.
std::vector<std::vector<int32_t>> embedding_tokens(ApiContext& api, const EmbeddingRequest& asked,
                                                   std::optional<ApiError>* error);

// --- OpenAI: /v1/responses (openai_responses.cc)
struct ResponsesRequest {
  ChatCall call;
  bool stream = false;
  Json echo;  // fields the response object repeats
};
std::optional<ApiError> read_responses(const Json& body, const RequestLimits& limits, const ModelFacts& facts,
                                       ResponsesRequest* out);
void openai_responses(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);

// --- Anthropic: /v1/messages, /v1/messages/count_tokens (anthropic.cc)
struct AnthropicRequest {
  ChatCall call;
  bool stream = false;
};
// count: max_tokens is not needed.
std::optional<ApiError> read_anthropic(const Json& body, const RequestLimits& limits, const ModelFacts& facts,
                                       bool count, AnthropicRequest* out);
void anthropic_messages(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
void anthropic_count_tokens(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);

// --- Ollama: /api/... (ollama.cc, ollama_read.cc)
struct OllamaRequest {
  ChatCall call;
  bool stream = true;
  bool chat = true;    // /api/chat; false: /api/generate
  bool empty = false;  // no prompt and no message: Ollama loads the model and says so
};
std::optional<ApiError> read_ollama(const Json& body, const RequestLimits& limits, const ModelFacts& facts,
                                    bool chat, OllamaRequest* out);
void ollama_chat(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
void ollama_generate(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
void ollama_embed(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
void ollama_tags(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
void ollama_ps(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
void ollama_show(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
void ollama_version(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);

// --- for people and machines that look after the server (ops_routes.cc)
void health(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
void ready(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
void metrics(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);
void web_page(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder);

}  // namespace jaju::server
