// SPDX-License-Identifier: Apache-2.0
// The connection table: accepting, opening, reuse and limits. RFC 3261 sections 18 and 18.2.2.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "sipstack/base/block.hpp"
#include "sipstack/base/expected.hpp"
#include "sipstack/base/flow.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "transport/connection.hpp"

namespace sipstack {

class Sockets;

class Connections {
 public:
  explicit Connections(Sockets& sockets);

  expected<SocketAddress, std::error_code> listen(const SocketAddress& address);
  /// Where one listens that `remote` could connect to; an address that is unspecified is the system's to
  /// choose, port 0 says that none listens.
  SocketAddress listening_toward(const IpAddress& remote) const;
  void send(const Block& block, std::size_t size, const Flow& flow, std::uint64_t token);
  void close(bool linger);

  // for connections

  /// A second try of what a dead connection to flow.remote did not take.
  void send_afresh(Outgoing message, const Flow& flow);
  /// Its deadline may have come nearer.
  void watch(const Connection& connection);
  /// Its first message has come.
  void spoke(Connection& connection);
  /// New requests to its remote no longer take it.
  void forget(const Connection& connection);
  /// It is closed.
  void remove(Connection& connection);

 private:
  struct Listener {
    explicit Listener(boost::asio::io_context& io) : acceptor(io), pause(io) {}
    boost::asio::ip::tcp::acceptor acceptor;
    boost::asio::steady_timer pause;
    SocketAddress bound;
  };
  struct HashAddress {
    HashKey key;
    std::size_t operator()(const SocketAddress& address) const noexcept;
  };

  std::shared_ptr<Connection> find(ConnectionId id) const;
  std::shared_ptr<Connection> find_to(const SocketAddress& remote) const;
  void wait(const std::shared_ptr<Listener>& listener);
  void accept(Listener& listener);
  void admit(boost::asio::ip::tcp::socket socket);
  bool make_room();
  bool make_room_for(const SocketAddress& source);
  bool counted(const IpAddress& source) const;
  void add(const std::shared_ptr<Connection>& connection);
  void arm(TimePoint due);
  void sweep();

  Sockets& sockets_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::unordered_map<ConnectionId, std::shared_ptr<Connection>> all_;
  std::unordered_map<SocketAddress, ConnectionId, HashAddress> by_remote_;
  std::unordered_map<SocketAddress, std::size_t, HashAddress>
      sources_;  ///< accepted, by source prefix
  /// Accepted connections that brought no message yet, the oldest first: the first to go when it is
  /// crowded.
  std::list<ConnectionId> silent_;
  ConnectionId last_id_ = 0;
  boost::asio::steady_timer timer_;
  TimePoint armed_ = kNever;
  TimePoint swept_{};
};

}  // namespace sipstack
