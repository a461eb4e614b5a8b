// The whole server, put together: listeners, gate, routes, service, log, metrics.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "server/access_log.h"
#include "server/auth.h"
#include "server/gate.h"
#include "server/http_server.h"
#include "server/limits.h"
#include "server/served_model.h"

namespace jaju::server {

struct ApiServerOptions {
  HttpLimits http;
  RequestLimits request;
  std::string host = "127.0.0.1";
  int port = 8080;
  std::string tls_certificate, tls_key;  // PEM files; empty: no TLS
  std::string metrics_host;              // empty: /metrics is with the rest, behind the gate
  int metrics_port = 0;
  std::vector<std::string> host_names;  // more names in Host that are ours
  std::vector<std::string> cors_origins;
  bool open_without_keys = false;  // listen beyond loopback although there are no keys
  int workers = 2;
  int io_threads = 1;
  std::string version = "0.0.0";
};

// "127.0.0.1", "::1", "localhost" and the rest of 127.0.0.0/8.
bool is_loopback(const std::string& host);

class ApiServer {
 public:
  // Listens at once. `model` (prepared), `keys` and `log` must outlive it. Errors: an address that can not be
  // had; one beyond loopback without keys and without open_without_keys.
  static Result<std::unique_ptr<ApiServer>> start(ServedModel& model, KeyStore& keys, AccessLog& log,
                                                  const ApiServerOptions& options);
  ~ApiServer();

  int port() const;
  int metrics_port() const;
  int64_t connections() const;
  Status reload_tls();
  // From now on /ready says "draining".
  void begin_drain();
  // No new connections; answers that run may end.
  void drain_connections(std::chrono::milliseconds patience);

 private:
  struct Impl;
  explicit ApiServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace jaju::server
