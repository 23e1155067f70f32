// SPDX-License-Identifier: Apache-2.0
// REFER, Replaces, and the transfers that are made of them. RFC 3515, 3891, 3892, 4488; flows of RFC 5589
// sections 6.1 and 7.3, RFC 5359 sections 2.4 and 2.5.
#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

using State = SubscriptionChanged::State;
using Cause = CallEnded::Cause;

CoreOptions transferable() {
  CoreOptions options;
  options.user_agent.notifier.refer = true;
  return options;
}

/// Answers calls and follows whoever refers it.
void obliges(Phone& phone, const UserEvent& event, TimePoint now) {
  answers(phone, event, now);
  if (const auto* refer = std::get_if<ReferArrived>(&event)) {
    CallOptions call;
    call.from = "sip:transferee@t.invalid";
    call.content_type = "application/sdp";
    call.body = kOffer;
    const auto made = phone.ua().follow(refer->referral, call, now);
    if (!made) CHECK_FALSE(phone.ua().reject(refer->referral, 603, now));
  }
}

/// Alice (transferor) in a call with Bob (transferee), and Carol (target).
struct ThreePhones {
  explicit ThreePhones(const NetworkOptions& options = {}, const CoreOptions& core = transferable())
      : network(options),
        alice(network, "alice", "192.0.2.1", core),
        bob(network, "bob", "192.0.2.2", core),
        carol(network, "carol", "192.0.2.3", core) {
    bob.user = obliges;
    carol.user = answers;
  }
  CallId call(Phone& from, Phone& to) {
    CallId id;
    network.now([&](TimePoint now) { id = from.ua().invite(call_to(to.uri()), now).value(); });
    network.run(milliseconds(10));
    return id;
  }
  SubscriptionId refer(CallId id, const std::string& refer_to, bool subscribe = true) {
    SubscriptionId made;
    network.now([&](TimePoint now) {
      ReferOptions options;
      options.refer_to = refer_to;
      options.referred_by = "sip:alice@a.invalid";
      options.subscribe = subscribe;
      made = alice.ua().refer(id, options, now).value();
    });
    network.run(milliseconds(20));
    return made;
  }
  void hang_up(Phone& phone, CallId id) {
    network.now([&](TimePoint now) { phone.ua().hang_up(id, now); });
    network.run(milliseconds(10));
  }
  int told() { return sipfrag_status(alice.last<NotifyReceived>().notify->body()); }
  void must_come_to_rest() {
    CHECK(network.run_to_rest(network.time() + seconds(1000)));
    alice.must_be_empty();
    bob.must_be_empty();
    carol.must_be_empty();
  }

  Network network;
  Phone alice;
  Phone bob;
  Phone carol;
};

}  // namespace

TEST_CASE("blind transfer: Bob is referred to Carol, and Alice leaves when it has worked") {
  ThreePhones t;
  const CallId call = t.call(t.alice, t.bob);
  t.alice.user = [&](Phone& alice, const UserEvent& event, TimePoint now) {
    const auto* notify = std::get_if<NotifyReceived>(&event);
    if (notify != nullptr && sipfrag_status(notify->notify->body()) == 200)
      CHECK_FALSE(alice.ua().hang_up(call, now));
  };
  t.refer(call, t.carol.uri());
  CHECK(t.network.ladder().text_without_times() ==
        "alice                   bob                     carol\n"
        "|--INVITE-------------->|                       |\n"
        "|<-180 INVITE-----------|                       |\n"
        "|<-200 INVITE-----------|                       |\n"
        "|--ACK----------------->|                       |\n"
        "|--REFER--------------->|                       |\n"
        "|                       |--INVITE-------------->|\n"
        "|<-202 REFER------------|                       |\n"
        "|<-NOTIFY---------------|                       |\n"
        "|                       |<-180 INVITE-----------|\n"
        "|                       |<-200 INVITE-----------|\n"
        "|--200 NOTIFY---------->|                       |\n"
        "|                       |--ACK----------------->|\n"
        "|<-NOTIFY---------------|                       |\n"
        "|--200 NOTIFY---------->|                       |\n"
        "|--BYE----------------->|                       |\n"
        "|<-200 BYE--------------|                       |\n");
  CHECK(t.told() == 200);
  const MessageView last = t.alice.last<NotifyReceived>().notify.view();
  CHECK(last.raw(HeaderId::subscription_state) == "terminated;reason=noresource");
  CHECK(last.get(hdr::content_type)->is("message", "sipfrag"));
  CHECK(last.raw(HeaderId::event) == "refer");
  CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
  CHECK(t.alice.last<SubscriptionChanged>().reason == "noresource");
  CHECK(t.carol.last<CallArrived>().invite->raw(HeaderId::referred_by) == "<sip:alice@a.invalid>");
  CHECK(t.bob.ua().calls() == 1);
  CHECK(t.alice.ua().calls() == 0);
  t.hang_up(t.carol, t.carol.last<CallArrived>().call);
  t.must_come_to_rest();
}

