// SPDX-License-Identifier: Apache-2.0
// One bound UDP socket: batches in, a bounded queue out, ICMP errors back to the token that they are
// about. RFC 3261 sections 18.1.1, 18.2.2 and 18.4.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

#include "sipstack/base/block.hpp"
#include "sipstack/base/expected.hpp"
#include "sipstack/base/flow.hpp"
#include "transport/standing.hpp"

namespace sipstack {

class Sockets;

class UdpSocket : public std::enable_shared_from_this<UdpSocket> {
 public:
  static expected<std::shared_ptr<UdpSocket>, std::error_code> bind(Sockets& sockets,
                                                                    const SocketAddress& address);
  UdpSocket(Sockets& sockets, boost::asio::ip::udp::socket socket, const SocketAddress& bound);

  const SocketAddress& bound() const noexcept { return bound_; }
  bool wildcard() const noexcept { return wildcard_; }

  /// Queues; a full queue fails the token.
  void send(const Block& block, std::size_t size, const Flow& flow, std::uint64_t token);
  /// Sends what the system takes; the rest follows when it is writable again.
  void flush();
  void close();

 private:
  struct Pending {
    Block block;
    std::size_t size = 0;
    SocketAddress remote;
    IpAddress local;
    std::uint64_t token = 0;
  };
  struct Sent {
    SocketAddress remote;
    std::uint64_t token = 0;
  };
  static constexpr std::size_t kRemembered = 512;

  void wait_readable();
  void wait_writable();
  void readable();
  /// Some batches; true where no datagram is left.
  bool read_some();
  bool long_queue(Duration turn, TimePoint now);
  Pending& queued(std::size_t i) { return queue_[(head_ + i) % queue_.size()]; }
  void pop(bool sent);
  void remember(const SocketAddress& remote, std::uint64_t token);
  std::size_t take_icmp_errors();

  Sockets* sockets_;  ///< null once closed
  boost::asio::ip::udp::socket socket_;
  SocketAddress bound_;
  bool wildcard_;
  Standing standing_;           ///< what waits to be read
  TimePoint pressed_until_{};   ///< until then, what waits is told of
  std::uint32_t lost_ = 0;      ///< as the system last said
  int read_ = 0;                ///< in this turn
  bool writing_ = false;        ///< waiting until the socket is writable
  std::vector<Pending> queue_;  ///< a ring
  std::size_t head_ = 0;
  std::size_t count_ = 0;
  /// The last sends that somebody waits for: an ICMP error names only where they went.
  std::vector<Sent> sent_;
  std::size_t next_sent_ = 0;
};

}  // namespace sipstack
