// SPDX-License-Identifier: Apache-2.0
// Deadlines, queues and caps of connections, each with its option made small.
#include "loopback.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

TransportOptions with(std::function<void(TransportOptions&)> change) {
  TransportOptions options;
  change(options);
  return options;
}

/// Writes `bytes` again and again, each time that the loop comes round, for as long as the connection
/// lasts.
bool trickle_until_closed(Fixture& f, Stream& peer, const std::string& bytes) {
  return f.until([&] {
    boost::system::error_code ignored;
    if (!peer.ended()) peer.socket().write_some(asio::buffer(bytes), ignored);
    return peer.ended();
  });
}

}  // namespace

TEST_CASE("A32: an accepted connection without a first message is closed, pings or not") {
  Fixture f(with([](auto& o) { o.first_message = 60ms; }));
  const SocketAddress ours = f.listen(Transport::tcp);
  Stream silent = Stream::connect(f.io, ours);
  REQUIRE(f.until([&] { return silent.ended(); }));
  Stream pinging = Stream::connect(f.io, ours);
  REQUIRE(trickle_until_closed(f, pinging, "\r\n\r\n"));
  REQUIRE(f.told.gone.size() == 2);
  for (const auto& gone : f.told.gone) CHECK(gone.second == std::errc::timed_out);
  CHECK(f.transports->counters().timed_out == 2);
}

TEST_CASE("A32: a message must be whole in time, however its bytes trickle") {
  Fixture f(with([](auto& o) { o.message = 60ms; }));
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  peer.write(request("first") + "OPTIONS sip:x SIP/2.0\r\nX: ");
  REQUIRE(trickle_until_closed(f, peer, "x"));
  CHECK(f.told.messages.size() == 1);
  CHECK(f.told.gone.at(0).second == std::errc::timed_out);
}

TEST_CASE("messages that each come in time keep a connection up") {
  Fixture f(with([](auto& o) {
    o.message = 250ms;
    o.first_message = 250ms;
  }));
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  const auto start = std::chrono::steady_clock::now();
  const std::string message = request("a");
  std::size_t sent = 0;
  // Every write ends one message and begins the next: the stream is never at rest between two.
  peer.write(message.substr(0, 10));
  REQUIRE(f.until([&] {
    if (f.told.messages.size() == sent) {
      peer.write(message.substr(10) + message.substr(0, 10));
      ++sent;
    }
    return std::chrono::steady_clock::now() - start > 700ms;
  }));
  CHECK_FALSE(peer.ended());
  CHECK(f.told.messages.size() >= sent - 1);
}

TEST_CASE("an idle connection is closed, and a ping or message puts that off") {
  Fixture f(with([](auto& o) { o.idle = 300ms; }));
  const SocketAddress ours = f.listen(Transport::tcp);
  Stream idle = Stream::connect(f.io, ours);
  Stream pinging = Stream::connect(f.io, ours);
  idle.write(request("a"));
  pinging.write(request("b"));
  REQUIRE(f.until([&] {
    pinging.write("\r\n\r\n");
    return idle.ended();
  }));
  CHECK_FALSE(pinging.ended());
  REQUIRE(f.until([&] { return pinging.ended(); }));
  CHECK(f.told.gone.at(1).second == std::errc::timed_out);
}

TEST_CASE("a connection that we opened needs no first message, but does not idle for ever") {
  Fixture f(with([](auto& o) {
    o.first_message = 20ms;
    o.idle = 100ms;
  }));
  Server server(f.io);
  const auto start = std::chrono::steady_clock::now();
  f.send(request("a"), tcp_to(server.where()), 1);
  REQUIRE(f.until([&] { return f.told.gone.size() == 1; }));
  CHECK(std::chrono::steady_clock::now() - start >= 90ms);
  CHECK(f.told.gone[0].second == std::errc::timed_out);
}

TEST_CASE("a connect that is never answered fails its tokens at the connect timeout") {
  Fixture f(with([](auto& o) { o.connect_timeout = 60ms; }));
  // A listener whose backlog is full leaves SYNs unanswered.
  tcp::acceptor deaf(f.io, endpoint<tcp>(at("127.0.0.1")), false);
  deaf.listen(0);
  const SocketAddress where = address(deaf.local_endpoint());
  std::vector<tcp::socket> filling;
  for (int i = 0; i < 4; ++i) {
    filling.emplace_back(f.io, tcp::v4());
    filling.back().async_connect(endpoint<tcp>(where), [](auto) {});
  }
  f.settle();
  f.send(request("a"), tcp_to(where), 1);
  f.send(request("b"), tcp_to(where), 2);
  REQUIRE(f.until([&] { return f.told.failed.size() == 2; }));
  filling.clear();
  for (const auto& failure : f.told.failed) CHECK(failure.second == std::errc::timed_out);
  CHECK(f.told.gone.empty());
  CHECK(f.transports->counters().connections == 0);
}

