// SPDX-License-Identifier: Apache-2.0
#include "server/flow_token.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "server/base64url.hpp"
#include "sipstack/parser/params.hpp"

namespace sipstack::server {
namespace {

class Writer {
 public:
  void byte(std::uint64_t value) { bytes_ += static_cast<char>(value & 0xff); }
  void number(std::uint64_t value, int bytes) {
    while (bytes-- > 0) byte(value >> (8 * bytes));
  }
  void address(const SocketAddress& a) {
    for (const char c : a.ip.bytes()) byte(static_cast<unsigned char>(c));
    if (a.ip.is_v6()) number(a.ip.scope_id(), 4);
    number(a.port, 2);
  }
  std::string take() const { return base64url(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view text) {
    auto bytes = from_base64url(text);
    good_ = bytes.has_value();
    if (good_) bytes_ = *std::move(bytes);
  }
  std::uint8_t byte() noexcept {
    if (at_ < bytes_.size()) return static_cast<std::uint8_t>(bytes_[at_++]);
    good_ = false;
    return 0;
  }
  std::uint64_t number(int bytes) noexcept {
    std::uint64_t value = 0;
    while (bytes-- > 0) value = value << 8 | byte();
    return value;
  }
  SocketAddress address(bool v6) noexcept {
    SocketAddress a;
    if (v6) {
      std::array<std::uint8_t, 16> bytes{};
      for (auto& b : bytes) b = byte();
      a.ip = IpAddress::v6(bytes, static_cast<std::uint32_t>(number(4)));
    } else {
      std::array<std::uint8_t, 4> bytes{};
      for (auto& b : bytes) b = byte();
      a.ip = IpAddress::v4(bytes);
    }
    a.port = static_cast<std::uint16_t>(number(2));
    return a;
  }
  bool whole() const noexcept { return good_ && at_ == bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
  bool good_ = true;
};

constexpr unsigned kV6 = 8;  // above the transports

}  // namespace

std::string flow_token(const Flow& flow) {
  Writer out;
  const bool v6 = flow.remote.ip.is_v6();
  out.byte(static_cast<unsigned>(flow.transport) | (v6 ? kV6 : 0));
  out.address(flow.local);
  out.address(flow.remote);
  if (reliable(flow.transport)) out.number(flow.connection, 8);
  return out.take();
}

std::optional<Flow> flow_from_token(std::string_view token) {
  Reader in(token);
  const unsigned kind = in.byte();
  if ((kind & ~kV6) > static_cast<unsigned>(Transport::wss)) return std::nullopt;
  Flow flow;
  flow.transport = static_cast<Transport>(kind & ~kV6);
  flow.local = in.address((kind & kV6) != 0);
  flow.remote = in.address((kind & kV6) != 0);
  if (reliable(flow.transport)) flow.connection = in.number(8);
  if (!in.whole()) return std::nullopt;
  return flow;
}

bool reached_by_flow(const Uri& contact, const MessageView& request, const Flow& flow) noexcept {
  if (!contact.is_sip() || request.head().vias != 1) return false;
  const auto transport = contact.transport().value_or(
      contact.scheme == UriScheme::sips ? Transport::tls : Transport::udp);
  if (flow.transport == Transport::ws || flow.transport == Transport::wss)
    return transport == Transport::ws || transport == Transport::wss;
  const Via via = request.top_via();
  if (transport != flow.transport || !iequals(via.host, contact.host) || via.port != contact.port)
    return false;
  if (reliable(flow.transport)) return true;
  const auto address = IpAddress::parse(contact.host);
  return address && *address != flow.remote.ip;
}

}  // namespace sipstack::server
