// SPDX-License-Identifier: Apache-2.0
// Floods against a whole server, registrar and proxy: hardening A54, A55 and A59, half-open INVITEs, and what one
// source may ask for. Nothing here asks how fast anything is.
#include <algorithm>
#include <map>
#include <set>

#include "server/proxy_fixture.hpp"
#include "sipstack/server/memory_location.hpp"
#include "sipstack/server/users.hpp"
#include "transaction/memory.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

ServerOptions asking_users() { return with_users("alice:secret\n"); }

CoreOptions with(const ServerOptions& server) {
  CoreOptions o;
  o.server = server;
  return o;
}

/// A server that is sent whatever, and keeps no record of its answers but counts. Bob, who is registered, rings
/// and does nothing else.
struct Flooded {
  explicit Flooded(const CoreOptions& options) {
    CoreOptions o = options;
    o.server->location = &location;
    BindingUpdate bob;
    bob.aor = "sip:bob@example.org";
    bob.set.resize(1);
    bob.set[0].contact = kBob.uri();
    bob.set[0].expires = TimePoint(std::chrono::hours(9));
    location.update(bob, now, [](const LocationResult&, TimePoint) {});
    core = std::make_unique<Core>(o, random);
    for (const Transport t : {Transport::udp, Transport::tcp})
      core->locals().add({t, *SocketAddress::parse("192.0.2.1:5060"), {}});
  }

  std::string text(const std::string& method, const std::string& uri, const Lines& more = {},
                   const std::string& body = {}) {
    const std::string n = std::to_string(1'000'000 + ++number);
    std::string all =
        method + " " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.66;rport;branch=z9hG4bK" + n +
        "\r\nMax-Forwards: 70\r\nFrom: \"A stranger\" <sip:s@elsewhere.example>;tag=" + n +
        "\r\nTo: <" + uri + ">\r\nCall-ID: " + n + "@203.0.113.66\r\nCSeq: 1 " + method +
        "\r\nContact: <sip:s@203.0.113.66>\r\n";
    for (const auto& line : more) all += line + "\r\n";
    return all + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  /// Gives the status of the last answer; 0: none.
  int send(const std::string& bytes, const IpAddress& from = *IpAddress::parse("203.0.113.66"),
           Transport transport = Transport::udp) {
    Flow flow;
    flow.transport = transport;
    flow.local = *SocketAddress::parse("192.0.2.1:5060");
    flow.remote = {from, 5060};
    if (reliable(transport)) flow.connection = 7;
    bytes_in += bytes.size();
    last = 0;
    core->receive(bytes, flow, now);
    drain();
    return last;
  }
  void drain() {
    Transmit out;
    while (core->next(out)) {
      const MessageView m = out.message.view();
      if (!m.is_request()) {
        last = m.status();
        ++answers[last];
        bytes_out += m.bytes().size();
        if (last == 503) retry_after = std::string(m.raw(HeaderId::retry_after).value_or(""));
      } else if (m.method() == Method::invite && bob_rings) {
        ringing.push_back(ringing_of(m));
      } else if (m.method() == Method::cancel) {
        cancelled.insert(std::string(m.branch()));  // over UDP it is sent again and again
      }
      out = {};
    }
    Resolve question;
    while (core->next(question)) {
    }
    while (!ringing.empty()) {
      const std::string bytes = std::move(ringing.back());
      ringing.pop_back();
      Flow flow = Server::flow_of(kBob);
      core->receive(bytes, flow, now);
      drain();
    }
  }
  static std::string ringing_of(const MessageView& invite) {
    std::string text = "SIP/2.0 180 Ringing\r\n";
    for (std::size_t i = 0; i < invite.header_count(); ++i) {
      const HeaderView h = invite.header(i);
      if (h.id == HeaderId::via || h.id == HeaderId::from || h.id == HeaderId::call_id ||
          h.id == HeaderId::cseq)
        text.append(h.name).append(": ").append(h.value).append("\r\n");
      if (h.id == HeaderId::to) text.append("To: ").append(h.value).append(";tag=b\r\n");
    }
    return text + "Content-Length: 0\r\n\r\n";
  }
  void advance(Duration by) {
    const TimePoint end = now + by;
    while (core->deadline() <= end) {
      now = std::max(now, core->deadline());
      core->expire(now);
      drain();
    }
    now = end;
  }
  void must_be_empty() {
    advance(minutes(10));
    CHECK(core->transactions().servers() == 0);
    CHECK(core->transactions().clients() == 0);
    CHECK(core->pool().live() == 0);
    CHECK(core->deadline() == kNever);
  }

  SeededRandom random{42};
  TimePoint now{seconds(1)};
  MemoryLocation location{random, {400}};
  std::unique_ptr<Core> core;
  bool bob_rings = true;
  int number = 0;
  int last = 0;
  std::map<int, int> answers;
  std::string retry_after;
  std::set<std::string> cancelled;
  std::vector<std::string> ringing;
  std::size_t bytes_in = 0, bytes_out = 0;
};

const char* const kEveryMethod[] = {"REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE",
                                    "MESSAGE",  "BYE",    "NOTIFY",  "PUBLISH",
                                    "REFER",    "INFO",   "UPDATE",  "FROB"};

IpAddress address(int n) {
  return IpAddress::v4({100, static_cast<std::uint8_t>(64 + (n >> 16)),
                        static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)});
}

}  // namespace

