// SPDX-License-Identifier: Apache-2.0
// RFC 8489 sections 5, 6.2.1, 6.3, 14.2, 14.8 and 14.13; RFC 5626 sections 4.4.2 and 8.
#include "transport/stun.hpp"

#include <algorithm>
#include <cstring>

#include "transport/entropy.hpp"

namespace sipstack {

namespace {

constexpr std::uint32_t kCookie = 0x2112A442;
constexpr std::size_t kHeader = 20;
constexpr std::uint16_t kRequest = 0x0001;
constexpr std::uint16_t kSuccess = 0x0101;
constexpr std::uint16_t kError = 0x0111;
constexpr std::uint16_t kErrorCode = 0x0009;
constexpr std::uint16_t kUnknown = 0x000A;
constexpr std::uint16_t kXorMapped = 0x0020;
constexpr std::size_t kUnknownAtMost = 4;

std::uint32_t word(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

void put(std::string& out, std::uint32_t value, int size) {
  for (int i = size - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

/// Calls each(type, value) for every attribute; false where they don't fill the message exactly.
template <class Each>
bool attributes(std::string_view message, Each&& each) {
  std::size_t at = kHeader;
  while (at < message.size()) {
    if (message.size() - at < 4) return false;
    const auto type = static_cast<std::uint16_t>(word(message, at, 2));
    const std::size_t size = word(message, at + 2, 2);
    const std::size_t padded = (size + 3) / 4 * 4;
    if (message.size() - at - 4 < padded) return false;
    each(type, message.substr(at + 4, size));
    at += 4 + padded;
  }
  return true;
}

std::string message(std::uint16_t type, std::string_view id, const std::string& body) {
  std::string out;
  out.reserve(kHeader + body.size());
  put(out, type, 2);
  put(out, static_cast<std::uint32_t>(body.size()), 2);
  put(out, kCookie, 4);
  out.append(id);
  return out + body;
}

/// Attributes that ask for nothing here: no credentials are wanted (RFC 5626 section 8).
bool understood(std::uint16_t type) {
  switch (type) {
    case 0x0006:  // USERNAME
    case 0x0008:  // MESSAGE-INTEGRITY
    case 0x0014:  // REALM
    case 0x0015:  // NONCE
    case 0x001C:  // MESSAGE-INTEGRITY-SHA256
    case 0x001D:  // PASSWORD-ALGORITHM
    case 0x001E:  // USERHASH
      return true;
    default: return type >= 0x8000;  // comprehension-optional
  }
}

/// XOR-ed with the cookie and, for IPv6, the id (section 14.2): it is its own inverse.
void mask_address(char* bytes, std::size_t size, std::string_view id) {
  char mask[16];
  for (std::size_t i = 0; i < 4; ++i) mask[i] = static_cast<char>(kCookie >> (24 - 8 * i) & 0xFF);
  std::memcpy(mask + 4, id.data(), 12);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(bytes[i] ^ mask[i]);
}

std::string mapped_address(const SocketAddress& address, std::string_view id) {
  std::string ip(address.ip.bytes());
  mask_address(ip.data(), ip.size(), id);
  std::string out;
  put(out, kXorMapped, 2);
  put(out, static_cast<std::uint32_t>(4 + ip.size()), 2);
  put(out, address.ip.is_v6() ? 2 : 1, 2);
  put(out, address.port ^ (kCookie >> 16), 2);
  return out + ip;
}

std::optional<SocketAddress> read_mapped(std::string_view value, std::string_view id) {
  if (value.size() < 4) return std::nullopt;
  const bool v6 = value[1] == 2;
  if (value.size() != (v6 ? 20U : 8U) || (!v6 && value[1] != 1)) return std::nullopt;
  std::array<char, 16> ip{};
  std::memcpy(ip.data(), value.data() + 4, value.size() - 4);
  mask_address(ip.data(), value.size() - 4, id);
  SocketAddress out;
  out.port = static_cast<std::uint16_t>(word(value, 2, 2) ^ (kCookie >> 16));
  if (v6) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), ip.data(), bytes.size());
    out.ip = IpAddress::v6(bytes);
  } else {
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), ip.data(), bytes.size());
    out.ip = IpAddress::v4(bytes);
  }
  return out;
}

}  // namespace

bool is_stun(std::string_view datagram) noexcept {
  return datagram.size() >= kHeader && static_cast<unsigned char>(datagram[0]) < 4 &&
         word(datagram, 4, 4) == kCookie;
}