TEST_CASE("blind transfer to somebody who declines: Alice is told, and still has her call") {
  ThreePhones t;
  t.carol.user = [](Phone& carol, const UserEvent& event, TimePoint now) {
    if (const auto* arrived = std::get_if<CallArrived>(&event))
      carol.ua().reject(arrived->call, 486, now);
  };
  const CallId call = t.call(t.alice, t.bob);
  t.refer(call, t.carol.uri());
  CHECK(t.told() == 486);
  CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
  CHECK(t.alice.ua().calls() == 1);
  t.hang_up(t.alice, call);
  t.must_come_to_rest();
}

TEST_CASE("a transferor that leaves at once is told the outcome all the same") {
  // RFC 5589 section 6.1 has the BYE behind the NOTIFY; many phones do not wait. The dialog outlives the
  // call (RFC 5057).
  ThreePhones t;
  t.carol.user = nullptr;
  const CallId call = t.call(t.alice, t.bob);
  t.refer(call, t.carol.uri());
  t.hang_up(t.alice, call);
  CHECK(t.alice.ua().calls() == 0);
  CHECK(t.alice.ua().subscriptions() == 1);
  CHECK(t.bob.ua().calls() == 1);
  t.network.now(
      [&](TimePoint now) { t.carol.ua().accept(t.carol.last<CallArrived>().call, kAnswer, now); });
  t.network.run(milliseconds(20));
  CHECK(t.told() == 200);
  CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
  CHECK(t.bob.last<NotifierEnded>().cause == NotifierEnded::Cause::terminated);
  t.hang_up(t.carol, t.carol.last<CallArrived>().call);
  t.must_come_to_rest();
}

TEST_CASE("what is to be told behind a BYE of ours waits for its answer") {
  ThreePhones t;
  t.carol.user = nullptr;
  const CallId call = t.call(t.alice, t.bob);
  t.refer(call, t.carol.uri());
  t.network.drop([](const Packet& p) { return p.label() == "200 BYE"; });
  t.hang_up(t.bob, t.bob.last<CallArrived>().call);
  t.network.now(
      [&](TimePoint now) { t.carol.ua().accept(t.carol.last<CallArrived>().call, kAnswer, now); });
  t.network.run(milliseconds(20));
  CHECK(t.told() == 100);
  t.network.drop(nullptr);
  t.network.run(seconds(1));
  CHECK(t.told() == 200);
  t.hang_up(t.carol, t.carol.last<CallArrived>().call);
  t.must_come_to_rest();
}

TEST_CASE("attended transfer: Carol's call with Alice is replaced by Bob's") {
  ThreePhones t;
  const CallId first = t.call(t.alice, t.bob);
  const CallId consultation = t.call(t.alice, t.carol);
  const CallId carols = t.carol.last<CallArrived>().call;
  t.alice.user = [&](Phone& alice, const UserEvent& event, TimePoint now) {
    const auto* notify = std::get_if<NotifyReceived>(&event);
    if (notify != nullptr && sipfrag_status(notify->notify->body()) == 200)
      alice.ua().hang_up(first, now);
  };
  t.refer(first, t.alice.ua().refer_to(consultation));
  // RFC 5589 section 7.3, from the REFER on.
  const std::string ladder = t.network.ladder().text_without_times();
  CHECK(ladder.substr(ladder.find("|--REFER")) ==
        "|--REFER--------------->|                       |\n"
        "|                       |--INVITE-------------->|\n"
        "|<-202 REFER------------|                       |\n"
        "|<-NOTIFY---------------|                       |\n"
        "|                       |<-180 INVITE-----------|\n"
        "|                       |<-200 INVITE-----------|\n"
        "|<-BYE------------------------------------------|\n"
        "|--200 NOTIFY---------->|                       |\n"
        "|                       |--ACK----------------->|\n"
        "|--200 BYE------------------------------------->|\n"
        "|<-NOTIFY---------------|                       |\n"
        "|--200 NOTIFY---------->|                       |\n"
        "|--BYE----------------->|                       |\n"
        "|<-200 BYE--------------|                       |\n");
  CHECK(t.carol.last<CallArrived>().replaces == carols);
  CHECK(t.carol.last<CallEnded>().cause == Cause::local_bye);
  CHECK(t.alice.ua().calls() == 0);
  CHECK(t.bob.ua().calls() == 1);
  CHECK(t.carol.ua().calls() == 1);
  t.hang_up(t.carol, t.carol.last<CallArrived>().call);
  t.must_come_to_rest();
}

