// SPDX-License-Identifier: Apache-2.0
// What broke other registrars and proxies, against a whole server: hardening A65, A68 to A70, A76 and A77.
#include <map>

#include "dialog/digest_hash.hpp"
#include "server/proxy_fixture.hpp"
#include "sipstack/server/memory_location.hpp"
#include "sipstack/server/users.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;
using std::chrono::seconds;

namespace {

const Peer kAlice{"alice", "198.51.100.7", 5062};
const Peer kTcpAlice{"alice", "198.51.100.7", 5063, Transport::tcp};

ServerOptions asking_users() { return with_users("alice:secret\nbob:other\n"); }

/// What a request claims to be; changed one by one to lie.
struct Claim {
  std::string user = "alice", password = "secret", method = "REGISTER", uri = "sip:example.org";
  std::string nc = "00000001";
  DigestAlgorithm algorithm = DigestAlgorithm::sha256;
  std::string line(const std::string& nonce, const std::string& name = "Authorization") const {
    const std::string ha1 = digest_ha1(algorithm, user, "example.org", password);
    return name + ": Digest username=\"" + user + "\", realm=\"example.org\", nonce=\"" + nonce +
           "\", uri=\"" + uri + "\", algorithm=" + std::string(to_string(algorithm)) +
           ", cnonce=\"c\", qop=auth, nc=" + nc + ", response=\"" +
           digest::response(algorithm, {ha1, nonce, nc, "c", "auth", method, uri}) + "\"";
  }
};

struct Fixture : ProxyFixture {
  explicit Fixture(const ServerOptions& o = asking_users()) : ProxyFixture(o) { number = 1000; }

  Lines about(const std::string& method, const std::string& aor, const Lines& more) {
    Lines all = {"Max-Forwards: 70", "From: <" + aor + ">;tag=f", "To: <" + aor + ">",
                 "Call-ID: " + call_id, "CSeq: " + std::to_string(++cseq) + " " + method};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Seen say(const std::string& method, const Lines& more, const Peer& from = kAlice,
           const std::string& uri = "sip:example.org",
           const std::string& aor = "sip:alice@example.org") {
    send(from,
         request(from, method, uri, "h" + std::to_string(++number), about(method, aor, more)));
    return take_past_100(from);
  }
  /// Of the algorithm, out of a challenge of either kind.
  static std::string nonce_of(const Seen& challenge, DigestAlgorithm algorithm) {
    for (const auto& tag : {hdr::www_authenticate, hdr::proxy_authenticate})
      for (const auto& v : challenge->all(tag))
        if (v && *v->find("algorithm") == to_string(algorithm)) return *digest::param(*v, "nonce");
    FAIL("no challenge");
    return {};
  }
  std::string nonce(DigestAlgorithm algorithm = DigestAlgorithm::sha256) {
    const Seen challenge = say("REGISTER", {});
    REQUIRE(challenge->status() == 401);
    return nonce_of(challenge, algorithm);
  }
  /// What is bound, as the store says.
  Lines bound(const std::string& user = "alice") {
    Claim c;
    c.user = user;
    c.password = user == "alice" ? "secret" : "other";
    const std::string aor = "sip:" + user + "@example.org";
    const Seen challenge = say("REGISTER", {}, kAlice, "sip:example.org", aor);
    if (challenge->status() == 200) return challenge.lines(HeaderId::contact);
    const Seen all =
        say("REGISTER", {c.line(nonce_of(challenge, c.algorithm))}, kAlice, "sip:example.org", aor);
    REQUIRE(all->status() == 200);
    return all.lines(HeaderId::contact);
  }

  std::string call_id = "hardening";
  int cseq = 1000;  // of as many digits, always
};

bool tells_stale(const Seen& challenge) {
  return challenge.raw(HeaderId::www_authenticate).find("stale=true") != std::string::npos;
}

std::vector<std::string> names(const Seen& m) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < m.message->header_count(); ++i)
    all.emplace_back(m.message->header(i).name);
  return all;
}

}  // namespace

