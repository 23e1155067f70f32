// SPDX-License-Identifier: Apache-2.0
// The machines against the oracle: every sequence of events to depth 7 (6 in debug builds), compared after every event.
#include <algorithm>
#include <cstdlib>
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

// What a run may do at most, whatever happens (hardening D1, I4 and I5).
struct Count {
  int requests = 1;  // the one at the start was cleared
  int finals_by_timer = 0;
  int finals_told = 0;
};

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

  Count counted(Count count, const Run& before, const Run& after, Event event) const {
    for (const std::string& word : after.done) {
      if (word == "request") ++count.requests;
      if (word.rfind("response", 0) == 0 && event == Event::timer) ++count.finals_by_timer;
      if (word.rfind("TU timeout", 0) == 0) ++count.finals_told;
      const bool client = after.at.machine == Machine::ict || after.at.machine == Machine::nict;
      const bool forked = before.at.state == State::accepted;
      if (client && word == "TU" && !forked && (event == Event::r2xx || event == Event::r3456xx))
        ++count.finals_told;
    }
    return count;
  }
  static bool within_bounds(const Run& run, const Count& count) {
    const int sends = run.at.machine == Machine::ict ? 7 : 11;
    return count.requests <= sends && count.finals_by_timer <= 10 && count.finals_told <= 1;
  }
  // Terminated is the end: no timer is left, and nothing that happens does anything.
  bool absorbed(const Run& run) const {
    const auto idle = [](const Run& r) {
      return r.at.state == State::terminated && r.retransmit == kIdle && r.timeout == kIdle &&
             r.linger == kIdle && r.silence == kIdle && r.guard == kIdle;
    };
    if (!idle(run)) return false;
    for (const Event event : alphabet) {
      Run next = run;
      next.react(event);
      if (!idle(next) || !next.done.empty()) return false;
    }
    return true;
  }

  void descend(const Run& run, const oracle::Oracle& o, int depth, Count count = {}) {
    ++sequences;
    if (depth == 0) return;
    for (const Event event : alphabet) {
      path.push_back(event);
      Run next = run;
      oracle::Oracle theirs = o;
      next.react(event);
      const std::vector<std::string> done = theirs.react(event);
      const Count so_far = counted(count, run, next, event);
      if (!same(next, theirs, done) || !within_bounds(next, so_far)) FAIL(describe(next, theirs));
      if (theirs.terminated()) {
        // Both absorb all from here on: the subtree would only repeat that.
        ++sequences;
        if (!absorbed(next)) FAIL(describe(next, theirs));
      } else {
        descend(next, theirs, depth - 1, so_far);
      }
      path.pop_back();
    }
  }
};

// SIPSTACK_FSM_DEPTH=10 takes some minutes in a release build.
int wanted_depth() {
  const char* const wanted = std::getenv("SIPSTACK_FSM_DEPTH");
  if (wanted != nullptr && std::atoi(wanted) > 0) return std::atoi(wanted);
#if defined(NDEBUG) && !defined(SIPSTACK_SANITIZED)
  return 8;
#else
  return 6;  // a fiftieth of the time, for builds without optimization
#endif
}

std::uint64_t explore(Machine machine, Kind kind, bool reliable, std::vector<Event> alphabet,
                      int depth) {
  const Run run(machine, reliable);
  const oracle::Oracle o(kind, reliable);
  Walk walk{std::move(alphabet), 0, {}};
  walk.descend(run, o, depth);
  if (std::getenv("SIPSTACK_FSM_DEPTH") != nullptr)
    WARN(walk.sequences << " sequences to depth " << depth << (reliable ? ", reliable" : ""));
  return walk.sequences;
}

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
    CHECK(explore(Machine::ict, Kind::invite_client, reliable, kClientEvents, wanted_depth()) >
          1000);
}

TEST_CASE("machines: the non-INVITE client agrees with the oracle over every sequence") {
  for (const bool reliable : {false, true})
    CHECK(explore(Machine::nict, Kind::non_invite_client, reliable,
                  {Event::timer, Event::r1xx, Event::r2xx, Event::r3456xx, Event::transport_error},
                  wanted_depth()) >= 31);  // it is over soon
}

TEST_CASE("machines: the INVITE server agrees with the oracle over every sequence") {
  for (const bool reliable : {false, true})
    CHECK(explore(Machine::ist, Kind::invite_server, reliable, kInviteServerEvents,
                  wanted_depth()) > 10000);
}

TEST_CASE("machines: the non-INVITE server agrees with the oracle over every sequence") {
  for (const bool reliable : {false, true})
    CHECK(explore(Machine::nist, Kind::non_invite_server, reliable, kServerEvents, wanted_depth()) >
          5000);
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