TEST_CASE("transfers come to an end over a network that loses a third") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO(seed);
    NetworkOptions lossy;
    lossy.seed = seed;
    lossy.loss = 0.3;
    lossy.duplicate = 0.1;
    lossy.delay_max = milliseconds(200);
    ThreePhones t(lossy);
    const CallId call = t.call(t.alice, t.bob);
    t.network.run(seconds(40));
    if (t.alice.count<CallAnswered>() == 0 || t.alice.ua().calls() == 0) continue;
    t.network.now([&](TimePoint now) {
      ReferOptions options;
      options.refer_to = t.carol.uri();
      t.alice.ua().refer(call, options, now);
    });
    t.network.run(seconds(400));
    CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
    for (Phone* phone : {&t.alice, &t.bob, &t.carol})
      t.network.now([phone](TimePoint now) { phone->ua().shut_down(now); });
    t.must_come_to_rest();
  }
}

TEST_CASE("a REFER without subscription gets none") {
  ThreePhones t;
  const CallId call = t.call(t.alice, t.bob);
  t.refer(call, t.carol.uri(), false);
  CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
  CHECK(t.alice.last<SubscriptionChanged>().reason == "norefersub");
  CHECK(t.alice.count<NotifyReceived>() == 0);
  CHECK(t.bob.last<NotifierEnded>().cause == NotifierEnded::Cause::no_subscription);
  CHECK(t.carol.count<CallArrived>() == 1);
  for (Phone* phone : {&t.alice, &t.bob})
    t.network.now([phone](TimePoint now) { phone->ua().shut_down(now); });
  t.must_come_to_rest();
}

TEST_CASE("a REFER outside any dialog makes one of its own") {
  ThreePhones t;
  t.network.now([&](TimePoint now) {
    ReferOptions options;
    options.target = t.bob.uri();
    options.refer_to = t.carol.uri(";method=INVITE") + "?Subject=hello&From=sip%3Aevil%40x&Body=no";
    t.alice.ua().refer(options, now).value();
  });
  t.network.run(milliseconds(20));
  CHECK(t.told() == 200);
  CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
  const MessageView invite = t.carol.last<CallArrived>().invite.view();
  CHECK(invite.uri_text() == t.carol.uri());
  CHECK(invite.raw(HeaderId::subject) == "hello");
  // RFC 3261 section 19.1.5: nobody puts words into our mouth.
  CHECK(invite.get(hdr::from)->uri.text == "sip:transferee@t.invalid");
  CHECK(invite.body() == kOffer);
  t.hang_up(t.carol, t.carol.last<CallArrived>().call);
  t.must_come_to_rest();
}

TEST_CASE("two REFERs in one dialog are told apart by their numbers") {
  ThreePhones t;
  t.carol.user = nullptr;
  const CallId call = t.call(t.alice, t.bob);
  const SubscriptionId one = t.refer(call, t.carol.uri());
  const SubscriptionId two = t.refer(call, t.carol.uri());
  REQUIRE(t.carol.count<CallArrived>() == 2);
  CHECK(t.alice.last<NotifyReceived>().subscription == two);
  CHECK(t.alice.last<NotifyReceived>().notify->raw(HeaderId::event) == "refer;id=3");
  const auto answer = [&](std::size_t nth, int status) {
    std::size_t n = 0;
    for (const auto& event : t.carol.events)
      if (const auto* arrived = std::get_if<CallArrived>(&event); arrived && n++ == nth)
        t.network.now(
            [&, id = arrived->call](TimePoint now) { t.carol.ua().reject(id, status, now); });
    t.network.run(milliseconds(20));
  };
  answer(1, 486);
  CHECK(t.alice.last<SubscriptionChanged>().subscription == two);
  CHECK(t.told() == 486);
  answer(0, 480);
  CHECK(t.alice.last<SubscriptionChanged>().subscription == one);
  CHECK(t.told() == 480);
  t.hang_up(t.alice, call);
  t.must_come_to_rest();
}

