// SPDX-License-Identifier: Apache-2.0
// UDP over loopback. RFC 3261 sections 18.1.1, 18.2.2 and 18.4.
#include "loopback.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

Flow udp_to(const SocketAddress& remote) { return Fixture::to(Transport::udp, remote); }

/// Datagrams are delivered by loopback at once; what is not there after settling never comes.
bool arrives(Fixture& f, Datagrams& peer, std::size_t count) {
  f.settle();
  return peer.have(count);
}

}  // namespace

TEST_CASE("a datagram comes with both addresses, and the reply goes back between them") {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    CAPTURE(ip);
    Fixture f;
    const SocketAddress ours = f.listen(Transport::udp, at(ip));
    REQUIRE(ours.port != 0);
    Datagrams peer(f.io, at(ip));
    peer.send(request("a"), ours);
    REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
    const Told& got = f.told.messages[0];
    CHECK(got.bytes == request("a"));
    CHECK(got.flow.transport == Transport::udp);
    CHECK(got.flow.local == ours);
    CHECK(got.flow.remote == peer.where());
    CHECK(got.flow.connection == 0);
    f.send(response("a"), got.flow, 1);
    REQUIRE(arrives(f, peer, 1));
    CHECK(peer.got[0].first == response("a"));
    CHECK(peer.got[0].second == ours);
    CHECK(f.told.failed.empty());
    CHECK(f.transports->counters().received == 1);
    CHECK(f.transports->counters().sent == 1);
  }
}

#ifdef __linux__
TEST_CASE("that more comes than is read is told as waiting, until what was left has been read") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::udp);
  Datagrams peer(f.io);
  f.settle();
  // More than a turn reads, but nothing that is not worked off at once.
  for (int i = 0; i < 200; ++i) peer.send("x", ours);
  REQUIRE(f.until([&] { return f.told.messages.size() == 200; }));
  f.settle();
  CHECK(f.told.waits.empty());
  // More than the system's queue holds (8 MiB at the most), and it is kept full.
  for (int i = 0; i < 12000; ++i) peer.send("x", ours);
  for (int turn = 0; turn < 10; ++turn) {
    f.io.restart();
    f.io.poll_one();
    for (int i = 0; i < 200; ++i) peer.send("x", ours);
  }
  f.settle();
  REQUIRE(f.told.waits.size() >= 2);
  CHECK(f.told.waits.front() > Duration::zero());
  CHECK(f.told.waits.back() == Duration::zero());
  const auto told = f.told.waits.size();
  peer.send("x", ours);
  f.settle();
  CHECK(f.told.waits.size() == told);
}

TEST_CASE("a wildcard socket answers from the address that the request reached") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::udp, at("0.0.0.0"));
  Datagrams peer(f.io);
  peer.send(request("a"), at("127.0.0.7", ours.port));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  CHECK(f.told.messages[0].flow.local == at("127.0.0.7", ours.port));
  f.send(response("a"), f.told.messages[0].flow);
  REQUIRE(arrives(f, peer, 1));
  CHECK(peer.got[0].second == at("127.0.0.7", ours.port));
}

TEST_CASE("a refused datagram fails its token, and no other's") {
  Fixture f;
  f.listen(Transport::udp);
  Datagrams dead(f.io);
  Datagrams alive(f.io);
  const SocketAddress nobody = dead.where();
  dead.close();
  f.send(request("a"), udp_to(alive.where()), 1);
  f.send(request("b"), udp_to(nobody), 2);
  f.send(request("c"), udp_to(alive.where()), 3);
  REQUIRE(f.until([&] { return !f.told.failed.empty(); }));
  REQUIRE(arrives(f, alive, 2));
  REQUIRE(f.told.failed.size() == 1);
  CHECK(f.told.failed[0].first == 2);
  CHECK(f.told.failed[0].second == std::errc::connection_refused);
  CHECK(f.transports->counters().icmp_errors == 1);
}

