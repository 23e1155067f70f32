// SPDX-License-Identifier: Apache-2.0
// Publishing against a server that the test plays, against our own presence agent, and watching what comes
// of it. RFC 3903, RFC 3856.
#include "phones.hpp"
#include "sipstack/dialog/event_bodies.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

using State = PublicationChanged::State;

PublicationOptions presence_of(const std::string& target) {
  PublicationOptions options;
  options.target = target;
  options.from = target;
  options.event = "presence";
  options.content_type = "application/pidf+xml";
  options.body = "<one/>";
  return options;
}

struct Publishing {
  Publishing() : alice(network, "alice", "192.0.2.1"), server(network, "server", "192.0.2.9") {
    options = presence_of("sip:alice@192.0.2.9");
    options.credentials = {{"alice", "secret", ""}};
  }
  void start() {
    network.now([this](TimePoint now) { id = alice.ua().publish(options, now).value(); });
    network.run(milliseconds(1));
  }
  template <class F>
  void now(F f) {
    network.now([&](TimePoint at) { f(alice.ua(), at); });
    network.run(milliseconds(1));
  }
  const MessageView last() { return server.last("PUBLISH").message.view(); }
  void ok(const std::string& etag, const std::string& expires = "600") {
    server.reply(server.last("PUBLISH"), 200, "s",
                 Letter().add("SIP-ETag", etag).add("Expires", expires));
  }
  void refuse(int status, Letter extra = {}) {
    server.reply(server.last("PUBLISH"), status, "s", std::move(extra));
  }

  Network network;
  Phone alice;
  Stranger server;
  PublicationOptions options;
  PublicationId id;
};

}  // namespace

TEST_CASE(
    "a publication: initial, refreshed, modified and removed, each with the last entity-tag") {
  Publishing t;
  t.start();
  CHECK(t.last().uri_text() == "sip:alice@192.0.2.9");
  CHECK(t.last().raw(HeaderId::event) == "presence");
  CHECK(t.last().get(hdr::expires)->number == 3600);
  CHECK_FALSE(t.last().has(HeaderId::sip_if_match));
  CHECK_FALSE(t.last().has(HeaderId::contact));
  CHECK(t.last().body() == "<one/>");
  t.ok("a");
  CHECK(t.alice.last<PublicationChanged>().state == State::published);
  t.network.run(seconds(545));
  CHECK(t.last().raw(HeaderId::sip_if_match) == "a");
  CHECK(t.last().body().empty());
  CHECK(t.last().cseq().number == 2);
  t.ok("b");
  t.now(
      [&](UserAgent& ua, TimePoint at) { CHECK_FALSE(ua.modify(t.id, "text/plain", "two", at)); });
  CHECK(t.last().raw(HeaderId::sip_if_match) == "b");
  CHECK(t.last().body() == "two");
  // While one is on its way the next waits for its entity-tag.
  t.now([&](UserAgent& ua, TimePoint at) {
    CHECK_FALSE(ua.modify(t.id, "text/plain", "three", at));
    CHECK_FALSE(ua.modify(t.id, "text/plain", "four", at));
  });
  CHECK(t.last().body() == "two");
  t.ok("c");
  CHECK(t.last().raw(HeaderId::sip_if_match) == "c");
  CHECK(t.last().body() == "four");
  t.now([&](UserAgent& ua, TimePoint at) { CHECK_FALSE(ua.remove(t.id, at)); });
  t.ok("d");
  CHECK(t.last().raw(HeaderId::sip_if_match) == "d");
  CHECK(t.last().get(hdr::expires)->number == 0);
  CHECK(t.last().body().empty());
  t.ok("e", "0");
  CHECK(t.alice.last<PublicationChanged>().state == State::removed);
  CHECK(t.alice.ua().remove(t.id, t.network.time()) == Errc::gone);
  t.network.run(seconds(40));
  t.alice.must_be_empty();
}

TEST_CASE("412: the server has forgotten; the whole state is published anew, but not for ever") {
  Publishing t;
  t.start();
  t.ok("a");
  t.network.run(seconds(545));
  CHECK(t.last().raw(HeaderId::sip_if_match) == "a");
  t.refuse(412);
  CHECK_FALSE(t.last().has(HeaderId::sip_if_match));
  CHECK(t.last().body() == "<one/>");
  SECTION("done") {
    t.ok("b");
    CHECK(t.alice.last<PublicationChanged>().state == State::published);
    CHECK(t.alice.count<PublicationChanged>() == 2);
  }
  SECTION("a server that says so of anything") {
    const auto before = t.server.count("PUBLISH");
    t.refuse(412);
    CHECK(t.server.count("PUBLISH") == before);
    CHECK(t.alice.last<PublicationChanged>().state == State::failed);
  }
}

