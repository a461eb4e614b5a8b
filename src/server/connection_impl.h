// Makes connections; apart from connection.h so that only two files need Asio's headers.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "server/connection.h"
#include "server/transport.h"

namespace jaju::server {

// `executor` is a strand, the one the transport's socket belongs to.
std::shared_ptr<Connection> make_connection(boost::asio::any_io_executor executor,
                                            std::unique_ptr<Transport> transport, std::string peer,
                                            std::shared_ptr<const ConnectionHooks> hooks);

}  // namespace jaju::server
