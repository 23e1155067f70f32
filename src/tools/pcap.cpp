// SPDX-License-Identifier: Apache-2.0
// libpcap's file format (draft-ietf-opsawg-pcap), IPv4 (RFC 791), IPv6 (RFC 8200), UDP (RFC 768).
#include "tools/pcap.hpp"

#include <cstddef>
#include <cstdint>

namespace sipstack::tools {

namespace {

constexpr std::uint32_t kMagic = 0xA1B2C3D4;  // times in microseconds
constexpr std::uint32_t kSnapLength = 262144;
constexpr std::uint32_t kLinkTypeRaw = 101;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kMostPayload = 65535 - kIpv4Header - kUdpHeader;
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

void set16(std::string& out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<char>(value >> 8);
  out[at + 1] = static_cast<char>(value & 0xFF);
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
std::uint16_t checksum(std::uint32_t sum) { return static_cast<std::uint16_t>(~sum & 0xFFFF); }

std::string address_bytes(const IpAddress& ip, std::size_t size) {
  std::string bytes(ip.bytes());
  bytes.resize(size, '\0');  // an address that nobody knows
  return bytes;
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
  std::uint32_t sum =
      add_up(destination, add_up(source)) + kUdp + static_cast<std::uint32_t>(udp_size);
  const std::uint16_t check = checksum(add_up(std::string_view(out).substr(udp), sum));
  set16(out, udp + 6, check == 0 ? 0xFFFF : check);
}

std::unique_ptr<PcapWriter> PcapWriter::open(const std::string& file) {
  std::FILE* const stream = std::fopen(file.c_str(), "wb");
  if (stream == nullptr) return nullptr;
  std::unique_ptr<PcapWriter> writer(new PcapWriter(stream));
  std::string header;
  put32(header, kMagic);
  put16(header, 2);
  put16(header, 4);
  put32(header, 0);
  put32(header, 0);
  put32(header, kSnapLength);
  put32(header, kLinkTypeRaw);
  if (std::fwrite(header.data(), 1, header.size(), stream) != header.size() ||
      std::fflush(stream) != 0)
    return nullptr;
  return writer;
}

void PcapWriter::write(bool sent, std::string_view message, const Flow& flow,
                       std::chrono::system_clock::time_point at) {
  const auto since =
      std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
  packet_.clear();
  put32(packet_, static_cast<std::size_t>(since / 1000000));
  put32(packet_, static_cast<std::size_t>(since % 1000000));
  put32(packet_, 0);
  put32(packet_, 0);
  const std::size_t begin = packet_.size();
  append_packet(packet_, sent ? flow.local : flow.remote, sent ? flow.remote : flow.local, message);
  const std::size_t size = packet_.size() - begin;
  const std::size_t lost = message.size() > kMostPayload ? message.size() - kMostPayload : 0;
  set16(packet_, 8, static_cast<std::uint16_t>(size >> 16));
  set16(packet_, 10, static_cast<std::uint16_t>(size & 0xFFFF));
  set16(packet_, 12, static_cast<std::uint16_t>((size + lost) >> 16));
  set16(packet_, 14, static_cast<std::uint16_t>((size + lost) & 0xFFFF));
  // A trace that can't be written (disk full) must not end the call that it looks at.
  if (std::fwrite(packet_.data(), 1, packet_.size(), file_.get()) == packet_.size())
    std::fflush(file_.get());
}

}  // namespace sipstack::tools
