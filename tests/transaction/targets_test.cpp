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

TEST_CASE(
    "targets: a request whose connection is lost before any answer is sent once more, the same") {
  for (const char* method : {"INVITE", "OPTIONS"}) {
    CAPTURE(method);
    Network network;
    LayerNode alice(network, "alice", "192.0.2.1:5060");
    const auto ends = [](const TxnEvent& event) {
      return std::holds_alternative<TxnFailed>(event);
    };
    const auto begin = [&](const NextHop& hop, Transmit& out) {
      const auto txn = alice.layer.send(alice.request(method), hop, {}, at(0));
      REQUIRE(txn.has_value());
      REQUIRE(alice.next(out));
    };
    Transmit first, again;
    begin(NextHop::to("sip:192.0.2.2;transport=tcp"), first);
    CHECK_FALSE(ends(alice.layer.request_lost(first.txn, at(1))));
    REQUIRE(alice.next(again));
    CHECK(again.message.bytes() == first.message.bytes());
    CHECK(again.flow == first.flow);
    CHECK(again.txn == first.txn);
    CHECK((again.repeated && !first.repeated));
    CHECK_FALSE(alice.next(again));
    // Lost twice is lost.
    const TxnEvent told = alice.layer.request_lost(first.txn, at(2));
    REQUIRE(ends(told));
    CHECK(std::get<TxnFailed>(told).error == Errc::transport_failed);
    CHECK_FALSE(ends(alice.layer.request_lost(first.txn, at(2))));  // it is gone

    // Where the user named the connection there is no other.
    Flow flow = first.flow;
    flow.connection = 7;
    begin(NextHop::by(flow), first);
    CHECK(ends(alice.layer.request_lost(first.txn, at(3))));
    CHECK_FALSE(alice.next(again));

    // Whoever has an answer goes on waiting.
    begin(NextHop::to("sip:192.0.2.2;transport=tcp"), first);
    BlockPool pool;
    auto trying = ResponseWriter(pool, first.message.view(), first.flow, 100, "").seal();
    REQUIRE(trying.has_value());
    alice.layer.receive(*std::move(trying), first.flow, at(4));
    CHECK_FALSE(ends(alice.layer.request_lost(first.txn, at(5))));
    CHECK_FALSE(alice.next(again));
    CHECK(alice.layer.clients() == 1);
  }
}

