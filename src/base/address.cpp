// SPDX-License-Identifier: Apache-2.0
// Reading and writing IP addresses. RFC 3986 section 3.2.2, RFC 5952, RFC 5954.
#include "sipstack/base/address.hpp"

#include <algorithm>
#include <charconv>

namespace sipstack {
namespace {

int hex(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const int letter = (c | 0x20) - 'a';
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

// Four numbers of up to three digits, none above 255, nothing else.
bool read_v4(std::string_view text, std::uint8_t* out) noexcept {
  for (int part = 0; part < 4; ++part) {
    std::size_t digits = 0;
    int value = 0;
    while (digits < text.size() && digits < 3 && text[digits] >= '0' && text[digits] <= '9') {
      value = value * 10 + (text[digits++] - '0');
    }
    if (digits == 0 || value > 255) return false;
    out[part] = static_cast<std::uint8_t>(value);
    text.remove_prefix(digits);
    if (part < 3) {
      if (text.empty() || text.front() != '.') return false;
      text.remove_prefix(1);
    }
  }
  return text.empty();
}

// "::" + ":192.0.2.1", as the grammar of RFC 3261 has it by mistake (RFC 5118 section 4.10).
const char* skip_stray_colon(const char* p, const char* end) noexcept {
  if (p == end || *p != ':') return p;
  const std::string_view rest(p + 1, static_cast<std::size_t>(end - p - 1));
  return rest.find(':') == std::string_view::npos && rest.find('.') != std::string_view::npos
             ? p + 1
             : p;
}

// Eight groups, one run of zeros as "::", the last two groups maybe as an IPv4 address.
bool read_v6(std::string_view text, std::array<std::uint8_t, 16>& out) noexcept {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t used = 0;
  constexpr std::size_t nowhere = 17;
  std::size_t gap = nowhere;  // where "::" stands
  const char* p = text.data();
  const char* const end = p + text.size();
  if (end - p >= 2 && p[0] == ':' && p[1] == ':') {
    gap = 0;
    p += 2;
    p = skip_stray_colon(p, end);
  }
  while (p != end) {
    const char* const group = p;
    unsigned value = 0;
    for (int digit = 0; p != end && (digit = hex(*p)) >= 0; ++p) {
      value = value * 16 + static_cast<unsigned>(digit);
      if (p - group == 4) return false;
    }
    if (p != end && *p == '.') {
      const std::string_view rest(group, static_cast<std::size_t>(end - group));
      if (used > 12 || !read_v4(rest, bytes.data() + used)) return false;
      used += 4;
      break;
    }
    if (p == group || used > 14) return false;
    bytes[used++] = static_cast<std::uint8_t>(value >> 8U);
    bytes[used++] = static_cast<std::uint8_t>(value & 0xffU);
    if (p == end) break;
    if (*p++ != ':' || p == end) return false;  // or a single colon at the end
    if (*p == ':') {
      if (gap != nowhere) return false;
      gap = used;
      ++p;
      p = skip_stray_colon(p, end);
    }
  }
  if (gap == nowhere) {
    if (used != 16) return false;
  } else {
    if (used > 14) return false;  // "::" stands for at least one group
    std::copy_backward(bytes.begin() + static_cast<std::ptrdiff_t>(gap),
                       bytes.begin() + static_cast<std::ptrdiff_t>(used), bytes.end());
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(gap),
              bytes.end() - static_cast<std::ptrdiff_t>(used - gap), std::uint8_t{0});
  }
  out = bytes;
  return true;
}

char* write_v4(const std::uint8_t* bytes, char* out) noexcept {
  for (int i = 0; i < 4; ++i) {
    if (i != 0) *out++ = '.';
    out = std::to_chars(out, out + 3, static_cast<unsigned>(bytes[i])).ptr;
  }
  return out;
}

// RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as "::",
// IPv4-mapped addresses with their IPv4 part dotted.
char* write_v6(const std::array<std::uint8_t, 16>& bytes, char* out) noexcept {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) groups[i] = bytes[2 * i] * 256U + bytes[2 * i + 1];
  std::size_t zeros = 8;
  std::size_t length = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t run = 0;
    while (i + run < 8 && groups[i + run] == 0) ++run;
    if (run > length) {
      zeros = i;
      length = run;
    }
  }
  const bool mapped = zeros == 0 && length == 5 && groups[5] == 0xffff;
  for (std::size_t i = 0; i < 8;) {
    if (i == zeros) {
      *out++ = ':';
      *out++ = ':';
      i += length;
      continue;
    }
    if (i != 0 && i != zeros + length) *out++ = ':';
    if (mapped && i == 6) return write_v4(bytes.data() + 12, out);
    out = std::to_chars(out, out + 4, groups[i], 16).ptr;
    ++i;
  }
  return out;
}

}  // namespace

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) noexcept {
  IpAddress out;
  std::copy(bytes.begin(), bytes.end(), out.bytes_.begin());
  out.family_ = Family::v4;
  return out;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes,
                        std::uint32_t scope_id) noexcept {
  IpAddress out;
  out.bytes_ = bytes;
  out.scope_id_ = scope_id;
  out.family_ = Family::v6;
  return out;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
  std::array<std::uint8_t, 4> four{};
  if (read_v4(text, four.data())) return v4(four);
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text.remove_prefix(1);
    text.remove_suffix(1);
  }
  // The longest is "xxxx:xxxx:xxxx:xxxx:xxxx:xxxx:255.255.255.255".
  std::array<std::uint8_t, 16> sixteen{};
  if (text.size() < 2 || text.size() > 45 || !read_v6(text, sixteen)) return std::nullopt;
  return v6(sixteen);
}

bool IpAddress::is_unspecified() const noexcept {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes_[0] == 127;
  return is_v6() && bytes_[15] == 1 &&
         std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_multicast() const noexcept {
  if (is_v6()) return bytes_[0] == 0xff;
  return is_v4() && ((bytes_[0] & 0xf0U) == 0xe0U ||
                     std::all_of(bytes_.begin(), bytes_.begin() + 4,
                                 [](std::uint8_t byte) { return byte == 0xff; }));
}

std::string_view IpAddress::bytes() const noexcept {
  const std::size_t size = is_v6() ? 16 : is_v4() ? 4 : 0;
  return {reinterpret_cast<const char*>(bytes_.data()), size};
}

std::size_t IpAddress::to_chars(char* out) const noexcept {
  const char* const end = is_v6()   ? write_v6(bytes_, out)
                          : is_v4() ? write_v4(bytes_.data(), out)
                                    : out;
  return static_cast<std::size_t>(end - out);
}

std::string IpAddress::to_string() const {
  std::array<char, 46> text{};
  return {text.data(), to_chars(text.data())};
}

std::string SocketAddress::to_string() const {
  std::string out = ip.is_v6() ? "[" + ip.to_string() + "]" : ip.to_string();
  return out + ":" + std::to_string(port);
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text) noexcept {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const auto ip = IpAddress::parse(host);
  // An IPv6 address without brackets would leave its last group for a port.
  if (!ip || (ip->is_v6() && host.front() != '[')) return std::nullopt;
  std::uint16_t port = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, port);
  if (error != std::errc{} || stop != end || digits.empty()) return std::nullopt;
  return SocketAddress{*ip, port};
}

}  // namespace sipstack
