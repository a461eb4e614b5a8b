#include "server/api_error.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace jaju::server {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string_view openai_type(int http) {
  switch (http) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return http >= 500 ? "server_error" : "invalid_request_error";
  }
}

std::string_view openai_code(int http) {
  switch (http) {
    case 401:
      return "invalid_api_key";
    case 404:
      return "not_found";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_exceeded";
    case 503:
      return "unavailable";
    default:
      return "";
  }
}

std::string_view anthropic_type(int http) {
  switch (http) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    default:
      return http >= 500 ? "api_error" : "invalid_request_error";
  }
}

}  // namespace

std::string_view dialect_name(Dialect dialect) {
  switch (dialect) {
    case Dialect::anthropic:
      return "anthropic";
    case Dialect::ollama:
      return "ollama";
    case Dialect::openai:
      break;
  }
  return "openai";
}

Dialect dialect_of(const HttpRequest& request) {
  const std::string_view path = request.path;
  if (path.starts_with("/v1/messages") || path.starts_with("/messages")) return Dialect::anthropic;
  if (path.starts_with("/api/")) return Dialect::ollama;
  if (!request.header("anthropic-version").empty()) return Dialect::anthropic;
  return Dialect::openai;
}

ApiError bad_request(std::string message, std::string param) {
  ApiError error;
  error.message = std::move(message);
  error.param = std::move(param);
  return error;
}

std::string error_json(Dialect dialect, const ApiError& error, std::string_view request_id) {
  switch (dialect) {
    case Dialect::anthropic: {
      Json body = {{"type", "error"},
                   {"error", {{"type", anthropic_type(error.http)}, {"message", error.message}}}};
      body["request_id"] = request_id.empty() ? Json(nullptr) : Json(request_id);
      return dump(body);
    }
    case Dialect::ollama:
      return dump(Json{{"error", error.message}});
    case Dialect::openai:
      break;
  }
  const std::string_view code = error.code.empty() ? openai_code(error.http) : std::string_view(error.code);
  Json body;
  body["message"] = error.message;
  body["type"] = openai_type(error.http);
  body["param"] = error.param.empty() ? Json(nullptr) : Json(error.param);
  body["code"] = code.empty() ? Json(nullptr) : Json(code);
  return dump(Json{{"error", body}});
}

HttpResponse error_response(Dialect dialect, const ApiError& error, std::string_view request_id) {
  HttpResponse response;
  response.status = error.http;
  response.body = error_json(dialect, error, request_id);
  if (error.retry_after_seconds > 0) {
    const int seconds = static_cast<int>(std::ceil(std::min(error.retry_after_seconds, 3600.0)));
    response.headers.emplace_back("Retry-After", std::to_string(std::max(1, seconds)));
  }
  if (error.http == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace jaju::server