std::string answer_stun(std::string_view request, const SocketAddress& source) {
  if (!is_stun(request) || word(request, 0, 2) != kRequest ||
      word(request, 2, 2) != request.size() - kHeader)
    return {};
  const std::string_view id = request.substr(8, 12);
  std::string unknown;
  const bool sound = attributes(request, [&](std::uint16_t type, std::string_view) {
    if (!understood(type) && unknown.size() < 2 * kUnknownAtMost) put(unknown, type, 2);
  });
  if (!sound) return {};
  if (unknown.empty()) return message(kSuccess, id, mapped_address(source, id));
  std::string body;
  put(body, kErrorCode, 2);
  put(body, 4, 2);
  put(body, 0x0414, 4);  // class 4, number 20
  put(body, kUnknown, 2);
  put(body, static_cast<std::uint32_t>(unknown.size()), 2);
  body += unknown;
  body.resize((body.size() + 3) / 4 * 4, '\0');
  return message(kError, id, body);
}

std::string stun_request(const StunId& id) { return message(kRequest, {id.data(), id.size()}, {}); }

std::optional<StunResponse> read_stun_response(std::string_view datagram) {
  if (!is_stun(datagram) || word(datagram, 2, 2) != datagram.size() - kHeader) return std::nullopt;
  const std::uint32_t type = word(datagram, 0, 2);
  if (type != kSuccess && type != kError) return std::nullopt;
  StunResponse response;
  std::memcpy(response.id.data(), datagram.data() + 8, response.id.size());
  const bool sound = attributes(datagram, [&](std::uint16_t kind, std::string_view value) {
    if (kind != kXorMapped || response.good) return;
    if (const auto mapped = read_mapped(value, datagram.substr(8, 12))) {
      response.mapped = *mapped;
      response.good = type == kSuccess;
    }
  });
  if (!sound) return std::nullopt;
  return response;
}

TimePoint StunFlows::next(const Kept& kept, TimePoint now) {
  // From 80 to 100 % (RFC 5626 section 4.4.2 draws from 24 to 29 s).
  return now + kept.interval - kept.interval / 5 * (random_word() % 1024) / 1024;
}

bool StunFlows::keep(const Flow& flow, Duration interval, TimePoint now) {
  const auto found = std::find_if(flows_.begin(), flows_.end(), [&](const Kept& k) {
    return k.flow.remote == flow.remote && k.flow.local == flow.local;
  });
  if (interval <= Duration::zero()) {
    if (found != flows_.end()) flows_.erase(found);
    return true;
  }
  if (found != flows_.end()) {
    found->interval = interval;
    if (found->sent == 0) found->due = next(*found, now);
    return true;
  }
  if (flows_.size() >= kMost) return false;
  flows_.push_back({flow, interval, kNever, 0, {}, {}});
  flows_.back().due = next(flows_.back(), now);
  return true;
}

void StunFlows::expire(TimePoint now, const Outputs& out) {
  std::vector<Flow> dead;
  for (Kept& kept : flows_) {
    if (kept.due > now) continue;
    if (kept.sent == kRequests) {
      dead.push_back(kept.flow);
      continue;
    }
    if (kept.sent == 0) fill_random(kept.id.data(), kept.id.size());
    ++kept.sent;
    kept.due = now + (kept.sent == kRequests ? first_timeout_ * kLast
                                             : first_timeout_ * (1 << (kept.sent - 1)));
    out.send(kept.flow, stun_request(kept.id));
  }
  for (const Flow& flow : dead) {
    keep(flow, Duration::zero(), now);
    out.failed(flow, make_error_code(std::errc::timed_out));
  }
}

void StunFlows::answered(const StunResponse& response, const SocketAddress& source, TimePoint now,
                         const Outputs& out) {
  for (Kept& kept : flows_) {
    if (kept.sent == 0 || kept.id != response.id || kept.flow.remote != source) continue;
    const Flow flow = kept.flow;
    std::error_code why;
    if (!response.good)
      why = make_error_code(std::errc::protocol_not_supported);
    else if (kept.mapped && *kept.mapped != response.mapped)
      why =
          make_error_code(std::errc::address_not_available);  // a NAT has forgotten us (section 8)
    if (why) {
      keep(flow, Duration::zero(), now);
      return out.failed(flow, why);
    }
    kept.mapped = response.mapped;
    kept.sent = 0;
    kept.due = next(kept, now);
    return;
  }
}

TimePoint StunFlows::deadline() const noexcept {
  TimePoint due = kNever;
  for (const Kept& kept : flows_) due = std::min(due, kept.due);
  return due;
}

}  // namespace sipstack
