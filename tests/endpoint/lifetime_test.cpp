// SPDX-License-Identifier: Apache-2.0
// Handlers that destroy, replace and throw; endpoints that go while work is pending.
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <boost/asio/use_future.hpp>

#include "catch.hpp"
#include "endpoint/ends.hpp"

using namespace sipstack;
using sipstack::test::Ends;
using sipstack::test::kAnswer;
using sipstack::test::kOffer;
using sipstack::test::quick;

TEST_CASE("an endpoint may be destroyed by its own handler") {
  boost::asio::io_context io;
  auto bob = std::make_unique<Endpoint>(io, quick());
  Endpoint alice(io, quick());
  CallOptions call;
  call.target = "sip:bob@" + bob->listen("udp:127.0.0.1:0").value().to_string();
  alice.listen("udp:127.0.0.1:0").value();
  IncomingCall* kept = nullptr;
  std::optional<IncomingCall> storage;
  bob->on_invite([&](IncomingCall incoming) {
    storage = incoming;
    kept = &*storage;
    bob.reset();
    kept->ring();  // the handle finds nobody, and says nothing
    io.stop();
  });
  alice.async_invite(call, [](error_code, const Call&, const Message&) {});
  io.run_for(std::chrono::seconds(20));
  REQUIRE(kept != nullptr);
  CHECK_FALSE(bob);
  CHECK_FALSE(kept->call());
  CHECK(kept->call().hang_up() == Errc::gone);
}

TEST_CASE("destruction with everything pending drops the handlers uncalled") {
  boost::asio::io_context io;
  auto token = std::make_shared<int>(0);
  {
    Endpoint alice(io, quick());
    alice.listen("udp:127.0.0.1:0").value();
    CallOptions call;
    call.target = "sip:bob@127.0.0.1:9";
    alice.async_invite(call, [token](error_code, const Call&, const Message&) { FAIL("called"); });
    RequestOptions request;
    request.target = "sip:bob@name.invalid";
    alice.async_request("OPTIONS", request,
                        [token](error_code, const Message&) { FAIL("called"); });
    RegistrationOptions binding;
    binding.aor = "sip:alice@127.0.0.1:9";
    alice.async_register(binding,
                         [token](error_code, RegistrationId, const Message&) { FAIL("called"); });
    alice.async_invite({}, [token](error_code, const Call&, const Message&) { FAIL("called"); });
  }
  io.run();
  CHECK(token.use_count() == 1);
}

TEST_CASE("a handler may replace itself while it runs") {
  Ends ends;
  std::string heard;
  auto guard = std::make_shared<std::string>("first ");
  ends.bob.on_invite([&, guard](IncomingCall call) {
    ends.bob.on_invite([&](IncomingCall second) {
      heard += "second";
      second.reject(486);
    });
    heard += *guard;  // what this handler holds is still there
    call.reject(486);
  });
  guard.reset();
  int outcomes = 0;
  const auto count = [&](error_code, const Call&, const Message&) { ++outcomes; };
  ends.alice.async_invite(ends.call, count);
  REQUIRE(ends.until([&] { return outcomes == 1; }));
  ends.alice.async_invite(ends.call, count);
  REQUIRE(ends.until([&] { return outcomes == 2; }));
  CHECK(heard == "first second");
}

