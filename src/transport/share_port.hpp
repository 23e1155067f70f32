// SPDX-License-Identifier: Apache-2.0
// SO_REUSEPORT, where the system has it: Asio knows no name for it.
#pragma once

#include <sys/socket.h>
#include <boost/asio/error.hpp>
#include <cerrno>

namespace sipstack {

/// Before bind(): other sockets of this user may bind the same address, if they ask for the same.
template <class Socket>
void share_port(Socket& socket, boost::system::error_code& error) {
#ifdef SO_REUSEPORT
  const int on = 1;
  if (::setsockopt(socket.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
    error = {errno, boost::system::system_category()};
#else
  static_cast<void>(socket);
  error = boost::asio::error::operation_not_supported;
#endif
}

}  // namespace sipstack
