// SPDX-License-Identifier: Apache-2.0
// Where requests go: numeric hops, targets one after the other, TCP for large ones, failures.
// RFC 3263, RFC 3261 sections 17.1.4, 17.2.4 and 18.1.1.
#include "layer_node.hpp"

using namespace sipstack;
using namespace sipstack::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// Alice, Bob, and Carol as Bob's second server.
struct Trio : LayerPair {
  explicit Trio(const TransactionOptions& options = {})
      : LayerPair({}, options), carol(network, "carol", "192.0.2.3:5060", options, 3) {
    network.host("example.com", {{Transport::udp, address("192.0.2.2:5060")},
                                 {Transport::udp, address("192.0.2.3:5060")}});
  }
  void finish_all() {
    finish();
    CHECK(carol.at_rest());
  }
  LayerNode carol;
};

std::string branch_of(const std::string& bytes) {
  const std::size_t at = bytes.find("branch=") + 7;
  return bytes.substr(at, bytes.find_first_of("\r;", at) - at);
}

}  // namespace

TEST_CASE("targets: a numeric hop that a socket settles needs no resolver") {
  Network network;
  LayerNode alice(network, "alice", "192.0.2.1:5060");
  const auto where = [&](const std::string& uri) -> std::string {
    auto sent = alice.layer.send(alice.request("OPTIONS"), NextHop::to(uri), {}, at(0));
    REQUIRE(sent.has_value());
    Transmit out;
    Resolve question;
    if (alice.next(question)) return "resolve " + question.uri;
    REQUIRE(alice.next(out));
    REQUIRE(out.txn == *sent);
    return std::string(uri_name(out.flow.transport)) + " " + out.flow.local.to_string() + " " +
           out.flow.remote.to_string();
  };
  CHECK(where("sip:192.0.2.2") == "udp 192.0.2.1:5060 192.0.2.2:5060");
  CHECK(where("sip:u@192.0.2.2:5070;lr") == "udp 192.0.2.1:5060 192.0.2.2:5070");
  CHECK(where("sip:192.0.2.2;transport=tcp") == "tcp 192.0.2.1:0 192.0.2.2:5060");
  CHECK(where("sip:example.com;maddr=192.0.2.7") == "udp 192.0.2.1:5060 192.0.2.7:5060");
  CHECK(where("sip:[2001:db8::2]") == "resolve sip:[2001:db8::2]");  // no such socket
  CHECK(where("sips:192.0.2.2") == "resolve sips:192.0.2.2");        // no TLS socket
  CHECK(where("sip:example.com") == "resolve sip:example.com");
  CHECK(where("tel:+15551234") == "resolve tel:+15551234");
}

TEST_CASE("targets: a wildcard socket leaves the choice of its address to the resolver") {
  Network network;
  LayerNode alice(network, "alice", "0.0.0.0:5060");
  CHECK(alice.layer.send(alice.request("OPTIONS"), NextHop::to("sip:192.0.2.2"), {}, at(0))
            .has_value());
  Resolve question;
  CHECK(alice.next(question));
  // A flow whose local end is open is completed in the same way.
  const Flow flow{Transport::tcp, {}, address("192.0.2.2:5070"), 0};
  CHECK(alice.layer.send(alice.request("OPTIONS"), NextHop::by(flow), {}, at(0)).has_value());
  REQUIRE(alice.next(question));
  CHECK(question.uri == "sip:192.0.2.2:5070;transport=tcp");
}

TEST_CASE("targets: after a timeout the next one is tried, with a new branch and the same handle") {
  Trio t;
  std::vector<std::string> branches;
  t.network.drop([&](const Packet& packet) {
    if (packet.from == "alice") branches.push_back(branch_of(std::string(packet.bytes)));
    return packet.to == "bob";
  });
  t.carol.answer(200);
  TxnId txn;
  t.alice.user = [&](const TxnEvent& event, TimePoint) {
    if (const auto* response = std::get_if<ResponseArrived>(&event)) CHECK(response->txn == txn);
  };
  t.network.now([&](TimePoint now) { txn = t.alice.send("OPTIONS", "sip:example.com", now); });
  t.network.run(seconds(33));
  CHECK(t.alice.told == Told{"200 OPTIONS"});
  CHECK(t.carol.told == Told{"OPTIONS"});
  CHECK(branches.front() != branches.back());
  CHECK(branches.size() == 12);
  t.finish_all();
}

TEST_CASE("targets: when all have failed the user is told once") {
  Trio t;
  t.network.part("alice", "bob");
  t.network.part("alice", "carol");
  t.network.now([&](TimePoint now) { t.alice.send("OPTIONS", "sip:example.com", now); });
  t.network.run(seconds(63));
  CHECK(t.alice.told.empty());
  t.network.run(seconds(2));
  CHECK(t.alice.told == Told{"OPTIONS failed: no response in time"});
  t.finish_all();
}

