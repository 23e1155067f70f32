// SPDX-License-Identifier: Apache-2.0
// Every send fails once, or from then on, at once: a call and all that is in it ends, and nothing is left
// (hardening A34).
#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

/// Its transport says no to some of its sends, inside send: before anything is on its way.
class Unlucky : public Phone {
 public:
  using Phone::Phone;

  bool next(Transmit& out) override {
    while (Phone::next(out)) {
      ++sends;
      if (sends != fails && !(from_then_on && sends > fails)) return true;
      const TxnId txn = out.txn;
      out = {};
      transport_failed(txn, make_error_code(Errc::transport_failed), time);
      act(time);
    }
    return false;
  }
  void receive(std::string_view bytes, const Flow& flow, TimePoint now) override {
    time = now;
    Phone::receive(bytes, flow, now);
  }
  void expire(TimePoint now) override {
    time = now;
    Phone::expire(now);
  }
  void act(TimePoint now) override {
    time = now;
    Phone::act(now);
  }

  int fails = 0;  ///< which of its sends, from 1
  bool from_then_on = false;
  int sends = 0;
  TimePoint time{};
};

/// A call with a reliable 180, INFO, re-INVITE, UPDATE and BYE, whoever of both is unlucky.
struct UnluckyPair {
  explicit UnluckyPair(const std::string& params)
      : alice(network, "alice", "192.0.2.1", demanding()), bob(network, "bob", "192.0.2.2") {
    bob.user = answers;
    target = bob.uri(params);
  }
  static CoreOptions demanding() {
    CoreOptions options;
    options.user_agent.reliable = ExtensionUse::required;
    return options;
  }
  void play() {
    CallId call;
    network.now(
        [&](TimePoint now) { call = alice.ua().invite(call_to(target), now).value_or(CallId{}); });
    network.run(seconds(40));
    // What is refused here because the call is over is a part of the story.
    network.now(
        [&](TimePoint now) { static_cast<void>(alice.ua().request(call, "INFO", {}, {}, now)); });
    network.run(seconds(40));
    network.now([&](TimePoint now) { static_cast<void>(alice.ua().reinvite(call, kOffer, now)); });
    network.run(seconds(40));
    network.now([&](TimePoint now) { static_cast<void>(alice.ua().update(call, kOffer, now)); });
    network.run(seconds(40));
    network.now([&](TimePoint now) { static_cast<void>(alice.ua().hang_up(call, now)); });
    network.run(seconds(100));
    // Whoever heard of no end goes on with the call, as it should, until its user hangs up.
    network.now([&](TimePoint now) { bob.ua().shut_down(now); });
    REQUIRE(network.run_to_rest(network.time() + seconds(400)));
    CHECK(alice.count<CallEnded>() == (call ? 1 : 0));
    CHECK(bob.count<CallEnded>() == bob.count<CallArrived>());
    alice.must_be_empty();
    bob.must_be_empty();
  }

  Network network;
  Unlucky alice;
  Unlucky bob;
  std::string target;
};

}  // namespace

TEST_CASE("A34: whichever send fails, at once, the call ends for both and nothing is left") {
  for (const std::string params : {"", ";transport=tcp"}) {
    int most = 0;
    for (const bool caller : {true, false}) {
      for (const bool from_then_on : {false, true}) {
        for (int fails = 0; fails <= most + 2; ++fails) {
          CAPTURE(params, caller, from_then_on, fails);
          UnluckyPair pair(params);
          Unlucky& unlucky = caller ? pair.alice : pair.bob;
          unlucky.fails = fails == 0 ? -1 : fails;
          unlucky.from_then_on = from_then_on && fails != 0;
          pair.play();
          if (fails == 0) most = unlucky.sends;  // a run without a failure
        }
      }
    }
    CHECK(most >= 8);
  }
}
