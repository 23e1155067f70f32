// SPDX-License-Identifier: Apache-2.0
// Judging credentials: what is accepted, what is stale, and every way to replay or forge.
#include "digest_claims.hpp"

using namespace sipstack;
using namespace sipstack::testing;

TEST_CASE("the right digest is accepted, with SHA-256 and with MD5, and names the user") {
  Fixture f;
  auto c = f.claim();
  const auto result = f.server->check(
      request("REGISTER", "sip:example.org", {Fixture::line(c)}).view(), false, f.now);
  CHECK(result.verdict == DigestVerdict::accepted);
  CHECK(result.user == "alice");
  c.a = DigestAlgorithm::md5;
  c.algorithm = "MD5";
  c.nonce = f.nonces().at("MD5");
  CHECK(f.send(c) == DigestVerdict::accepted);
  CHECK(f.server->nonces() == 2);
}

TEST_CASE("a challenge offers SHA-256 first, and every nonce once") {
  Fixture f;
  const Message m = request("REGISTER", "sip:example.org");
  ResponseWriter writer(pool(), m.view(), Flow{}, 401, "t");
  f.server->challenge(writer, false, false, f.now);
  auto response = writer.seal();
  REQUIRE(response);
  const auto first = response->view().get(hdr::www_authenticate);
  REQUIRE(first);
  CHECK(first->find("algorithm") == "SHA-256");
  CHECK(f.nonces() != f.nonces());
}

TEST_CASE("no credentials, or only those of other realms and schemes, are missing") {
  Fixture f;
  CHECK(f.server->check(request("REGISTER", "sip:example.org").view(), false, f.now).verdict ==
        DigestVerdict::missing);
  CHECK(f.send(swapped(Fixture::line(f.claim()), "realm=\"example.org\"", "realm=\"other\"")) ==
        DigestVerdict::missing);
  CHECK(f.send("Authorization: Basic YWxpY2U6c2VjcmV0") == DigestVerdict::missing);
  // The proxy's header field is another one.
  CHECK(f.server
            ->check(request("REGISTER", "sip:example.org", {Fixture::line(f.claim())}).view(), true,
                    f.now)
            .verdict == DigestVerdict::missing);
}

TEST_CASE("a wrong password and an unknown user are refused alike") {
  Fixture f;
  auto c = f.claim();
  c.password = "wrong";
  CHECK(f.send(c) == DigestVerdict::refused);
  c.user = "nobody";
  CHECK(f.send(c) == DigestVerdict::refused);
  c.user = "broken";  // a user whose HA1 is none
  CHECK(f.send(c) == DigestVerdict::refused);
  CHECK(f.server->nonces() == 0);
}

TEST_CASE("a count is good once, in any order within 64 (hardening A65)") {
  Fixture f;
  auto c = f.claim();
  const auto use = [&](const char* nc) {
    c.nc = nc;
    return f.send(c);
  };
  CHECK(use("00000001") == DigestVerdict::accepted);
  CHECK(use("00000001") == DigestVerdict::refused);
  CHECK(use("00000003") == DigestVerdict::accepted);
  CHECK(use("00000002") == DigestVerdict::accepted);
  CHECK(use("00000002") == DigestVerdict::refused);
  CHECK(use("00000043") == DigestVerdict::accepted);  // 67
  CHECK(use("00000004") == DigestVerdict::accepted);  // 63 behind
  CHECK(use("00000003") == DigestVerdict::refused);
  CHECK(use("ffffffff") == DigestVerdict::accepted);
  CHECK(use("00000044") == DigestVerdict::refused);
  CHECK(use("00000000") == DigestVerdict::refused);
}

TEST_CASE("a forged count does not use up the owner's") {
  Fixture f;
  auto forged = f.claim();
  auto real = forged;
  forged.password = "guess";
  forged.nc = "00000fff";
  CHECK(f.send(forged) == DigestVerdict::refused);
  CHECK(f.send(real) == DigestVerdict::accepted);
}

TEST_CASE("captured credentials are good for nothing else") {
  Fixture f;
  const auto c = f.claim();
  const std::string captured = Fixture::line(c);
  SECTION("another method") { CHECK(f.send(captured, "MESSAGE") == DigestVerdict::refused); }
  SECTION("another Request-URI") {
    CHECK(f.send(captured, "REGISTER", "sip:other.example") == DigestVerdict::refused);
  }
  SECTION("the next count with the old response") {
    CHECK(f.send(swapped(captured, "nc=00000001", "nc=00000002")) == DigestVerdict::refused);
  }
  SECTION("another cnonce") {
    CHECK(f.send(swapped(captured, "cnonce=\"abc\"", "cnonce=\"abd\"")) == DigestVerdict::refused);
  }
  SECTION("the same again") {
    CHECK(f.send(captured) == DigestVerdict::accepted);
    CHECK(f.send(captured) == DigestVerdict::refused);
  }
}

TEST_CASE("the uri may be spelled otherwise, as long as it is the same URI") {
  Fixture f;
  auto c = f.claim();
  c.uri = "sip:EXAMPLE.org";
  CHECK(f.send(c) == DigestVerdict::accepted);
}

