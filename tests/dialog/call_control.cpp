// SPDX-License-Identifier: Apache-2.0
// What services are made of: Join, feature parameters, dialog-info read, diversion, 305, URIs with header
// fields. RFC 3911, 3840, 4235, 5806, 3261 sections 19.1.5 and 21.3.4. Their flows are in flows_5359_*.cpp.
#include "phones.hpp"
#include "sipstack/dialog/diversion.hpp"
#include "sipstack/dialog/event_bodies.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

struct Joining {
  explicit Joining(bool join = true)
      : alice(network, "alice", "192.0.2.1"),
        bob(network, "bob", "192.0.2.2", options(join)),
        eve(network, "eve", "192.0.2.9") {}
  static CoreOptions options(bool join) {
    CoreOptions o;
    o.user_agent.join = join;
    return o;
  }
  CallId call() {
    CallId id;
    network.now([&](TimePoint now) { id = *alice.ua().invite(call_to(bob.uri()), now); });
    network.run(milliseconds(10));
    return id;
  }
  Letter invite(const std::string& value) { return eve.request("INVITE", bob).add("Join", value); }
  int status(const Letter& letter) {
    eve.send(letter, bob.where, milliseconds(5));
    return eve.answer_to(letter).status();
  }
  Network network;
  Phone alice, bob;
  Stranger eve;
};

const std::string kDocument =
    "<?xml version='1.0'?>\n<!-- a comment with <tags> -->\n"
    "<d:dialog-info xmlns:d=\"urn:ietf:params:xml:ns:dialog-info\" version=\"7\" "
    "state=\"partial\"\n"
    "   entity=\"sip:bob@b.example?a=1&amp;b=2\">\n"
    "  <d:dialog id=\"1\" call-id='c&quot;1' local-tag=\"l\" remote-tag=\"r\" "
    "direction=\"initiator\">"
    "<d:state event=\"cancelled\" code='487'> early </d:state>"
    "<d:local><d:target uri=\"sip:no@h\"/></d:local>"
    "<d:remote><d:identity display=\"x>y\">sip:alice@a.example</d:identity>"
    "<d:target uri=\"sip:alice@192.0.2.1\"><d:param pname=\"x\" pval=\"1\"/></d:target></d:remote>"
    "</d:dialog>\n"
    "  <d:dialog id=\"2\"><d:state>confirmed</d:state><d:remote><d:identity>sip:carol@c.example"
    "</d:identity></d:remote></d:dialog>\n</d:dialog-info>\n";

DialogInfoDocument document(std::uint32_t version, bool full, std::vector<DialogInfo> dialogs) {
  return {"sip:bob@b.example", version, full, std::move(dialogs)};
}
DialogInfo dialog(const char* id, DialogInfo::State state) {
  DialogInfo d;
  d.id = id;
  d.state = state;
  return d;
}

}  // namespace

TEST_CASE("Join: what an INVITE may ask to be added to (RFC 3911 section 4)") {
  Joining t;
  t.bob.user = answers;
  const CallId call = t.call();
  const std::string value = t.alice.ua().replaces(call);
  const CallId bobs = t.bob.last<CallArrived>().call;

  SECTION("a call that stands: both go on") {
    CHECK(t.status(t.invite(value)) == 200);
    CHECK(t.bob.last<CallArrived>().joins == bobs);
    CHECK_FALSE(t.bob.last<CallArrived>().replaces);
    CHECK(t.bob.ua().calls() == 2);
    CHECK(t.bob.count<CallEnded>() == 0);
  }
  SECTION("nothing that is not there, nor twice, nor against Replaces") {
    CHECK(t.status(t.invite("nothing;to-tag=1;from-tag=2")) == 481);
    CHECK(t.status(t.invite(value + "x")) == 481);
    CHECK(t.status(t.invite(value.substr(0, value.find(";from-tag")))) == 400);
    CHECK(t.status(t.invite(value).add("Join", value)) == 400);
    CHECK(t.status(t.invite(value).add("Replaces", value)) == 400);
    CHECK(t.status(t.eve.request("MESSAGE", t.bob).add("Join", value)) == 400);
    CHECK(t.bob.ua().calls() == 1);
  }
  SECTION("nor a call that has ended") {
    t.network.now([&](TimePoint now) { t.alice.ua().hang_up(call, now); });
    t.network.run(milliseconds(10));
    CHECK(t.status(t.invite(value)) == 603);
  }
}

