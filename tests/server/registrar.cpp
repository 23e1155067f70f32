// SPDX-License-Identifier: Apache-2.0
// The registrar from outside: RFC 3261 section 10.3 step by step.
#include "sipstack/server/registrar.hpp"

#include "dialog/digest_hash.hpp"
#include "server/harness.hpp"
#include "sipstack/server/users.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;
using std::chrono::seconds;

namespace {

const Peer kAlice{"alice", "198.51.100.7", 5062};
const Peer kPhone{"phone", "198.51.100.8", 5060, Transport::tcp};

struct Register {
  std::string aor = "sip:alice@example.org";
  std::string call_id = "c1";
  int cseq = 0;
  Lines lines;
};

/// A server, and REGISTERs sent to it by Alice.
struct Fixture : Server {
  using Server::Server;

  Seen put(Register r, const Peer& peer = kAlice, const std::string& uri = "sip:example.org") {
    if (r.cseq == 0) r.cseq = ++cseq;
    Lines lines = {"Max-Forwards: 70", "From: <" + r.aor + ">;tag=f", "To: <" + r.aor + ">",
                   "Call-ID: " + r.call_id, "CSeq: " + std::to_string(r.cseq) + " REGISTER"};
    lines.insert(lines.end(), r.lines.begin(), r.lines.end());
    send(peer, request(peer, "REGISTER", uri, std::to_string(++branch), lines));
    const Seen seen = take(peer);
    CHECK(nothing_for(peer));
    return seen;
  }
  Seen contacts(const Lines& contacts, const std::string& expires = "600",
                const std::string& aor = "sip:alice@example.org") {
    Register r;
    r.aor = aor;
    for (const auto& c : contacts) r.lines.push_back("Contact: " + c);
    if (!expires.empty()) r.lines.push_back("Expires: " + expires);
    return put(r);
  }
  Lines fetch(const std::string& aor = "sip:alice@example.org") {
    Register r;
    r.aor = aor;
    const Seen seen = put(r);
    CHECK(seen->status() == 200);
    return seen.lines(HeaderId::contact);
  }

  int cseq = 0;
  int branch = 0;
};

const std::string kA = "<sip:a@198.51.100.7:5091>";
const std::string kB = "<sip:b@198.51.100.7:5092>";

}  // namespace

TEST_CASE("REGISTER binds, and 200 says what is bound and for how long") {
  Fixture s;
  const Seen r = s.contacts(
      {"\"A\" <sip:a@198.51.100.7:5091;x=7>;+sip.instance=\"<urn:uuid:1>\";q=0.25", "sip:b@h;y"});
  CHECK(r->status() == 200);
  CHECK(r->to_tag() != "");
  CHECK(r.lines(HeaderId::contact) ==
        Lines{"<sip:b@h>;y;expires=600",
              "<sip:a@198.51.100.7:5091;x=7>;+sip.instance=\"<urn:uuid:1>\";q=0.25;expires=600"});
  s.advance(seconds(250));
  CHECK(s.fetch().at(0) == "<sip:b@h>;y;expires=350");
  s.advance(seconds(350));
  CHECK(s.fetch().empty());
  s.end();
}

TEST_CASE("the contact's own expires goes before Expires, and that before the default") {
  Fixture s;
  CHECK(s.contacts({kA + ";expires=300", kB}, "500").lines(HeaderId::contact) ==
        Lines{kB + ";expires=500", kA + ";expires=300"});
  CHECK(s.contacts({kA}, "", "sip:bob@example.org").lines(HeaderId::contact) ==
        Lines{kA + ";expires=3600"});
  // Malformed is an hour (RFC 3261 section 10.2.1.1), too much is as much as there is.
  CHECK(s.contacts({kA + ";expires=soon"}, "", "sip:bob@example.org").lines(HeaderId::contact) ==
        Lines{kA + ";expires=3600"});
  for (const auto huge : {"4294967295", "4294967296", "99999999999999999999"})
    CHECK(s.contacts({kA}, huge, "sip:bob@example.org").lines(HeaderId::contact) ==
          Lines{kA + ";expires=7200"});
  CHECK(s.contacts({kA + ";expires=4294967296"}, "", "sip:bob@example.org")
            .lines(HeaderId::contact) == Lines{kA + ";expires=7200"});
  s.end();
}

