// SPDX-License-Identifier: Apache-2.0
// Mutated requests and responses into a live registrar and proxy: it goes on, and nothing is left.
// hardening A76, A77 and P2.
#include "server/proxy_fixture.hpp"
#include "sipstack/server/users.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;

namespace {

/// One of a few things that go wrong on the way, or are made to.
std::string mutated(std::string text, Random& random) {
  static const std::vector<std::string> tokens = {"*",
                                                  "<",
                                                  ">",
                                                  "\"",
                                                  ";",
                                                  ",",
                                                  "=",
                                                  "@",
                                                  "%",
                                                  ":",
                                                  "\r\n",
                                                  "\r\n ",
                                                  "sip:",
                                                  ";lr",
                                                  ";q=9",
                                                  ";expires=0",
                                                  "4294967296",
                                                  "-1",
                                                  "[::1]",
                                                  "192.0.2.1",
                                                  "example.org",
                                                  "SIP/2.0",
                                                  "INVITE",
                                                  "z9hG4bK",
                                                  std::string(300, 'a'),
                                                  std::string(1, '\0'),
                                                  "\xff"};
  for (std::uint64_t n = 1 + random.below(3); n-- > 0 && !text.empty();) {
    const std::size_t at = random.below(text.size());
    switch (random.below(6)) {
      case 0: text[at] = static_cast<char>(random.below(256)); break;
      case 1: text.erase(at, 1 + random.below(8)); break;
      case 2: text.insert(at, tokens[random.below(tokens.size())]); break;
      case 3: text.insert(at, text.substr(at, random.below(60))); break;
      case 4: {  // a line once more
        const auto line = text.find("\r\n", at);
        const auto end = line == std::string::npos ? line : text.find("\r\n", line + 2);
        if (end != std::string::npos) text.insert(line, text.substr(line, end - line));
        break;
      }
      case 5: text.resize(at); break;
    }
  }
  return text;
}

}  // namespace

TEST_CASE("mutated messages leave the server alive, answering, and empty in the end") {
  const bool users = GENERATE(false, true);
  ServerOptions options = Server::with_domain();
  if (users) options.users = parse_users("alice:secret\n", "example.org")->lookup();
  ProxyFixture s(options);
  SeededRandom random(users ? 1 : 2);
  int answered = 0;
  for (int round = 0; round < 4000; ++round) {
    const std::string number = std::to_string(round);
    const Lines base = {"From: \"A\" <sip:alice@example.org>;tag=f", "To: <sip:alice@example.org>",
                        "Call-ID: h" + number, "Max-Forwards: 70"};
    const auto with = [&](const Lines& more) {
      Lines all = base;
      all.insert(all.end(), more.begin(), more.end());
      return all;
    };
    std::string text;
    switch (random.below(5)) {
      case 0:
        text = s.request(
            kCaller, "REGISTER", "sip:example.org", "r" + number,
            with({"CSeq: 1 REGISTER",
                  "Contact: " + kBob.contact() + ";q=0.5, <sip:x@198.51.100.9>;expires=60",
                  "Supported: path", "Path: <sip:198.51.100.77;lr>", "Expires: 100",
                  "Authorization: Digest username=\"alice\", realm=\"example.org\", nonce=\"n\", "
                  "uri=\"sip:example.org\", "
                  "response=\"0\", qop=auth, nc=00000001, cnonce=\"c\""}));
        break;
      case 1:
        text = s.request(
            kCaller, "INVITE", "sip:alice@example.org", "i" + number,
            with({"CSeq: 1 INVITE", "Contact: " + kCaller.contact(), "Route: <sip:192.0.2.1;lr>",
                  "Record-Route: <sip:p;lr>",
                  "Proxy-Authorization: Digest username=\"alice\", realm=\"example.org\""}),
            "v=0\r\n");
        break;
      case 2:
        text =
            s.request(kCaller, "CANCEL", "sip:alice@example.org", "i" + std::to_string(round - 1),
                      with({"CSeq: 1 CANCEL", "Reason: SIP;cause=200"}));
        break;
      case 3:
        text = s.request(kCaller, "MESSAGE", "sip:alice@example.org", "m" + number,
                         with({"CSeq: 1 MESSAGE", "Max-Breadth: 3"}));
        break;
      case 4:
        text = "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n" +
               std::string("From: <sip:a@b>;tag=1\r\n") +
               "To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n";
        break;
    }
    s.send(kCaller, random.below(8) == 0 ? text : mutated(text, random));
    // Callees answer, some of it mutated as well.
    for (int i = 0; i < 8 && !s.out.empty(); ++i) {
      const Seen seen = s.out.front();
      s.out.pop_front();
      if (!seen->is_request()) ++answered;
      if (!seen->is_request() || seen->method() == Method::ack) continue;
      const int status = std::vector<int>{180, 200, 302, 407, 486, 503, 603}[random.below(7)];
      const std::string reply = s.response(seen, status, "t");
      s.send(kBob, random.below(2) == 0 ? reply : mutated(reply, random));
    }
    s.out.clear();
    s.advance(std::chrono::milliseconds(random.below(200)));
  }
  CHECK(answered > 1000);
  s.out.clear();
  s.ask("OPTIONS", "sip:example.org");
  CHECK(s.take(kCaller)->status() == 200);
  s.end();
}

TEST_CASE("A77: a thousand Route values are read once, and refused") {
  ProxyFixture s;
  std::string route = "Route: <sip:192.0.2.1;lr>";
  for (int i = 1; i < 1000; ++i) route += ",<sip:192.0.2.1;lr>";
  s.ask("OPTIONS", "sip:bob@example.org", {route});
  CHECK(s.take(kCaller)->status() >= 400);
  s.end();
}
