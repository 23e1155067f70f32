// SPDX-License-Identifier: Apache-2.0
// Several shards that look like one endpoint, over loopback sockets and with real threads. Handlers run on
// several of these: they count, and the test's own thread checks.
#include "sipstack/endpoint/sharded_endpoint.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "catch.hpp"
#include "endpoint/ends.hpp"

using namespace sipstack;
using sipstack::test::kAnswer;
using sipstack::test::kOffer;

namespace {

constexpr std::size_t kShards = 3;

ShardedEndpointOptions shards() {
  ShardedEndpointOptions options;
  options.shards = kShards;
  return options;
}

template <class Condition>
bool until(boost::asio::io_context& io, Condition condition) {
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > patience) return false;
    if (io.stopped()) io.restart();
    io.run_one_for(std::chrono::milliseconds(50));
  }
  return true;
}

std::uint64_t passed(const ShardedEndpoint& endpoint) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < endpoint.shards(); ++i) sum += endpoint.counters(i).passed;
  return sum;
}

CallOptions call_to(std::uint16_t port, const std::string& transport) {
  CallOptions call;
  call.target = "sip:bob@127.0.0.1:" + std::to_string(port) + ";transport=" + transport;
  call.from = "sip:alice@127.0.0.1";
  call.content_type = "application/sdp";
  call.body = kOffer;
  return call;
}

}  // namespace

TEST_CASE("one trunk's calls are shared out among all shards, by UDP and over one connection") {
  for (const char* transport : {"udp", "tcp"}) {
    CAPTURE(transport);
    boost::asio::io_context io{1};
    std::array<std::atomic<int>, kShards> answered{};
    std::atomic<int> ended{0};
    ShardedEndpoint bob(io, shards());
    REQUIRE(bob.shards() == kShards);
    for (std::size_t i = 0; i < kShards; ++i) {
      bob.shard(i).on_invite([&, i](IncomingCall call) {
        call.call().on_ended([&](const CallEnded&) { ++ended; });
        call.async_accept(kAnswer, [&, i](error_code ec, const Call&) {
          if (!ec) ++answered[i];
        });
      });
    }
    const auto bound = bob.listen(std::string(transport) + ":127.0.0.1:0");
    REQUIRE(bound);
    bob.start();

    Endpoint alice(io);
    REQUIRE(alice.listen(std::string(transport) + ":127.0.0.1:0"));
    constexpr int kCalls = 60;
    int up = 0;
    int failed = 0;
    for (int n = 0; n < kCalls; ++n) {
      alice.async_invite(call_to(bound->port, transport),
                         [&](error_code ec, Call call, const Message&) {
                           ++(ec ? failed : up);
                           if (!ec) call.hang_up();
                         });
    }
    REQUIRE(until(io, [&] { return up + failed == kCalls && ended == kCalls; }));
    CHECK(failed == 0);
    for (const auto& count : answered) CHECK(count > 0);
    CHECK(passed(bob) > 0);
    for (std::size_t i = 0; i < kShards; ++i) CHECK(bob.counters(i).lost == 0);
    if (std::string(transport) == "tcp") CHECK(alice.transport_counters().opened == 1);
  }
}

TEST_CASE("each shard's own calls find their answers, whichever socket they reach") {
  boost::asio::io_context io{1};
  Endpoint bob(io);
  bob.on_invite([](IncomingCall call) { call.async_accept(kAnswer, [](error_code, Call) {}); });
  const auto bound = bob.listen("udp:127.0.0.1:0");
  REQUIRE(bound);

  ShardedEndpoint alice(io, shards());
  REQUIRE(alice.listen("udp:127.0.0.1:0"));
  alice.start();
  constexpr int kCalls = 20;
  std::array<std::atomic<int>, kShards> up{};
  std::atomic<int> done{0};
  for (std::size_t i = 0; i < kShards; ++i) {
    alice.post(i, [&, i, port = bound->port](Endpoint& shard) {
      for (int n = 0; n < kCalls; ++n)
        shard.async_invite(call_to(port, "udp"), [&, i](error_code ec, Call call, const Message&) {
          if (!ec && !call.hang_up()) ++up[i];
          ++done;
        });
    });
  }
  REQUIRE(until(io, [&] { return done == kCalls * static_cast<int>(kShards); }));
  for (const auto& count : up) CHECK(count == kCalls);
}

TEST_CASE(
    "what registers at one shard is found by calls that meet another, on its own connection") {
  boost::asio::io_context io{1};
  ShardedEndpointOptions options = shards();
  options.server.emplace();
  options.server->registrar.domains = {"127.0.0.1"};
  ShardedEndpoint server(io, options);
  const auto bound = server.listen("tcp:127.0.0.1:0");
  REQUIRE(bound);
  server.start();
  const std::string domain = "127.0.0.1:" + std::to_string(bound->port);

  Endpoint bob(io);
  REQUIRE(bob.listen("tcp:127.0.0.1:0"));
  int rang = 0;
  bob.on_invite([&](IncomingCall call) {
    ++rang;
    call.reject(486);
  });
  RegistrationOptions registration;
  registration.registrar = "sip:" + domain + ";transport=tcp";
  registration.aor = "sip:bob@127.0.0.1";
  bool registered = false;
  bob.async_register(registration, [&](error_code ec, RegistrationId, const Message& response) {
    registered = !ec && response->status() == 200;
  });
  REQUIRE(until(io, [&] { return registered; }));

  Endpoint alice(io);
  REQUIRE(alice.listen("tcp:127.0.0.1:0"));
  constexpr int kCalls = 30;
  int busy = 0;
  int other = 0;
  for (int n = 0; n < kCalls; ++n) {
    alice.async_invite(call_to(bound->port, "tcp"),
                       [&](error_code ec, const Call&, const Message& response) {
                         ++(!ec && response->status() == 486 ? busy : other);
                       });
  }
  REQUIRE(until(io, [&] { return busy + other == kCalls; }));
  CHECK(busy == kCalls);
  CHECK(rang == kCalls);
  CHECK(passed(server) > 0);
  CHECK(bob.transport_counters().accepted == 0);
}

TEST_CASE("shards end together, and an address in use is said to be so") {
  boost::asio::io_context io{1};
  ShardedEndpoint one(io, shards());
  for (const char* transport : {"udp", "tcp"}) {
    const auto bound = one.listen(std::string(transport) + ":127.0.0.1:0");
    REQUIRE(bound);
    ShardedEndpoint two(io, shards());
    const auto taken = two.listen(std::string(transport) + ":" + bound->to_string());
    REQUIRE_FALSE(taken);
    CHECK(taken.error() == std::errc::address_in_use);
  }
  one.start();
  bool done = false;
  one.shut_down(std::chrono::seconds(2), [&] { done = true; });
  CHECK(until(io, [&] { return done; }));
}