TEST_CASE("A65: a REGISTER that was captured is good for nothing, from wherever and whenever") {
  Fixture s;
  Claim c;
  c.nc = "00000005";
  const std::string nonce = s.nonce();
  const std::string captured = c.line(nonce);
  const Lines mine = {captured, "Contact: <sip:thief@203.0.113.66>"};
  REQUIRE(s.say("REGISTER", {captured, "Contact: " + kAlice.contact()})->status() == 200);
  const Lines before = s.bound();

  const auto swapped = [&](const std::string& from, const std::string& to) {
    std::string text = captured;
    text.replace(text.find(from), from.size(), to);
    return Lines{text, mine[1]};
  };
  CHECK(s.say("REGISTER", mine)->status() == 401);                                   // same nc
  CHECK(s.say("REGISTER", swapped("nc=00000005", "nc=00000004"))->status() == 401);  // lower
  CHECK(s.say("REGISTER", swapped("nc=00000005", "nc=00000006"))->status() == 401);
  CHECK(s.say("REGISTER", mine, kStranger)->status() == 401);                // another source
  CHECK(s.say("REGISTER", mine, kAlice, "sip:192.0.2.1")->status() == 401);  // another URI
  // Another method, and the proxy's header.
  std::string as_proxy = "Proxy-" + captured;
  CHECK(s.say("MESSAGE", {as_proxy}, kAlice, "sip:bob@example.org")->status() == 407);
  CHECK(
      s.say("INVITE", {captured, "Contact: <sip:x@y>"}, kAlice, "sip:bob@example.org")->status() ==
      407);
  // Nobody is told that it is merely old, for none of these was right.
  CHECK_FALSE(tells_stale(s.say("REGISTER", mine)));
  CHECK(s.bound() == before);

  SECTION("after the nonce has expired, whoever knows the password is told so") {
    s.advance(seconds(301));
    const Seen late = s.say("REGISTER", mine);
    CHECK(late->status() == 401);
    CHECK(tells_stale(late));
    Claim guess = c;
    guess.password = "guess";
    CHECK_FALSE(tells_stale(s.say("REGISTER", {guess.line(nonce), mine[1]})));
  }
  SECTION("after a restart") {
    SeededRandom other(77);
    MemoryLocation location(other);
    ServerOptions options = asking_users();
    options.location = &location;  // fewer random numbers are drawn before the keys: others
    Fixture restarted(options);
    const Seen late = restarted.say("REGISTER", mine);
    CHECK(late->status() == 401);
    CHECK(tells_stale(late));
    CHECK(restarted.bound().empty());
    restarted.end();
  }
  s.end();
}

TEST_CASE("A68: an algorithm that was not asked for, or not by that challenge, is refused") {
  Fixture s;
  Claim c;
  c.algorithm = DigestAlgorithm::md5;
  CHECK(s.say("REGISTER", {c.line(s.nonce(DigestAlgorithm::sha256))})->status() == 401);
  CHECK(s.say("REGISTER", {c.line(s.nonce(DigestAlgorithm::md5))})->status() == 200);
  ServerOptions strong = asking_users();
  strong.algorithms = {DigestAlgorithm::sha256};
  Fixture only(strong);
  const std::string nonce = only.nonce();
  CHECK(only.say("REGISTER", {c.line(nonce)})->status() == 401);
  c.algorithm = DigestAlgorithm::sha256;
  CHECK(only.say("REGISTER", {c.line(only.nonce())})->status() == 200);
  s.end();
  only.end();
}

