// SPDX-License-Identifier: Apache-2.0
// What a registration gives to others: flows (RFC 5626), GRUUs (RFC 5627), Service-Route (RFC 3608).
#include "registering.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

using State = RegistrationChanged::State;

constexpr const char* kInstance = "urn:uuid:00000000-0000-1000-8000-000a95a0e128";

/// The 2xx of a registrar with outbound; `more` are lines beside.
Letter granted(const MessageView& request, Letter more = {}) {
  more.add("Contact", std::string(*request.raw(HeaderId::contact)));
  more.add("Require", "outbound");
  return more;
}

struct Outbound : Registering {
  Outbound() {
    options.instance = kInstance;
    options.reg_id = 1;
    options.route = {"sip:192.0.2.9"};
    options.registrar = "sip:example.com";
  }
  void accepts(Letter more = {}) {
    registrar.reply(last(), 200, "x", granted(last().message.view(), std::move(more)));
  }
  void closes(const Flow& flow) {
    network.now([this, flow](TimePoint now) { alice.ua().flow_closed(flow, now); });
    network.run(milliseconds(1));
  }
};

CallOptions call_for(RegistrationId id) {
  CallOptions call = call_to("sip:bob@example.com");
  call.registration = id;
  return call;
}

std::vector<std::string> routes(const MessageView& m) {
  std::vector<std::string> out;
  for (const auto& route : m.all(hdr::route)) out.emplace_back(route->text);
  return out;
}

}  // namespace

TEST_CASE("an outbound registration names its instance and flow, and keeps the flow alive") {
  Outbound t;
  t.start();
  const MessageView m = t.last().message.view();
  CHECK(m.lists(hdr::supported, "outbound"));
  CHECK(m.lists(hdr::supported, "path"));
  const auto contact = m.get(hdr::contact);
  CHECK(contact->params.find("+sip.instance") == "\"<" + std::string(kInstance) + ">\"");
  CHECK(contact->params.find("reg-id") == "1");
  CHECK(contact->uri.params.has("ob"));
  CHECK_FALSE(t.alice.ua().registered(t.id));

  t.accepts(Letter().add("Flow-Timer", "25"));
  const auto keep = t.alice.last<KeepFlowAlive>();
  CHECK(keep.interval == seconds(25));
  CHECK(keep.flow.remote == t.registrar.where);
  const auto registered = t.alice.ua().registered(t.id);
  REQUIRE(registered);
  CHECK(registered->outbound);
  CHECK(registered->contact == "<sip:sipstack@192.0.2.1:5060;ob>");

  t.network.now([&](TimePoint now) { t.alice.ua().remove(t.id, now); });
  t.network.run(milliseconds(1));
  CHECK(t.last().message->get(hdr::contact)->params.find("reg-id") == "1");
  t.registrar.reply(t.last(), 200, "x");
  CHECK(t.alice.last<KeepFlowAlive>().interval == Duration::zero());
  t.registrar.all.clear();
  t.network.run_to_rest(t.network.time() + seconds(100));
  t.alice.must_be_empty();
}

TEST_CASE("without Flow-Timer the intervals are RFC 5626's own, by transport") {
  for (const bool stream : {false, true}) {
    Outbound t;
    if (stream) t.options.route = {"sip:192.0.2.9;transport=tcp"};
    t.start();
    Letter ok = t.registrar.response(t.last().message.view(), 200, "x");
    for (auto& line : granted(t.last().message.view()).lines) ok.lines.push_back(line);
    t.network.now([&](TimePoint now) {
      t.alice.core().receive(ok.text(),
                             {stream ? Transport::tcp : Transport::udp, t.alice.where,
                              t.registrar.where, 0, stream ? 1U : 0U},
                             now);
    });
    t.network.run(milliseconds(1));
    CHECK(t.alice.last<KeepFlowAlive>().interval == seconds(stream ? 120 : 29));
  }
}

TEST_CASE("a registrar that does not know outbound is used without") {
  Outbound t;
  t.start();
  t.ok(";expires=600");
  CHECK(t.alice.count<KeepFlowAlive>() == 0);
  CHECK_FALSE(t.alice.ua().registered(t.id)->outbound);
  CHECK(t.alice.ua().registered(t.id)->contact == "<sip:sipstack@192.0.2.1:5060>");
}

TEST_CASE("439: the first hop lacks outbound, and it goes without") {
  Outbound t;
  t.start();
  t.registrar.reply(t.last(), 439, "x");
  const MessageView m = t.last().message.view();
  REQUIRE(t.asked() == 2);
  CHECK_FALSE(m.get(hdr::contact)->params.has("reg-id"));
  CHECK(m.get(hdr::contact)->params.has("+sip.instance"));
  CHECK_FALSE(m.lists(hdr::supported, "outbound"));
  t.registrar.reply(t.last(), 439, "x");
  CHECK(t.asked() == 2);
  CHECK(t.alice.last<RegistrationChanged>().response->status() == 439);
}

