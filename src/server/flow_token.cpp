// SPDX-License-Identifier: Apache-2.0
#include "server/flow_token.hpp"

#include <array>
#include <cstdint>

#include "sipstack/parser/params.hpp"

namespace sipstack::server {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Base 64 of RFC 4648 section 5, without padding.
class Writer {
 public:
  void byte(std::uint64_t value) {
    bits_ = bits_ << 8 | (value & 0xff);
    for (count_ += 8; count_ >= 6;) digit(bits_ >> (count_ -= 6));
  }
  void number(std::uint64_t value, int bytes) {
    while (bytes-- > 0) byte(value >> (8 * bytes));
  }
  void address(const SocketAddress& a) {
    for (const char c : a.ip.bytes()) byte(static_cast<unsigned char>(c));
    if (a.ip.is_v6()) number(a.ip.scope_id(), 4);
    number(a.port, 2);
  }
  std::string take() {
    if (count_ > 0) digit(bits_ << (6 - count_));
    return std::move(text_);
  }

 private:
  void digit(std::uint64_t value) { text_ += kDigits[value & 63]; }
  std::string text_;
  std::uint64_t bits_ = 0;
  int count_ = 0;
};

class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : text_(text) {}
  std::uint8_t byte() noexcept {
    for (; count_ < 8; count_ += 6) {
      const auto digit = text_.empty() ? std::string_view::npos : kDigits.find(text_.front());
      if (digit == std::string_view::npos) {
        good_ = false;
        return 0;
      }
      text_.remove_prefix(1);
      bits_ = bits_ << 6 | digit;
    }
    count_ -= 8;
    return static_cast<std::uint8_t>(bits_ >> count_);
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
  bool whole() const noexcept { return good_ && text_.empty(); }

 private:
  std::string_view text_;
  std::uint64_t bits_ = 0;
  int count_ = 0;
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
