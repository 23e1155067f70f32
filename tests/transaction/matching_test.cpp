// SPDX-License-Identifier: Apache-2.0
// Which message belongs to which transaction: RFC 3261 sections 17.1.3, 17.2.3, 8.2.2.2, 9.2; RFC 2543.
#include "layer_node.hpp"

using namespace sipstack;
using namespace sipstack::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const std::string kBob = "sip:bob@192.0.2.2";

// A request as a stranger writes it.
struct Raw {
  std::string method = "INVITE";
  std::string uri = "sip:bob@192.0.2.2";
  std::string via = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-1";
  std::string from_tag = "f1";
  std::string to_tag;
  std::string call_id = "raw-1";
  int cseq = 1;

  std::string text() const {
    return method + " " + uri + " SIP/2.0\r\nVia: " + via + "\r\nFrom: <sip:x@example.com>" +
           (from_tag.empty() ? "" : ";tag=" + from_tag) + "\r\nTo: <sip:bob@example.com>" +
           (to_tag.empty() ? "" : ";tag=" + to_tag) + "\r\nCall-ID: " + call_id +
           "\r\nCSeq: " + std::to_string(cseq) + " " + method +
           "\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
  }
};

// Bob alone, fed by hand; what he sends goes nowhere.
struct Alone {
  Network network;
  LayerNode bob{network, "bob", "192.0.2.2:5060"};
  Flow stranger{Transport::udp, address("192.0.2.2:5060"), address("192.0.2.9:5060"), 0};
  TimePoint now = at(1);

  void get(const Raw& raw) { bob.receive(raw.text(), stranger, now); }
  std::vector<std::string> sent() {
    std::vector<std::string> labels;
    Transmit out;
    while (bob.next(out)) labels.push_back(message_label(out.message.bytes()));
    return labels;
  }
  void finish() {
    Transmit out;
    while (bob.next(out)) {
    }
    out = {};
    bob.user = nullptr;
    for (int i = 0; i < 100'000 && bob.deadline() != kNever; ++i) {
      now = std::max(now, bob.deadline());
      bob.expire(now);
      while (bob.next(out)) {
      }
      out = {};
    }
    CHECK(bob.at_rest());
  }
};

// The response that Bob would write to what Alice sent, changed by the test.
std::string response_to(const std::string& request, int status, const std::string& what = {},
                        const std::string& with = {}) {
  std::string text = "SIP/2.0 " + std::to_string(status) + " X\r\n";
  for (const char* field : {"Via:", "From:", "To:", "Call-ID:", "CSeq:"}) {
    const std::size_t begin = request.find(std::string("\r\n") + field) + 2;
    text += request.substr(begin, request.find("\r\n", begin) - begin) + "\r\n";
  }
  text += "Content-Length: 0\r\n\r\n";
  if (!what.empty()) {
    const std::size_t found = text.find(what);
    REQUIRE(found != std::string::npos);
    text.replace(found, what.size(), with);
  }
  return text;
}

}  // namespace

TEST_CASE("matching: a retransmission is branch, sent-by and method; nothing else counts") {
  Alone a;
  a.get({});
  Raw again;
  again.call_id = "other";
  again.from_tag = "f2";
  a.get(again);
  CHECK(a.bob.told == Told{"INVITE"});
  SECTION("the host of sent-by is equal in any case, the branch is not") {
    Raw one;
    one.method = "OPTIONS";
    one.via = "SIP/2.0/UDP Host.Example:5060;branch=z9hG4bK-a";
    a.get(one);
    one.via = "SIP/2.0/UDP hOST.example : 5060;branch=z9hG4bK-a";
    a.get(one);
    one.via = "SIP/2.0/UDP host.example:5060;branch=z9hG4bK-A";
    one.cseq = 2;
    a.get(one);
    CHECK(a.bob.told == Told{"INVITE", "OPTIONS", "OPTIONS"});
  }
  SECTION("another branch, sent-by or method is another transaction") {
    Raw other;
    other.call_id = "raw-2";
    other.via = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-2";
    a.get(other);
    other.call_id = "raw-3";
    other.via = "SIP/2.0/UDP 192.0.2.9:5061;branch=z9hG4bK-1";
    a.get(other);
    other.call_id = "raw-4";
    other.via = "SIP/2.0/UDP 192.0.2.8:5060;branch=z9hG4bK-1";
    a.get(other);
    other.call_id = "raw-5";
    other.method = "OPTIONS";
    a.get(other);
    CHECK(a.bob.told == Told{"INVITE", "INVITE", "INVITE", "INVITE", "OPTIONS"});
  }
  a.finish();
}