TEST_CASE(
    "a flow that has stood for a while is formed anew at once, one that dies at once is not") {
  Outbound t;
  t.start();
  t.accepts();
  const Flow flow = t.alice.ua().registered(t.id)->flow;
  t.closes(flow);  // no keep-alive was answered yet: a failure like any other
  CHECK(t.asked() == 1);
  CHECK_FALSE(t.alice.ua().registered(t.id));
  CHECK(t.alice.last<RegistrationChanged>().error == Errc::transport_failed);
  t.network.run(seconds(29));
  CHECK(t.asked() == 1);
  t.network.run(seconds(32));
  REQUIRE(t.asked() == 2);
  t.accepts();
  CHECK(t.alice.last<RegistrationChanged>().state == State::registered);

  t.network.run(seconds(60));
  Flow other = flow;
  other.remote.port = 5999;
  t.closes(other);
  CHECK(t.asked() == 2);
  t.closes(flow);
  REQUIRE(t.asked() == 3);
  t.closes(flow);  // nobody depends on it any more
  CHECK(t.asked() == 3);
  t.accepts();
  CHECK(t.alice.count<KeepFlowAlive>() == 3);
}

TEST_CASE("a refresh by a flow that fails is said again by a new one") {
  for (const bool told : {false, true}) {  // 430, or no answer
    Outbound t;
    t.options.expires = 600;
    t.start();
    t.accepts();
    t.network.run(seconds(541));
    REQUIRE(t.asked() >= 2);
    const Message refresh = t.last().message;
    if (told)
      t.registrar.reply(t.last(), 430, "x");
    else
      t.network.run(seconds(33));
    CHECK(t.last().message->cseq().number == refresh->cseq().number + 1);
    CHECK(t.alice.last<RegistrationChanged>().state == State::registered);
  }
}

TEST_CASE("several flows: reg-ids of their own, and patience while one of them stands") {
  Outbound t;
  Stranger second(t.network, "second", "192.0.2.8");
  t.options.reg_id = 0;
  t.options.route.clear();
  std::vector<RegistrationId> flows;
  t.network.now([&](TimePoint now) {
    flows = *t.alice.ua().add_flows(t.options, {"sip:192.0.2.9", "sip:192.0.2.8"}, now);
  });
  t.network.run(milliseconds(1));
  REQUIRE(t.asked() == 1);
  REQUIRE(t.asked(second) == 1);
  const MessageView one = t.last().message.view();
  const MessageView two = second.all[0].message.view();
  CHECK(one.get(hdr::contact)->params.find("reg-id") == "1");
  CHECK(two.get(hdr::contact)->params.find("reg-id") == "2");
  CHECK(one.call_id() != two.call_id());
  CHECK(routes(two) == std::vector<std::string>{"<sip:192.0.2.8;lr>"});

  // Both bindings have one URI; the expiry of the other flow's is not ours.
  Letter both = granted(one);
  const std::string value(*one.raw(HeaderId::contact));
  both.set("Contact", value.substr(0, value.find(";reg-id")) + ";reg-id=2;expires=60");
  both.add("Contact", value.substr(0, value.find(";reg-id")) + ";reg-id=1;expires=3600");
  t.registrar.reply(t.last(), 200, "x", both);
  t.network.run(seconds(50));
  CHECK(t.asked() == 1);
  // Nobody answered the second: 32 s, and 90 to 180 s more, for the first one stands.
  const auto sent = t.asked(second);
  t.network.run(seconds(32 + 89 - 50));
  CHECK(t.asked(second) == sent);
  t.network.run(seconds(92));
  CHECK(t.asked(second) == sent + 1);

  t.network.now([&](TimePoint now) {
    for (const RegistrationId id : flows) t.alice.ua().remove(id, now);
  });
  t.network.run(seconds(100));
  CHECK(t.alice.ua().registrations() == 0);
}

TEST_CASE("what outbound and GRUUs need is asked for") {
  Registering t;
  const auto refused = [&](const RegistrationOptions& options) {
    return t.alice.ua().add_registration(options, {}).error();
  };
  t.options.reg_id = 1;
  CHECK(refused(t.options) == Errc::wrong_state);  // no instance
  t.options.instance = "urn:x\">";
  CHECK(refused(t.options) == Errc::write_failed);
  t.options.instance = kInstance;
  t.options.contacts = {"sip:a@192.0.2.1", "sip:b@192.0.2.1"};
  CHECK(refused(t.options) == Errc::write_failed);
  CHECK(t.alice.ua().registrations() == 0);
  CHECK_FALSE(t.alice.ua().add_flows(t.options, {}, {}));
}

