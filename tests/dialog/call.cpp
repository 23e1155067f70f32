// SPDX-License-Identifier: Apache-2.0
// Calls between two phones, as ladders. RFC 3261 sections 9, 13 and 15; RFC 5407.
#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

struct TwoPhones {
  explicit TwoPhones(const NetworkOptions& options = {}, const CoreOptions& core = {})
      : network(options),
        alice(network, "alice", "192.0.2.1", core),
        bob(network, "bob", "192.0.2.2", core) {
    bob.user = answers;
  }
  CallId call(const CallOptions& options) {
    CallId id;
    network.now([&](TimePoint now) {
      const auto made = alice.ua().invite(options, now);
      REQUIRE(made);
      id = *made;
    });
    network.run(milliseconds(10));
    return id;
  }
  CallId call() { return call(call_to(bob.uri())); }
  void must_come_to_rest() {
    CHECK(network.run_to_rest(network.time() + seconds(200)));
    alice.must_be_empty();
    bob.must_be_empty();
  }

  Network network;
  Phone alice;
  Phone bob;
};

using Cause = CallEnded::Cause;

}  // namespace

TEST_CASE("a call is set up, answered, acknowledged and ended") {
  TwoPhones t;
  const CallId call = t.call();
  CHECK(t.alice.count<CallProgress>() == 1);
  CHECK(t.alice.last<CallAnswered>().response->body() == kAnswer);
  CHECK_FALSE(t.alice.last<CallAnswered>().reinvite);
  CHECK(t.bob.last<CallArrived>().invite->body() == kOffer);
  CHECK(t.bob.count<CallConfirmed>() == 1);
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().hang_up(call, now)); });
  t.network.run(milliseconds(10));
  CHECK(t.network.ladder().text_without_times() ==
        "alice                   bob\n"
        "|--INVITE-------------->|\n"
        "|<-180 INVITE-----------|\n"
        "|<-200 INVITE-----------|\n"
        "|--ACK----------------->|\n"
        "|--BYE----------------->|\n"
        "|<-200 BYE--------------|\n");
  CHECK(t.alice.last<CallEnded>().cause == Cause::local_bye);
  CHECK(t.bob.last<CallEnded>().cause == Cause::remote_bye);
  CHECK(t.alice.ua().hang_up(call, t.network.time()) == Errc::gone);
  t.must_come_to_rest();
}

TEST_CASE("the callee can end the call as well") {
  TwoPhones t;
  t.call();
  t.network.now([&](TimePoint now) {
    CHECK_FALSE(t.bob.ua().hang_up(t.bob.last<CallArrived>().call, now, "Q.850;cause=16"));
  });
  t.network.run(milliseconds(10));
  CHECK(t.alice.last<CallEnded>().message->raw(HeaderId::reason) == "Q.850;cause=16");
  CHECK(t.bob.last<CallEnded>().cause == Cause::local_bye);
  t.must_come_to_rest();
}

TEST_CASE("a call works over TCP and its requests stay on the connection") {
  TwoPhones t;
  const CallId call = t.call(call_to(t.bob.uri(";transport=tcp")));
  CHECK(t.bob.count<CallConfirmed>() == 1);
  t.network.now([&](TimePoint now) { t.bob.ua().hang_up(t.bob.last<CallArrived>().call, now); });
  t.network.run(milliseconds(10));
  CHECK(t.alice.last<CallEnded>().cause == Cause::remote_bye);
  CHECK(t.alice.last<CallEnded>().message->top_via().transport == "TCP");
  CHECK(t.alice.ua().hang_up(call, t.network.time()) == Errc::gone);
  t.must_come_to_rest();
}

TEST_CASE("an INVITE without an offer takes the callee's and answers in the ACK") {
  TwoPhones t;
  auto options = call_to(t.bob.uri());
  options.body.clear();
  const CallId call = t.call(options);
  CHECK(t.bob.count<CallConfirmed>() == 0);
  CHECK(t.alice.last<CallAnswered>().response->body() == kAnswer);
  t.network.now([&](TimePoint now) {
    CHECK_FALSE(t.alice.ua().acknowledge(call, "v=0\r\ns=late\r\n", now));
    CHECK(t.alice.ua().acknowledge(call, "again", now) == Errc::wrong_state);
  });
  t.network.run(milliseconds(10));
  CHECK(t.bob.last<CallConfirmed>().ack->body() == "v=0\r\ns=late\r\n");
  t.network.now([&](TimePoint now) { t.alice.ua().hang_up(call, now); });
  t.must_come_to_rest();
}

