// SPDX-License-Identifier: Apache-2.0
// Transactions on a simulated network; what is expected is the ladder that a person would draw.
#include "layer_node.hpp"

using namespace sipstack;
using namespace sipstack::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const std::string kBob = "sip:bob@192.0.2.2";
const std::string kBobTcp = "sip:bob@192.0.2.2;transport=tcp";

}  // namespace

TEST_CASE("flow: INVITE, 180, 200, and the user's ACK") {
  LayerPair p;
  p.bob.user = [&](const TxnEvent& event, TimePoint now) {
    if (const auto* invite = std::get_if<RequestArrived>(&event)) {
      p.bob.respond(invite->txn, 180, now);
      const TxnId txn = invite->txn;
      p.network.at(now + seconds(2), [&, txn](TimePoint later) { p.bob.respond(txn, 200, later); });
    }
  };
  p.alice.user = [&](const TxnEvent& event, TimePoint now) {
    const auto* response = std::get_if<ResponseArrived>(&event);
    if (response == nullptr || response->response->status() < 200) return;
    CHECK(response->user == UsageRef{UsageKind::request, 1, 2, 3});
    CHECK(p.alice.layer.send_ack(p.alice.request("ACK"), NextHop::to(kBob), now).has_value());
  };
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", kBob, now); });
  p.network.run(seconds(3));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--INVITE-------------->|
    0.000 |<-180 INVITE-----------|
    2.000 |<-200 INVITE-----------|
    2.000 |--ACK----------------->|
)"));
  CHECK(p.alice.told == Told{"180 INVITE", "200 INVITE"});
  CHECK(p.bob.told == Told{"INVITE", "ACK of nothing"});
  CHECK(p.alice.layer.clients() == 2);  // INVITE in Accepted, and the ACK for resend()
  CHECK(p.bob.layer.servers() == 1);
  p.finish();
}

TEST_CASE("flow: a 486 is acknowledged by the transaction itself") {
  LayerPair p;
  p.bob.answer(486);
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", kBob, now); });
  p.network.run(seconds(1));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--INVITE-------------->|
    0.000 |<-486 INVITE-----------|
    0.000 |--ACK----------------->|
)"));
  CHECK(p.alice.told == Told{"486 INVITE"});
  CHECK(p.bob.told == Told{"INVITE"});
  p.finish();
}

TEST_CASE(
    "flow: the ACK for a non-2xx has the INVITE's branch, Request-URI, Route and the response's "
    "To") {
  LayerPair p;
  p.bob.answer(486);
  std::string invite, ack;
  p.network.drop([&](const Packet& packet) {
    if (packet.label() == "INVITE") invite = packet.bytes;
    if (packet.label() == "ACK") ack = packet.bytes;
    return false;
  });
  p.network.now([&](TimePoint now) {
    RequestWriter writer = p.alice.request("INVITE", kBob);
    writer.header(HeaderId::route, "<sip:one.example;lr>, <sip:two.example;lr>");
    writer.header(HeaderId::route, "<sip:three.example;lr>");
    writer.header(HeaderId::require, "100rel");
    CHECK(p.alice.layer.send(std::move(writer), NextHop::to(kBob), {}, now).has_value());
  });
  p.network.run(seconds(1));
  MessageIndex one, two;
  REQUIRE(parse(invite, one).has_value());
  REQUIRE(parse(ack, two).has_value());
  const MessageView i(invite.data(), one), a(ack.data(), two);
  CHECK(a.uri_text() == i.uri_text());
  CHECK(a.top_via().text == i.top_via().text);
  CHECK(a.head().vias == 1);
  CHECK(a.from_tag() == "a1");
  CHECK(a.to_tag() == "b1");
  CHECK(a.call_id() == i.call_id());
  CHECK(a.cseq().number == 1);
  CHECK(a.cseq().method == Method::ack);
  CHECK(a.max_forwards() == 70);
  CHECK_FALSE(a.has(HeaderId::require));
  std::vector<std::string> routes;
  for (const auto& route : a.all(hdr::route)) routes.emplace_back(route->uri.host);
  CHECK(routes == std::vector<std::string>{"one.example", "two.example", "three.example"});
  p.finish();
}

