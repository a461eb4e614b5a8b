// What went wrong with a request, once, and how each dialect says it.
#pragma once

#include <string>
#include <string_view>

#include "server/http_types.h"

namespace jaju::server {

enum class Dialect { openai, anthropic, ollama };
std::string_view dialect_name(Dialect dialect);
// Whose error shape a path expects: /v1/messages is Anthropic's, /api/ Ollama's, all else OpenAI's.
Dialect dialect_of(const HttpRequest& request);

struct ApiError {
  int http = 400;
  std::string message;
  std::string param;               // the field, like "messages[2].content"; empty: none
  std::string code;                // OpenAI's code, like "context_length_exceeded"; empty: by status
  double retry_after_seconds = 0;  // above 0: Retry-After
};

ApiError bad_request(std::string message, std::string param = "");

// The body of an error in a dialect's shape. `request_id` is Anthropic's.
std::string error_json(Dialect dialect, const ApiError& error, std::string_view request_id = "");
HttpResponse error_response(Dialect dialect, const ApiError& error, std::string_view request_id = "");

}  // namespace jaju::server
