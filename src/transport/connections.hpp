// SPDX-License-Identifier: Apache-2.0
// The connection table: accepting, opening, reuse and limits. RFC 3261 sections 18 and 18.2.2, RFC 5923.
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
#include "transport/identities.hpp"
#include "transport/tls_context.hpp"

namespace sipstack {

class Sockets;

class Connections {
 public:
  explicit Connections(Sockets& sockets);

  expected<SocketAddress, std::error_code> listen(Transport transport,
                                                  const SocketAddress& address);
  /// Where one listens that `remote` could connect to; an address that is unspecified is the system's to
  /// choose, port 0 says that none listens.
  SocketAddress listening_toward(Transport transport, const IpAddress& remote) const;
  Flow with_ends(const Flow& flow) const;
  expected<void, std::error_code> keep_alive(const Flow& flow, Duration interval);
  std::uint32_t identity(std::string_view domain);
  expected<void, std::error_code> reload_tls();
  void send(const Block& block, std::size_t size, const Flow& flow, std::uint64_t token);
  void close(bool linger);

  // for connections

  /// A second try of what a dead connection to flow.remote did not take.
  void send_afresh(Outgoing message, const Flow& flow);
  /// Its deadline may have come nearer.
  void watch(const Connection& connection);
  /// Its first message has come.
  void spoke(Connection& connection);
  /// The first message of a connection by TLS whose client has proved who it is: where it asks for that,
  /// requests to its advertised address take the connection (RFC 5923 section 8.2).
  void alias(const Connection& connection, std::string_view message);
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
    Transport transport = Transport::tcp;
  };
  /// What a connection is taken again for: RFC 5923 section 8.1 adds the identity.
  struct Place {
    SocketAddress remote;
    Transport transport = Transport::tcp;
    std::uint32_t identity = 0;
    static Place of(const Flow& flow) { return {flow.remote, flow.transport, flow.identity}; }
    friend bool operator==(const Place& a, const Place& b) noexcept {
      return a.remote == b.remote && a.transport == b.transport && a.identity == b.identity;
    }
  };
  struct HashAddress {
    HashKey key;
    std::size_t operator()(const SocketAddress& address) const noexcept;
    std::size_t operator()(const Place& place) const noexcept;
  };

  std::shared_ptr<Connection> find(ConnectionId id) const;
  std::shared_ptr<Connection> find_to(const Flow& flow) const;
  void wait(const std::shared_ptr<Listener>& listener);
  void accept(Listener& listener);
  void admit(boost::asio::ip::tcp::socket socket, Transport transport);
  expected<std::shared_ptr<TlsContext>, std::error_code> context(TlsContext::Side side);
  void set_options(boost::asio::ip::tcp::socket& socket) const;
  bool make_room();
  bool make_room_for(const SocketAddress& source);
  bool counted(const IpAddress& source) const;
  void add(const std::shared_ptr<Connection>& connection);
  void arm(TimePoint due);
  void sweep();

  Sockets& sockets_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::unordered_map<ConnectionId, std::shared_ptr<Connection>> all_;
  std::unordered_map<Place, ConnectionId, HashAddress> by_remote_;
  std::unordered_map<ConnectionId, std::vector<Place>> aliases_;  ///< besides
  std::unordered_map<SocketAddress, std::size_t, HashAddress>
      sources_;  ///< accepted, by source prefix
  /// Accepted connections that brought no message yet, the oldest first: the first to go when it is
  /// crowded.
  std::list<ConnectionId> silent_;
  ConnectionId last_id_ = 0;
  HashKey key_;
  Identities identities_;
  std::shared_ptr<TlsContext> server_tls_;  ///< null until it is needed
  std::shared_ptr<TlsContext> client_tls_;
  boost::asio::steady_timer timer_;
  TimePoint armed_ = kNever;
  TimePoint swept_{};
};

}  // namespace sipstack
