// SPDX-License-Identifier: Apache-2.0
// Session timers: what is agreed, refreshes by UPDATE and re-INVITE, and the end without them. RFC 4028.
#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

CoreOptions timed(std::uint32_t session_expires, Refresher refresher = Refresher::either,
                  std::uint32_t min_se = 90, bool updates = true) {
  CoreOptions options;
  options.user_agent.session_expires = session_expires;
  options.user_agent.refresher = refresher;
  options.user_agent.min_se = min_se;
  if (!updates) options.user_agent.allow = {"INVITE", "ACK", "BYE", "CANCEL"};
  return options;
}

CoreOptions untimed() {
  CoreOptions options;
  options.user_agent.session_timer = false;
  return options;
}

struct Two {
  Two(const CoreOptions& at_alice, const CoreOptions& at_bob)
      : alice(network, "alice", "192.0.2.1", at_alice), bob(network, "bob", "192.0.2.2", at_bob) {
    alice.user = bob.user = answers;
    network.now([this](TimePoint now) { call = *alice.ua().invite(call_to(bob.uri()), now); });
    network.run(milliseconds(1));
  }
  std::string agreed() {
    const auto value = alice.last<CallAnswered>().response->raw(HeaderId::session_expires);
    return std::string(value.value_or("none"));
  }
  std::size_t count(const std::string& label, std::string_view from) {
    // Columns in the order of attaching.
    const std::size_t column = from == "alice" ? 0 : 1;
    std::size_t n = 0;
    for (const auto& arrow : network.ladder().arrows())
      n += arrow.label == label && arrow.from == column;
    return n;
  }

  Network network;
  Phone alice, bob;
  CallId call;
};

/// A peer that we write, called by Alice; it answers with these lines.
struct Written {
  Written(const CoreOptions& options, const Letter& answer)
      : alice(network, "alice", "192.0.2.1", options), peer(network, "peer", "192.0.2.9") {
    network.now([this](TimePoint now) {
      call = *alice.ua().invite(call_to("sip:p@" + peer.where.to_string()), now);
    });
    network.run(milliseconds(1));
    peer.answer(peer.last("INVITE"), "p", answer);
    up = network.time();
  }
  Network network;
  Phone alice;
  Stranger peer;
  CallId call;
  TimePoint up{};
};

Letter expires(const std::string& value, const std::string& allow = "INVITE, BYE, UPDATE") {
  return Letter().add("Session-Expires", value).add("Require", "timer").add("Allow", allow);
}

}  // namespace

TEST_CASE("the two sides agree on who refreshes and how often") {
  CHECK(Two(timed(0), timed(0)).agreed() == "none");
  CHECK(Two(timed(600), timed(0)).agreed() == "600;refresher=uas");
  CHECK(Two(timed(600, Refresher::local), timed(0)).agreed() == "600;refresher=uac");
  CHECK(Two(timed(600), timed(0, Refresher::remote)).agreed() == "600;refresher=uac");
  CHECK(Two(timed(600), timed(300)).agreed() == "300;refresher=uas");
  CHECK(Two(timed(600), timed(1800)).agreed() == "600;refresher=uas");
  CHECK(Two(timed(0), timed(1800)).agreed() == "1800;refresher=uas");
  // A caller that knows nothing of it: the callee does the work (table 2).
  CHECK(Two(untimed(), timed(1800, Refresher::remote)).agreed() == "1800;refresher=uas");
  CHECK(Two(timed(600), untimed()).agreed() == "none");
  // Ten seconds are too few to ask for (section 4).
  CHECK(Two(timed(10), timed(0)).agreed() == "90;refresher=uas");
}

TEST_CASE("refreshes go by UPDATE at half the time where the peer has it, else by re-INVITE") {
  for (const bool updates : {true, false}) {
    for (const char* who : {"alice", "bob"}) {
      const auto mine =
          timed(100, who == std::string("alice") ? Refresher::local : Refresher::either);
      Two t(mine, timed(0, Refresher::either, 90, updates));
      INFO(who << " refreshes, updates " << updates);
      // Bob may always use UPDATE: Alice allows it.
      const bool by_update = updates || who == std::string("bob");
      const std::string method = by_update ? "UPDATE" : "INVITE";
      const std::size_t before = t.count(method, who);
      t.network.run(seconds(49));
      CHECK(t.count(method, who) == before);
      t.network.run(seconds(2));
      CHECK(t.count(method, who) == before + 1);
      t.network.run(seconds(1000));
      CHECK(t.count(method, who) == before + 21);
      Phone& phone = who == std::string("alice") ? t.alice : t.bob;
      Phone& other = who == std::string("alice") ? t.bob : t.alice;
      CHECK(phone.count<SessionRefreshed>() == 21);
      CHECK(phone.count<UpdateCompleted>() == 0);
      CHECK(phone.ua().calls() == 1);
      CHECK(other.ua().calls() == 1);
      if (!by_update) CHECK(other.last<CallReinvited>().request->body() == kOffer);
    }
  }
}