TEST_CASE("a handler that throws spoils neither the endpoint nor the events behind it") {
  Ends ends;
  int calls = 0;
  ends.bob.on_invite([&](IncomingCall call) {
    call.reject(486);
    if (++calls == 1) throw std::runtime_error("mine");
  });
  int outcomes = 0;
  const auto count = [&](error_code, const Call&, const Message& response) {
    if (response && response->status() == 486) ++outcomes;
  };
  ends.alice.async_invite(ends.call, count);
  ends.alice.async_invite(ends.call, count);
  int thrown = 0;
  bool patient = true;
  while (patient && outcomes < 2 && thrown < 2) {
    try {
      patient = ends.until([&] { return outcomes == 2; });
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  }
  CHECK(thrown == 1);
  CHECK(outcomes == 2);
}

TEST_CASE("commands inside handlers do not recurse into other handlers") {
  Ends ends;
  int depth = 0;
  int deepest = 0;
  int outcomes = 0;
  struct Level {
    explicit Level(int& d, int& most) : depth(d) { most = std::max(most, ++depth); }
    ~Level() { --depth; }
    int& depth;
  };
  ends.bob.on_invite([&](IncomingCall call) {
    const Level level(depth, deepest);
    call.async_accept(kAnswer, [&](error_code, Call up) {
      const Level inner(depth, deepest);
      up.on_ended([&](const CallEnded&) { const Level last(depth, deepest); });
      up.hang_up();
    });
  });
  for (int i = 0; i < 5; ++i)
    ends.alice.async_invite(ends.call, [&](error_code, Call call, const Message&) {
      const Level level(depth, deepest);
      call.on_ended([&](const CallEnded&) {
        const Level last(depth, deepest);
        ++outcomes;
      });
      call.hang_up();
    });
  REQUIRE(ends.until([&] { return outcomes == 5; }));
  CHECK(deepest == 1);
}

TEST_CASE("a future is a token like any other") {
  Ends ends;
  RequestOptions request;
  request.target = ends.call.target;
  std::future<Message> response =
      ends.alice.async_request("OPTIONS", request, boost::asio::use_future);
  REQUIRE(ends.until(
      [&] { return response.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
  CHECK(response.get()->status() == 200);
}

TEST_CASE("a future throws what an operation could not do") {
  Ends ends;
  boost::asio::io_context nobody;
  Endpoint mute(nobody);  // bound, and never run
  RequestOptions request;
  request.target = "sip:x@" + mute.listen("udp:127.0.0.1:0").value().to_string();
  auto response = ends.alice.async_request("OPTIONS", request, boost::asio::use_future);
  REQUIRE(ends.until(
      [&] { return response.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
  boost::system::error_code error;
  try {
    response.get();
  } catch (const boost::system::system_error& thrown) {
    error = thrown.code();
  }
  CHECK(error == Errc::timeout);
}

TEST_CASE("a generic lambda and a handler that can only be moved are tokens too") {
  Ends ends;
  RequestOptions request;
  request.target = ends.call.target;
  int status = 0;
  ends.alice.async_request("OPTIONS", request,
                           [&, own = std::make_unique<int>(7)](auto error, auto response) {
                             const boost::system::error_code& same = error;  // no conversion
                             CHECK_FALSE(same);
                             CHECK(*own == 7);
                             status = response->status();
                           });
  REQUIRE(ends.until([&] { return status != 0; }));
  CHECK(status == 200);
}

TEST_CASE("a moved endpoint goes on with what it was doing") {
  Ends ends;
  ends.bob.on_invite([](IncomingCall call) { call.reject(486); });
  int status = 0;
  ends.alice.async_invite(ends.call, [&](error_code, const Call&, const Message& response) {
    status = response ? response->status() : -1;
  });
  Endpoint moved = std::move(ends.alice);
  REQUIRE(ends.until([&] { return status != 0; }));
  CHECK(status == 486);
}

TEST_CASE("shutting down hangs up, and says when it is over") {
  Ends ends;
  bool bob_up = false;
  bool bob_ended = false;
  ends.bob.on_invite([&](IncomingCall call) {
    call.call().on_ended(
        [&](const CallEnded& end) { bob_ended = end.cause == CallEnded::Cause::remote_bye; });
    call.async_accept(kAnswer, [&](error_code ec, const Call&) { bob_up = !ec; });
  });
  ends.alice.async_invite(ends.call, [](error_code, const Call&, const Message&) {});
  REQUIRE(ends.until([&] { return bob_up; }));
  bool over = false;
  ends.alice.shut_down(std::chrono::seconds(10), [&] { over = true; });
  CHECK_FALSE(over);  // never from inside a command
  REQUIRE(ends.until([&] { return over && bob_ended; }));
  CHECK_FALSE(ends.alice.listen("udp:127.0.0.1:0"));
}

TEST_CASE("shutting down waits for a mute peer no longer than it was told") {
  boost::asio::io_context io;
  boost::asio::io_context nobody;
  Endpoint mute(nobody);
  Endpoint alice(io);  // with the RFC's timers: 32 s
  alice.listen("udp:127.0.0.1:0").value();
  CallOptions call;
  call.target = "sip:x@" + mute.listen("udp:127.0.0.1:0").value().to_string();
  alice.async_invite(call, [](error_code, const Call&, const Message&) {});
  bool over = false;
  alice.shut_down(std::chrono::milliseconds(50), [&] { over = true; });
  io.run_for(std::chrono::seconds(20));
  CHECK(over);
}

TEST_CASE(
    "an endpoint that has nothing to do shuts down at once, and the io_context runs out of work") {
  boost::asio::io_context io;
  Endpoint end(io);
  end.listen("udp:127.0.0.1:0").value();
  end.listen("tcp:127.0.0.1:0").value();
  bool over = false;
  end.shut_down(std::chrono::seconds(10), [&] { over = true; });
  io.run_for(std::chrono::seconds(20));
  CHECK(over);
  CHECK(io.stopped());
}
