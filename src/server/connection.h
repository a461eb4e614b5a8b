// One client's connection: requests in, answers out, HTTP/1.1 with keep-alive, one request at a time.
//
// Every wait has a deadline (limits.h), every buffer a size. While a request is answered the socket is still
// read, so that a client that leaves is noticed at once. All state lives on the connection's strand; the
// Responder's calls come from other threads and leave their bytes behind a lock.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/http_types.h"
#include "server/limits.h"

namespace jaju::server {

// What a connection needs of the rest of the server.
struct ConnectionHooks {
  HttpLimits limits;
  int listener = 0;  // HttpRequest::listener
  // Called with the head alone, before the body is read. An answer here ends the request (and the connection,
  // if there is a body), e.g. 401 before 16 MB are taken from a stranger.
  std::function<std::optional<HttpResponse>(HttpRequest&)> gate;
  // Takes the whole request; must return at once.
  std::function<void(std::shared_ptr<HttpRequest>, std::shared_ptr<Responder>)> handle;
  // The answer has been sent, or can not be any more.
  std::function<void(const HttpRequest&)> done;
  // An error answer for what never became a request (bad heads, timeouts): its body and type.
  std::function<HttpResponse(int status, const std::string& reason)> refuse;
  // Bytes of request bodies held by all connections: false when `more` would be too many.
  std::function<bool(int64_t more)> take_body_bytes;
  // The connection is over.
  std::function<void()> closed;
};

class Transport;

class Connection {
 public:
  virtual ~Connection() = default;
  virtual void start() = 0;
  // No further request on this connection: closes at once when idle, after the running answer otherwise.
  virtual void finish() = 0;
  virtual void close() = 0;
};

}  // namespace jaju::server
