// SPDX-License-Identifier: Apache-2.0
// Capture files made by hand: every kind of link, fragments, segments in any order, and hostile ones.
#include "sipstack/core/capture.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "sipstack/base/random.hpp"

using namespace sipstack;

namespace {

std::string be(std::uint64_t value, int bytes) {
  std::string out;
  while (bytes-- > 0) out += static_cast<char>((value >> (8 * bytes)) & 0xFF);
  return out;
}
std::string le(std::uint64_t value, int bytes) {
  std::string out = be(value, bytes);
  std::reverse(out.begin(), out.end());
  return out;
}

std::string message(const std::string& call, std::size_t body = 0) {
  return "MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCall-ID: " +
         call + "\r\nContent-Length: " + std::to_string(body) + "\r\n\r\n" + std::string(body, 'b');
}

std::string udp(const std::string& payload) {
  return be(5060, 2) + be(5070, 2) + be(8 + payload.size(), 2) + be(0, 2) + payload;
}
constexpr int kSyn = 2;
constexpr int kAck = 16;
constexpr int kRst = 4;
std::string tcp(std::uint32_t sequence, const std::string& payload, int flags = kAck) {
  return be(5060, 2) + be(5070, 2) + be(sequence, 4) + be(0, 4) + std::string("\x50") +
         be(static_cast<std::uint64_t>(flags), 1) + be(1024, 2) + be(0, 4) + payload;
}
std::string ipv4(int protocol, const std::string& payload, unsigned fragment = 0, unsigned id = 1) {
  return "\x45" + be(0, 1) + be(20 + payload.size(), 2) + be(id, 2) + be(fragment, 2) + be(64, 1) +
         be(static_cast<std::uint64_t>(protocol), 1) + be(0, 2) + "\xC0" + be(0, 1) + "\2\1\xC0" +
         be(0, 1) + "\2\2" + payload;
}
std::string ipv6(int next, const std::string& payload) {
  const std::string prefix = "\x20\1\x0D\xB8" + std::string(11, '\0');
  return "\x60" + be(0, 3) + be(payload.size(), 2) + be(static_cast<std::uint64_t>(next), 1) +
         be(64, 1) + prefix + "\1" + prefix + "\2" + payload;
}
std::string ethernet(const std::string& ip, unsigned type = 0x0800, const std::string& tag = "") {
  return std::string(12, 'm') + tag + be(type, 2) + ip;
}

std::string pcap(unsigned link, const std::vector<std::string>& packets, bool little = true,
                 bool nano = false) {
  const auto n = [&](std::uint64_t v, int bytes) { return little ? le(v, bytes) : be(v, bytes); };
  std::string out =
      n(nano ? 0xA1B23C4D : 0xA1B2C3D4, 4) + n(2, 2) + n(4, 2) + n(0, 8) + n(65535, 4) + n(link, 4);
  unsigned at = 0;
  for (const std::string& p : packets)
    out += n(100 + at++, 4) + n(nano ? 5000 : 5, 4) + n(p.size(), 4) + n(p.size(), 4) + p;
  return out;
}

std::vector<std::string> texts(const Capture& capture) {
  std::vector<std::string> all;
  for (const CapturedMessage& m : capture.messages) all.push_back(m.bytes);
  return all;
}
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("capture: every link, both orders of bytes, micro- and nanoseconds") {
  const std::string m = message("a");
  const std::string four = ipv4(17, udp(m));
  const std::string six = ipv6(17, udp(m));
  struct Case {
    unsigned link;
    std::string packet;
  };
  const std::vector<Case> cases = {
      {0, le(2, 4) + four},
      {0, le(24, 4) + six},
      {108, be(2, 4) + four},
      {1, ethernet(four)},
      {1, ethernet(six, 0x86DD)},
      {1, ethernet(four, 0x0800, be(0x81000005, 4))},
      {1, ethernet(four, 0x0800, be(0x88A80005, 4) + be(0x81000006, 4))},
      {1, ethernet(four + std::string(6, '\0'))},  // padded
      {12, four},
      {101, six},
      {228, four},
      {229, six},
      {113, std::string(14, 'c') + be(0x0800, 2) + four},
      {276, be(0x86DD, 2) + std::string(18, 'c') + six},
  };
  for (const Case& c : cases) {
    CAPTURE(c.link);
    for (const bool little : {false, true})
      for (const bool nano : {false, true}) {
        const Capture capture = read_capture(pcap(c.link, {c.packet}, little, nano));
        CHECK(capture.problem.empty());
        CHECK(capture.passed_over == 0);
        REQUIRE(texts(capture) == Texts{m});
        CHECK(capture.messages[0].at == WallTime(100'000'005));
        CHECK(capture.messages[0].from.port == 5060);
        CHECK(capture.messages[0].to.port == 5070);
        const std::string from = capture.messages[0].from.ip.to_string();
        CHECK((from == "192.0.2.1" || from == "2001:db8::1"));
      }
  }
}

TEST_CASE("capture: pcapng, its sections, resolutions and kinds of packets") {
  const std::string m = message("a");
  const std::string packet = ipv4(17, udp(m));
  for (const bool little : {false, true}) {
    const auto n = [&](std::uint64_t v, int bytes) { return little ? le(v, bytes) : be(v, bytes); };
    const auto block = [&](unsigned type, std::string body) {
      body.resize((body.size() + 3) / 4 * 4);
      return n(type, 4) + n(body.size() + 12, 4) + body + n(body.size() + 12, 4);
    };
    const std::string section = block(0x0A0D0D0A, n(0x1A2B3C4D, 4) + n(1, 2) + n(0, 2) + n(0, 8));
    const std::string raw = block(1, n(101, 2) + n(0, 2) + n(0, 4));
    const std::string nano =
        block(1, n(101, 2) + n(0, 2) + n(0, 4) + n(9, 2) + n(1, 2) + "\x09" + be(0, 3) + n(0, 4));
    const auto enhanced = [&](unsigned interface, std::uint64_t ticks) {
      return block(6, n(interface, 4) + n(ticks >> 32, 4) + n(ticks & 0xFFFFFFFF, 4) +
                          n(packet.size(), 4) + n(packet.size(), 4) + packet);
    };
    const std::string file = section + raw + nano + enhanced(0, 1'700'000'000'000'001) +
                             enhanced(1, 1'700'000'000'000'002'000) + enhanced(2, 0) +
                             block(5, "statistics") + block(3, n(packet.size(), 4) + packet) +
                             section + enhanced(0, 1) /* no interface in this section */ + raw +
                             enhanced(0, 1'700'000'000'000'003);
    const Capture capture = read_capture(file);
    CHECK(capture.problem.empty());
    CHECK(capture.passed_over == 2);
    REQUIRE(texts(capture) == Texts(4, m));
    CHECK(capture.messages[0].at == WallTime(1'700'000'000'000'001));
    CHECK(capture.messages[1].at == WallTime(1'700'000'000'000'002));
    CHECK(capture.messages[2].at == WallTime(0));
    CHECK(capture.messages[3].at == WallTime(1'700'000'000'000'003));
  }
}

TEST_CASE("capture: fragments in any order are one datagram; overlaps and gaps are none") {
  const std::string m = message("a", 3000);
  const std::string whole = udp(m);
  const auto piece = [&](std::size_t at, std::size_t size, unsigned id = 1) {
    const bool more = at + size < whole.size();
    return ipv4(17, whole.substr(at, size), (more ? 0x2000U : 0U) | static_cast<unsigned>(at / 8),
                id);
  };
  const std::string a = piece(0, 1480);
  const std::string b = piece(1480, 1480);
  const std::string c = piece(2960, 4000);
  for (const auto& order : std::vector<std::vector<std::string>>{
           {a, b, c}, {c, b, a}, {b, c, a}, {a, a, b, b, c}, {piece(0, 8, 9), a, c, b}})
    CHECK(texts(read_capture(pcap(101, order))) == Texts{m});
  CHECK(texts(read_capture(pcap(101, {a, c}))).empty());
  CHECK(texts(read_capture(pcap(101, {a, piece(1472, 1488), b, c}))).empty());  // overlap
  CHECK(texts(read_capture(pcap(101, {a, piece(1480, 1480, 2), c}))).empty());  // another datagram

  const auto six = [&](std::size_t at, std::size_t size) {
    const bool more = at + size < whole.size();
    return ipv6(0, be(44, 1) + be(0, 7) + be(17, 1) + be(0, 1) + be(at | (more ? 1U : 0U), 2) +
                       be(77, 4) + whole.substr(at, size));
  };
  CHECK(texts(read_capture(pcap(101, {six(1480, 4000), six(0, 1480)}))) == Texts{m});
}

TEST_CASE("capture: segments in any order, repeated, overlapping, across the wrap of numbers") {
  const std::string stream = message("a", 10) + "\r\n\r\n" + message("b") + message("c", 500);
  const Texts expected = {message("a", 10), message("b"), message("c", 500)};
  for (const std::uint32_t first : {1000U, 0xFFFFFFF0U}) {
    const auto part = [&](std::size_t at, std::size_t size) {
      return ipv4(6, tcp(first + 1 + static_cast<std::uint32_t>(at), stream.substr(at, size)));
    };
    const std::string syn = ipv4(6, tcp(first, "", kSyn));
    for (std::size_t cut = 1; cut < stream.size(); cut += 7) {
      const std::string one = part(0, cut);
      const std::string two = part(cut, stream.size());
      REQUIRE(texts(read_capture(pcap(101, {syn, one, two}))) == expected);
      REQUIRE(texts(read_capture(pcap(101, {syn, two, one}))) == expected);
      REQUIRE(texts(read_capture(pcap(101, {syn, one, one, part(cut / 2, 300), two}))) == expected);
    }
    std::vector<std::string> bytes = {syn};
    for (std::size_t i = 0; i < stream.size(); ++i) bytes.push_back(part(i, 1));
    CHECK(texts(read_capture(pcap(101, bytes))) == expected);
    std::reverse(bytes.begin() + 1, bytes.begin() + 200);
    CHECK(texts(read_capture(pcap(101, bytes))) == expected);
  }
}

TEST_CASE("capture: a connection that began before the capture, and one that loses a segment") {
  const auto at = [](std::uint32_t sequence, const std::string& payload) {
    return ipv4(6, tcp(sequence, payload));
  };
  const std::string m = message("a");
  CHECK(texts(read_capture(pcap(101, {at(500, "the end of something\r\n\r\n"), at(900, m)}))) ==
        Texts{m});
  // Something else than SIP is left alone, until a message begins a segment.
  CHECK(texts(read_capture(pcap(101, {ipv4(6, tcp(1, "", kSyn)), at(2, "GET / HTTP/1.1\r\n\r\n"),
                                      at(20, m)}))) == Texts{m});
  // A reset and a new beginning with other numbers.
  CHECK(texts(read_capture(pcap(101, {at(1, m.substr(0, 50)), ipv4(6, tcp(51, "", kRst)),
                                      ipv4(6, tcp(7000, "", kSyn)), at(7001, m)}))) == Texts{m});
  // A hole is waited for, but not for ever.
  std::vector<std::string> packets = {ipv4(6, tcp(1, "", kSyn)), at(2, m.substr(0, 30))};
  std::uint32_t sequence = 5000;
  for (int i = 0; i < 600; ++i) {
    packets.push_back(at(sequence, m));
    sequence += static_cast<std::uint32_t>(m.size());
  }
  const Capture capture = read_capture(pcap(101, packets));
  CHECK(capture.messages.size() >= 300);
  CHECK(capture.passed_over == 0);
}

TEST_CASE("capture: what is no SIP is no message") {
  for (const std::string& payload :
       {std::string(), std::string("\r\n\r\n"), std::string("\0\0", 2),
        std::string("GET / HTTP/1.1\r\n\r\n"), std::string("SIP/2.1 200 OK\r\n\r\n"),
        std::string("IN\x01VITE sip:a SIP/2.0\r\n\r\n")})
    CHECK(texts(read_capture(pcap(101, {ipv4(17, udp(payload))}))).empty());
  CHECK(texts(read_capture(pcap(101, {ipv4(47, message("a"))}))).empty());
  CHECK(texts(read_capture(pcap(147, {ipv4(17, udp(message("a")))}))).empty());
}

TEST_CASE("capture: what is no capture says so, and one that breaks off gives what it has") {
  for (const std::string& file :
       {std::string(), std::string("x"), message("a"), std::string("\xA1\xB2\xC3\xD4")}) {
    const Capture capture = read_capture(file);
    CHECK_FALSE(capture.is_capture);
    CHECK(capture.problem == "not a pcap or pcapng file");
  }
  const std::string m = message("a");
  const std::string file = pcap(101, {ipv4(17, udp(m)), ipv4(17, udp(m))});
  for (std::size_t size = 25; size < file.size(); ++size) {
    const std::string part = file.substr(0, size);  // of its own size, for the sanitizer
    const Capture capture = read_capture(part);
    CHECK(capture.is_capture);
    const std::size_t one = 24 + 16 + 28 + m.size();
    CHECK(capture.messages.size() == (size >= one ? 1U : 0U));
    CHECK(capture.problem.empty() == (size == one));
  }
}

TEST_CASE("capture: limits hold, and what is beyond is counted") {
  CaptureLimits limits;
  limits.messages = 3;
  std::vector<std::string> packets(5, ipv4(17, udp(message("a"))));
  Capture capture = read_capture(pcap(101, packets), limits);
  CHECK(capture.messages.size() == 3);
  CHECK(capture.passed_over == 2);
  limits = {};
  limits.message_bytes = 2 * message("a").size();
  CHECK(read_capture(pcap(101, packets), limits).messages.size() == 2);
  limits = {};
  limits.fragmented = 1;
  packets.clear();
  for (unsigned id = 0; id < 50; ++id)
    packets.push_back(ipv4(17, udp(message("a")).substr(0, 16), 0x2000, id));
  CHECK(read_capture(pcap(101, packets), limits).passed_over == 49);
}

TEST_CASE("capture: mutated files are read without harm") {
  const std::string m = message("a", 100);
  const std::string whole = udp(m);
  const std::string file =
      pcap(1, {ethernet(ipv4(17, whole)), ethernet(ipv4(17, whole.substr(0, 80), 0x2000)),
               ethernet(ipv4(17, whole.substr(80), 10)), ethernet(ipv4(6, tcp(1, "", kSyn))),
               ethernet(ipv4(6, tcp(2, m))), ethernet(ipv6(17, whole), 0x86DD)});
  REQUIRE(read_capture(file).messages.size() == 4);
  SeededRandom random(5);
  std::size_t messages = 0;
  for (int run = 0; run < 3000; ++run) {
    std::string bytes = file;
    for (std::uint64_t n = random.below(6) + 1; n > 0; --n)
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    messages += read_capture(bytes).messages.size();
  }
  CHECK(messages > 3000);
}