TEST_CASE(
    "A54: a flood of every method at a whole server ends on a plateau, and all is given back") {
  const Transport transport = GENERATE(Transport::udp, Transport::tcp);
  CoreOptions o = with(Server::with_domain());
  o.sources.max_sources = 0;  // its caps alone
  o.transactions.max_transactions = 200;
  o.transactions.max_lingering = 400;
  Flooded s(o);
  std::size_t first = 0, second = 0;
  for (std::size_t* highest : {&first, &second}) {
    const std::size_t before = memory::live();
    for (int i = 0; i < 2400; ++i) {
      const std::string method = kEveryMethod[i % 12];
      const std::string uri = method == "REGISTER" ? "sip:example.org" : "sip:bob@example.org";
      const Lines more = method == "REGISTER" ? Lines{"Expires: 60", "X: " + std::string(300, 'x')}
                                              : Lines{"X: " + std::string(300, 'x')};
      s.send(s.text(method, uri, more), address(i % 7), transport);
      if (i % 20 == 0) s.advance(milliseconds(100));
      *highest = std::max(*highest, memory::live() - before);
    }
    CHECK(s.core->transactions().servers() <= 600 + 75);
    CHECK(s.answers[503] > 500);
    s.must_be_empty();
  }
  // Each transaction with its request, what went to Bob, and a context; a second flood needs no more.
  CHECK(first < 675 * std::size_t{6000});
  CHECK(second < first / 4);
}

TEST_CASE("A54: who has no credentials leaves nothing behind, not even for a moment") {
  Flooded s(with(asking_users()));
  for (int i = 0; i < 600; ++i) {
    const std::string method = kEveryMethod[i % 12];
    const int status =
        s.send(s.text(method, method == "REGISTER" ? "sip:example.org" : "sip:bob@example.org"));
    CHECK(status == (method == "REGISTER" ? 401 : 407));
    CHECK(s.core->transactions().servers() == 0);
    CHECK(s.core->pool().live() == 0);
  }
  CHECK(s.core->deadline() == kNever);
}