TEST_CASE("ending the subscription of a REFER ends no call") {
  ThreePhones t;
  t.carol.user = nullptr;
  const CallId call = t.call(t.alice, t.bob);
  const SubscriptionId refer = t.refer(call, t.carol.uri());
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().unsubscribe(refer, now)); });
  t.network.run(milliseconds(20));
  CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
  CHECK(t.bob.last<NotifierEnded>().cause == NotifierEnded::Cause::unsubscribed);
  CHECK(t.bob.ua().calls() == 2);
  CHECK(t.carol.ua().calls() == 1);
  CHECK(t.bob.count<CallEnded>() == 0);
  for (Phone* phone : {&t.alice, &t.bob, &t.carol})
    t.network.now([phone](TimePoint now) { phone->ua().shut_down(now); });
  t.must_come_to_rest();
}

TEST_CASE("an application that follows a REFER by itself reports as it likes") {
  ThreePhones t;
  t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
    answers(bob, event, now);
    if (const auto* refer = std::get_if<ReferArrived>(&event)) {
      CHECK_FALSE(bob.ua().accept(refer->referral, {}, {}, now));
      CHECK_FALSE(bob.ua().report(refer->referral, 183, now));
    }
  };
  const CallId call = t.call(t.alice, t.bob);
  t.refer(call, "<http://www.example.com/>");
  CHECK(t.told() == 183);
  t.network.now([&](TimePoint now) {
    const NotifierId referral = t.bob.last<ReferArrived>().referral;
    CHECK(t.bob.ua().follow(referral, {}, now).error() == Errc::wrong_state);
    CHECK_FALSE(t.bob.ua().report(referral, 404, now, "No such page"));
  });
  t.network.run(milliseconds(20));
  CHECK(t.alice.last<NotifyReceived>().notify->body() == "SIP/2.0 404 No such page\r\n");
  CHECK(t.alice.last<SubscriptionChanged>().state == State::ended);
  t.hang_up(t.alice, call);
  t.must_come_to_rest();
}

TEST_CASE("the status of a fragment is read however its line ends") {
  for (const char* end :
       {"", " ", " OK", " OK\r\n", " OK\n", "\n", " OK\r\nContact: <sip:a@b>\r\n\r\n"})
    CHECK(sipfrag_status("SIP/2.0 200" + std::string(end)) == 200);
  for (const char* bad :
       {"", "SIP/2.0", "SIP/2.0 2", "SIP/2.0 20", "SIP/2.0 2000 OK", "SIP/2.0 099 x",
        "SIP/2.0 700 x", "SIP/2.0 2x0 OK", "SIP/3.0 200 OK", "200 OK", "INVITE sip:a@b SIP/2.0"})
    CHECK(sipfrag_status(bad) == 0);
}

TEST_CASE("a REFER that cannot be is refused") {
  ThreePhones t;
  Stranger eve(t.network, "eve", "192.0.2.9");
  const auto status = [&](Letter letter) {
    eve.send(letter, t.bob.where, milliseconds(5));
    return eve.answer_to(letter).status();
  };
  CHECK(status(eve.request("REFER", t.bob)) == 400);
  CHECK(
      status(
          eve.request("REFER", t.bob).add("Refer-To", "<sip:x@y>").add("Refer-To", "<sip:z@y>")) ==
      400);
  CHECK(status(eve.request("REFER", t.bob).add("Refer-To", "<sip:x@y>").remove("Contact")) == 400);
  CHECK(status(eve.request("REFER", t.bob).add("Refer-To", "<http://example.com/>")) == 603);
  CHECK(status(eve.request("REFER", t.bob).add("Refer-To", "<sip:x@y;method=BYE>")) == 603);
  CHECK(t.bob.ua().subscriptions() == 0);
  t.must_come_to_rest();
}

// ---- Replaces

namespace {

struct Replacing : ThreePhones {
  Replacing() : eve(network, "eve", "192.0.2.9") {}
  Letter invite(const std::string& replaces) {
    return eve.request("INVITE", bob).add("Replaces", replaces);
  }
  int status(const Letter& letter) {
    eve.send(letter, bob.where, milliseconds(5));
    return eve.answer_to(letter).status();
  }
  Stranger eve;
};

}  // namespace

