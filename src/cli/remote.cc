#include "cli/remote.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <charconv>
#include <chrono>

#include "base/json.h"
#include "base/utf8.h"

namespace jaju::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

struct Url {
  bool tls = false;
  std::string host, port, prefix;
};

Result<Url> parse_url(const std::string& text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return error("'{}' is not an address like http://127.0.0.1:8080", printable(text));
  }
  const size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view place = rest.substr(0, slash);
  url.prefix = rest.substr(slash);
  while (!url.prefix.empty() && url.prefix.back() == '/') url.prefix.pop_back();
  if (url.prefix.ends_with("/v1")) url.prefix.resize(url.prefix.size() - 3);
  url.port = url.tls ? "443" : "80";
  const size_t bracket = place.find(']');
  const size_t colon = place.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    url.port = place.substr(colon + 1);
    place = place.substr(0, colon);
    int port = 0;
    const auto [end, failure] = std::from_chars(url.port.data(), url.port.data() + url.port.size(), port);
    if (failure != std::errc() || end != url.port.data() + url.port.size() || port < 1 || port > 65535) {
      return error("'{}' has no port from 1 to 65535", printable(text));
    }
  }
  if (place.size() > 2 && place.front() == '[') place = place.substr(1, place.size() - 2);
  url.host = place;
  for (const char c : url.host + url.prefix) {
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) == 0x7f)
      return error("'{}' is not an address", printable(text));
  }
  if (url.host.empty()) return error("'{}' names no host", printable(text));
  return url;
}

// A number of a server's JSON that may be absent or anything else.
int64_t count(const nlohmann::json& object, const char* name) {
  return object.is_object() && object.contains(name) && object[name].is_number() ? object[name].get<int64_t>()
                                                                                 : 0;
}

std::string text(const nlohmann::json& object, const char* name) {
  return object.is_object() && object.contains(name) && object[name].is_string()
             ? object[name].get<std::string>()
             : "";
}

class Remote : public RemoteServer {
 public:
  Remote(Url url, std::string key) : url_(std::move(url)), key_(std::move(key)) {}

  Result<std::string> model() override {
    std::string body;
    JAJU_RETURN_IF_ERROR(exchange("GET", "/v1/models", "", nullptr, [&](std::string_view bytes) {
      body += bytes;
      return body.size() < 10'000'000;
    }));
    const Result<nlohmann::json> json = parse_json(body, where());
    if (!json.ok() || !json->is_object() || !json->contains("data") || !(*json)["data"].is_array() ||
        (*json)["data"].empty()) {
      return error("{} answers, but not like a server of models", where());
    }
    return text((*json)["data"][0], "id");
  }