TEST_CASE("422 is tried again with what it wants at least, and a loop of them ends") {
  Two t(timed(100), timed(0, Refresher::either, 300));
  CHECK(t.count("422 INVITE", "bob") == 1);
  CHECK(t.agreed() == "300;refresher=uas");
  CHECK(t.bob.last<CallArrived>().invite->raw(HeaderId::min_se) == "300");

  Network network;
  Phone alice(network, "alice", "192.0.2.1", timed(100));
  Stranger peer(network, "peer", "192.0.2.9");
  network.now([&](TimePoint now) {
    CHECK(alice.ua().invite(call_to("sip:p@" + peer.where.to_string()), now));
  });
  network.run(milliseconds(1));
  for (int least = 200; alice.count<CallEnded>() == 0; least += 100) {
    REQUIRE(least < 1000);
    peer.reply(peer.last("INVITE"), 422, "p", Letter().add("Min-SE", std::to_string(least)));
  }
  CHECK(alice.last<CallEnded>().status == 422);
  CHECK(peer.count("INVITE") == 4);
}

TEST_CASE("a request for less than 90 s gets 422, unless only a proxy asks") {
  Network network;
  Phone bob(network, "bob", "192.0.2.2");
  bob.user = answers;
  Stranger peer(network, "peer", "192.0.2.9");
  Letter invite = peer.request("INVITE", bob).add("Session-Expires", "89");
  Letter able = peer.request("INVITE", bob).add("Session-Expires", "89").add("Supported", "timer");
  peer.send(able, bob.where);
  CHECK(peer.answer_to(able).status() == 422);
  CHECK(peer.answer_to(able).raw(HeaderId::min_se) == "90");
  peer.send(invite, bob.where);
  CHECK(peer.answer_to(invite).status() == 200);
  CHECK(peer.answer_to(invite).raw(HeaderId::session_expires) == "89;refresher=uas");
  CHECK_FALSE(peer.answer_to(invite).has(HeaderId::require));
  // Within the call as well.
  const Message ok = peer.last("200 INVITE").message;
  peer.send(peer.within(invite, ok.view(), "ACK", 1), bob.where);
  for (const char* method : {"UPDATE", "INVITE"}) {
    Letter again = peer.within(invite, ok.view(), method, 2).set("Session-Expires", "40");
    again.add("Supported", "timer");
    peer.send(again, bob.where);
    CHECK(peer.answer_to(again).status() == 422);
  }
}

TEST_CASE("who does not refresh says BYE in time where the other side does not") {
  // Section 10: a third of the interval before its end, at most 32 s.
  for (const auto& [interval, bye] : {std::pair(90, 60), std::pair(300, 268)}) {
    Written t(timed(0), expires(std::to_string(interval) + ";refresher=uas"));
    t.network.run_until(t.up + seconds(bye) - milliseconds(100));
    CHECK(t.peer.count("BYE") == 0);
    t.network.run(milliseconds(200));
    CHECK(t.peer.count("BYE") == 1);
    t.peer.reply(t.peer.last("BYE"), 200, {});
    CHECK(t.alice.last<CallEnded>().cause == CallEnded::Cause::expired);
    t.network.run_to_rest();
    t.alice.must_be_empty();
  }
}

TEST_CASE(
    "481 and silence to a refresh end the call, other refusals are tried again until the end") {
  int status = 0;
  SECTION("481") { status = 481; }
  SECTION("silence") { status = 0; }
  SECTION("500") { status = 500; }
  Written t(timed(0), expires("120;refresher=uac"));
  t.peer.on_message = [&](const Stranger::Heard& heard) {
    if (!heard.message->is_request()) return;
    const Method method = heard.message->method();
    if (method != Method::update && method != Method::bye) return;
    if (method == Method::update && status == 0) return;
    const Letter out =
        t.peer.response(heard.message.view(), method == Method::bye ? 200 : status, {});
    MessageIndex scratch;
    t.peer.queue({*Message::parse(t.peer.pool_, out.text(), scratch),
                  {Transport::udp, t.peer.where, heard.flow.remote, 0},
                  {}});
  };
  t.network.run(seconds(130));
  CHECK(t.peer.count("BYE") == 1);
  const Duration after = t.peer.last("BYE").at - t.up;
  if (status == 481) CHECK(after < seconds(61));
  if (status == 0) CHECK((after > seconds(91) && after < seconds(93)));
  if (status == 500) {
    CHECK((after > seconds(119) && after < seconds(121)));
    CHECK(t.peer.count("UPDATE") >= 4);
    CHECK(t.peer.count("UPDATE") <= 8);
    CHECK(t.alice.last<CallEnded>().cause == CallEnded::Cause::expired);
  }
  CHECK(t.alice.count<CallEnded>() == 1);
  t.network.run_to_rest();
  t.alice.must_be_empty();
}

