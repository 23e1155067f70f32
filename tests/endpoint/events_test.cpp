// SPDX-License-Identifier: Apache-2.0
// Subscriptions, transfers and publications over loopback: handles, tokens, and handlers that destroy.
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/use_future.hpp>

#include "catch.hpp"
#include "endpoint/ends.hpp"

using namespace sipstack;
using sipstack::test::Ends;
using sipstack::test::kAnswer;
using sipstack::test::kOffer;
using sipstack::test::quick;

namespace {

EndpointOptions watched() {
  EndpointOptions options = quick();
  options.user_agent.notifier.packages = {"presence"};
  options.user_agent.notifier.refer = true;
  return options;
}

SubscriptionOptions presence(const Ends& ends) {
  SubscriptionOptions options;
  options.target = ends.call.target;
  options.event = "presence";
  return options;
}

}  // namespace

TEST_CASE("a subscription over loopback: state, a change, the end") {
  Ends ends(quick(), watched());
  Notifier notifier;
  bool over = false;
  ends.bob.on_subscribe([&](Notifier arrived, const Message& request) {
    CHECK(request->raw(HeaderId::event) == "presence");
    notifier = arrived;
    notifier.on_ended([&](const NotifierEnded&) { over = true; });
    CHECK_FALSE(notifier.accept("text/plain", "one"));
  });
  std::vector<std::string> heard;
  std::optional<SubscriptionChanged::State> state;
  Subscription subscription = ends.alice.subscribe(presence(ends)).value();
  subscription.on_notify([&](const Message& notify) { heard.emplace_back(notify->body()); });
  subscription.on_changed([&](const SubscriptionChanged& change) { state = change.state; });
  REQUIRE(ends.until([&] { return heard.size() == 1; }));
  CHECK(state == SubscriptionChanged::State::active);
  CHECK(notifier);
  CHECK_FALSE(notifier.notify("text/plain", "two"));
  REQUIRE(ends.until([&] { return heard.size() == 2; }));
  CHECK_FALSE(subscription.unsubscribe());
  REQUIRE(ends.until([&] { return state == SubscriptionChanged::State::ended && over; }));
  CHECK(heard == std::vector<std::string>{"one", "two", "two"});
  CHECK_FALSE(subscription);
  CHECK_FALSE(notifier);
  CHECK(subscription.refresh() == Errc::gone);
  CHECK(notifier.notify("", "") == Errc::gone);
}

TEST_CASE("without handlers a subscription is refused with 480 and a REFER with 603") {
  Ends ends(quick(), watched());
  int status = 0;
  ends.alice.async_subscribe(presence(ends),
                             [&](error_code error, const Subscription& gone, const Message& m) {
                               CHECK_FALSE(error);
                               CHECK_FALSE(gone);
                               status = m->status();
                             });
  REQUIRE(ends.until([&] { return status == 480; }));
  ReferOptions refer;
  refer.target = ends.call.target;
  refer.refer_to = "sip:x@127.0.0.1";
  Subscription referral = ends.alice.refer(refer).value();
  referral.on_changed(
      [&](const SubscriptionChanged& change) { status = change.message->status(); });
  REQUIRE(ends.until([&] { return status == 603; }));
}

