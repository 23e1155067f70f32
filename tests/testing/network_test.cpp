// SPDX-License-Identifier: Apache-2.0
// The simulated network itself: fate, order, replay, and the ladder.
#include "sipstack/testing/network.hpp"

#include <deque>

#include "catch.hpp"
#include "sipstack/parser/message.hpp"

using namespace sipstack;
using namespace sipstack::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

SocketAddress end_at(const std::string& text) { return *SocketAddress::parse(text); }
TimePoint at_ms(std::int64_t ms) { return TimePoint(milliseconds(ms)); }

// A node that says what it is told to and remembers what it hears.
class Parrot : public Node {
 public:
  struct Heard {
    TimePoint at;
    std::string call_id;
    Flow flow;
  };
  void receive(std::string_view bytes, const Flow& flow, TimePoint now) override {
    const auto message = Message::parse(pool, bytes, scratch);
    REQUIRE(message.has_value());
    heard.push_back({now, std::string((*message)->call_id()), flow});
  }
  void expire(TimePoint now) override {
    expired.push_back(now);
    deadline_ = kNever;
  }
  void transport_failed(TxnId txn, std::error_code error, TimePoint) override {
    REQUIRE(error == Errc::transport_failed);
    failed.push_back(txn);
  }
  void resolved(TxnId, const std::vector<Flow>& found, TimePoint now) override {
    targets = found;
    resolved_at = now;
  }
  bool next(Transmit& out) override { return take(to_send, out); }
  bool next(Resolve& out) override { return take(to_resolve, out); }
  TimePoint deadline() const override { return deadline_; }

  void say(const std::string& call_id, const Flow& flow, TxnId txn = {}) {
    const std::string text =
        "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1"
        "\r\nTo: <sip:c@d>\r\nCall-ID: " +
        call_id + "\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    auto message = Message::parse(pool, text, scratch);
    REQUIRE(message.has_value());
    to_send.push_back({*message, flow, txn});
  }

  BlockPool pool;
  MessageIndex scratch;
  std::vector<Heard> heard;
  std::vector<TimePoint> expired;
  std::vector<TxnId> failed;
  std::vector<Flow> targets;
  TimePoint resolved_at{};
  std::deque<Transmit> to_send;
  std::deque<Resolve> to_resolve;
  TimePoint deadline_ = kNever;

 private:
  template <class T>
  static bool take(std::deque<T>& from, T& out) {
    if (from.empty()) return false;
    out = from.front();
    from.pop_front();
    return true;
  }
};

struct Two {
  explicit Two(const NetworkOptions& options = {}) : network(options) {
    network.attach(a, "a", a_end);
    network.attach(b, "b", b_end);
  }
  void say(const std::string& call_id, Transport transport = Transport::udp, TxnId txn = {}) {
    network.now([=](TimePoint) { a.say(call_id, {transport, a_end, b_end, 0}, txn); });
  }
  SocketAddress a_end = end_at("192.0.2.1:5060");
  SocketAddress b_end = end_at("192.0.2.2:5060");
  Network network;
  Parrot a;
  Parrot b;
};

}  // namespace

TEST_CASE("network: a datagram arrives with the flow turned round, after the delay") {
  NetworkOptions options;
  options.delay_min = options.delay_max = milliseconds(30);
  Two t(options);
  t.say("one");
  CHECK(t.network.run_to_rest());
  REQUIRE(t.b.heard.size() == 1);
  CHECK(t.b.heard[0].at == at_ms(30));
  CHECK(t.b.heard[0].flow == Flow{Transport::udp, t.b_end, t.a_end, 0});
  CHECK(t.a.pool.live() == 0);
}

TEST_CASE(
    "network: loss, duplication and reordering come in the measure asked for, again for the same "
    "seed") {
  NetworkOptions options;
  options.seed = 5;
  options.loss = 0.2;
  options.duplicate = 0.1;
  options.delay_max = milliseconds(100);
  const auto run = [&](std::uint64_t seed) {
    options.seed = seed;
    Two t(options);
    for (int i = 0; i < 2000; ++i)
      t.network.at(at_ms(i), [&, i](TimePoint) {
        t.a.say(std::to_string(i), {Transport::udp, t.a_end, t.b_end, 0});
      });
    CHECK(t.network.run_to_rest());
    CHECK(t.network.sent() == 2000);
    CHECK(t.network.lost() > 320);
    CHECK(t.network.lost() < 480);
    const std::size_t arrived = 2000 - t.network.lost();
    CHECK(t.b.heard.size() > arrived + arrived / 20);
    CHECK(t.b.heard.size() < arrived + arrived / 6);
    int swapped = 0;
    for (std::size_t i = 1; i < t.b.heard.size(); ++i)
      if (std::stoi(t.b.heard[i].call_id) < std::stoi(t.b.heard[i - 1].call_id)) ++swapped;
    CHECK(swapped > 200);
    return t.network.trace_hash();
  };
  const std::uint64_t first = run(5);
  CHECK(run(5) == first);
  CHECK(run(6) != first);
}

TEST_CASE("network: a stream keeps its order, loses nothing and is answered on its connection") {
  NetworkOptions options;
  options.loss = 0.9;
  options.delay_max = milliseconds(100);
  Two t(options);
  for (int i = 0; i < 50; ++i) t.say(std::to_string(i), Transport::tcp);
  CHECK(t.network.run_to_rest());
  REQUIRE(t.b.heard.size() == 50);
  for (int i = 0; i < 50; ++i)
    CHECK(t.b.heard[static_cast<std::size_t>(i)].call_id == std::to_string(i));
  const Flow flow = t.b.heard[0].flow;
  CHECK(flow.connection != 0);
  CHECK(flow.local == t.b_end);
  CHECK(flow.remote.port != 5060);
  t.network.now([&](TimePoint) { t.b.say("back", flow); });
  CHECK(t.network.run_to_rest());
  REQUIRE(t.a.heard.size() == 1);
  CHECK(t.a.heard[0].flow.connection == flow.connection);
}