TEST_CASE("Expires 0 removes one binding and leaves the others") {
  Fixture s;
  s.contacts({kA, kB});
  CHECK(s.contacts({kA}, "0").lines(HeaderId::contact) == Lines{kB + ";expires=600"});
  CHECK(s.contacts({kB + ";expires=0"}).lines(HeaderId::contact).empty());
  s.end();
}

TEST_CASE("A76: a star stands alone with Expires 0, or it is a bad request") {
  Fixture s;
  s.contacts({kA, kB});
  CHECK(s.contacts({"*"}, "600")->status() == 400);
  CHECK(s.contacts({"*"}, "")->status() == 400);
  CHECK(s.contacts({"*", kA}, "0")->status() == 400);
  CHECK(s.contacts({"*", "*"}, "0")->status() == 400);
  CHECK(s.fetch().size() == 2);
  CHECK(s.contacts({"*"}, "0")->status() == 200);
  CHECK(s.fetch().empty());
  s.end();
}

TEST_CASE("too brief is 423 with Min-Expires, and nothing is bound") {
  Fixture s;
  for (const auto brief : {"1", "59"}) {
    const Seen r = s.contacts({kA + ";expires=100", kB}, brief);
    CHECK(r->status() == 423);
    CHECK(r.raw(HeaderId::min_expires) == "60");
  }
  CHECK(s.fetch().empty());
  CHECK(s.contacts({kA}, "60")->status() == 200);
  s.end();
}

TEST_CASE(
    "an old CSeq of the same Call-ID fails and changes nothing; another Call-ID begins anew") {
  Fixture s;
  Register r;
  r.lines = {"Contact: " + kA, "Expires: 600"};
  r.cseq = 50;
  CHECK(s.put(r)->status() == 200);
  r.cseq = 40;
  r.lines = {"Contact: " + kA, "Contact: " + kB, "Expires: 0"};
  CHECK(s.put(r)->status() == 500);
  s.cseq = 100;
  CHECK(s.fetch().size() == 1);
  r.cseq = 3;
  r.call_id = "c2";
  r.lines = {"Contact: " + kA, "Expires: 300"};
  CHECK(s.put(r).lines(HeaderId::contact) == Lines{kA + ";expires=300"});
  s.end();
}

TEST_CASE("A76: one malformed contact spoils the whole request") {
  Fixture s;
  for (const auto bad : {"<sip:b@[>", "<sip:b", "None", "<sip:b@h>;q=9", "<sip:b@h>;q=0.1234",
                         "<sip:b@h>;q=1.1", "<sip:b@h>;q=x", "<>", "<sip:b@h:99999>"}) {
    INFO(bad);
    CHECK(s.contacts({kA, bad})->status() == 400);
    CHECK(s.contacts({bad, kA})->status() == 400);
  }
  CHECK(s.fetch().empty());
  s.end();
}

TEST_CASE("A76: an AOR has ten contacts and no more") {
  Fixture s;
  Lines eleven;
  for (int i = 0; i < 11; ++i) eleven.push_back("<sip:" + std::to_string(i) + "@h>");
  CHECK(s.contacts(eleven)->status() == 403);
  CHECK(s.fetch().empty());
  eleven.pop_back();
  CHECK(s.contacts(eleven)->status() == 200);
  CHECK(s.contacts({kA})->status() == 403);
  CHECK(s.contacts({"<sip:0@h>"})->status() == 200);
  for (int i = 0; i < 40; ++i) eleven.push_back("<sip:" + std::to_string(100 + i) + "@h>");
  CHECK(s.contacts(eleven, "0")->status() == 400);
  s.end();
}

