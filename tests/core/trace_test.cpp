// SPDX-License-Identifier: Apache-2.0
// IP packets of a trace: lengths and checksums that a dissector accepts.
#include "sipstack/core/trace.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "catch.hpp"
#include "sipstack/core/capture.hpp"

using namespace sipstack;

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

namespace {

const std::string kRegister =
    "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"
    "i : abc@192.0.2.1 \r\nCSeq: 2 REGISTER\r\n"
    "AUTHORIZATION : Digest username=\"ali,ce\", realm=\"r\",\r\n nonce=\"n1\", uri=\"sip:x\", "
    "response=\"6629fae4\", cnonce = \"c\\\"5\", nc=00000001,qop=auth, token=s3cret\r\n"
    "Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\nContent-Length: 0\r\n\r\n";

}  // namespace

TEST_CASE("credentials become asterisks, names and nonces stay, and so does every length") {
  const std::string masked = without_credentials(kRegister);
  REQUIRE(masked.size() == kRegister.size());
  for (const char* secret : {"6629fae4", "c\\\"5", "s3cret", "YWxpY2U6c2VjcmV0"})
    CHECK(masked.find(secret) == std::string::npos);
  for (const char* open : {"username=\"ali,ce\"", "realm=\"r\"", "nonce=\"n1\"", "uri=\"sip:x\"",
                           "response=\"********\"", "nc=00000001,qop=auth", "token=******\r\n",
                           "Basic ****************\r\n", "Content-Length: 0\r\n\r\n"})
    CHECK(masked.find(open) != std::string::npos);
}

TEST_CASE("keys of a session description become asterisks, the rest of it stays") {
  const std::string head = "INVITE sip:b@h SIP/2.0\r\nCall-ID: 1\r\n\r\n";
  const std::string sdp =
      "v=0\r\nk=clear:pass\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3|2^20\r\n"
      "a=ice-ufrag:x\r\na=ice-pwd:topsecret\r\nAuthorization: Digest response=\"no header\"\r\n";
  CHECK(without_credentials(head + sdp) ==
        head + "v=0\r\nk=**********\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 " + std::string(28, '*') +
            "\r\na=ice-ufrag:x\r\na=ice-pwd:*********\r\n"
            "Authorization: Digest response=\"no header\"\r\n");
}

TEST_CASE("masking takes any bytes, and cut-off messages at every byte") {
  for (std::size_t size = 0; size <= kRegister.size(); ++size) {
    const std::string masked = without_credentials(kRegister.substr(0, size));
    CHECK(masked.size() == size);
    CHECK(masked.find("6629") == std::string::npos);
  }
  for (const char* odd : {"", "\n", "\r\n\r\n", "x\nAuthorization:", "x\nAuthorization: Digest",
                          "x\nAuthorization: Digest =\"", "x\nAuthorization: Digest a=\"\\",
                          "x\nAuthorization: Digest ,,==\"\"x"})
    CHECK(without_credentials(odd).size() == std::string_view(odd).size());
}

TEST_CASE("HEP3 has its chunks, and no more than a datagram holds") {
  Flow flow;
  flow.local = address("192.0.2.1:5060");
  flow.remote = address("198.51.100.7:40000");
  std::string packet = "before";
  append_hep3(packet, {true, kRegister, flow, WallTime(1'700'000'000'123'456)}, {7, "key"});
  packet.erase(0, 6);
  REQUIRE(packet.substr(0, 4) == "HEP3");
  REQUIRE(at16(packet, 4) == packet.size());
  std::map<std::uint32_t, std::string> chunks;
  for (std::size_t i = 6; i < packet.size(); i += at16(packet, i + 4)) {
    REQUIRE(at16(packet, i + 4) >= 6);
    CHECK(at16(packet, i) == 0);
    chunks[at16(packet, i + 2)] = packet.substr(i + 6, at16(packet, i + 4) - 6);
  }
  CHECK(chunks[1] == std::string(1, 2));
  CHECK(chunks[2] == std::string(1, 17));
  CHECK(chunks[3] == std::string("\xC0\0\2\1", 4));
  CHECK(chunks[4] == std::string("\xC6\x33\x64\7", 4));
  CHECK(chunks[7] == std::string("\x13\xC4", 2));
  CHECK(chunks[8] == std::string("\x9C\x40", 2));
  CHECK(chunks[9] == std::string("\x65\x53\xF1\0", 4));
  CHECK(chunks[10] == std::string("\0\1\xE2\x40", 4));
  CHECK(chunks[11] == std::string(1, 1));
  CHECK(chunks[12] == std::string("\0\0\0\7", 4));
  CHECK(chunks[14] == "key");
  CHECK(chunks[15] == kRegister);
  CHECK(chunks[17] == "abc@192.0.2.1");

  packet.clear();
  flow.transport = Transport::tls;
  flow.remote = address("[2001:db8::1]:5061");
  append_hep3(packet, {false, std::string(65535, 'x'), flow, {}});
  CHECK(packet.size() == 65507);
  CHECK(at16(packet, 4) == 65507);
  CHECK(packet[12] == 10);  // IPv6
  CHECK(packet[19] == 6);   // a stream
}

TEST_CASE("a ring keeps the last messages of each call, and the calls that spoke last") {
  CallTraceOptions options;
  options.calls = 2;
  options.messages = 3;
  options.bytes = 400;
  CallTraces traces(options);
  const Flow flow{Transport::udp, address("192.0.2.1:5060"), address("192.0.2.2:5060"), 0};
  const auto add = [&](const std::string& id, const std::string& more = "") {
    const std::string bytes = "OPTIONS sip:a SIP/2.0\r\nCall-ID: " + id + "\r\n\r\n" + more;
    traces.add({true, bytes, flow, WallTime(1)});
  };
  for (int i = 0; i < 5; ++i) add("one", std::to_string(i));
  REQUIRE(traces.of("one").size() == 3);
  CHECK(traces.of("one").front().bytes.back() == '2');
  CHECK(traces.of("one").back().flow == flow);
  add("two");
  add("one");
  add("three");
  CHECK(traces.calls() == 2);
  CHECK(traces.of("two").empty());
  CHECK(traces.of("one").size() == 3);
  add("three", std::string(350, 'x'));
  CHECK(traces.of("three").size() == 1);  // by bytes
  add("three", std::string(500, 'x'));    // larger than all that may be kept
  CHECK(traces.of("three").size() == 1);
  const Capture capture = read_capture(traces.pcap("one"));
  REQUIRE(capture.messages.size() == 3);
  CHECK(capture.messages[0].from == flow.local);
  CHECK(capture.messages[0].to == flow.remote);
  CHECK(capture.messages[2].bytes == traces.of("one")[2].bytes);
}
