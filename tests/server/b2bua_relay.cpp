// SPDX-License-Identifier: Apache-2.0
// Requests across a B2BUA: INFO, MESSAGE, OPTIONS, REFER; challenges; and a newcomer in place of a side.
#include "server/b2bua_fixture.hpp"

using namespace sipstack;
using namespace sipstack::testing_b2bua;
using Cause = CallEnded::Cause;

TEST_CASE("b2bua: INFO and MESSAGE cross with body and answer, within a call and outside") {
  CoreOptions phones;
  phones.user_agent.answer_options = false;
  phones.user_agent.recv_info = {"dtmf"};
  UserAgentOptions ours;
  ours.recv_info = {"dtmf"};
  Bridged t({}, phones, {}, ours);
  t.bob.user = [](Agent& phone, const UserEvent& event, TimePoint now) {
    if (const auto* in = std::get_if<CallRequest>(&event))
      phone.ua().respond(in->txn, in->request->body() == "Signal=5\r\n" ? 200 : 403, now,
                         "text/plain", "heard");
    else if (const auto* out = std::get_if<RequestReceived>(&event))
      phone.ua().respond(out->txn, 202, now);
    else
      Bridged::answers()(phone, event, now);
  };
  const CallId call = t.call();
  t.then([&](TimePoint now) {
    CHECK(t.alice.ua().request(call, "INFO", "application/dtmf-relay", "Signal=5\r\n", now,
                               {{"Info-Package", "dtmf"}}));
  });
  CHECK(t.last("b2bua", "bob", "INFO").line("Info-Package: ") == "dtmf");
  CHECK(t.last("b2bua", "bob", "INFO").line("Content-Type: ") == "application/dtmf-relay");
  REQUIRE(t.alice.count<RequestCompleted>() == 1);
  CHECK(t.alice.last<RequestCompleted>()->response->body() == "heard");
  t.then(
      [&](TimePoint now) { CHECK(t.alice.ua().request(call, "MESSAGE", "text/plain", "x", now)); });
  CHECK(t.alice.last<RequestCompleted>()->response->status() == 403);
  RequestOptions o;
  o.target = "sip:service@192.0.2.5:5060";
  o.content_type = "text/plain";
  o.body = "hello";
  t.then([&](TimePoint now) { CHECK(t.alice.ua().request("MESSAGE", o, now)); });
  CHECK(t.alice.last<RequestCompleted>()->response->status() == 202);
  CHECK(t.last("b2bua", "bob", "MESSAGE").line("Max-Forwards: ") == "69");
  t.then([&](TimePoint now) { CHECK(t.alice.ua().request("OPTIONS", o, now)); });
  CHECK(t.alice.last<RequestCompleted>()->response->status() == 200);
  CHECK(t.sent("b2bua", "bob", "OPTIONS") == 0);
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: REFER is two subscriptions, and its outcome comes back") {
  CoreOptions phones;
  phones.user_agent.notifier.refer = true;
  for (const int outcome : {200, 486, 0}) {
    Bridged t({}, phones);
    const auto as_usual = t.bob.user;
    t.bob.user = [&](Agent& phone, const UserEvent& event, TimePoint now) {
      const auto* refer = std::get_if<ReferArrived>(&event);
      if (refer == nullptr) return as_usual(phone, event, now);
      if (outcome == 0) {
        phone.ua().reject(refer->referral, 603, now);
        return;
      }
      phone.ua().accept(refer->referral, {}, {}, now);
      phone.ua().report(refer->referral, 180, now);
      phone.ua().report(refer->referral, outcome, now);
    };
    const CallId call = t.call();
    ReferOptions refer;
    refer.refer_to = "<sip:carol@example.org?Replaces=x%3Bto-tag%3Da%3Bfrom-tag%3Db>";
    refer.referred_by = "<sip:alice@example.org>";
    t.then([&](TimePoint now) { CHECK(t.alice.ua().refer(call, refer, now)); });
    const Wire w = t.last("b2bua", "bob", "REFER");
    CHECK(w.line("Refer-To: ") == refer.refer_to);
    CHECK(w.line("Referred-By: ") == refer.referred_by);
    REQUIRE(t.alice.count<SubscriptionChanged>() >= 1);
    CHECK(t.alice.last<SubscriptionChanged>()->state == SubscriptionChanged::State::ended);
    if (outcome == 0) {
      CHECK(t.last("b2bua", "alice", "603 REFER").has("603"));
    } else {
      REQUIRE(t.alice.count<NotifyReceived>() >= 1);
      CHECK(sipfrag_status(t.alice.last<NotifyReceived>()->notify->body()) == outcome);
    }
    CHECK(t.alice.ua().calls() == 1);
    CHECK(t.finish() == "");
  }
}

