#include "server/connection.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <mutex>

#include <fmt/format.h>

#include "server/connection_impl.h"
#include "server/head_scan.h"
#include "server/target.h"

namespace jaju::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
constexpr Clock::time_point kNever = Clock::time_point::max();
constexpr size_t kReadBytes = 16 << 10;

class HttpConnection : public Connection, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(asio::any_io_executor executor, std::unique_ptr<Transport> transport, std::string peer,
                 std::shared_ptr<const ConnectionHooks> hooks)
      : executor_(executor),
        transport_(std::move(transport)),
        timer_(executor),
        peer_(std::move(peer)),
        hooks_owner_(std::move(hooks)),
        hooks_(*hooks_owner_),
        limits_(hooks_.limits) {}
  ~HttpConnection() override { hooks_.closed(); }

  void start() override {
    asio::post(executor_, [self = shared_from_this()] { self->handshake(); });
  }
  void finish() override {
    asio::post(executor_, [self = shared_from_this()] {
      self->last_ = true;
      if (self->state_ == State::head && self->in_.empty()) self->shut();
    });
  }
  void close() override {
    asio::post(executor_, [self = shared_from_this()] { self->shut(); });
  }

 private:
  enum class State { handshake, head, body, answer, lingering, closed };
  class Answer;

  void handshake() {
    set_read_deadline(limits_.tls_timeout);
    transport_->handshake([self = shared_from_this()](error_code failure) {
      if (failure) return self->shut();
      self->next_request();
    });
  }

  // --- reading -------------------------------------------------------------------------------------------

  void next_request() {
    if (state_ == State::closed) return;
    state_ = State::head;
    head_started_ = false;
    if (last_ && in_.empty()) return shut();
    set_read_deadline(limits_.idle_timeout);
    advance();
  }

  void read_more() {
    if (reading_ || state_ == State::closed) return;
    if (state_ == State::answer && in_.size() >= limits_.max_pipelined_bytes) return;
    reading_ = true;
    transport_->read_some(chunk_, sizeof chunk_, [self = shared_from_this()](error_code failure, size_t n) {
      self->reading_ = false;
      self->on_read(failure, n);
    });
  }

  void on_read(error_code failure, size_t n) {
    if (state_ == State::closed) return;
    if (state_ == State::lingering) {
      // What still comes is thrown away, so that closing does not destroy what the client has yet to read.
      if (failure || (lingered_ += n) > (size_t{1} << 20)) return shut();
      return read_more();
    }
    if (failure) return left();
    in_.append(chunk_, n);
    advance();
  }

  // Does what the bytes so far allow.
  void advance() {
    if (state_ == State::head) {
      if (!in_.empty() && !head_started_) {
        head_started_ = true;
        set_read_deadline(limits_.header_timeout);
      }
      if (!in_.empty()) {
        const HeadScan scan = scan_head(in_, limits_);
        if (scan.verdict == HeadScan::Verdict::refused) return refuse(scan.status, scan.reason);
        if (scan.verdict == HeadScan::Verdict::complete) return read_head(scan.bytes);
      }
    } else if (state_ == State::body) {
      return read_body();
    }
    read_more();
  }

  void read_head(size_t bytes) {
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(limits_.max_header_bytes + 4));
    parser_->body_limit(limits_.max_body_bytes);
    error_code failure;
    const size_t used = parser_->put(asio::buffer(in_.data(), bytes), failure);
    if (failure && failure != http::error::need_more) {
      if (failure == http::error::body_limit) {
        return refuse(413, fmt::format("the body is larger than {} bytes", limits_.max_body_bytes));
      }
      return refuse(400, fmt::format("the request's head can not be read ({})", failure.message()));
    }
    if (!parser_->is_header_done()) return refuse(400, "the request's head can not be read");
    in_.erase(0, used);
    auto request = std::make_shared<HttpRequest>();
    const auto& head = parser_->get();
    request->method = std::string(head.method_string());
    request->target = std::string(head.target());
    for (const auto& field : head) {
      std::string name(field.name_string());
      for (char& c : name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
      }
      request->headers.emplace_back(std::move(name), std::string(field.value()));
    }
    request->peer = peer_;
    request->listener = hooks_.listener;
    request->tls = transport_->tls();
    request->record = std::make_shared<RequestRecord>();
    request->record->peer = peer_;
    request->record->method = request->method;
    keep_alive_ = head.keep_alive();
    http_1_0_ = head.version() < 11;
    head_only_ = request->method == "HEAD";
    request_ = std::move(request);
    body_bytes_ = 0;
    const boost::optional<uint64_t> length = parser_->content_length();
    const bool has_body = parser_->chunked() || (length && *length > 0);
    std::optional<Target> target = read_target(request_->target);
    if (!target)
      return refuse(400,
                    "the target has more than one reading (encoded or doubled slashes, dots, control bytes)");
    request_->path = std::move(target->path);
    request_->query = std::move(target->query);
    if (std::optional<HttpResponse> answer = hooks_.gate(*request_)) {
      if (has_body) keep_alive_ = false;
      return answer_now(*std::move(answer));
    }
    // Nothing here reads one, and the addresses that are open to everybody must hold nobody's memory.
    if (has_body && (head_only_ || request_->method == "GET")) {
      keep_alive_ = false;
      return answer_now(hooks_.refuse(413, fmt::format("a {} request has no body here", request_->method)));
    }
    if (length && *length > limits_.max_body_bytes) {
      keep_alive_ = false;
      return answer_now(
          hooks_.refuse(413, fmt::format("the body is larger than {} bytes", limits_.max_body_bytes)));
    }
    const std::string_view expect = request_->header("expect");
    if (has_body && !expect.empty()) {
      if (!beast::iequals(beast::string_view(expect.data(), expect.size()), "100-continue")) {
        return refuse(417, "the only expectation this server meets is 100-continue");
      }
      if (in_.empty() && !http_1_0_) write("HTTP/1.1 100 Continue\r\n\r\n");
    }
    state_ = State::body;
    set_read_deadline(limits_.body_timeout);
    read_body();
  }

  void read_body() {
    error_code failure;
    while (!in_.empty() && !parser_->is_done()) {
      const size_t used = parser_->put(asio::buffer(in_), failure);
      in_.erase(0, used);
      if (failure || used == 0) break;
    }
    if (failure && failure != http::error::need_more) {
      if (failure == http::error::body_limit) {
        return refuse(413, fmt::format("the body is larger than {} bytes", limits_.max_body_bytes));
      }
      return refuse(400, fmt::format("the request's body can not be read ({})", failure.message()));
    }
    const auto held = static_cast<int64_t>(parser_->get().body().size());
    if (held > body_bytes_) {
      if (!hooks_.take_body_bytes(held - body_bytes_)) {
        return refuse(503, "the server holds as many request bodies as it may; try again soon");
      }
      body_bytes_ = held;
    }
    if (!parser_->is_done()) {
      // What the parser left is the beginning of a chunk's frame: it must look like one, and end soon.
      for (size_t i = 0; i < in_.size(); ++i) {
        if (in_[i] == '\n' && (i == 0 || in_[i - 1] != '\r'))
          return refuse(400, "a chunk's line ends in a bare LF");
      }
      if (in_.size() > limits_.max_header_bytes + kReadBytes)
        return refuse(400, "a chunk of the body has an endless frame");
      return read_more();
    }
    request_->body = std::move(parser_->get().body());
    request_->record->bytes_in = static_cast<int64_t>(request_->body.size());
    parser_.reset();
    state_ = State::answer;
    read_deadline_ = kNever;
    start_answer(/*handle=*/true);
    read_more();
  }

  // --- answering -----------------------------------------------------------------------------------------

  void start_answer(bool handle);
  void answer_now(HttpResponse response);

  // For what is not a request, or not any more: one answer, then the end.
  void refuse(int status, const std::string& reason) {
    keep_alive_ = false;
    if (request_ == nullptr) {
      request_ = std::make_shared<HttpRequest>();
      request_->record = std::make_shared<RequestRecord>();
      request_->record->peer = peer_;
    }
    answer_now(hooks_.refuse(status, reason));
  }

  std::string head_text(const HttpResponse& response, std::optional<size_t> length) {
    std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\n", response.status,
        std::string_view(http::obsolete_reason(static_cast<http::status>(response.status)).data(),
                         http::obsolete_reason(static_cast<http::status>(response.status)).size()));
    if (!response.content_type.empty()) head += fmt::format("Content-Type: {}\r\n", response.content_type);
    for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
    if (request_ != nullptr) {
      for (const auto& [name, value] : request_->answer_headers)
        head += fmt::format("{}: {}\r\n", name, value);
      if (!request_->record->id.empty()) {
        head += fmt::format("X-Request-Id: {0}\r\nRequest-Id: {0}\r\n", request_->record->id);
      }
    }
    head += "X-Content-Type-Options: nosniff\r\n";
    if (length) {
      if (response.status != 204 && response.status != 304)
        head += fmt::format("Content-Length: {}\r\n", *length);
    } else if (!http_1_0_) {
      head += "Transfer-Encoding: chunked\r\n";
    } else {
      keep_alive_ = false;
    }
    if (last_) keep_alive_ = false;
    if (!keep_alive_)
      head += "Connection: close\r\n";
    else if (http_1_0_)
      head += "Connection: keep-alive\r\n";
    return head + "\r\n";
  }

  void write(std::string bytes) {
    out_ += bytes;
    write_more();
  }

  void write_more() {
    if (writing_ || state_ == State::closed) return;
    if (flight_sent_ == flight_.size()) {
      flight_.clear();
      flight_sent_ = 0;
      flight_.swap(out_);
      if (flight_.empty()) {
        write_deadline_ = kNever;
        return written_all();
      }
    }
    writing_ = true;
    write_deadline_ = Clock::now() + limits_.write_timeout;
    arm();
    transport_->write_some(flight_.data() + flight_sent_, flight_.size() - flight_sent_,
                           [self = shared_from_this()](error_code failure, size_t n) {
                             self->writing_ = false;
                             if (failure) return self->left();
                             self->flight_sent_ += n;
                             if (self->request_ != nullptr)
                               self->request_->record->bytes_out += static_cast<int64_t>(n);
                             self->note_unsent();
                             self->write_more();
                           });
  }

  void note_unsent();
  void note_error(const char* sentence) {
    if (request_ == nullptr) return;
    const std::lock_guard lock(request_->record->mutex);
    request_->record->error = sentence;
  }
  void written_all();
  void answered();
  void left();

  void shut() {
    if (state_ == State::closed) return;
    state_ = State::closed;
    timer_.cancel();
    transport_->close();
    drop_answer();
  }
  void drop_answer();

  void linger() {
    state_ = State::lingering;
    transport_->shutdown_send();
    set_read_deadline(std::chrono::milliseconds(2000));
    read_more();
  }

  // --- time ----------------------------------------------------------------------------------------------

  void set_read_deadline(std::chrono::milliseconds after) {
    read_deadline_ = Clock::now() + after;
    arm();
  }

  // The timer stands at or before the next deadline; deadlines that move away cost nothing.
  void arm() {
    const Clock::time_point next = std::min({read_deadline_, write_deadline_, comment_at_});
    if (next >= timer_at_ || state_ == State::closed) return;
    timer_at_ = next;
    timer_.expires_at(next);
    timer_.async_wait([weak = weak_from_this()](error_code failure) {
      if (failure) return;
      if (auto self = weak.lock()) self->on_timer();
    });
  }

  void on_timer();

  asio::any_io_executor executor_;
  std::unique_ptr<Transport> transport_;
  asio::steady_timer timer_;
  const std::string peer_;
  const std::shared_ptr<const ConnectionHooks> hooks_owner_;
  const ConnectionHooks& hooks_;
  const HttpLimits& limits_;

  State state_ = State::handshake;
  bool reading_ = false, writing_ = false;
  bool last_ = false;  // no request after this one
  bool keep_alive_ = true, http_1_0_ = false, head_only_ = false;
  bool head_started_ = false;
  size_t lingered_ = 0;
  char chunk_[kReadBytes];
  std::string in_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::shared_ptr<HttpRequest> request_;
  int64_t body_bytes_ = 0;  // taken from the server's budget
  std::string out_, flight_;
  size_t flight_sent_ = 0;
  Clock::time_point read_deadline_ = kNever, write_deadline_ = kNever, comment_at_ = kNever,
                    timer_at_ = kNever;
  std::shared_ptr<Answer> answer_;
};