TEST_CASE(
    "A37: a peer that never reads is closed at the write queue's cap, and others do not notice") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::tcp);
  Stream deaf = Stream::connect(f.io, ours, false);
  Stream good = Stream::connect(f.io, ours);
  deaf.write(request("deaf"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  const Flow flow = f.told.messages[0].flow;
  const std::string large = response("large", std::string(30000, 'x'));
  std::uint64_t token = 0;
  REQUIRE(f.until([&] {
    f.send(large, flow, ++token);
    f.settle();
    CHECK(f.transports->counters().queued <= 64 * 1024);
    return !f.told.gone.empty();
  }));
  CHECK(f.told.gone[0].first == flow);
  CHECK(f.told.gone[0].second == std::errc::no_buffer_space);
  CHECK(f.told.failed.size() >= 2);  // those queued, and the one too many
  CHECK(f.transports->counters().overflowed == 1);
  CHECK(f.transports->counters().queued == 0);
  good.write(request("good"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 2; }));
  f.send(response("good"), f.told.messages[1].flow);
  CHECK(f.until([&] { return good.got() == response("good"); }));
}

TEST_CASE("a message may be as large as the whole write queue, and not larger") {
  Fixture f(with([](auto& o) { o.write_queue = 1000; }));
  Stream peer = Stream::connect(f.io, f.listen(Transport::tcp));
  peer.write(request("a"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  f.send(std::string(1000, 'x'), f.told.messages[0].flow, 1);
  REQUIRE(f.until([&] { return peer.got().size() == 1000; }));
  f.send(std::string(1001, 'x'), f.told.messages[0].flow, 2);
  REQUIRE(f.until([&] { return f.told.failed.size() == 1; }));
  CHECK(f.told.failed[0].first == 2);
  CHECK(peer.got().size() == 1000);
}

TEST_CASE("the write queues of all connections together have a cap") {
  Fixture f(with([](auto& o) { o.write_queues = 100 * 1024; }));
  Server server(f.io);
  std::vector<SocketAddress> remotes;
  const std::string large(50 * 1024, 'x');
  // Three flows that are still connecting, each with 50 KiB: the third does not fit.
  for (const char* local : {"127.0.0.11", "127.0.0.12", "127.0.0.13"}) {
    Server* target = &server;
    Flow flow = tcp_to(target->where());
    flow.remote.ip = at(local).ip;
    f.send(large, flow, f.told.failed.size() + remotes.size() + 1);
    remotes.push_back(flow.remote);
  }
  REQUIRE(f.until([&] { return !f.told.failed.empty(); }));
  CHECK(f.told.failed[0].first == 3);
  CHECK(f.told.failed[0].second == std::errc::no_buffer_space);
}

TEST_CASE("who does not read answers is not listened to, and stalls out") {
  Fixture f(with([](auto& o) { o.send_stall = 150ms; }));
  Stream deaf = Stream::connect(f.io, f.listen(Transport::tcp), false);
  const std::string answer = response("a", std::string(20000, 'x'));
  f.told.on_message = [&](const Told& m) { f.send(answer, m.flow, 1); };
  // Requests as fast as they are taken: one by one, as each reading turn sends at most one answer.
  std::size_t sent = 0;
  deaf.socket().non_blocking(true);
  REQUIRE(f.until([&] {
    boost::system::error_code ignored;
    if (f.told.messages.size() == sent)
      if (deaf.socket().write_some(asio::buffer(request("r")), ignored) > 0) ++sent;
    return !f.told.gone.empty();
  }));
  CHECK(f.told.gone[0].second == std::errc::timed_out);
  CHECK(f.transports->counters().overflowed == 0);
  CHECK(f.transports->counters().timed_out == 1);
}

TEST_CASE("a burst of requests from who reads late is answered whole, not closed") {
  Fixture f;
  Stream late = Stream::connect(f.io, f.listen(Transport::tcp), false);
  const std::string answer = response("a", std::string(200, 'x'));  // not four times a request
  f.told.on_message = [&](const Told& m) { f.send(answer, m.flow, 1); };
  late.socket().non_blocking(true);
  std::string burst;
  for (int i = 0; i < 400; ++i) burst += request("r");
  // Until a thousand of them are not listened to: more than any queue holds.
  const std::size_t one = request("r").size();
  std::size_t sent = 0;
  while (sent / one < f.told.messages.size() + 1000) {
    boost::system::error_code error;
    const std::size_t at = sent % burst.size();
    sent += late.socket().write_some(asio::buffer(burst.data() + at, burst.size() - at), error);
    REQUIRE((!error || error == asio::error::would_block));
    f.settle();
    REQUIRE(f.told.gone.empty());
  }
  const std::size_t whole = sent / one;
  std::string buffer(65536, '\0');
  std::size_t got = 0;
  REQUIRE(f.until([&] {
    boost::system::error_code ignored;
    got += late.socket().read_some(asio::buffer(buffer), ignored);
    f.settle();
    return got == whole * answer.size() || !f.told.gone.empty();
  }));
  CHECK(f.told.gone.empty());
  CHECK(f.told.failed.empty());
  CHECK(f.transports->counters().overflowed == 0);
}

TEST_CASE("reading goes on when a slow reader has caught up") {
  Fixture f(with([](auto& o) { o.write_queue = 40000; }));
  Stream slow = Stream::connect(f.io, f.listen(Transport::tcp), false);
  const std::string answer = response("a", std::string(15000, 'x'));
  f.told.on_message = [&](const Told& m) { f.send(answer, m.flow, 1); };
  std::size_t sent = 0;
  slow.socket().non_blocking(true);
  // Until a request is not taken any more.
  REQUIRE(f.until([&] {
    boost::system::error_code ignored;
    if (slow.socket().write_some(asio::buffer(request("r")), ignored) > 0) ++sent;
    f.settle();
    return f.told.messages.size() < sent;
  }));
  std::string buffer(65536, '\0');
  std::size_t got = 0;
  REQUIRE(f.until([&] {
    boost::system::error_code ignored;
    got += slow.socket().read_some(asio::buffer(buffer), ignored);
    f.settle();
    return got == sent * answer.size();
  }));
  CHECK(f.told.messages.size() == sent);
  CHECK(f.told.gone.empty());
  CHECK(f.told.failed.empty());
}

TEST_CASE(
    "a source may have so many connections; a silent one makes room, one that spoke does not") {
  Fixture f(with([](auto& o) {
    o.max_per_source = 2;
    o.limit_loopback = true;
  }));
  const SocketAddress ours = f.listen(Transport::tcp);
  Stream a = Stream::connect(f.io, ours);
  Stream b = Stream::connect(f.io, ours);
  Stream c = Stream::connect(f.io, ours);
  REQUIRE(f.until([&] { return a.ended(); }));
  CHECK_FALSE(b.ended());
  CHECK_FALSE(c.ended());
  b.write(request("b"));
  c.write(request("c"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 2; }));
  Stream d = Stream::connect(f.io, ours);
  REQUIRE(f.until([&] { return d.ended(); }));
  CHECK_FALSE(b.ended());
  CHECK(f.transports->counters().refused == 2);
  c.close();
  REQUIRE(f.until([&] { return f.transports->counters().connections == 1; }));
  Stream e = Stream::connect(f.io, ours);
  e.write(request("e"));
  CHECK(f.until([&] { return f.told.messages.size() == 3; }));
}

TEST_CASE("loopback sources are not limited unless asked for") {
  Fixture f(with([](auto& o) { o.max_per_source = 2; }));
  const SocketAddress ours = f.listen(Transport::tcp);
  std::vector<Stream> streams;
  for (int i = 0; i < 10; ++i) streams.push_back(Stream::connect(f.io, ours));
  for (Stream& s : streams) s.write(request("a"));
  CHECK(f.until([&] { return f.told.messages.size() == 10; }));
}

TEST_CASE("A31: a full table drops the longest silent connection for a new one") {
  Fixture f(with([](auto& o) { o.max_connections = 3; }));
  const SocketAddress ours = f.listen(Transport::tcp);
  Stream spoke = Stream::connect(f.io, ours);
  spoke.write(request("a"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  Stream silent = Stream::connect(f.io, ours);
  Stream younger = Stream::connect(f.io, ours);
  Stream fresh = Stream::connect(f.io, ours);
  fresh.write(request("b"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 2 && silent.ended(); }));
  CHECK_FALSE(spoke.ended());
  CHECK_FALSE(younger.ended());
  CHECK(f.transports->counters().connections == 3);
}

TEST_CASE("a table full of busy connections refuses new ones, ours too") {
  Fixture f(with([](auto& o) { o.max_connections = 1; }));
  Server server(f.io);
  const SocketAddress ours = f.listen(Transport::tcp);
  Stream busy = Stream::connect(f.io, ours);
  busy.write(request("a"));
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  Stream other = Stream::connect(f.io, ours);
  REQUIRE(f.until([&] { return other.ended(); }));
  f.send(request("b"), tcp_to(server.where()), 1);
  REQUIRE(f.until([&] { return f.told.failed.size() == 1; }));
  CHECK(f.told.failed[0].second == std::errc::too_many_files_open);
  CHECK_FALSE(busy.ended());
}

TEST_CASE("a pool with nothing to give closes the connection that needs a buffer, and only that") {
  asio::io_context io;
  Recorder told;
  BlockPool small(512);
  Transports transports(io, told, small);
  const SocketAddress ours = transports.listen(Transport::tcp, at("127.0.0.1")).value();
  Stream large = Stream::connect(io, ours);
  Stream whole = Stream::connect(io, ours);
  large.write(request("large", std::string(5000, 'x')).substr(0, 4000));
  REQUIRE(run_until(io, [&] { return large.ended(); }));
  whole.write(request("whole"));
  REQUIRE(run_until(io, [&] { return told.messages.size() == 1; }));
  CHECK(told.gone.at(0).second == std::errc::not_enough_memory);
  CHECK(small.live() == 0);
}
