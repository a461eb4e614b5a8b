#include "server/http_server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "server/connection_impl.h"

namespace jaju::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct Listener {
  Listener(asio::io_context& io, int n) : number(n), acceptor(io), pause(io) {}
  const int number;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::string certificate_file, key_file;
  std::mutex tls_mutex;
  std::shared_ptr<TlsContext> tls;
  std::shared_ptr<const ConnectionHooks> hooks;
};

}  // namespace

struct HttpServer::Impl {
  HttpLimits limits;
  ConnectionHooks hooks;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::thread> threads;

  std::mutex mutex;
  std::condition_variable changed;
  std::unordered_map<uint64_t, std::weak_ptr<Connection>> connections;
  uint64_t next_connection = 0;
  int64_t open = 0;
  bool stopping = false;
  std::atomic<int64_t> body_bytes{0};

  ConnectionHooks hooks_for(int listener, uint64_t connection) {
    ConnectionHooks h = hooks;
    h.limits = limits;
    h.listener = listener;
    h.take_body_bytes = [this](int64_t more) {
      if (body_bytes.fetch_add(more) + more > limits.max_bodies_bytes && more > 0) {
        body_bytes.fetch_sub(more);
        return false;
      }
      return true;
    };
    h.closed = [this, connection] {
      const std::lock_guard lock(mutex);
      connections.erase(connection);
      --open;
      changed.notify_all();
    };
    return h;
  }

  void accept(Listener& listener) {
    auto strand = asio::make_strand(io);
    listener.acceptor.async_accept(strand, [this, &listener, strand](error_code failure, tcp::socket socket) {
      if (failure == asio::error::operation_aborted || !listener.acceptor.is_open()) return;
      if (failure) {
        // Out of file descriptors, usually: wait for some to come back.
        listener.pause.expires_after(std::chrono::milliseconds(100));
        listener.pause.async_wait([this, &listener](error_code stop) {
          if (!stop) accept(listener);
        });
        return;
      }
      welcome(listener, strand, std::move(socket));
      accept(listener);
    });
  }

  void welcome(Listener& listener, const asio::any_io_executor& strand, tcp::socket socket) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const tcp::endpoint peer = socket.remote_endpoint(ignored);
    std::shared_ptr<TlsContext> tls;
    {
      const std::lock_guard lock(listener.tls_mutex);
      tls = listener.tls;
    }
    uint64_t id = 0;
    {
      const std::lock_guard lock(mutex);
      if (stopping || open >= limits.max_connections) {
        if (tls == nullptr) {
          static constexpr std::string_view kFull =
              "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: "
              "close\r\n\r\n";
          socket.non_blocking(true, ignored);
          socket.write_some(asio::buffer(kFull.data(), kFull.size()), ignored);
        }
        return;
      }
      id = next_connection++;
      ++open;
    }
    auto transport = tls != nullptr ? tls->wrap(std::move(socket)) : plain_transport(std::move(socket));
    auto own = std::make_shared<const ConnectionHooks>(hooks_for(listener.number, id));
    auto connection =
        make_connection(strand, std::move(transport), peer.address().to_string(ignored), std::move(own));
    {
      const std::lock_guard lock(mutex);
      connections[id] = connection;
    }
    connection->start();
  }

  std::vector<std::shared_ptr<Connection>> all() {
    std::vector<std::shared_ptr<Connection>> out;
    const std::lock_guard lock(mutex);
    for (const auto& [id, weak] : connections) {
      if (auto connection = weak.lock()) out.push_back(std::move(connection));
    }
    return out;
  }

  void stop_accepting() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    asio::post(io, [this] {
      for (const auto& listener : listeners) {
        error_code ignored;
        listener->acceptor.close(ignored);
        listener->pause.cancel();
      }
    });
  }
};

HttpServer::HttpServer(const HttpLimits& limits, ConnectionHooks hooks, int io_threads)
    : impl_(std::make_unique<Impl>()) {
  impl_->limits = limits;
  impl_->hooks = std::move(hooks);
  for (int i = 0; i < std::max(1, io_threads); ++i) {
    impl_->threads.emplace_back([io = &impl_->io] { io->run(); });
  }
}

void HttpServer::close() {
  impl_->stop_accepting();
  for (const auto& connection : impl_->all()) connection->close();
}

HttpServer::~HttpServer() {
  close();
  bool all_gone = false;
  {
    std::unique_lock lock(impl_->mutex);
    all_gone = impl_->changed.wait_for(lock, std::chrono::seconds(5), [this] { return impl_->open == 0; });
  }
  impl_->work.reset();
  impl_->io.stop();
  for (std::thread& thread : impl_->threads) thread.join();
  if (!all_gone) {
    // Somebody still holds a Responder and may use it: what it leads to is given up, not destroyed.
    static_cast<void>(impl_.release());
  }
}

Result<int> HttpServer::listen(const Address& address, const std::string& tls_certificate,
                               const std::string& tls_key) {
  const int number = static_cast<int>(impl_->listeners.size());
  auto listener = std::make_unique<Listener>(impl_->io, number);
  if (!tls_certificate.empty()) {
    listener->certificate_file = tls_certificate;
    listener->key_file = tls_key;
    JAJU_ASSIGN(listener->tls, TlsContext::load(tls_certificate, tls_key));
  }
  error_code failure;
  tcp::resolver resolver(impl_->io);
  const auto found = resolver.resolve(address.host, std::to_string(address.port),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, failure);
  if (failure || found.begin() == found.end()) {
    return error("the address '{}' is not one of this machine ({})", address.host, failure.message());
  }
  const tcp::endpoint endpoint = *found.begin();
  listener->acceptor.open(endpoint.protocol(), failure);
  if (!failure) listener->acceptor.set_option(asio::socket_base::reuse_address(true), failure);
  if (!failure) listener->acceptor.bind(endpoint, failure);
  if (!failure) listener->acceptor.listen(1024, failure);
  if (failure) {
    return error("cannot listen on {}:{} ({}); is another server there? choose another --port", address.host,
                 address.port, failure.message());
  }
  impl_->listeners.push_back(std::move(listener));
  Listener& added = *impl_->listeners.back();
  asio::post(impl_->io, [this, &added] { impl_->accept(added); });
  return number;
}

int HttpServer::bound_port(int listener) const {
  error_code failure;
  return impl_->listeners[static_cast<size_t>(listener)]->acceptor.local_endpoint(failure).port();
}

Status HttpServer::reload_tls() {
  for (const auto& listener : impl_->listeners) {
    if (listener->certificate_file.empty()) continue;
    JAJU_ASSIGN(std::shared_ptr<TlsContext> fresh,
                TlsContext::load(listener->certificate_file, listener->key_file));
    const std::lock_guard lock(listener->tls_mutex);
    listener->tls = std::move(fresh);
  }
  return {};
}

int64_t HttpServer::connections() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->open;
}

void HttpServer::drain(std::chrono::milliseconds patience) {
  impl_->stop_accepting();
  for (const auto& connection : impl_->all()) connection->finish();
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait_for(lock, patience, [this] { return impl_->open == 0; });
}

}  // namespace jaju::server
