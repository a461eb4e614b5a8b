#include "server/api_server.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "server/chat_service.h"
#include "server/metrics.h"
#include "server/routes.h"
#include "server/worker_pool.h"

namespace jaju::server {

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

namespace {

// In small letters, as names in Host are compared.
std::vector<std::string> own_names(const ApiServerOptions& options) {
  char machine[256] = {};
  ::gethostname(machine, sizeof machine - 1);
  std::vector<std::string> names = {"localhost", machine, options.host, options.metrics_host};
  names.insert(names.end(), options.host_names.begin(), options.host_names.end());
  for (std::string& name : names) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  }
  std::erase(names, "");
  return names;
}

}  // namespace

struct ApiServer::Impl {
  Impl(ServedModel& model, KeyStore& keys, AccessLog& log, const ApiServerOptions& o,
       GateOptions gate_options)
      : options(o),
        access_log(log),
        metrics(model.facts.names.front()),
        service(model, pool, &metrics),
        gate(std::move(gate_options), keys),
        api{service,
            options.request,
            &metrics,
            [this] { return http != nullptr ? http->connections() : 0; },
            [this] { return static_cast<int64_t>(pool.waiting()); },
            [this] { return draining.load(); },
            o.version},
        pool(o.workers) {}

  void handle(std::shared_ptr<HttpRequest> request, std::shared_ptr<Responder> responder) {
    const RouteMatch match = find_route(request->method, request->path);
    if (match.route == nullptr) {  // the gate has answered this
      return answer_error(*request, *responder, bad_request("there is nothing at this address"));
    }
    const Route* route = match.route;
    auto job = [this, route, request, responder] {
      // nlohmann and the standard library may throw; one request's trouble stays its own.
      try {
        if (draining && !route->quick) {  // also what waited for a thread: an end is not kept waiting
          ApiError error{503, "the server is shutting down: ask another, or later", "", "", 1};
          return answer_error(*request, *responder, error);
        }
        route->handle(api, request, responder);
      } catch (const std::exception& problem) {
        ApiError error{500, fmt::format("internal error: {}", problem.what()), "", "", 0};
        answer_error(*request, *responder, error);
      }
    };
    if (route->quick) return pool.post(std::move(job));
    if (!pool.try_post_request(std::move(job), static_cast<size_t>(options.http.max_worker_jobs))) {
      ApiError error{503, "the server has more requests than it can look at; try again soon", "", "", 1};
      answer_error(*request, *responder, error);
    }
  }

  const ApiServerOptions options;
  AccessLog& access_log;
  std::atomic<bool> draining{false};
  ServerMetrics metrics;
  ChatService service;
  Gate gate;
  ApiContext api;
  WorkerPool pool;  // its jobs use all of the above
  std::unique_ptr<HttpServer> http;
};

ApiServer::ApiServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// Clients go first, so that runs are told; then jobs, which answer through the connections until their end.
ApiServer::~ApiServer() {
  impl_->draining = true;
  if (impl_->http != nullptr) impl_->http->close();
  impl_->pool.finish();
}

Result<std::unique_ptr<ApiServer>> ApiServer::start(ServedModel& model, KeyStore& keys, AccessLog& log,
                                                    const ApiServerOptions& options) {
  if (!keys.has_keys() && !is_loopback(options.host) && !options.open_without_keys) {
    return error(
        "{} can be reached from other machines, and there are no keys: anybody could use the model. Make a "
        "key with "
        "`jaju serve --new-key NAME`, or say --open-without-keys if the network itself is closed",
        options.host);
  }
  GateOptions gate;
  for (std::string origin : options.cors_origins) {
    if (origin.ends_with('/')) origin.pop_back();  // as people write it, and browsers do not
    gate.cors_origins.push_back(std::move(origin));
  }
  if (!options.metrics_host.empty()) {
    gate.metrics_listener = 1;
    gate.metrics_open = is_loopback(options.metrics_host);
    if (!keys.has_keys() && !gate.metrics_open && !options.open_without_keys) {
      return error("the metrics address {} can be reached from other machines, and there are no keys",
                   options.metrics_host);
    }
  }
  gate.hosts = own_names(options);
  auto impl = std::make_unique<Impl>(model, keys, log, options, std::move(gate));
  Impl& i = *impl;
  ConnectionHooks hooks;
  hooks.gate = [&i](HttpRequest& request) { return i.gate.check(request); };
  hooks.handle = [&i](std::shared_ptr<HttpRequest> request, std::shared_ptr<Responder> responder) {
    i.handle(std::move(request), std::move(responder));
  };
  hooks.done = [&i](const HttpRequest& request) {
    i.metrics.answered(*request.record);
    i.access_log.write(*request.record);
  };
  hooks.refuse = [](int status, const std::string& reason) {
    ApiError error{status, reason, "", "", status == 503 ? 1.0 : 0.0};
    return error_response(Dialect::openai, error);
  };
  i.http = std::make_unique<HttpServer>(options.http, std::move(hooks), options.io_threads);
  JAJU_ASSIGN([[maybe_unused]] const int main_listener,
              i.http->listen({options.host, options.port}, options.tls_certificate, options.tls_key));
  if (!options.metrics_host.empty()) {
    JAJU_ASSIGN([[maybe_unused]] const int metrics_listener,
                i.http->listen({options.metrics_host, options.metrics_port}, "", ""));
  }
  return std::unique_ptr<ApiServer>(new ApiServer(std::move(impl)));
}

int ApiServer::port() const {
  return impl_->http->bound_port(0);
}
int ApiServer::metrics_port() const {
  return impl_->options.metrics_host.empty() ? -1 : impl_->http->bound_port(1);
}
int64_t ApiServer::connections() const {
  return impl_->http->connections();
}
Status ApiServer::reload_tls() {
  return impl_->http->reload_tls();
}
void ApiServer::begin_drain() {
  impl_->draining = true;
}
void ApiServer::drain_connections(std::chrono::milliseconds patience) {
  impl_->http->drain(patience);
}

}  // namespace jaju::server
