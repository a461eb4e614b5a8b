#include "server/routes.h"

#include "server/dialects.h"
#include "server/openai_chat.h"
#include "server/web_assets.h"

namespace jaju::server {
namespace {

using Access = Route::Access;

std::vector<Route> make_routes() {
  std::vector<Route> table;
  const auto model = [&](const char* method, std::string path, auto handle) {
    table.push_back({method, std::move(path), Access::key, true, false, handle});
  };
  const auto list = [&](const char* method, std::string path, auto handle, bool quick = true) {
    table.push_back({method, std::move(path), Access::key, false, quick, handle});
  };
  // Clients are told the address with or without /v1.
  for (const std::string v1 : {"/v1", ""}) {
    model("POST", v1 + "/chat/completions", openai_chat);
    model("POST", v1 + "/completions", openai_completions);
    model("POST", v1 + "/responses", openai_responses);
    model("POST", v1 + "/embeddings", openai_embeddings);
    list("GET", v1 + "/models", openai_models);
    list("GET", v1 + "/models/{id}", openai_model);
    model("POST", v1 + "/messages", anthropic_messages);
    model("POST", v1 + "/messages/count_tokens", anthropic_count_tokens);
  }
  model("POST", "/api/chat", ollama_chat);
  model("POST", "/api/generate", ollama_generate);
  model("POST", "/api/embed", ollama_embed);
  list("GET", "/api/tags", ollama_tags);
  list("GET", "/api/ps", ollama_ps);
  list("POST", "/api/show", ollama_show, false);  // reads a body
  list("GET", "/api/version", ollama_version);
  table.push_back({"GET", "/metrics", Access::metrics, false, true, metrics});
  // Open to everybody: alive or not, ready or not, and the files of the web page, which asks for a key
  // itself.
  table.push_back({"GET", "/health", Access::open, false, true, health});
  table.push_back({"GET", "/ready", Access::open, false, true, ready});
  table.push_back({"GET", "/", Access::open, false, true, web_page});
  for (const WebAsset& asset : web_assets()) {
    table.push_back({"GET", std::string(asset.path), Access::open, false, true, web_page});
  }
  return table;
}

constexpr std::string_view kRest = "{id}";

bool matches(const Route& route, std::string_view path) {
  const std::string_view pattern = route.path;
  if (!pattern.ends_with(kRest)) return pattern == path;
  const std::string_view prefix = pattern.substr(0, pattern.size() - kRest.size());
  return path.size() > prefix.size() && path.starts_with(prefix);
}

}  // namespace

const std::vector<Route>& routes() {
  static const std::vector<Route> table = make_routes();
  return table;
}

RouteMatch find_route(std::string_view method, std::string_view path) {
  RouteMatch match;
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const Route& route : routes()) {
    if (!matches(route, path)) continue;
    if (route.method == wanted) {
      match.route = &route;
      match.other_method = false;
      return match;
    }
    match.other_method = true;
    match.allow += (match.allow.empty() ? "" : ", ") + route.method + (route.method == "GET" ? ", HEAD" : "");
  }
  return match;
}

std::string route_rest(const Route& route, std::string_view path) {
  return std::string(path.substr(route.path.size() - kRest.size()));
}

std::optional<Json> body_or_answer(ApiContext& api, const HttpRequest& request, Responder& responder) {
  Json json;
  if (auto error = parse_body(request.body, api.limits, &json)) {
    answer_error(request, responder, *error);
    return std::nullopt;
  }
  return json;
}

void free_place(const HttpRequest& request) {
  if (request.slot == nullptr) return;
  request.slot->add_user();
  request.slot->drop_user();
}

void answer_error(const HttpRequest& request, Responder& responder, const ApiError& error) {
  if (request.record != nullptr) {
    const std::lock_guard lock(request.record->mutex);
    request.record->error = error.message;
  }
  free_place(request);
  responder.respond(
      error_response(dialect_of(request), error, request.record != nullptr ? request.record->id : ""));
}

void answer_json(Responder& responder, const Json& json) {
  HttpResponse response;
  response.body = dump(json);
  responder.respond(std::move(response));
}

void begin_sse(Responder& responder) {
  HttpResponse head;
  head.content_type = "text/event-stream; charset=utf-8";
  // Proxies that collect an answer before they pass it on would undo the stream.
  head.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  responder.begin(std::move(head), ": still here\n\n");
}

std::string sse_data(const Json& json) {
  return "data: " + dump(json) + "\n\n";
}

std::string sse_event(std::string_view event, const Json& json) {
  return "event: " + std::string(event) + "\ndata: " + dump(json) + "\n\n";
}

}  // namespace jaju::server