TEST_CASE("a request that a proxy retargeted is known by its To, but no REGISTER is") {
  Fixture f;
  auto c = f.claim();
  c.method = "MESSAGE";
  c.uri = "sip:bob@example.org";
  CHECK(f.send(Fixture::line(c), "MESSAGE", "sip:bob@192.0.2.7:5070") == DigestVerdict::accepted);
  c.method = "REGISTER";
  c.nc = "00000002";
  CHECK(f.send(Fixture::line(c), "REGISTER", "sip:example.org") == DigestVerdict::refused);
}

TEST_CASE("our own address will do as uri where we say so, another one will not") {
  Fixture f;
  f.options.names_us = [](const Uri& uri) { return uri.host == "192.0.2.1"; };
  f.restart();
  auto c = f.claim();
  c.uri = "sip:192.0.2.1:5060";
  CHECK(f.send(c) == DigestVerdict::accepted);
  c.nc = "00000002";
  for (const auto uri : {"sip:bob@192.0.2.1", "sip:192.0.2.2", "sip:"}) {
    c.uri = uri;
    CHECK(f.send(c) == DigestVerdict::refused);
  }
  f.options.names_us = {};
  f.restart();
  c = f.claim();
  c.uri = "sip:192.0.2.1:5060";
  CHECK(f.send(c) == DigestVerdict::refused);
}

TEST_CASE("an old nonce is stale where the digest is right, and refused where it is wrong") {
  Fixture f;
  auto c = f.claim();
  f.now += seconds(300);
  CHECK(f.send(c) == DigestVerdict::accepted);
  f.now += seconds(1);
  c.nc = "00000002";
  CHECK(f.send(c) == DigestVerdict::stale);
  c.password = "wrong";
  CHECK(f.send(c) == DigestVerdict::refused);
  c.password = "secret";
  c.user = "nobody";
  CHECK(f.send(c) == DigestVerdict::refused);
  f.nonces(true);
}

TEST_CASE("a nonce of before a restart is stale") {
  Fixture f;
  const auto c = f.claim();
  f.restart();
  CHECK(f.send(c) == DigestVerdict::stale);
  CHECK(f.server->nonces() == 0);
}