TEST_CASE(
    "a peer that refuses UPDATE after all is refreshed by re-INVITE, its description unchanged") {
  Written t(timed(0), expires("120;refresher=uac"));
  t.network.run(seconds(61));
  t.peer.reply(t.peer.last("UPDATE"), 405, {});
  REQUIRE(t.peer.count("INVITE") == 2);
  const auto& again = t.peer.last("INVITE");
  CHECK(again.message->body() == kOffer);
  CHECK(again.message->raw(HeaderId::session_expires) == "120;refresher=uac");
  t.peer.answer(again, "p", expires("120;refresher=uac", "INVITE, BYE"));
  CHECK(t.alice.count<SessionRefreshed>() == 1);
  CHECK(t.alice.count<CallAnswered>() == 1);
  CHECK(t.peer.count("ACK") == 2);
}

TEST_CASE("a timer is kept alone with a peer that knows none, and turned off by one that does") {
  Written alone(timed(120), Letter().add("Allow", "INVITE, UPDATE"));
  alone.network.run(milliseconds(60'300));
  CHECK(alone.peer.count("UPDATE") == 1);
  Written off(timed(120), Letter().add("Allow", "INVITE, UPDATE").add("Supported", "timer"));
  off.network.run(seconds(1000));
  CHECK(off.peer.count("UPDATE") == 0);
  CHECK(off.alice.ua().calls() == 1);
}

TEST_CASE("a re-INVITE or UPDATE for other ends is a refresh, too") {
  Written t(timed(0), expires("120;refresher=uac"));
  t.network.run(seconds(50));
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().update(t.call, {}, now)); });
  t.network.run(milliseconds(1));
  t.peer.reply(t.peer.last("UPDATE"), 200, {}, expires("120;refresher=uac"));
  t.network.run(seconds(59));
  CHECK(t.peer.count("UPDATE") == 1);
  t.network.run(milliseconds(1300));
  CHECK(t.peer.count("UPDATE") == 2);
}

TEST_CASE("a refresh that is due while a re-INVITE waits comes after it") {
  Written t(timed(0), expires("120;refresher=uac"));
  t.network.run(seconds(59));
  Letter theirs = t.peer.request("INVITE", t.alice);
  const MessageView ours = t.peer.last("INVITE").message.view();
  theirs.set("From", std::string(*ours.raw(HeaderId::to)) + ";tag=p");
  theirs.set("To", std::string(*ours.raw(HeaderId::from)));
  theirs.set("Call-ID", std::string(ours.call_id()));
  t.peer.send(theirs, t.alice.where);
  REQUIRE(t.alice.count<CallReinvited>() == 1);
  t.network.run(seconds(10));
  CHECK(t.peer.count("UPDATE") == 0);
  // A refusal refreshes nothing.
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().reject(t.call, 488, now)); });
  t.network.run(seconds(25));
  CHECK(t.peer.count("UPDATE") > 0);
}

TEST_CASE("no interval makes us refresh more than twice a second") {
  // Hardening A75.
  for (const char* value : {"0", "1", "2", "4", "5", "2147483648", "4294967295"}) {
    INFO(value);
    Written t(timed(0), expires(std::string(value) + ";refresher=uac"));
    t.peer.on_message = [&](const Stranger::Heard& heard) {
      if (heard.message->method() != Method::update || !heard.message->is_request()) return;
      Letter out = t.peer.response(heard.message.view(), 200, {});
      out.add("Session-Expires", std::string(value) + ";refresher=uac").add("Require", "timer");
      MessageIndex scratch;
      t.peer.queue({*Message::parse(t.peer.pool_, out.text(), scratch),
                    {Transport::udp, t.peer.where, heard.flow.remote, 0},
                    {}});
    };
    t.network.run(seconds(20));
    CHECK(t.peer.count("UPDATE") <= 40);
    CHECK(t.alice.ua().calls() == 1);
  }
}