// The Responder of one request. Keeps the connection alive while the request's job may still answer.
class HttpConnection::Answer : public Responder, public std::enable_shared_from_this<HttpConnection::Answer> {
 public:
  Answer(std::shared_ptr<HttpConnection> connection, size_t max_unsent)
      : connection_(std::move(connection)), max_unsent_(max_unsent) {}

  void respond(HttpResponse response) override {
    asio::post(executor(), [self = shared_from_this(), response = std::move(response)]() mutable {
      self->write_response(std::move(response));
    });
  }
  void begin(HttpResponse head, std::string idle) override {
    asio::post(executor(),
               [self = shared_from_this(), head = std::move(head), idle = std::move(idle)]() mutable {
                 HttpConnection& c = *self->connection_;
                 if (self->over_ || c.answer_.get() != self.get()) return;
                 self->streaming_ = true;
                 self->idle_ = std::move(idle);
                 c.request_->record->status = head.status;
                 c.request_->record->stream = true;
                 self->chunked_ = !c.http_1_0_;
                 c.write(c.head_text(head, std::nullopt));
                 self->reset_comment();
                 self->flush();
               });
  }
  bool send(std::string_view bytes) override {
    if (bytes.empty()) return true;
    bool post = false;
    {
      const std::lock_guard lock(mutex_);
      if (gone_) return false;
      waiting_ += bytes;
      unsent_ += bytes.size();
      if (unsent_ > max_unsent_) {
        too_slow_ = true;
        gone_ = true;
      }
      post = !posted_;
      posted_ = true;
    }
    if (post) {
      asio::post(executor(), [self = shared_from_this()] { self->flush(); });
    }
    return true;
  }
  void end() override {
    asio::post(executor(), [self = shared_from_this()] {
      self->ended_ = true;
      self->flush();
    });
  }
  void on_gone(std::function<void()> callback) override {
    {
      const std::lock_guard lock(mutex_);
      if (!told_) {
        callback_.swap(callback);
        return;
      }
    }
    if (callback) callback();
  }

