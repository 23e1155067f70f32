// SPDX-License-Identifier: Apache-2.0
// IP packets of a trace: lengths and checksums that a dissector accepts.
#include "tools/pcap.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "catch.hpp"

using namespace sipstack;
using sipstack::tools::append_packet;

namespace {

std::uint32_t at16(std::string_view bytes, std::size_t at) {
  return (std::uint32_t{static_cast<unsigned char>(bytes[at])} << 8) |
         static_cast<unsigned char>(bytes[at + 1]);
}

/// RFC 1071 over some text; 0 where it includes a right checksum.
std::uint32_t internet_checksum(std::string bytes) {
  if (bytes.size() % 2 != 0) bytes += '\0';
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) sum += at16(bytes, i);
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint32_t>(~sum & 0xFFFF);
}

SocketAddress address(std::string_view text) { return *SocketAddress::parse(text); }

}  // namespace

TEST_CASE("an IPv4 packet has right lengths and checksums, for odd and even payloads") {
  for (const std::string_view payload : {"", "a", "ab", "OPTIONS sip:a@b SIP/2.0\r\n\r\n"}) {
    std::string packet = "before";
    append_packet(packet, address("192.0.2.1:5060"), address("198.51.100.7:40000"), payload);
    packet.erase(0, 6);
    REQUIRE(packet.size() == 28 + payload.size());
    CHECK(at16(packet, 2) == packet.size());
    CHECK(internet_checksum(packet.substr(0, 20)) == 0);
    CHECK(at16(packet, 20) == 5060);
    CHECK(at16(packet, 22) == 40000);
    CHECK(at16(packet, 24) == 8 + payload.size());
    const std::string pseudo =
        packet.substr(12, 8) + std::string("\0\x11", 2) + packet.substr(24, 2);
    CHECK(internet_checksum(pseudo + packet.substr(20)) == 0);
    CHECK(packet.substr(28) == payload);
  }
}

TEST_CASE("an IPv6 packet has right lengths and the checksum that UDP must have there") {
  std::string packet;
  append_packet(packet, address("[2001:db8::1]:5060"), address("[::1]:5061"), "odd");
  REQUIRE(packet.size() == 48 + 3);
  CHECK(static_cast<unsigned char>(packet[0]) == 0x60);
  CHECK(at16(packet, 4) == 8 + 3);
  CHECK(packet[6] == 17);
  const std::string pseudo = packet.substr(8, 32) + std::string("\0\x11", 2) + packet.substr(44, 2);
  CHECK(internet_checksum(pseudo + packet.substr(40)) == 0);
  CHECK(at16(packet, 46) != 0);
}

TEST_CASE("a checksum of zero is written as its other form, since zero means none") {
  // The payload that makes the sum of everything else complete.
  std::string packet;
  append_packet(packet, address("192.0.2.1:1"), address("192.0.2.2:2"), std::string(2, '\0'));
  const std::uint32_t check = at16(packet, 26);
  std::string payload;
  payload += static_cast<char>(check >> 8);
  payload += static_cast<char>(check & 0xFF);
  packet.clear();
  append_packet(packet, address("192.0.2.1:1"), address("192.0.2.2:2"), payload);
  CHECK(at16(packet, 26) == 0xFFFF);
}

TEST_CASE("a message beyond a datagram's reach is cut, and an unknown address is zeros") {
  std::string packet;
  append_packet(packet, {}, address("192.0.2.2:2"), std::string(70000, 'x'));
  CHECK(packet.size() == 65535);
  CHECK(at16(packet, 2) == 65535);
  CHECK(packet.substr(12, 4) == std::string(4, '\0'));
  packet.clear();
  append_packet(packet, {}, address("[::1]:2"), "x");
  CHECK(packet.substr(8, 16) == std::string(16, '\0'));
}
