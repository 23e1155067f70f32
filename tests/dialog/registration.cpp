// SPDX-License-Identifier: Apache-2.0
// A client registration against a registrar that a test plays. RFC 3261 section 10.2, RFC 5626 section 4.5.
#include "registering.hpp"
#include "sipstack/dialog/digest.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

using State = RegistrationChanged::State;

}  // namespace

TEST_CASE("REGISTER goes to the registrar's URI without user, for the AOR in To and From") {
  Registering t;
  t.start();
  const MessageView m = t.last().message.view();
  CHECK(m.uri_text() == "sip:192.0.2.9");
  CHECK(m.raw(HeaderId::to) == "<sip:alice@example.com>");
  CHECK(m.get(hdr::from)->uri.text == "sip:alice@example.com");
  CHECK_FALSE(m.from_tag().empty());
  CHECK(m.to_tag().empty());
  CHECK(m.get(hdr::contact)->uri.text == "sip:sipstack@192.0.2.1:5060");
  CHECK(m.get(hdr::contact)->expires() == 3600U);
  CHECK(m.get(hdr::expires)->number == 3600);
  t.ok(";expires=3600");
  CHECK(t.alice.last<RegistrationChanged>().state == State::registered);
  CHECK(t.alice.ua().registrations() == 1);
}

TEST_CASE("a registration without a registrar's name asks the AOR's host") {
  Registering t;
  t.options.registrar.clear();
  t.options.aor = "sip:alice@192.0.2.9:5060";
  t.start();
  CHECK(t.last().message->uri_text() == "sip:192.0.2.9:5060");
}

TEST_CASE(
    "a registration is refreshed ahead of its expiry with the same Call-ID and a higher CSeq") {
  Registering t;
  t.start();
  t.ok(";expires=600");
  const Message first = t.last().message;
  const TimePoint begin = t.network.time();
  t.network.run(seconds(500));
  CHECK(t.registrar.count("REGISTER") == 1);
  t.network.run(seconds(45));
  REQUIRE(t.registrar.count("REGISTER") >= 2);
  const Message second = t.registrar.all[1].message;
  CHECK(t.registrar.all[1].at - begin < seconds(600) - seconds(32));
  CHECK(second->call_id() == first->call_id());
  CHECK(second->from_tag() == first->from_tag());
  CHECK(second->cseq().number == first->cseq().number + 1);
  CHECK(second->branch() != first->branch());
}