TEST_CASE("A69: a user who exists and one who does not are told the same, by registrar and proxy") {
  Fixture s;
  const auto told = [&](const std::string& user, const std::string& method) {
    Claim c;
    c.user = user;
    c.password = "guess";
    c.method = method;
    const bool registers = method == "REGISTER";
    const std::string uri = registers ? "sip:example.org" : "sip:bob@example.org";
    c.uri = uri;
    const std::string aor = "sip:" + user + "@example.org";
    const Seen first = s.say(method, {}, kAlice, uri, aor);
    const std::string line = c.line(Fixture::nonce_of(first, c.algorithm),
                                    registers ? "Authorization" : "Proxy-Authorization");
    return std::pair(first, s.say(method, {line}, kAlice, uri, aor));
  };
  for (const std::string method : {"REGISTER", "INVITE", "SUBSCRIBE", "MESSAGE"}) {
    INFO(method);
    const auto known = told("alice", method);
    const auto unknown = told("mario", method);
    for (const auto& [a, b] :
         {std::pair(known.first, unknown.first), std::pair(known.second, unknown.second)}) {
      CHECK(a->status() == (method == "REGISTER" ? 401 : 407));
      CHECK(a.start() == b.start());
      CHECK(names(a) == names(b));
      CHECK(a.message.bytes().size() == b.message.bytes().size());
    }
  }
  s.end();
}

TEST_CASE("A70: no method gets through a server without credentials, in any of its roles") {
  const std::vector<std::string> methods = {"INVITE",    "OPTIONS", "REGISTER", "MESSAGE", "BYE",
                                            "SUBSCRIBE", "NOTIFY",  "PUBLISH",  "REFER",   "INFO",
                                            "UPDATE",    "PRACK",   "FROB"};
  ServerOptions proxy = asking_users(), redirect = asking_users(), open = asking_users();
  redirect.proxy.redirect = true;
  open.proxy.open_inbound = true;
  struct Case {
    const char* name;
    const ServerOptions& options;
    const char* from;
    const char* uri;
    int status;
  };
  const ServerOptions bare = Server::with_domain();
  const Case cases[] = {
      {"proxy, ours", proxy, "sip:alice@example.org", "sip:bob@example.org", 407},
      {"proxy, from elsewhere", proxy, "sip:x@elsewhere.example", "sip:bob@example.org", 407},
      {"proxy, to elsewhere", proxy, "sip:alice@example.org", "sip:x@203.0.113.9", 407},
      {"redirect", redirect, "sip:x@elsewhere.example", "sip:bob@example.org", 407},
      {"open, in the name of ours", open, "sip:alice@example.org", "sip:bob@example.org", 407},
      {"open, to elsewhere", open, "sip:x@elsewhere.example", "sip:x@203.0.113.9", 407},
      {"no users, to elsewhere", bare, "sip:x@elsewhere.example", "sip:x@203.0.113.9", 403},
  };
  for (const Case& c : cases) {
    Fixture s(c.options);
    for (const std::string& method : methods) {
      INFO(c.name << " " << method);
      const bool registers = method == "REGISTER" && std::string(c.uri) == "sip:bob@example.org";
      const Seen answer = s.say(method, {}, kStranger, c.uri, c.from);
      CHECK(answer->status() == (registers ? 401 : c.status));
      s.out.clear();
    }
    // ACK is never answered, and a CANCEL of nothing ends nothing.
    s.send(kStranger, s.request(kStranger, "ACK", c.uri, "ack", s.about("ACK", c.from, {})));
    CHECK(s.out.empty());
    CHECK(s.say("CANCEL", {}, kStranger, c.uri, c.from)->status() == 481);
    CHECK(s.resolves.empty());  // nobody was looked for on its behalf
    s.end();
  }
}