TEST_CASE("several refused datagrams fail each of their tokens once") {
  Fixture f;
  f.listen(Transport::udp);
  Datagrams dead(f.io);
  const SocketAddress nobody = dead.where();
  dead.close();
  for (std::uint64_t token = 1; token <= 5; ++token) f.send(request("x"), udp_to(nobody), token);
  REQUIRE(f.until([&] { return f.told.failed.size() == 5; }));
  f.settle();
  std::vector<std::uint64_t> tokens;
  for (const auto& failure : f.told.failed) tokens.push_back(failure.first);
  std::sort(tokens.begin(), tokens.end());
  CHECK(tokens == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
}

TEST_CASE("an ICMP error for one peer does not eat the next peer's datagram") {
  Fixture f;
  f.listen(Transport::udp);
  Datagrams dead(f.io);
  Datagrams alive(f.io);
  const SocketAddress nobody = dead.where();
  dead.close();
  for (int i = 0; i < 20; ++i) {
    f.send(request("lost"), udp_to(nobody));
    f.send(request("kept"), udp_to(alive.where()), 7);
    f.settle();
  }
  CHECK(arrives(f, alive, 20));
  CHECK(f.told.failed.empty());
}
#endif

TEST_CASE("wildcards of both families share a port") {
  Fixture f;
  const SocketAddress v6 = f.listen(Transport::udp, at("::"));
  const auto beside = f.transports->listen(Transport::udp, at("0.0.0.0", v6.port));
  if (!beside) SIPSTACK_SKIP("somebody else has the port in IPv4");
  const SocketAddress v4 = *beside;
  CHECK(v4.port == v6.port);
  Datagrams four(f.io);
  Datagrams six(f.io, at("::1"));
  four.send(request("four"), at("127.0.0.1", v4.port));
  six.send(request("six"), at("::1", v6.port));
  REQUIRE(f.until([&] { return f.told.messages.size() == 2; }));
  for (const Told& got : f.told.messages) {
    CHECK(got.flow.local.ip.is_v6() == got.flow.remote.ip.is_v6());
    f.send(got.bytes, got.flow);
  }
  CHECK(arrives(f, four, 1));
  CHECK(arrives(f, six, 1));
}

TEST_CASE("a burst is delivered in order with few batch ends, and answered in order") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::udp);
  Datagrams peer(f.io);
  f.told.on_message = [&](const Told& m) { f.send(m.bytes, m.flow); };
  for (int i = 0; i < 100; ++i) peer.send(request(std::to_string(i)), ours);
  REQUIRE(f.until([&] { return f.told.messages.size() == 100; }));
  CHECK(f.told.batches <= 4);
  REQUIRE(arrives(f, peer, 100));
  for (std::size_t i = 0; i < 100; ++i) {
    CHECK(f.told.messages[i].bytes == request(std::to_string(i)));
    CHECK(peer.got[i].first == request(std::to_string(i)));
  }
}

TEST_CASE("A40: the largest datagram passes whole both ways, an empty one is dropped") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::udp);
  Datagrams peer(f.io);
  const std::string largest(65507, 'x');
  peer.send("", ours);
  peer.send(largest, ours);
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  CHECK(f.told.messages[0].bytes == largest);
  f.send(largest, f.told.messages[0].flow);
  REQUIRE(arrives(f, peer, 1));
  CHECK(peer.got[0].first == largest);
  CHECK(f.transports->counters().dropped == 1);
}

TEST_CASE("A34: a datagram that is too large fails alone, and not inside send") {
  Fixture f;
  f.listen(Transport::udp);
  Datagrams peer(f.io);
  f.send(request("a"), udp_to(peer.where()), 1);
  f.send(std::string(65508, 'x'), udp_to(peer.where()), 2);
  f.send(request("b"), udp_to(peer.where()), 3);
  CHECK(f.told.failed.empty());
  REQUIRE(f.until([&] { return !f.told.failed.empty(); }));
  REQUIRE(arrives(f, peer, 2));
  REQUIRE(f.told.failed.size() == 1);
  CHECK(f.told.failed[0].first == 2);
  CHECK(f.told.failed[0].second == std::errc::message_size);
  CHECK(peer.got[1].first == request("b"));
}

TEST_CASE("more sends at once than the queue holds all leave") {
  TransportOptions options;
  options.datagram_queue = 4;
  Fixture f(options);
  f.listen(Transport::udp);
  Datagrams peer(f.io);
  for (int i = 0; i < 50; ++i) f.send(request(std::to_string(i)), udp_to(peer.where()), 1);
  REQUIRE(arrives(f, peer, 50));
  for (std::size_t i = 0; i < 50; ++i) CHECK(peer.got[i].first == request(std::to_string(i)));
  CHECK(f.told.failed.empty());
}