TEST_CASE("targets: a refused connection leads to the next target at once") {
  Trio t;
  t.network.host("example.com", {{Transport::tcp, address("192.0.2.2:5060")},
                                 {Transport::tcp, address("192.0.2.3:5060")}});
  t.network.refuse_streams(address("192.0.2.2:5060"));
  t.carol.answer(486);
  t.network.now(
      [&](TimePoint now) { t.alice.send("INVITE", "sip:example.com;transport=tcp", now); });
  t.network.run(milliseconds(1));
  CHECK(t.ladder_is(R"(
          alice                   bob                     carol
    0.000 |--INVITE-------------x |                       |
    0.000 |--INVITE-------------------------------------->|
    0.000 |<-486 INVITE-----------------------------------|
    0.000 |--ACK----------------------------------------->|
)"));
  CHECK(t.alice.told == Told{"486 INVITE"});
  t.finish_all();
}

TEST_CASE("targets: a transport failure without another target ends the transaction") {
  LayerPair p;
  p.network.refuse_streams(p.bob.here);
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", "sip:192.0.2.2;transport=tcp", now); });
  p.network.run(milliseconds(1));
  CHECK(p.alice.told == Told{"INVITE failed: the transport failed"});
  CHECK(p.alice.at_rest());
  p.finish();
}

TEST_CASE("targets: no target at all is a failure") {
  LayerPair p;
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", "sip:nowhere.example", now); });
  p.network.run(milliseconds(1));
  CHECK(p.alice.told == Told{"INVITE failed: no target to send to was found"});
  p.finish();
}

TEST_CASE("targets: a resolver that never comes back is given 64*T1") {
  Network network;
  LayerNode alice(network, "alice", "192.0.2.1:5060");
  const TxnId txn = alice.send("INVITE", "sip:nowhere.example", at(0));
  Resolve question;
  REQUIRE(alice.next(question));
  alice.expire(at(31.9));
  CHECK(alice.told.empty());
  alice.expire(at(32));
  CHECK(alice.told == Told{"INVITE failed: no target to send to was found"});
  CHECK(std::holds_alternative<Absorbed>(alice.layer.resolved(
      txn, {{Transport::udp, alice.here, address("192.0.2.2:5060"), 0}}, at(33))));
  CHECK(alice.at_rest());
}

TEST_CASE("targets: an INVITE that is cancelled before it has a target is never sent") {
  LayerPair p;
  p.network.host("example.com", {{Transport::udp, p.bob.here}});
  p.network.now([&](TimePoint now) {
    const TxnId invite = p.alice.send("INVITE", "sip:example.com", now);
    p.alice.layer.cancel(invite, now);
  });
  p.network.run(seconds(1));
  CHECK(p.alice.told == Told{"INVITE failed: cancelled"});
  CHECK(p.network.ladder().arrows().empty());
  p.finish();
}

TEST_CASE("targets: a request above 1300 bytes goes by TCP, and its Via says so") {
  // Sends a MESSAGE with such a body; how it arrived, and how large it is on UDP.
  const auto send = [](std::size_t body, std::size_t limit) {
    TransactionOptions options;
    options.udp_limit = limit;
    LayerPair p({}, options);
    std::pair<Transport, std::size_t> arrived_by{Transport::ws, 0};
    p.bob.user = [&](const TxnEvent& event, TimePoint now) {
      const auto* arrived = std::get_if<RequestArrived>(&event);
      if (arrived == nullptr) return;
      arrived_by = {arrived->flow.transport, arrived->request.bytes().size()};
      CHECK(arrived->request->top_via().transport == via_name(arrived->flow.transport));
      p.bob.respond(arrived->txn, 200, now);
    };
    p.network.now([&](TimePoint now) {
      RequestWriter writer = p.alice.request("MESSAGE");
      writer.body("text/plain", std::string(body, 'x'));
      CHECK(p.alice.layer.send(std::move(writer), NextHop::to("sip:bob@192.0.2.2"), {}, now)
                .has_value());
    });
    p.network.run(seconds(1));
    p.finish();
    return arrived_by;
  };
  const std::size_t headers = send(1000, 0).second - 1000;
  for (const std::size_t size : {1299U, 1300U, 1301U}) {
    CHECK(send(size - headers, 0) == std::pair(Transport::udp, size));
    CHECK(send(size - headers, 1300).first == (size > 1300 ? Transport::tcp : Transport::udp));
  }
}

TEST_CASE("targets: a large request comes back to UDP where no connection comes about") {
  LayerPair p;
  p.bob.answer(200);
  p.network.refuse_streams(p.bob.here);
  p.network.now([&](TimePoint now) {
    RequestWriter writer = p.alice.request("MESSAGE");
    writer.body("text/plain", std::string(2000, 'x'));
    CHECK(p.alice.layer.send(std::move(writer), NextHop::to("sip:bob@192.0.2.2"), {}, now)
              .has_value());
  });
  p.network.run(milliseconds(1));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--MESSAGE------------x |
    0.000 |--MESSAGE------------->|
    0.000 |<-200 MESSAGE----------|
)"));
  CHECK(p.alice.told == Told{"200 MESSAGE"});
  p.finish();
}

