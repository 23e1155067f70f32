// SPDX-License-Identifier: Apache-2.0
// A core in operation: new options while it runs, no new work before its end, what it counts and tells.
#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "server/proxy_fixture.hpp"
#include "sipstack/server/users.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;

namespace {

ServerOptions serving(std::vector<std::string> domains, const char* users = nullptr) {
  ServerOptions o;
  o.registrar.domains = std::move(domains);
  if (users != nullptr) o.users = parse_users(users, o.registrar.domains.front())->lookup();
  return o;
}

}  // namespace

TEST_CASE("new options hold from the next request on, and bindings stay") {
  ProxyFixture f;
  f.bind("bob", {kBob.contact()});
  f.ask("OPTIONS", "sip:bob@new.example");
  CHECK(f.take(kCaller)->status() == 403);
  ServerOptions o = serving({"example.org", "new.example"});
  o.registrar.min_expires = 600;
  o.proxy.redirect = true;
  f.core->reconfigure(o);
  f.ask("OPTIONS", "sip:bob@new.example");
  CHECK(f.take(kCaller)->status() == 480);  // ours now, and nobody there
  f.ask("OPTIONS");
  CHECK(f.take(kCaller)->status() == 302);
  f.send(kBob,
         f.request(kBob, "REGISTER", "sip:example.org", "r1",
                   {"From: <sip:x@example.org>;tag=f", "To: <sip:x@example.org>", "Call-ID: r1",
                    "CSeq: 1 REGISTER", "Contact: <sip:x@192.0.2.9>", "Expires: 100"}));
  CHECK(f.take(kBob)->status() == 423);
  f.core->reconfigure(serving({"example.org"}));
  f.ask("OPTIONS");
  CHECK(f.take(kBob)->method() == Method::options);
  f.end();
}

TEST_CASE("a call that is on its way when options change ends as it began") {
  ProxyFixture f;
  f.bind("bob", {kBob.contact()});
  f.ask("INVITE");
  const Seen invite = f.take(kBob);
  f.core->reconfigure(serving({"other.example"}, "bob:secret\n"));
  f.reply(kBob, invite, 200, {"Contact: " + kBob.contact()});
  const Seen ok = f.take_past_100(kCaller);
  CHECK(ok->status() == 200);
  // Inside its dialog nobody is asked for credentials.
  f.send(kCaller, f.in_dialog("BYE", ok, 8, kBob.uri()));
  const Seen bye = f.take(kBob);
  CHECK(bye->method() == Method::bye);
  f.reply(kBob, bye, 200);
  CHECK(f.take(kCaller)->status() == 200);
  f.end();
}

TEST_CASE("users may come, change and go; a nonce outlives that") {
  ProxyFixture f;
  CHECK(f.core->digest() == nullptr);
  f.core->reconfigure(serving({"example.org"}, "bob:secret\n"));
  f.ask("OPTIONS");
  const Seen challenge = f.take(kCaller);
  CHECK(challenge->status() == 407);
  REQUIRE(f.core->digest() != nullptr);
  CHECK(f.core->digest()->said(DigestVerdict::missing) == 1);

  DigestClient client({{"bob", "changed", "example.org"}});
  REQUIRE(client.challenged(challenge.message.view()));
  f.core->reconfigure(serving({"example.org"}, "bob:changed\n"));
  RequestWriter writer(f.kept, "OPTIONS", "sip:bob@example.org");
  writer.header(HeaderId::max_forwards, 70);
  writer.header(HeaderId::from, "<sip:bob@example.org>;tag=f");
  writer.header(HeaderId::to, "<sip:bob@example.org>");
  writer.header(HeaderId::call_id, "auth-1");
  writer.header(HeaderId::cseq, "1 OPTIONS");
  client.authorize(writer, "OPTIONS", "sip:bob@example.org", "", f.random);
  const std::string at = kCaller.at();
  const auto sealed = writer.seal({Transport::udp, at, "z9hG4bKauth"});
  REQUIRE(sealed);
  f.send(kCaller, std::string(sealed->bytes()));
  CHECK(f.take(kCaller)->status() == 480);
  CHECK(f.core->digest()->said(DigestVerdict::accepted) == 1);

  f.core->reconfigure(serving({"example.org"}));
  CHECK(f.core->digest() == nullptr);
  f.ask("OPTIONS");
  CHECK(f.take(kCaller)->status() == 480);
  f.end();
}

