// SPDX-License-Identifier: Apache-2.0
// A presence server: users publish, and are watched. RFC 3903 section 6, RFC 3856 section 6, RFC 3863.
#include "server/proxy_fixture.hpp"
#include "sipstack/dialog/event_bodies.hpp"

using namespace sipstack;
using namespace sipstack::testing_server;
using std::chrono::seconds;

namespace {

const std::string kBobsAor = "sip:bob@example.org";

ServerOptions with_presence(ServerOptions o = Server::with_domain()) {
  o.presence.emplace();
  return o;
}

std::string tuple(const std::string& id, const std::string& basic) {
  return "<tuple id=\"" + id + "\"><status><basic>" + basic + "</basic></status></tuple>";
}
std::string document(const std::string& content) {
  return "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"x\">" +
         content + "</presence>";
}

struct Presences : ProxyFixture {
  explicit Presences(const ServerOptions& o = with_presence()) : ProxyFixture(o) {}

  /// What becomes of a PUBLISH; with `more` lines, Event among them or not.
  Seen publish(const std::string& body, const Lines& more = {"Event: presence"},
               const std::string& uri = kBobsAor, const Peer& by = kBob) {
    Lines lines = {"From: <sip:bob@example.org>;tag=pf", "To: <" + uri + ">",
                   "Call-ID: pub-" + std::to_string(++number),
                   "CSeq: " + std::to_string(number) + " PUBLISH", "Max-Forwards: 70"};
    lines.insert(lines.end(), more.begin(), more.end());
    bool typed = body.empty();
    for (const auto& line : more) typed = typed || line.rfind("Content-Type", 0) == 0;
    if (!typed) lines.push_back("Content-Type: application/pidf+xml");
    send(by, request(by, "PUBLISH", uri, "p" + std::to_string(number), lines, body));
    return take(by);
  }
  std::string published(const std::string& body, const Lines& more = {"Event: presence"}) {
    const Seen ok = publish(body, more);
    CHECK(ok->status() == 200);
    return ok.raw(HeaderId::sip_etag);
  }
  Seen subscribe(const Lines& more = {}, const Peer& by = kCaller) {
    Lines lines = {"From: <" + by.uri() + ">;tag=w" + std::to_string(++number),
                   "To: <" + kBobsAor + ">",
                   "Call-ID: w-" + std::to_string(number),
                   "CSeq: 1 SUBSCRIBE",
                   "Max-Forwards: 70",
                   "Contact: " + by.contact(),
                   "Event: presence"};
    lines.insert(lines.end(), more.begin(), more.end());
    send(by, request(by, "SUBSCRIBE", kBobsAor, "w" + std::to_string(number), lines));
    return take(by);
  }
  /// The body of the NOTIFY that is there, answered.
  std::string told(const Peer& by = kCaller) {
    const Seen notify = take(by);
    CHECK(notify->method() == Method::notify);
    CHECK(notify.raw(HeaderId::content_type) == "application/pidf+xml");
    state = notify.raw(HeaderId::subscription_state);
    reply(by, notify, 200);
    return std::string(notify->body());
  }
  std::string state;
};

bool holds(const std::string& body, const std::string& part) {
  INFO(body);
  return body.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("presence: a watcher sees what all devices of a user publish, until it expires") {
  Presences s;
  CHECK(s.subscribe()->status() == 200);
  CHECK(s.told() == pidf(kBobsAor, false));  // nobody has said anything
  CHECK(s.state == "active;expires=3600");
  const std::string phone = s.published(document(tuple("t1", "open")));
  CHECK(s.told() == document(tuple("t1", "open")));
  // A second device, which calls its tuple the same; and no more than one NOTIFY in five seconds.
  const std::string tablet =
      s.published(document(tuple("t1", "closed")), {"Event: presence", "Expires: 600"});
  const std::string busy =
      s.published(document(tuple("t9", "closed")), {"Event: presence", "SIP-If-Match: " + phone});
  CHECK(s.nothing_for(kCaller));
  s.advance(seconds(5));
  const std::string both = s.told();
  CHECK(
      holds(both, "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"" + kBobsAor + "\">"));
  CHECK(holds(both, tuple("t1", "closed")));
  CHECK(holds(both, tuple("t9", "closed")));
  CHECK_FALSE(holds(both, "<basic>open"));
  // A refresh is nothing new to see.
  const std::string again =
      s.published("", {"Event: presence", "SIP-If-Match: " + busy, "Expires: 1200"});
  s.advance(seconds(590));
  CHECK(s.nothing_for(kCaller));
  s.advance(seconds(5));  // the tablet's is over
  CHECK(s.told() == document(tuple("t9", "closed")));
  CHECK(s.publish("", {"Event: presence", "SIP-If-Match: " + tablet})->status() == 412);
  s.advance(seconds(6));
  s.published("", {"Event: presence", "SIP-If-Match: " + again, "Expires: 0"});
  CHECK(s.told() == pidf(kBobsAor, false));
  s.advance(seconds(3600));
  CHECK(s.take(kCaller).raw(HeaderId::subscription_state).find("terminated") == 0);
  s.end();
}

TEST_CASE("presence: every PUBLISH that is no good has its answer") {
  ServerOptions o = with_presence();
  o.presence->state.max_publications = 3;
  o.presence->state.max_per_resource = 2;
  o.presence->state.max_body = 400;
  Presences s(o);
  const std::string good = document(tuple("a", "open"));
  const Seen other = s.publish(good, {"Event: dialog"});
  CHECK(other->status() == 489);
  CHECK(other.raw(HeaderId::allow_events) == "reg, presence");
  CHECK(s.publish(good, {})->status() == 489);
  CHECK(s.publish(good, {"Event: presence", "Content-Type: text/plain"})->status() == 415);
  CHECK(s.publish("", {"Event: presence"})->status() == 400);
  for (const std::string& bad :
       {std::string("no XML"), document("<tuple>"), "<other>" + tuple("a", "open") + "</other>",
        "<!DOCTYPE x><presence/>" + std::string(), good + good, document("<a b=c></a>")})
    CHECK(s.publish(bad)->status() == 400);
  CHECK(s.publish(document(std::string(400, ' ')))->status() == 413);
  const Seen brief = s.publish(good, {"Event: presence", "Expires: 59"});
  CHECK(brief->status() == 423);
  CHECK(brief.raw(HeaderId::min_expires) == "60");
  CHECK(s.publish(good, {"Event: presence", "SIP-If-Match: never"})->status() == 412);
  s.published(good);
  s.published(good);
  CHECK(s.publish(good)->status() == 503);  // two devices
  CHECK(s.publish(good, {"Event: presence"}, "sip:ben@example.org")->status() == 200);
  CHECK(s.publish(good, {"Event: presence"}, "sip:bill@example.org")->status() == 503);
  // Our address is the first domain, and the ports and cases of a user are one.
  s.advance(seconds(4000));
  s.published(good);
  CHECK(s.publish(good, {"Event: presence"}, "sip:bob@192.0.2.1:5060;x=y")->status() == 200);
  CHECK(s.publish(good, {"Event: presence"}, "sip:bob@EXAMPLE.org")->status() == 503);
  s.advance(seconds(4000));
  s.end();
}

TEST_CASE("presence: watchers are limited, judged, and no business of phones") {
  ServerOptions o = with_presence();
  o.presence->max_watchers = 1;
  std::string asked;
  o.presence->approve = [&](std::string_view watcher, std::string_view aor) {
    asked = std::string(watcher) + " for " + std::string(aor);
    return watcher == kBill.uri() ? PresenceAgentOptions::Answer::refuse
                                  : PresenceAgentOptions::Answer::allow;
  };
  Presences s(o);
  s.bind("bob", {kBob.contact()});
  // Each package has a duration of its own for those who don't say (RFC 3680 section 4.4).
  s.ask("SUBSCRIBE", kBobsAor, {"Event: reg", "Contact: " + kCaller.contact()});
  CHECK(s.take(kCaller).raw(HeaderId::expires) == "3761");
  s.reply(kCaller, s.take(kCaller), 200);
  CHECK(s.subscribe({}, kBill)->status() == 403);
  CHECK(asked == kBill.uri() + " for " + kBobsAor);
  CHECK(s.subscribe({"Accept: text/plain"})->status() == 406);
  CHECK(s.subscribe()->status() == 200);
  s.told();
  const Seen full = s.subscribe({}, kBen);
  CHECK(full->status() == 503);
  CHECK(full.raw(HeaderId::retry_after) == "60");
  CHECK(s.nothing_for(kBob));
  // Other packages are theirs, and so is presence of one of a user's phones.
  s.ask("SUBSCRIBE", kBobsAor, {"Event: dialog", "Contact: " + kCaller.contact()});
  s.reply(kBob, s.take(kBob), 489);
  CHECK(s.take(kCaller)->status() == 489);
  s.ask("SUBSCRIBE", kBobsAor + ";gr=urn:x", {"Event: presence", "Contact: " + kCaller.contact()});
  CHECK(s.take(kCaller)->status() == 480);
  s.ask("OPTIONS", "sip:example.org");
  const Seen options = s.take(kCaller);
  CHECK(options.raw(HeaderId::allow_events) == "reg, presence");
  CHECK(options.raw(HeaderId::allow) == "ACK, CANCEL, OPTIONS, REGISTER, SUBSCRIBE, PUBLISH");
  s.advance(seconds(4000));
  s.out.clear();
  s.end();
}

TEST_CASE("presence: off, or at an edge, it is the phones' or the next hop's") {
  Presences off(Server::with_domain());
  off.bind("bob", {kBob.contact()});
  off.ask("PUBLISH", kBobsAor, {"Event: presence"});
  off.reply(kBob, off.take(kBob), 489);
  CHECK(off.take(kCaller)->status() == 489);
  off.end();

  ServerOptions o = with_presence();
  o.proxy.edge = "sip:203.0.113.10";
  Presences edge(o);
  const Peer next{"next", "203.0.113.10"};
  for (const std::string method : {"PUBLISH", "SUBSCRIBE"}) {
    edge.ask(method, kBobsAor, {"Event: presence", "Contact: " + kCaller.contact()});
    edge.reply(next, edge.take(next), 404);
    CHECK(edge.take(kCaller)->status() == 404);
  }
  edge.end();
}

namespace {

/// PUBLISH and SUBSCRIBE with the right password of a user.
struct Proven : Presences {
  Proven() : Presences(with_presence(with_users("bob:secret\neve:other\n"))) {}

  int say(const std::string& method, const std::string& user, const std::string& from) {
    DigestClient client{{{user, user == "bob" ? "secret" : "other", "example.org"}}};
    for (const bool answer : {false, true}) {
      RequestWriter w(kept, method, kBobsAor);
      w.header(HeaderId::max_forwards, 70);
      w.header(HeaderId::from, "<" + from + ">;tag=f");
      w.header(HeaderId::to, "<" + kBobsAor + ">");
      w.header(HeaderId::call_id, "proven-" + std::to_string(++number));
      w.header(HeaderId::cseq, "1 " + method);
      w.header(HeaderId::contact, kCaller.contact());
      w.header(HeaderId::event, "presence");
      const std::string body = method == "PUBLISH" ? document(tuple("a", "open")) : "";
      if (answer) client.authorize(w, method, kBobsAor, body, random);
      if (!body.empty()) w.body(kPidfType, body);
      const std::string at = kCaller.at();
      const std::string branch = "z9hG4bKu" + std::to_string(number);
      const auto m = w.seal({Transport::udp, at, branch});
      REQUIRE(m);
      send(kCaller, std::string(m->bytes()));
      const Seen r = take(kCaller);
      if (answer) return r->status();
      REQUIRE(r->status() == 401);
      REQUIRE(client.challenged(r.message.view()));
    }
    return 0;
  }
};

}  // namespace

TEST_CASE("presence: only its owner publishes an AOR, and users watch in their own names alone") {
  Proven s;
  CHECK(s.say("PUBLISH", "eve", kBobsAor) == 403);
  CHECK(s.say("PUBLISH", "bob", "sip:bob@example.org") == 200);
  CHECK(s.say("SUBSCRIBE", "eve", kBobsAor) == 403);
  CHECK(s.say("SUBSCRIBE", "eve", "sip:eve@elsewhere.example") == 403);
  CHECK(s.say("SUBSCRIBE", "eve", "sip:eve@example.org") == 200);
  CHECK(holds(s.told(), "<basic>open</basic>"));
  // Users may go while the server runs, and then everybody may.
  s.core->reconfigure(with_presence());
  CHECK(s.publish(document(tuple("b", "closed")))->status() == 200);
  CHECK(holds(s.told(), tuple("b", "closed")));
  s.advance(seconds(4000));
  s.out.clear();
  s.end();
}

TEST_CASE("PIDF: of bytes that were changed at random no document is made that is none") {
  const std::string sound =
      document(tuple("a", "open") + "<p:person xmlns:p='urn:p' id=\"b\"/><note>x</note>");
  SeededRandom random(7);
  int made = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = sound;
    for (std::uint64_t n = random.below(4); n-- > 0;) {
      const std::size_t at = random.below(bytes.size());
      switch (random.below(3)) {
        case 0: bytes[at] = "<>/\"'= &!?x"[random.below(11)]; break;
        case 1: bytes.erase(at, random.below(8)); break;
        default: bytes.insert(at, bytes.substr(random.below(bytes.size()), random.below(12)));
      }
    }
    const auto one = merge_pidf("sip:a@b", {bytes, sound});
    if (!one) continue;
    ++made;
    INFO(bytes);
    const auto again = merge_pidf("sip:a@b", {*one});
    REQUIRE(again);
    CHECK(*again == *one);
  }
  CHECK(made > 500);
  CHECK(made < 3000);
}

TEST_CASE("PIDF: documents become one, each name in its namespace, each id once") {
  const std::string prefixed =
      "<?xml version='1.0' encoding='UTF-8'?>\n<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf' "
      "xmlns:r='urn:x'>\n <!-- > --><p:tuple id='a'><p:status/></p:tuple>\n"
      "<r:person id='b' note='>'/>\n</p:presence>\n";
  const std::string plain =
      "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"><tuple id=\"a\"/>"
      "<note xmlns=\"urn:y\">all &amp; sundry</note></presence>";
  const auto all = merge_pidf("sip:a&b@example.org", {prefixed, plain, "<presence/>"});
  REQUIRE(all);
  CHECK(*all ==
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a&amp;b@example.org\">\r\n"
        "  <p:tuple id='a' xmlns=\"\" xmlns:p=\"urn:ietf:params:xml:ns:pidf\" xmlns:r=\"urn:x\">"
        "<p:status/></p:tuple>\r\n"
        "  <r:person id='b' note='>' xmlns=\"\" xmlns:p=\"urn:ietf:params:xml:ns:pidf\" "
        "xmlns:r=\"urn:x\"/>\r\n"
        "  <tuple id=\"a-2\"/>\r\n"
        "  <note xmlns=\"urn:y\">all &amp; sundry</note>\r\n"
        "</presence>\r\n");
  CHECK(merge_pidf("x", {*all, *all}));
  CHECK_FALSE(merge_pidf("x", {plain, "<presence><tuple></presence>"}));
  CHECK_FALSE(merge_pidf("x", {plain}, 1));
  CHECK(
      merge_pidf("x", {"<presence><note>\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80</note></presence>"}));
  for (const std::string bytes : {"\xe4", "\xc3", "\xc0\x80", "\xe2\x82", "\xf5\x80\x80\x80"})
    CHECK_FALSE(merge_pidf("x", {"<presence><note>" + bytes + "</note></presence>"}));
  std::string deep = "<presence>";
  for (int i = 0; i < 40; ++i) deep += "<a>";
  for (int i = 0; i < 40; ++i) deep += "</a>";
  CHECK_FALSE(merge_pidf("x", {deep + "</presence>"}));
}