TEST_CASE("flow: a lost INVITE is sent again after T1, a lost 486 when the INVITE or G comes") {
  LayerPair p;
  p.bob.answer(486);
  p.network.drop([](const Packet& packet) { return packet.number == 1 || packet.number == 3; });
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", kBob, now); });
  p.network.run(seconds(3));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--INVITE-------------x |
    0.500 |--INVITE-------------->|
    0.500 | x486 INVITE-----------|
    1.000 |<-486 INVITE-----------|
    1.000 |--ACK----------------->|
)"));
  CHECK(p.bob.told == Told{"INVITE"});
  p.finish();
}

TEST_CASE("flow: a lost ACK is sent again for every 486 that comes again") {
  LayerPair p;
  p.bob.answer(486);
  p.network.drop([](const Packet& packet) { return packet.label() == "ACK" && packet.number < 6; });
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", kBob, now); });
  p.network.run(seconds(10));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--INVITE-------------->|
    0.000 |<-486 INVITE-----------|
    0.000 |--ACK----------------x |
    0.500 |<-486 INVITE-----------|
    0.500 |--ACK----------------x |
    1.500 |<-486 INVITE-----------|
    1.500 |--ACK----------------->|
)"));
  CHECK(p.alice.told == Told{"486 INVITE"});
  p.finish();
}

TEST_CASE(
    "flow: a retransmitted request gets the last response again, and the user hears nothing") {
  LayerPair p;
  p.bob.answer(200);
  p.network.drop([](const Packet& packet) { return packet.number == 2 || packet.number == 4; });
  p.network.now([&](TimePoint now) { p.alice.send("OPTIONS", kBob, now); });
  p.network.run(seconds(5));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--OPTIONS------------->|
    0.000 | x200 OPTIONS----------|
    0.500 |--OPTIONS------------->|
    0.500 | x200 OPTIONS----------|
    1.500 |--OPTIONS------------->|
    1.500 |<-200 OPTIONS----------|
)"));
  CHECK(p.bob.told == Told{"OPTIONS"});
  CHECK(p.alice.told == Told{"200 OPTIONS"});
  p.finish();
}

TEST_CASE("flow: timer B: an INVITE that nobody hears goes out 7 times and fails after 64*T1") {
  LayerPair p;
  p.network.part("alice", "bob");
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", kBob, now); });
  p.network.run_until(at(31.999));
  CHECK(p.alice.told.empty());
  p.network.run_until(at(32));
  CHECK(p.alice.told == Told{"INVITE failed: no response in time"});
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--INVITE-------------x |
    0.500 |--INVITE-------------x |
    1.500 |--INVITE-------------x |
    3.500 |--INVITE-------------x |
    7.500 |--INVITE-------------x |
   15.500 |--INVITE-------------x |
   31.500 |--INVITE-------------x |
)"));
  CHECK(p.alice.at_rest());
  p.finish();
}

TEST_CASE(
    "flow: timer F: another request goes out 11 times, T2 apart in the end, and fails after "
    "64*T1") {
  LayerPair p;
  p.network.part("alice", "bob");
  p.network.now([&](TimePoint now) { p.alice.send("OPTIONS", kBob, now); });
  p.network.run_until(at(40));
  CHECK(p.alice.told == Told{"OPTIONS failed: no response in time"});
  std::vector<double> times;
  for (const auto& arrow : p.network.ladder().arrows())
    times.push_back(static_cast<double>(arrow.at.time_since_epoch().count()) / 1e6);
  CHECK(times == std::vector<double>{0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5});
  p.finish();
}

TEST_CASE("flow: over TCP nothing is sent twice, and the transactions are gone at once") {
  LayerPair p;
  p.bob.answer(486);
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", kBobTcp, now); });
  p.network.run(milliseconds(1));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--INVITE-------------->|
    0.000 |<-486 INVITE-----------|
    0.000 |--ACK----------------->|
)"));
  CHECK(p.alice.at_rest());  // timers D, I: zero
  CHECK(p.bob.at_rest());
  p.bob.answer(200);
  p.network.now([&](TimePoint now) { p.alice.send("OPTIONS", kBobTcp, now); });
  p.network.run(milliseconds(1));
  CHECK(p.alice.told == Told{"486 INVITE", "200 OPTIONS"});
  CHECK(p.alice.at_rest());  // K, J
  CHECK(p.bob.at_rest());
  p.finish();
}

TEST_CASE("flow: over TCP an unanswered INVITE is sent once and still fails after 64*T1") {
  LayerPair p;
  p.network.part("alice", "bob");
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", kBobTcp, now); });
  p.network.run(seconds(33));
  CHECK(p.network.ladder().arrows().size() == 1);
  CHECK(p.alice.told == Told{"INVITE failed: no response in time"});
  p.finish();
}

