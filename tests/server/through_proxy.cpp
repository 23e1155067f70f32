// SPDX-License-Identifier: Apache-2.0
// Real phones on both sides of the server: registration and calls by digest, as ladders, and by the thousand
// over a network that loses packets. Nothing may be left.
#include "dialog/phones.hpp"
#include "sipstack/server/users.hpp"

using namespace sipstack;
using namespace sipstack::testing;
using std::chrono::minutes;

namespace {

/// The server as a node of the network.
struct Serving : private PhoneParts, public CoreNode<Core> {
  explicit Serving(Network& network) : PhoneParts(5, options()), CoreNode<Core>(inside) {
    const SocketAddress where = address("192.0.2.50");
    inside.locals().add({Transport::udp, where, {}});
    inside.locals().add({Transport::tcp, where, {}});
    network.attach(*this, "server", where);
    network.host("example.org", {{Transport::udp, where}});
  }
  static CoreOptions options() {
    CoreOptions o;
    ServerOptions s;
    s.registrar.domains = {"example.org"};
    s.users = parse_users("alice:secret\nbob:hidden\n", "example.org")->lookup();
    o.server = s;
    return o;
  }
  void must_be_empty() {
    CHECK(inside.transactions().clients() == 0);
    CHECK(inside.transactions().servers() == 0);
    CHECK(inside.deadline() == kNever);
    CHECK(inside.pool().live() == 0);
  }
};

struct Neighbourhood {
  explicit Neighbourhood(const NetworkOptions& options = {})
      : network(options),
        alice(network, "alice", "192.0.2.1"),
        server(network),
        bob(network, "bob", "192.0.2.2") {}

  RegistrationId register_bob() {
    RegistrationOptions o;
    o.aor = "sip:bob@example.org";
    o.contacts = {bob.uri()};
    o.expires = 3600;
    o.credentials = {{"bob", "hidden", ""}};
    RegistrationId id;
    network.now([&](TimePoint now) { id = *bob.ua().add_registration(o, now); });
    network.run(seconds(60));
    REQUIRE(bob.count<RegistrationChanged>() >= 1);
    REQUIRE(bob.last<RegistrationChanged>().state == RegistrationChanged::State::registered);
    return id;
  }
  static CallOptions call() {
    CallOptions o = call_to("sip:bob@example.org");
    o.from = "<sip:alice@example.org>";
    o.credentials = {{"alice", "secret", "example.org"}};
    return o;
  }
  void must_come_to_rest() {
    CHECK(network.run_to_rest(network.time() + minutes(20)));
    alice.must_be_empty();
    bob.must_be_empty();
    server.must_be_empty();
  }

  Network network;
  Phone alice;
  Serving server;
  Phone bob;
};

}  // namespace

TEST_CASE("Bob registers, Alice calls him through the server, Bob hangs up: the ladder") {
  Neighbourhood t;
  t.bob.user = answers;
  const RegistrationId registration = t.register_bob();
  CallId call;
  t.network.now([&](TimePoint now) { call = *t.alice.ua().invite(Neighbourhood::call(), now); });
  t.network.run(seconds(1));
  CHECK(t.alice.count<CallAnswered>() == 1);
  CHECK(t.bob.count<CallConfirmed>() == 1);
  t.network.now(
      [&](TimePoint now) { CHECK_FALSE(t.bob.ua().hang_up(t.bob.last<CallArrived>().call, now)); });
  t.network.run(seconds(1));
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.bob.ua().remove(registration, now)); });
  t.network.run(seconds(1));
  CHECK(t.network.ladder().text_without_times() ==
        R"(alice                   server                  bob
|                       |<-REGISTER-------------|
|                       |--401 REGISTER-------->|
|                       |<-REGISTER-------------|
|                       |--200 REGISTER-------->|
|--INVITE-------------->|                       |
|<-407 INVITE-----------|                       |
|--ACK----------------->|                       |
|--INVITE-------------->|                       |
|                       |--INVITE-------------->|
|                       |<-180 INVITE-----------|
|                       |<-200 INVITE-----------|
|<-180 INVITE-----------|                       |
|<-200 INVITE-----------|                       |
|--ACK----------------->|                       |
|                       |--ACK----------------->|
|                       |<-BYE------------------|
|<-BYE------------------|                       |
|--200 BYE------------->|                       |
|                       |--200 BYE------------->|
|                       |<-REGISTER-------------|
|                       |--200 REGISTER-------->|
)");
  t.must_come_to_rest();
}

TEST_CASE("Alice gives up: CANCEL goes through the server, and 487 comes back") {
  Neighbourhood t;
  t.bob.user = [](Phone& phone, const UserEvent& event, TimePoint now) {
    if (const auto* call = std::get_if<CallArrived>(&event)) phone.ua().ring(call->call, 180, now);
  };
  const RegistrationId registration = t.register_bob();
  CallId call;
  t.network.now([&](TimePoint now) { call = *t.alice.ua().invite(Neighbourhood::call(), now); });
  t.network.run(seconds(3));
  CHECK(t.alice.count<CallProgress>() >= 1);
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().hang_up(call, now)); });
  t.network.run(seconds(1));
  CHECK(t.alice.last<CallEnded>().cause == CallEnded::Cause::cancelled);
  CHECK(t.bob.last<CallEnded>().cause == CallEnded::Cause::cancelled);
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.bob.ua().remove(registration, now)); });
  t.must_come_to_rest();
}

TEST_CASE("2,000 calls through the server over a network that loses 20 % end with nothing left") {
  NetworkOptions lossy;
  lossy.seed = 8;
  lossy.duplicate = 0.02;
  lossy.delay_min = milliseconds(5);
  lossy.delay_max = milliseconds(60);
  lossy.ladder_limit = 0;
  Neighbourhood t(lossy);
  std::size_t arrived = 0, answered = 0, ended = 0, left = 0;
  t.bob.user = [&](Phone& phone, const UserEvent& event, TimePoint now) {
    if (std::holds_alternative<CallEnded>(event)) ++left;
    const auto* call = std::get_if<CallArrived>(&event);
    if (call == nullptr) return;
    phone.ua().ring(call->call, 180, now);
    switch (++arrived % 10) {
      case 0: phone.ua().reject(call->call, 486, now); break;
      case 1: break;  // rings until it is cancelled
      default: phone.ua().accept(call->call, kAnswer, now);
    }
  };
  t.alice.user = [&](Phone&, const UserEvent& event, TimePoint) {
    answered += std::holds_alternative<CallAnswered>(event);
    ended += std::holds_alternative<CallEnded>(event);
  };
  const RegistrationId registration = t.register_bob();
  t.network.set_loss(0.2);
  const TimePoint begin = t.network.time();
  for (int i = 0; i < 2000; ++i) {
    t.network.at(begin + milliseconds(20 * i), [&t, i](TimePoint now) {
      const auto call = t.alice.ua().invite(Neighbourhood::call(), now);
      REQUIRE(call);
      t.network.at(now + (i % 5 == 0 ? milliseconds(400) : milliseconds(8000)),
                   [&t, id = *call](TimePoint at) { t.alice.ua().hang_up(id, at); });
    });
  }
  t.network.run(seconds(300));
  t.network.set_loss(0);
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.bob.ua().remove(registration, now)); });
  CHECK(t.network.run_to_rest(t.network.time() + minutes(20)));
  CHECK(ended == 2000);
  CHECK(left == arrived);
  CHECK(answered > 1000);
  t.must_come_to_rest();
}