TEST_CASE("a contact of many kilobytes is no phone's") {
  Fixture s;
  CHECK(s.contacts({"<sip:a@h;x=" + std::string(5000, 'x') + ">"})->status() == 400);
  s.end();
}

TEST_CASE("users differ by case, domains do not, escapes and parameters do not count") {
  Fixture s;
  s.contacts({kA}, "600", "sip:abc@example.org");
  for (const auto same : {"sip:abc@EXAMPLE.org", "sip:abc@example.org;p=1", "sip:%61bc@example.org",
                          "sip:abc:pw@example.org", "sip:abc@example.org:5060",
                          "sips:abc@example.org", "sip:abc@192.0.2.1", "sip:abc@192.0.2.1:5060"}) {
    INFO(same);
    CHECK(s.fetch(same).size() == 1);
  }
  CHECK(s.fetch("sip:ABC@example.org").empty());
  s.end();
}

TEST_CASE("an AOR that is not ours is not found, and one that is no SIP URI is bad") {
  Fixture s;
  CHECK(s.contacts({kA}, "600", "sip:x@elsewhere.example")->status() == 404);
  CHECK(s.contacts({kA}, "600", "sip:x@example.org:5999")->status() == 404);
  CHECK(s.contacts({kA}, "600", "sip:example.org")->status() == 404);
  CHECK(s.contacts({kA}, "600", "tel:+15551234")->status() == 400);
  s.end();
}

TEST_CASE("an extension that is not known is refused") {
  Fixture s;
  Register r;
  r.lines = {"Require: x-one, path", "Require: x-two"};
  const Seen seen = s.put(r);
  CHECK(seen->status() == 420);
  CHECK(seen.raw(HeaderId::unsupported) == "x-one, x-two");
  s.end();
}

TEST_CASE("Path is kept and given back where the phone knows of it, else refused") {
  Fixture s;
  Register r;
  r.lines = {"Contact: " + kA, "Path: <sip:p1.example;lr>, <sip:p2.example;lr>"};
  const Seen refused = s.put(r);
  CHECK(refused->status() == 420);
  CHECK(refused.raw(HeaderId::unsupported) == "path");
  CHECK(s.fetch().empty());
  r.lines.push_back("Supported: outbound, path");
  const Seen seen = s.put(r);
  CHECK(seen->status() == 200);
  CHECK(seen.raw(HeaderId::path) == "<sip:p1.example;lr>, <sip:p2.example;lr>");
  r.lines[1] = "Path: <sip:p1.example;lr>, tel:1";
  CHECK(s.put(r)->status() == 400);
  s.end();
}

TEST_CASE("a sips contact needs a sips Request-URI") {
  Fixture s;
  Register r;
  r.lines = {"Contact: <sips:a@h>"};
  CHECK(s.put(r)->status() == 400);
  CHECK(s.put(r, kAlice, "sips:example.org")->status() == 200);
  r.lines = {"Contact: <sips:a@h>", "Contact: <sip:a@h>"};
  CHECK(s.put(r, kAlice, "sips:example.org")->status() == 400);
  s.end();
}

TEST_CASE("a retransmitted REGISTER gets the same answer and does nothing again") {
  Fixture s;
  const std::string bytes =
      s.request(kAlice, "REGISTER", "sip:example.org", "x",
                {"From: <sip:alice@example.org>;tag=f", "To: <sip:alice@example.org>", "Call-ID: c",
                 "CSeq: 1 REGISTER", "Contact: " + kA});
  s.send(kAlice, bytes);
  const Seen first = s.take(kAlice);
  s.send(kAlice, bytes);
  CHECK(s.take(kAlice).message.bytes() == first.message.bytes());
  CHECK(s.nothing_for(kAlice));
  s.end();
}

TEST_CASE("over a connection the answer goes back by it") {
  Fixture s;
  Register r;
  r.lines = {"Contact: " + kPhone.contact()};
  const Seen seen = s.put(r, kPhone);
  CHECK(seen->status() == 200);
  CHECK(seen.flow.connection == Server::flow_of(kPhone).connection);
  s.end();
}

