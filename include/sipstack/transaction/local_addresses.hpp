// SPDX-License-Identifier: Apache-2.0
// What we are called from outside: for Via, Contact and Record-Route, and to recognise ourselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sipstack/base/flow.hpp"

namespace sipstack {

/// One listening socket.
struct LocalAddress {
  Transport transport = Transport::udp;
  SocketAddress bound;  ///< may be a wildcard (0.0.0.0, ::)
  std::string
      advertised;  ///< host[:port] for Via and Contact; empty for a wildcard: taken from the flow
};

/// The sockets of one shard. The endpoint fills it in; the core reads.
class LocalAddresses {
 public:
  void add(LocalAddress address) { all_.push_back(std::move(address)); }
  const std::vector<LocalAddress>& all() const noexcept { return all_; }

  /// The first socket of that transport (and address family, where `remote` has one; a loopback socket
  /// only for a loopback `remote` where there is a choice). Null where there is none.
  const LocalAddress* find(Transport transport, const IpAddress& remote = {}) const noexcept;
  /// host:port by which the other end of `flow` reaches us: for Via's sent-by and Contact. For a
  /// connection that we opened it is the listening address of that transport where there is one
  /// (RFC 3261 section 18.1.1), else the connection's own.
  std::string sent_by(const Flow& flow) const;
  /// The same without an allocation: a view of ours, or of `scratch`.
  using Scratch = char[64];
  std::string_view sent_by(const Flow& flow, Scratch& scratch) const noexcept;
  /// True where host and port (0: the transport's default) name one of our sockets. A wildcard socket has
  /// the addresses that seen() was told, and loopback.
  bool is_ours(std::string_view host, std::uint16_t port) const noexcept;

  /// An address of this machine by which messages arrive. The transaction layer reports the local end of
  /// every message; the endpoint may add those of its interfaces. At most kSeen are kept.
  void seen(const IpAddress& ip);
  static constexpr std::size_t kSeen = 64;

 private:
  const LocalAddress* socket_of(const Flow& flow) const noexcept;

  std::vector<LocalAddress> all_;
  std::vector<IpAddress> seen_;
};

}  // namespace sipstack
