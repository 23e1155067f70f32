// SPDX-License-Identifier: Apache-2.0
// Capture files (draft-ietf-opsawg-pcap), IPv4 (RFC 791), IPv6 (RFC 8200), UDP (RFC 768), HEP3.
#include "sipstack/core/trace.hpp"

#include <algorithm>

#include "sipstack/parser/header_id.hpp"
#include "sipstack/parser/peek.hpp"

namespace sipstack {
namespace {

constexpr std::uint32_t kMagic = 0xA1B2C3D4;  // times in microseconds
constexpr std::uint32_t kSnapLength = 262144;
constexpr std::uint32_t kLinkTypeRaw = 101;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kMostPayload = 65535 - kIpv4Header - kUdpHeader;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kHops = 64;

void put8(std::string& out, std::size_t value) { out += static_cast<char>(value & 0xFF); }
void put16(std::string& out, std::size_t value) {
  put8(out, value >> 8);
  put8(out, value);
}
void put32(std::string& out, std::size_t value) {
  put16(out, value >> 16);
  put16(out, value);
}

void set16(std::string& out, std::size_t at, std::size_t value) {
  out[at] = static_cast<char>((value >> 8) & 0xFF);
  out[at + 1] = static_cast<char>(value & 0xFF);
}
void set32(std::string& out, std::size_t at, std::size_t value) {
  set16(out, at, value >> 16);
  set16(out, at + 2, value);
}

/// The Internet checksum (RFC 1071), carried on from `sum`.
std::uint32_t add_up(std::string_view bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint32_t byte = static_cast<unsigned char>(bytes[i]);
    sum += i % 2 == 0 ? byte << 8 : byte;
  }
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return sum;
}
std::size_t checksum(std::uint32_t sum) { return ~sum & 0xFFFF; }

std::string address_bytes(const IpAddress& ip, std::size_t size) {
  std::string bytes(ip.bytes());
  bytes.resize(size, '\0');  // an address that nobody knows
  return bytes;
}

std::size_t seconds_of(WallTime at) { return static_cast<std::size_t>(at.count() / 1'000'000); }
std::size_t micros_of(WallTime at) { return static_cast<std::size_t>(at.count() % 1'000'000); }

// ---------------------------------------------------------------- lines of a message

struct Line {
  std::size_t begin = 0;
  std::size_t end = 0;  ///< without its CRLF
};

/// The line at `at`; `at` moves behind it. Folded lines are one where `unfold` says so.
Line take_line(std::string_view text, std::size_t& at, bool unfold) {
  Line line{at, text.size()};
  for (;;) {
    const std::size_t feed = text.find('\n', at);
    if (feed == std::string_view::npos) {
      at = line.end = text.size();
      return line;
    }
    line.end = feed > line.begin && text[feed - 1] == '\r' ? feed - 1 : feed;
    at = feed + 1;
    const bool folded = unfold && line.end > line.begin && at < text.size() &&
                        (text[at] == ' ' || text[at] == '\t');
    if (!folded) return line;
  }
}

HeaderId header_of(std::string_view line, std::size_t& value) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return HeaderId::other;
  value = colon + 1;
  std::string_view name = line.substr(0, colon);
  while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
  return header_id(name);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_nocase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == y; });
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void blot(std::string& text, std::size_t begin, std::size_t end) {
  for (; begin < end; ++begin)
    if (!is_space(text[begin])) text[begin] = '*';
}

/// What a credentials' reader may see of Digest (RFC 7616 section 3.4).
bool is_public(std::string_view parameter) {
  for (const std::string_view name :
       {"username", "realm", "nonce", "uri", "algorithm", "qop", "nc", "opaque"})
    if (equal_nocase(parameter, name)) return true;
  return false;
}

