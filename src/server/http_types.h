// A request as the routes see it, and the way back to the client. Nothing here knows sockets.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jaju::server {

struct Principal;  // auth.h

// A place among a key's concurrent requests. Given back by the last of its users, or with the object.
class Slot {
 public:
  explicit Slot(std::function<void()> give_back) : give_back_(std::move(give_back)) {}
  ~Slot() { release(); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  void add_user() { ++users_; }
  void drop_user() {
    if (--users_ == 0) release();
  }

 private:
  void release() {
    if (!released_.exchange(true)) give_back_();
  }
  std::function<void()> give_back_;
  std::atomic<int> users_{0};
  std::atomic<bool> released_{false};
};

using Headers = std::vector<std::pair<std::string, std::string>>;

// What the access log will say about a request: never contents. Filled by whoever knows; one thread at a time
// (the job of the request), read when the answer has been sent; `mutex` because a run may outlive its client.
struct RequestRecord {
  std::mutex mutex;
  std::string id;  // "req_...", also sent as X-Request-Id
  std::string method;
  std::string route;  // the pattern of the table, not what the client wrote
  std::string peer;
  std::string key;  // the key's name
  std::string dialect;
  std::string model;
  int status = 0;
  bool stream = false;
  bool gone = false;  // the client left before the end
  int64_t bytes_in = 0, bytes_out = 0;
  int64_t prompt_tokens = -1, cached_tokens = -1, completion_tokens = -1, reasoning_tokens = -1;
  double queue_seconds = -1, first_token_seconds = -1;
  std::string finish;
  std::string cache;  // where and why the prefix cache stopped
  std::string error;  // the sentence the client got
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

struct HttpRequest {
  std::string method;  // upper case, as sent
  std::string target;  // as sent
  std::string path;    // percent-decoded, see normal_path
  std::string query;   // as sent, without '?'
  Headers headers;     // names in lower case
  std::string body;
  std::string peer;  // address, without the port
  bool tls = false;
  int listener = 0;  // which of the server's addresses it came to, as HttpServer::listen counts them
  std::shared_ptr<const Principal> principal;  // set by the gate
  std::shared_ptr<RequestRecord> record;
  std::shared_ptr<Slot> slot;  // the key's place among its concurrent requests
  Headers answer_headers;      // sent with whatever the answer is (CORS)

  // The value of a header (name in lower case), or empty.
  std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  Headers headers;
  std::string body;
  std::string_view view;  // static bytes to send instead of body
};

// The client's end. Thread-safe, never blocks. Exactly one of respond() or begin() is called; after begin()
// any number of send(), then end(). Calls after the client left do nothing.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void respond(HttpResponse response) = 0;
  // The head of an answer of unknown length. `idle` is sent when nothing was for a while (an SSE comment);
  // empty: never.
  virtual void begin(HttpResponse head, std::string idle) = 0;
  // False: the client is gone, or so far behind that it was cut off.
  virtual bool send(std::string_view bytes) = 0;
  virtual void end() = 0;
  // Called once when the client leaves before the end, at once if it already has. Replaces the callback
  // before.
  virtual void on_gone(std::function<void()> callback) = 0;
};

}  // namespace jaju::server
