#include "server/transport.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl.hpp>

namespace jaju::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class Plain : public Transport {
 public:
  explicit Plain(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}
  void handshake(std::function<void(error_code)> done) override { done({}); }
  void read_some(char* data, size_t size, IoHandler done) override {
    socket_.async_read_some(asio::buffer(data, size), std::move(done));
  }
  void write_some(const char* data, size_t size, IoHandler done) override {
    socket_.async_write_some(asio::buffer(data, size), std::move(done));
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }
  void shutdown_send() override {
    error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }
  bool tls() const override { return false; }

 private:
  asio::ip::tcp::socket socket_;
};

class Tls : public Transport {
 public:
  Tls(asio::ip::tcp::socket socket, std::shared_ptr<asio::ssl::context> context)
      : context_(std::move(context)), stream_(std::move(socket), *context_) {}
  void handshake(std::function<void(error_code)> done) override {
    stream_.async_handshake(asio::ssl::stream_base::server, std::move(done));
  }
  void read_some(char* data, size_t size, IoHandler done) override {
    stream_.async_read_some(asio::buffer(data, size), std::move(done));
  }
  void write_some(const char* data, size_t size, IoHandler done) override {
    stream_.async_write_some(asio::buffer(data, size), std::move(done));
  }
  void close() override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }
  void shutdown_send() override {
    // One close_notify into the socket, not waited for: lengths and chunks already mark every answer's end.
    SSL_set_quiet_shutdown(stream_.native_handle(), 1);
    error_code ignored;
    stream_.lowest_layer().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }
  bool tls() const override { return true; }

 private:
  std::shared_ptr<asio::ssl::context> context_;
  asio::ssl::stream<asio::ip::tcp::socket> stream_;
};

class TlsFiles : public TlsContext {
 public:
  explicit TlsFiles(std::shared_ptr<asio::ssl::context> context) : context_(std::move(context)) {}
  std::unique_ptr<Transport> wrap(asio::ip::tcp::socket socket) override {
    return std::make_unique<Tls>(std::move(socket), context_);
  }

 private:
  std::shared_ptr<asio::ssl::context> context_;
};

}  // namespace

std::unique_ptr<Transport> plain_transport(asio::ip::tcp::socket socket) {
  return std::make_unique<Plain>(std::move(socket));
}

Result<std::shared_ptr<TlsContext>> TlsContext::load(const std::string& certificate_file,
                                                     const std::string& key_file) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  error_code failure;
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                           asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                           asio::ssl::context::no_tlsv1_1 | asio::ssl::context::single_dh_use |
                           asio::ssl::context::no_compression,
                       failure);
  context->use_certificate_chain_file(certificate_file, failure);
  if (failure) {
    return error("{}: not a PEM certificate chain this server can read ({})", certificate_file,
                 failure.message());
  }
  context->use_private_key_file(key_file, asio::ssl::context::pem, failure);
  if (failure)
    return error("{}: not a PEM private key this server can read ({})", key_file, failure.message());
  if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
    return error("{}: is not the key of the certificate in {}", key_file, certificate_file);
  }
  return std::shared_ptr<TlsContext>(std::make_shared<TlsFiles>(std::move(context)));
}

}  // namespace jaju::server