TEST_CASE("flow: over TCP a 486 without an ACK is not repeated, and timer H tells the user") {
  LayerPair p;
  p.bob.answer(486);
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", kBobTcp, now); });
  p.bob.user = [&](const TxnEvent& event, TimePoint now) {
    if (const auto* arrived = std::get_if<RequestArrived>(&event)) {
      p.network.part("alice", "bob");
      p.bob.respond(arrived->txn, 486, now);
    }
  };
  p.network.run(seconds(33));
  CHECK(p.bob.told == Told{"INVITE", "server INVITE failed: no response in time"});
  CHECK(p.network.ladder().arrows().size() == 2);
  p.finish();
}

TEST_CASE(
    "flow: RFC 6026: an INVITE that comes again after the 200 is absorbed, the 200 repeated by the "
    "user") {
  LayerPair p;
  TxnId server;
  p.bob.user = [&](const TxnEvent& event, TimePoint now) {
    const auto* invite = std::get_if<RequestArrived>(&event);
    if (invite == nullptr) return;
    server = invite->txn;
    const ResponseWriter ok(p.bob.pool, invite->request.view(), invite->flow, 200, "b1");
    const auto sealed = ok.seal();
    REQUIRE(sealed.has_value());
    p.bob.layer.respond(server, *sealed, now);
    p.network.at(now + milliseconds(700), [&, again = *sealed](TimePoint later) {
      CHECK_FALSE(p.bob.layer.respond(server, again, later));
    });
  };
  p.network.drop([](const Packet& packet) { return packet.number == 2; });
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", kBob, now); });
  p.network.run(seconds(2));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--INVITE-------------->|
    0.000 | x200 INVITE-----------|
    0.500 |--INVITE-------------->|
    0.700 |<-200 INVITE-----------|
)"));
  CHECK(p.bob.told == Told{"INVITE"});
  CHECK(p.bob.layer.alive(server));
  p.network.run_until(at(31.9));
  CHECK(p.bob.layer.alive(server));  // timer L
  p.network.run_until(at(32.1));
  CHECK_FALSE(p.bob.layer.alive(server));
  p.finish();
}

TEST_CASE("flow: RFC 6026: every 2xx goes up in Accepted, and over TCP as well") {
  for (const std::string& uri : {kBob, kBobTcp}) {
    LayerPair p;
    Message ok;
    TxnId server;
    p.bob.user = [&](const TxnEvent& event, TimePoint now) {
      if (const auto* invite = std::get_if<RequestArrived>(&event)) {
        server = invite->txn;
        const ResponseWriter writer(p.bob.pool, invite->request.view(), invite->flow, 200, "b1");
        ok = *writer.seal();
        p.bob.layer.respond(server, ok, now);
      }
    };
    p.network.now([&](TimePoint now) { p.alice.send("INVITE", uri, now); });
    for (const double when : {0.5, 1.5, 31.0})
      p.network.at(at(when),
                   [&](TimePoint now) { CHECK_FALSE(p.bob.layer.respond(server, ok, now)); });
    p.network.run(seconds(31));
    CHECK(p.alice.told == Told{"200 INVITE", "200 INVITE", "200 INVITE", "200 INVITE"});
    ok = {};
    p.finish();
  }
}

TEST_CASE("flow: an INVITE gets a 100 after 200 ms of silence, without a To tag, and keeps still") {
  LayerPair p;
  TxnId server;
  p.bob.user = [&](const TxnEvent& event, TimePoint) {
    if (const auto* invite = std::get_if<RequestArrived>(&event)) server = invite->txn;
  };
  std::string trying;
  p.network.drop([&](const Packet& packet) {
    if (packet.label() == "100 INVITE") trying = packet.bytes;
    return false;
  });
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", kBob, now); });
  p.network.run(seconds(40));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--INVITE-------------->|
    0.200 |<-100 INVITE-----------|
)"));
  MessageIndex index;
  REQUIRE(parse(trying, index).has_value());
  CHECK(MessageView(trying.data(), index).to_tag().empty());
  CHECK(p.alice.layer.clients() == 1);  // no timer B in Proceeding
  p.network.now([&](TimePoint now) { p.bob.respond(server, 480, now); });
  p.network.run(seconds(1));
  CHECK(p.alice.told == Told{"100 INVITE", "480 INVITE"});
  p.finish();
}