// ---- with digest users

namespace {

ServerOptions with_users() {
  ServerOptions o = Server::with_domain();
  o.users = parse_users("alice:secret\nbob:other\n", "example.org")->lookup();
  return o;
}

std::string credentials(const AuthValue& challenge, const std::string& user,
                        const std::string& password) {
  const std::string nonce = *digest::param(challenge, "nonce");
  const auto algorithm = digest::algorithm_from(*challenge.find("algorithm"))->hash;
  const std::string ha1 = digest_ha1(algorithm, user, "example.org", password);
  return "Authorization: Digest username=\"" + user + "\", realm=\"example.org\", nonce=\"" +
         nonce + "\", uri=\"sip:example.org\", algorithm=" + std::string(to_string(algorithm)) +
         ", cnonce=\"c\", qop=auth, nc=00000001, response=\"" +
         digest::response(algorithm,
                          {ha1, nonce, "00000001", "c", "auth", "REGISTER", "sip:example.org"}) +
         "\"";
}

struct DigestFixture : Fixture {
  DigestFixture() : Fixture(with_users()) {}
  /// REGISTER of an AOR, challenged and answered.
  Seen as(const std::string& user, const std::string& password, const std::string& aor) {
    Register r;
    r.aor = aor;
    r.lines = {"Contact: " + kA};
    const Seen challenge = put(r);
    CHECK(challenge->status() == 401);
    const auto first = challenge.message->get(hdr::www_authenticate);
    REQUIRE(first);
    r.lines.push_back(credentials(*first, user, password));
    return put(r);
  }
};

}  // namespace

TEST_CASE(
    "with users REGISTER is challenged, with the strongest first, and the right digest binds") {
  DigestFixture s;
  Register r;
  const Seen challenge = s.put(r);
  CHECK(challenge->status() == 401);
  CHECK(challenge.lines(HeaderId::www_authenticate).size() == 2);
  CHECK(challenge.raw(HeaderId::www_authenticate).find("algorithm=SHA-256") != std::string::npos);
  CHECK(s.as("alice", "secret", "sip:alice@example.org")->status() == 200);
  s.end();
}

TEST_CASE("a wrong password and an unknown user are told the same") {
  DigestFixture s;
  const Seen wrong = s.as("alice", "guess", "sip:alice@example.org");
  const Seen nobody = s.as("nobody", "guess", "sip:nobody@example.org");
  CHECK(wrong.start() == "SIP/2.0 401 Unauthorized");
  CHECK(nobody.start() == wrong.start());
  REQUIRE(nobody->header_count() == wrong->header_count());
  for (std::size_t i = 0; i < wrong->header_count(); ++i)
    CHECK(nobody->header(i).name == wrong->header(i).name);
  CHECK(wrong.raw(HeaderId::www_authenticate).find("stale") == std::string::npos);
  s.end();
}

TEST_CASE("a user registers only himself") {
  DigestFixture s;
  CHECK(s.as("bob", "other", "sip:alice@example.org")->status() == 403);
  CHECK(s.as("bob", "other", "sip:bob@example.org")->status() == 200);
  CHECK(s.as("bob", "other", "sip:b%6Fb@192.0.2.1")->status() == 200);
  CHECK(s.as("bob", "other", "sip:Bob@example.org")->status() == 403);
  s.end();
}

TEST_CASE("an old nonce is stale, and a fresh one helps") {
  DigestFixture s;
  Register r;
  r.lines = {"Contact: " + kA};
  const Seen challenge = s.put(r);
  const auto first = challenge.message->get(hdr::www_authenticate);
  s.advance(seconds(301));
  r.lines.push_back(credentials(*first, "alice", "secret"));
  const Seen stale = s.put(r);
  CHECK(stale->status() == 401);
  CHECK(stale.raw(HeaderId::www_authenticate).find("stale=true") != std::string::npos);
  CHECK(s.as("alice", "secret", "sip:alice@example.org")->status() == 200);
  s.end();
}
