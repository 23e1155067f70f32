// SPDX-License-Identifier: Apache-2.0
// Futures, executors of a handler's own, and cancellation slots, over loopback.
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include "catch.hpp"
#include "endpoint/ends.hpp"

using namespace sipstack;
using boost::asio::use_future;
using sipstack::test::Ends;
using sipstack::test::kAnswer;
using sipstack::test::kOffer;
using sipstack::test::quick;

namespace {

void bob_answers(Ends& ends) {
  ends.bob.on_invite([](IncomingCall call) {
    call.call().on_reinvite([again = call.call()](const Message&) mutable { again.reject(488); });
    call.async_accept(std::string(kAnswer), [](error_code, const Call&) {});
  });
}

}  // namespace

TEST_CASE("futures: another thread calls, is refused a change, hangs up") {
  Ends ends;
  bob_answers(ends);
  std::thread network([&] { ends.io.run_for(std::chrono::seconds(20)); });
  // [futures]
  // Operations are begun on the io_context's thread; their futures may be waited for on any other.
  const auto there = [&](auto begin) {
    return boost::asio::dispatch(ends.io.get_executor(), use_future(begin)).get().get();
  };
  auto [call, response] = there([&] { return ends.alice.async_invite(ends.call, use_future); });
  // [/futures]
  CHECK(response->status() == 200);
  const Message refused =
      there([&, call = call]() mutable { return call.async_reinvite(kOffer, use_future); });
  CHECK(refused->status() == 488);
  const CallEnded end =
      there([&, call = call]() mutable { return call.async_hang_up(use_future); });
  CHECK(end.cause == CallEnded::Cause::local_bye);
  CHECK_THROWS_AS(there([&, call = call]() mutable { return call.async_hold(use_future); }),
                  boost::system::system_error);
  ends.io.stop();
  network.join();
}

TEST_CASE("a handler that is kept by its user is copied, and may be given again") {
  Ends ends;
  RequestOptions options;
  options.target = ends.call.target;
  auto answers = std::make_shared<int>(0);
  auto count = [answers](error_code error, const Message& response) {
    CHECK_FALSE(error);
    CHECK(response->status() == 200);
    ++*answers;
  };
  ends.alice.async_request("OPTIONS", options, count);
  ends.alice.async_request("OPTIONS", options, count);
  REQUIRE(ends.until([&] { return *answers == 2; }));
}

TEST_CASE("a handler with an executor of its own is called there, and is waited for") {
  Ends ends;
  bob_answers(ends);
  boost::asio::thread_pool pool(1);
  std::atomic<bool> called{false};
  std::thread::id where;
  ends.alice.async_invite(
      ends.call,
      boost::asio::bind_executor(pool, [&](error_code error, const Call&, const Message& response) {
        CHECK_FALSE(error);
        CHECK(response->status() == 200);
        where = std::this_thread::get_id();
        called = true;
      }));
  std::thread waits([&] { pool.join(); });  // does not return before the handler was called
  CHECK(ends.until([&] { return called.load(); }));
  waits.join();
  CHECK(where != std::this_thread::get_id());
}

TEST_CASE("a cancellation slot cancels the INVITE; signalled later it does nothing") {
  Ends ends;
  CallEnded::Cause bobs = CallEnded::Cause::failed;
  boost::asio::cancellation_signal signal;
  ends.bob.on_invite([&](IncomingCall call) {
    call.call().on_ended([&](const CallEnded& end) { bobs = end.cause; });
    call.ring();
  });
  int outcomes = 0;
  ends.alice.async_invite(
      ends.call,
      boost::asio::bind_cancellation_slot(signal.slot(),
                                          [&](error_code error, const Call&, const Message&) {
                                            ++outcomes;
                                            CHECK(error == Errc::cancelled);
                                          }),
      [&](const Call&, const Message& response) {
        if (response->status() == 180) signal.emit(boost::asio::cancellation_type::terminal);
      });
  REQUIRE(ends.until([&] { return outcomes == 1; }));
  CHECK(bobs == CallEnded::Cause::cancelled);
  signal.emit(boost::asio::cancellation_type::all);

  // Of a call that is up, the slot of the operation that has made it means nothing any more.
  bob_answers(ends);
  Call up;
  ends.alice.async_invite(ends.call, boost::asio::bind_cancellation_slot(
                                         signal.slot(), [&](error_code, Call call, const Message&) {
                                           up = std::move(call);
                                         }));
  REQUIRE(ends.until([&] { return static_cast<bool>(up); }));
  signal.emit(boost::asio::cancellation_type::all);
  for (int i = 0; i < 5; ++i) ends.io.run_one_for(std::chrono::milliseconds(10));
  CHECK(up);

  // Waiting ends, the call goes on; then a wait that nobody cancels hears how it ended.
  bool waited = false;
  up.async_ended(
      boost::asio::bind_cancellation_slot(signal.slot(), [&](error_code error, const CallEnded&) {
        CHECK(error == Errc::cancelled);
        waited = true;
      }));
  CallEnded end;
  up.async_ended([&](error_code error, CallEnded how) {
    CHECK_FALSE(error);
    end = std::move(how);
  });
  signal.emit(boost::asio::cancellation_type::total);
  REQUIRE(ends.until([&] { return waited; }));
  CHECK(up);
  up.hang_up();
  REQUIRE(ends.until([&] { return !up; }));
  CHECK(end.cause == CallEnded::Cause::local_bye);
}

TEST_CASE("what waits within a call is told when the call ends") {
  Ends ends;
  bob_answers(ends);
  Call up;
  ends.alice.async_invite(ends.call,
                          [&](error_code, Call call, const Message&) { up = std::move(call); });
  REQUIRE(ends.until([&] { return static_cast<bool>(up); }));
  int told = 0;
  ends.bob = Endpoint(ends.io, quick());  // Bob is not heard again
  up.async_update({}, [&](error_code error, const Message& response) {
    CHECK(error);
    CHECK_FALSE(response);
    ++told;
  });
  up.async_update({}, [&](error_code error, const Message&) {  // one at a time
    CHECK(error == Errc::wrong_state);
    ++told;
  });
  up.hang_up();
  REQUIRE(ends.until([&] { return told == 2 && !up; }));
  up.async_request("INFO", "", "", [&](error_code error, const Message&) {
    CHECK(error == Errc::gone);
    ++told;
  });
  REQUIRE(ends.until([&] { return told == 3; }));
}