TEST_CASE("hanging up before the late answer acknowledges first") {
  TwoPhones t;
  auto options = call_to(t.bob.uri());
  options.body.clear();
  const CallId call = t.call(options);
  t.network.now([&](TimePoint now) { t.alice.ua().hang_up(call, now); });
  t.network.run(milliseconds(10));
  CHECK(t.network.ladder().text_without_times() ==
        "alice                   bob\n"
        "|--INVITE-------------->|\n"
        "|<-180 INVITE-----------|\n"
        "|<-200 INVITE-----------|\n"
        "|--ACK----------------->|\n"
        "|--BYE----------------->|\n"
        "|<-200 BYE--------------|\n");
  t.must_come_to_rest();
}

TEST_CASE("a caller that gives up cancels, and the callee's 487 ends the call") {
  TwoPhones t;
  t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
    if (const auto* call = std::get_if<CallArrived>(&event)) bob.ua().ring(call->call, 180, now);
  };
  const CallId call = t.call();
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().hang_up(call, now)); });
  t.network.run(milliseconds(10));
  CHECK(t.network.ladder().text_without_times() ==
        "alice                   bob\n"
        "|--INVITE-------------->|\n"
        "|<-180 INVITE-----------|\n"
        "|--CANCEL-------------->|\n"
        "|<-200 CANCEL-----------|\n"
        "|<-487 INVITE-----------|\n"
        "|--ACK----------------->|\n");
  CHECK(t.alice.last<CallEnded>().cause == Cause::cancelled);
  CHECK(t.alice.last<CallEnded>().status == 487);
  CHECK(t.bob.last<CallEnded>().cause == Cause::cancelled);
  t.must_come_to_rest();
}

TEST_CASE("where CANCEL and 200 cross, the caller acknowledges and says BYE") {
  // RFC 3261 section 15, RFC 5407 section 3.1.2.
  NetworkOptions slow;
  slow.delay_min = slow.delay_max = milliseconds(20);
  TwoPhones t(slow);
  CallId at_bob;
  t.bob.user = [&](Phone& bob, const UserEvent& event, TimePoint now) {
    if (const auto* arrived = std::get_if<CallArrived>(&event)) {
      at_bob = arrived->call;
      bob.ua().ring(arrived->call, 180, now);
    }
  };
  const CallId call = t.call();
  t.network.run(milliseconds(90));
  t.network.now([&](TimePoint now) {
    CHECK_FALSE(t.alice.ua().hang_up(call, now));
    CHECK_FALSE(t.bob.ua().accept(at_bob, kAnswer, now));
  });
  t.network.run(milliseconds(200));
  CHECK(t.network.ladder().text() ==
        "          alice                   bob\n"
        "    0.000 |--INVITE-------------->|\n"
        "    0.020 |<-180 INVITE-----------|\n"
        "    0.100 |--CANCEL-------------->|\n"
        "    0.100 |<-200 INVITE-----------|\n"
        "    0.120 |<-200 CANCEL-----------|\n"
        "    0.120 |--ACK----------------->|\n"
        "    0.120 |--BYE----------------->|\n"
        "    0.140 |<-200 BYE--------------|\n");
  CHECK(t.alice.count<CallAnswered>() == 0);
  CHECK(t.alice.last<CallEnded>().cause == Cause::cancelled);
  CHECK(t.bob.last<CallEnded>().cause == Cause::remote_bye);
  t.must_come_to_rest();
}

TEST_CASE("a callee that declines ends the call with its status") {
  TwoPhones t;
  t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
    if (const auto* call = std::get_if<CallArrived>(&event))
      bob.ua().reject(call->call, 486, now, "Busy Tonight", {{"Retry-After", "5"}});
  };
  t.call();
  const CallEnded& ended = t.alice.last<CallEnded>();
  CHECK(ended.cause == Cause::rejected);
  CHECK(ended.status == 486);
  CHECK(ended.message->reason() == "Busy Tonight");
  CHECK(ended.message->raw(HeaderId::retry_after) == "5");
  CHECK(t.bob.last<CallEnded>().cause == Cause::rejected);
  t.must_come_to_rest();
}

TEST_CASE("a call that nobody answers is 480 at the callee and cancelled at the caller") {
  CoreOptions core;
  core.user_agent.max_ring = seconds(20);
  TwoPhones t({}, core);
  t.bob.user = nullptr;
  t.call();
  t.network.run(seconds(30));
  CHECK(t.alice.last<CallEnded>().status == 480);
  CHECK(t.bob.last<CallEnded>().cause == Cause::timeout);

  auto impatient = call_to(t.bob.uri());
  impatient.max_ring = seconds(10);
  t.call(impatient);
  t.network.run(seconds(15));
  CHECK(t.alice.last<CallEnded>().cause == Cause::timeout);
  CHECK(t.alice.last<CallEnded>().status == 487);
  CHECK(t.bob.last<CallEnded>().cause == Cause::cancelled);
  t.must_come_to_rest();
}

