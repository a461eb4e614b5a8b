// The one table of routes, and what their handlers share.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"
#include "server/chat_service.h"
#include "server/http_types.h"
#include "server/json_request.h"
#include "server/limits.h"

namespace jaju::server {

class ServerMetrics;

struct ApiContext {
  ChatService& service;
  const RequestLimits& limits;
  ServerMetrics* metrics = nullptr;
  std::function<int64_t()> connections;
  std::function<int64_t()> worker_jobs;
  std::function<bool()> draining;
  std::string version;  // of jaju
};

struct Route {
  enum class Access {
    key,      // any key, when the server has keys
    metrics,  // a key, also one for metrics alone; or the listener for metrics
    open,     // everybody: only what tells nothing and costs nothing
  };
  std::string method;
  std::string path;  // "/v1/models/{id}": the last part takes the rest of the path
  Access access = Access::key;
  bool model = false;  // uses the model: counts against the key's limits
  bool quick = false;  // never waits behind the work of other requests
  std::function<void(ApiContext&, const std::shared_ptr<HttpRequest>&, const std::shared_ptr<Responder>&)>
      handle;
};

// Every route there is.
const std::vector<Route>& routes();

struct RouteMatch {
  const Route* route = nullptr;
  bool other_method = false;  // the path is there, the method is not
  std::string allow;          // for 405
};
RouteMatch find_route(std::string_view method, std::string_view path);
// What stands in the place of {id}.
std::string route_rest(const Route& route, std::string_view path);

// --- for handlers

// The request's body, or an answer already given.
std::optional<Json> body_or_answer(ApiContext& api, const HttpRequest& request, Responder& responder);
// Where nothing runs for a request (any more): its key's place is free before the client knows the end.
void free_place(const HttpRequest& request);
void answer_error(const HttpRequest& request, Responder& responder, const ApiError& error);
void answer_json(Responder& responder, const Json& json);
// Starts an SSE stream, with comments while nothing happens.
void begin_sse(Responder& responder);
// "data: {...}\n\n", or with an event line in front.
std::string sse_data(const Json& json);
std::string sse_event(std::string_view event, const Json& json);

}  // namespace jaju::server
