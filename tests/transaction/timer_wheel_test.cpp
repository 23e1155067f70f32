// SPDX-License-Identifier: Apache-2.0
// The timer wheel against the rules of its header and against a sorted map.
#include "sipstack/transaction/timer_wheel.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <vector>

#include "catch.hpp"
#include "sipstack/base/random.hpp"

using namespace sipstack;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

TimePoint at(Duration since_origin) { return TimePoint(since_origin); }

struct Hook : TimerHook {
  explicit Hook(int n = 0) : TimerHook(TimerOwner::application), number(n) {}
  int number;
};

std::vector<int> drain(TimerWheel& wheel, TimePoint now) {
  std::vector<int> numbers;
  while (TimerHook* hook = wheel.pop(now)) numbers.push_back(static_cast<Hook*>(hook)->number);
  return numbers;
}

}  // namespace

TEST_CASE("timer wheel: an empty wheel has no deadline and nothing to pop") {
  TimerWheel wheel;
  CHECK(wheel.deadline() == kNever);
  CHECK(wheel.pop(at(hours(1000))) == nullptr);
  CHECK(wheel.size() == 0);
}

TEST_CASE("timer wheel: a hook is never early and less than a tick late") {
  for (const std::int64_t us :
       {1, 999, 1000, 1001, 255'999, 256'000, 256'001, 65'535'999, 65'536'000}) {
    TimerWheel wheel;
    Hook hook;
    wheel.arm(hook, at(microseconds(us)));
    CHECK(wheel.pop(at(microseconds(us - 1))) == nullptr);
    CHECK(hook.armed());
    CHECK(wheel.pop(at(microseconds(us + 999))) == &hook);
    CHECK_FALSE(hook.armed());
    CHECK(wheel.size() == 0);
  }
}

TEST_CASE("timer wheel: a time that has passed expires at the next pop") {
  TimerWheel wheel;
  CHECK(wheel.pop(at(seconds(10))) == nullptr);
  Hook hook;
  wheel.arm(hook, at(seconds(3)));
  CHECK(wheel.deadline() <= at(seconds(10)));
  CHECK(wheel.pop(at(seconds(10))) == &hook);
}

TEST_CASE("timer wheel: order is by tick, then by arming, over every level") {
  TimerWheel wheel;
  std::deque<Hook> hooks;
  for (int i = 0; i < 8; ++i) hooks.emplace_back(i);
  wheel.arm(hooks[0], at(hours(30)));
  wheel.arm(hooks[1], at(milliseconds(5)));
  wheel.arm(hooks[2], at(seconds(70)));
  wheel.arm(hooks[3], at(milliseconds(5)));
  wheel.arm(hooks[4], at(hours(24) * 60));
  wheel.arm(hooks[5], at(milliseconds(300)));
  CHECK(drain(wheel, at(milliseconds(4))).empty());
  wheel.arm(hooks[6], at(seconds(70)));  // armed later from nearer: still behind hook 2
  CHECK(drain(wheel, at(seconds(69))) == std::vector<int>{1, 3, 5});
  wheel.arm(hooks[7], at(seconds(70)));
  CHECK(drain(wheel, at(hours(24) * 90)) == std::vector<int>{2, 6, 7, 0, 4});
}

TEST_CASE("timer wheel: disarming, re-arming and dying all leave it empty") {
  TimerWheel wheel;
  {
    Hook a(1), b(2);
    wheel.arm(a, at(seconds(1)));
    wheel.arm(b, at(seconds(1)));
    wheel.disarm(a);
    wheel.disarm(a);
    CHECK(wheel.size() == 1);
    wheel.arm(b, at(seconds(2)));
    CHECK(wheel.size() == 1);
    CHECK(drain(wheel, at(milliseconds(1999))).empty());
    wheel.arm(a, at(seconds(3)));
  }
  CHECK(wheel.size() == 0);
  CHECK(wheel.deadline() == kNever);
  CHECK(wheel.pop(at(seconds(100))) == nullptr);
}

TEST_CASE(
    "timer wheel: a hook armed from an expiry for a time already passed comes out of the same "
    "drain") {
  TimerWheel wheel;
  Hook a(1), b(2), c(3);
  wheel.arm(a, at(milliseconds(10)));
  wheel.arm(b, at(milliseconds(500)));
  const TimePoint now = at(seconds(1));
  REQUIRE(wheel.pop(now) == &a);
  wheel.arm(a, at(milliseconds(10)));   // passed: due at once
  wheel.arm(c, at(milliseconds(400)));  // passed as well, but a tick of its own before b
  CHECK(drain(wheel, now) == std::vector<int>{1, 3, 2});
}

TEST_CASE("A39: timer wheel: 32 bits of milliseconds (49.7 days) are no boundary") {
  TimerWheel wheel;
  const Duration wrap = milliseconds(std::int64_t{1} << 32);
  CHECK(wheel.pop(at(wrap - seconds(1))) == nullptr);
  Hook before(1), on(2), after(3), far(4);
  wheel.arm(far, at(wrap * 3 + milliseconds(7)));
  wheel.arm(after, at(wrap + milliseconds(1)));
  wheel.arm(on, at(wrap));
  wheel.arm(before, at(wrap - milliseconds(1)));
  CHECK(drain(wheel, at(wrap - milliseconds(2))).empty());
  CHECK(drain(wheel, at(wrap - milliseconds(1))) == std::vector<int>{1});
  CHECK(drain(wheel, at(wrap)) == std::vector<int>{2});
  CHECK(drain(wheel, at(wrap + seconds(1))) == std::vector<int>{3});
  CHECK(drain(wheel, at(wrap * 3 + milliseconds(6))).empty());
  CHECK(drain(wheel, at(wrap * 3 + milliseconds(7))) == std::vector<int>{4});
}

TEST_CASE("timer wheel: times past the year 2038 and without an end") {
  TimerWheel wheel;
  const Duration y2038 = seconds(std::int64_t{1} << 31);  // as if the origin were 1970
  Hook a(1), b(2), never(3);
  wheel.arm(never, kNever);
  wheel.arm(b, at(y2038 + seconds(32)));
  wheel.arm(a, at(y2038));
  CHECK(drain(wheel, at(y2038 - microseconds(1))).empty());
  CHECK(wheel.deadline() == at(y2038));
  CHECK(drain(wheel, at(y2038)) == std::vector<int>{1});
  CHECK(drain(wheel, at(y2038 * 2)) == std::vector<int>{2});
  CHECK(drain(wheel, at(hours(24) * 365 * 200'000)).empty());
  CHECK(never.armed());
  wheel.disarm(never);
}

TEST_CASE("A39: timer wheel: time that goes backwards stands still") {
  TimerWheel wheel;
  CHECK(wheel.pop(at(hours(2))) == nullptr);
  Hook soon(1), passed(2);
  wheel.arm(soon, at(hours(2) + seconds(1)));
  wheel.arm(passed, at(hours(1)));
  CHECK(drain(wheel, at(hours(1) - seconds(1))) == std::vector<int>{2});
  CHECK(soon.armed());
  CHECK(drain(wheel, at(hours(2) + seconds(1))) == std::vector<int>{1});
}

TEST_CASE("timer wheel: sleeping until the deadline finds every hook in a few rounds, on time") {
  SeededRandom random(11);
  for (int round = 0; round < 200; ++round) {
    TimerWheel wheel;
    TimePoint now = at(milliseconds(random.below(1'000'000'000)));
    CHECK(wheel.pop(now) == nullptr);
    const std::uint64_t bits = random.below(32);
    Hook hook;
    const TimePoint due = now + microseconds(1 + random.below(std::uint64_t{1} << bits) * 1000);
    std::deque<Hook> crowd;  // so many in one slot that the wheel doesn't look at each
    if (round % 2 == 1)
      for (int i = 0; i < 20; ++i) wheel.arm(crowd.emplace_back(i), due + milliseconds(i));
    wheel.arm(hook, due);
    int rounds = 0;
    TimerHook* popped = nullptr;
    while ((popped = wheel.pop(now)) == nullptr && rounds < 10) {
      REQUIRE(wheel.deadline() > now);
      now = wheel.deadline();
      ++rounds;
    }
    REQUIRE(popped != nullptr);
    CHECK(now >= due);
    CHECK(now - due < milliseconds(1));
    CHECK(rounds <= 6);
  }
}

TEST_CASE("timer wheel: a random run agrees with a sorted map") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRandom random(seed);
    TimerWheel wheel;
    std::vector<std::unique_ptr<Hook>> hooks;
    for (int i = 0; i < 300; ++i) hooks.push_back(std::make_unique<Hook>(i));
    // Ticks to hook numbers; equal keys keep the order of insertion.
    std::multimap<std::int64_t, int> model;
    std::map<int, std::multimap<std::int64_t, int>::iterator> armed;
    std::int64_t now_us = static_cast<std::int64_t>(random.below(5'000'000'000));
    std::int64_t reached = 0;  // last tick popped at: earlier times count as this
    const auto forget = [&](int n) {
      const auto found = armed.find(n);
      if (found == armed.end()) return;
      model.erase(found->second);
      armed.erase(found);
    };
    for (int step = 0; step < 4000; ++step) {
      const std::uint64_t what = random.below(10);
      const int n = static_cast<int>(random.below(hooks.size()));
      Hook& hook = *hooks[static_cast<std::size_t>(n)];
      if (what < 6) {
        const std::int64_t ahead =
            static_cast<std::int64_t>(random.below(std::uint64_t{1} << random.below(45))) - 2000;
        const std::int64_t us = now_us + ahead;
        wheel.arm(hook, at(microseconds(us)));
        forget(n);
        const std::int64_t tick = us <= 0 ? 0 : (us + 999) / 1000;
        armed[n] = model.emplace(std::max(tick, reached), n);
      } else if (what < 8) {
        wheel.disarm(hook);
        forget(n);
      } else {
        now_us += static_cast<std::int64_t>(random.below(std::uint64_t{1} << random.below(44)));
        while (TimerHook* popped = wheel.pop(at(microseconds(now_us)))) {
          REQUIRE_FALSE(model.empty());
          REQUIRE(model.begin()->first <= now_us / 1000);
          REQUIRE(static_cast<Hook*>(popped)->number == model.begin()->second);
          forget(model.begin()->second);
        }
        reached = std::max(reached, now_us / 1000);
        REQUIRE((model.empty() || model.begin()->first > now_us / 1000));
      }
      REQUIRE(wheel.size() == model.size());
      if (model.empty()) {
        REQUIRE(wheel.deadline() == kNever);
      } else {
        REQUIRE(wheel.deadline() <= at(milliseconds(model.begin()->first)));
      }
    }
  }
}

TEST_CASE(
    "timer wheel: after a suspend of an hour all that fell due comes at once, in order (P12)") {
  TimerWheel wheel;
  std::vector<std::unique_ptr<TimerHook>> hooks;
  for (int i = 0; i < 1000; ++i) {
    hooks.push_back(std::make_unique<TimerHook>(TimerOwner::application));
    wheel.arm(*hooks.back(), TimePoint(std::chrono::seconds(4 * (999 - i))));
  }
  const TimePoint woken{std::chrono::hours(1)};
  TimePoint last{};
  int popped = 0;
  while (const TimerHook* hook = wheel.pop(woken)) {
    CHECK(hook->at() >= last);
    CHECK(hook->at() <= woken);
    last = hook->at();
    ++popped;
  }
  CHECK(popped == 900 + 1);  // up to the hour, and the one of the hour itself
  CHECK(wheel.size() == 99);
  CHECK(wheel.deadline() > woken);
}

TEST_CASE(
    "timer wheel: a clock that is set back an hour makes nothing early, and forward nothing late "
    "(P12)") {
  // The wall clock is nobody's argument here. Should a driver's clock step all the same: back is no time at
  // all, and the timers wait out what they were told; forward is a suspend.
  TimerWheel wheel;
  TimerHook hook(TimerOwner::application);
  const TimePoint start{std::chrono::hours(10)};
  while (wheel.pop(start) != nullptr) {
  }
  wheel.arm(hook, start + std::chrono::seconds(32));
  for (int second = 0; second < 3600; second += 60)
    CHECK(wheel.pop(start - std::chrono::hours(1) + std::chrono::seconds(second)) == nullptr);
  CHECK(wheel.pop(start + std::chrono::milliseconds(31'999)) == nullptr);
  CHECK(wheel.pop(start + std::chrono::hours(1)) == &hook);
}