TEST_CASE("Replaces: what an INVITE may replace") {
  Replacing t;
  const CallId call = t.call(t.alice, t.bob);
  const std::string value = t.alice.ua().replaces(call);
  const CallId bobs = t.bob.last<CallArrived>().call;
  REQUIRE_FALSE(value.empty());

  SECTION("a call that stands: BYE for that one") {
    CHECK(t.status(t.invite(value)) == 200);
    CHECK(t.bob.last<CallArrived>().replaces == bobs);
    CHECK(t.bob.last<CallEnded>().call == bobs);
    CHECK(t.alice.last<CallEnded>().cause == Cause::remote_bye);
    CHECK(t.bob.ua().calls() == 1);
  }
  SECTION("not where only an early dialog is meant") {
    CHECK(t.status(t.invite(value + ";early-only")) == 486);
    CHECK(t.bob.ua().calls() == 1);
  }
  SECTION("not where it names nothing, or not all of it") {
    CHECK(t.status(t.invite("nothing;to-tag=1;from-tag=2")) == 481);
    CHECK(t.status(t.invite(value + "x")) == 481);
    CHECK(t.status(t.invite("x" + value)) == 481);
    CHECK(t.status(t.invite(value.substr(0, value.find(";from-tag")))) == 400);
    CHECK(t.status(t.invite(value).add("Replaces", value)) == 400);
    CHECK(t.status(t.invite(value).add("Join", value)) == 400);
    CHECK(t.status(t.eve.request("MESSAGE", t.bob).add("Replaces", value)) == 400);
    CHECK(t.bob.ua().calls() == 1);
  }
  SECTION("nor a call that has just ended") {
    t.hang_up(t.alice, call);
    CHECK(t.status(t.invite(value)) == 603);
  }
  SECTION("nor a call that is ending") {
    t.network.drop([](const Packet& p) { return p.label() == "BYE"; });
    t.hang_up(t.bob, bobs);
    CHECK(t.status(t.invite(value)) == 603);
  }
  SECTION("a replacement that is refused leaves the call as it was") {
    t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
      if (const auto* arrived = std::get_if<CallArrived>(&event))
        bob.ua().reject(arrived->call, 488, now);
    };
    CHECK(t.status(t.invite(value)) == 488);
    CHECK(t.bob.ua().calls() == 1);
    CHECK(t.bob.count<CallEnded>() == 1);
  }
}

TEST_CASE("Replaces: an early dialog only where the replaced INVITE is ours") {
  Replacing t;
  t.bob.user = answers;
  SECTION("ours: call pickup, and CANCEL for the other phone") {
    t.carol.user = [](Phone& carol, const UserEvent& event, TimePoint now) {
      if (const auto* arrived = std::get_if<CallArrived>(&event))
        carol.ua().ring(arrived->call, 180, now);
    };
    const CallId out = t.call(t.bob, t.carol);
    const MessageView ringing = t.bob.last<CallProgress>().response.view();
    const std::string value = std::string(ringing.call_id()) +
                              ";to-tag=" + std::string(ringing.from_tag()) +
                              ";from-tag=" + std::string(ringing.to_tag()) + ";early-only";
    CHECK(t.status(t.invite(value)) == 200);
    CHECK(t.bob.last<CallEnded>().call == out);
    CHECK(t.bob.last<CallEnded>().cause == Cause::cancelled);
    CHECK(t.carol.last<CallEnded>().cause == Cause::cancelled);
  }
  SECTION("the caller's") {
    t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
      if (const auto* arrived = std::get_if<CallArrived>(&event))
        bob.ua().ring(arrived->call, 180, now);
    };
    t.call(t.alice, t.bob);
    const MessageView ringing = t.alice.last<CallProgress>().response.view();
    const std::string value = std::string(ringing.call_id()) +
                              ";to-tag=" + std::string(ringing.to_tag()) +
                              ";from-tag=" + std::string(ringing.from_tag());
    CHECK(t.status(t.invite(value)) == 481);
    CHECK(t.bob.ua().calls() == 1);
  }
}

TEST_CASE("Replaces is offered, and can be turned off") {
  CoreOptions off;
  off.user_agent.replaces = false;
  ThreePhones t({}, off);
  Stranger eve(t.network, "eve", "192.0.2.9");
  const CallId call = t.call(t.alice, t.bob);
  CHECK(t.bob.last<CallArrived>().invite->raw(HeaderId::supported) == "100rel, timer");
  Letter invite = eve.request("INVITE", t.bob);
  invite.add("Replaces", t.alice.ua().replaces(call)).add("Require", "replaces");
  eve.send(invite, t.bob.where, milliseconds(5));
  CHECK(eve.answer_to(invite).status() == 420);
  Letter ignored = eve.request("INVITE", t.bob);
  ignored.add("Replaces", t.alice.ua().replaces(call));
  eve.send(ignored, t.bob.where, milliseconds(5));
  CHECK(eve.answer_to(ignored).status() == 200);
  CHECK(t.bob.ua().calls() == 2);
  ThreePhones on;
  on.call(on.alice, on.bob);
  CHECK(on.bob.last<CallArrived>().invite->raw(HeaderId::supported)->find("replaces") !=
        std::string_view::npos);
}