TEST_CASE("a call to nobody times out like a 408") {
  TwoPhones t;
  t.network.part("alice", "bob");
  t.call();
  t.network.run(seconds(40));
  CHECK(t.alice.last<CallEnded>().cause == Cause::timeout);
  CHECK(t.alice.last<CallEnded>().status == 408);
  CHECK(t.alice.last<CallEnded>().error == Errc::timeout);
  t.must_come_to_rest();
}

TEST_CASE("a lost ACK is sent again for each 200 until one arrives") {
  TwoPhones t;
  int acks = 0;
  t.network.drop([&](const Packet& p) { return p.label() == "ACK" && ++acks <= 2; });
  const CallId call = t.call();
  t.network.run(seconds(4));
  CHECK(t.network.ladder().text() ==
        "          alice                   bob\n"
        "    0.000 |--INVITE-------------->|\n"
        "    0.000 |<-180 INVITE-----------|\n"
        "    0.000 |<-200 INVITE-----------|\n"
        "    0.000 |--ACK----------------x |\n"
        "    0.500 |<-200 INVITE-----------|\n"
        "    0.500 |--ACK----------------x |\n"
        "    1.500 |<-200 INVITE-----------|\n"
        "    1.500 |--ACK----------------->|\n");
  CHECK(t.alice.count<CallAnswered>() == 1);
  CHECK(t.bob.count<CallConfirmed>() == 1);
  t.network.now([&](TimePoint now) { t.alice.ua().hang_up(call, now); });
  t.must_come_to_rest();
}

TEST_CASE("without any ACK the callee says BYE after 64*T1") {
  // RFC 3261 section 13.3.1.4.
  TwoPhones t;
  t.network.drop([](const Packet& p) { return p.label() == "ACK"; });
  t.call();
  t.network.run(seconds(31));
  CHECK(t.bob.count<CallEnded>() == 0);
  t.network.run(seconds(2));
  CHECK(t.bob.last<CallEnded>().cause == Cause::not_acknowledged);
  CHECK(t.bob.last<CallEnded>().error == Errc::not_acknowledged);
  CHECK(t.alice.last<CallEnded>().cause == Cause::remote_bye);
  t.must_come_to_rest();
}

TEST_CASE("a callee that hangs up before the ACK waits for it") {
  // RFC 3261 section 15.
  NetworkOptions slow;
  slow.delay_min = slow.delay_max = milliseconds(50);
  TwoPhones t(slow);
  t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
    if (const auto* call = std::get_if<CallArrived>(&event)) {
      bob.ua().accept(call->call, kAnswer, now);
      CHECK_FALSE(bob.ua().hang_up(call->call, now));
    }
  };
  t.call();
  t.network.run(milliseconds(500));
  CHECK(t.network.ladder().text() ==
        "          alice                   bob\n"
        "    0.000 |--INVITE-------------->|\n"
        "    0.050 |<-200 INVITE-----------|\n"
        "    0.100 |--ACK----------------->|\n"
        "    0.150 |<-BYE------------------|\n"
        "    0.200 |--200 BYE------------->|\n");
  t.must_come_to_rest();
}

TEST_CASE("BYEs that cross are both answered 200 and end the call once") {
  // RFC 5407 section 3.2.1.
  NetworkOptions slow;
  slow.delay_min = slow.delay_max = milliseconds(50);
  TwoPhones t(slow);
  const CallId call = t.call();
  t.network.run(seconds(1));
  t.network.now([&](TimePoint now) {
    t.alice.ua().hang_up(call, now);
    t.bob.ua().hang_up(t.bob.last<CallArrived>().call, now);
  });
  t.network.run(seconds(1));
  CHECK(t.alice.count<CallEnded>() == 1);
  CHECK(t.bob.count<CallEnded>() == 1);
  CHECK(t.alice.last<CallEnded>().cause == Cause::local_bye);
  CHECK(t.bob.last<CallEnded>().cause == Cause::local_bye);
  t.must_come_to_rest();
}

TEST_CASE("behind a BYE nothing is sent that could overtake it") {
  TwoPhones t;
  const CallId call = t.call();
  t.network.part("alice", "bob");
  t.network.now([&](TimePoint now) { t.alice.ua().hang_up(call, now); });
  t.network.run(milliseconds(10));
  CHECK(t.alice.ua().request(call, "INFO", {}, {}, t.network.time()).error() == Errc::wrong_state);
  CHECK(t.alice.ua().reinvite(call, kOffer, t.network.time()) == Errc::wrong_state);
  t.network.heal();
  t.must_come_to_rest();
}

