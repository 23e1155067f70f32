// SPDX-License-Identifier: Apache-2.0
// Offers and answers across a B2BUA: early, late, in PRACK, UPDATE and re-INVITE; glare, forks, timers; and
// everything at random over a network that loses packets.
#include <cstdlib>

#include "dialog/phones.hpp"
#include "server/b2bua_fixture.hpp"

using namespace sipstack;
using namespace sipstack::testing_b2bua;

namespace {

/// Bob says these provisionals (reliably), then answers.
Agent::User rings_with(std::string sdp, bool answer = true) {
  return [=](Agent& phone, const UserEvent& event, TimePoint now) {
    if (const auto* call = std::get_if<CallArrived>(&event)) {
      phone.ua().ring(call->call, 183, now, sdp, {}, true);
      if (answer) phone.ua().accept(call->call, kOfBob, now);
    } else {
      Bridged::answers()(phone, event, now);
    }
  };
}

std::string o_line(const Wire& w) { return w.line("o="); }

}  // namespace

TEST_CASE("b2bua: a late offer goes from the callee's 2xx to the caller's ACK and back") {
  Bridged t;
  t.call(Bridged::without_offer());
  CHECK(t.alice.count<CallAnswered>() == 1);
  CHECK_FALSE(t.last("b2bua", "bob", "INVITE").has("m=audio"));
  CHECK(t.last("b2bua", "alice", "200 INVITE").has("c=IN IP4 192.0.2.2"));
  CHECK(t.last("b2bua", "bob", "ACK").has("c=IN IP4 192.0.2.1"));
  CHECK(t.bob.count<CallConfirmed>() == 1);
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: a caller that gives no answer to a late offer loses the call on both sides") {
  Bridged t;
  t.alice.user = nullptr;  // never acknowledges: no ACK from her at all
  t.call(Bridged::without_offer(), seconds(80));
  CHECK(t.bob.count<CallEnded>() == 1);
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: early media and reliable provisionals, independent and coupled") {
  for (const auto how : {ReliableRelay::independent, ReliableRelay::coupled}) {
    B2buaOptions options;
    options.reliable = how;
    Bridged t(options);
    t.bob.user = rings_with(kOfBob);
    t.call();
    CHECK(t.alice.count<CallAnswered>() == 1);
    CHECK(t.sent("alice", "b2bua", "PRACK") == 1);
    CHECK(t.sent("b2bua", "bob", "PRACK") == 1);
    const Wire early = t.last("b2bua", "alice", "183 INVITE");
    CHECK(early.has("c=IN IP4 192.0.2.2"));
    CHECK_FALSE(early.line("RSeq: ").empty());
    // What is settled is not said again in the 2xx (RFC 6337 section 3.1), or said in the same way.
    CHECK_FALSE(t.last("b2bua", "alice", "200 INVITE").has("m=audio"));
    CHECK(t.sent("b2bua", "alice", "INVITE") == 0);
    CHECK(t.finish() == "");
  }
}

TEST_CASE("b2bua: the offer of a reliable provisional is answered by the caller's PRACK") {
  Bridged t;
  t.bob.user = rings_with(kOfBob);
  t.call(Bridged::without_offer());
  CHECK(t.alice.count<CallAnswered>() == 1);
  CHECK(t.last("b2bua", "alice", "183 INVITE").has("c=IN IP4 192.0.2.2"));
  CHECK(t.last("b2bua", "bob", "PRACK").has("c=IN IP4 192.0.2.1"));
  CHECK(t.finish() == "");
  // A caller without 100rel could not answer it: then there is none.
  CoreOptions plain;
  plain.user_agent.reliable = ExtensionUse::off;
  Bridged u({}, plain);
  u.call(Bridged::without_offer());
  CHECK(u.alice.count<CallAnswered>() == 1);
  CHECK_FALSE(u.last("b2bua", "bob", "INVITE").has("100rel"));
  CHECK(u.finish() == "");
}

