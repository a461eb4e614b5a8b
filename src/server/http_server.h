// Listens, keeps the connections, and ends them in good order. Knows HTTP, not what the routes mean.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "server/connection.h"

namespace jaju::server {

class HttpServer {
 public:
  // `hooks` without take_body_bytes and closed, which are the server's own.
  HttpServer(const HttpLimits& limits, ConnectionHooks hooks, int io_threads);
  ~HttpServer();

  struct Address {
    std::string host;  // "127.0.0.1", "::1", "localhost", "0.0.0.0"
    int port = 0;      // 0: any; bound_port() says which
  };
  // Binds and accepts. Returns the number of the listener (0, 1, ...). Empty files: no TLS.
  Result<int> listen(const Address& address, const std::string& tls_certificate, const std::string& tls_key);
  int bound_port(int listener) const;
  // Reads the certificates anew; connections that exist keep theirs. Errors: the old ones stay.
  Status reload_tls();

  int64_t connections() const;
  // Accepts no more, lets running answers end, closes idle connections; returns when none is left or the time
  // is up.
  void drain(std::chrono::milliseconds patience);
  // Closes every connection; answers that still run are told that their client left.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jaju::server