TEST_CASE(
    "Join: a call that rings may be joined, and without the option it is an unknown extension") {
  Joining t;
  t.bob.user = [](Phone& bob, const UserEvent& event, TimePoint now) {
    if (const auto* arrived = std::get_if<CallArrived>(&event))
      bob.ua().ring(arrived->call, 180, now);
  };
  t.call();
  const CallId bobs = t.bob.last<CallArrived>().call;
  const auto info = t.bob.ua().dialog_info(bobs);
  REQUIRE(info);
  CHECK(info->state == DialogInfo::State::early);
  CHECK_FALSE(info->initiator);
  CHECK(info->remote_uri == "sip:sipstack@192.0.2.1:5060");
  t.eve.send(t.invite(join(*info)), t.bob.where, milliseconds(5));
  CHECK(t.bob.last<CallArrived>().joins == bobs);

  Joining off(false);
  off.bob.user = answers;
  const CallId call = off.call();
  const std::string value = off.alice.ua().replaces(call);
  CHECK(off.status(off.invite(value)) == 200);
  CHECK_FALSE(off.bob.last<CallArrived>().joins);
  CHECK(off.status(off.invite(value).add("Require", "join")) == 420);
}

TEST_CASE("the feature parameters of our Contact stay until they are taken off") {
  Joining t;
  t.alice.user = t.bob.user = answers;
  CallId call;
  CallOptions options = call_to(t.bob.uri());
  options.contact_params = "isfocus";
  t.network.now([&](TimePoint now) { call = *t.alice.ua().invite(options, now); });
  t.network.run(milliseconds(10));
  const auto params = [](const Message& m) { return m->get(hdr::contact)->params; };
  CHECK(params(t.bob.last<CallArrived>().invite).has("isfocus"));
  const CallId bobs = t.bob.last<CallArrived>().call;
  CHECK_FALSE(t.bob.ua().contact_params(bobs, "+sip.rendering=\"no\";automata"));
  const auto again = [&] {
    t.network.now([&](TimePoint now) { CHECK_FALSE(t.bob.ua().reinvite(bobs, kOffer, now)); });
    t.network.run(milliseconds(10));
    return params(t.alice.last<CallReinvited>().request);
  };
  for (int i = 0; i < 2; ++i) {
    CHECK(again().find("+sip.rendering") == "\"no\"");
    CHECK(params(t.bob.last<CallAnswered>().response).has("isfocus"));
  }
  CHECK(t.bob.ua().contact_params(bobs, "x\r\nEvil: 1") == Errc::write_failed);
  CHECK_FALSE(t.bob.ua().contact_params(bobs, {}));
  CHECK(again().empty());
  CHECK(t.bob.ua().contact_params({}, "isfocus") == Errc::gone);
}

TEST_CASE("a dialog-info document is read, whatever its prefix, quotes and comments") {
  const auto read = read_dialog_info(kDocument);
  REQUIRE(read);
  CHECK(read->entity == "sip:bob@b.example?a=1&b=2");
  CHECK(read->version == 7);
  CHECK_FALSE(read->full);
  REQUIRE(read->dialogs.size() == 2);
  const DialogInfo& d = read->dialogs[0];
  CHECK(d.id == "1");
  CHECK(d.call_id == "c\"1");
  CHECK(d.initiator);
  CHECK(d.state == DialogInfo::State::early);
  CHECK(d.remote_uri == "sip:alice@192.0.2.1");
  CHECK(replaces(d, true) == "c\"1;to-tag=r;from-tag=l;early-only");
  CHECK(join(d) == "c\"1;to-tag=l;from-tag=r");
  CHECK(read->dialogs[1].remote_uri == "sip:carol@c.example");
  CHECK(replaces(read->dialogs[1]).empty());
  // What we write we read.
  const auto own = read_dialog_info(dialog_info("sip:a&b@h", 3, {d}));
  REQUIRE(own);
  CHECK(own->entity == "sip:a&b@h");
  CHECK(own->dialogs[0].remote_uri == d.remote_uri);
}