  // --- on the strand
  void leave() {
    std::function<void()> callback;
    {
      const std::lock_guard lock(mutex_);
      gone_ = true;
      told_ = true;
      callback.swap(callback_);
      waiting_.clear();
    }
    over_ = true;
    if (callback) callback();
  }
  void finish() {
    std::function<void()> callback;  // destroyed outside the lock
    const std::lock_guard lock(mutex_);
    gone_ = true;
    callback.swap(callback_);
    over_ = true;
  }
  void sent() {
    const HttpConnection& c = *connection_;
    const std::lock_guard lock(mutex_);
    unsent_ = waiting_.size() + c.out_.size() + c.flight_.size() - c.flight_sent_;
  }
  void comment() {
    if (streaming_ && !over_ && !ended_ && !idle_.empty()) write_chunk(idle_);
    reset_comment();
  }
  void write_response(HttpResponse response) {
    HttpConnection& c = *connection_;
    if (over_ || c.answer_.get() != this) return;
    const std::string_view body = response.view.empty() ? std::string_view(response.body) : response.view;
    c.request_->record->status = response.status;
    std::string bytes = c.head_text(response, body.size());
    if (!c.head_only_ && response.status != 304) bytes += body;
    complete_ = true;
    c.write(std::move(bytes));
  }
  bool complete() const { return complete_; }

