// SPDX-License-Identifier: Apache-2.0
// Several nodes and one location store: a phone whose connection one of them holds is called through another. RFC
// 3327, RFC 5626 sections 5.1 and 5.3.
#include "server/binding_codec.hpp"
#include "server/proxy_fixture.hpp"
#include "sipstack/server/memory_location.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;

namespace {

const Peer kOther{"other", "203.0.113.20", 40000, Transport::tcp};  // node B, to A
const Peer kHome{"home", "192.0.2.1", 5060, Transport::tcp};        // node A, to B

/// What nodes share, as one of them sees it; or nothing at all.
struct Shared : LocationStore {
  explicit Shared(SeededRandom& random) : memory(random) {}
  void find(std::string_view aor, TimePoint now, LocationHandler done) override {
    if (away) return done(unexpected(LocationErrc::unavailable), now);
    memory.find(aor, now, [this, &done](LocationResult result, TimePoint at) {
      if (foreign && result) {
        for (Binding& b : *result) b.holder = 7;
        server::forget_foreign_flows(*result);
      }
      done(std::move(result), at);
    });
  }
  void update(BindingUpdate update, TimePoint now, LocationHandler done) override {
    if (away) return done(unexpected(LocationErrc::unavailable), now);
    memory.update(std::move(update), now, std::move(done));
  }
  MemoryLocation memory;
  bool foreign = false;  ///< all of it was registered elsewhere
  bool away = false;
};

ServerOptions node(Shared& store, const std::string& uri) {
  ServerOptions o = Server::with_domain();
  o.location = &store;
  o.proxy.node_uri = uri;
  return o;
}

}  // namespace

TEST_CASE("a phone on one node's connection is called through another node") {
  SeededRandom random(5);
  Shared store(random);
  const ServerOptions open = node(store, "sip:192.0.2.1:5060;transport=tcp");
  ProxyFixture a(open), b(node(store, "sip:203.0.113.20"));
  a.bind("tess", {kTcpPhone.contact()}, kTcpPhone);

  // At home it goes by the flow, and nothing of Path is seen.
  a.ask("OPTIONS", "sip:tess@example.org");
  const Seen direct = a.take(kTcpPhone);
  CHECK(direct.raw(HeaderId::route) == "(none)");
  a.reply(kTcpPhone, direct, 200);
  a.out.clear();

  store.foreign = true;
  b.ask("INVITE", "sip:tess@example.org");
  const Seen onward = b.take(kHome);
  CHECK(onward.start() == "INVITE " + kTcpPhone.uri() + " SIP/2.0");
  CHECK(onward.raw(HeaderId::route).find("@192.0.2.1:5060;transport=tcp;lr>") != std::string::npos);

  // And there, without a lookup or another challenge: the other node has let it pass.
  ServerOptions with_users = open;
  with_users.users = parse_users("tess:secret\n", "example.org")->lookup();
  a.core->reconfigure(with_users);
  store.away = true;
  a.send(kOther, std::string(onward.message.bytes()));
  const Seen arrived = a.take(kTcpPhone);
  CHECK(arrived.raw(HeaderId::route) == "(none)");
  a.reply(kTcpPhone, arrived, 200, {"Contact: " + kTcpPhone.contact()});
  const Seen ok = a.take_past_100(kOther);
  CHECK(ok->status() == 200);
  CHECK(ok.lines(HeaderId::record_route).size() == 2);

  // A token that was made up is a Route to us like any other, and leads nowhere.
  std::string forged(onward.message.bytes());
  forged.replace(forged.find("\r\nRoute: <sip:") + 14, 4, "0000");
  forged.replace(forged.find("z9hG4bK") + 7, 1, "x");
  a.send(kOther, forged);
  CHECK(a.nothing_for(kTcpPhone));
  CHECK(a.take_past_100(kOther)->status() == 407);
}

TEST_CASE("a connection that is gone is told to the node that asks, and not to the caller") {
  SeededRandom random(6);
  Shared store(random);
  ProxyFixture a(node(store, "sip:192.0.2.1:5060;transport=tcp"));
  ProxyFixture b(node(store, "sip:203.0.113.20"));
  a.bind("tess", {kTcpPhone.contact()}, kTcpPhone);
  store.foreign = true;
  b.ask("INVITE", "sip:tess@example.org");
  const Seen onward = b.take(kHome);
  a.send(kOther, std::string(onward.message.bytes()));
  a.lose(a.take(kTcpPhone));
  const Seen failed = a.take_past_100(kOther);
  CHECK(failed->status() == 430);
  Peer answering = kHome;
  b.send(answering, std::string(failed.message.bytes()));
  CHECK(b.take_past_100(kCaller)->status() == 480);
}

TEST_CASE("while nobody knows where users are, registrar and proxy say 503 and when to come back") {
  SeededRandom random(7);
  Shared store(random);
  ProxyFixture s(node(store, ""));
  store.away = true;
  s.ask("INVITE");
  const Seen refused = s.take_past_100(kCaller);
  CHECK(refused->status() == 503);
  CHECK(refused.raw(HeaderId::retry_after) != "(none)");
  s.send(kBob, s.request(kBob, "REGISTER", "sip:example.org", "reg",
                         {"From: <sip:bob@example.org>;tag=f", "To: <sip:bob@example.org>",
                          "Call-ID: reg-bob", "CSeq: 1 REGISTER", "Contact: " + kBob.contact()}));
  const Seen registered = s.take(kBob);
  CHECK(registered->status() == 503);
  const int seconds = std::stoi(registered.raw(HeaderId::retry_after));
  CHECK((seconds >= 8 && seconds <= 32));
  s.end();
}
