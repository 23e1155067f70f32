// SPDX-License-Identifier: Apache-2.0
// The registrar tells phones who is registered. RFC 3680.
#include "sipstack/server/registration_events.hpp"

#include "dialog/digest_hash.hpp"
#include "server/proxy_fixture.hpp"
#include "sipstack/server/users.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;
using std::chrono::seconds;

namespace {

const std::string kAor = "sip:bob@example.org";

struct Watching : ProxyFixture {
  using ProxyFixture::ProxyFixture;

  static Lines subscribe(const std::string& expires = "3600", const Lines& more = {}) {
    Lines lines = {"Event: reg", "Expires: " + expires, "Contact: " + kCaller.contact()};
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
  }
  /// SUBSCRIBE, its 200 and the first NOTIFY, answered.
  std::string begin() {
    ask("SUBSCRIBE", kAor, subscribe());
    CHECK(take(kCaller)->status() == 200);
    return notified();
  }
  /// The body of the NOTIFY that is there, answered.
  std::string notified() {
    const Seen notify = take(kCaller);
    CHECK(notify->method() == Method::notify);
    CHECK(notify.raw(HeaderId::event) == "reg");
    CHECK(notify.raw(HeaderId::content_type) == "application/reginfo+xml");
    last = notify.raw(HeaderId::subscription_state);
    reply(kCaller, notify, 200);
    return std::string(notify->body());
  }
  static bool has(const std::string& body, const std::string& part) {
    INFO(body);
    return body.find(part) != std::string::npos;
  }
  std::string last;
};

}  // namespace

TEST_CASE("reg: a watcher hears of each contact that comes, is refreshed, goes and expires") {
  Watching s;
  const std::string empty = s.begin();
  CHECK(Watching::has(empty, "version=\"0\" state=\"full\""));
  CHECK(Watching::has(empty, "aor=\"" + kAor + "\""));
  CHECK(Watching::has(empty, "state=\"init\""));
  CHECK(s.last.find("active;expires=3600") == 0);

  s.bind("bob", {"<sip:bob@198.51.100.2>;+sip.instance=\"<urn:x&y>\";q=0.5"}, kBob,
         {"Expires: 600"});
  const std::string created = s.notified();
  CHECK(Watching::has(created, "version=\"1\""));
  CHECK(Watching::has(created, "state=\"active\""));
  CHECK(Watching::has(created, "event=\"created\" expires=\"600\""));
  CHECK(Watching::has(created, "q=\"0.5\" callid=\"reg-bob\""));
  CHECK(Watching::has(created, "<uri>sip:bob@198.51.100.2</uri>"));
  CHECK(Watching::has(created, "name=\"+sip.instance\">&quot;&lt;urn:x&amp;y&gt;&quot;<"));
  CHECK(Watching::has(created, "<gr:pub-gruu uri=\"sip:bob@example.org;gr=urn:x&amp;y\"/>"));

  s.advance(seconds(100));
  s.bind("bob", {"<sip:bob@198.51.100.2>;+sip.instance=\"<urn:x&y>\";q=0.5"}, kBob,
         {"Expires: 600"});
  CHECK(Watching::has(s.notified(),
                      "event=\"refreshed\" expires=\"600\" duration-registered=\"100\""));

  s.bind("bob", {"<sip:bob@198.51.100.3>"}, kBen, {"Expires: 60"});
  s.notified();
  s.bind("bob", {"<sip:bob@198.51.100.2>;expires=0"}, kBob);
  const std::string gone = s.notified();
  CHECK(Watching::has(gone, "state=\"terminated\" event=\"unregistered\""));
  CHECK(Watching::has(gone, "state=\"active\" event=\"created\""));
  s.advance(seconds(60));
  const std::string expired = s.notified();
  CHECK(Watching::has(expired, "state=\"terminated\" event=\"expired\""));
  CHECK(Watching::has(expired, "id=\"r1\" state=\"terminated\""));
  CHECK_FALSE(Watching::has(expired, "unregistered"));  // told once

  // What only asks, or concerns others, tells nothing.
  s.bind("bob", {}, kBob);
  s.bind("alice", {"<sip:alice@198.51.100.9>"}, kBob);
  CHECK(s.nothing_for(kCaller));
  s.advance(seconds(3600));  // the subscription is over
  CHECK(s.take(kCaller).raw(HeaderId::subscription_state).find("terminated") == 0);
  s.end();
}

