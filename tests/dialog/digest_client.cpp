// SPDX-License-Identifier: Apache-2.0
// Answering challenges: the examples of RFC 7616 and RFC 2617, which challenge is taken, and when to stop.
#include <string>
#include <vector>

#include "catch.hpp"
#include "dialog/digest_hash.hpp"
#include "sipstack/base/block.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/dialog/digest.hpp"
#include "sipstack/parser/message.hpp"

using namespace sipstack;

namespace {

BlockPool& pool() {
  static BlockPool p;
  return p;
}

Message parsed(const std::string& text) {
  MessageIndex index;
  auto message = Message::parse(pool(), text, index);
  INFO(text);
  REQUIRE(message);
  return *message;
}

/// A 401 (or 407) to a REGISTER with these header lines.
Message challenge(const std::vector<std::string>& lines, int status = 401) {
  std::string text =
      "SIP/2.0 " + std::to_string(status) +
      " No\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nFrom: <sip:alice@example.org>;tag=f"
      "\r\nTo: <sip:alice@example.org>;tag=t\r\nCall-ID: c1\r\nCSeq: 1 REGISTER\r\n";
  for (const auto& line : lines) text += line + "\r\n";
  return parsed(text + "Content-Length: 0\r\n\r\n");
}

std::string digest_line(const std::string& params) { return "WWW-Authenticate: Digest " + params; }

/// The request that the client sends next.
Message authorized(DigestClient& client, Random& random, std::string_view uri = "sip:example.org") {
  RequestWriter writer(pool(), "REGISTER", uri);
  writer.header(HeaderId::from, "<sip:alice@example.org>;tag=f");
  writer.header(HeaderId::to, "<sip:alice@example.org>");
  writer.header(HeaderId::call_id, "c1");
  writer.header(HeaderId::cseq, "2 REGISTER");
  client.authorize(writer, "REGISTER", uri, {}, random);
  Origin origin;
  origin.sent_by = "a.example";
  origin.branch = "z9hG4bK2";
  auto message = writer.seal(origin);
  REQUIRE(message);
  return *message;
}

std::vector<AuthValue> credentials(const Message& m, bool proxy = false) {
  std::vector<AuthValue> all;
  for (const auto& v : m->all(proxy ? hdr::proxy_authorization : hdr::authorization)) {
    REQUIRE(v);
    all.push_back(*v);
  }
  return all;
}

std::string param(const AuthValue& v, std::string_view name) {
  return std::string(v.find(name).value_or("(none)"));
}

/// What the response parameter ought to be, for what stands beside it.
std::string right_response(const AuthValue& v, DigestAlgorithm a, std::string_view user,
                           std::string_view password, std::string_view method = "REGISTER") {
  const auto plain = [&](std::string_view name) { return digest::param(v, name).value_or(""); };
  const std::string ha1 = digest_ha1(a, user, plain("realm"), password);
  const std::string nonce = plain("nonce"), nc = plain("nc"), cnonce = plain("cnonce"),
                    qop = plain("qop"), uri = plain("uri");
  return digest::response(a, {ha1, nonce, nc, cnonce, qop, method, uri});
}

}  // namespace