 private:
  const asio::any_io_executor& executor() const { return connection_->executor_; }

  void flush() {
    std::string bytes;
    bool too_slow = false;
    {
      const std::lock_guard lock(mutex_);
      posted_ = false;
      // Before begin() has run nothing may be written.
      if (streaming_) bytes.swap(waiting_);
      too_slow = too_slow_;
    }
    HttpConnection& c = *connection_;
    if (over_ || c.answer_.get() != this || !streaming_) return;
    if (too_slow) {
      c.note_error("the client reads too slowly");
      return c.left();
    }
    if (!bytes.empty()) write_chunk(bytes);
    if (ended_ && !complete_) {
      complete_ = true;
      c.comment_at_ = kNever;
      c.write(chunked_ ? "0\r\n\r\n" : "");
    } else {
      reset_comment();
    }
  }
  void write_chunk(const std::string& bytes) {
    connection_->write(chunked_ ? fmt::format("{:x}\r\n", bytes.size()) + bytes + "\r\n" : bytes);
  }
  void reset_comment() {
    HttpConnection& c = *connection_;
    c.comment_at_ = idle_.empty() || ended_ ? kNever : Clock::now() + c.limits_.keep_alive_comment;
    c.arm();
  }

  const std::shared_ptr<HttpConnection> connection_;
  const size_t max_unsent_;
  std::mutex mutex_;
  std::string waiting_;
  size_t unsent_ = 0;
  bool posted_ = false, gone_ = false, told_ = false, too_slow_ = false;
  std::function<void()> callback_;
  // On the strand only
  std::string idle_;
  bool streaming_ = false, ended_ = false, complete_ = false, over_ = false, chunked_ = true;
};