TEST_CASE(
    "a call goes by the Service-Route, behind the outbound proxy, while the registration stands") {
  Outbound t;
  t.options.reg_id = 0;
  t.start();
  const MessageView m = t.last().message.view();
  Letter ok;
  ok.add("Contact", std::string(*m.raw(HeaderId::contact)));
  ok.add("Service-Route", "<sip:home.example.com;lr>, <sip:scscf.example.com;lr>;x=\"a,b\"");
  t.registrar.reply(t.last(), 200, "x", ok);
  t.network.now([&](TimePoint now) {
    REQUIRE(t.alice.ua().invite(call_for(t.id), now));
    CallOptions other = call_for(t.id);
    other.route = {"sip:192.0.2.9;mine"};
    REQUIRE(t.alice.ua().invite(other, now));
  });
  t.network.run(milliseconds(1));
  REQUIRE(t.registrar.count("INVITE") == 2);
  CHECK(routes(t.registrar.all[1].message.view()) ==
        std::vector<std::string>{"<sip:192.0.2.9;lr>", "<sip:home.example.com;lr>",
                                 "<sip:scscf.example.com;lr>;x=\"a,b\""});
  CHECK(routes(t.registrar.all[2].message.view()).front() == "<sip:192.0.2.9;mine;lr>");
  CHECK(t.registrar.all[2].message->uri_text() == "sip:bob@example.com");

  // A registrar that is busy for a while has not taken the binding back; one that refuses has.
  t.network.run(seconds(3241));
  t.registrar.reply(t.last(), 503, "x");
  CHECK(t.alice.last<RegistrationChanged>().state == State::failed);
  REQUIRE(t.alice.ua().registered(t.id));
  CHECK(t.alice.ua().registered(t.id)->service_route.size() == 2);
  t.network.run(seconds(61));
  t.registrar.reply(t.last(), 403, "x");
  CHECK_FALSE(t.alice.ua().registered(t.id));
}

TEST_CASE("a Service-Route that is no route, or endless, is a 2xx that cannot be used") {
  std::string endless;
  for (int i = 0; i < 65; ++i) endless += (i == 0 ? "" : ", ") + std::string("<sip:a.invalid;lr>");
  for (const std::string& bad : {std::string("<tel:+1>"), std::string("<sip:>"), endless}) {
    Registering t;
    t.start();
    t.registrar.reply(t.last(), 200, "x", Letter().add("Service-Route", bad));
    CHECK(t.alice.last<RegistrationChanged>().error == Errc::bad_response);
    CHECK_FALSE(t.alice.ua().registered(t.id));
  }
}

TEST_CASE("a GRUU is our Contact in a call, and stays it when the target is refreshed") {
  Outbound t;
  t.options.gruu = true;
  t.start();
  CHECK(t.last().message->lists(hdr::supported, "gruu"));
  Letter ok = granted(t.last().message.view());
  ok.lines[0].second += ";pub-gruu=\"sip:alice@example.com;gr=" + std::string(kInstance) +
                        "\";temp-gruu=\"sip:tgruu.x7@example.com;gr\"";
  t.registrar.reply(t.last(), 200, "x", ok);
  const auto registered = t.alice.ua().registered(t.id);
  REQUIRE(registered);
  CHECK(registered->pub_gruu == "sip:alice@example.com;gr=" + std::string(kInstance));
  CHECK(registered->temp_gruu == "sip:tgruu.x7@example.com;gr");

  CallId call;
  t.network.now([&](TimePoint now) { call = *t.alice.ua().invite(call_for(t.id), now); });
  t.network.run(milliseconds(1));
  const auto invite = t.registrar.last("INVITE");
  CHECK(invite.message->get(hdr::contact)->uri.text == registered->pub_gruu);
  CHECK(invite.message->lists(hdr::supported, "gruu"));
  CHECK(invite.message->lists(hdr::supported, "outbound"));
  t.registrar.answer(invite, "b");
  t.network.now([&](TimePoint now) { CHECK_FALSE(t.alice.ua().reinvite(call, kOffer, now)); });
  t.network.run(milliseconds(1));
  CHECK(t.registrar.last("INVITE").message->cseq().number > invite.message->cseq().number);
  CHECK(t.registrar.last("INVITE").message->get(hdr::contact)->uri.text == registered->pub_gruu);
  // A MESSAGE has no Contact (RFC 3428 section 4), whatever it goes by.
  RequestOptions message;
  message.target = "sip:bob@example.com";
  message.registration = t.id;
  t.network.now([&](TimePoint now) { REQUIRE(t.alice.ua().request("MESSAGE", message, now)); });
  t.network.run(milliseconds(1));
  CHECK_FALSE(t.registrar.last("MESSAGE").message->has(HeaderId::contact));
}