TEST_CASE("b2bua: the callee's challenge is answered with the policy's credentials") {
  B2buaOptions options;
  options.to.targets = {"sip:bob@192.0.2.2:5060"};
  options.to.credentials = {{"gateway", "secret", ""}};
  CoreOptions phones;
  phones.challenge = Credentials{"gateway", "secret", "inside"};
  options.relay_options = true;
  Bridged t(options, phones);
  const CallId call = t.call();
  CHECK(t.sent("bob", "b2bua", "401 INVITE") == 1);
  CHECK(t.alice.count<CallAnswered>() == 1);
  // OPTIONS goes across, where that is wanted.
  RequestOptions o;
  o.target = "sip:service@192.0.2.5:5060";
  t.then([&](TimePoint now) { CHECK(t.alice.ua().request("OPTIONS", o, now)); });
  CHECK(t.alice.last<RequestCompleted>()->response->status() == 200);
  CHECK(t.sent("b2bua", "bob", "OPTIONS") == 2);
  t.then([&](TimePoint now) { t.alice.ua().hang_up(call, now); });
  CHECK(t.finish() == "");
}

TEST_CASE("b2bua: a newcomer with Replaces takes a side's place, and the other side goes on") {
  for (const int way : {0, 1, 2, 3}) {
    const bool offer = way % 2 == 0, for_alice = way < 2;
    Bridged t;
    Agent carol(t.network, "carol", "192.0.2.3");
    carol.user = Bridged::answers();
    const CallId call = t.call();
    Agent& leaves = for_alice ? t.alice : t.bob;
    Agent& stays = for_alice ? t.bob : t.alice;
    CallOptions o = offer ? Bridged::call_to_b2bua() : Bridged::without_offer();
    o.from = "<sip:carol@example.org>";
    if (offer) o.body = description("carol", "192.0.2.3");
    t.then([&](TimePoint now) {
      // As whoever leaves would tell her in Refer-To.
      o.headers = {{"Replaces", leaves.ua().replaces(for_alice ? call : t.of_bob())}};
      CHECK(carol.ua().invite(o, now));
    });
    CHECK(carol.count<CallAnswered>() == 1);
    REQUIRE(leaves.count<CallEnded>() == 1);
    CHECK(leaves.last<CallEnded>()->cause == Cause::remote_bye);
    CHECK(stays.count<CallEnded>() == 0);
    CHECK(t.b2bua.core().b2bua()->counters().calls == 1);
    if (offer) CHECK(t.last("b2bua", stays.name(), "INVITE").has("c=IN IP4 192.0.2.3"));
    t.then([&](TimePoint now) { stays.ua().hang_up(for_alice ? t.of_bob() : call, now); });
    REQUIRE(carol.count<CallEnded>() == 1);
    CHECK(carol.last<CallEnded>()->cause == Cause::remote_bye);
    CHECK(t.finish() == "");
    CHECK(carol.left_behind() == "");
  }
}

TEST_CASE("b2bua: a newcomer that finds no answer leaves the call as it was") {
  Bridged t;
  Agent carol(t.network, "carol", "192.0.2.3");
  const CallId call = t.call();
  t.bob.user = [](Agent& phone, const UserEvent& event, TimePoint now) {
    if (const auto* again = std::get_if<CallReinvited>(&event))
      if (phone.count<CallReinvited>() == 1) phone.ua().reject(again->call, 488, now);
  };
  CallOptions o = Bridged::call_to_b2bua();
  o.headers = {{"Replaces", t.alice.ua().replaces(call)}};
  CallId of_carol;
  t.then([&](TimePoint now) { of_carol = carol.ua().invite(o, now).value(); });
  CHECK(carol.last<CallEnded>()->status == 488);
  // Bob says nothing this time, and she gives up.
  t.then([&](TimePoint now) { of_carol = carol.ua().invite(o, now).value(); });
  t.then([&](TimePoint now) { carol.ua().hang_up(of_carol, now); });
  CHECK(carol.last<CallEnded>()->cause == Cause::cancelled);
  CHECK(t.sent("b2bua", "bob", "CANCEL") == 1);
  CHECK(t.alice.count<CallEnded>() == 0);
  CHECK(t.b2bua.core().b2bua()->counters().calls == 1);
  CHECK(t.finish() == "");
  CHECK(carol.left_behind() == "");
}