void blot_credentials(std::string& text, std::size_t at, std::size_t end) {
  while (at < end && is_space(text[at])) ++at;
  const std::size_t scheme = at;
  while (at < end && !is_space(text[at])) ++at;
  if (!equal_nocase(std::string_view(text).substr(scheme, at - scheme), "digest"))
    return blot(text, at, end);
  while (at < end) {
    while (at < end && (is_space(text[at]) || text[at] == ',')) ++at;
    const std::size_t name = at;
    while (at < end && text[at] != '=' && text[at] != ',') ++at;
    std::size_t name_end = at;
    while (name_end > name && is_space(text[name_end - 1])) --name_end;
    const bool open = is_public(std::string_view(text).substr(name, name_end - name));
    if (at < end && text[at] == '=') ++at;
    while (at < end && is_space(text[at])) ++at;
    std::size_t value = at;
    if (at < end && text[at] == '"') {
      value = ++at;
      while (at < end && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
      at = std::min(at, end);
      if (!open) blot(text, value, at);
      if (at < end) ++at;
      value = at;
    }
    while (at < end && text[at] != ',') ++at;  // the token, or rubbish behind a string
    if (!open) blot(text, value, at);
  }
}

void blot_sdp(std::string& text, const Line& line) {
  const std::string_view all = std::string_view(text).substr(line.begin, line.end - line.begin);
  if (all.substr(0, 2) == "k=") return blot(text, line.begin + 2, line.end);
  if (equal_nocase(all.substr(0, 10), "a=ice-pwd:")) return blot(text, line.begin + 10, line.end);
  if (!equal_nocase(all.substr(0, 9), "a=crypto:")) return;
  // Tag and suite are no secret; keys begin at the third word (RFC 4568 section 9.1).
  std::size_t at = line.begin + 9;
  for (int words = 0; words < 2; ++words) {
    while (at < line.end && text[at] != ' ') ++at;
    while (at < line.end && text[at] == ' ') ++at;
  }
  blot(text, at, line.end);
}

}  // namespace

void append_packet(std::string& out, const SocketAddress& from, const SocketAddress& to,
                   std::string_view payload) {
  const bool v6 = from.ip.is_v6() || to.ip.is_v6();
  payload = payload.substr(0, kMostPayload);
  const std::size_t udp_size = kUdpHeader + payload.size();
  const std::string source = address_bytes(from.ip, v6 ? 16 : 4);
  const std::string destination = address_bytes(to.ip, v6 ? 16 : 4);
  const std::size_t begin = out.size();
  if (v6) {
    put32(out, 0x60000000);
    put16(out, udp_size);
    put8(out, kUdp);
    put8(out, kHops);
    out += source;
    out += destination;
  } else {
    put16(out, 0x4500);
    put16(out, kIpv4Header + udp_size);
    put32(out, 0x00004000);  // no identification, don't fragment
    put8(out, kHops);
    put8(out, kUdp);
    put16(out, 0);
    out += source;
    out += destination;
    set16(out, begin + 10, checksum(add_up(std::string_view(out).substr(begin))));
  }
  const std::size_t udp = out.size();
  put16(out, from.port);
  put16(out, to.port);
  put16(out, udp_size);
  put16(out, 0);
  out += payload;
  // The pseudo header has the same sum in both versions: addresses, length, protocol.
  const std::uint32_t sum =
      add_up(destination, add_up(source)) + kUdp + static_cast<std::uint32_t>(udp_size);
  const std::size_t check = checksum(add_up(std::string_view(out).substr(udp), sum));
  set16(out, udp + 6, check == 0 ? 0xFFFF : check);
}

void append_pcap_header(std::string& out) {
  put32(out, kMagic);
  put16(out, 2);
  put16(out, 4);
  put32(out, 0);
  put32(out, 0);
  put32(out, kSnapLength);
  put32(out, kLinkTypeRaw);
}

void append_pcap_record(std::string& out, const TracedMessage& message) {
  const std::size_t record = out.size();
  put32(out, seconds_of(message.at));
  put32(out, micros_of(message.at));
  put32(out, 0);
  put32(out, 0);
  const std::size_t begin = out.size();
  append_packet(out, message.from(), message.to(), message.bytes);
  const std::size_t size = out.size() - begin;
  const std::size_t lost =
      message.bytes.size() > kMostPayload ? message.bytes.size() - kMostPayload : 0;
  set32(out, record + 8, size);
  set32(out, record + 12, size + lost);
}