TEST_CASE("matching: methods that the library doesn't know are told apart by name") {
  Alone a;
  Raw raw;
  raw.method = "FROB";
  a.get(raw);
  a.get(raw);
  raw.method = "NICATE";
  a.get(raw);
  CHECK(a.bob.told == Told{"FROB", "NICATE"});
  a.finish();
}

TEST_CASE("matching: an ACK for a 486 is absorbed, one for a 200 goes to the user") {
  Alone a;
  TxnId server;
  a.bob.user = [&](const TxnEvent& event, TimePoint) {
    if (const auto* arrived = std::get_if<RequestArrived>(&event)) server = arrived->txn;
    if (const auto* ack = std::get_if<AckArrived>(&event)) CHECK(ack->txn == server);
  };
  Raw ack;
  ack.method = "ACK";
  ack.to_tag = "b1";
  a.get({});
  SECTION("486") {
    a.bob.respond(server, 486, a.now);
    a.get(ack);
    a.get(ack);  // in Confirmed
    CHECK(a.bob.told == Told{"INVITE"});
  }
  SECTION("200, an ACK with the branch of the INVITE: in Accepted it is the user's") {
    a.bob.respond(server, 200, a.now);
    a.get(ack);
    a.get(ack);
    CHECK(a.bob.told == Told{"INVITE", "ACK", "ACK"});
  }
  SECTION("before any final response it means nothing") {
    a.get(ack);
    CHECK(a.bob.told == Told{"INVITE"});
  }
  SECTION("nothing like it") {
    server = {};
    ack.via = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-other";
    a.get(ack);
    CHECK(a.bob.told == Told{"INVITE", "ACK of nothing"});
  }
  CHECK(a.bob.layer.servers() == 1);
  a.finish();
}

TEST_CASE("matching: RFC 2543 peers without a branch, or with the bare cookie") {
  for (const std::string via : {"SIP/2.0/UDP 192.0.2.9:5060", "SIP/2.0/UDP 192.0.2.9:5060;branch=1",
                                "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK"}) {
    Alone a;
    TxnId server;
    a.bob.user = [&](const TxnEvent& event, TimePoint) {
      if (const auto* arrived = std::get_if<RequestArrived>(&event)) server = arrived->txn;
    };
    Raw invite;
    invite.via = via;
    a.get(invite);
    a.get(invite);
    CHECK(a.bob.told == Told{"INVITE"});
    // Each of these fields makes another request of it.
    for (const int field : {0, 1, 2, 3, 4, 5}) {
      Raw other = invite;
      if (field == 0) other.uri += ";x=y";
      if (field == 1) other.from_tag = "f2";
      if (field == 2) other.to_tag = "t";
      if (field == 3) other.call_id += "x";
      if (field == 4) other.cseq = 2;
      if (field == 5) other.via += ";hidden";
      const TxnId before = server;
      a.get(other);
      CHECK(server != before);
      server = before;
    }
    CHECK(a.bob.told.size() == 7);
    a.sent();
    a.bob.respond(server, 486, a.now);
    a.get(invite);
    CHECK(a.sent() == std::vector<std::string>{"486 INVITE", "486 INVITE"});
    Raw ack = invite;
    ack.method = "ACK";
    ack.to_tag = "stranger";
    a.get(ack);  // the To tag is not that of our response
    CHECK(a.bob.told.back() == "ACK of nothing");
    ack.to_tag = "b1";
    const std::size_t count = a.bob.told.size();
    a.get(ack);
    CHECK(a.bob.told.size() == count);
    a.now += milliseconds(600);
    a.bob.expire(a.now);
    for (const std::string& label : a.sent()) CHECK(label == "100 INVITE");  // G was stopped
    a.finish();
  }
}

TEST_CASE("matching: RFC 2543: a CANCEL finds its INVITE") {
  Alone a;
  Raw invite;
  invite.via = "SIP/2.0/UDP 192.0.2.9:5060";
  a.get(invite);
  Raw cancel = invite;
  cancel.method = "CANCEL";
  a.get(cancel);
  a.get(cancel);
  cancel.cseq = 7;
  a.get(cancel);
  CHECK(a.bob.told == Told{"INVITE", "CANCEL cancels", "CANCEL"});
  a.finish();
}