TEST_CASE("reg: what is bound already is told first, and a poll leaves nothing") {
  Watching s;
  s.bind("bob", {"<sip:bob@198.51.100.2>"}, kBob);
  s.ask("SUBSCRIBE", kAor, Watching::subscribe("0"));
  CHECK(s.take(kCaller)->status() == 200);
  CHECK(Watching::has(s.notified(), "<uri>sip:bob@198.51.100.2</uri>"));
  CHECK(s.last.find("terminated") == 0);
  s.bind("bob", {"<sip:bob@198.51.100.3>"}, kBen);
  CHECK(s.nothing_for(kCaller));
  s.advance(seconds(7200));
  s.end();
}

TEST_CASE("reg: other types, other packages and other domains") {
  Watching s;
  s.ask("SUBSCRIBE", kAor, Watching::subscribe("60", {"Accept: application/pidf+xml"}));
  CHECK(s.take(kCaller)->status() == 406);
  s.ask("SUBSCRIBE", kAor, {"Event: presence", "Contact: " + kCaller.contact()});
  CHECK(s.take(kCaller)->status() == 480);  // the proxy's affair, and nobody is there
  s.ask("SUBSCRIBE", "sip:bob@elsewhere.example", Watching::subscribe());
  CHECK(s.take(kCaller)->status() == 403);
  s.end();
}

TEST_CASE("reg: two watchers, each with versions of its own; one that is gone is forgotten") {
  Watching s;
  s.begin();
  s.send(kBill, s.request(kBill, "SUBSCRIBE", kAor, "w2",
                          {"Max-Forwards: 70", "From: <sip:bill@elsewhere.example>;tag=b",
                           "To: <" + kAor + ">", "Call-ID: w2", "CSeq: 1 SUBSCRIBE", "Event: reg",
                           "Contact: " + kBill.contact(), "Expires: 3600"}));
  CHECK(s.take(kBill)->status() == 200);
  s.reply(kBill, s.take(kBill), 481);  // it has never heard of that
  s.bind("bob", {"<sip:bob@198.51.100.2>"}, kBob);
  CHECK(Watching::has(s.notified(), "version=\"1\""));
  CHECK(s.nothing_for(kBill));
  s.advance(seconds(8000));
  s.out.clear();
  s.end();
}

TEST_CASE("reg: only the owner may watch") {
  ServerOptions options = Server::with_domain();
  options.users = parse_users("bob:secret\neve:other\n", "example.org")->lookup();
  Watching s(options);
  for (const std::string user : {"bob", "eve"}) {
    s.ask("SUBSCRIBE", kAor, Watching::subscribe());
    const Seen challenge = s.take(kCaller);
    REQUIRE(challenge->status() == 401);
    const auto asked = challenge.message->get(hdr::www_authenticate);
    const std::string nonce = *digest::param(*asked, "nonce");
    const auto algorithm = digest::algorithm_from(*asked->find("algorithm"))->hash;
    const std::string ha1 =
        digest_ha1(algorithm, user, "example.org", user == "bob" ? "secret" : "other");
    s.ask(
        "SUBSCRIBE", kAor,
        Watching::subscribe(
            "3600",
            {"Authorization: Digest username=\"" + user + "\", realm=\"example.org\", nonce=\"" +
             nonce + "\", uri=\"" + kAor + "\", algorithm=" + std::string(to_string(algorithm)) +
             ", cnonce=\"c\", qop=auth, nc=00000001, response=\"" +
             digest::response(algorithm, {ha1, nonce, "00000001", "c", "auth", "SUBSCRIBE", kAor}) +
             "\""}));
    CHECK(s.take(kCaller)->status() == (user == "bob" ? 200 : 403));
    if (user == "bob") s.notified();
  }
  s.advance(seconds(8000));
  s.out.clear();
  s.end();
}