TEST_CASE("targets: a request that is lost twice goes to the next target") {
  Network network;
  LayerNode alice(network, "alice", "192.0.2.1:5060");
  const auto txn =
      alice.layer.send(alice.request("OPTIONS"), NextHop::to("sip:example.com"), {}, at(0));
  REQUIRE(txn.has_value());
  Flow one{Transport::tcp, address("192.0.2.1:0"), address("192.0.2.2:5060"), 0};
  Flow two = one;
  two.remote = address("192.0.2.3:5060");
  alice.layer.resolved(*txn, {one, two}, at(0));
  Transmit out;
  for (const auto& [remote, repeated] : {std::pair{one.remote, false},
                                         {one.remote, true},
                                         {two.remote, false},
                                         {two.remote, true}}) {
    REQUIRE(alice.next(out));
    CHECK(out.flow.remote == remote);
    CHECK(out.repeated == repeated);
    const TxnEvent told = alice.layer.request_lost(*txn, at(1));
    CHECK(std::holds_alternative<TxnFailed>(told) == (remote == two.remote && repeated));
  }
  CHECK(alice.layer.clients() == 0);
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

// ---------------------------------------------------------------- 503

namespace {

// Alice, and two servers behind one name.
struct TwoServers {
  TwoServers()
      : alice(network, "alice", "192.0.2.1:5060"),
        one(network, "one", "192.0.2.2:5060"),
        two(network, "two", "192.0.2.3:5060") {
    network.host("example.com", {{Transport::udp, one.here}, {Transport::udp, two.here}});
  }
  void finish() {
    REQUIRE(network.run_to_rest(network.time() + std::chrono::seconds(400)));
    CHECK(alice.at_rest());
    CHECK(one.at_rest());
    CHECK(two.at_rest());
  }
  Network network;
  LayerNode alice;
  LayerNode one;
  LayerNode two;
};

}  // namespace

TEST_CASE("targets: a 503 leads to the next one, which the user never learns (RFC 3263 4.3)") {
  TwoServers t;
  t.one.answer(503);
  t.two.answer(200);
  TxnId txn;
  t.network.now([&](TimePoint now) { txn = t.alice.send("OPTIONS", "sip:example.com", now); });
  t.network.run(std::chrono::seconds(1));
  CHECK(t.alice.told == Told{"200 OPTIONS"});
  CHECK(t.alice.layer.alive(txn));  // under the same handle
  CHECK(t.alice.layer.flow(txn)->remote == t.two.here);
  t.finish();
}

TEST_CASE("targets: an INVITE that is refused with 503 is acknowledged there and rings elsewhere") {
  TwoServers t;
  t.one.answer(503);
  t.two.answer(486);
  // Its first ACK is lost: the 503 that comes again gets another one, though the INVITE has moved on.
  t.network.drop(
      [](const Packet& packet) { return packet.label() == "ACK" && packet.number == 3; });
  t.network.now([&](TimePoint now) { t.alice.send("INVITE", "sip:example.com", now); });
  t.network.run(std::chrono::seconds(2));
  CHECK(t.alice.told == Told{"486 INVITE"});
  CHECK(t.network.ladder().text() ==
        R"(          alice                   one                     two
    0.000 |--INVITE-------------->|                       |
    0.000 |<-503 INVITE-----------|                       |
    0.000 |--ACK----------------x |                       |
    0.000 |--INVITE-------------------------------------->|
    0.000 |<-486 INVITE-----------------------------------|
    0.000 |--ACK----------------------------------------->|
    0.500 |<-503 INVITE-----------|                       |
    0.500 |--ACK----------------->|                       |
)");
  t.finish();
}

TEST_CASE("targets: the last one's 503 is the answer, and so is one behind a CANCEL") {
  TwoServers t;
  t.one.answer(503);
  t.two.answer(503);
  t.network.now([&](TimePoint now) { t.alice.send("OPTIONS", "sip:example.com", now); });
  t.network.run(std::chrono::seconds(1));
  CHECK(t.alice.told == Told{"503 OPTIONS"});

  t.alice.told.clear();
  TxnId invite;
  t.one.user = [&](const TxnEvent& event, TimePoint now) {
    const auto* arrived = std::get_if<RequestArrived>(&event);
    if (arrived == nullptr) return;
    if (arrived->cancels) {
      t.one.respond(arrived->txn, 200, now);
      t.one.respond(arrived->cancels, 503, now);
    } else {
      t.one.respond(arrived->txn, 180, now);
    }
  };
  t.network.now([&](TimePoint now) { invite = t.alice.send("INVITE", "sip:example.com", now); });
  t.network.run(std::chrono::seconds(1));
  t.network.now([&](TimePoint now) { t.alice.layer.cancel(invite, now); });
  t.network.run(std::chrono::seconds(1));
  CHECK(t.alice.told == Told{"180 INVITE", "503 INVITE"});
  t.finish();
}

// ---------------------------------------------------------------- targets that failed lately

namespace {

/// Sends a request and says who got it first.
std::string first_of(TwoServers& t, int run) {
  std::string first;
  const std::size_t ones = t.one.told.size();
  const std::size_t twos = t.two.told.size();
  t.network.now([&](TimePoint now) {
    auto sent = t.alice.layer.send(
        t.alice.request("OPTIONS", "sip:bob@example.com", "call-" + std::to_string(run)),
        NextHop::to("sip:example.com"), {UsageKind::request, 1, 2, 3}, now);
    REQUIRE(sent.has_value());
    if (const auto flow = t.alice.layer.flow(*sent)) first = "asked too early";
  });
  t.network.run(milliseconds(100));
  if (t.one.told.size() > ones) first += "one";
  if (t.two.told.size() > twos) first += "two";
  return first;
}

/// As above; the server answers 503, with that Retry-After where there is one.
void refuse(LayerNode& server, const std::string& retry_after) {
  server.user = [&server, retry_after](const TxnEvent& event, TimePoint now) {
    const auto* arrived = std::get_if<RequestArrived>(&event);
    if (arrived == nullptr) return;
    const MessageView request = server.layer.request(arrived->txn);
    ResponseWriter writer(server.pool, request, *server.layer.flow(arrived->txn), 503, "b1");
    if (!retry_after.empty()) writer.header(HeaderId::retry_after, retry_after);
    server.layer.respond(arrived->txn, writer, now);
  };
}

}  // namespace

TEST_CASE("targets: one that asks for peace by Retry-After is tried last for so long, not longer") {
  TwoServers t;
  refuse(t.one, "20 (backing up);duration=60");
  t.two.answer(200);
  CHECK(first_of(t, 1) == "onetwo");
  CHECK(first_of(t, 2) == "two");
  t.network.run(seconds(19));
  CHECK(first_of(t, 3) == "two");
  t.network.run(seconds(1));
  CHECK(first_of(t, 4) == "onetwo");
  t.finish();
}

TEST_CASE("targets: a 503 without Retry-After leaves no mark, a huge one a bounded one") {
  TwoServers t;
  t.two.answer(200);
  refuse(t.one, "");
  CHECK(first_of(t, 1) == "onetwo");
  CHECK(first_of(t, 2) == "onetwo");
  refuse(t.one, "0");
  CHECK(first_of(t, 3) == "onetwo");
  CHECK(first_of(t, 4) == "onetwo");
  refuse(t.one, "4294967295");
  CHECK(first_of(t, 5) == "onetwo");
  CHECK(first_of(t, 6) == "two");
  t.network.run(seconds(601));  // TransactionOptions::avoid_refusing
  CHECK(first_of(t, 7) == "onetwo");
  t.finish();
}

TEST_CASE("targets: one that was silent is tried last, and where all were, in their order") {
  TwoServers t;
  t.network.part("alice", "one");
  t.two.answer(200);
  CHECK(first_of(t, 1).empty());
  t.network.run(seconds(33));
  CHECK(t.two.told == Told{"OPTIONS"});
  t.network.heal();
  t.one.answer(200);
  CHECK(first_of(t, 2) == "two");
  // What one server does says nothing of its neighbours: the other one fails too, and all are tried.
  t.network.part("alice", "two");
  t.alice.told.clear();
  t.one.told.clear();
  CHECK(first_of(t, 3).empty());
  t.network.run(seconds(33));
  CHECK(t.one.told == Told{"OPTIONS"});
  CHECK(t.alice.told == Told{"200 OPTIONS"});
  // It has answered, so the mark is gone.
  t.network.heal();
  CHECK(first_of(t, 4) == "one");
  t.network.run(seconds(30));  // TransactionOptions::avoid_failed
  t.finish();
}

TEST_CASE("targets: a mark is of one transport, address and port, and of no name") {
  TwoServers t;
  t.network.host("other.example", {{Transport::udp, t.one.here}, {Transport::udp, t.two.here}});
  t.network.host("stream.example", {{Transport::tcp, t.one.here}, {Transport::tcp, t.two.here}});
  refuse(t.one, "60");
  t.two.answer(200);
  CHECK(first_of(t, 1) == "onetwo");
  const auto hop = [&](const std::string& uri, const std::string& call) {
    t.one.told.clear();
    t.network.now([&](TimePoint now) {
      auto sent = t.alice.layer.send(t.alice.request("OPTIONS", uri, call), NextHop::to(uri),
                                     {UsageKind::request, 1, 2, 3}, now);
      REQUIRE(sent.has_value());
    });
    t.network.run(milliseconds(100));
    return !t.one.told.empty();
  };
  CHECK_FALSE(hop("sip:other.example", "c2"));           // the same server by another name
  CHECK(hop("sip:stream.example;transport=tcp", "c3"));  // another transport
  CHECK(hop("sip:192.0.2.2", "c4"));                     // no choice: it is tried all the same
  t.finish();
}

TEST_CASE("targets: CANCEL and ACK go where their INVITE went, whatever the name says by then") {
  TwoServers t;
  t.one.user = [&](const TxnEvent& event, TimePoint now) {
    const auto* arrived = std::get_if<RequestArrived>(&event);
    if (arrived == nullptr) return;
    if (arrived->cancels) {
      t.one.respond(arrived->txn, 200, now);
      t.one.respond(arrived->cancels, 487, now);
    } else {
      t.one.respond(arrived->txn, 180, now);
    }
  };
  TxnId invite;
  t.network.now([&](TimePoint now) { invite = t.alice.send("INVITE", "sip:example.com", now); });
  t.network.run(seconds(1));
  t.network.host("example.com", {{Transport::udp, t.two.here}});
  t.network.now([&](TimePoint now) { t.alice.layer.cancel(invite, now); });
  t.network.run(seconds(1));
  CHECK(t.two.told.empty());
  CHECK(t.one.told == Told{"INVITE", "CANCEL cancels"});
  CHECK(t.network.ladder().text() ==
        R"(          alice                   one                     two
    0.000 |--INVITE-------------->|                       |
    0.000 |<-180 INVITE-----------|                       |
    1.000 |--CANCEL-------------->|                       |
    1.000 |<-200 CANCEL-----------|                       |
    1.000 |<-487 INVITE-----------|                       |
    1.000 |--ACK----------------->|                       |
)");
  t.finish();
}

TEST_CASE("targets: A78, more targets than 16 are not tried") {
  Network network;
  LayerNode alice(network, "alice", "192.0.2.1:5060");
  const TxnId txn = alice.send("OPTIONS", "sip:example.com", at(0));
  Resolve question;
  REQUIRE(alice.next(question));
  std::vector<Flow> targets;
  for (int i = 0; i < 40; ++i)
    targets.push_back(
        {Transport::udp, alice.here, address("192.0.2.2:" + std::to_string(6000 + i)), 0});
  alice.resolved(txn, targets, at(0));
  std::vector<std::uint16_t> tried;
  Transmit out;
  while (alice.told.empty()) {
    while (alice.next(out)) tried.push_back(out.flow.remote.port);
    REQUIRE(tried.size() <= 17);
    alice.transport_failed(txn, Errc::transport_failed, at(0));
  }
  CHECK(tried.size() == 16);
  CHECK(tried.front() == 6000);
  CHECK(tried.back() == 6015);
  CHECK(alice.told == Told{"OPTIONS failed: the transport failed"});
}

// ---------------------------------------------------------------- responses, RFC 3263 section 5

namespace {

/// Bob with a request of Alice's, whose Via says what it likes, over that transport.
struct Asked {
  Asked(const std::string& sent_by, Transport transport = Transport::udp,
        const std::string& method = "INVITE")
      : bob(network, "bob", "192.0.2.2:5060") {
    bob.user = [&](const TxnEvent& event, TimePoint) {
      if (const auto* arrived = std::get_if<RequestArrived>(&event)) server = arrived->txn;
    };
    const std::string text = method + " sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/" +
                             std::string(via_name(transport)) + " " + sent_by +
                             ";branch=z9hG4bKx1\r\nFrom: <sip:a@example.com>;tag=1\r\n"
                             "To: <sip:bob@example.com>\r\nCall-ID: c\r\nCSeq: 1 " +
                             method + "\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    Flow flow;
    flow.transport = transport;
    flow.local = bob.here;
    flow.remote = address("192.0.2.1:40000");
    flow.connection = reliable(transport) ? 7 : 0;
    bob.receive(text, flow, at(0));
    REQUIRE(server);
    Transmit out;
    while (bob.next(out)) sent.push_back(out.flow);
    sent.clear();
  }
  std::string question() {
    Resolve asked;
    return bob.next(asked) ? asked.uri : "";
  }
  /// Where the last response went.
  std::string where() {
    Transmit out;
    std::string last;
    while (bob.next(out)) {
      CHECK(out.txn == server);
      last = std::to_string(out.message->status()) + " " +
             std::string(uri_name(out.flow.transport)) + " " + out.flow.remote.to_string();
    }
    return last;
  }
  void fail() { bob.transport_failed(server, Errc::transport_failed, at(1)); }
  void resolve(const std::vector<std::string>& targets, Transport transport = Transport::udp) {
    std::vector<Flow> flows;
    for (const std::string& text : targets)
      flows.push_back({transport, bob.here, address(text), 0});
    bob.resolved(server, flows, at(1));
  }

  Network network;
  LayerNode bob;
  TxnId server;
  std::vector<Flow> sent;
};

}  // namespace

TEST_CASE("targets: a response that cannot be sent goes by the Via's sent-by (RFC 3263 5)") {
  struct Case {
    const char* sent_by;
    Transport transport;
    const char* question;
  };
  const Case cases[] = {
      {"198.51.100.7:5080", Transport::udp, "sip:198.51.100.7:5080;transport=udp"},
      {"alice.example.com:5080", Transport::udp, "sip:alice.example.com:5080;transport=udp"},
      {"alice.example.com", Transport::udp, "sip:alice.example.com;transport=udp"},
      {"alice.example.com", Transport::tcp, "sip:alice.example.com;transport=tcp"},
      {"alice.example.com", Transport::tls, "sip:alice.example.com;transport=tls"},
      {"[2001:db8::7]", Transport::tcp, "sip:[2001:db8::7];transport=tcp"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.sent_by);
    Asked t(c.sent_by, c.transport);
    t.bob.respond(t.server, 486, at(1));
    CHECK_FALSE(t.where().empty());
    t.fail();
    CHECK(t.question() == c.question);
    CHECK(t.bob.told == Told{"INVITE"});  // the user hears nothing as long as there is hope
    t.fail();                             // a copy of it failed too
    CHECK(t.question().empty());
    t.resolve({"198.51.100.7:5080", "198.51.100.8:5080"}, c.transport);
    CHECK(t.where() == "486 " + std::string(uri_name(c.transport)) + " 198.51.100.7:5080");
    t.fail();
    CHECK(t.where() == "486 " + std::string(uri_name(c.transport)) + " 198.51.100.8:5080");
    CHECK(t.bob.told == Told{"INVITE"});
    t.fail();
    CHECK(t.where().empty());
    CHECK(t.question().empty());
    CHECK(t.bob.told == Told{"INVITE", "server INVITE failed: the transport failed"});
    CHECK(t.bob.layer.alive(t.server));  // RFC 6026 section 7.1
  }
}

TEST_CASE("targets: where the Via says nothing new, or leads nowhere, the user is told") {
  Asked same("192.0.2.1:40000");
  same.bob.respond(same.server, 486, at(1));
  same.fail();
  CHECK(same.question().empty());
  CHECK(same.bob.told == Told{"INVITE", "server INVITE failed: the transport failed"});

  Asked web("a.invalid", Transport::wss);
  web.bob.respond(web.server, 486, at(1));
  web.fail();
  CHECK(web.question().empty());
  CHECK(web.bob.told.size() == 2);

  Asked nowhere("gone.example.com");
  nowhere.bob.respond(nowhere.server, 486, at(1));
  nowhere.where();
  nowhere.fail();
  CHECK_FALSE(nowhere.question().empty());
  nowhere.resolve({});
  CHECK(nowhere.where().empty());
  CHECK(nowhere.bob.told == Told{"INVITE", "server INVITE failed: the transport failed"});

  Asked again("alias.example.com");
  again.bob.respond(again.server, 486, at(1));
  const std::string tried = again.where();
  again.fail();
  again.question();
  again.resolve({tried.substr(tried.rfind(' ') + 1)});  // the very address that has just failed
  CHECK(again.where().empty());
  CHECK(again.bob.told.size() == 2);
}

TEST_CASE("targets: what follows a response that went elsewhere goes there as well") {
  Asked t("alice.example.com");
  t.bob.respond(t.server, 180, at(1));
  t.where();
  t.fail();
  CHECK(t.question() == "sip:alice.example.com;transport=udp");
  CHECK(t.bob.layer.flow(t.server).has_value());  // it can be answered all the while
  t.bob.respond(t.server, 183, at(1));
  t.where();
  t.resolve({"198.51.100.7:5080"});
  CHECK(t.where() == "183 udp 198.51.100.7:5080");
  t.bob.respond(t.server, 486, at(1));
  CHECK(t.where() == "486 udp 198.51.100.7:5080");
  t.bob.expire(at(1.6));  // timer G
  CHECK(t.where() == "486 udp 198.51.100.7:5080");
  t.bob.expire(at(400));
  CHECK_FALSE(t.bob.layer.alive(t.server));
}

TEST_CASE("targets: a server transaction may end while its Via is looked up") {
  Asked t("alice.example.com", Transport::udp, "OPTIONS");
  t.bob.respond(t.server, 200, at(1));
  t.where();
  t.fail();
  CHECK_FALSE(t.question().empty());
  t.bob.expire(at(33));
  CHECK_FALSE(t.bob.layer.alive(t.server));
  t.resolve({"198.51.100.7:5080"});
  CHECK(t.where().empty());
  CHECK(t.bob.at_rest());
}
