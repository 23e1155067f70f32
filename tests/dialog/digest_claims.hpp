// SPDX-License-Identifier: Apache-2.0
// A digest server of one user, and a client of it that can be made to lie.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "dialog/digest_hash.hpp"
#include "sipstack/base/block.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/dialog/digest.hpp"
#include "sipstack/parser/message.hpp"

namespace sipstack::testing {

using std::chrono::seconds;

inline BlockPool& pool() {
  static BlockPool p;
  return p;
}

inline Message parsed(const std::string& text) {
  MessageIndex index;
  auto message = Message::parse(pool(), text, index);
  INFO(text);
  REQUIRE(message);
  return *message;
}

inline Message request(const std::string& method, const std::string& uri,
                       const std::vector<std::string>& lines = {},
                       const std::string& to = "sip:bob@example.org") {
  std::string text =
      method + " " + uri +
      " SIP/2.0\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
      "From: <sip:alice@example.org>;tag=f\r\nTo: <" +
      to + ">\r\nCall-ID: c1\r\nCSeq: 1 " + method + "\r\n";
  for (const auto& line : lines) text += line + "\r\n";
  return parsed(text + "Content-Length: 0\r\n\r\n");
}

/// One digest server, and a client of it that can be made to lie.
struct Fixture {
  explicit Fixture(std::uint64_t seed = 7, std::size_t max_nonces = 65536) : random(seed) {
    options.realm = "example.org";
    options.max_nonces = max_nonces;
    restart();
  }

  void restart() {
    server = std::make_unique<DigestServer>(
        options,
        [](std::string_view user, DigestAlgorithm a) -> std::optional<std::string> {
          if (user == "alice") return digest_ha1(a, "alice", "example.org", "secret");
          if (user == "broken") return "abc";
          return std::nullopt;
        },
        random);
  }

  /// The nonces of a challenge, by algorithm.
  std::map<std::string, std::string> nonces(bool stale = false) {
    const Message m = request("REGISTER", "sip:example.org");
    ResponseWriter writer(pool(), m.view(), Flow{}, 401, "t");
    server->challenge(writer, false, stale, now);
    auto response = writer.seal();
    REQUIRE(response);
    std::map<std::string, std::string> all;
    for (const auto& v : response->view().all(hdr::www_authenticate)) {
      REQUIRE(v);
      CHECK(v->scheme == "Digest");
      CHECK(v->find("realm") == "\"example.org\"");
      CHECK(v->find("qop") == "\"auth\"");
      CHECK((v->find("stale") == "true") == stale);
      all[std::string(*v->find("algorithm"))] = *digest::param(*v, "nonce");
    }
    return all;
  }

  struct Claim {
    std::string user = "alice", password = "secret", method = "REGISTER", uri = "sip:example.org";
    std::string nonce, nc = "00000001", cnonce = "abc", algorithm = "SHA-256";
    DigestAlgorithm a = DigestAlgorithm::sha256;
  };
  static std::string line(const Claim& c) {
    const std::string ha1 = digest_ha1(c.a, c.user, "example.org", c.password);
    return "Authorization: Digest username=\"" + c.user + "\", realm=\"example.org\", nonce=\"" +
           c.nonce + "\", uri=\"" + c.uri + "\", response=\"" +
           digest::response(c.a, {ha1, c.nonce, c.nc, c.cnonce, "auth", c.method, c.uri}) +
           "\", algorithm=" + c.algorithm + ", cnonce=\"" + c.cnonce + "\", qop=auth, nc=" + c.nc;
  }
  Claim claim() {
    Claim c;
    c.nonce = nonces().at("SHA-256");
    return c;
  }
  DigestVerdict send(const std::string& authorization, const std::string& method = "REGISTER",
                     const std::string& uri = "sip:example.org") {
    return server->check(request(method, uri, {authorization}).view(), false, now).verdict;
  }
  DigestVerdict send(const Claim& c) { return send(line(c)); }

  SeededRandom random;
  DigestServerOptions options;
  std::unique_ptr<DigestServer> server;
  TimePoint now = TimePoint(seconds(1000));
};

inline std::string without(std::string text, const std::string& part) {
  const auto at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.erase(at, part.size());
}
inline std::string swapped(std::string text, const std::string& part, const std::string& by) {
  const auto at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.replace(at, part.size(), by);
}

}  // namespace sipstack::testing