TEST_CASE("without a socket of the family a send fails, and token 0 is never told") {
  Fixture f;
  f.listen(Transport::udp);
  f.send(request("a"), udp_to(at("::1", 5060)), 9);
  f.send(request("b"), udp_to(at("::1", 5060)), 0);
  CHECK(f.told.failed.empty());
  REQUIRE(f.until([&] { return !f.told.failed.empty(); }));
  f.settle();
  REQUIRE(f.told.failed.size() == 1);
  CHECK(f.told.failed[0].first == 9);
  CHECK(f.told.failed[0].second == std::errc::address_family_not_supported);
  CHECK(f.transports->counters().failed == 2);
}

TEST_CASE("a block is shared, not copied, and released when it is sent") {
  Fixture f;
  f.listen(Transport::udp);
  Datagrams peer(f.io);
  const Block block = f.block(request("a"));
  f.transports->send(block, block.size(), udp_to(peer.where()), 1);
  CHECK_FALSE(block.unique());
  CHECK(f.pool.live() == 1);
  f.settle();
  CHECK(block.unique());
}

TEST_CASE("only the first bytes of a block are sent where size says so") {
  Fixture f;
  f.listen(Transport::udp);
  Datagrams peer(f.io);
  const Block block = f.block("abcdef");
  f.transports->send(block, 3, udp_to(peer.where()), 1);
  REQUIRE(arrives(f, peer, 1));
  CHECK(peer.got[0].first == "abc");
}

TEST_CASE("the source toward a peer is a real address with the socket's port") {
  Fixture f;
  CHECK(f.transports->local_toward(Transport::udp, at("127.0.0.1", 5060)).error() ==
        std::errc::address_family_not_supported);
  const SocketAddress wildcard = f.listen(Transport::udp, at("0.0.0.0"));
  CHECK(f.transports->local_toward(Transport::udp, at("127.0.0.1", 5060)).value() ==
        at("127.0.0.1", wildcard.port));
  // Where no TLS listens, connections can be opened all the same: port 0 says so.
  CHECK(f.transports->local_toward(Transport::tls, at("127.0.0.1", 5061)).value() ==
        at("127.0.0.1", 0));
}

TEST_CASE("of several sockets the one that the system routes by is taken") {
  Fixture f;
  f.listen(Transport::udp, at("127.0.0.9"));
  const SocketAddress routed = f.listen(Transport::udp, at("127.0.0.1"));
  Datagrams peer(f.io);
  CHECK(f.transports->local_toward(Transport::udp, peer.where()).value() == routed);
  f.send(request("a"), udp_to(peer.where()));
  REQUIRE(arrives(f, peer, 1));
  CHECK(peer.got[0].second == routed);
}

TEST_CASE("listening on a taken address or without a certificate says why") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::udp);
  CHECK(f.transports->listen(Transport::udp, ours).error() == std::errc::address_in_use);
  for (const Transport t : {Transport::tls, Transport::wss})
    CHECK(f.transports->listen(t, at("127.0.0.1")).error() == TlsErrc::no_certificate);
  CHECK(f.transports->listen(Transport::udp, {}).error() ==
        std::errc::address_family_not_supported);
}

TEST_CASE("transports may be destroyed inside a delivery") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::udp);
  Datagrams peer(f.io);
  for (int i = 0; i < 3; ++i) peer.send(request("a"), ours);
  f.told.on_message = [&](const Told& m) {
    f.send(m.bytes, m.flow, 1);
    f.transports.reset();
  };
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  f.settle();
  CHECK(f.told.messages.size() == 1);
  CHECK(f.told.batches == 0);
}

TEST_CASE("close sends what is queued and tells nothing more") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::udp);
  Datagrams peer(f.io);
  f.send(response("last"), udp_to(peer.where()), 1);
  f.transports->close();
  peer.send(request("late"), ours);
  REQUIRE(arrives(f, peer, 1));
  CHECK(f.told.messages.empty());
  f.send(request("after"), udp_to(peer.where()), 2);
  f.settle();
  CHECK(f.told.failed.empty());
}
