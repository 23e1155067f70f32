// SPDX-License-Identifier: Apache-2.0
// The test kit as its users see it: a pair, a party, partitions, replay by seed.
#include "sipstack/testing/agent.hpp"

#include "catch.hpp"

using namespace sipstack;
using namespace sipstack::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

CallOptions call_to(const Agent& callee) {
  CallOptions options;
  options.target = callee.uri();
  options.from = "sip:caller@example.com";
  options.content_type = "application/sdp";
  options.body = "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
  return options;
}

void answers(Agent& agent, const UserEvent& event, TimePoint now) {
  if (const auto* call = std::get_if<CallArrived>(&event))
    agent.ua().accept(call->call, std::string(call->invite->body()), now);
}

}  // namespace

// [pair]
TEST_CASE("pair: a call is set up, and nothing is left of it when Alice hangs up") {
  Pair p;
  p.bob.user = answers;
  CallId call;
  p.network.now([&](TimePoint now) { call = p.alice.ua().invite(call_to(p.bob), now).value(); });
  p.network.run(seconds(1));
  CHECK(p.alice.count<CallAnswered>() == 1);
  p.network.now([&](TimePoint now) { p.alice.ua().hang_up(call, now); });
  p.network.run(seconds(1));
  CHECK("\n" + p.network.ladder().text_without_times() == R"(
alice                   bob
|--INVITE-------------->|
|<-200 INVITE-----------|
|--ACK----------------->|
|--BYE----------------->|
|<-200 BYE--------------|
)");
  CHECK(p.finish().empty());
}
// [/pair]

// [replay]
TEST_CASE("pair: a run of one seed can be played again, whatever the network does") {
  NetworkOptions lossy;
  lossy.loss = 0.3;
  lossy.duplicate = 0.1;
  lossy.delay_max = milliseconds(400);
  const auto scenario = [](Pair& p) {
    p.bob.user = answers;
    p.network.now(
        [&](TimePoint now) { static_cast<void>(p.alice.ua().invite(call_to(p.bob), now)); });
    p.network.run(seconds(40));
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    CHECK(replay(seed, scenario, lossy) == replay(seed, scenario, lossy));
  CHECK(replay(1, scenario, lossy) != replay(2, scenario, lossy));
}
// [/replay]

TEST_CASE("party: ten agents call one another round the circle, through a partition that heals") {
  Party party(10);
  for (std::size_t i = 0; i < party.size(); ++i) party[i].user = answers;
  party.network.part("agent-3", "agent-4");
  party.network.now([&](TimePoint now) {
    for (std::size_t i = 0; i < party.size(); ++i)
      static_cast<void>(party[i].ua().invite(call_to(party[(i + 1) % party.size()]), now));
  });
  party.network.run(seconds(3));
  std::size_t answered = 0;
  for (std::size_t i = 0; i < party.size(); ++i) answered += party[i].count<CallAnswered>();
  CHECK(answered == 9);
  party.network.heal();
  party.network.run(seconds(10));
  CHECK(party[2].count<CallAnswered>() == 1);
  party.network.now([&](TimePoint now) {
    for (std::size_t i = 0; i < party.size(); ++i) party[i].ua().shut_down(now);
  });
  CHECK(party.finish().empty());
}

TEST_CASE("party: what is left behind is told in words") {
  Pair p;
  p.bob.user = answers;
  p.network.now(
      [&](TimePoint now) { static_cast<void>(p.alice.ua().invite(call_to(p.bob), now)); });
  p.network.run(seconds(1));
  CHECK(p.alice.left_behind().find("alice: 1 calls") != std::string::npos);
}

TEST_CASE("network: a rule decides the fate of each datagram: lost, twice, late") {
  Pair p;
  p.network.decide([](const Packet& packet) {
    if (packet.number == 1) return Fate::lost();
    if (packet.number == 2) return Fate::twice();
    return packet.number == 3 ? Fate::delayed(milliseconds(100)) : Fate{};
  });
  p.network.now([&](TimePoint now) {
    RequestOptions options;
    options.target = p.bob.uri();
    static_cast<void>(p.alice.ua().request("OPTIONS", options, now));
  });
  p.network.run(seconds(2));
  // The first is lost; the second arrives twice at T1 and is answered twice, once late.
  CHECK(p.network.sent() == 4);
  CHECK(p.network.lost() == 1);
  CHECK(p.alice.count<RequestCompleted>() == 1);
  CHECK(p.finish().empty());
}