TEST_CASE("flow: a user who rings within 200 ms needs no 100") {
  LayerPair p;
  p.bob.answer(180);
  p.network.now([&](TimePoint now) { p.alice.send("INVITE", kBob, now); });
  p.network.run(seconds(1));
  CHECK(p.alice.told == Told{"180 INVITE"});
  CHECK(p.network.ladder().arrows().size() == 2);
  p.finish();
}

TEST_CASE("flow: RFC 4320: another request gets a 100 after 3.5 s, no other 1xx, and never a 408") {
  LayerPair p;
  TxnId server;
  p.bob.user = [&](const TxnEvent& event, TimePoint now) {
    const auto* arrived = std::get_if<RequestArrived>(&event);
    if (arrived == nullptr) return;
    server = arrived->txn;
    CHECK(p.bob.respond(server, 180, now) == Errc::wrong_state);
    CHECK_FALSE(p.bob.respond(server, 100, now));  // too early over UDP: sent in time by itself
  };
  p.network.now([&](TimePoint now) { p.alice.send("OPTIONS", kBob, now); });
  p.network.run(seconds(4));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--OPTIONS------------->|
    0.500 |--OPTIONS------------->|
    1.500 |--OPTIONS------------->|
    3.500 |--OPTIONS------------->|
    3.500 |<-100 OPTIONS----------|
    3.500 |<-100 OPTIONS----------|
)"));  // the second answers the last OPTIONS
  p.network.now([&](TimePoint now) { CHECK_FALSE(p.bob.respond(server, 408, now)); });
  p.network.run(seconds(36));
  CHECK(p.bob.told == Told{"OPTIONS"});
  CHECK(p.alice.told == Told{"100 OPTIONS", "100 OPTIONS", "OPTIONS failed: no response in time"});
  for (const auto& arrow : p.network.ladder().arrows()) CHECK(arrow.label != "408 OPTIONS");
  p.finish();
}

TEST_CASE("flow: CANCEL goes out when a provisional has come") {
  LayerPair p;
  TxnId invite, server;
  p.bob.user = [&](const TxnEvent& event, TimePoint now) {
    const auto* arrived = std::get_if<RequestArrived>(&event);
    if (arrived == nullptr) return;
    if (arrived->request->method() == Method::invite) {
      server = arrived->txn;
      p.bob.respond(server, 180, now);
      return;
    }
    CHECK(arrived->cancels == server);
    p.bob.respond(arrived->txn, 200, now);
    p.bob.respond(arrived->cancels, 487, now);
  };
  p.network.now([&](TimePoint now) { invite = p.alice.send("INVITE", kBob, now); });
  p.network.at(at(1), [&](TimePoint now) {
    p.alice.layer.cancel(invite, now, "SIP;cause=200;text=\"elsewhere\"");
    p.alice.layer.cancel(invite, now);  // once is enough
  });
  std::string cancel;
  p.network.drop([&](const Packet& packet) {
    if (packet.label() == "CANCEL") cancel = packet.bytes;
    return false;
  });
  p.network.run(seconds(2));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--INVITE-------------->|
    0.000 |<-180 INVITE-----------|
    1.000 |--CANCEL-------------->|
    1.000 |<-200 CANCEL-----------|
    1.000 |<-487 INVITE-----------|
    1.000 |--ACK----------------->|
)"));
  CHECK(p.alice.told == Told{"180 INVITE", "487 INVITE"});  // nobody is told of the CANCEL's 200
  CHECK(p.bob.told == Told{"INVITE", "CANCEL cancels"});
  CHECK(cancel.find("Reason: SIP;cause=200;text=\"elsewhere\"") != std::string::npos);
  CHECK(cancel.find("To: <sip:bob@example.com>\r\n") != std::string::npos);
  p.finish();
}

