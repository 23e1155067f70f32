// SPDX-License-Identifier: Apache-2.0
// The endpoint by C++20 coroutines, over loopback. The one file that is compiled as C++20.
#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>

#include "catch.hpp"
#include "endpoint/ends.hpp"

// Where the compiler has none, with its library, nothing is left to test.
#if defined(BOOST_ASIO_HAS_CO_AWAIT)

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

using namespace sipstack;
using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;
using boost::asio::awaitable;
using boost::asio::use_awaitable;
using sipstack::test::Ends;
using sipstack::test::kAnswer;
using sipstack::test::kOffer;
using sipstack::test::quick;

namespace {

constexpr auto kTuple = boost::asio::as_tuple(use_awaitable);

/// Bob may be watched and referred.
EndpointOptions watched() {
  EndpointOptions options = quick();
  options.user_agent.notifier.packages = {"presence"};
  options.user_agent.notifier.refer = true;
  return options;
}

EndpointOptions registrar() {
  EndpointOptions options = quick();
  options.server.emplace();
  options.server->registrar.domains = {"example.test"};
  return options;
}

/// Runs a coroutine to its end. False where it does not come; what it throws comes out.
bool finishes(Ends& ends, awaitable<void> coroutine) {
  bool done = false;
  std::exception_ptr thrown;
  boost::asio::co_spawn(ends.io, std::move(coroutine), [&](const std::exception_ptr& error) {
    thrown = error;
    done = true;
  });
  const bool came = ends.until([&] { return done; });
  if (thrown) std::rethrow_exception(thrown);
  return came;
}

// [answer]
awaitable<void> answer(IncomingCall incoming) {
  incoming.ring();
  Call call = co_await incoming.async_accept(std::string(kAnswer), use_awaitable);
  call.on_reinvite([call](const Message&) mutable { call.accept(kAnswer); });
  co_await call.async_ended(use_awaitable);
}
// [/answer]

void answers(Ends& ends) {
  ends.bob.on_invite([&ends](IncomingCall call) {
    boost::asio::co_spawn(ends.io, answer(std::move(call)), boost::asio::detached);
  });
}

awaitable<void> pause(std::chrono::milliseconds time) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
  co_await timer.async_wait(use_awaitable);
}

// [morning]
awaitable<void> morning(Endpoint& phone, RegistrationOptions binding, CallOptions bob) {
  auto [registration, registered] = co_await phone.async_register(binding, use_awaitable);
  CHECK(registered->status() == 200);

  RequestOptions text;
  text.target = bob.target;
  text.content_type = "text/plain";
  text.body = "Are you there?";
  Message answer = co_await phone.async_request("MESSAGE", text, use_awaitable);
  CHECK(answer->status() == 200);

  auto [call, response] = co_await phone.async_invite(bob, use_awaitable);
  CHECK(response->status() == 200);
  CHECK((co_await call.async_hold(use_awaitable))->status() == 200);
  CHECK((co_await call.async_resume(use_awaitable))->status() == 200);
  Message info =
      co_await call.async_request("INFO", "application/dtmf-relay", "Signal=5\r\n", use_awaitable);
  CHECK(info->status() == 200);
  CallEnded end = co_await call.async_hang_up(use_awaitable);
  CHECK(end.cause == CallEnded::Cause::local_bye);

  Message removed = co_await phone.async_unregister(registration, use_awaitable);
  CHECK(removed->status() == 200);
  co_await phone.async_shut_down(5s, use_awaitable);
}
// [/morning]

}  // namespace

TEST_CASE("coroutines: a phone registers, says a word, calls, holds, hangs up and goes") {
  Ends ends(quick(), watched());
  answers(ends);
  Endpoint serves(ends.io, registrar());
  RegistrationOptions binding;
  binding.aor = "sip:alice@example.test";
  binding.registrar = "sip:" + serves.listen("udp:127.0.0.1:0").value().to_string();
  CHECK(finishes(ends, morning(ends.alice, binding, ends.call)));
  // Whoever asks behind the end is told, and does not wait for ever.
  const auto late = [&]() -> awaitable<void> {
    const auto [error, call, response] = co_await ends.alice.async_invite(ends.call, kTuple);
    CHECK(std::error_code(error) == Errc::gone);
    CHECK_FALSE(response);
  };
  CHECK(finishes(ends, late()));
}