TEST_CASE("a challenge is answered and a refresh carries credentials at once") {
  Registering t;
  t.start();
  const Message bare = t.last().message;
  CHECK_FALSE(bare->has(HeaderId::authorization));
  Letter challenge;
  challenge.add("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
  t.registrar.reply(t.last(), 401, "x", challenge);
  CHECK(t.last().message->has(HeaderId::authorization));
  CHECK(t.last().message->call_id() == bare->call_id());
  t.ok(";expires=60");
  t.network.run(seconds(40));
  CHECK(t.last().message->has(HeaderId::authorization));
  CHECK(t.last().message->raw(HeaderId::authorization)->find("nc=00000002") !=
        std::string_view::npos);
}

TEST_CASE("refused credentials are told and tried again only after a pause") {
  Registering t;
  t.start();
  for (int i = 0; i < 3; ++i) {
    Letter challenge;
    challenge.add("WWW-Authenticate",
                  "Digest realm=\"r\", nonce=\"n" + std::to_string(i) + "\", qop=\"auth\"");
    t.registrar.reply(t.last(), 401, "x", challenge);
  }
  const auto sent = t.registrar.count("REGISTER");
  CHECK(sent <= 3);
  CHECK(t.alice.last<RegistrationChanged>().state == State::failed);
  CHECK(t.alice.last<RegistrationChanged>().error == Errc::challenged_again);
  t.network.run(seconds(29));
  CHECK(t.registrar.count("REGISTER") == sent);
  t.network.run(seconds(32));
  CHECK(t.asked() == 3);
}

TEST_CASE("423 is answered with at least Min-Expires, but not for ever") {
  Registering t;
  t.options.expires = 60;
  t.start();
  const Message first = t.last().message;
  Letter least;
  t.registrar.reply(t.last(), 423, "x", Letter(least).add("Min-Expires", "7200"));
  CHECK(t.last().message->get(hdr::contact)->expires() == 7200U);
  CHECK(t.last().message->call_id() == first->call_id());
  t.registrar.reply(t.last(), 423, "x", Letter(least).add("Min-Expires", "8000"));
  t.registrar.reply(t.last(), 423, "x", Letter(least).add("Min-Expires", "9000"));
  CHECK(t.registrar.count("REGISTER") == 3);
  CHECK(t.alice.last<RegistrationChanged>().state == State::failed);
  CHECK(t.alice.last<RegistrationChanged>().response->status() == 423);
}

TEST_CASE("423 with no or a lower Min-Expires is a failure, not a loop") {
  Registering t;
  t.options.expires = 60;
  t.options.refresh = false;
  t.start();
  Letter least;
  t.registrar.reply(t.last(), 423, "x", least.add("Min-Expires", "60"));
  CHECK(t.registrar.count("REGISTER") == 1);
  CHECK(t.alice.last<RegistrationChanged>().state == State::failed);
  CHECK(t.alice.ua().registrations() == 0);
}

TEST_CASE("tiny or absurd expiries make no loop of refreshes") {
  // hardening A75: never within half a second, never behind the expiry.
  for (const char* expires : {"0", "1", "2", "4", "5", "2147483648", "4294967295", "99999999999"}) {
    Registering t;
    Letter extra;
    extra.add("Contact", std::string("<sip:sipstack@192.0.2.1:5060>;expires=") + expires);
    t.answers_with(200, extra);
    t.start();
    t.network.run(seconds(10));
    INFO(expires);
    const auto& all = t.registrar.all;
    CHECK(all.size() <= 21);
    for (std::size_t i = 1; i < all.size(); ++i)
      if (all[i].message->is_request()) CHECK(all[i].at - all[i - 1].at >= milliseconds(500));
  }
}

TEST_CASE("failures are tried again after growing pauses") {
  Registering t;
  t.answers_with(500, {});
  t.start();
  t.network.run(seconds(3 * 3600));
  std::vector<Duration> pauses;
  for (std::size_t i = 1; i < t.registrar.all.size(); ++i)
    pauses.push_back(t.registrar.all[i].at - t.registrar.all[i - 1].at);
  REQUIRE(pauses.size() >= 7);
  for (std::size_t i = 0; i < pauses.size(); ++i) {
    // The first failure counts: 30 to 60 s.
    const auto upper =
        std::min<std::int64_t>(1800, std::int64_t{60} << std::min<std::size_t>(i, 10));
    CHECK(pauses[i] >= seconds(upper) / 2);
    CHECK(pauses[i] <= seconds(upper) + milliseconds(1));
  }
  CHECK(t.alice.count<RegistrationChanged>() == t.registrar.all.size());
}

TEST_CASE("Retry-After of a refusal is waited for") {
  Registering t;
  t.answers_with(503, Letter().add("Retry-After", "600"));
  t.start();
  t.network.run(seconds(599));
  CHECK(t.registrar.all.size() == 1);
  t.network.run(seconds(2));
  CHECK(t.registrar.all.size() == 2);
}

TEST_CASE("removing a registration registers for zero seconds and ends it") {
  Registering t;
  t.start();
  t.ok(";expires=600");
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().remove(t.id, now)); });
  t.network.run(milliseconds(1));
  CHECK(t.last().message->get(hdr::expires)->number == 0);
  CHECK(t.last().message->get(hdr::contact)->expires() == 0U);
  t.registrar.reply(t.last(), 200, "x");
  CHECK(t.alice.last<RegistrationChanged>().state == State::removed);
  CHECK(t.alice.ua().remove(t.id, t.network.time()) == Errc::gone);
  t.registrar.all.clear();
  CHECK(t.network.run_to_rest(t.network.time() + seconds(100)));
  t.alice.must_be_empty();
}