TEST_CASE("A55: a stranger gets at most half as much again as he sends, and gets it once") {
  ServerOptions users = asking_users();
  users.algorithms = {DigestAlgorithm::md5};  // what `serve` offers
  for (const ServerOptions& preset : {users, Server::with_domain()}) {
    for (const char* const method : kEveryMethod) {
      for (const char* const uri : {"sip:bob@example.org", "sip:nobody@example.org",
                                    "sip:example.org", "sip:x@elsewhere.example", "tel:+1"}) {
        Flooded s(with(preset));
        s.bob_rings = false;
        // Without users a caller hears of the end of his INVITE until he acknowledges it.
        const bool for_us = std::string(uri).find("@example.org") != std::string::npos;
        if (!preset.users && for_us && std::string(method) == "INVITE") continue;
        s.send(s.text(method, uri, {"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE"}));
        s.advance(seconds(40));  // no ACK ever comes
        INFO(method << " " << uri << ": " << s.bytes_out << " for " << s.bytes_in);
        CHECK(s.bytes_out * 2 <= s.bytes_in * 3);
      }
    }
  }
}

TEST_CASE("A59: calls that are begun and cancelled without end are refused after a burst") {
  CoreOptions o = with(Server::with_domain());
  o.transactions.reset_burst = 100;
  Flooded s(o);
  std::size_t most = 0;
  for (int i = 0; i < 800; ++i) {
    const std::string invite = s.text("INVITE", "sip:bob@example.org");
    s.send(invite, *IpAddress::parse(kStranger.host), Transport::tcp);
    s.send(ProxyFixture::companion(invite, "CANCEL"), *IpAddress::parse(kStranger.host),
           Transport::tcp);
    s.advance(milliseconds(1));
    most = std::max(most, s.core->transactions().servers());
  }
  CHECK(s.answers[503] >= 650);
  CHECK(s.cancelled.size() >= 100);
  CHECK(s.cancelled.size() <= 100 + 2 * 34);
  CHECK(most <= 2 * (100 + 34));
  s.must_be_empty();
}

TEST_CASE(
    "half-open INVITEs from thousands of sources stay under their cap, and calls go on after") {
  CoreOptions o = with(Server::with_domain());
  o.transactions.max_transactions = 500;
  Flooded s(o);
  const std::string body(400, 'v');
  std::size_t plateau = 0;
  for (int flood = 0; flood < 2; ++flood) {
    s.answers.clear();
    s.cancelled.clear();
    const std::size_t before = memory::live();
    std::size_t highest = 0, size = 0;
    for (int i = 0; i < 3000; ++i) {
      const std::string invite = s.text("INVITE", "sip:bob@example.org", {}, body);
      size = invite.size();
      s.send(invite, address(i));
      if (i % 10 == 0) s.advance(milliseconds(20));
      highest = std::max(highest, memory::live() - before);
    }
    CHECK(s.core->transactions().servers() == 500);
    CHECK(s.answers[503] == 2500);
    CHECK((std::stoi(s.retry_after) >= 8 && std::stoi(s.retry_after) <= 32));
    // The request, its copy to Bob, his 180, and 4 KiB for two transactions and a response context. Beside
    // them, the sources that are remembered.
    CHECK(highest <= 500 * (3 * size + 4096) + 3000 * 160);
    if (flood == 0)
      plateau = highest;
    else
      CHECK(highest < plateau / 4);  // the room of the first is used again

    // What is in progress is still ended by its caller, though nothing new fits.
    const std::string again = s.text("INVITE", "sip:bob@example.org", {}, body);
    CHECK(s.send(again, address(5000)) == 503);

    // Timer C, and then the answer to the CANCEL that never comes: all of it is over, and calls get through.
    s.answers.clear();
    s.advance(minutes(3) + seconds(5) + seconds(33));
    CHECK(s.cancelled.size() == 500U);
    CHECK(s.answers[408] + s.answers[487] >= 500);
    CHECK(s.send(s.text("INVITE", "sip:bob@example.org", {}, body), address(6000)) == 180);
    s.must_be_empty();
  }
}