void HttpConnection::start_answer(bool handle) {
  answer_ = std::make_shared<Answer>(shared_from_this(), limits_.max_unsent_bytes);
  if (handle) hooks_.handle(request_, answer_);
}

void HttpConnection::answer_now(HttpResponse response) {
  state_ = State::answer;
  read_deadline_ = kNever;
  if (answer_ == nullptr) start_answer(/*handle=*/false);
  answer_->write_response(std::move(response));
}

void HttpConnection::note_unsent() {
  if (answer_ != nullptr) answer_->sent();
}

void HttpConnection::written_all() {
  if (state_ == State::answer && answer_ != nullptr && answer_->complete()) answered();
}

void HttpConnection::answered() {
  answer_->finish();
  answer_.reset();
  comment_at_ = kNever;
  hooks_.done(*request_);
  hooks_.take_body_bytes(-body_bytes_);
  body_bytes_ = 0;
  request_.reset();
  parser_.reset();
  if (!keep_alive_) return linger();
  next_request();
}

void HttpConnection::left() {
  if (state_ == State::closed) return;
  if (request_ != nullptr && state_ == State::answer) request_->record->gone = true;
  shut();
}

void HttpConnection::drop_answer() {
  if (answer_ != nullptr) {
    const std::shared_ptr<Answer> answer = std::move(answer_);
    answer_.reset();
    answer->leave();
    hooks_.done(*request_);
  }
  hooks_.take_body_bytes(-body_bytes_);
  body_bytes_ = 0;
  request_.reset();
}

void HttpConnection::on_timer() {
  timer_at_ = kNever;
  const Clock::time_point now = Clock::now();
  if (write_deadline_ <= now) {
    note_error("the client does not read");
    return left();
  }
  if (read_deadline_ <= now) {
    read_deadline_ = kNever;
    if (state_ == State::head && head_started_)
      return refuse(408, "the request's head did not arrive in time");
    if (state_ == State::body) return refuse(408, "the request's body did not arrive in time");
    return shut();
  }
  if (comment_at_ <= now && answer_ != nullptr) answer_->comment();
  arm();
}

}  // namespace

std::shared_ptr<Connection> make_connection(asio::any_io_executor executor,
                                            std::unique_ptr<Transport> transport, std::string peer,
                                            std::shared_ptr<const ConnectionHooks> hooks) {
  return std::make_shared<HttpConnection>(std::move(executor), std::move(transport), std::move(peer),
                                          std::move(hooks));
}

}  // namespace jaju::server