TEST_CASE(
    "targets: UDP stays UDP where the limit is off, the flow is the user's, or there is no TCP "
    "socket") {
  TransactionOptions off;
  off.udp_limit = 0;
  for (const int how : {0, 1, 2}) {
    Network network;
    LayerNode alice(network, "alice", "192.0.2.1:5060", how == 0 ? off : TransactionOptions{}, 1,
                    how == 2 ? std::vector<Transport>{Transport::udp}
                             : std::vector<Transport>{Transport::udp, Transport::tcp});
    RequestWriter writer = alice.request("MESSAGE");
    writer.body("text/plain", std::string(2000, 'x'));
    const Flow flow{Transport::udp, alice.here, address("192.0.2.2:5060"), 0};
    CHECK(alice.layer
              .send(std::move(writer), how == 1 ? NextHop::by(flow) : NextHop::to("sip:192.0.2.2"),
                    {}, at(0))
              .has_value());
    Transmit out;
    REQUIRE(alice.next(out));
    CHECK(out.flow.transport == Transport::udp);
  }
}

TEST_CASE("targets: a writer with an injected line is refused, and nothing is left") {
  Network network;
  LayerNode alice(network, "alice", "192.0.2.1:5060");
  RequestWriter writer = alice.request("MESSAGE");
  writer.header(HeaderId::subject, "a\r\nX: b");
  const auto sent = alice.layer.send(std::move(writer), NextHop::to("sip:192.0.2.2"), {}, at(0));
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error() == Errc::write_failed);
  CHECK(alice.layer.clients() == 0);
}

TEST_CASE(
    "targets: an ACK that needs a resolver goes out when it has one, to the next one where one "
    "fails") {
  Trio t;
  t.network.host("example.com", {{Transport::tcp, address("192.0.2.2:5060")},
                                 {Transport::tcp, address("192.0.2.3:5060")}});
  t.network.refuse_streams(address("192.0.2.2:5060"));
  t.network.now([&](TimePoint now) {
    const auto ack =
        t.alice.layer.send_ack(t.alice.request("ACK"), NextHop::to("sip:example.com"), now);
    REQUIRE(ack.has_value());
    t.alice.layer.resend(*ack, now);  // too early to repeat anything
  });
  t.network.run(seconds(1));
  CHECK(t.carol.told == Told{"ACK of nothing"});
  CHECK(t.alice.told.empty());
  t.finish_all();
}

TEST_CASE("targets: a stateless request leaves nothing behind") {
  Trio t;
  t.network.now([&](TimePoint now) {
    CHECK_FALSE(
        t.alice.layer.send_stateless(t.alice.request("ACK"), NextHop::to("sip:192.0.2.2"), now));
    CHECK(t.alice.layer.clients() == 0);
    CHECK_FALSE(
        t.alice.layer.send_stateless(t.alice.request("ACK"), NextHop::to("sip:example.com"), now));
    CHECK_FALSE(
        t.alice.layer.send_stateless(t.alice.request("ACK"), NextHop::to("sip:no.example"), now));
  });
  t.network.run(milliseconds(1));
  CHECK(t.bob.told == Told{"ACK of nothing", "ACK of nothing"});
  CHECK(t.alice.at_rest());
  t.finish_all();
}

TEST_CASE("targets: a response that cannot be sent is told, and the transaction stays (RFC 6026)") {
  for (const int status : {180, 200, 486}) {
    Network network;
    LayerNode bob(network, "bob", "192.0.2.2:5060");
    TxnId server;
    bob.user = [&](const TxnEvent& event, TimePoint) {
      if (const auto* arrived = std::get_if<RequestArrived>(&event)) server = arrived->txn;
    };
    LayerNode alice(network, "alice", "192.0.2.1:5060");
    alice.send("INVITE", "sip:192.0.2.2", at(0));
    Transmit out;
    REQUIRE(alice.next(out));
    const Flow flow{Transport::udp, bob.here, alice.here, 0};
    bob.receive(out.message.bytes(), flow, at(0));
    bob.respond(server, status, at(0));
    bob.transport_failed(server, Errc::transport_failed, at(0));
    CHECK(bob.told == Told{"INVITE", "server INVITE failed: the transport failed"});
    CHECK(bob.layer.alive(server));
    bob.receive(out.message.bytes(), flow, at(1));  // absorbed: no new call
    CHECK(bob.told.size() == 2);
  }
}

TEST_CASE("targets: an ACK that cannot be sent is nobody's business any more") {
  LayerPair p;
  p.bob.answer(486);
  TxnId invite;
  p.network.now([&](TimePoint now) { invite = p.alice.send("INVITE", "sip:192.0.2.2", now); });
  p.network.run(milliseconds(1));
  p.alice.transport_failed(invite, Errc::transport_failed, p.network.time());
  CHECK(p.alice.told == Told{"486 INVITE"});
  CHECK_FALSE(p.alice.layer.alive(invite));
  p.finish();
}