TEST_CASE(
    "A76: whatever stands in a Contact, all of the request is done or nothing, and nothing "
    "malformed is kept") {
  const std::string good = "<sip:a@198.51.100.7:5091>";
  struct Variant {
    Lines lines;
    int status;
    std::size_t bound;  ///< behind it, of the two that were there
  };
  const std::string two = "<sip:c@198.51.100.7:5093>, <sip:d@198.51.100.7:5094>";
  std::string many = "Contact: <sip:x0@h>";
  for (int i = 1; i < 11; ++i) many += ", <sip:x" + std::to_string(i) + "@h>";
  const Variant variants[] = {
      {{"Contact: None"}, 400, 2},
      {{"Contact: "}, 400, 2},
      {{"Contact: <>"}, 400, 2},
      {{"Contact: <sip:>"}, 400, 2},
      {{"Contact: <sip:a@"}, 400, 2},
      {{"Contact: <sip:a@h:99999>"}, 400, 2},
      {{"Contact: \"open <sip:a@h>"}, 400, 2},
      {{"Contact: " + good + ";q=9"}, 400, 2},
      {{"Contact: " + good + ";q=-1"}, 400, 2},
      {{"Contact: " + good + ", None"}, 400, 2},
      {{"Contact: " + two + ", <sip:"}, 400, 2},
      {{"Contact: <sip:e@h>", "Contact: <sip:f@h:bad>"}, 400, 2},
      {{"Contact: *"}, 400, 2},
      {{"Contact: *", "Expires: 60"}, 400, 2},
      {{"Contact: *, " + good, "Expires: 0"}, 400, 2},
      {{"Contact: *", "Contact: " + good, "Expires: 0"}, 400, 2},
      {{many}, 403, 2},
      {{"Contact: <sip:e@h>;expires=1"}, 423, 2},
      {{"Contact: " + two}, 200, 4},                        // kazoo: several in one line
      {{"Contact: <sip:e@h>, <sip:e@h>"}, 200, 3},          // one, twice
      {{"Contact: <sip:e@h>;expires=4294967296"}, 200, 3},  // capped
      {{"Contact: <sip:a@198.51.100.7:5091>;expires=0"}, 200, 1},
      {{"Contact: *", "Expires: 0"}, 200, 0},
  };
  for (const Peer* phone : {&kAlice, &kTcpAlice}) {  // drachtio: "*" over TCP
    for (const Variant& v : variants) {
      Fixture s(Server::with_domain());
      INFO(v.lines.front() << " by " << uri_name(phone->transport));
      REQUIRE(s.say("REGISTER", {"Contact: " + good + ", <sip:b@198.51.100.7:5092>"}, *phone)
                  ->status() == 200);
      s.out.clear();
      s.send(*phone, s.request(*phone, "REGISTER", "sip:example.org", "v",
                               s.about("REGISTER", "sip:alice@example.org", v.lines)));
      if (s.refused == 0) {
        CHECK(s.take(*phone)->status() == v.status);
      } else {
        CHECK(v.status == 400);  // the refusal mirrors nothing of it but is one
      }
      s.out.clear();
      const Seen all = s.say("REGISTER", {}, *phone);
      std::size_t bound = 0;
      for (const auto& contact : all->all(hdr::contact)) bound += contact ? 1 : 100;
      CHECK(bound == v.bound);
      s.end();
    }
  }
}

TEST_CASE("A76: bindings change by their owner's REGISTER alone, and by none that comes late") {
  Fixture s;
  Claim c;
  const auto put = [&](const Lines& more, const Peer& from = kAlice) {
    c.nc = "00000001";
    Lines all = {c.line(s.nonce())};
    all.insert(all.end(), more.begin(), more.end());
    return s.say("REGISTER", all, from)->status();
  };
  REQUIRE(put({"Contact: " + kAlice.contact()}) == 200);
  const Lines before = s.bound();
  REQUIRE(before.size() == 1);

  // Without credentials, with another's, by a third party.
  CHECK(s.say("REGISTER", {"Contact: *", "Expires: 0"}, kStranger)->status() == 401);
  c.user = "bob";
  c.password = "other";
  CHECK(put({"Contact: *", "Expires: 0"}) == 403);
  CHECK(put({"Contact: <sip:thief@203.0.113.66>;+sip.instance=\"<urn:uuid:1>\";reg-id=1"}) == 403);
  c = {};
  // An older CSeq of the same Call-ID.
  const int newest = s.cseq;
  s.cseq = 100;
  const std::string nonce = s.nonce();
  CHECK(
      s.say("REGISTER", {c.line(nonce), "Contact: " + kAlice.contact() + ";expires=0"})->status() ==
      500);
  s.cseq = newest + 10;
  // What is no REGISTER, with a Contact and an Expires, from another address (CVE-2019-18790).
  for (const std::string method :
       {"INVITE", "OPTIONS", "SUBSCRIBE", "PUBLISH", "MESSAGE", "UPDATE"}) {
    Claim as = c;
    as.method = method;
    as.uri = "sip:bob@example.org";
    const Seen challenge = s.say(method, {}, kStranger, as.uri);
    REQUIRE(challenge->status() == 407);
    s.say(method,
          {as.line(Fixture::nonce_of(challenge, as.algorithm), "Proxy-Authorization"),
           "Contact: <sip:alice@203.0.113.66>", "Expires: 0"},
          kStranger, as.uri);
    s.out.clear();
  }
  const auto uri_of = [](const std::string& line) { return line.substr(0, line.find('>')); };
  const Lines after = s.bound();
  REQUIRE(after.size() == 1);
  CHECK(uri_of(after[0]) == uri_of(before[0]));
  s.end();
}