TEST_CASE("b2bua: an UPDATE crosses while it rings, an offer in PRACK where both are coupled") {
  const std::string again = description("alice", "192.0.2.1", 2, "a=sendonly\r\n");
  {
    Bridged t;
    t.bob.user = rings_with(kOfBob, false);
    const CallId call = t.call();
    t.then([&](TimePoint now) { CHECK_FALSE(t.alice.ua().update(call, again, now)); });
    CHECK(t.last("b2bua", "bob", "UPDATE").has("a=sendonly"));
    REQUIRE(t.alice.count<UpdateCompleted>() == 1);
    CHECK(t.alice.last<UpdateCompleted>()->status == 200);
    t.then([&](TimePoint now) { t.bob.ua().accept(t.of_bob(), {}, now); });
    CHECK(t.alice.count<CallAnswered>() == 1);
    CHECK(t.finish() == "");
  }
  B2buaOptions options;
  options.reliable = ReliableRelay::coupled;
  Bridged t(options);
  t.bob.user = rings_with(kOfBob);
  t.alice.user = [&](Agent& phone, const UserEvent& event, TimePoint now) {
    if (const auto* progress = std::get_if<CallProgress>(&event))
      phone.ua().acknowledge(progress->call, again, now);
  };
  CallOptions o = Bridged::call_to_b2bua();
  o.prack_by_application = true;
  t.call(o);
  CHECK(t.last("b2bua", "bob", "PRACK").has("a=sendonly"));
  CHECK(t.alice.count<UpdateCompleted>() == 1);
  CHECK(t.alice.count<CallAnswered>() == 1);
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: re-INVITEs cross in both directions, and o= counts what has changed") {
  Bridged t;
  const CallId call = t.call();
  const std::string first = o_line(t.last("b2bua", "bob", "INVITE"));
  CHECK(first.substr(first.find(' ', 2)) == " 1 IN IP4 0.0.0.0");
  t.then([&](TimePoint now) {
    CHECK_FALSE(
        t.alice.ua().reinvite(call, description("alice", "192.0.2.1", 2, "a=sendonly\r\n"), now));
  });
  const Wire hold = t.last("b2bua", "bob", "INVITE");
  CHECK(hold.has("a=sendonly"));
  CHECK(o_line(hold).substr(0, o_line(hold).find(' ', 2)) == first.substr(0, first.find(' ', 2)));
  CHECK(o_line(hold).substr(o_line(hold).find(' ', 2)) == " 2 IN IP4 0.0.0.0");
  CHECK(t.alice.count<CallAnswered>() == 2);
  // The same again is no new version (RFC 3264 section 8).
  t.then([&](TimePoint now) {
    CHECK_FALSE(
        t.alice.ua().reinvite(call, description("alice", "192.0.2.1", 3, "a=sendonly\r\n"), now));
  });
  CHECK(o_line(t.last("b2bua", "bob", "INVITE")) == o_line(hold));
  // From Bob, and without an offer.
  t.then([&](TimePoint now) { CHECK_FALSE(t.bob.ua().reinvite(t.of_bob(), {}, now)); });
  CHECK_FALSE(t.last("b2bua", "alice", "INVITE").has("m=audio"));
  CHECK(t.last("b2bua", "alice", "ACK").has("c=IN IP4 192.0.2.2"));
  CHECK(t.bob.count<CallAnswered>() == 1);
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: a refused re-INVITE changes nothing, and a withdrawn one is withdrawn") {
  Bridged t;
  t.bob.user = [](Agent& phone, const UserEvent& event, TimePoint now) {
    if (const auto* again = std::get_if<CallReinvited>(&event))
      phone.ua().reject(again->call, 488, now);
    else
      Bridged::answers()(phone, event, now);
  };
  const CallId call = t.call();
  t.then([&](TimePoint now) { t.alice.ua().reinvite(call, kOfAlice, now); });
  CHECK(t.alice.last<ReinviteFailed>()->status == 488);
  // Bob says nothing; Alice takes it back.
  t.bob.user = [](Agent& phone, const UserEvent& event, TimePoint now) {
    if (!std::holds_alternative<CallReinvited>(event)) Bridged::answers()(phone, event, now);
  };
  t.then([&](TimePoint now) { t.alice.ua().reinvite(call, kOfAlice, now); });
  t.then([&](TimePoint now) { CHECK_FALSE(t.alice.ua().cancel_reinvite(call, now)); });
  CHECK(t.alice.last<ReinviteFailed>()->status == 487);
  CHECK(t.sent("b2bua", "bob", "CANCEL") == 1);
  CHECK(t.bob.count<OfferWithdrawn>() == 1);
  CHECK(t.alice.ua().calls() == 1);
  // It can be done again.
  t.bob.user = Bridged::answers();
  t.then([&](TimePoint now) { t.alice.ua().reinvite(call, kOfAlice, now); });
  CHECK(t.alice.last<CallAnswered>()->reinvite);
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: a yes that comes too late is taken back: both have what they had") {
  NetworkOptions slow;
  slow.delay_min = slow.delay_max = milliseconds(20);
  Bridged t({}, {}, slow);
  const CallId call = t.call();
  const TimePoint at = t.network.time();
  t.bob.user = [](Agent& phone, const UserEvent& event, TimePoint now) {
    if (!std::holds_alternative<CallReinvited>(event)) Bridged::answers()(phone, event, now);
  };
  t.network.at(at, [&](TimePoint now) {
    t.alice.ua().reinvite(call, description("alice", "192.0.2.1", 2, "a=sendonly\r\n"), now);
  });
  t.network.at(at + milliseconds(300),
               [&](TimePoint now) { t.alice.ua().cancel_reinvite(call, now); });
  t.network.at(at + milliseconds(330),
               [&](TimePoint now) { t.bob.ua().accept(t.of_bob(), kOfBob, now); });
  t.network.run(milliseconds(335));
  t.bob.user = Bridged::answers();
  t.network.run(seconds(10));
  CHECK(t.alice.last<ReinviteFailed>()->status == 487);
  INFO(t.network.ladder().text());
  REQUIRE(t.bob.count<OfferReceived>() == 1);
  CHECK(t.bob.last<OfferReceived>()->request->body().find("a=sendonly") == std::string_view::npos);
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: glare on both legs is resolved, or passed on") {
  NetworkOptions slow;
  slow.delay_min = slow.delay_max = milliseconds(20);
  for (const bool handle : {true, false}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      slow.seed = seed;
      B2buaOptions options;
      options.handle_glare = handle;
      Bridged t(options, {}, slow);
      const CallId call = t.call();
      t.then(
          [&](TimePoint now) {
            t.alice.ua().reinvite(call, description("alice", "192.0.2.1", 2), now);
            t.bob.ua().reinvite(t.of_bob(), description("bob", "192.0.2.2", 2), now);
          },
          seconds(30));
      INFO("seed " << seed << "\n" << t.network.ladder().text());
      CHECK(t.sent("b2bua", "alice", "491 INVITE") + t.sent("b2bua", "bob", "491 INVITE") >= 1);
      // Both have heard of their own; the call stands.
      CHECK(t.alice.count<CallAnswered>() - 1 + t.alice.count<ReinviteFailed>() == 1);
      CHECK(t.bob.count<CallAnswered>() + t.bob.count<ReinviteFailed>() == 1);
      CHECK(t.alice.ua().calls() == 1);
      CHECK(t.bob.ua().calls() == 1);
      CHECK(t.finish() == "");
    }
  }
}

