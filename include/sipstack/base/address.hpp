// SPDX-License-Identifier: Apache-2.0
// IP addresses and transport addresses as plain values; no socket header is needed for them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sipstack {

/// An IPv4 or IPv6 address in network byte order. A default-constructed one is unspecified (neither).
class IpAddress {
 public:
  constexpr IpAddress() = default;
  static IpAddress v4(std::array<std::uint8_t, 4> bytes) noexcept;
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes,
                      std::uint32_t scope_id = 0) noexcept;

  /// Reads "192.0.2.1", "2001:db8::1" or "[2001:db8::1]" (RFC 3986 section 3.2.2; RFC 5954 for
  /// IPv4-mapped forms). Nothing for anything else, host names included.
  static std::optional<IpAddress> parse(std::string_view text) noexcept;

  bool is_v4() const noexcept { return family_ == Family::v4; }
  bool is_v6() const noexcept { return family_ == Family::v6; }
  bool is_unspecified() const noexcept;  ///< none, 0.0.0.0 or ::
  bool is_loopback() const noexcept;     ///< 127.0.0.0/8 or ::1
  bool is_multicast() const noexcept;    ///< 224.0.0.0/4, ff00::/8; 255.255.255.255 counts too

  /// The 4 or 16 bytes in use.
  std::string_view bytes() const noexcept;
  const std::array<std::uint8_t, 16>& storage() const noexcept { return bytes_; }
  std::uint32_t scope_id() const noexcept { return scope_id_; }

  /// Text without brackets; IPv6 by RFC 5952.
  std::string to_string() const;
  /// The same into caller's storage of at least 46 bytes; returns the length.
  std::size_t to_chars(char* out) const noexcept;

  friend bool operator==(const IpAddress& a, const IpAddress& b) noexcept {
    return a.family_ == b.family_ && a.bytes_ == b.bytes_ && a.scope_id_ == b.scope_id_;
  }
  friend bool operator!=(const IpAddress& a, const IpAddress& b) noexcept { return !(a == b); }

 private:
  enum class Family : std::uint8_t { none, v4, v6 };
  std::array<std::uint8_t, 16> bytes_{};
  std::uint32_t scope_id_ = 0;
  Family family_ = Family::none;
};

/// Address and port of one end.
struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0;

  /// "192.0.2.1:5060" or "[2001:db8::1]:5060".
  std::string to_string() const;
  /// Reads what to_string() writes. The port is required.
  static std::optional<SocketAddress> parse(std::string_view text) noexcept;

  friend bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept {
    return a.port == b.port && a.ip == b.ip;
  }
  friend bool operator!=(const SocketAddress& a, const SocketAddress& b) noexcept {
    return !(a == b);
  }
};

}  // namespace sipstack