TEST_CASE("matching: a CANCEL cancels the INVITE of its branch and sent-by only (A50)") {
  Alone a;
  TxnId invite;
  a.bob.user = [&](const TxnEvent& event, TimePoint) {
    const auto* arrived = std::get_if<RequestArrived>(&event);
    if (arrived == nullptr) return;
    if (arrived->request->method() == Method::invite) invite = arrived->txn;
    if (arrived->cancels) CHECK(arrived->cancels == invite);
  };
  a.get({});
  Raw options;
  options.method = "OPTIONS";
  options.via = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-o";
  a.get(options);
  Raw cancel;
  cancel.method = "CANCEL";
  cancel.via = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-fresh";
  a.get(cancel);
  cancel.via = "SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK-1";
  a.get(cancel);
  cancel.via = options.via;  // an OPTIONS can't be cancelled
  a.get(cancel);
  CHECK(a.bob.told == Told{"INVITE", "OPTIONS", "CANCEL", "CANCEL", "CANCEL"});
  cancel.via = Raw{}.via;
  a.get(cancel);
  CHECK(a.bob.told.back() == "CANCEL cancels");
  a.finish();
}

TEST_CASE("matching: the same request by another path is merged while the first one lasts (A60)") {
  Alone a;
  std::vector<TxnId> servers;
  a.bob.user = [&](const TxnEvent& event, TimePoint) {
    if (const auto* arrived = std::get_if<RequestArrived>(&event)) servers.push_back(arrived->txn);
  };
  a.get({});
  Raw fork;
  fork.via = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-2";
  a.get(fork);
  fork.via = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-3";
  a.get(fork);
  CHECK(a.bob.told == Told{"INVITE", "INVITE merged", "INVITE merged"});
  SECTION(
      "another From tag, Call-ID, CSeq or method is no such thing, nor is a request in a dialog") {
    a.bob.told.clear();
    Raw other = fork;
    int n = 10;
    const auto next = [&] { other.via = "SIP/2.0/UDP h;branch=z9hG4bK-" + std::to_string(n++); };
    other.from_tag = "f9";
    next();
    a.get(other);
    other = fork;
    other.call_id = "c9";
    next();
    a.get(other);
    other = fork;
    other.cseq = 9;
    next();
    a.get(other);
    other = fork;
    other.method = "OPTIONS";
    next();
    a.get(other);
    other = fork;
    other.to_tag = "t";
    next();
    a.get(other);
    CHECK(a.bob.told == Told{"INVITE", "INVITE", "INVITE", "OPTIONS", "INVITE"});
  }
  SECTION("after the first has ended it is new") {
    for (const TxnId txn : servers) a.bob.respond(txn, 486, a.now);
    a.now += seconds(33);
    a.bob.expire(a.now);
    CHECK(a.bob.layer.servers() == 0);
    fork.via = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-4";
    a.get(fork);
    CHECK(a.bob.told.back() == "INVITE");
  }
  a.finish();
}

TEST_CASE(
    "matching: a response needs branch, sent-by, CSeq method and transport of its request (A58)") {
  LayerPair p;
  std::string options;
  p.network.drop([&](const Packet& packet) {
    options = packet.bytes;
    return true;
  });
  p.network.now([&](TimePoint now) { p.alice.send("OPTIONS", kBob, now); });
  p.network.run(milliseconds(1));
  const Flow udp{Transport::udp, p.alice.here, p.bob.here, 0};
  Flow tcp = udp;
  tcp.transport = Transport::tcp;
  const TimePoint now = p.network.time();
  const std::size_t at = options.find("branch=z9hG4bK") + 7;
  const std::string branch = options.substr(at, options.find_first_of("\r;", at) - at);

  std::string wrong = branch;  // a bit of the random part
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  p.alice.receive(response_to(options, 200, branch, wrong), udp, now);
  wrong = branch;  // another slot
  wrong[14] = '7';
  p.alice.receive(response_to(options, 200, branch, wrong), udp, now);
  p.alice.receive(response_to(options, 200, branch, branch + "0"), udp, now);
  p.alice.receive(response_to(options, 200, branch, "z9hG4bK"), udp, now);
  p.alice.receive(response_to(options, 200, ";branch=" + branch, ""), udp, now);
  p.alice.receive(response_to(options, 200, "1 OPTIONS", "1 INVITE"), udp, now);
  p.alice.receive(response_to(options, 200, "1 OPTIONS", "1 CANCEL"), udp, now);
  p.alice.receive(response_to(options, 200, "192.0.2.1:5060", "192.0.2.1:5070"), udp, now);
  p.alice.receive(response_to(options, 200, "192.0.2.1:5060", "192.0.2.3:5060"), udp, now);
  p.alice.receive(response_to(options, 200), tcp, now);
  CHECK(p.alice.told == Told(10, "stray 200"));
  CHECK(p.alice.layer.clients() == 1);
  p.alice.told.clear();
  p.alice.receive(response_to(options, 200), udp, now);
  CHECK(p.alice.told == Told{"200 OPTIONS"});
  p.alice.receive(response_to(options, 200), udp, now);
  CHECK(p.alice.told == Told{"200 OPTIONS"});  // a retransmission, absorbed while K runs
  p.network.run(seconds(6));
  p.alice.receive(response_to(options, 200), udp, p.network.time());
  CHECK(p.alice.told == Told{"200 OPTIONS", "stray 200"});
  p.finish();
}

