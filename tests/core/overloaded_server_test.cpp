// SPDX-License-Identifier: Apache-2.0
// A registrar and proxy that gets four times what it can do (hardening P7): whole user agents call each other
// through it, and each message costs it virtual time, so that its capacity is a number.
#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "catch.hpp"
#include "sipstack/server/memory_location.hpp"
#include "sipstack/testing/agent.hpp"

using namespace sipstack;
using namespace sipstack::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// What a message of a call costs on the average; a request that is refused; the ACK of that. bench/overload.cpp
// measures their ratios; the whole is 500 times as slow, and may let its queue stand for longer.
constexpr Duration kMessage = milliseconds(2);
constexpr Duration kRefusal = kMessage * 29 / 100;
constexpr Duration kGlance = kMessage * 4 / 100;
constexpr Duration kPatience = milliseconds(200);
// The system's queue in front of it.
constexpr std::size_t kQueue = 300;
// INVITE, 180, 200, ACK, BYE, 200.
constexpr double kCapacity = 1.0 / (6 * 0.002);

/// A core with one processor: one message after the other, each in its time.
class BusyNode final : public Node {
 public:
  explicit BusyNode(Core& core) : core_(core) {}

  void receive(std::string_view bytes, const Flow& flow, TimePoint now) override {
    if (queue_.empty() && now >= free_at_) {
      empty_at_ = now;
      free_at_ = now;
    }
    if (queue_.size() < kQueue)
      queue_.emplace_back(std::string(bytes), flow);
    else
      ++lost;
  }
  void expire(TimePoint now) override {
    core_.expire(now);
    if (queue_.empty() || now < free_at_) return;
    const auto [bytes, flow] = std::move(queue_.front());
    queue_.pop_front();
    const std::uint64_t refused = core_.counters().limited + core_.counters().shed;
    glance_ = core_.transactions().absorbs(bytes);
    core_.receive(bytes, flow, now);
    sent_ = 0;
    refused_ = core_.counters().limited + core_.counters().shed != refused;
    now_ = now;
    settled_ = false;
  }
  /// The last thing that happens to a node: what came of the message is known now.
  bool next(Transmit& out) override {
    const bool any = core_.next(out);
    if (any) ++sent_;
    if (any || settled_) return any;
    settled_ = true;
    free_at_ = now_ + (glance_ ? kGlance : refused_ || sent_ == 0 ? kRefusal : kMessage);
    core_.waiting(queue_.empty() ? Duration::zero() : free_at_ - empty_at_, free_at_);
    if (queue_.empty()) empty_at_ = free_at_;
    return false;
  }
  bool next(Resolve& out) override { return core_.next(out); }
  void transport_failed(TxnId txn, std::error_code error, TimePoint now) override {
    core_.transport_failed(txn, error, now);
  }
  void resolved(TxnId txn, const std::vector<Flow>& targets, TimePoint now) override {
    core_.resolved(txn, targets, now);
  }
  TimePoint deadline() const override {
    return queue_.empty() ? core_.deadline() : std::min(core_.deadline(), free_at_);
  }

  int lost = 0;

 private:
  Core& core_;
  std::deque<std::pair<std::string, Flow>> queue_;
  TimePoint free_at_{}, empty_at_{}, now_{};
  int sent_ = 0;
  bool glance_ = false;
  bool refused_ = false;
  bool settled_ = true;
};