TEST_CASE("what else a server answers to a PUBLISH") {
  Publishing t;
  t.options.expires = 30;
  t.start();
  SECTION("423: at least Min-Expires") {
    t.refuse(423, Letter().add("Min-Expires", "900"));
    CHECK(t.last().get(hdr::expires)->number == 900);
    CHECK(t.last().body() == "<one/>");
  }
  SECTION("401: credentials") {
    t.refuse(401,
             Letter().add("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\""));
    CHECK(t.last().has(HeaderId::authorization));
    CHECK(t.last().body() == "<one/>");
  }
  SECTION("503: again behind Retry-After") {
    t.refuse(503, Letter().add("Retry-After", "100"));
    CHECK(t.alice.last<PublicationChanged>().state == State::failed);
    t.network.run(seconds(98));
    CHECK(t.server.count("PUBLISH") == 1);
    t.network.run(seconds(3));
    CHECK(t.server.count("PUBLISH") >= 2);
    CHECK(t.last().body() == "<one/>");
  }
  SECTION("a 200 that says neither what nor how long is no success") {
    t.refuse(200);
    CHECK(t.alice.last<PublicationChanged>().error == Errc::bad_response);
  }
  SECTION("nothing at all") {
    t.network.run(seconds(33));
    CHECK(t.alice.last<PublicationChanged>().error == Errc::timeout);
    t.now([&](UserAgent& ua, TimePoint at) { CHECK_FALSE(ua.remove(t.id, at)); });
    CHECK(t.alice.last<PublicationChanged>().state == State::removed);
  }
}

// ---- the presence agent

namespace {

CoreOptions with_agent() {
  CoreOptions options;
  options.user_agent.presence.emplace();
  options.user_agent.presence->state.max_per_resource = 2;
  return options;
}

struct Agency {
  explicit Agency(const CoreOptions& options = with_agent())
      : agent(network, "agent", "192.0.2.9", options),
        alice(network, "alice", "192.0.2.1"),
        bob(network, "bob", "192.0.2.2") {}
  PublicationId publish(Phone& who, const std::string& body) {
    PublicationId id;
    PublicationOptions options = presence_of("sip:alice@192.0.2.9");
    options.body = body;
    network.now([&](TimePoint now) { id = who.ua().publish(options, now).value(); });
    network.run(milliseconds(20));
    return id;
  }
  SubscriptionId watch(Phone& who) {
    SubscriptionId id;
    SubscriptionOptions options;
    options.target = "sip:alice@192.0.2.9";
    options.event = "presence";
    network.now([&](TimePoint now) { id = who.ua().subscribe(options, now).value(); });
    network.run(milliseconds(20));
    return id;
  }
  std::string seen(Phone& who) { return std::string(who.last<NotifyReceived>().notify->body()); }

  Network network;
  Phone agent;
  Phone alice;
  Phone bob;
};

}  // namespace

TEST_CASE("presence agent: what Alice publishes Bob sees, until it expires") {
  Agency t;
  t.watch(t.bob);
  CHECK(t.seen(t.bob) == pidf("sip:alice@192.0.2.9", false));
  const PublicationId id = t.publish(t.alice, "<here/>");
  CHECK(t.seen(t.bob) == "<here/>");
  t.network.now(
      [&](TimePoint now) { t.alice.ua().modify(id, "application/pidf+xml", "<busy/>", now); });
  t.network.run(milliseconds(20));
  CHECK(t.seen(t.bob) == "<busy/>");
  // Of two devices the one that spoke last is shown; when it goes, the other.
  const PublicationId phone = t.publish(t.bob, "<phone/>");
  CHECK(t.seen(t.bob) == "<phone/>");
  t.network.now([&](TimePoint now) { t.bob.ua().remove(phone, now); });
  t.network.run(milliseconds(20));
  CHECK(t.seen(t.bob) == "<busy/>");
  // A refresh changes nothing that anybody sees.
  const auto told = t.bob.count<NotifyReceived>();
  t.network.run(seconds(3200));
  CHECK(t.bob.count<NotifyReceived>() == told);
  CHECK(t.alice.last<PublicationChanged>().state == State::published);
  // Alice is cut off: her state expires.
  t.network.part("alice", "agent");
  t.network.run(seconds(3700));
  CHECK(t.seen(t.bob) == pidf("sip:alice@192.0.2.9", false));
  CHECK(t.agent.events.empty());
  for (Phone* phone_of : {&t.alice, &t.bob})
    t.network.now([phone_of](TimePoint now) { phone_of->ua().shut_down(now); });
  CHECK(t.network.run_to_rest(t.network.time() + seconds(4000)));
  t.agent.must_be_empty();
}

