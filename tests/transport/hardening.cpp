// SPDX-License-Identifier: Apache-2.0
// What broke other systems' sockets. Cases A30, A31, A33, A35 and A40 of the hardening list; others stand
// beside what they are about.
#include <random>

#include "loopback.hpp"
#include "sipstack/parser/framer.hpp"
#include "transport/connection.hpp"

using namespace sipstack;
using namespace sipstack::testing;

TEST_CASE("A30: a Content-Length that is wrong never makes one message of two") {
  const std::string body = "0123456789";
  std::mt19937 random(30);
  for (int wrong = -2; wrong <= 2; ++wrong) {
    for (int round = 0; round < 40; ++round) {
      CAPTURE(wrong, round);
      std::string middle = request("two", body);
      const std::size_t at = middle.find("Content-Length: 10");
      middle.replace(at, 18, "Content-Length: " + std::to_string(10 + wrong));
      const std::string all = request("one", body) + middle + request("three", body);
      Fixture f;
      Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
      for (std::size_t sent = 0; sent < all.size();) {
        const std::size_t size = 1 + random() % (all.size() - sent);
        if (peer.ended()) break;
        peer.write(all.substr(sent, size));
        f.settle();
        sent += size;
      }
      REQUIRE(!f.told.messages.empty());
      CHECK(f.told.messages[0].bytes == request("one", body));
      // What is delivered has the length that it says of itself, and no more.
      std::size_t total = 0;
      for (const Told& m : f.told.messages) {
        total += m.bytes.size();
        const std::size_t end = m.bytes.find("\r\n\r\n") + 4;
        const std::size_t said = std::stoul(m.bytes.substr(m.bytes.find("Content-Length: ") + 16));
        CHECK(m.bytes.size() - end == said);
      }
      CHECK(total <= all.size());
      if (wrong == 0) CHECK(f.told.messages.size() == 3);
    }
  }
}

TEST_CASE("A30: random splits of pipelined messages give the same messages") {
#ifdef NDEBUG
  constexpr int kSplits = 1000000;
#else
  constexpr int kSplits = 20000;
#endif
  const std::string messages[] = {request("one", "0123456789\r\n\r\n"), request("two"),
                                  request("three", std::string(50, 'x'))};
  const std::string all = messages[0] + messages[1] + messages[2];
  std::mt19937 random(31);
  int wrong = 0;
  for (int i = 0; i < kSplits; ++i) {
    StreamFramer framer;
    std::size_t front = 0;
    std::size_t have = 0;
    std::size_t found = 0;
    bool same = true;
    while (have < all.size()) {
      have += 1 + random() % (all.size() - have);
      for (;;) {
        const Frame frame = framer.next(std::string_view(all).substr(front, have - front));
        if (frame.kind != Frame::Kind::message) {
          same = same && frame.kind == Frame::Kind::need_more;
          break;
        }
        same = same && found < 3 && all.compare(front, frame.size, messages[found]) == 0;
        ++found;
        front += frame.size;
      }
    }
    if (!same || found != 3) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("A31: a hundred silent connections too many do not keep a phone out") {
  TransportOptions options;
  options.max_connections = 40;
  Fixture f(options);
  const SocketAddress ours = f.listen(Transport::tcp);
  std::vector<Stream> silent;
  for (int i = 0; i < 140; ++i) {
    silent.push_back(Stream::connect(f.io, ours));
    f.settle();
  }
  Stream phone = Stream::connect(f.io, ours);
  phone.write(request("a"));
  f.told.on_message = [&](const Told& m) { f.send(response("a"), m.flow); };
  REQUIRE(f.until([&] { return phone.got() == response("a"); }));
  CHECK(f.transports->counters().connections == 40);
  CHECK(f.transports->counters().refused == 101);
}

TEST_CASE("a connection at rest is small") {
  // With its entries in the tables below 1 KiB; TLS and WebSocket hang on it where they are.
  CHECK(sizeof(Connection) <= 512);
}

TEST_CASE("A33: peers that reset in the middle of anything leave nothing") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::tcp);
  std::mt19937 random(33);
  std::uint64_t token = 0;
  // Every answer is on its way to somebody who may be gone.
  f.told.on_message = [&](const Told& m) { f.send(response("r"), m.flow, ++token); };
  std::string burst;
  for (int i = 0; i < 10; ++i) burst += request("a", "0123456789");
  for (int i = 0; i < 300; ++i) {
    Stream peer = Stream::connect(f.io, ours, false);
    peer.write(burst.substr(0, random() % (burst.size() + 1)));
    if (i % 3 == 0) f.settle();
    peer.reset();
  }
  REQUIRE(f.until([&] { return f.transports->counters().connections == 0; }));
  CHECK(f.transports->counters().queued == 0);
  CHECK(f.told.gone.size() == f.transports->counters().accepted);
  for (const auto& failure : f.told.failed) CHECK(failure.first <= token);
}

TEST_CASE("A35: sends to a family that no socket has all fail, and cost nothing") {
  Fixture f;
  f.listen(Transport::udp);
  const Block block = f.block(request("a"));
  std::size_t failed = 0;
  for (std::uint64_t i = 1; i <= 10000; ++i) {
    f.transports->send(block, block.size(), Fixture::to(Transport::udp, at("2001:db8::1", 5060)),
                       i);
    if (i % 100 != 0) continue;
    f.settle();
    failed += f.told.failed.size();
    for (const auto& one : f.told.failed)
      CHECK(one.second == std::errc::address_family_not_supported);
    f.told.failed.clear();
  }
  CHECK(failed == 10000);
  CHECK(f.pool.live() == 1);
  CHECK(f.transports->counters().sent == 0);
}

TEST_CASE("A40: small datagrams and those that look like something else are delivered or dropped") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::udp);
  Datagrams peer(f.io);
  peer.send("x", ours);
  peer.send("\r\n\r\n", ours);
  peer.send(std::string(19, '\0'), ours);
  peer.send(std::string("\x00\x01", 2) + std::string(40, 'x'), ours);  // no cookie
  peer.send(request("a") + request("b"), ours);  // one datagram is one message's: the core's to cut
  REQUIRE(f.until([&] { return f.told.messages.size() == 5; }));
  CHECK(f.told.messages[4].bytes == request("a") + request("b"));
  f.settle();
  CHECK_FALSE(peer.have(1));  // and nobody was answered
}
