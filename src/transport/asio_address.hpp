// SPDX-License-Identifier: Apache-2.0
// Our plain addresses and error codes to and from Asio's.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstring>
#include <system_error>

#include "sipstack/base/address.hpp"
#include "sipstack/base/time.hpp"

namespace sipstack {

inline boost::asio::ip::address to_asio(const IpAddress& ip) {
  const auto& bytes = ip.storage();
  if (ip.is_v6()) return boost::asio::ip::address_v6(bytes, ip.scope_id());
  boost::asio::ip::address_v4::bytes_type four{};
  if (ip.is_v4()) std::memcpy(four.data(), bytes.data(), four.size());
  return boost::asio::ip::address_v4(four);
}

inline IpAddress from_asio(const boost::asio::ip::address& ip) {
  if (ip.is_v4()) return IpAddress::v4(ip.to_v4().to_bytes());
  const auto v6 = ip.to_v6();
  return IpAddress::v6(v6.to_bytes(), static_cast<std::uint32_t>(v6.scope_id()));
}

template <class Protocol>
typename Protocol::endpoint to_endpoint(const SocketAddress& address) {
  return {to_asio(address.ip), address.port};
}

template <class Endpoint>
SocketAddress from_endpoint(const Endpoint& endpoint) {
  return {from_asio(endpoint.address()), endpoint.port()};
}

template <class Protocol>
Protocol family_of(const IpAddress& ip) {
  return ip.is_v6() ? Protocol::v6() : Protocol::v4();
}

inline bool same_family(const IpAddress& a, const IpAddress& b) {
  return (a.is_v4() && b.is_v4()) || (a.is_v6() && b.is_v6());
}

/// Empty for an orderly end of the stream.
inline std::error_code to_std(const boost::system::error_code& error) {
  if (!error || error == boost::asio::error::eof) return {};
  return error;
}

inline bool would_block(const boost::system::error_code& error) {
  return error == boost::asio::error::would_block || error == boost::asio::error::try_again;
}

inline TimePoint steady_now() {
  return TimePoint(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

inline std::chrono::steady_clock::time_point to_steady(TimePoint t) {
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(t.time_since_epoch()));
}

}  // namespace sipstack