struct Scene {
  explicit Scene(bool control) : server(options(control), random), node(server) {
    const SocketAddress here = *SocketAddress::parse("192.0.2.1:5060");
    server.locals().add({Transport::udp, here, {}});
    network.attach(node, "server", here);
    BindingUpdate bob_is_here;
    bob_is_here.aor = "sip:bob@example.org";
    bob_is_here.set.resize(1);
    bob_is_here.set[0].contact = bob.uri();
    bob_is_here.set[0].expires = TimePoint(seconds(100000));
    location.update(bob_is_here, TimePoint{}, [](const LocationResult&, TimePoint) {});
    bob.user = [this](Agent& agent, const UserEvent& event, TimePoint now) {
      if (const auto* call = std::get_if<CallArrived>(&event)) {
        agent.ua().ring(call->call, 180, now);
        agent.ua().accept(call->call, std::string(call->invite->body()), now);
      }
      if (const auto* end = std::get_if<CallEnded>(&event)) {
        if (end->cause == CallEnded::Cause::remote_bye)
          completed.push_back(now);
        else
          ++broken;
      }
      agent.events.clear();
    };
    alice.user = [this](Agent& agent, const UserEvent& event, TimePoint now) {
      if (const auto* answer = std::get_if<CallAnswered>(&event)) {
        ++answered;
        const CallId call = answer->call;
        network.at(now + talk, [this, call](TimePoint at) { alice.ua().hang_up(call, at); });
      }
      if (const auto* end = std::get_if<CallEnded>(&event)) {
        if (end->cause != CallEnded::Cause::local_bye) ++unanswered;
        if (end->status == 503 && end->message) {
          const auto after = end->message->get(hdr::retry_after);
          CHECK((after && after->number >= 8 && after->number <= 32));
        }
      }
      agent.events.clear();
    };
  }
  CoreOptions options(bool control) {
    CoreOptions o;
    o.server.emplace();
    o.server->registrar.domains = {"example.org"};
    o.server->location = &location;
    o.overload.enabled = control;
    o.overload.begins = o.overload.target = kPatience;
    return o;
  }
  void call(TimePoint now) {
    ++offered;
    CallOptions o;
    o.target = "sip:bob@192.0.2.1";
    o.from = "sip:alice@example.com";
    o.content_type = "application/sdp";
    o.body = "v=0\r\no=a 1 1 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.3\r\nt=0 0\r\n";
    static_cast<void>(alice.ua().invite(o, now));
  }
  /// New calls at so many times the capacity, not quite evenly.
  void offer(double load, Duration length) {
    const TimePoint end = network.time() + length;
    const auto gap = static_cast<std::int64_t>(1e6 / (load * kCapacity));
    for (TimePoint at = network.time(); at < end;
         at += Duration(gap / 2 + static_cast<std::int64_t>(random.below(gap))))
      network.at(at, [this](TimePoint now) { call(now); });
  }
  /// Calls a second that are completed, once things have settled.
  double goodput(double load) {
    offer(load, seconds(5));
    network.run(seconds(5));
    const auto late = std::count_if(completed.begin(), completed.end(),
                                    [&](TimePoint t) { return t >= network.time() - seconds(3); });
    return static_cast<double>(late) / 3;
  }

  SeededRandom random{11};
  MemoryLocation location{random};
  Network network;
  Core server;
  BusyNode node;
  Agent bob{network, "bob", "192.0.2.2"};
  Agent alice{network, "alice", "192.0.2.3"};
  Duration talk = milliseconds(500);
  std::vector<TimePoint> completed;
  int offered = 0, answered = 0, unanswered = 0, broken = 0;
};

}  // namespace

TEST_CASE("overload: at four times its capacity a server does what refusing leaves it time for") {
  Scene best(true);
  const double peak = best.goodput(1.1);
  CHECK(peak > 0.9 * kCapacity);
  Scene flooded(true);
  const double goodput = flooded.goodput(4);
  INFO("peak " << peak << " calls a second, under four times the load " << goodput);
  // Of its capacity C it completes g, and refuses 4 C - g: g + (4 C - g) * cost = C.
  const double cost = 0.29 / 6 + 0.04 / 6;
  CHECK(goodput > 0.93 * kCapacity * (1 - 4 * cost) / (1 - cost));
  CHECK(goodput > 0.78 * peak);
  CHECK(flooded.server.counters().shed > 100);

  // Every call that was answered also ends as it should, and all others by a 503 that says when to come back.
  flooded.network.run(seconds(40));
  CHECK(flooded.answered == static_cast<int>(flooded.completed.size()));
  CHECK(flooded.answered + flooded.unanswered == flooded.offered);
  CHECK(flooded.broken == 0);
  CHECK(flooded.node.lost == 0);
  CHECK(flooded.server.transactions().servers() == 0);
  CHECK(flooded.server.pool().live() == 0);

  Scene bare(false);
  CHECK(bare.goodput(4) < 0.6 * goodput);
}

TEST_CASE("overload: calls that stand go on and end undisturbed while new ones are shed") {
  Scene s(true);
  s.talk = seconds(3);
  s.offer(0.8, seconds(1));
  s.network.run(seconds(2));
  const int standing = s.answered;
  REQUIRE(standing > 50);
  s.offer(4, seconds(3));
  s.network.run(milliseconds(3500));  // all that stood have hung up by now
  CHECK(s.server.counters().shed > 100);
  CHECK(static_cast<int>(s.completed.size()) >= standing);
  s.network.run(seconds(40));
  CHECK(s.answered == static_cast<int>(s.completed.size()));
  CHECK(s.broken == 0);
  // It is over when somebody asks again.
  s.offer(0.3, seconds(3));
  s.network.run(seconds(3));
  CHECK_FALSE(s.server.overload().overloaded());
}
