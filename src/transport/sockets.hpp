// SPDX-License-Identifier: Apache-2.0
// What all sockets of a shard share: the turn in which the handler is told and outputs are gathered,
// failures that must not be told from inside send(), and routing of sends (RFC 3261 section 18).
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "sipstack/transport/transport.hpp"
#include "transport/connections.hpp"
#include "transport/datagrams.hpp"
#include "transport/stun.hpp"
#include "transport/udp_socket.hpp"

namespace sipstack {

class Sockets : public std::enable_shared_from_this<Sockets> {
 public:
  Sockets(boost::asio::io_context& io, TransportHandler& handler, BlockPool& pool,
          const TransportOptions& options);

  expected<SocketAddress, std::error_code> listen(Transport transport,
                                                  const SocketAddress& address);
  void send(const Block& block, std::size_t size, const Flow& flow, std::uint64_t token);
  expected<SocketAddress, std::error_code> local_toward(Transport transport,
                                                        const SocketAddress& remote);
  expected<void, std::error_code> plug(Transport transport, std::shared_ptr<Carrier> carrier);
  Flow with_ends(const Flow& flow) const;
  expected<void, std::error_code> keep_alive(const Flow& flow, Duration interval);
  /// Tells nobody any more; queued bytes still leave where `linger` says so.
  void close(bool linger);

  // for the sockets

  /// Runs `tell`, which may call the handler, then tells notices and the batch's end and sends what came
  /// of it. Every Asio handler of ours is one turn.
  template <class F>
  void turn(F&& tell) {
    const auto self = shared_from_this();  // the handler may destroy Transports
    in_turn_ = true;
    tell();
    end_turn();
  }
  /// For work that is done outside of a turn, in send(): flushes on the next one.
  void schedule();
  /// Told in the turn that follows, or at the end of this one.
  void fail(std::uint64_t token, std::error_code error);
  void lose(std::uint64_t token);
  void tell_closed(const Flow& flow, std::error_code error);
  /// A connection did not come up, opened to us or by us.
  void tell_not_up(const Flow& flow, std::error_code error, bool accepted);
  void flush_later(std::shared_ptr<Connection> connection);

  /// A datagram of STUN.
  void stun(std::string_view datagram, const Flow& flow);

  /// Null once closed.
  TransportHandler* handler() noexcept { return handler_; }
  boost::asio::io_context& io() noexcept { return io_; }
  BlockPool& pool() noexcept { return pool_; }
  const TransportOptions& options() const noexcept { return options_; }
  TransportCounters& counters() noexcept { return counters_; }
  Connections& connections() noexcept { return connections_; }
  DatagramIo& datagrams();
  /// kScratch bytes into which streams are read; good until the turn ends.
  char* scratch();

  static constexpr std::size_t kScratch = 65536;

 private:
  /// Something to tell that is not a message: a failed send (token and error), a lost request (token alone), a
  /// closed connection, or one that did not come up.
  struct Notice {
    std::uint64_t token = 0;
    std::error_code error;
    Flow flow;
    void (TransportHandler::*tell)(const Flow&, std::error_code) = nullptr;  ///< where token is 0
  };
  static constexpr std::size_t kMaxNotices = 65536;

  /// Does it as a turn; on the next one where this one is not over.
  void come_up(std::function<void(TransportHandler&)> tell);
  StunFlows::Outputs stun_outputs();
  void arm_stun();
  void send_datagram(const std::string& bytes, const Flow& flow);
  void end_turn();
  void flush();
  void tell_notices();
  UdpSocket* udp_for(const Flow& flow);
  std::shared_ptr<UdpSocket> nearest_udp(const SocketAddress& remote);
  expected<IpAddress, std::error_code> route_source(const SocketAddress& remote);

  boost::asio::io_context& io_;
  TransportHandler* handler_;
  BlockPool& pool_;
  TransportOptions options_;
  TransportCounters counters_;
  std::unique_ptr<DatagramIo> datagrams_;
  std::unique_ptr<char[]> scratch_;
  std::vector<std::shared_ptr<UdpSocket>> udp_;
  Connections connections_;
  std::vector<std::shared_ptr<Connection>> dirty_;
  std::array<std::shared_ptr<Carrier>, 5> carriers_;  ///< by transport; null: our own sockets
  StunFlows stun_flows_;
  boost::asio::steady_timer stun_timer_;
  TimePoint stun_armed_ = kNever;
  std::vector<Notice> notices_;
  bool in_turn_ = false;
  bool posted_ = false;
  bool sending_ = false;  ///< by a carrier
};

}  // namespace sipstack