TEST_CASE("removing waits for the REGISTER that is on its way") {
  // RFC 3261 section 10.2: one at a time.
  Registering t;
  t.start();
  t.network.now([&](TimePoint now) { t.alice.ua().remove(t.id, now); });
  t.network.run(milliseconds(10));
  CHECK(t.last().message->get(hdr::expires)->number == 3600);
  t.ok(";expires=3600");
  CHECK(t.last().message->get(hdr::expires)->number == 0);
  CHECK(t.alice.count<RegistrationChanged>() == 0);
  t.registrar.reply(t.last(), 200, "x");
  CHECK(t.alice.last<RegistrationChanged>().state == State::removed);
}

TEST_CASE("fetching asks once and binds nothing") {
  Registering t;
  t.options.fetch = true;
  t.start();
  CHECK_FALSE(t.last().message->has(HeaderId::contact));
  CHECK_FALSE(t.last().message->has(HeaderId::expires));
  t.registrar.reply(t.last(), 200, "x", Letter().add("Contact", "<sip:a@b.invalid>;expires=9"));
  CHECK(t.alice.last<RegistrationChanged>().response->get(hdr::contact)->expires() == 9U);
  CHECK(t.alice.ua().registrations() == 0);
}

TEST_CASE("everything is removed by one REGISTER with Contact *") {
  Registering t;
  t.options.remove_all = true;
  t.options.instance = "urn:uuid:00000000-0000-1000-8000-000a95a0e128";
  t.start();
  CHECK(t.last().message->raw(HeaderId::contact) ==
        "*");  // and no instance (RFC 5626 section 4.2.3)
  CHECK(t.last().message->get(hdr::expires)->number == 0);
  t.registrar.reply(t.last(), 200, "x");
  CHECK(t.alice.last<RegistrationChanged>().state == State::removed);
  CHECK(t.alice.ua().registrations() == 0);
}

TEST_CASE("a registrar that does not answer is left for the next one, and that one is kept") {
  Registering t;
  Stranger second(t.network, "second", "192.0.2.8");
  t.options.alternatives = {{"sip:192.0.2.8", {}}};
  t.start();
  t.network.run(seconds(33));
  CHECK(t.alice.count<RegistrationChanged>() == 0);  // no pause, nothing to tell
  REQUIRE(t.asked(second) == 1);
  CHECK(second.all[0].message->uri_text() == "sip:192.0.2.8");
  CHECK(second.all[0].message->call_id() == t.registrar.all[0].message->call_id());
  second.reply(second.all[0], 200, "x", Letter().add("Expires", "600"));
  CHECK(t.alice.last<RegistrationChanged>().state == State::registered);
  const auto before = t.asked();
  t.network.run(seconds(560));
  CHECK(t.asked(second) >= 2);
  CHECK(t.asked() == before);
  // It refuses now: back to the first, at once.
  second.reply(second.all.back(), 503, "x");
  REQUIRE(t.asked() == before + 1);
  // Both have refused: a pause, and then the next one's turn.
  t.registrar.reply(t.last(), 503, "x");
  CHECK(t.alice.last<RegistrationChanged>().state == State::failed);
  const auto tried = t.asked(second);
  t.network.run(seconds(29));
  CHECK(t.asked(second) == tried);
  t.network.run(seconds(32));
  CHECK(t.asked(second) == tried + 1);
}

TEST_CASE("a refusal that is about us is not taken to another registrar") {
  Registering t;
  Stranger second(t.network, "second", "192.0.2.8");
  t.options.alternatives = {{"sip:192.0.2.8", {}}};
  t.start();
  t.registrar.reply(t.last(), 403, "x");
  t.network.run(seconds(1));
  CHECK(second.all.empty());
  CHECK(t.alice.last<RegistrationChanged>().response->status() == 403);
}