TEST_CASE("b2bua: a re-INVITE ahead of the other side's ACK waits for it") {
  NetworkOptions slow;
  slow.delay_min = slow.delay_max = milliseconds(20);
  Bridged t({}, {}, slow);
  t.bob.user = [](Agent& phone, const UserEvent& event, TimePoint now) {
    Bridged::answers()(phone, event, now);
    if (const auto* up = std::get_if<CallConfirmed>(&event))
      if (phone.count<CallConfirmed>() == 1) phone.ua().reinvite(up->call, kOfBob, now);
  };
  // Alice's ACK takes its time.
  t.fate = [](const Packet& p) {
    return p.label() == "ACK" ? Fate::delayed(milliseconds(60)) : Fate();
  };
  t.call(Bridged::call_to_b2bua(), seconds(5));
  CHECK(t.sent("b2bua", "bob", "491 INVITE") == 0);
  CHECK(t.bob.count<CallAnswered>() == 1);
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: UPDATE crosses as UPDATE, or as re-INVITE where the other side has none") {
  for (const bool has : {true, false}) {
    CoreOptions plain;
    if (!has) plain.user_agent.allow = {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO"};
    Network network;
    Agent alice(network, "alice", "192.0.2.1");
    B2buaOptions options;
    options.to.targets = {"sip:bob@192.0.2.2:5060"};
    Agent b2bua(network, "b2bua", "192.0.2.5", Bridged::with(options, {}));
    Agent bob(network, "bob", "192.0.2.2", plain);
    bob.user = Bridged::answers();
    CallId call;
    network.now(
        [&](TimePoint now) { call = alice.ua().invite(Bridged::call_to_b2bua(), now).value(); });
    network.run(seconds(1));
    network.now([&](TimePoint now) { CHECK_FALSE(alice.ua().update(call, kOfAlice, now)); });
    network.run(seconds(1));
    REQUIRE(alice.count<UpdateCompleted>() == 1);
    CHECK(alice.last<UpdateCompleted>()->status == 200);
    CHECK(bob.count<OfferReceived>() == (has ? 1 : 0));
    CHECK(bob.count<CallReinvited>() == (has ? 0 : 1));
  }
}

TEST_CASE("b2bua: the media hook stands between the descriptions, and may refuse") {
  B2buaOptions options;
  int asked = 0;
  options.media = [&](CallId call, Side from, std::string_view sdp) -> std::optional<std::string> {
    CHECK(call);
    ++asked;
    if (sdp.find("a=bad") != std::string_view::npos) return std::nullopt;
    std::string out(sdp);
    const std::string ip = from == Side::a ? "192.0.2.1" : "192.0.2.2";
    for (std::size_t at = out.find("c=IN IP4 " + ip); at != std::string::npos;
         at = std::string::npos)
      out.replace(at + 9, ip.size(), "203.0.113.7");
    return out;
  };
  Bridged t(options);
  const CallId call = t.call();
  CHECK(t.last("b2bua", "bob", "INVITE").has("c=IN IP4 203.0.113.7"));
  CHECK(t.last("b2bua", "alice", "200 INVITE").has("c=IN IP4 203.0.113.7"));
  CHECK_FALSE(t.last("b2bua", "bob", "INVITE").has("192.0.2.1"));
  CHECK(asked == 2);
  t.then([&](TimePoint now) { t.alice.ua().reinvite(call, kOfAlice + "a=bad\r\n", now); });
  CHECK(t.alice.last<ReinviteFailed>()->status == 488);
  CHECK(t.sent("b2bua", "bob", "INVITE") == 1);
  CallOptions o = Bridged::call_to_b2bua();
  o.body += "a=bad\r\n";
  t.call(o);
  CHECK(t.alice.last<CallEnded>()->status == 488);
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: each leg has a session timer of its own") {
  UserAgentOptions ours;
  ours.session_expires = 600;
  Bridged t({}, {}, {}, ours);
  CallOptions o = Bridged::call_to_b2bua();
  o.session_expires = 120;
  t.call(o);
  CHECK(t.last("b2bua", "bob", "INVITE").line("Session-Expires: ").substr(0, 3) == "600");
  CHECK(t.last("alice", "b2bua", "INVITE").line("Session-Expires: ").substr(0, 3) == "120");
  t.network.run(seconds(500));
  // Alice's is refreshed every minute, Bob's not before five: refreshes end at the B2BUA.
  CHECK(t.sent("alice", "b2bua", "UPDATE") + t.sent("b2bua", "alice", "UPDATE") >= 7);
  CHECK(t.sent("bob", "b2bua", "UPDATE") + t.sent("b2bua", "bob", "UPDATE") == 1);
  CHECK(t.alice.ua().calls() == 1);
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: another fork answers than the caller was told of, and she is told anew") {
  Network network;
  Agent alice(network, "alice", "192.0.2.1");
  alice.user = Bridged::answers();
  B2buaOptions options;
  options.to.targets = {"sip:bob@192.0.2.2:5060"};
  Agent b2bua(network, "b2bua", "192.0.2.5", Bridged::with(options, {}));
  Stranger forks(network, "forks", "192.0.2.2");
  network.now([&](TimePoint now) { alice.ua().invite(Bridged::call_to_b2bua(), now).value(); });
  network.run(seconds(1));
  const Stranger::Heard invite = forks.last("INVITE");
  Letter early, answer;
  early.with("application/sdp", description("one", "192.0.2.11"));
  early.add("Require", "100rel").add("RSeq", "5");
  answer.with("application/sdp", description("two", "192.0.2.12"));
  forks.answer(invite, "one", early, 183);
  network.run(seconds(1));
  CHECK(alice.last<CallProgress>()->response->has(HeaderId::rseq));
  forks.answer(invite, "two", answer);
  network.run(seconds(1));
  CHECK(alice.count<CallAnswered>() == 1);
  REQUIRE(alice.count<OfferReceived>() == 1);
  CHECK(alice.last<OfferReceived>()->request->body().find("192.0.2.12") != std::string_view::npos);
}

TEST_CASE("b2bua: everything at random, over a network that loses packets, leaves nothing") {
  const std::uint64_t last = std::getenv("SIPSTACK_EXHAUSTIVE") != nullptr ? 20000 : 150;
  std::size_t crossed = 0;
  for (std::uint64_t seed = 1; seed <= last; ++seed) {
    NetworkOptions lossy;
    lossy.seed = seed;
    lossy.loss = seed % 3 == 0 ? 0.15 : 0;
    lossy.duplicate = 0.05;
    lossy.delay_max = milliseconds(40);
    lossy.ladder_limit = 400;
    B2buaOptions options;
    options.reliable = seed % 2 == 0 ? ReliableRelay::coupled : ReliableRelay::independent;
    CoreOptions phones;
    phones.user_agent.notifier.refer = true;
    Bridged t(options, phones, lossy);
    SeededRandom dice(seed);
    if (dice.below(2) == 0) t.bob.user = rings_with(kOfBob, dice.below(3) != 0);
    CallId a = t.call(dice.below(2) == 0 ? Bridged::without_offer() : Bridged::call_to_b2bua(),
                      milliseconds(1));
    const TimePoint begin = t.network.time();
    for (int i = 0; i < 6; ++i) {
      const auto what = dice.below(9);
      const bool alice = dice.below(2) == 0;
      const int version = static_cast<int>(2 + i);
      t.network.at(begin + milliseconds(dice.below(400)), [&, what, alice, version](TimePoint now) {
        Agent& who = alice ? t.alice : t.bob;
        const auto* arrived = t.bob.last<CallArrived>();
        const CallId id = alice ? a : arrived == nullptr ? CallId() : arrived->call;
        const std::string sdp = description("x", alice ? "192.0.2.1" : "192.0.2.2", version);
        switch (what) {
          case 0: who.ua().reinvite(id, sdp, now); break;
          case 1: who.ua().reinvite(id, {}, now); break;
          case 2: who.ua().update(id, sdp, now); break;
          case 3: who.ua().cancel_reinvite(id, now); break;
          case 4: static_cast<void>(who.ua().request(id, "INFO", "text/plain", "x", now)); break;
          case 5: {
            ReferOptions refer;
            refer.refer_to = "<sip:c@192.0.2.9>";
            static_cast<void>(who.ua().refer(id, refer, now));
            break;
          }
          case 6: who.ua().accept(id, sdp, now); break;
          case 7: who.ua().reject(id, 486, now); break;
          default: who.ua().hang_up(id, now); break;
        }
      });
    }
    t.network.run(seconds(3));
    t.then([&](TimePoint now) { t.alice.ua().hang_up(a, now); }, seconds(300));
    INFO("seed " << seed << "\n" << t.network.ladder().text());
    CHECK(t.bob.count<CallEnded>() == t.bob.count<CallArrived>());
    CHECK(t.alice.count<CallEnded>() == 1);
    crossed += t.bob.count<CallReinvited>() + t.bob.count<OfferReceived>() +
               t.alice.count<CallReinvited>() + t.alice.count<OfferReceived>();
    CHECK(t.finish() == "");
  }
  CHECK(crossed > last / 3);
}

namespace {

/// What one phone holds agreed: its own description and the other's, by their labels.
struct Agreed {
  std::string mine, theirs, offered;
};

std::string label_of(const MessageView& m) {
  const auto at = m.body().find("a=label:");
  return at == std::string_view::npos ? "" : std::string(m.body().substr(at + 8, 4));
}

/// Says yes to everything with the description that it has, and remembers what was agreed.
Agent::User agrees(Agreed& state) {
  return [&state](Agent& phone, const UserEvent& event, TimePoint now) {
    const std::string own =
        description(phone.name(), "192.0.2.77", 1, "a=label:" + state.mine + "\r\n");
    const auto took = [&](const Message& m) {
      state.mine = std::exchange(state.offered, "");
      state.theirs = label_of(m.view());
    };
    if (const auto* call = std::get_if<CallArrived>(&event)) {
      state.theirs = label_of(call->invite.view());
      phone.ua().accept(call->call, own, now);
    } else if (const auto* again = std::get_if<CallReinvited>(&event)) {
      if (!phone.ua().accept(again->call, own, now)) state.theirs = label_of(again->request.view());
    } else if (const auto* offer = std::get_if<OfferReceived>(&event)) {
      if (!phone.ua().accept_offer(offer->call, own, now))
        state.theirs = label_of(offer->request.view());
    } else if (const auto* answered = std::get_if<CallAnswered>(&event)) {
      took(answered->response);
    } else if (const auto* updated = std::get_if<UpdateCompleted>(&event)) {
      if (updated->status / 100 == 2) took(updated->response);
      state.offered.clear();
    } else if (std::holds_alternative<ReinviteFailed>(event)) {
      state.offered.clear();
    }
  };
}

}  // namespace

TEST_CASE("b2bua: whatever crosses, both sides agree in the end") {
  std::size_t exchanges = 0;
  const std::uint64_t last = std::getenv("SIPSTACK_EXHAUSTIVE") != nullptr ? 20000 : 100;
  for (std::uint64_t seed = 1; seed <= last; ++seed) {
    NetworkOptions slow;
    slow.seed = seed;
    slow.delay_max = milliseconds(60);
    B2buaOptions options;
    options.handle_glare = seed % 2 == 0;
    Bridged t(options, {}, slow);
    Agreed alice{"a000", "", "a000"}, bob{"b000", "", ""};
    t.alice.user = agrees(alice);
    t.bob.user = agrees(bob);
    CallOptions o = Bridged::call_to_b2bua();
    o.body = description("alice", "192.0.2.77", 1, "a=label:a000\r\n");
    const CallId a = t.call(o);
    SeededRandom dice(seed);
    const TimePoint begin = t.network.time();
    for (int i = 0; i < 6; ++i) {
      const bool by_alice = dice.below(2) == 0;
      const auto what = dice.below(3);
      t.network.at(begin + milliseconds(dice.below(600)), [&, i, by_alice, what](TimePoint now) {
        Agent& phone = by_alice ? t.alice : t.bob;
        Agreed& state = by_alice ? alice : bob;
        const CallId id = by_alice ? a : t.of_bob();
        if (what == 2) {
          phone.ua().cancel_reinvite(id, now);
          return;
        }
        if (!state.offered.empty()) return;
        const std::string label = (by_alice ? "a10" : "b10") + std::to_string(i);
        const std::string sdp =
            description(phone.name(), "192.0.2.77", 2, "a=label:" + label + "\r\n");
        const auto error =
            what == 0 ? phone.ua().reinvite(id, sdp, now) : phone.ua().update(id, sdp, now);
        if (!error) state.offered = label;
      });
    }
    t.network.run(seconds(40));
    INFO("seed " << seed << "\n" << t.network.ladder().text());
    CHECK(t.alice.ua().calls() == 1);
    CHECK(alice.offered + bob.offered == "");
    CHECK(alice.mine == bob.theirs);
    CHECK(alice.theirs == bob.mine);
    exchanges += alice.mine != "a000" || bob.mine != "b000" ? 1U : 0U;
    CHECK(t.finish() == "");
  }
  CHECK(exchanges > last / 2);
}