TEST_CASE("a subscription with a future throws what went wrong") {
  Ends ends;
  SubscriptionOptions nowhere;
  nowhere.event = "presence";
  auto first = ends.alice.async_subscribe(nowhere, boost::asio::use_future);
  REQUIRE(ends.until(
      [&] { return first.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
  CHECK_THROWS(first.get());
}

TEST_CASE("a transfer over loopback") {
  Ends ends(quick(), watched());
  Endpoint carol(ends.io, quick());
  const std::string carols = "sip:carol@" + carol.listen("udp:127.0.0.1:0").value().to_string();
  Call carols_call;
  carol.on_invite([&](IncomingCall call) {
    carols_call = call.call();
    CHECK(call.invite()->has(HeaderId::referred_by));
    call.async_accept(std::string(kAnswer), [](error_code, const Call&) {});
  });
  Call second;
  ends.bob.on_invite([](IncomingCall call) {
    call.async_accept(std::string(kAnswer), [](error_code, const Call&) {});
  });
  ends.bob.on_refer([&](Notifier referral, const Call& call, const Message&) {
    CHECK(call);
    CallOptions options;
    options.content_type = "application/sdp";
    options.body = kOffer;
    second = referral
                 .follow(options, {},
                         [](error_code error, const Call&, const Message& response) {
                           CHECK_FALSE(error);
                           CHECK(response->status() == 200);
                         })
                 .value();
  });
  Call first;
  bool told = false;
  ends.alice.async_invite(ends.call, [&](error_code, const Call& call, const Message&) {
    first = call;
    ReferOptions refer;
    refer.refer_to = carols;
    refer.referred_by = "sip:alice@127.0.0.1";
    Subscription progress = first.refer(refer).value();
    progress.on_notify([&](const Message& notify) {
      if (sipfrag_status(notify->body()) != 200) return;
      told = true;
      CHECK_FALSE(first.hang_up());
    });
  });
  REQUIRE(ends.until([&] { return told && !first; }));
  CHECK(second);
  CHECK(carols_call);
}

TEST_CASE("every handler of a subscription may destroy its endpoint") {
  // Alice goes from inside her first, second, ... handler; so does Bob from his.
  for (int goes = 1; goes <= 3; ++goes)
    for (const bool alice_goes : {true, false}) {
      INFO(goes << " " << alice_goes);
      boost::asio::io_context io;
      auto alice = std::make_unique<Endpoint>(io, quick());
      auto bob = std::make_unique<Endpoint>(io, watched());
      SubscriptionOptions options;
      options.target = "sip:bob@" + bob->listen("udp:127.0.0.1:0").value().to_string();
      options.event = "presence";
      options.expires = 60;
      alice->listen("udp:127.0.0.1:0").value();
      int alices = 0;
      int bobs = 0;
      const auto at_alice = [&] {
        if (++alices == goes && alice_goes) alice.reset();
      };
      Notifier notifier;
      bob->on_subscribe([&](Notifier arrived, const Message&) {
        notifier = arrived;
        notifier.on_ended([&](const NotifierEnded&) {
          if (!alice_goes) bob.reset();
          CHECK(notifier.notify("", "") == Errc::gone);
        });
        notifier.accept("text/plain", "state");
        if (++bobs == 1 && goes == 1 && !alice_goes) bob.reset();
        CHECK(static_cast<bool>(notifier) == static_cast<bool>(bob));
      });
      Subscription subscription = alice->subscribe(options).value();
      subscription.on_notify([&](const Message&) {
        at_alice();
        subscription.unsubscribe();
      });
      subscription.on_changed([&](const SubscriptionChanged&) {
        at_alice();
        subscription.unsubscribe();
      });
      const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      const auto done = [&] {
        if (alice_goes) return !alice;
        if (goes == 1) return !bob;
        return alice && !subscription;
      };
      while (!done() && std::chrono::steady_clock::now() < patience)
        io.run_one_for(std::chrono::milliseconds(100));
      CHECK(done());
      if (alice_goes) CHECK_FALSE(subscription);
      if (alice_goes) CHECK(subscription.unsubscribe() == Errc::gone);
    }
}

TEST_CASE("destruction with subscriptions pending drops the handlers uncalled") {
  boost::asio::io_context io;
  auto token = std::make_shared<int>(0);
  {
    Endpoint alice(io, quick());
    alice.listen("udp:127.0.0.1:0").value();
    SubscriptionOptions watch;
    watch.target = "sip:bob@127.0.0.1:9";
    watch.event = "presence";
    alice.async_subscribe(
        watch, [token](error_code, const Subscription&, const Message&) { FAIL("called"); });
    Subscription second = alice.subscribe(watch).value();
    second.on_changed([token](const SubscriptionChanged&) { FAIL("called"); });
    PublicationOptions state;
    state.target = watch.target;
    state.event = "presence";
    state.body = "x";
    state.content_type = "text/plain";
    alice.async_publish(
        state, [token](error_code, const Publication&, const Message&) { FAIL("called"); });
  }
  io.run();
  CHECK(token.use_count() == 1);
}

TEST_CASE("shutting down unsubscribes, removes what was published, and tells watchers") {
  EndpointOptions agent = quick();
  agent.user_agent.presence.emplace();
  Ends ends(quick(), agent);
  std::vector<std::string> seen;
  Subscription subscription = ends.alice.subscribe(presence(ends)).value();
  subscription.on_notify([&](const Message& notify) { seen.emplace_back(notify->body()); });
  REQUIRE(ends.until([&] { return seen.size() == 1; }));
  PublicationOptions state;
  state.target = ends.call.target;
  state.from = state.target;
  state.event = "presence";
  state.content_type = "application/pidf+xml";
  state.body = "<here/>";
  Publication published;
  ends.alice.async_publish(state, [&](error_code error, const Publication& p, const Message&) {
    CHECK_FALSE(error);
    published = p;
  });
  REQUIRE(ends.until([&] { return seen.size() == 2 && published; }));
  CHECK(seen[1] == "<here/>");
  CHECK_FALSE(published.modify("application/pidf+xml", "<busy/>"));
  REQUIRE(ends.until([&] { return seen.size() == 3; }));
  bool done = false;
  ends.alice.shut_down(std::chrono::seconds(20), [&] { done = true; });
  REQUIRE(ends.until([&] { return done; }));
  CHECK(ends.until([&] { return ends.bob.core().user_agent().subscriptions() == 0; }));
  CHECK_FALSE(published);
}