TEST_CASE("a REGISTER is redirected, but not for ever, and not for good") {
  Registering t;
  Stranger second(t.network, "second", "192.0.2.8");
  t.start();
  t.registrar.reply(t.last(), 302, "x", Letter().add("Contact", "<sip:node@192.0.2.8>"));
  REQUIRE(t.asked(second) == 1);
  CHECK(second.all[0].message->uri_text() == "sip:node@192.0.2.8");
  second.reply(second.all[0], 200, "x", Letter().add("Expires", "60"));
  CHECK(t.alice.last<RegistrationChanged>().state == State::registered);
  t.network.run(seconds(40));
  REQUIRE(t.asked(second) >= 2);
  second.reply(second.all.back(), 500, "x");
  t.network.run(seconds(61));
  CHECK(t.asked() == 2);
  // Two that send us to one another: five times, then it is a failure.
  for (int i = 0; i < 10; ++i) {
    Stranger& now = i % 2 == 0 ? t.registrar : second;
    const std::string other = i % 2 == 0 ? "<sip:192.0.2.8>" : "<sip:192.0.2.9>";
    now.reply(now.all.back(), 302, "x", Letter().add("Contact", other));
  }
  CHECK(t.alice.last<RegistrationChanged>().response->status() == 302);
  CHECK(t.asked() + t.asked(second) <= 2 + 4 + 5);
}

TEST_CASE("a PBX registers all its numbers at once") {
  // RFC 6140 section 5.1.
  Registering t;
  t.options.bulk = true;
  t.start();
  const MessageView m = t.last().message.view();
  CHECK(m.get(hdr::contact)->uri.text == "sip:192.0.2.1:5060;bnc");
  CHECK(m.lists(hdr::require, "gin"));
  CHECK(m.lists(hdr::proxy_require, "gin"));
  CHECK(m.lists(hdr::supported, "path"));
  t.registrar.reply(t.last(), 200, "x",
                    Letter().add("Contact", "<sip:192.0.2.1:5060;bnc>;expires=60"));
  t.network.run(seconds(31));
  CHECK(t.asked() == 2);
}

TEST_CASE("fixed contacts are registered as given") {
  Registering t;
  t.options.contacts = {"sip:a@192.0.2.50", "<sip:b@192.0.2.51;transport=tcp>"};
  t.start();
  std::vector<std::string> got;
  for (const auto& c : t.last().message->all(hdr::contact)) got.emplace_back(c->uri.text);
  CHECK(got == std::vector<std::string>{"sip:a@192.0.2.50", "sip:b@192.0.2.51;transport=tcp"});
}

TEST_CASE("a phone registers at the core's own registrar and is removed from it") {
  Network network;
  CoreOptions server;
  server.server = ServerOptions{};
  server.server->registrar.domains = {"example.com"};
  server.server->users = [](std::string_view user, DigestAlgorithm algorithm) {
    return std::optional<std::string>(
        digest_ha1(algorithm, std::string(user), "example.com", "secret"));
  };
  Phone registrar(network, "registrar", "192.0.2.9", server);
  Phone alice(network, "alice", "192.0.2.1");
  RegistrationOptions options;
  options.aor = "sip:alice@example.com";
  options.route = {"sip:192.0.2.9"};
  options.credentials = {{"alice", "secret", ""}};
  options.expires = 10;  // too brief for it: 423
  RegistrationId id;
  network.now([&](TimePoint now) { id = *alice.ua().add_registration(options, now); });
  network.run(seconds(1));
  CHECK(alice.last<RegistrationChanged>().state == State::registered);
  network.run(seconds(300));
  CHECK(alice.count<RegistrationChanged>() > 5);
  network.now([&](TimePoint now) { alice.ua().remove(id, now); });
  network.run(seconds(1));
  CHECK(alice.last<RegistrationChanged>().state == State::removed);
  CHECK_FALSE(alice.last<RegistrationChanged>().response->has(HeaderId::contact));
  network.run_to_rest(network.time() + seconds(100));
  alice.must_be_empty();
}