TEST_CASE(
    "a proxy has so many requests on their way and no more, but those of a dialog have an eighth") {
  CoreOptions o = with(Server::with_domain());
  o.server->proxy.max_contexts = 16;
  Flooded s(o);
  for (int i = 0; i < 16; ++i) CHECK(s.send(s.text("INVITE", "sip:bob@example.org")) == 180);
  CHECK(s.send(s.text("INVITE", "sip:bob@example.org")) == 503);
  CHECK((std::stoi(s.retry_after) >= 8 && std::stoi(s.retry_after) <= 32));
  CHECK(s.core->transactions().servers() == 16);  // the 503 is told once and forgotten
  const auto within = [&] {
    std::string text = s.text("INFO", "sip:bob@example.org");
    text.replace(text.find("To: <sip:bob@example.org>"), 25, "To: <sip:bob@example.org>;tag=b");
    s.send(text);
    return s.core->transactions().servers();
  };
  CHECK(within() == 17);
  CHECK(within() == 18);
  CHECK(within() == 18);
  s.must_be_empty();
}

TEST_CASE(
    "a source that floods is told once a second, its calls go on, and others notice nothing") {
  CoreOptions o = with(Server::with_domain());
  o.sources.requests = {50, 10};
  Flooded s(o);
  const std::string first = s.text("INVITE", "sip:bob@example.org");
  CHECK(s.send(first) == 180);
  for (int i = 0; i < 500; ++i) s.send(s.text("OPTIONS", "sip:example.org"));
  CHECK(s.answers[200] == 49);
  CHECK(s.answers[503] == 1);
  CHECK((std::stoi(s.retry_after) >= 8 && std::stoi(s.retry_after) <= 32));
  CHECK(s.core->counters().limited == 451);
  CHECK(s.core->counters().silent == 450);
  CHECK(s.send(s.text("OPTIONS", "sip:example.org"), address(1)) == 200);
  CHECK(s.send(s.text("OPTIONS", "sip:example.org"), *IpAddress::parse("127.0.0.1")) == 200);
  // Its call can still be cancelled.
  CHECK(s.send(ProxyFixture::companion(first, "CANCEL")) == 200);
  s.advance(seconds(1));
  for (int i = 0; i < 100; ++i) s.send(s.text("OPTIONS", "sip:example.org"));
  CHECK(s.answers[503] == 2);
  s.must_be_empty();
}

TEST_CASE(
    "a copy of what was taken is never taken for new, however much its source has asked for") {
  CoreOptions o = with(Server::with_domain());
  o.sources.requests = {3, 1};
  Flooded s(o);
  const std::string first = s.text("INVITE", "sip:bob@example.org");
  s.send(first);
  for (int i = 0; i < 2; ++i) s.send(s.text("OPTIONS", "sip:example.org"));
  CHECK(s.send(first) == 180);  // what it had last, and no 503
  CHECK(s.answers[503] == 0);
  CHECK(s.core->counters().limited == 0);
  CHECK(s.send(s.text("OPTIONS", "sip:example.org")) == 0);
  s.must_be_empty();
}

TEST_CASE("passwords are guessed no faster than the limit, and nobody is locked out by it") {
  CoreOptions o = with(asking_users());
  o.sources.failures = {5, 1};
  Flooded s(o);
  const auto guess = [&](const IpAddress& from) {
    return s.send(
        s.text("REGISTER", "sip:example.org",
               {"Authorization: Digest username=\"alice\", realm=\"example.org\", nonce=\"x\", "
                "uri=\"sip:example.org\", response=\"00000000000000000000000000000000\""}),
        from);
  };
  for (int i = 0; i < 5; ++i) CHECK(guess(address(1)) == 401);
  CHECK(guess(address(1)) == 503);
  for (int i = 0; i < 20; ++i) CHECK(guess(address(1)) == 0);
  CHECK(guess(address(2)) == 401);
  CHECK(s.send(s.text("REGISTER", "sip:example.org"), address(1)) ==
        401);  // a challenge is for everybody
  s.advance(seconds(1));
  CHECK(guess(address(1)) == 401);
  CHECK(guess(address(1)) == 503);
  s.must_be_empty();
}