void append_hep3(std::string& out, const TracedMessage& message, const HepOptions& options) {
  const std::size_t begin = out.size();
  const auto head = [&](std::size_t type, std::size_t size) {
    put16(out, 0);  // a generic chunk, of no vendor
    put16(out, type);
    put16(out, 6 + size);
  };
  const auto text = [&](std::size_t type, std::string_view value) {
    head(type, value.size());
    out += value;
  };
  const bool v6 = message.from().ip.is_v6() || message.to().ip.is_v6();
  out += "HEP3";
  put16(out, 0);
  head(1, 1);
  put8(out, v6 ? 10 : 2);  // Linux's AF_INET6 and AF_INET
  head(2, 1);
  put8(out, message.flow.transport == Transport::udp ? kUdp : kTcp);
  text(v6 ? 5 : 3, address_bytes(message.from().ip, v6 ? 16 : 4));
  text(v6 ? 6 : 4, address_bytes(message.to().ip, v6 ? 16 : 4));
  head(7, 2);
  put16(out, message.from().port);
  head(8, 2);
  put16(out, message.to().port);
  head(9, 4);
  put32(out, seconds_of(message.at));
  head(10, 4);
  put32(out, micros_of(message.at));
  head(11, 1);
  put8(out, 1);  // SIP
  head(12, 4);
  put32(out, options.agent);
  constexpr std::size_t kLongest = 512;  // of what is not the message itself
  if (!options.password.empty()) text(14, std::string_view(options.password).substr(0, kLongest));
  if (const auto id = peek_call_id(message.bytes); !id.empty()) text(17, id.substr(0, kLongest));
  constexpr std::size_t kMostDatagram = 65507;
  text(15, message.bytes.substr(0, kMostDatagram - (out.size() - begin) - 6));
  set16(out, begin + 4, out.size() - begin);
}

std::string without_credentials(std::string_view message) {
  std::string text(message);
  std::size_t at = 0;
  take_line(message, at, false);
  while (at < message.size()) {
    const Line line = take_line(message, at, true);
    if (line.begin == line.end) break;
    std::size_t value = 0;
    const HeaderId id = header_of(message.substr(line.begin, line.end - line.begin), value);
    if (id == HeaderId::authorization || id == HeaderId::proxy_authorization)
      blot_credentials(text, line.begin + value, line.end);
  }
  while (at < message.size()) blot_sdp(text, take_line(message, at, false));
  return text;
}

void CallTraces::add(const TracedMessage& message) {
  const std::string_view id = peek_call_id(message.bytes);
  if (id.empty() || message.bytes.size() > options_.bytes || options_.calls == 0 ||
      options_.messages == 0)
    return;
  auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    if (calls_.size() >= options_.calls) {
      by_id_.erase(calls_.back().id);
      calls_.pop_back();
    }
    calls_.push_front({std::string(id), {}, 0});
    found = by_id_.emplace(calls_.front().id, calls_.begin()).first;
  }
  calls_.splice(calls_.begin(), calls_, found->second);
  Call& call = calls_.front();
  call.entries.push_back({message.sent, std::string(message.bytes), message.flow, message.at});
  call.bytes += message.bytes.size();
  while (call.entries.size() > options_.messages || call.bytes > options_.bytes) {
    call.bytes -= call.entries.front().bytes.size();
    call.entries.pop_front();
  }
}

std::vector<CallTraces::Entry> CallTraces::of(std::string_view call_id) const {
  const auto found = by_id_.find(call_id);
  if (found == by_id_.end()) return {};
  return {found->second->entries.begin(), found->second->entries.end()};
}

std::string CallTraces::pcap(std::string_view call_id) const {
  std::string out;
  append_pcap_header(out);
  const auto found = by_id_.find(call_id);
  if (found != by_id_.end())
    for (const Entry& e : found->second->entries)
      append_pcap_record(out, {e.sent, e.bytes, e.flow, e.at});
  return out;
}

}  // namespace sipstack