TEST_CASE("a dialog-info document that is none, or cut off anywhere, is refused") {
  const std::string whole = kDocument.substr(0, kDocument.size() - 1);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    INFO(whole.substr(0, i));
    CHECK_FALSE(read_dialog_info(whole.substr(0, i)));
  }
  CHECK_FALSE(read_dialog_info(kDocument, 1));
  CHECK_FALSE(read_dialog_info(kDocument + "<dialog-info version='1'/>"));
  CHECK_FALSE(read_dialog_info("<presence version='1'/>"));
  CHECK_FALSE(read_dialog_info("<dialog-info version='x'/>"));
  CHECK_FALSE(read_dialog_info("<dialog-info version='4294967296'/>"));
  CHECK_FALSE(read_dialog_info("<!DOCTYPE x [<!ENTITY a 'b'>]><dialog-info version='1'/>"));
  CHECK_FALSE(read_dialog_info("<dialog-info version='1'><dialog></dialog-info></dialog>"));
  CHECK_FALSE(read_dialog_info(
      "<dialog-info version='1'><dialog><state>odd</state></dialog></dialog-info>"));
  std::string deep = "<dialog-info version='1'>";
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  CHECK_FALSE(read_dialog_info(deep));
  CHECK(read_dialog_info("<dialog-info version='1'/>"));
}

TEST_CASE("dialog-info documents of a subscription add up (RFC 4235 section 4.3)") {
  using State = DialogInfo::State;
  DialogInfoDocument known;
  CHECK(merge(known, document(4, true, {dialog("a", State::early)})) == DialogInfoMerge::done);
  CHECK(known.busy());
  CHECK(merge(known, document(5, false, {dialog("b", State::confirmed)})) == DialogInfoMerge::done);
  CHECK(known.dialogs.size() == 2);
  CHECK(merge(known, document(4, true, {})) == DialogInfoMerge::old);
  CHECK(merge(known, document(6, false, {dialog("a", State::terminated)})) ==
        DialogInfoMerge::done);
  CHECK(known.dialogs.size() == 1);
  CHECK(merge(known, document(8, false, {dialog("b", State::terminated)})) ==
        DialogInfoMerge::missed);
  CHECK_FALSE(known.busy());
  CHECK(merge(known, document(10, true, {dialog("c", State::trying)})) == DialogInfoMerge::done);
  CHECK(merge(known, document(11, false, {dialog("d", State::trying)}), 1) ==
        DialogInfoMerge::missed);
  CHECK(known.dialogs.size() == 1);
}

TEST_CASE("a call that was diverted says by whom, latest first (RFC 5806)") {
  Joining t;
  Letter invite = t.eve.request("INVITE", t.bob);
  invite.add("Diversion", "<sip:a@h>;reason=no-answer;counter=2, <sip:b@h>");
  t.eve.send(invite, t.bob.where, milliseconds(5));
  const MessageView arrived = t.bob.last<CallArrived>().invite.view();
  CHECK(diversions(arrived) == 3);
  const ExtraHeaders lines = diverted(arrived, DiversionReason::user_busy);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].second == "<" + t.bob.uri() + ">;reason=user-busy;counter=1");
  CHECK(lines[1].second == "<sip:a@h>;reason=no-answer;counter=2");
  CHECK(lines[2].second == "<sip:b@h>");
  CHECK(to_string(DiversionReason::away) == "away");

  Letter often = t.eve.request("INVITE", t.bob);
  often.add("Diversion", "<sip:a@h>;counter=4294967295, <sip:b@h>;counter=0");
  t.eve.send(often, t.bob.where, milliseconds(5));
  CHECK(diversions(t.bob.last<CallArrived>().invite.view()) == 4294967295U);
}

