// SPDX-License-Identifier: Apache-2.0
// Ten thousand calls over a network that loses three datagrams of ten, in virtual time: whatever is lost,
// nothing may be left, and the same seed must give the same run to the last byte.
#include <deque>

#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

struct Outcome {
  std::uint64_t trace = 0;
  std::size_t ended_at_alice = 0;
  std::size_t ended_at_bob = 0;
  std::size_t answered = 0;
  std::size_t completed = 0;
  bool rest = false;
};

// Counts instead of keeping, so that ten thousand calls fit.
class Talker : public Phone {
 public:
  using Phone::Phone;
  std::size_t ended = 0, answered = 0, completed = 0, arrived = 0;

  void act(TimePoint now) override {
    Phone::act(now);
    for (const UserEvent& event : events) tally(event, now);
    events.clear();
  }

 private:
  void tally(const UserEvent& event, TimePoint now) {
    if (std::holds_alternative<CallEnded>(event)) ++ended;
    if (std::holds_alternative<RequestCompleted>(event)) ++completed;
    if (std::holds_alternative<CallAnswered>(event)) ++answered;
    if (const auto* call = std::get_if<CallArrived>(&event)) {
      // Most calls are answered, some are declined, some ring until they are cancelled.
      const auto fate = ++arrived % 10;
      ua().ring(call->call, 180, now);
      if (fate == 0) ua().reject(call->call, 486, now);
      if (fate >= 2) ua().accept(call->call, kAnswer, now);
    }
    if (const auto* again = std::get_if<CallReinvited>(&event))
      ua().accept(again->call, kAnswer, now);
  }
};

Outcome run(std::uint64_t seed, int calls) {
  NetworkOptions lossy;
  lossy.seed = seed;
  lossy.loss = 0.3;
  lossy.duplicate = 0.02;
  lossy.delay_min = milliseconds(5);
  lossy.delay_max = milliseconds(60);
  lossy.ladder_limit = 0;
  Network network(lossy);
  Talker alice(network, "alice", "192.0.2.1"), bob(network, "bob", "192.0.2.2");

  // A hundred calls a second; each lives its own life: cancelled, changed, talked in, hung up.
  for (int i = 0; i < calls; ++i) {
    const TimePoint begin = TimePoint(milliseconds(10 * i));
    network.at(begin, [&, i, begin](TimePoint now) {
      const auto call = alice.ua().invite(call_to(bob.uri()), now);
      REQUIRE(call);
      const auto later = [&](Duration after, auto what) {
        network.at(begin + after, [&, call = *call, what](TimePoint at) { what(call, at); });
      };
      if (i % 5 == 1)
        later(seconds(2), [&](CallId id, TimePoint at) { alice.ua().reinvite(id, kOffer, at); });
      if (i % 5 == 2)
        later(seconds(1), [&](CallId id, TimePoint at) {
          alice.ua().request(id, "INFO", "text/plain", "x", at);
        });
      later(i % 7 == 3 ? milliseconds(100) : seconds(5),
            [&](CallId id, TimePoint at) { alice.ua().hang_up(id, at); });
    });
  }
  Outcome out;
  out.rest = network.run_to_rest(TimePoint(seconds(1000)));
  out.trace = network.trace_hash();
  out.ended_at_alice = alice.ended;
  out.ended_at_bob = bob.ended;
  out.answered = alice.answered;
  out.completed = alice.completed;
  CHECK(bob.ended == bob.arrived);
  alice.must_be_empty();
  bob.must_be_empty();
  return out;
}

}  // namespace

TEST_CASE(
    "10,000 calls over a network that loses 30 % end with nothing left, the same way for one "
    "seed") {
  const Outcome first = run(20, 10'000);
  CHECK(first.rest);
  CHECK(first.ended_at_alice == 10'000);
  CHECK(first.answered > 5'000);
  CHECK(first.completed > 1'000);
  const Outcome second = run(20, 10'000);
  CHECK(second.trace == first.trace);
  CHECK(run(21, 1'000).trace != run(20, 1'000).trace);
}
