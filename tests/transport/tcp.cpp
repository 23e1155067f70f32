// SPDX-License-Identifier: Apache-2.0
// TCP over loopback: framing, keep-alives, reuse and fall-back. RFC 3261 sections 18, 18.2.2 and 18.3,
// RFC 5626 section 4.4.1.
#ifdef __linux__
#include <netinet/tcp.h>
#endif

#include "loopback.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t i = text.find(part); i != std::string::npos;
       i = text.find(part, i + part.size()))
    ++n;
  return n;
}

}  // namespace

TEST_CASE("a request is delivered with its connection, and the response goes back on it") {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    CAPTURE(ip);
    Fixture f;
    const SocketAddress ours = f.listen(Transport::tcp, at(ip));
    Stream peer = Stream::connect(f.io, ours);
    peer.write(request("a"));
    REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
    const Flow flow = f.told.messages[0].flow;
    CHECK(f.told.messages[0].bytes == request("a"));
    CHECK(flow.transport == Transport::tcp);
    CHECK(flow.local == ours);
    CHECK(flow.remote == peer.local());
    CHECK(flow.connection != 0);
    f.send(response("a"), flow, 1);
    CHECK(f.until([&] { return peer.got() == response("a"); }));
    CHECK(f.told.failed.empty());
    peer.close();
    REQUIRE(f.until([&] { return f.told.gone.size() == 1; }));
    CHECK(f.told.gone[0].first == flow);
    CHECK_FALSE(f.told.gone[0].second);
    CHECK(f.transports->counters().connections == 0);
  }
}

TEST_CASE("A30: a stream cut at every byte gives the same messages") {
  const std::string one = request("one", "0123456789\r\n\r\n");
  const std::string two = request("two");
  const std::string all = "\r\n" + one + "\r\n\r\n" + two;
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    CAPTURE(cut);
    Fixture f;
    Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
    peer.write(all.substr(0, cut));
    f.settle();
    peer.write(all.substr(cut));
    REQUIRE(f.until([&] { return f.told.messages.size() == 2; }));
    CHECK(f.told.messages[0].bytes == one);
    CHECK(f.told.messages[1].bytes == two);
    CHECK(f.told.errors.empty());
  }
}

TEST_CASE("a message that comes byte by byte is one message") {
  Fixture f;
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  const std::string message = request("slow", std::string(40, 'b'));
  for (const char c : message) {
    peer.write(std::string(1, c));
    f.settle();
  }
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  CHECK(f.told.messages[0].bytes == message);
}

TEST_CASE("pipelined messages are delivered in order and answered together") {
  Fixture f;
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  f.told.on_message = [&](const Told& m) { f.send(m.bytes, m.flow); };
  std::string all;
  for (int i = 0; i < 500; ++i)
    all += request(std::to_string(i), std::string(static_cast<std::size_t>(i % 50), 'x'));
  peer.write(all);
  REQUIRE(f.until([&] { return peer.got().size() == all.size(); }));
  CHECK(peer.got() == all);
  CHECK(f.told.messages.size() == 500);
  CHECK(f.told.batches < 100);
}

TEST_CASE("a message of the largest size is put together from many reads") {
  Fixture f;
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  const std::string head = request("large");
  const std::string large = request("large", std::string(65535 - head.size() - 4, 'b'));
  REQUIRE(large.size() == 65535);
  for (std::size_t i = 0; i < large.size(); i += 9000) {
    peer.write(large.substr(i, 9000));
    f.settle();
  }
  peer.write(request("next"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 2; }));
  CHECK(f.told.messages[0].bytes == large);
  CHECK(f.told.messages[1].bytes == request("next"));
  CHECK(f.pool.live() == 0);  // an idle connection holds no buffer
}

