// SPDX-License-Identifier: Apache-2.0
// The machines against the oracle: every sequence of events to depth 7 (6 in debug builds), compared after every event.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "oracle.hpp"
#include "transaction/machine_driver.hpp"

using namespace sipstack;
using fsm::Input;
using fsm::Machine;
using fsm::State;
using oracle::Event;
using oracle::Kind;

namespace {

constexpr std::int64_t kIdle = -1;

// The driver with its effects written down, and timers in milliseconds.
struct Run {
  fsm::Progress at;
  std::int64_t now = 0;
  std::int64_t retransmit = kIdle, timeout = kIdle, linger = kIdle, silence = kIdle, guard = kIdle;
  int from_tu = 0;
  int last = 0;  // -1: our 100
  std::vector<std::string> done;

  Run(Machine machine, bool reliable) {
    fsm::start(at, machine, reliable, Timings{}, *this);
    done.clear();
  }
  std::int64_t& slot(Input timer) {
    switch (timer) {
      case Input::retransmit: return retransmit;
      case Input::timeout: return timeout;
      case Input::linger: return linger;
      case Input::silence: return silence;
      default: return guard;
    }
  }

  void arm(Input timer, Duration after) {
    slot(timer) = now + after / std::chrono::milliseconds(1);
  }
  void disarm(Input timer) {
    slot(timer) = kIdle;
    if (timer == Input::timeout) guard = kIdle;
  }
  void keep_response() { last = from_tu; }
  void send_request() { done.push_back("request"); }
  void send_response() {
    if (last > 0) done.push_back("response " + std::to_string(last));
    if (last < 0) done.push_back("100");
  }
  void send_ack() { done.push_back("ack"); }
  void send_trying() {
    last = -1;
    done.push_back("100");
  }
  void tell() { done.push_back("TU"); }
  void tell_timeout() { done.push_back("TU timeout"); }
  void tell_transport() { done.push_back("TU transport"); }

  void input(Input what) {
    const bool user =
        (at.machine == Machine::ist || at.machine == Machine::nist) &&
        (what == Input::provisional || what == Input::success || what == Input::failure);
    if (user && fsm::table(at.machine, at.reliable).at(at.state, what).arrow) ++from_tu;
    const bool moved = fsm::drive(at, what, Timings{}, *this);
    if (moved && what == Input::unanswered) last = 0;
    if (at.state == State::terminated) retransmit = timeout = linger = silence = guard = kIdle;
  }
  void fire() {
    Input first = Input::request;
    std::int64_t when = kIdle;
    for (const Input timer :
         {Input::retransmit, Input::timeout, Input::linger, Input::silence, Input::guard})
      if (slot(timer) != kIdle && (when == kIdle || slot(timer) < when)) {
        when = slot(timer);
        first = timer;
      }
    if (when == kIdle) return;
    now = when;
    slot(first) = kIdle;
    input(first);
  }
  void react(Event event) {
    done.clear();
    switch (event) {
      case Event::timer: return fire();
      case Event::r1xx: return input(Input::provisional);
      case Event::r2xx: return input(Input::success);
      case Event::r3456xx: return input(Input::failure);
      case Event::request: return input(Input::request);
      case Event::ack: return input(Input::ack);
      case Event::transport_error: return input(Input::transport_error);
      case Event::no_answer: return input(Input::unanswered);
      case Event::cancel_sent:
        if (at.state == State::proceeding) guard = now + 32'000;
        return;
    }
  }
};

const char* name_of(State state) {
  switch (state) {
    case State::calling: return "Calling";
    case State::trying: return "Trying";
    case State::proceeding: return "Proceeding";
    case State::completed: return "Completed";
    case State::accepted: return "Accepted";
    case State::confirmed: return "Confirmed";
    case State::terminated: return "Terminated";
  }
  return "?";
}

std::int64_t any(const oracle::Oracle& o, const char* letters) {
  for (const char* letter = letters; *letter != '\0'; ++letter)
    if (o.armed(*letter)) return o.when(*letter);
  return kIdle;
}

struct Walk {
  std::vector<Event> alphabet;
  std::uint64_t sequences = 0;
  std::vector<Event> path;

  bool same(const Run& run, const oracle::Oracle& o, std::vector<std::string> theirs) const {
    std::vector<std::string> ours = run.done;
    std::sort(ours.begin(), ours.end());
    std::sort(theirs.begin(), theirs.end());
    return ours == theirs && std::string(name_of(run.at.state)) == o.state() &&
           run.now == o.now() && run.retransmit == any(o, "AEG") && run.timeout == any(o, "BFH") &&
           run.linger == any(o, "DIJKLM") && run.silence == any(o, "1") && run.guard == any(o, "c");
  }

  std::string describe(const Run& run, const oracle::Oracle& o) const {
    std::string text = "after";
    for (const Event event : path) text += " " + std::to_string(static_cast<int>(event));
    text += ": ours " + std::string(name_of(run.at.state)) + " {";
    for (const std::string& word : run.done) text += word + ",";
    return text + "}, oracle " + o.state() + " at " + std::to_string(o.now());
  }