TEST_CASE(
    "A77: a user who is registered at our own address, in every spelling, is a loop and not a "
    "crash") {
  const Peer self{"self", "192.0.2.1", 5060};
  for (const std::string contact :
       {"<sip:loop@192.0.2.1>", "<sip:loop@192.0.2.1:5060>", "<sip:loop@example.org>",
        "<sip:loop@192.0.2.1;transport=udp>", "<sip:LOOP@EXAMPLE.ORG;x=1>"}) {
    for (const std::string method : {"INVITE", "MESSAGE"}) {
      INFO(contact << " " << method);
      ProxyFixture s;
      s.bind("loop", {contact});
      s.ask(method, "sip:loop@example.org");
      int forwarded = 0;
      std::size_t asked = 0;
      for (bool any = true; any && forwarded < 1000;) {
        any = false;
        for (; asked < s.resolves.size(); ++asked, any = true) {
          s.core->resolved(s.resolves[asked].txn, {Server::flow_of(self)}, s.now);
          s.drain();
        }
        for (std::size_t i = 0; i < s.out.size(); ++i) {
          if (s.out[i].flow.remote.to_string() != self.at()) continue;
          const std::string bytes(s.out[i].message.bytes());
          forwarded += s.out[i]->is_request() ? 1 : 0;
          s.out.erase(s.out.begin() + static_cast<std::ptrdiff_t>(i));
          s.send(self, bytes);
          any = true;
          break;
        }
      }
      CHECK(forwarded <= 2 * 60);
      const int status = s.take_past_100(kCaller)->status();
      CHECK((status == 482 || status == 483 || status == 480));
      s.end();
    }
  }
}

TEST_CASE("A77: any Max-Forwards and any Route is forwarded with a hop less, or refused") {
  ProxyFixture s;
  s.bind("bob", {kBob.contact()});
  for (const std::string hops : {"0", "1", "70", "255", "256", "-1", "x", "4294967296", ""}) {
    INFO(hops);
    s.out.clear();
    s.refused = 0;
    s.ask("MESSAGE", "sip:bob@example.org", {"Max-Forwards: " + hops});
    if (hops == "1" || hops == "70" || hops == "255") {
      const Seen f = s.take(kBob);
      CHECK(f->max_forwards() == std::stoi(hops) - 1);
      s.reply(kBob, f, 200);
      CHECK(s.take(kCaller)->status() == 200);
    } else if (s.refused == 0) {
      CHECK(s.take(kCaller)->status() == (hops == "0" ? 483 : 400));
      CHECK(s.nothing_for(kBob));
    }
  }
  for (const std::string route :
       {"<sip:192.0.2.1>", "<sip:192.0.2.1;lr>, <sip:192.0.2.1;lr>", "<sip:example.org;lr>",
        "<tel:+1>", "sip:192.0.2.1;lr", "<sip:192.0.2.1;lr;lr;maddr=192.0.2.1>"}) {
    INFO(route);
    s.out.clear();
    s.refused = 0;
    s.ask("MESSAGE", "sip:bob@example.org", {"Route: " + route});
    s.advance(seconds(33));
    CHECK(s.out.size() + static_cast<std::size_t>(s.refused) >= 1);
  }
  s.out.clear();
  s.end();
}
