// SPDX-License-Identifier: Apache-2.0
// Where bytes come from and go to: transports, flows and targets, without sockets.
#pragma once

#include <cstdint>
#include <string_view>

#include "sipstack/base/address.hpp"

namespace sipstack {

enum class Transport : std::uint8_t { udp, tcp, tls, ws, wss };

/// True where the transport delivers or reports: timers A, E, G, D, I, J, K depend on it
/// (RFC 3261 section 17).
constexpr bool reliable(Transport t) noexcept { return t != Transport::udp; }
constexpr bool secure(Transport t) noexcept { return t == Transport::tls || t == Transport::wss; }
/// The port that a URI or Via without one means (RFC 3261 section 18.1.1, RFC 7118 section 5.2.2).
constexpr std::uint16_t default_port(Transport t) noexcept {
  switch (t) {
    case Transport::tls: return 5061;
    case Transport::ws: return 80;
    case Transport::wss: return 443;
    default: return 5060;
  }
}
/// The Via spelling: "UDP", "TCP", "TLS", "WS", "WSS".
std::string_view via_name(Transport t) noexcept;
/// The spelling of URIs and of the command line: "udp", "tcp", "tls", "ws", "wss".
std::string_view uri_name(Transport t) noexcept;
/// Reads either spelling, in any case. False where the name is not one of ours.
bool transport_from(std::string_view name, Transport& out) noexcept;

/// Names one connection of the transport layer; 0 is "none": a datagram, or any connection.
using ConnectionId = std::uint64_t;

/// Where a message came from, or where one is to go. A plain value.
///
/// As the source of a message all is set. As a target, `local` may be unspecified (the transport
/// chooses) and `connection` 0 (an existing connection to `remote` is taken, or one is opened). Where
/// `connection` is set and gone, a request fails, and a response goes on to `remote`
/// (RFC 3261 section 18.2.2).
///
/// `identity` is who the other end of a TLS connection must prove to be (RFC 5922 section 7.3), as
/// Transports::identity() numbers names; 0: the address itself. Two targets that differ in it share no
/// connection.
struct Flow {
  Transport transport = Transport::udp;
  SocketAddress local;
  SocketAddress remote;
  std::uint32_t identity = 0;
  ConnectionId connection = 0;

  friend bool operator==(const Flow& a, const Flow& b) noexcept {
    return a.transport == b.transport && a.connection == b.connection && a.identity == b.identity &&
           a.remote == b.remote && a.local == b.local;
  }
  friend bool operator!=(const Flow& a, const Flow& b) noexcept { return !(a == b); }
};

}  // namespace sipstack