TEST_CASE("coroutines: one subscribes, hears each state, and the end") {
  Ends ends(quick(), watched());
  Notifier notifier;
  ends.bob.on_subscribe([&](Notifier arrived, const Message&) {
    notifier = arrived;
    notifier.accept("text/plain", "one");
  });
  const auto watch = [&]() -> awaitable<void> {
    SubscriptionOptions presence;
    presence.target = ends.call.target;
    presence.event = "presence";
    auto [bob, first] = co_await ends.alice.async_subscribe(presence, use_awaitable);
    CHECK(first->body() == "one");
    notifier.notify("text/plain", "two");
    Message second = co_await bob.async_notify(use_awaitable);
    CHECK(second->body() == "two");
    // Told while nobody waits: kept, and nobody is told twice.
    notifier.notify("text/plain", "three");
    co_await pause(50ms);
    Message third = co_await bob.async_notify(use_awaitable);
    CHECK(third->body() == "three");
    const auto waited = co_await(bob.async_notify(use_awaitable) || pause(20ms));
    CHECK(waited.index() == 1);
    bob.unsubscribe();
    Message last = co_await bob.async_notify(use_awaitable);
    CHECK(last->has(HeaderId::subscription_state));
    const auto [error, none] = co_await bob.async_notify(kTuple);
    CHECK(std::error_code(error) == Errc::gone);
  };
  CHECK(finishes(ends, watch()));
}

TEST_CASE("coroutines: a transfer tells how it ended") {
  Ends ends(quick(), watched());
  Endpoint carol(ends.io, quick());
  const std::string carols = "sip:carol@" + carol.listen("udp:127.0.0.1:0").value().to_string();
  carol.on_invite([&ends](IncomingCall call) {
    boost::asio::co_spawn(ends.io, answer(std::move(call)), boost::asio::detached);
  });
  answers(ends);
  ends.bob.on_refer([&ends](Notifier referral, const Call&, const Message&) {
    const auto follow = [](Notifier asked) -> awaitable<void> {
      CallOptions options;
      options.content_type = "application/sdp";
      options.body = kOffer;
      co_await asked.async_follow(options, use_awaitable);
    };
    boost::asio::co_spawn(ends.io, follow(referral), boost::asio::detached);
  });
  const auto transfer = [&]() -> awaitable<void> {
    auto [call, response] = co_await ends.alice.async_invite(ends.call, use_awaitable);
    ReferOptions refer;
    refer.refer_to = carols;
    const int status = co_await call.async_refer(refer, use_awaitable);
    CHECK(status == 200);
    ends.bob.on_refer({});
    const int refused = co_await call.async_refer(refer, use_awaitable);
    CHECK(refused == 603);
    co_await call.async_hang_up(use_awaitable);
  };
  CHECK(finishes(ends, transfer()));
}

TEST_CASE("coroutines: who gives up waiting cancels the call, the request and the registration") {
  Ends ends(quick(), watched());
  CallEnded::Cause bobs = CallEnded::Cause::failed;
  ends.bob.on_invite([&](IncomingCall call) {
    call.ring();
    call.call().on_ended([&](const CallEnded& end) { bobs = end.cause; });
  });
  using boost::asio::ip::udp;
  const udp::socket silent(ends.io, {boost::asio::ip::address_v4::loopback(), 0});
  const std::string nobody = "sip:127.0.0.1:" + std::to_string(silent.local_endpoint().port());
  const auto impatient = [&]() -> awaitable<void> {
    // [timeout]
    auto outcome = co_await(ends.alice.async_invite(ends.call, use_awaitable) || pause(100ms));
    CHECK(outcome.index() == 1);  // nobody answered in time: the caller has sent CANCEL
    // [/timeout]
    RequestOptions question;
    question.target = nobody;
    auto request =
        co_await(ends.alice.async_request("OPTIONS", question, use_awaitable) || pause(20ms));
    CHECK(request.index() == 1);
    RegistrationOptions nowhere;
    nowhere.aor = "sip:alice@example.test";
    nowhere.registrar = nobody;
    auto registration = co_await(ends.alice.async_register(nowhere, use_awaitable) || pause(20ms));
    CHECK(registration.index() == 1);
  };
  CHECK(finishes(ends, impatient()));
  CHECK(ends.until([&] { return bobs == CallEnded::Cause::cancelled; }));
  CHECK(ends.alice.core().user_agent().calls() == 0);
}

TEST_CASE("coroutines: one that waits for an endpoint goes with it") {
  auto token = std::make_shared<int>(0);
  Ends ends;
  auto phone = std::make_unique<Endpoint>(ends.io, quick());
  phone->listen("udp:127.0.0.1:0").value();
  const auto waits = [](Endpoint& from, CallOptions call, std::shared_ptr<int>) -> awaitable<void> {
    co_await from.async_invite(call, use_awaitable);
    FAIL("resumed");
  };
  boost::asio::co_spawn(ends.io, waits(*phone, ends.call, token), boost::asio::detached);
  ends.bob.on_invite([&](IncomingCall) { phone.reset(); });
  CHECK(ends.until([&] { return token.use_count() == 1; }));
}

#else
TEST_CASE("coroutines: this compiler has none") { SUCCEED("nothing to test"); }
#endif