TEST_CASE("a 3xx that names who diverted makes us say so to the next, latest first") {
  Joining t;
  Stranger next(t.network, "next", "192.0.2.8");
  CallOptions options = call_to("sip:eve@192.0.2.9");
  t.network.now([&](TimePoint now) { CHECK(t.alice.ua().invite(options, now)); });
  t.network.run(milliseconds(5));
  Letter away;
  away.add("Contact", "<sip:x@192.0.2.8>").add("Diversion", "<sip:eve@h>;reason=away");
  t.eve.reply(t.eve.last("INVITE"), 302, "1", away);
  CHECK(next.last("INVITE").message->raw(HeaderId::diversion) == "<sip:eve@h>;reason=away");
  Letter further;
  further.add("Contact", "<sip:y@192.0.2.8>").add("Diversion", "<sip:x@h>;reason=user-busy");
  next.reply(next.last("INVITE"), 302, "2", further);
  const MessageView third = next.last("INVITE").message.view();
  CHECK(third.uri_text() == "sip:y@192.0.2.8");
  CHECK(diversions(third) == 2);
  CHECK(third.raw(HeaderId::diversion) == "<sip:x@h>;reason=user-busy");
}

TEST_CASE("305 sends the same request by the proxy that it names, once (RFC 3261 section 21.3.4)") {
  Joining t;
  Stranger proxy(t.network, "proxy", "192.0.2.8");
  t.network.now(
      [&](TimePoint now) { CHECK(t.alice.ua().invite(call_to("sip:eve@192.0.2.9"), now)); });
  t.network.run(milliseconds(5));
  const Stranger::Heard first = t.eve.last("INVITE");
  Letter use;
  use.add("Contact", "<sip:192.0.2.8>");
  t.eve.reply(first, 305, "1", use);
  const Stranger::Heard second = proxy.last("INVITE");
  CHECK(second.message->uri_text() == first.message->uri_text());
  CHECK(second.message->raw(HeaderId::route) == "<sip:192.0.2.8;lr>");
  CHECK(second.message->call_id() == first.message->call_id());
  proxy.reply(second, 305, "2", use);  // to itself
  CHECK(proxy.count("INVITE") == 1);
  CHECK(t.alice.last<CallEnded>().status == 305);
}

TEST_CASE("a URI that somebody gave us adds to a call what is harmless, and no more") {
  CallOptions o;
  REQUIRE(
      call_uri("sip:bob@h;transport=tcp?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&Route=%3Csip:evil%3E"
               "&Subject=Hi&body=x",
               o));
  CHECK(o.target == "sip:bob@h;transport=tcp");
  REQUIRE(o.headers.size() == 2);
  CHECK(o.headers[0].first == "Replaces");
  CHECK(o.headers[0].second == "a;to-tag=1;from-tag=2");
  CHECK(o.headers[1].second == "Hi");
  for (const char* const bad : {"", "tel:+49", "sip:b@h;method=BYE", "sip:", "<sip:b@h>"}) {
    CallOptions same;
    CHECK_FALSE(call_uri(bad, same));
    CHECK(same.target.empty());
  }
}

TEST_CASE("a fragment names a dialog only where it has all of it") {
  const std::string lines =
      "From: <sip:m@h>;tag=f\r\nTo: <sip:a@h>;tag=t\r\nCall-ID: c\r\nContact: "
      "<sip:a@192.0.2.1>\r\n";
  const auto dialog = sipfrag_dialog("SIP/2.0 200 OK\r\n" + lines);
  REQUIRE(dialog);
  CHECK(replaces(*dialog) == "c;to-tag=t;from-tag=f");
  CHECK(dialog->remote_uri == "sip:a@192.0.2.1");
  CHECK_FALSE(sipfrag_dialog("SIP/2.0 200 OK"));
  CHECK_FALSE(sipfrag_dialog("SIP/2.0 200 OK\r\n" + lines.substr(23)));
  CHECK_FALSE(sipfrag_dialog("INVITE sip:a SIP/2.0\r\n" + lines));
  CHECK_FALSE(sipfrag_dialog(""));
}