TEST_CASE("a ping between messages is answered with a pong, inside a message it is none") {
  Fixture f;
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  peer.write("\r\n\r\n");
  REQUIRE(f.until([&] { return peer.got() == "\r\n"; }));
  peer.write(request("a", "\r\n\r\n\r\n\r\n"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  f.settle();
  CHECK(peer.got() == "\r\n");
  CHECK(f.transports->counters().pongs == 1);
}

TEST_CASE("A41: a flood of pings gets fewer bytes back than it sent, and costs no memory") {
  Fixture f;
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  std::string pings;
  for (int i = 0; i < 20000; ++i) pings += "\r\n\r\n";
  peer.write(pings + request("after"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  f.settle();
  CHECK(f.transports->counters().pings == 20000);
  CHECK(peer.got().size() >= 2);
  CHECK(peer.got().size() <= pings.size() / 2);
  CHECK(peer.got().size() <= 64 * 2 * 100);
  CHECK(f.pool.live() == 0);
}

TEST_CASE("pongs can be turned off") {
  TransportOptions options;
  options.pong = false;
  Fixture f(options);
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  peer.write("\r\n\r\n" + request("a"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  f.settle();
  CHECK(peer.got().empty());
}

TEST_CASE("a stream that cannot be followed is told, answered and closed") {
  struct Case {
    std::string bad;
    ParseErrc code;
  };
  const std::string head = "OPTIONS sip:x@example.com SIP/2.0\r\nCall-ID: x\r\n";
  const Case cases[] = {
      {head + "Content-Length: five\r\n\r\n", ParseErrc::bad_content_length},
      {head + "Content-Length: -1\r\n\r\n", ParseErrc::bad_content_length},
      {head + "\r\n", ParseErrc::missing_header},
      {head + "Content-Length: 70000\r\n\r\n", ParseErrc::too_large},
  };
  for (const Case& c : cases) {
    CAPTURE(c.bad);
    Fixture f;
    Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
    f.told.on_error = [&](const Flow& flow) { f.send(response("sorry"), flow, 1); };
    // What follows, unread, must not reset the connection before the reply was read.
    peer.write(request("good") + c.bad + std::string(20000, 'x'));
    REQUIRE(f.until([&] { return peer.ended(); }));
    CHECK(f.told.messages.size() == 1);
    REQUIRE(f.told.errors.size() == 1);
    CHECK(f.told.errors[0].first.code == c.code);
    CHECK(f.told.errors[0].second.bytes.substr(0, c.bad.size()) == c.bad);
    CHECK(peer.got() == response("sorry"));
    REQUIRE(f.told.gone.size() == 1);
    CHECK(f.told.gone[0].second == std::errc::bad_message);
    CHECK(f.told.failed.empty());
    CHECK(f.transports->counters().stream_errors == 1);
    peer.close();
    CHECK(f.until([&] { return f.transports->counters().connections == 0; }));
  }
}

TEST_CASE("the reply may also come at the batch's end") {
  Fixture f;
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  bool sent = false;
  f.told.on_batch_end = [&] {
    if (f.told.errors.empty() || std::exchange(sent, true)) return;
    f.send(response("sorry"), f.told.errors[0].second.flow);
  };
  peer.write("\x16\x03\x01 TLS on the wrong port");
  REQUIRE(f.until([&] { return peer.ended(); }));
  CHECK(peer.got() == response("sorry"));
}

TEST_CASE("one connection carries all requests to a peer, and its answers come back on it") {
  Fixture f;
  Server server(f.io);
  f.send(request("a"), tcp_to(server.where()), 1);
  f.send(request("b"), tcp_to(server.where()), 2);  // while connecting
  REQUIRE(f.until([&] {
    return server.streams().size() == 1 && server.streams()[0].got() == request("a") + request("b");
  }));
  f.send(request("c"), tcp_to(server.where()), 3);
  REQUIRE(f.until([&] { return count(server.streams()[0].got(), "OPTIONS") == 3; }));
  CHECK(server.streams().size() == 1);
  server.streams()[0].write(response("a"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  const Flow& flow = f.told.messages[0].flow;
  CHECK(flow.remote == server.where());
  CHECK(flow.local == server.streams()[0].remote());
  CHECK(flow.connection != 0);
  CHECK(f.told.failed.empty());
  CHECK(f.transports->counters().opened == 1);
}

TEST_CASE("an accepted connection is taken for requests to where it came from") {
  Fixture f;
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  peer.write(request("in"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  f.send(request("out"), tcp_to(peer.local()), 1);
  CHECK(f.until([&] { return peer.got() == request("out"); }));
  CHECK(f.told.failed.empty());
}

TEST_CASE("a refused connection fails every token that waits for it, and not inside send") {
  Fixture f;
  SocketAddress nobody;
  {
    Server server(f.io);
    nobody = server.where();
  }
  f.settle();
  f.send(request("a"), tcp_to(nobody), 1);
  f.send(request("b"), tcp_to(nobody), 2);
  f.send(request("c"), tcp_to(nobody), 0);
  CHECK(f.told.failed.empty());
  REQUIRE(f.until([&] { return f.told.failed.size() == 2; }));
  f.settle();
  REQUIRE(f.told.failed.size() == 2);
  for (const auto& failure : f.told.failed) CHECK(failure.second == std::errc::connection_refused);
  CHECK(f.told.gone.empty());  // it was never up
  CHECK(f.transports->counters().connect_failed == 1);
}

TEST_CASE("a send from inside send_failed is carried out") {
  Fixture f;
  Server server(f.io);
  SocketAddress nobody;
  {
    Server gone(f.io);
    nobody = gone.where();
  }
  f.settle();
  f.told.on_failed = [&] { f.send(request("second"), tcp_to(server.where()), 2); };
  f.send(request("first"), tcp_to(nobody), 1);
  CHECK(f.until([&] {
    return server.streams().size() == 1 && server.streams()[0].got() == request("second");
  }));
  CHECK(f.told.failed.size() == 1);
}

TEST_CASE(
    "A36: a response whose connection is gone goes to the address of its flow, a request fails") {
  Fixture f;
  Server fallback(f.io);
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  peer.write(request("a"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  Flow flow = f.told.messages[0].flow;
  peer.close();
  REQUIRE(f.until([&] { return f.told.gone.size() == 1; }));
  flow.remote = fallback.where();  // what the transaction layer reads from the Via
  f.send(response("a"), flow, 1);
  f.send(request("b"), flow, 2);
  REQUIRE(f.until([&] {
    return fallback.streams().size() == 1 && fallback.streams()[0].got() == response("a");
  }));
  REQUIRE(f.told.failed.size() == 1);
  CHECK(f.told.failed[0].first == 2);
  CHECK(f.told.failed[0].second == std::errc::not_connected);
}

TEST_CASE("a connection's id is never used again") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::tcp);
  std::vector<ConnectionId> ids;
  for (std::size_t i = 1; i <= 20; ++i) {
    Stream peer = Stream::connect(f.io, ours);
    peer.write(request("a"));
    REQUIRE(f.until([&] { return f.told.messages.size() == i; }));
    ids.push_back(f.told.messages.back().flow.connection);
    peer.close();
    REQUIRE(f.until([&] { return f.told.gone.size() == i; }));
  }
  std::sort(ids.begin(), ids.end());
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
}

TEST_CASE("a request that a dead idle connection did not take goes on a fresh one") {
  Fixture f;
  Server server(f.io);
  f.send(request("a"), tcp_to(server.where()), 1);
  REQUIRE(
      f.until([&] { return server.streams().size() == 1 && !server.streams()[0].got().empty(); }));
  server.streams()[0].reset();
  f.send(request("b"), tcp_to(server.where()), 2);  // nobody has noticed the reset yet
  REQUIRE(
      f.until([&] { return server.streams().size() == 2 && !server.streams()[1].got().empty(); }));
  CHECK(server.streams()[1].got() == request("b"));
  CHECK(f.told.failed.empty());
  CHECK(f.told.gone.size() == 1);
}

TEST_CASE("requests that were written to a connection which ends are told before its end") {
  for (const bool reset : {false, true}) {
    CAPTURE(reset);
    Fixture f;
    Server server(f.io);
    f.send(request("a"), tcp_to(server.where()), 1);
    f.send(response("b"), tcp_to(server.where()), 2);
    f.send(request("c"), tcp_to(server.where()), 0);  // nobody waits
    f.send(request("d"), tcp_to(server.where()), 3);
    REQUIRE(f.until([&] {
      return server.streams().size() == 1 && count(server.streams()[0].got(), "SIP/2.0\r\n") == 3;
    }));
    f.settle();
    CHECK(f.told.lost.empty());
    if (reset)
      server.streams()[0].reset();
    else
      server.streams()[0].close();
    REQUIRE(f.until([&] { return f.told.gone.size() == 1; }));
    CHECK(f.told.lost == std::vector<std::pair<std::uint64_t, std::size_t>>{{1, 0}, {3, 0}});
    CHECK(f.told.failed.empty());
    f.send(request("a"), tcp_to(server.where()), 1);
    CHECK(f.until(
        [&] { return server.streams().size() == 2 && server.streams()[1].got() == request("a"); }));
  }
}

TEST_CASE(
    "of a connection's requests the last thousand are told to be lost, not all there ever were") {
  Fixture f;
  Server server(f.io);
  const std::size_t sent = 5000;
  for (std::size_t i = 1; i <= sent; ++i) {
    f.send(request("a"), tcp_to(server.where()), i);
    if (i % 100 == 0) REQUIRE(f.until([&] { return f.transports->counters().sent == i; }));
  }
  server.streams()[0].close();
  REQUIRE(f.until([&] { return f.told.gone.size() == 1; }));
  REQUIRE(f.told.lost.size() >= 512);
  CHECK(f.told.lost.size() <= 1024);
  CHECK(f.told.lost.front().first == sent + 1 - f.told.lost.size());
  CHECK(f.told.lost.back().first == sent);
}

#ifdef TCP_USER_TIMEOUT
TEST_CASE("the system gives up a peer that acknowledges nothing when we would") {
  TransportOptions options;
  options.send_stall = 7s;
  Fixture f(options);
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  Server server(f.io);
  f.send(request("a"), tcp_to(server.where()), 1);
  peer.write(request("b"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1 && server.streams().size() == 1; }));
  // Whatever descriptors there are: two connections are ours.
  int ours = 0;
  for (int fd = 3; fd < 256; ++fd) {
    unsigned value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size) == 0 && value == 7000)
      ++ours;
  }
  CHECK(ours == 2);
}
#endif

TEST_CASE("a peer that closes its side after a request still gets the answer") {
  Fixture f;
  f.told.on_message = [&](const Told& m) { f.send(response("a"), m.flow); };
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  peer.write(request("a"));
  peer.socket().shutdown(tcp::socket::shutdown_send);
  REQUIRE(f.until([&] { return peer.ended(); }));
  CHECK(peer.got() == response("a"));
}

TEST_CASE("a listener's address is what a peer is told where one listens") {
  Fixture f;
  CHECK(f.transports->local_toward(Transport::tcp, at("127.0.0.1", 5060)).value() ==
        at("127.0.0.1", 0));
  const SocketAddress ours = f.listen(Transport::tcp, at("0.0.0.0"));
  CHECK(f.transports->local_toward(Transport::tcp, at("127.0.0.1", 5060)).value() ==
        at("127.0.0.1", ours.port));
}

TEST_CASE("a connection is opened from the address that the flow names") {
  Fixture f;
  Server server(f.io);
  Flow flow = tcp_to(server.where());
  flow.local = at("127.0.0.5", 5060);
  f.send(request("a"), flow, 1);
  REQUIRE(f.until([&] { return server.streams().size() == 1; }));
  CHECK(server.streams()[0].remote().ip == at("127.0.0.5").ip);
}

TEST_CASE("transports may be destroyed inside every call of the handler") {
  for (int where = 0; where < 5; ++where) {
    CAPTURE(where);
    Fixture f;
    const SocketAddress ours = f.listen(Transport::tcp);
    const auto destroy = [&] { f.transports.reset(); };
    if (where == 0) f.told.on_message = [&](const Told&) { destroy(); };
    if (where == 1) f.told.on_error = [&](const Flow&) { destroy(); };
    if (where == 2) f.told.on_batch_end = destroy;
    if (where == 3) f.told.on_failed = destroy;
    if (where == 4)
      f.told.on_message = [&](const Told& m) {
        f.send(m.bytes, m.flow, 1);
        f.transports->close();
      };
    Stream peer = Stream::connect(f.io, ours);
    peer.write(request("a") + request("b").substr(0, 20));
    if (where == 1) peer.write(" SIP\n\n");
    if (where == 3) f.send(request("x"), tcp_to(at("127.0.0.1", 1)), 1);
    REQUIRE(f.until([&] { return peer.ended(); }));
    CHECK(f.told.messages.size() <= 1);
    CHECK(peer.got() == (where == 4 ? request("a") : ""));
  }
}

TEST_CASE("close writes queued replies, closes idle connections and lets the loop end") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::tcp);
  Stream idle = Stream::connect(f.io, ours);
  Stream peer = Stream::connect(f.io, ours);
  peer.write(request("a"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  f.send(response("a"), f.told.messages[0].flow, 1);
  f.transports->close();
  REQUIRE(f.until([&] { return peer.ended() && idle.ended(); }));
  CHECK(peer.got() == response("a"));
  peer.close();
  idle.close();
  const auto start = std::chrono::steady_clock::now();
  f.io.restart();
  f.io.run_for(2s);  // returns early, since nothing is left to wait for
  CHECK(f.io.stopped());
  CHECK(std::chrono::steady_clock::now() - start < 1s);
  CHECK(f.told.gone.empty());
}

TEST_CASE("many connections come and go and leave nothing") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::tcp);
  f.told.on_message = [&](const Told& m) { f.send(m.bytes, m.flow); };
  for (std::size_t i = 1; i <= 300; ++i) {
    Stream peer = Stream::connect(f.io, ours);
    peer.write(request("a") + request("b"));
    REQUIRE(f.until([&] { return f.told.messages.size() == 2 * i; }));
    if (i % 2 == 0)
      peer.reset();
    else
      peer.close();
  }
  CHECK(f.until([&] { return f.transports->counters().connections == 0; }));
  CHECK(f.told.gone.size() == 300);
  CHECK(f.transports->counters().queued == 0);
}
