// Bytes to and from one client, over TCP or TLS. All calls and callbacks on the connection's strand.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"

namespace jaju::server {

using IoHandler = std::function<void(boost::system::error_code, size_t)>;

class Transport {
 public:
  virtual ~Transport() = default;
  virtual void handshake(std::function<void(boost::system::error_code)> done) = 0;
  virtual void read_some(char* data, size_t size, IoHandler done) = 0;
  virtual void write_some(const char* data, size_t size, IoHandler done) = 0;
  // Says goodbye if the protocol can (no waiting) and closes; pending calls end with an error.
  virtual void close() = 0;
  // Ends the sending side, so that what was sent arrives before a reset could overtake it.
  virtual void shutdown_send() = 0;
  virtual bool tls() const = 0;
};

std::unique_ptr<Transport> plain_transport(boost::asio::ip::tcp::socket socket);

// Certificate and key of the server. Copies share; a reload is a new object.
class TlsContext {
 public:
  // PEM files. TLS 1.2 and 1.3. Errors name the file.
  static Result<std::shared_ptr<TlsContext>> load(const std::string& certificate_file,
                                                  const std::string& key_file);
  virtual ~TlsContext() = default;
  virtual std::unique_ptr<Transport> wrap(boost::asio::ip::tcp::socket socket) = 0;
};

}  // namespace jaju::server
