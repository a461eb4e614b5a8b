#include "server/gate.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "server/chat_service.h"

namespace jaju::server {
namespace {

ApiError refuse(int status, std::string message) {
  ApiError error;
  error.http = status;
  error.message = std::move(message);
  return error;
}

// "localhost:8080" without the port; brackets stay with IPv6.
std::string host_name(std::string_view host) {
  if (!host.empty() && host[0] == '[') return std::string(host.substr(0, host.find(']') + 1));
  std::string name(host.substr(0, host.find(':')));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  if (name.size() > 1 && name.back() == '.') name.pop_back();  // the root of all names
  return name;
}

bool is_address(std::string_view host) {
  if (host.starts_with('[')) return true;
  return !host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

// What a browser's preflight asks to send, where it is a list of names; clients have many of their own.
std::string_view asked_headers(const HttpRequest& request) {
  const std::string_view asked = request.header("access-control-request-headers");
  const auto of_names = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == ',' || c == ' ';
  };
  return asked.size() <= 2048 && std::all_of(asked.begin(), asked.end(), of_names) ? asked
                                                                                   : std::string_view();
}

std::string_view presented_key(const HttpRequest& request) {
  if (const std::string_view key = request.header("x-api-key"); !key.empty()) return key;
  const std::string_view authorization = request.header("authorization");
  constexpr std::string_view kBearer = "bearer ";
  if (authorization.size() <= kBearer.size()) return {};
  for (size_t i = 0; i < kBearer.size(); ++i) {
    if ((authorization[i] | 0x20) != (kBearer[i] | 0x20)) return {};
  }
  return authorization.substr(kBearer.size());
}

}  // namespace

std::optional<HttpResponse> Gate::check(HttpRequest& request) const {
  request.record->id = random_id("req_");
  request.record->dialect = std::string(dialect_name(dialect_of(request)));
  const std::string_view origin = request.header("origin");
  const bool any = std::find(options_.cors_origins.begin(), options_.cors_origins.end(), "*") !=
                   options_.cors_origins.end();
  const bool listed = any || std::find(options_.cors_origins.begin(), options_.cors_origins.end(), origin) !=
                                 options_.cors_origins.end();
  if (!origin.empty() && listed && utf8_valid(origin)) {
    request.answer_headers.emplace_back("Access-Control-Allow-Origin", any ? "*" : std::string(origin));
    request.answer_headers.emplace_back("Access-Control-Expose-Headers",
                                        "X-Request-Id, Request-Id, Retry-After");
    if (!any) request.answer_headers.emplace_back("Vary", "Origin");
  }
  // A preflight carries no key, does nothing, and is only answered where CORS was set.
  if (request.method == "OPTIONS" && !origin.empty() && listed &&
      !request.header("access-control-request-method").empty()) {
    HttpResponse response;
    response.status = 204;
    response.content_type.clear();
    response.headers = {{"Access-Control-Allow-Methods", "GET, POST"}, {"Access-Control-Max-Age", "600"}};
    if (const std::string_view asked = asked_headers(request); !asked.empty()) {
      response.headers.emplace_back("Access-Control-Allow-Headers", std::string(asked));
    }
    request.record->route = "preflight";
    return response;
  }
  if (const std::optional<ApiError> error = admit(request)) {
    request.record->error = error->message;
    HttpResponse response = error_response(dialect_of(request), *error, request.record->id);
    if (error->http == 405)
      response.headers.emplace_back("Allow", find_route(request.method, request.path).allow);
    return response;
  }
  return std::nullopt;
}

std::optional<ApiError> Gate::admit(HttpRequest& request) const {
  const bool metrics_only = options_.metrics_listener >= 0 && request.listener == options_.metrics_listener;
  const bool open_metrics = metrics_only && options_.metrics_open;
  if ((!keys_.has_keys() || open_metrics) && !options_.hosts.empty()) {
    const std::string host = host_name(request.header("host"));
    const auto listed = [&](std::string_view name) {
      return std::find(options_.hosts.begin(), options_.hosts.end(), name) != options_.hosts.end();
    };
    if (!is_address(host) && !listed(host) && !listed("*")) {
      return refuse(
          403,
          fmt::format("this server does not answer to the name '{}'; add it with --host-name, or use keys",
                      printable(host)));
    }
  }
  // A page of another site may send requests without reading the answers: it must not spend our time either.
  if (const std::string_view origin = request.header("origin"); !origin.empty()) {
    const std::string_view host = request.header("host");
    const bool own = origin == fmt::format("http://{}", host) || origin == fmt::format("https://{}", host);
    const bool allowed = !request.answer_headers.empty();
    if (!own && !allowed)
      return refuse(403, "pages of other sites may not call this server; --cors-origin allows one");
  }
  const RouteMatch match = find_route(request.method, request.path);
  const Route* route = match.route;
  if (route != nullptr) request.record->route = route->path;
  const bool open = route != nullptr && route->access == Route::Access::open;
  if (!open && !open_metrics) {
    // Also for paths that do not exist: a stranger learns nothing.
    request.principal = keys_.find(presented_key(request));
    if (request.principal == nullptr) {
      return refuse(401, presented_key(request).empty()
                             ? "this server needs a key: send it as 'Authorization: Bearer KEY'"
                             : "the key is not one of this server's");
    }
    request.record->key = request.principal->name;
    if (request.principal->metrics_only && (route == nullptr || route->access != Route::Access::metrics)) {
      return refuse(403, "this key is for /metrics only");
    }
  }
  if (route == nullptr) {
    if (match.other_method)
      return refuse(405,
                    fmt::format("{} is not a method of this address; {} is", request.method, match.allow));
    return refuse(404, "there is nothing at this address");
  }
  const bool about_metrics =
      route->access == Route::Access::metrics || route->path == "/health" || route->path == "/ready";
  if (metrics_only && !about_metrics)
    return refuse(404, "only /metrics, /health and /ready are at this address");
  if (options_.metrics_listener >= 0 && !metrics_only && route->access == Route::Access::metrics) {
    return refuse(404, "the metrics have an address of their own");
  }
  if (route->model && request.principal != nullptr) {
    const std::shared_ptr<Account> account = request.principal->account;
    if (const auto refusal = account->enter(request.principal->limits, Clock::now())) {
      ApiError error = refuse(429, refusal->why);
      error.retry_after_seconds = std::max(1.0, refusal->retry_after_seconds);
      return error;
    }
    request.slot = std::make_shared<Slot>([account] { account->leave(); });
  }
  return std::nullopt;
}

}  // namespace jaju::server