TEST_CASE("matching: a response to a slot that has a new owner is stray") {
  LayerPair p;
  std::vector<std::string> requests;
  p.network.drop([&](const Packet& packet) {
    requests.emplace_back(packet.bytes);
    return true;
  });
  p.network.now([&](TimePoint now) { p.alice.send("OPTIONS", kBob, now); });
  p.network.run(seconds(33));
  CHECK(p.alice.told == Told{"OPTIONS failed: no response in time"});
  const std::string first = requests.front();
  p.network.now([&](TimePoint now) { p.alice.send("OPTIONS", kBob, now); });
  p.network.run(milliseconds(1));
  p.alice.receive(response_to(first, 200), {Transport::udp, p.alice.here, p.bob.here, 0},
                  p.network.time());
  CHECK(p.alice.told.back() == "stray 200");
  p.finish();
}

TEST_CASE("matching: a response with more Vias than its request had is misrouted, and stray") {
  LayerPair p;
  std::string options;
  p.network.drop([&](const Packet& packet) {
    options = packet.bytes;
    return true;
  });
  p.network.now([&](TimePoint now) { p.alice.send("OPTIONS", kBob, now); });
  p.network.run(milliseconds(1));
  const Flow udp{Transport::udp, p.alice.here, p.bob.here, 0};
  p.alice.receive(response_to(options, 200, "\r\nFrom:",
                              "\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx\r\nFrom:"),
                  udp, p.network.time());
  CHECK(p.alice.told == Told{"stray 200"});
  p.alice.receive(response_to(options, 404), udp, p.network.time());
  CHECK(p.alice.told == Told{"stray 200", "404 OPTIONS"});  // the right one is still waited for
  p.finish();
}

TEST_CASE("matching: stale handles answer gone, or nothing") {
  LayerPair p;
  TxnId client, server;
  p.bob.user = [&](const TxnEvent& event, TimePoint now) {
    if (const auto* arrived = std::get_if<RequestArrived>(&event)) {
      server = arrived->txn;
      p.bob.respond(server, 200, now);
      CHECK_FALSE(p.bob.layer.request(server));  // let go with the final response
      const ResponseWriter late(p.bob.pool, arrived->request.view(), arrived->flow, 500, "b2");
      CHECK(p.bob.layer.respond(server, late, now) == Errc::wrong_state);
    }
  };
  p.network.now([&](TimePoint now) { client = p.alice.send("OPTIONS", kBob, now); });
  p.network.run_to_rest(at(100));
  const TimePoint now = p.network.time();
  CHECK_FALSE(p.alice.layer.alive(client));
  CHECK_FALSE(p.alice.layer.flow(client).has_value());
  CHECK(p.alice.layer.user(client) == UsageRef{});
  p.alice.layer.cancel(client, now);
  p.alice.layer.resend(client, now);
  p.alice.layer.set_user(client, {});
  CHECK(std::holds_alternative<Absorbed>(p.alice.layer.resolved(client, {}, now)));
  CHECK(std::holds_alternative<Absorbed>(p.alice.layer.transport_failed(client, {}, now)));
  CHECK_FALSE(p.bob.layer.request(server));
  CHECK(p.bob.layer.respond(server, Message{}, now) == Errc::gone);
  p.finish();
}