TEST_CASE("network: a refused stream is reported to its transaction, a lost datagram is not") {
  Two t;
  t.network.refuse_streams(t.b_end);
  t.say("one", Transport::tcp, TxnId{3, 4});
  t.say("two", Transport::udp, TxnId{5, 6});
  t.network.drop([](const Packet&) { return true; });
  CHECK(t.network.run_to_rest());
  CHECK(t.b.heard.empty());
  CHECK(t.a.failed == std::vector<TxnId>{{3, 4}});
}

TEST_CASE("network: a partition loses datagrams and stalls streams until it heals") {
  Two t;
  t.network.part("b", "a");
  t.say("datagram");
  t.say("stream", Transport::tcp);
  t.network.run(seconds(1));
  CHECK(t.b.heard.empty());
  t.network.heal();
  t.network.run(seconds(1));
  REQUIRE(t.b.heard.size() == 1);
  CHECK(t.b.heard[0].call_id == "stream");
}

TEST_CASE("network: names are looked up in its table, numbers need none") {
  NetworkOptions options;
  options.resolve_delay = milliseconds(20);
  Two t(options);
  t.network.host("b.example", {{Transport::tcp, t.b_end}, {Transport::udp, t.b_end}});
  const auto ask = [&](const std::string& uri) {
    t.network.now([&](TimePoint) { t.a.to_resolve.push_back({TxnId{1, 1}, uri}); });
    t.network.run(seconds(1));
    return t.a.targets;
  };
  const auto both = ask("sip:b.example");
  CHECK(t.a.resolved_at == at_ms(20));
  REQUIRE(both.size() == 2);
  CHECK(both[0].transport == Transport::tcp);
  CHECK(both[0].local == SocketAddress{t.a_end.ip, 0});
  CHECK(both[1] == Flow{Transport::udp, t.a_end, t.b_end, 0});
  CHECK(ask("sip:192.0.2.2:5060").size() == 1);
  CHECK(ask("sip:192.0.2.2;transport=tcp")[0].transport == Transport::tcp);
  CHECK(ask("sip:c.example").empty());
  CHECK(ask("tel:+1").empty());
}

TEST_CASE("network: a node's deadline is kept to the microsecond, in the order of time") {
  Two t;
  t.a.deadline_ = TimePoint(std::chrono::microseconds(1500));
  t.b.deadline_ = TimePoint(std::chrono::microseconds(1499));
  std::vector<int> order;
  t.network.at(at_ms(1), [&](TimePoint) { order.push_back(1); });
  t.network.at(at_ms(2), [&](TimePoint) { order.push_back(2); });
  CHECK(t.network.run_to_rest());
  CHECK(t.a.expired == std::vector<TimePoint>{TimePoint(std::chrono::microseconds(1500))});
  CHECK(t.b.expired == std::vector<TimePoint>{TimePoint(std::chrono::microseconds(1499))});
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("network: a node whose deadline stands still is found out") {
  class Stuck : public Parrot {
   public:
    void expire(TimePoint) override {}
  };
  Network network;
  Stuck stuck;
  network.attach(stuck, "stuck", end_at("192.0.2.1:5060"));
  stuck.deadline_ = at_ms(5);
  CHECK_THROWS_AS(network.run(seconds(1)), std::logic_error);
}

TEST_CASE("network: running to rest stops at its limit") {
  Two t;
  t.a.deadline_ = at_ms(5000);
  CHECK_FALSE(t.network.run_to_rest(at_ms(4999)));
  CHECK(t.network.time() == at_ms(4999));
  CHECK(t.network.run_to_rest(at_ms(5000)));
}

TEST_CASE("ladder: arrows over several columns, both ways, lost and long") {
  Ladder ladder(5);
  CHECK(ladder.column("alice") == 0);
  CHECK(ladder.column("proxy") == 1);
  CHECK(ladder.column("bob") == 2);
  CHECK(ladder.column("proxy") == 1);
  ladder.add({at_ms(0), 0, 1, "INVITE", false});
  ladder.add({at_ms(1250), 1, 2, "INVITE", true});
  ladder.add({at_ms(61500), 2, 0, "200 INVITE", false});
  ladder.add({at_ms(3'600'000), 2, 1, "AMETHODTHATISFARTOOLONGFORITSGAP", false});
  ladder.add({at_ms(3'600'000), 1, 0, "100 INVITE", true});
  ladder.add({at_ms(3'600'000), 1, 0, "one too many", true});
  CHECK("\n" + ladder.text() == R"(
          alice                   proxy                   bob
    0.000 |--INVITE-------------->|                       |
    1.250 |                       |--INVITE-------------x |
   61.500 |<-200 INVITE-----------------------------------|
 3600.000 |                       |<-AMETHODTHATISFARTOO--|
 3600.000 | x100 INVITE-----------|                       |
... and 1 more
)");
  CHECK(ladder.text_without_times().substr(0, 5) == "alice");
}

TEST_CASE("ladder: labels are the method, or the status and CSeq's method") {
  CHECK(message_label("INVITE sip:x SIP/2.0\r\n\r\n") == "INVITE");
  CHECK(message_label("SIP/2.0 180 Ringing\r\nVia: x\r\nCSeq: 1 INVITE\r\n\r\n") == "180 INVITE");
  CHECK(message_label("SIP/2.0 200 OK\r\ncseq : 1  BYE \r\n\r\n") == "200 BYE");
  CHECK(message_label("SIP/2.0 200 OK\r\n\r\n") == "200");
}