  Result<RemoteAnswer> chat(nlohmann::ordered_json body, const RemoteHooks& hooks) override {
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
    body["return_progress"] = true;
    RemoteAnswer answer;
    Status failure;
    bool done = false;
    std::string pending;
    JAJU_RETURN_IF_ERROR(exchange(
        "POST", "/v1/chat/completions",
        body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace), hooks.cancel,
        [&](std::string_view bytes) {
          pending += bytes;
          size_t from = 0;
          for (size_t end = 0; (end = pending.find('\n', from)) != std::string::npos; from = end + 1) {
            std::string_view line(pending.data() + from, end - from);
            if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
            if (!line.starts_with("data:")) continue;
            line.remove_prefix(line.starts_with("data: ") ? 6 : 5);
            if (line == "[DONE]") {
              done = true;
              continue;
            }
            take(line, answer, hooks, &failure);
          }
          pending.erase(0, from);
          return failure.ok() && pending.size() < 10'000'000;
        }));
    if (!failure.ok()) return failure;
    const bool stopped = hooks.cancel != nullptr && hooks.cancel->load();
    if (!done && !stopped) return error("{} ended the answer in the middle", where());
    return answer;
  }

 private:
  std::string where() const {
    return fmt::format("{}://{}:{}", url_.tls ? "https" : "http", url_.host, url_.port);
  }

  static void take(std::string_view line, RemoteAnswer& answer, const RemoteHooks& hooks, Status* failure) {
    const Result<nlohmann::json> chunk = parse_json(line, "the server's answer");
    if (!chunk.ok()) {
      *failure = chunk.status();
      return;
    }
    if (!chunk->is_object()) return;
    if (chunk->contains("error")) {
      *failure = error("the server says: {}", printable(text((*chunk)["error"], "message")));
      return;
    }
    if (chunk->contains("usage") && (*chunk)["usage"].is_object()) answer.usage = (*chunk)["usage"];
    if (chunk->contains("timings")) answer.timings = (*chunk)["timings"];
    if (chunk->contains("prompt_progress") && hooks.on_prefill) {
      hooks.on_prefill(count((*chunk)["prompt_progress"], "processed"),
                       count((*chunk)["prompt_progress"], "total"));
    }
    if (!chunk->contains("choices") || !(*chunk)["choices"].is_array() || (*chunk)["choices"].empty()) return;
    const nlohmann::json& choice = (*chunk)["choices"][0];
    if (const std::string finish = text(choice, "finish_reason"); !finish.empty()) answer.finish = finish;
    if (!choice.is_object() || !choice.contains("delta")) return;
    if (const std::string more = text(choice["delta"], "reasoning_content"); !more.empty()) {
      answer.reasoning += more;
      if (hooks.on_reasoning) hooks.on_reasoning(more);
    }
    if (const std::string more = text(choice["delta"], "content"); !more.empty()) {
      answer.text += more;
      if (hooks.on_answer) hooks.on_answer(more);
    }
  }

  // One request on a connection of its own. `take` gets the body as it comes; false ends the exchange.
  Status exchange(const char* method, const std::string& path, std::string body,
                  const std::atomic<bool>* cancel, const std::function<bool(std::string_view)>& take) {
    if (!url_.tls) {
      asio::io_context io;
      beast::tcp_stream stream(io);
      JAJU_RETURN_IF_ERROR(connect(io, stream));
      return talk(io, stream, stream, method, path, std::move(body), cancel, take);
    }
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    error_code failure;
    context.set_default_verify_paths(failure);
    context.set_verify_mode(asio::ssl::verify_peer, failure);
    beast::ssl_stream<beast::tcp_stream> stream(io, context);
    stream.set_verify_callback(asio::ssl::host_name_verification(url_.host), failure);
    SSL_set_tlsext_host_name(stream.native_handle(), url_.host.c_str());
    JAJU_RETURN_IF_ERROR(connect(io, beast::get_lowest_layer(stream)));
    beast::get_lowest_layer(stream).expires_never();
    stream.handshake(asio::ssl::stream_base::client, failure);
    if (failure) return error("{}: no secure connection ({})", where(), failure.message());
    return talk(io, stream, beast::get_lowest_layer(stream), method, path, std::move(body), cancel, take);
  }

  Status connect(asio::io_context& io, beast::tcp_stream& stream) {
    error_code failure;
    tcp::resolver resolver(io);
    const auto found = resolver.resolve(url_.host, url_.port, failure);
    if (failure) return error("{}: there is no host of this name ({})", where(), failure.message());
    stream.connect(found, failure);
    if (failure)
      return error("{} does not answer ({}); is `jaju serve` running there?", where(), failure.message());
    return {};
  }

  template <typename Stream>
  Status talk(asio::io_context& io, Stream& stream, beast::tcp_stream& lowest, const char* method,
              const std::string& path, std::string body, const std::atomic<bool>* cancel,
              const std::function<bool(std::string_view)>& take) {
    http::request<http::string_body> request(http::string_to_verb(method), url_.prefix + path, 11);
    request.set(http::field::host, url_.host + ":" + url_.port);
    request.set(http::field::user_agent, "jaju");
    if (!key_.empty()) request.set(http::field::authorization, "Bearer " + key_);
    if (!body.empty()) request.set(http::field::content_type, "application/json");
    request.body() = std::move(body);
    request.prepare_payload();
    error_code failure;
    http::write(stream, request, failure);
    if (failure) return error("{}: the request could not be sent ({})", where(), failure.message());
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(std::numeric_limits<uint64_t>::max());
    parser.header_limit(64 << 10);
    beast::flat_buffer buffer;
    std::string refusal;
    char chunk[16384];
    // Waits in slices, so that Ctrl-C is seen while the model thinks. Leaving closes the socket, and the
    // server stops at the next token.
    const auto wait = [&](auto start) {
      bool finished = false;
      start([&](error_code e, size_t) {
        failure = e;
        finished = true;
      });
      while (!finished) {
        io.restart();
        io.run_for(std::chrono::milliseconds(100));
        if (cancel != nullptr && cancel->load()) {
          lowest.cancel();
          io.restart();
          io.run();
          return false;
        }
      }
      return true;
    };
    lowest.expires_never();
    if (!wait([&](auto done) { http::async_read_header(stream, buffer, parser, std::move(done)); }))
      return {};
    if (failure) return error("{}: no answer ({})", where(), failure.message());
    const unsigned status = parser.get().result_int();
    while (!parser.is_done()) {
      parser.get().body().data = chunk;
      parser.get().body().size = sizeof chunk;
      if (!wait([&](auto done) { http::async_read_some(stream, buffer, parser, std::move(done)); }))
        return {};
      if (failure == http::error::need_buffer) failure = {};
      if (failure) return error("{} ended the answer in the middle ({})", where(), failure.message());
      const std::string_view bytes(chunk, sizeof chunk - parser.get().body().size);
      if (status >= 400) {
        if (refusal.size() < 65536) refusal += bytes;
      } else if (!bytes.empty() && !take(bytes)) {
        return {};
      }
    }
    if (status < 400) return {};
    const Result<nlohmann::json> json = parse_json(refusal, "answer");
    const std::string said =
        json.ok() && json->is_object() && json->contains("error") ? text((*json)["error"], "message") : "";
    if (status == 401) {
      return error("{} wants a key: put one into the environment as JAJU_API_KEY ({})", where(),
                   printable(said));
    }
    return error("{} refuses with status {}: {}", where(), status,
                 said.empty() ? "no reason given" : printable(said));
  }

  const Url url_;
  const std::string key_;
};

}  // namespace

bool is_url(std::string_view word) {
  return word.starts_with("http://") || word.starts_with("https://");
}

Result<std::unique_ptr<RemoteServer>> RemoteServer::open(const std::string& url, const std::string& key) {
  JAJU_ASSIGN(Url parsed, parse_url(url));
  for (const char c : key) {
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f) {
      return error("JAJU_API_KEY holds a character that keys do not have");
    }
  }
  return std::unique_ptr<RemoteServer>(std::make_unique<Remote>(std::move(parsed), key));
}

}  // namespace jaju::cli