TEST_CASE("a nonce that was made up, or is of a later time, is stale at best") {
  Fixture f;
  auto c = f.claim();
  c.nonce[5] = c.nonce[5] == 'A' ? 'B' : 'A';
  CHECK(f.send(c) == DigestVerdict::stale);
  for (const auto nonce : {"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                           "****************************************"}) {
    c.nonce = nonce;
    CHECK(f.send(c) == DigestVerdict::stale);
  }
  c = f.claim();
  f.now -= seconds(10);
  CHECK(f.send(c) == DigestVerdict::stale);
}

TEST_CASE("an algorithm is good only for the nonce that was issued for it (hardening A68)") {
  Fixture f;
  auto c = f.claim();  // SHA-256's nonce
  c.a = DigestAlgorithm::md5;
  c.algorithm = "MD5";
  CHECK(f.send(c) == DigestVerdict::refused);
}

TEST_CASE("an algorithm that is not offered is refused (hardening A68)") {
  Fixture f;
  f.options.algorithms = {DigestAlgorithm::sha256};
  f.restart();
  auto c = f.claim();
  c.a = DigestAlgorithm::md5;
  c.algorithm = "MD5";
  CHECK(f.send(c) == DigestVerdict::refused);
}

TEST_CASE(
    "credentials with a parameter missing, doubled or malformed are refused (hardening A64)") {
  Fixture f;
  const std::string good = Fixture::line(f.claim());
  for (const std::string part :
       {", uri=\"sip:example.org\"", ", cnonce=\"abc\"", ", qop=auth", ", nc=00000001"}) {
    INFO(part);
    CHECK(f.send(without(good, part)) == DigestVerdict::refused);
    CHECK(f.send(good + part) == DigestVerdict::refused);
  }
  CHECK(f.send(without(good, "username=\"alice\", ")) == DigestVerdict::refused);
  CHECK(f.send(good + ", username=\"mallory\"") == DigestVerdict::refused);
  CHECK(f.send(good + ", realm=\"example.org\"") == DigestVerdict::refused);
  CHECK(f.send(good + ", nonce=\"x\"") == DigestVerdict::refused);
  CHECK(f.send(good + ", response=\"x\"") == DigestVerdict::refused);
  CHECK(f.send(good + ", algorithm=MD5") == DigestVerdict::refused);
  CHECK(f.send(good + ", userhash=true") == DigestVerdict::refused);
  CHECK(f.send(good + ", username*=UTF-8''alice") == DigestVerdict::refused);
  CHECK(f.send(swapped(good, "qop=auth", "qop=auth-int")) == DigestVerdict::refused);
  CHECK(f.send(swapped(good, "nc=00000001", "nc=1")) == DigestVerdict::refused);
  CHECK(f.send(swapped(good, "nc=00000001", "nc=0000000g")) == DigestVerdict::refused);
  CHECK(f.send(swapped(good, "algorithm=SHA-256", "algorithm=SHA-512-256")) ==
        DigestVerdict::refused);
  CHECK(f.send(swapped(good, "response=\"", "response=\"0")) == DigestVerdict::refused);
  CHECK(f.server->nonces() == 0);
  CHECK(f.send(good) == DigestVerdict::accepted);
}

TEST_CASE("an answer of RFC 2069 is refused: qop is required") {
  Fixture f;
  const auto c = f.claim();
  const std::string ha1 = digest_ha1(c.a, c.user, "example.org", c.password);
  CHECK(f.send("Authorization: Digest username=\"alice\", realm=\"example.org\", nonce=\"" +
               c.nonce + "\", uri=\"sip:example.org\", algorithm=SHA-256, response=\"" +
               digest::response(c.a, {ha1, c.nonce, "", "", "", "REGISTER", c.uri}) + "\"") ==
        DigestVerdict::refused);
}

TEST_CASE("credentials may be escaped, folded, unquoted, and named in any case") {
  Fixture f;
  auto line = Fixture::line(f.claim());
  line = swapped(line, "username=\"alice\"", "USERNAME=\"al\\ice\"");
  line = swapped(line, ", nonce=", ",\r\n\tNonce = ");
  line = swapped(line, "cnonce=\"abc\"", "cnonce=abc");
  CHECK(f.send(line) == DigestVerdict::accepted);
}

TEST_CASE("the right credentials are found among others") {
  Fixture f;
  auto c = f.claim();
  auto wrong = c;
  wrong.password = "wrong";
  const auto m = request("REGISTER", "sip:example.org",
                         {"Authorization: Digest realm=\"other\", username=\"x\"",
                          Fixture::line(wrong), Fixture::line(c)});
  CHECK(f.server->check(m.view(), false, f.now).verdict == DigestVerdict::accepted);
}

TEST_CASE(
    "where more nonces are used than are remembered the oldest go stale and none is good twice") {
  Fixture f(7, 4);
  std::vector<std::string> lines;
  for (int i = 0; i < 8; ++i) {
    lines.push_back(Fixture::line(f.claim()));
    f.now += seconds(1);
    CHECK(f.send(lines.back()) == DigestVerdict::accepted);
    CHECK(f.server->nonces() <= 4);
  }
  for (const auto& line : lines) CHECK(f.send(line) != DigestVerdict::accepted);
  CHECK(f.send(f.claim()) == DigestVerdict::accepted);
}

TEST_CASE("what is remembered of nonces goes with them") {
  Fixture f;
  for (int i = 0; i < 10; ++i) CHECK(f.send(f.claim()) == DigestVerdict::accepted);
  CHECK(f.server->nonces() == 10);
  f.now += seconds(301);
  CHECK(f.send(f.claim()) == DigestVerdict::accepted);
  CHECK(f.server->nonces() == 1);
}

TEST_CASE("auth-int is offered and taken where it is asked for, and covers the body") {
  for (const bool on : {false, true}) {
    CAPTURE(on);
    Fixture f;
    f.options.auth_int = on;
    f.restart();
    const Message asked = request("REGISTER", "sip:example.org");
    ResponseWriter writer(pool(), asked.view(), Flow{}, 401, "t");
    f.server->challenge(writer, false, false, f.now);
    const auto challenge = writer.seal();
    REQUIRE(challenge);
    const auto offered = challenge->view().get(hdr::www_authenticate);
    REQUIRE(offered);
    CHECK(offered->find("qop") == (on ? "\"auth,auth-int\"" : "\"auth\""));
    const std::string nonce = *digest::param(*offered, "nonce");
    const std::string ha1 = digest_ha1(DigestAlgorithm::sha256, "alice", "example.org", "secret");
    const auto judged = [&](std::string_view body, const char* nc) {
      digest::Input in{ha1, nonce, nc, "abc", "auth-int", "REGISTER", "sip:example.org"};
      in.body = body;
      return f.send("Authorization: Digest username=\"alice\", realm=\"example.org\", nonce=\"" +
                    nonce + "\", uri=\"sip:example.org\", response=\"" +
                    digest::response(DigestAlgorithm::sha256, in) +
                    "\", algorithm=SHA-256, cnonce=\"abc\", qop=auth-int, nc=" + nc);
    };
    CHECK(judged("another", "00000001") == DigestVerdict::refused);
    CHECK(judged("", "00000001") == (on ? DigestVerdict::accepted : DigestVerdict::refused));
  }
}

TEST_CASE("SHA-512-256 is offered where it is asked for") {
  Fixture f;
  f.options.algorithms = {DigestAlgorithm::sha512_256, DigestAlgorithm::md5};
  f.restart();
  Fixture::Claim c;
  c.nonce = f.nonces().at("SHA-512-256");
  c.algorithm = "SHA-512-256";
  c.a = DigestAlgorithm::sha512_256;
  CHECK(f.send(c) == DigestVerdict::accepted);
  c.algorithm = "SHA-512-256-sess";
  c.nc = "00000002";
  CHECK(f.send(c) == DigestVerdict::refused);
}
