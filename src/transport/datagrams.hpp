// SPDX-License-Identifier: Apache-2.0
// Batches of datagrams through one system call where the system has it (recvmmsg, sendmmsg), else one by
// one; with the local address of each where the socket is bound to a wildcard.
#pragma once

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <cstddef>
#include <memory>
#include <string_view>
#include <system_error>

#include "sipstack/base/address.hpp"

namespace sipstack {

/// In: `local` is the address that was reached, where the socket is a wildcard. Out: the address to leave
/// from; unspecified leaves it to the system.
struct Datagram {
  std::string_view bytes;
  SocketAddress remote;
  IpAddress local;
};

/// An error that came back by ICMP for something sent to `remote`.
struct IcmpError {
  SocketAddress remote;
  std::error_code error;
  bool fatal = false;  ///< unreachable or parameter problem (RFC 3261 section 18.4)
};

/// The buffers, shared by all UDP sockets of a shard: 32 datagrams of any size, touched only as far as
/// datagrams are large.
/// What waits in a socket to be read, as the system counts it: with what it spends on each datagram.
struct ReceiveQueue {
  std::uint32_t bytes = 0;
  std::uint32_t limit = 0;  ///< 0: the system does not say
  std::uint32_t lost = 0;   ///< datagrams so far that found no room
};

class DatagramIo {
 public:
  static constexpr std::size_t kBatch = 32;
  static constexpr std::size_t kLargest = 65536;
  using Batch = std::array<Datagram, kBatch>;

  DatagramIo();
  ~DatagramIo();
  DatagramIo(const DatagramIo&) = delete;
  DatagramIo& operator=(const DatagramIo&) = delete;

  /// Asks for local addresses and ICMP errors. What a system refuses is done without.
  static void prepare(boost::asio::ip::udp::socket& socket, bool wildcard);

  static ReceiveQueue queue(boost::asio::ip::udp::socket& socket);

  /// How many were received into `out`, whose bytes live until the next call. Fewer than kBatch: no more
  /// wait. 0: `error` says why.
  std::size_t receive(boost::asio::ip::udp::socket& socket, Batch& out,
                      boost::system::error_code& error);

  /// How many of the first `count` were sent, in order. With fewer, `error` is about the next one, or
  /// about an earlier one whose ICMP error is in the queue.
  std::size_t send(boost::asio::ip::udp::socket& socket, const Batch& out, std::size_t count,
                   boost::system::error_code& error);

  /// The next ICMP error that is waiting.
  bool next_error(boost::asio::ip::udp::socket& socket, IcmpError& out);

 private:
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace sipstack
