// SPDX-License-Identifier: Apache-2.0
// Our own names: RFC 3261 section 18.1.1 (sent-by) and 16.4 (a Route that names this element).
#include "sipstack/transaction/local_addresses.hpp"

#include <algorithm>
#include <charconv>
#include <new>

#include "sipstack/parser/params.hpp"

namespace sipstack {
namespace {

bool same_family(const IpAddress& a, const IpAddress& b) noexcept {
  return a.is_v4() == b.is_v4() && a.is_v6() == b.is_v6();
}

bool has_family(const IpAddress& ip) noexcept { return ip.is_v4() || ip.is_v6(); }

// "host", "host:port", "[v6]" or "[v6]:port" in two; port 0 where there is none.
std::pair<std::string_view, std::uint16_t> split(std::string_view text) noexcept {
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return {text, 0};
  std::uint16_t port = 0;
  const std::string_view digits = text.substr(colon + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return {text.substr(0, colon), port};
}

bool same_host(std::string_view a, std::string_view b) noexcept {
  if (iequals(a, b)) return true;
  const auto ip = IpAddress::parse(a);
  return ip && ip == IpAddress::parse(b);
}

}  // namespace

const LocalAddress* LocalAddresses::find(Transport transport,
                                         const IpAddress& remote) const noexcept {
  const LocalAddress* second = nullptr;
  for (const LocalAddress& address : all_) {
    if (address.transport != transport) continue;
    if (has_family(remote) && has_family(address.bound.ip) &&
        !same_family(address.bound.ip, remote))
      continue;
    const bool wildcard = address.bound.ip.is_unspecified();
    if (!has_family(remote) || wildcard || address.bound.ip.is_loopback() == remote.is_loopback())
      return &address;
    if (second == nullptr) second = &address;
  }
  return second;
}

// The socket that a flow uses, or that would take what comes back to it.
const LocalAddress* LocalAddresses::socket_of(const Flow& flow) const noexcept {
  const IpAddress& family = has_family(flow.local.ip) ? flow.local.ip : flow.remote.ip;
  const LocalAddress* best = nullptr;
  int best_rank = 0;
  for (const LocalAddress& address : all_) {
    if (address.transport != flow.transport) continue;
    const IpAddress& ip = address.bound.ip;
    if (has_family(family) && has_family(ip) && !same_family(ip, family)) continue;
    // The very address counts most, then a wildcard that includes it; the port tells two sockets apart.
    const bool unknown = flow.local.ip.is_unspecified();
    const bool port = flow.local.port != 0 && address.bound.port == flow.local.port;
    int rank = 1 + (port ? 1 : 0);
    if (!unknown && ip == flow.local.ip)
      rank += 4;
    else if (unknown || ip.is_unspecified())
      rank += 2;
    else if (!reliable(flow.transport))
      continue;  // another interface's socket is not the sender
    if (rank > best_rank) {
      best = &address;
      best_rank = rank;
    }
  }
  return best;
}

std::string LocalAddresses::sent_by(const Flow& flow) const {
  Scratch scratch;
  return std::string(sent_by(flow, scratch));
}

std::string_view LocalAddresses::sent_by(const Flow& flow, Scratch& scratch) const noexcept {
  const LocalAddress* const socket = socket_of(flow);
  if (socket != nullptr && !socket->advertised.empty()) return socket->advertised;
  SocketAddress here = flow.local;
  if (socket != nullptr && !socket->bound.ip.is_unspecified()) here.ip = socket->bound.ip;
  if (socket != nullptr) here.port = socket->bound.port;
  static_assert(sizeof(Scratch) >= 1 + 46 + 2 + 5);
  char* at = scratch;
  if (here.ip.is_v6()) *at++ = '[';
  at += here.ip.to_chars(at);
  if (here.ip.is_v6()) *at++ = ']';
  if (here.port != 0) {  // nobody listens: what comes back comes on the connection
    *at++ = ':';
    at = std::to_chars(at, scratch + sizeof scratch, here.port).ptr;
  }
  return {scratch, static_cast<std::size_t>(at - scratch)};
}

bool LocalAddresses::is_ours(std::string_view host, std::uint16_t port) const noexcept {
  const auto ip = IpAddress::parse(host);
  for (const LocalAddress& address : all_) {
    const std::uint16_t standard = default_port(address.transport);
    const std::uint16_t wanted = port != 0 ? port : standard;
    if (!address.advertised.empty()) {
      const auto [name, advertised_port] = split(address.advertised);
      if (wanted == (advertised_port != 0 ? advertised_port : standard) && same_host(host, name))
        return true;
    }
    if (!ip || wanted != address.bound.port) continue;
    if (!address.bound.ip.is_unspecified()) {
      if (*ip == address.bound.ip) return true;
      continue;
    }
    if (has_family(address.bound.ip) && !same_family(*ip, address.bound.ip)) continue;
    if (ip->is_loopback() || std::find(seen_.begin(), seen_.end(), *ip) != seen_.end()) return true;
  }
  return false;
}

void LocalAddresses::seen(const IpAddress& ip) {
  if (!seen_.empty() && seen_.back() == ip) return;  // nearly always
  if (ip.is_unspecified() || seen_.size() >= kSeen) return;
  if (std::find(seen_.begin(), seen_.end(), ip) != seen_.end()) return;
  try {
    seen_.push_back(ip);
  } catch (const std::bad_alloc&) {  // the next message tells it again
  }
}

}  // namespace sipstack