TEST_CASE("before its end a server takes nothing new, and carries on what there is") {
  ProxyFixture f;
  f.bind("bob", {kBob.contact()});
  CHECK(f.core->idle());
  const std::string invite = f.ask("INVITE");
  const Seen forwarded = f.take(kBob);
  CHECK_FALSE(f.core->idle());
  f.core->drain(7);

  for (const char* method : {"OPTIONS", "INVITE", "MESSAGE", "SUBSCRIBE"}) {
    const std::string fresh =
        f.request(kStranger, method, "sip:bob@example.org", std::string("n") + method,
                  ProxyFixture::lines(method, "sip:bob@example.org"));
    // Each copy gets the same answer, and none is kept.
    for (int copy = 0; copy < 2; ++copy) {
      f.send(kStranger, fresh);
      const Seen refused = f.take(kStranger);
      CHECK(refused->status() == 503);
      CHECK(refused.raw(HeaderId::retry_after) == "7");
    }
  }
  CHECK(f.core->counters().draining_refused == 8);

  f.send(kCaller, invite);  // a copy: what is in progress is known
  f.reply(kBob, forwarded, 180);
  CHECK(f.take_past_100(kCaller)->status() == 180);
  SECTION("it is answered") {
    f.reply(kBob, forwarded, 200, {"Contact: " + kBob.contact()});
    const Seen ok = f.take_past_100(kCaller);
    CHECK(ok->status() == 200);
    CHECK(f.core->idle());
    f.send(kCaller, f.in_dialog("BYE", ok, 8, kBob.uri()));
    const Seen bye = f.take(kBob);
    f.reply(kBob, bye, 200);
    CHECK(f.take(kCaller)->status() == 200);
  }
  SECTION("it is cancelled") {
    f.send(kCaller, ProxyFixture::companion(invite, "CANCEL"));
    CHECK(f.take_past_100(kCaller)->status() == 200);
    CHECK(f.take(kBob)->method() == Method::cancel);
    f.reply(kBob, forwarded, 487);
  }
  f.end();
  CHECK(f.core->idle());
}

TEST_CASE("messages are counted by kind and direction, copies as such") {
  ProxyFixture f;
  f.bind("bob", {kBob.contact()});
  const std::string invite = f.ask("INVITE");
  const Seen forwarded = f.take(kBob);
  f.reply(kBob, forwarded, 486);
  f.send(kCaller, invite);
  const CoreCounters& n = f.core->counters();
  const auto at = [](Method m) { return static_cast<std::size_t>(m); };
  CHECK(n.in.requests[at(Method::register_)] == 1);
  CHECK(n.out.responses[at(Method::register_)][1] == 1);
  CHECK(n.in.requests[at(Method::invite)] == 2);
  CHECK(n.out.requests[at(Method::invite)] == 1);
  CHECK(n.in.responses[at(Method::invite)][3] == 1);
  CHECK(n.out.responses[at(Method::invite)][3] == 2);  // the 486, and again for the copy
  CHECK(n.out.requests[at(Method::ack)] == 1);
  CHECK(n.repeated == 1);
  CHECK(n.begun == 2);
  CHECK(n.timed_out == 0);
  f.end();
  CHECK(n.timed_out == 1);  // the caller never acknowledged
}

TEST_CASE("each answered request is told once, with what is known of it, where that is wanted") {
  SeededRandom random{1};
  CoreOptions options;
  options.server = serving({"example.org"});
  std::vector<std::map<std::string, std::string>> told;
  Core core(options, random, [&](const LogRecord& record) {
    std::map<std::string, std::string> all = {{"event", std::string(record.event)},
                                              {"text", std::string(record.text)}};
    for (std::size_t i = 0; i < record.count; ++i) {
      const LogField& field = record.fields[i];
      all[std::string(field.name)] =
          field.is_number ? std::to_string(field.number) : std::string(field.text);
    }
    told.push_back(std::move(all));
  });
  core.locals().add({Transport::udp, *SocketAddress::parse("192.0.2.1:5060"), {}});
  const Flow flow{Transport::udp, *SocketAddress::parse("192.0.2.1:5060"),
                  *SocketAddress::parse("198.51.100.1:5060"), 0};
  const auto ask = [&](const std::string& branch) {
    core.receive("BREW sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK" +
                     branch +
                     "\r\nFrom: <sip:a@x.test>;tag=f\r\nTo: <sip:b@example.org>\r\n"
                     "Call-ID: c1\r\nCSeq: 1 BREW\r\nContent-Length: 0\r\n\r\n",
                 flow, TimePoint{});
    for (Transmit out; core.next(out);) {
    }
  };
  ask("1");
  CHECK(told.empty());
  core.log_requests(true);
  ask("2");
  ask("2");  // a copy
  REQUIRE(told.size() == 1);
  CHECK(told[0] == std::map<std::string, std::string>{{"event", "request"},
                                                      {"text", "BREW from 198.51.100.1:5060: 404"},
                                                      {"method", "BREW"},
                                                      {"status", "404"},
                                                      {"call-id", "c1"},
                                                      {"source", "198.51.100.1:5060"},
                                                      {"transport", "udp"},
                                                      {"from", "sip:a@x.test"},
                                                      {"to", "sip:b@example.org"}});
  core.receive("BREW sip:example.org SIP/2.0\r\nVia: x\r\n\r\n", flow, TimePoint{});
  for (Transmit out; core.next(out);) {
  }
  REQUIRE(told.size() >= 2);
  CHECK(told[1]["event"] == "bad-message");
  CHECK(told[1]["source"] == "198.51.100.1:5060");
}

TEST_CASE("a log hook is made of what takes a record, or a level and a text, or is none") {
  CHECK_FALSE(LogHook());
  CHECK_FALSE(LogHook(std::function<void(LogLevel, std::string_view)>()));
  CHECK_FALSE(LogHook(std::function<void(const LogRecord&)>()));
  std::string heard;
  LogHook hook = [&](LogLevel level, std::string_view text) {
    heard = std::to_string(static_cast<int>(level)) + std::string(text);
  };
  hook({LogLevel::warning, "e", "t", nullptr, 0});
  CHECK(heard == "1t");
  hook = [&](const LogRecord& record) { heard = std::string(record.event); };
  hook(LogLevel::info, "plain");
  CHECK(heard.empty());
}