TEST_CASE("presence agent: who may watch and who may publish") {
  using Answer = PresenceAgentOptions::Answer;
  CoreOptions options = with_agent();
  Answer answer = Answer::wait;
  options.user_agent.presence->approve = [&](std::string_view, std::string_view resource) {
    CHECK(resource == "sip:alice@192.0.2.9");
    return answer;
  };
  options.user_agent.presence->may_publish =
      [](std::string_view publisher, std::string_view resource) { return publisher == resource; };
  Agency t(options);
  t.publish(t.alice, "<here/>");
  t.watch(t.bob);
  CHECK(t.bob.last<SubscriptionChanged>().state == SubscriptionChanged::State::pending);
  CHECK(t.seen(t.bob).empty());
  answer = Answer::refuse;
  t.watch(t.alice);
  CHECK(t.alice.last<SubscriptionChanged>().message->status() == 403);
  t.network.now([&](TimePoint now) {
    PublicationOptions other = presence_of("sip:alice@192.0.2.9");
    other.from = "sip:mallory@192.0.2.9";
    other.refresh = false;
    CHECK(t.bob.ua().publish(other, now));
  });
  t.network.run(milliseconds(20));
  CHECK(t.bob.last<PublicationChanged>().response->status() == 403);
}

TEST_CASE("presence agent: every PUBLISH that is no good has its answer") {
  Agency t;
  Stranger eve(t.network, "eve", "192.0.2.77");
  const auto publish = [&](Letter change = {}, const std::string& body = "<x/>") {
    Letter out = eve.request("PUBLISH", t.agent);
    out.remove("Contact").add("Event", "presence");
    if (!body.empty()) out.with("application/pidf+xml", body);
    for (const auto& [name, value] : change.lines) out.set(name, value);
    eve.send(out, t.agent.where);
    return eve.answer_to(out);
  };
  const MessageView ok = publish();
  REQUIRE(ok.status() == 200);
  CHECK(ok.get(hdr::expires)->number == 3600);
  const std::string etag(ok.get(hdr::sip_etag)->text);
  CHECK(publish(Letter().set("Event", "dialog")).status() == 489);
  CHECK(publish(Letter().set("Event", "dialog")).raw(HeaderId::allow_events) == "presence");
  CHECK(publish(Letter().set("Content-Type", "text/plain")).status() == 415);
  CHECK(publish({}, "").status() == 400);
  CHECK(publish(Letter().set("SIP-If-Match", "nothing")).status() == 412);
  CHECK(publish(Letter().set("SIP-If-Match", "a b")).status() == 400);
  CHECK(publish(Letter().set("Expires", "59")).status() == 423);
  CHECK(publish(Letter().set("Expires", "59")).get(hdr::min_expires)->number == 60);
  CHECK(publish(Letter().set("Expires", "99999999999")).get(hdr::expires)->number == 86400);
  CHECK(publish().status() == 503);  // two of one resource are the limit
  // A refresh, then the old entity-tag is good no more.
  const MessageView again = publish(Letter().set("SIP-If-Match", etag), "");
  CHECK(again.status() == 200);
  CHECK(again.get(hdr::sip_etag)->text != etag);
  CHECK(publish(Letter().set("SIP-If-Match", etag), "").status() == 412);
  CHECK(publish(Letter().set("Expires", "0")).status() == 200);  // nothing is stored
  CHECK(publish({}, std::string(16385, 'x')).status() == 413);
}

TEST_CASE("a compositor keeps no more than it may, and forgets in time") {
  SeededRandom random(1);
  EventStateOptions options;
  options.max_publications = 100;
  EventStateCompositor states(options, random);
  TimePoint now{};
  std::vector<std::string> tags;
  for (int i = 0; i < 150; ++i) {
    const std::string resource = "sip:r" + std::to_string(i % 20) + "@h";
    const auto out = states.publish({resource, {}, 60U + static_cast<unsigned>(i), "t", "b"}, now);
    CHECK(out.status == (i < 100 ? 200 : 503));
    if (out.status == 200) tags.push_back(out.etag);
  }
  CHECK(states.size() == 100);
  CHECK(states.deadline() == now + seconds(60));
  now += seconds(109);
  CHECK(states.expire(now).empty());  // none of these was the last word
  CHECK(states.size() == 50);
  CHECK(states.publish({"sip:r0@h", tags[0], {}, "t", "b"}, now).status == 412);
  CHECK(states.publish({"sip:r0@h", tags[99], {}, "t", "b"}, now).status == 412);  // of r19
  now += seconds(1000);
  CHECK(states.expire(now).size() == 20);
  CHECK(states.size() == 0);
  CHECK(states.deadline() == kNever);
  CHECK(states.state("sip:r0@h") == nullptr);
}

TEST_CASE("documents are well-formed whatever a peer has put into its tags") {
  CHECK(pidf("sip:a&b@h", true).find("entity=\"sip:a&amp;b@h\"") != std::string::npos);
  DialogInfo d;
  d.id = "1";
  d.call_id = "\"<'\x01\xff&";
  d.state = DialogInfo::State::confirmed;
  const std::string text = dialog_info("sip:a@h", 7, {d});
  CHECK(text.find("call-id=\"&quot;&lt;&apos;??&amp;\"") != std::string::npos);
  CHECK(text.find("version=\"7\" state=\"full\"") != std::string::npos);
  CHECK(text.find("<state>confirmed</state>") != std::string::npos);
}