  void descend(const Run& run, const oracle::Oracle& o, int depth) {
    ++sequences;
    if (depth == 0) return;
    for (const Event event : alphabet) {
      path.push_back(event);
      Run next = run;
      oracle::Oracle theirs = o;
      next.react(event);
      const std::vector<std::string> done = theirs.react(event);
      if (!same(next, theirs, done)) FAIL(describe(next, theirs));
      // Terminated absorbs all: one more step of each event proves it, the subtree would only repeat.
      if (!(theirs.terminated() && o.terminated())) descend(next, theirs, depth - 1);
      path.pop_back();
    }
  }
};

std::uint64_t explore(Machine machine, Kind kind, bool reliable, std::vector<Event> alphabet,
                      int depth) {
  const Run run(machine, reliable);
  const oracle::Oracle o(kind, reliable);
  Walk walk{std::move(alphabet), 0, {}};
  walk.descend(run, o, depth);
  return walk.sequences;
}

#ifdef NDEBUG
constexpr int kDepth = 7;
#else
constexpr int kDepth = 6;  // a seventh of the time, for builds without optimization
#endif
const std::vector<Event> kClientEvents{
    Event::timer,           Event::r1xx,       Event::r2xx, Event::r3456xx,
    Event::transport_error, Event::cancel_sent};
const std::vector<Event> kInviteServerEvents{Event::timer,          Event::r1xx,    Event::r2xx,
                                             Event::r3456xx,        Event::request, Event::ack,
                                             Event::transport_error};
const std::vector<Event> kServerEvents{Event::timer,          Event::r1xx,    Event::r2xx,
                                       Event::r3456xx,        Event::request, Event::no_answer,
                                       Event::transport_error};

}  // namespace

TEST_CASE("machines: the INVITE client agrees with the oracle over every sequence") {
  for (const bool reliable : {false, true})
    CHECK(explore(Machine::ict, Kind::invite_client, reliable, kClientEvents, kDepth) > 1000);
}

TEST_CASE("machines: the non-INVITE client agrees with the oracle over every sequence") {
  for (const bool reliable : {false, true})
    CHECK(explore(Machine::nict, Kind::non_invite_client, reliable,
                  {Event::timer, Event::r1xx, Event::r2xx, Event::r3456xx, Event::transport_error},
                  kDepth) >= 31);  // it is over soon
}

TEST_CASE("machines: the INVITE server agrees with the oracle over every sequence") {
  for (const bool reliable : {false, true})
    CHECK(explore(Machine::ist, Kind::invite_server, reliable, kInviteServerEvents, kDepth) >
          10000);
}

TEST_CASE("machines: the non-INVITE server agrees with the oracle over every sequence") {
  for (const bool reliable : {false, true})
    CHECK(explore(Machine::nist, Kind::non_invite_server, reliable, kServerEvents, kDepth) > 5000);
}

TEST_CASE("machines: the oracle notices a wrong table") {
  // The comparison itself must be able to fail: an unreliable machine is not a reliable one.
  Walk walk{{}, 0, {}};
  Run run(Machine::nict, false);
  oracle::Oracle o(Kind::non_invite_client, true);
  run.react(Event::r2xx);
  const auto done = o.react(Event::r2xx);
  CHECK_FALSE(walk.same(run, o, done));
}

TEST_CASE(
    "machines: an unanswered INVITE goes out 7 times, another request 11 times, a final 11 times") {
  const auto count = [](Machine machine, const char* word, bool reject) {
    Run run(machine, false);
    int sent = machine == Machine::ist ? 0 : 1;  // the request at the start was cleared
    if (reject) {
      run.react(Event::r3456xx);
      sent += static_cast<int>(std::count(run.done.begin(), run.done.end(), word));
    }
    while (run.at.state != State::terminated) {
      run.react(Event::timer);
      sent += static_cast<int>(std::count(run.done.begin(), run.done.end(), word));
    }
    CHECK(run.now == 32'000);
    return sent;
  };
  CHECK(count(Machine::ict, "request", false) == 7);
  CHECK(count(Machine::nict, "request", false) == 11);
  CHECK(count(Machine::ist, "response 1", true) == 11);
}

TEST_CASE(
    "machines: no machine outlives 64*T1 and T4 after its last event, once its user has answered") {
  for (const Machine machine : {Machine::ict, Machine::nict, Machine::ist, Machine::nist})
    for (const bool reliable : {false, true})
      for (const Event answer : {Event::r2xx, Event::r3456xx}) {
        Run run(machine, reliable);
        run.react(answer);
        const std::int64_t answered = run.now;
        for (int i = 0; i < 100 && run.at.state != State::terminated; ++i) run.react(Event::timer);
        CHECK(run.at.state == State::terminated);
        CHECK(run.now - answered <= 37'000);
      }
}