TEST_CASE("a phone can call itself") {
  TwoPhones t;
  t.alice.user = answers;
  const CallId call = t.call(call_to(t.alice.uri()));
  CHECK(t.alice.count<CallAnswered>() == 1);
  CHECK(t.alice.count<CallConfirmed>() == 1);
  t.network.now([&](TimePoint now) { t.alice.ua().hang_up(call, now); });
  t.network.run(milliseconds(10));
  CHECK(t.alice.count<CallEnded>() == 2);
  t.must_come_to_rest();
}

TEST_CASE("requests within a call reach its user or are answered for it") {
  CoreOptions core;
  core.user_agent.allow.emplace_back("REFER");
  TwoPhones t({}, core);
  t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
    answers(bob, event, now);
    if (const auto* request = std::get_if<CallRequest>(&event))
      CHECK_FALSE(bob.ua().respond(request->txn, 202, now, "text/plain", "later"));
  };
  const CallId call = t.call();
  const auto ask = [&](const char* method) {
    t.network.now(
        [&](TimePoint now) { CHECK(t.alice.ua().request(call, method, "text/plain", "x", now)); });
    t.network.run(milliseconds(10));
    return t.alice.last<RequestCompleted>().response->status();
  };
  CHECK(ask("INFO") == 200);
  CHECK(ask("MESSAGE") == 200);
  CHECK(ask("OPTIONS") == 200);
  CHECK(ask("REFER") == 202);
  CHECK(t.alice.last<RequestCompleted>().response->body() == "later");
  CHECK(ask("PUBLISH") == 405);
  CHECK(ask("FROBNICATE") == 501);
  CHECK(t.alice.count<RequestCompleted>() == 6);
  t.network.now([&](TimePoint now) { t.alice.ua().hang_up(call, now); });
  t.must_come_to_rest();
}

TEST_CASE("MESSAGE and INFO are the application's where it wants them, OPTIONS still are not") {
  CoreOptions core;
  core.user_agent.tell_messages = true;
  TwoPhones t({}, core);
  t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
    answers(bob, event, now);
    if (const auto* inside = std::get_if<CallRequest>(&event))
      CHECK_FALSE(bob.ua().respond(inside->txn, 202, now));
    if (const auto* outside = std::get_if<RequestReceived>(&event))
      CHECK_FALSE(bob.ua().respond(outside->txn, 202, now));
  };
  const CallId call = t.call();
  RequestOptions letter;
  letter.target = t.bob.uri();
  const auto status = [&](const char* method, bool within) {
    t.network.now([&](TimePoint now) {
      if (within)
        CHECK(t.alice.ua().request(call, method, "text/plain", "x", now));
      else
        CHECK(t.alice.ua().request(method, letter, now));
    });
    t.network.run(milliseconds(10));
    return t.alice.last<RequestCompleted>().response->status();
  };
  CHECK(status("INFO", true) == 202);
  CHECK(status("MESSAGE", true) == 202);
  CHECK(status("OPTIONS", true) == 200);
  CHECK(status("MESSAGE", false) == 202);
  CHECK(status("OPTIONS", false) == 200);
  t.network.now([&](TimePoint now) { t.alice.ua().hang_up(call, now); });
  t.must_come_to_rest();
}

TEST_CASE("a line end in what the application gives is refused and nothing is sent") {
  TwoPhones t;
  auto options = call_to(t.bob.uri());
  options.headers = {{"Subject", "x\r\nContact: <sip:evil@e.invalid>"}};
  const auto made = t.alice.ua().invite(options, t.network.time());
  REQUIRE_FALSE(made);
  CHECK(made.error() == Errc::write_failed);
  options.headers.clear();
  options.from = "<sip:a@b>\r\nX: y";
  CHECK_FALSE(t.alice.ua().invite(options, t.network.time()));
  t.alice.must_be_empty();
}

TEST_CASE("shutting down ends every call by what its state asks for") {
  TwoPhones t;
  const CallId up = t.call();
  t.bob.user = nullptr;
  t.call();
  t.network.now([&](TimePoint now) { t.bob.ua().shut_down(now); });
  t.network.run(milliseconds(10));
  CHECK(t.bob.ua().idle());
  CHECK(t.alice.ua().calls() == 0);
  CHECK(t.alice.ua().hang_up(up, t.network.time()) == Errc::gone);
  t.call();
  CHECK(t.alice.last<CallEnded>().status == 503);
  t.network.now([&](TimePoint now) { t.alice.ua().shut_down(now); });
  t.must_come_to_rest();
}