TEST_CASE("digest computes the examples of RFC 7616 section 3.9.1") {
  const std::string_view nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
  const std::string_view cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
  const auto answer = [&](DigestAlgorithm a) {
    const std::string ha1 = digest_ha1(a, "Mufasa", "http-auth@example.org", "Circle of Life");
    return digest::response(a, {ha1, nonce, "00000001", cnonce, "auth", "GET", "/dir/index.html"});
  };
  CHECK(answer(DigestAlgorithm::md5) == "8ca523f5e9506fed4657c9700eebdbec");
  CHECK(answer(DigestAlgorithm::sha256) ==
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

TEST_CASE("digest computes RFC 7616 section 3.9.2 as its erratum 4897 has it") {
  // The RFC's own figures are those of a SHA-512 cut short.
  const std::string_view realm = "api@example.org";
  const std::string_view user = "J\xc3\xa4s\xc3\xb8n Doe";
  CHECK(digest::user_hash(DigestAlgorithm::sha512_256, user, realm) ==
        "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b");
  const std::string ha1 = digest_ha1(DigestAlgorithm::sha512_256, user, realm, "Secret, or not?");
  CHECK(digest::response(DigestAlgorithm::sha512_256,
                         {ha1, "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", "00000001",
                          "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm", "auth", "GET", "/doe.json"}) ==
        "7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c");
}

TEST_CASE("digest computes the example of RFC 2617 section 3.5") {
  const std::string ha1 =
      digest_ha1(DigestAlgorithm::md5, "Mufasa", "testrealm@host.com", "Circle Of Life");
  CHECK(ha1 == "939e7578ed9e3c518a452acee763bce9");
  CHECK(digest::response(DigestAlgorithm::md5,
                         {ha1, "dcd98b7102dd2f0e8b11d0f600bfb0c093", "00000001", "0a4f113b", "auth",
                          "GET", "/dir/index.html"}) == "6629fae49393a05397450978507c4ef1");
}

TEST_CASE("a challenge is answered with every parameter that the server needs, nc from 1") {
  SeededRandom random(1);
  DigestClient client({{"alice", "secret", "example.org"}});
  REQUIRE(client.challenged(
      challenge(
          {digest_line(R"(realm="example.org", nonce="n1", qop="auth,auth-int", opaque="o\"1",)"
                       "\r\n algorithm=md5")})
          .view()));
  for (const std::string nc : {"00000001", "00000002", "00000003"}) {
    const Message m = authorized(client, random);
    const auto all = credentials(m);
    REQUIRE(all.size() == 1);
    const AuthValue& v = all[0];
    CHECK(v.scheme == "Digest");
    CHECK(param(v, "username") == "\"alice\"");
    CHECK(param(v, "realm") == "\"example.org\"");
    CHECK(param(v, "nonce") == "\"n1\"");
    CHECK(param(v, "uri") == "\"sip:example.org\"");
    CHECK(param(v, "opaque") == R"("o\"1")");
    CHECK(param(v, "algorithm") == "md5");  // as it was given
    CHECK(param(v, "qop") == "auth");
    CHECK(param(v, "nc") == nc);
    CHECK(param(v, "response") ==
          "\"" + right_response(v, DigestAlgorithm::md5, "alice", "secret") + "\"");
  }
  // A cnonce is never used twice.
  CHECK(param(credentials(authorized(client, random))[0], "cnonce") !=
        param(credentials(authorized(client, random))[0], "cnonce"));
}

TEST_CASE("a challenge without qop and algorithm is answered as RFC 2069 has it") {
  SeededRandom random(1);
  DigestClient client({{"alice", "secret", ""}});
  REQUIRE(client.challenged(challenge({digest_line(R"(realm="r", nonce="n1")")}).view()));
  const Message m = authorized(client, random);
  const AuthValue v = credentials(m).at(0);
  for (const auto name : {"qop", "nc", "cnonce", "algorithm", "opaque"})
    CHECK(param(v, name) == "(none)");
  CHECK(param(v, "response") ==
        "\"" + right_response(v, DigestAlgorithm::md5, "alice", "secret") + "\"");
}

TEST_CASE("quoting slashes of the realm are not hashed, and it goes back as it came") {
  SeededRandom random(1);
  DigestClient client({{"al\"ice", "secret", "a\"b"}});
  REQUIRE(client.challenged(
      challenge({digest_line(R"(realm="a\"b", nonce="n1", qop="auth")")}).view()));
  const Message m = authorized(client, random);
  const AuthValue v = credentials(m).at(0);
  CHECK(param(v, "realm") == R"("a\"b")");
  CHECK(param(v, "username") == R"("al\"ice")");
  CHECK(param(v, "response") ==
        "\"" + right_response(v, DigestAlgorithm::md5, "al\"ice", "secret") + "\"");
}

TEST_CASE("of several challenges of a realm the strongest is answered, and the topmost of equals") {
  SeededRandom random(1);
  DigestClient client({{"alice", "secret", ""}});
  REQUIRE(client.challenged(
      challenge({"WWW-Authenticate: Capability algorithm=\"A:SM2\"",
                 digest_line(R"(realm="r", nonce="n0", qop="auth", algorithm=MD5)"),
                 digest_line(R"(realm="r", nonce="n1", qop="auth", algorithm=SHA-1024)"),
                 digest_line(R"(realm="r", nonce="n2", qop="auth-conf", algorithm=SHA-512-256)"),
                 digest_line(R"(realm="r", nonce="n3", qop="auth", algorithm=SHA-256)"),
                 digest_line(R"(realm="r", nonce="n4", qop="auth", algorithm=SHA-512-256)")})
          .view()));
  const Message m = authorized(client, random);
  const auto all = credentials(m);
  REQUIRE(all.size() == 1);
  CHECK(param(all[0], "nonce") == "\"n3\"");
  CHECK(param(all[0], "response") ==
        "\"" + right_response(all[0], DigestAlgorithm::sha256, "alice", "secret") + "\"");
}

TEST_CASE("nothing that is not supported is answered") {
  DigestClient client({{"alice", "secret", "r"}});
  for (const auto line :
       {R"(realm="r", nonce="n", qop="auth-conf")", R"(realm="r", nonce="n", algorithm=SHA-512)",
        R"(realm="r", nonce="n", algorithm=MD5-sess)", R"(realm="r", nonce="n", algorithm=-sess)",
        R"(realm="other", nonce="n", qop="auth")", R"(realm="r", qop="auth")",
        R"(nonce="n", qop="auth")", R"(realm="r", realm="r", nonce="n")",
        R"(realm="r", nonce="n", nonce="m")"}) {
    INFO(line);
    CHECK_FALSE(client.challenged(challenge({digest_line(line)}).view()));
  }
  CHECK_FALSE(client.challenged(challenge({"WWW-Authenticate: Basic realm=\"r\""}).view()));
  CHECK_FALSE(client.challenged(challenge({}).view()));
}

TEST_CASE("auth-int is answered where nothing else is offered, and covers the body") {
  SeededRandom random(1);
  for (const bool both : {false, true}) {
    DigestClient client({{"alice", "secret", ""}});
    REQUIRE(client.challenged(
        challenge({digest_line(R"(realm="r", nonce="n", qop=")" +
                               std::string(both ? "auth-int,auth" : "auth-int") + "\"")})
            .view()));
    RequestWriter writer(pool(), "MESSAGE", "sip:bob@example.org");
    client.authorize(writer, "MESSAGE", "sip:bob@example.org", "hello", random);
    writer.header(HeaderId::from, "<sip:alice@example.org>;tag=f");
    writer.header(HeaderId::to, "<sip:bob@example.org>");
    writer.header(HeaderId::call_id, "c1");
    writer.header(HeaderId::cseq, "2 MESSAGE");
    writer.body("text/plain", "hello");
    const auto message = writer.seal({Transport::udp, "a.example", "z9hG4bK2"});
    REQUIRE(message);
    const AuthValue v = credentials(*message).at(0);
    CHECK(param(v, "qop") == (both ? "auth" : "auth-int"));
    const std::string ha1 = digest_ha1(DigestAlgorithm::md5, "alice", "r", "secret");
    const std::string cnonce = *digest::param(v, "cnonce");
    digest::Input in{
        ha1, "n", "00000001", cnonce, both ? "auth" : "auth-int", "MESSAGE", "sip:bob@example.org"};
    in.body = "hello";
    CHECK(param(v, "response") == "\"" + digest::response(DigestAlgorithm::md5, in) + "\"");
    in.body = "hullo";
    CHECK((param(v, "response") == "\"" + digest::response(DigestAlgorithm::md5, in) + "\"") ==
          both);
  }
}

TEST_CASE("a -sess key is made once for a nonce, and its cnonce stays") {
  SeededRandom random(1);
  DigestClient client({{"alice", "secret", ""}});
  REQUIRE(client.challenged(
      challenge({digest_line(R"(realm="r", nonce="n", algorithm=SHA-256-sess, qop="auth")")})
          .view()));
  std::string cnonce;
  for (const char* nc : {"00000001", "00000002"}) {
    const Message request = authorized(client, random);
    const AuthValue v = credentials(request).at(0);
    CHECK(param(v, "algorithm") == "SHA-256-sess");
    CHECK(param(v, "nc") == nc);
    const std::string own = *digest::param(v, "cnonce");
    CHECK((cnonce.empty() || own == cnonce));
    cnonce = own;
    const std::string ha1 = digest::session_ha1(
        DigestAlgorithm::sha256, digest_ha1(DigestAlgorithm::sha256, "alice", "r", "secret"), "n",
        cnonce);
    CHECK(param(v, "response") ==
          "\"" +
              digest::response(DigestAlgorithm::sha256,
                               {ha1, "n", nc, cnonce, "auth", "REGISTER", "sip:example.org"}) +
              "\"");
  }
  REQUIRE(client.challenged(
      challenge(
          {digest_line(R"(realm="r", nonce="m", algorithm=SHA-256-sess, qop="auth", stale=true)")})
          .view()));
  CHECK(*digest::param(credentials(authorized(client, random)).at(0), "cnonce") != cnonce);
}

TEST_CASE("a user name is hashed where the server asks for it") {
  SeededRandom random(1);
  DigestClient client({{"alice", "secret", ""}});
  REQUIRE(
      client.challenged(challenge({digest_line(R"(realm="r", nonce="n", algorithm=SHA-512-256, )"
                                               R"(qop="auth", userhash=true)")})
                            .view()));
  const Message request = authorized(client, random);
  const AuthValue v = credentials(request).at(0);
  CHECK(param(v, "username") ==
        "\"" + digest::user_hash(DigestAlgorithm::sha512_256, "alice", "r") + "\"");
  CHECK(param(v, "userhash") == "true");
  CHECK(param(v, "response") ==
        "\"" + right_response(v, DigestAlgorithm::sha512_256, "alice", "secret") + "\"");
}

TEST_CASE("the nonce that a server says comes next is taken, and counted anew") {
  SeededRandom random(1);
  DigestClient client({{"alice", "secret", ""}});
  REQUIRE(
      client.challenged(challenge({digest_line(R"(realm="r", nonce="n", qop="auth")")}).view()));
  CHECK(param(credentials(authorized(client, random)).at(0), "nc") == "00000001");
  client.succeeded(
      challenge({"Authentication-Info: qop=auth, rspauth=\"0\", cnonce=\"c\""}, 200).view());
  CHECK(param(credentials(authorized(client, random)).at(0), "nc") == "00000002");
  client.succeeded(challenge({"Authentication-Info: nextnonce=\"m\""}, 200).view());
  const Message request = authorized(client, random);
  const AuthValue v = credentials(request).at(0);
  CHECK(param(v, "nonce") == "\"m\"");
  CHECK(param(v, "nc") == "00000001");
  CHECK(param(v, "response") ==
        "\"" + right_response(v, DigestAlgorithm::md5, "alice", "secret") + "\"");
}

TEST_CASE("nobody's credentials go to a realm that they are not for") {
  SeededRandom random(1);
  DigestClient client({{"alice", "secret", "home"}});
  CHECK_FALSE(client.challenged(
      challenge({digest_line(R"(realm="elsewhere", nonce="n", qop="auth")")}).view()));
  CHECK(credentials(authorized(client, random)).empty());
}

TEST_CASE("the same nonce refused, or a second fresh one, ends it") {
  SeededRandom random(1);
  DigestClient client({{"alice", "wrong", ""}});
  const auto fresh = [](const std::string& nonce) {
    return challenge({digest_line("realm=\"r\", qop=\"auth\", nonce=\"" + nonce + "\"")});
  };
  REQUIRE(client.challenged(fresh("n1").view()));
  authorized(client, random);
  SECTION("the same nonce") { CHECK_FALSE(client.challenged(fresh("n1").view())); }
  SECTION("another nonce each time") {
    for (int i = 2; i < 50; ++i)
      CHECK_FALSE(client.challenged(fresh("n" + std::to_string(i)).view()));
  }
  SECTION("stale each time: once more and no further") {
    int retries = 0;
    for (int i = 2; i < 50; ++i) {
      if (!client.challenged(
              challenge({digest_line("realm=\"r\", qop=\"auth\", stale=TRUE, nonce=\"n" +
                                     std::to_string(i) + "\"")})
                  .view()))
        continue;
      ++retries;
      authorized(client, random);
    }
    CHECK(retries == 1);
  }
  SECTION("another realm each time") {
    int retries = 0;
    for (int i = 0; i < 50; ++i)
      retries += client.challenged(challenge({digest_line("realm=\"r" + std::to_string(i) +
                                                          "\", qop=\"auth\", nonce=\"n\"")})
                                       .view());
    CHECK(retries <= 3);
  }
}

TEST_CASE("nc begins at 1 again with every new nonce, stale or not (hardening A66)") {
  SeededRandom random(1);
  DigestClient client({{"alice", "secret", ""}});
  const auto one = [](const std::string& more) {
    return challenge({digest_line("realm=\"r\", qop=\"auth\", " + more)});
  };
  REQUIRE(client.challenged(one("nonce=\"n1\"").view()));
  authorized(client, random);
  CHECK(param(credentials(authorized(client, random))[0], "nc") == "00000002");
  client.succeeded();
  REQUIRE(client.challenged(one("nonce=\"n2\"").view()));  // a server that never says stale
  CHECK(param(credentials(authorized(client, random))[0], "nc") == "00000001");
  REQUIRE(client.challenged(one("nonce=\"n3\", stale=true").view()));
  CHECK(param(credentials(authorized(client, random))[0], "nc") == "00000001");
  client.succeeded();
  REQUIRE(client.challenged(one("nonce=\"n4\", stale=true").view()));
}

TEST_CASE("proxy and server of one response are both answered, each in its own header field") {
  SeededRandom random(1);
  DigestClient client({{"alice", "secret", ""}});
  REQUIRE(client.challenged(
      challenge({digest_line(R"(realm="two", nonce="n2", qop="auth")"),
                 "Proxy-Authenticate: Digest realm=\"one\", nonce=\"n1\", qop=\"auth\""},
                407)
          .view()));
  const Message m = authorized(client, random);
  REQUIRE(credentials(m).size() == 1);
  REQUIRE(credentials(m, true).size() == 1);
  CHECK(param(credentials(m)[0], "realm") == "\"two\"");
  CHECK(param(credentials(m, true)[0], "realm") == "\"one\"");
}

TEST_CASE("a challenge of the next hop may follow that of the first") {
  DigestClient client({{"alice", "secret", ""}});
  REQUIRE(client.challenged(
      challenge({"Proxy-Authenticate: Digest realm=\"one\", nonce=\"n1\", qop=\"auth\""}, 407)
          .view()));
  REQUIRE(
      client.challenged(challenge({digest_line(R"(realm="two", nonce="n2", qop="auth")")}).view()));
}
