// SPDX-License-Identifier: Apache-2.0
// A server that gets more than it can do (hardening P7): the control alone, on a queue that is nothing but
// numbers; then a whole registrar and proxy, each of whose messages costs virtual time.
#include "sipstack/core/overload.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <string>

#include "catch.hpp"
#include "sipstack/server/memory_location.hpp"
#include "sipstack/testing/agent.hpp"

using namespace sipstack;
using namespace sipstack::testing;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// Calls of one message each, at a fixed rate, to a server that needs `cost` for one and a twentieth of it to
/// refuse one. What finds the queue full is lost.
struct Queue {
  explicit Queue(const OverloadOptions& options = {}) : overload(options, HashKey{3, 4}) {}

  void run(double load, Duration length) {
    const auto gap = Duration(static_cast<std::int64_t>(static_cast<double>(cost.count()) / load));
    for (const TimePoint end = arrives + length; arrives < end; arrives += gap) {
      work_until(arrives);
      if (waiting.size() < 200)
        waiting.push_back(arrives);
      else
        ++lost;
    }
  }
  void work_until(TimePoint time) {
    while (free_at <= time) {
      if (waiting.empty()) {
        overload.waiting(Duration::zero(), free_at);
        empty_at = free_at = time + microseconds(1);
        return;
      }
      overload.waiting(free_at - empty_at, free_at);
      const std::string id = std::to_string(++number);
      longest = std::max(longest, free_at - waiting.front());
      waiting.pop_front();
      switch (overload.judge(id, free_at)) {
        case Overload::Verdict::admit:
          ++done;
          free_at += cost;
          break;
        case Overload::Verdict::refuse:
          ++refused;
          free_at += cost / 20;
          break;
        case Overload::Verdict::drop:
          ++dropped;
          free_at += cost / 100;
          break;
      }
    }
  }
  void forget() {
    done = refused = dropped = lost = 0;
    longest = {};
  }

  static constexpr Duration cost = microseconds(500);
  Overload overload;
  std::deque<TimePoint> waiting;
  TimePoint arrives{seconds(1)}, free_at{seconds(1)}, empty_at{seconds(1)};
  int number = 0, done = 0, refused = 0, dropped = 0, lost = 0;
  Duration longest{};
};

}  // namespace

TEST_CASE("overload: what a server can do it does, and sheds nothing of it") {
  Queue q;
  q.run(0.9, seconds(5));
  CHECK(q.refused == 0);
  CHECK(q.overload.admitted() == 1);
}

TEST_CASE("overload: a burst and a pause of the process are worked off, not shed") {
  Queue q;
  q.run(0.5, seconds(1));
  q.free_at += milliseconds(40);  // another process had the processor
  q.run(0.5, seconds(1));
  q.run(1.5, milliseconds(30));
  q.run(0.5, seconds(1));
  CHECK(q.refused == 0);
  // Nor after a long pause: what was read in one go says nothing.
  q.overload.waiting(seconds(1), q.free_at);
  q.overload.waiting(Duration::zero(), q.free_at);
  CHECK_FALSE(q.overload.overloaded());
}

TEST_CASE(
    "overload: at any load above it the work goes on, and what waits does not wait for long") {
  for (const double load : {1.1, 2.0, 4.0}) {
    INFO("load " << load);
    Queue q;
    q.run(load, seconds(2));  // to find the share
    q.forget();
    q.run(load, seconds(10));
    // Of the time that refusing leaves, nine tenths go into calls.
    const double left = 1 - (load - 1) / 20;
    CHECK(q.done > 0.9 * left * seconds(10) / Queue::cost);
    CHECK(q.dropped == 0);
    CHECK(q.lost < (q.done + q.refused) / 50);
    CHECK(q.longest < milliseconds(100));
    // And it is over when it is over.
    q.run(0.5, seconds(3));
    CHECK_FALSE(q.overload.overloaded());
    q.forget();
    q.run(0.9, seconds(1));
    CHECK(q.refused == 0);
  }
}

TEST_CASE(
    "overload: where refusing alone is too much, the rest is dropped, and refused again later") {
  Queue q;
  q.run(60, seconds(2));
  CHECK(q.dropped > q.refused / 4);
  CHECK(q.done > 0);
  q.run(0.5, seconds(8));
  CHECK(q.overload.answered() == 1);
  CHECK_FALSE(q.overload.overloaded());
}

TEST_CASE("overload: who was admitted once is admitted again, but not for ever") {
  OverloadOptions options;
  options.interval = seconds(1000);  // the share stays what it is
  Overload overload(options, HashKey{4, 5});
  for (int i = 0; i < 4; ++i) overload.waiting(milliseconds(100 + i), TimePoint(seconds(64)));
  int admitted = 0, changed = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string id = "call-" + std::to_string(i);
    const auto judged = [&](int second) {
      overload.waiting(milliseconds(12), TimePoint(seconds(second)));
      return overload.judge(id, TimePoint(seconds(second)));
    };
    const auto first = judged(64);
    admitted += first == Overload::Verdict::admit ? 1 : 0;
    CHECK(judged(95) == first);
    changed += judged(96) != first ? 1 : 0;
  }
  CHECK((admitted > 150 && admitted < 300));
  CHECK((changed > 100 && changed < 300));
}

TEST_CASE("overload: switched off it admits everything") {
  OverloadOptions off;
  off.enabled = false;
  Queue q(off);
  q.run(4, seconds(2));
  CHECK(q.refused + q.dropped == 0);
}