TEST_CASE("flow: CANCEL before any provisional waits for one") {
  LayerPair p;
  TxnId invite;
  p.network.drop([](const Packet& packet) { return packet.number == 1; });
  p.network.now([&](TimePoint now) {
    invite = p.alice.send("INVITE", kBob, now);
    p.alice.layer.cancel(invite, now);
  });
  p.bob.user = [&](const TxnEvent& event, TimePoint now) {
    const auto* arrived = std::get_if<RequestArrived>(&event);
    if (arrived == nullptr || !arrived->cancels) return;
    p.bob.respond(arrived->txn, 200, now);
    p.bob.respond(arrived->cancels, 487, now);
  };
  p.network.run(seconds(2));
  CHECK(p.ladder_is(R"(
          alice                   bob
    0.000 |--INVITE-------------x |
    0.500 |--INVITE-------------->|
    0.700 |<-100 INVITE-----------|
    0.700 |--CANCEL-------------->|
    0.700 |<-200 CANCEL-----------|
    0.700 |<-487 INVITE-----------|
    0.700 |--ACK----------------->|
)"));
  p.finish();
}

TEST_CASE("flow: CANCEL is not sent once a final response has come") {
  LayerPair p;
  TxnId invite;
  p.bob.answer(200);
  p.network.now([&](TimePoint now) { invite = p.alice.send("INVITE", kBob, now); });
  p.network.at(at(1), [&](TimePoint now) { p.alice.layer.cancel(invite, now); });
  p.network.run(seconds(5));
  for (const auto& arrow : p.network.ladder().arrows()) CHECK(arrow.label != "CANCEL");
  p.finish();
}

TEST_CASE("flow: a CANCEL that comes again gets the same 200") {
  LayerPair p;
  TxnId invite;
  p.bob.user = [&](const TxnEvent& event, TimePoint now) {
    const auto* arrived = std::get_if<RequestArrived>(&event);
    if (arrived == nullptr) return;
    if (!arrived->cancels) return void(p.bob.respond(arrived->txn, 180, now));
    p.bob.respond(arrived->txn, 200, now);
  };
  std::vector<std::string> answers;
  p.network.drop([&](const Packet& packet) {
    if (packet.label() == "200 CANCEL") answers.emplace_back(packet.bytes);
    return packet.label() == "200 CANCEL" && answers.size() == 1;
  });
  p.network.now([&](TimePoint now) { invite = p.alice.send("INVITE", kBob, now); });
  p.network.at(at(1), [&](TimePoint now) { p.alice.layer.cancel(invite, now); });
  p.network.run(seconds(3));
  REQUIRE(answers.size() == 2);
  CHECK(answers[0] == answers[1]);
  CHECK(p.bob.told == Told{"INVITE", "CANCEL cancels"});
  p.finish();
}

TEST_CASE("flow: 200 for CANCEL but never a 487: the INVITE ends 64*T1 after the CANCEL") {
  for (const std::string& uri : {kBob, kBobTcp}) {
    LayerPair p;
    TxnId invite;
    p.bob.user = [&](const TxnEvent& event, TimePoint now) {
      const auto* arrived = std::get_if<RequestArrived>(&event);
      if (arrived == nullptr) return;
      p.bob.respond(arrived->txn, arrived->cancels ? 200 : 180, now);
    };
    p.network.now([&](TimePoint now) { invite = p.alice.send("INVITE", uri, now); });
    p.network.at(at(10), [&](TimePoint now) { p.alice.layer.cancel(invite, now); });
    p.network.run_until(at(41.9));
    CHECK(p.alice.told == Told{"180 INVITE"});
    p.network.run_until(at(42));
    CHECK(p.alice.told == Told{"180 INVITE", "INVITE failed: no response in time"});
    CHECK(p.alice.at_rest());
    p.finish();
  }
}

TEST_CASE("flow: an ACK for a 2xx is repeated byte by byte, and forgotten after 64*T1") {
  LayerPair p;
  std::vector<std::string> acks;
  p.network.drop([&](const Packet& packet) {
    if (packet.label() == "ACK") acks.emplace_back(packet.bytes);
    return false;
  });
  TxnId ack;
  p.network.now([&](TimePoint now) {
    ack = *p.alice.layer.send_ack(p.alice.request("ACK"), NextHop::to(kBob), now);
  });
  p.network.at(at(1), [&](TimePoint now) { p.alice.layer.resend(ack, now); });
  p.network.at(at(31), [&](TimePoint now) { p.alice.layer.resend(ack, now); });
  p.network.at(at(33), [&](TimePoint now) { p.alice.layer.resend(ack, now); });
  p.network.run(seconds(34));
  REQUIRE(acks.size() == 3);
  CHECK(acks[0] == acks[1]);
  CHECK(acks[0] == acks[2]);
  CHECK(p.alice.told.empty());
  p.finish();
}
