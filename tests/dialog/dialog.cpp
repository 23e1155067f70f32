// SPDX-License-Identifier: Apache-2.0
// A dialog alone: what it takes from the messages that make it, and the requests that it makes.
// RFC 3261 section 12.
#include "sipstack/dialog/dialog.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

using namespace sipstack;

namespace {

struct Messages {
  BlockPool pool;
  MessageIndex scratch;

  Message operator()(const std::string& start, const std::vector<std::string>& lines) {
    std::string text = start + "\r\n";
    for (const auto& line : lines) text += line + "\r\n";
    auto message = Message::parse(pool, text + "\r\n", scratch);
    REQUIRE(message);
    return *std::move(message);
  }
};

const std::vector<std::string> kHead = {"Via: SIP/2.0/UDP alice.invalid;branch=z9hG4bKa",
                                        "From: \"Alice, A.\" <sip:alice@a.invalid>;tag=at",
                                        "To: Bob <sip:bob@b.invalid;user=phone>",
                                        "Call-ID: call-1",
                                        "CSeq: 7 INVITE",
                                        "Contact: <sip:alice@192.0.2.1:5070>"};

std::vector<std::string> with(std::vector<std::string> lines,
                              const std::vector<std::string>& more) {
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

std::vector<std::string> tagged(std::vector<std::string> lines) {
  lines[2] += ";tag=bt";
  lines[5] = "Contact: <sip:bob@192.0.2.2:5080;x=y>";
  return lines;
}

Flow flow(Transport transport = Transport::udp, const char* remote = "192.0.2.2") {
  Flow f;
  f.transport = transport;
  f.local = {*IpAddress::parse("192.0.2.1"), 5060};
  f.remote = {*IpAddress::parse(remote), 5060};
  f.connection = reliable(transport) ? 42 : 0;
  return f;
}

Message sealed(const RequestWriter& writer) {
  auto message = writer.seal({Transport::udp, "192.0.2.9", "z9hG4bKb"});
  REQUIRE(message);
  return *std::move(message);
}

std::vector<std::string> routes(const MessageView& m) {
  std::vector<std::string> out;
  for (const auto& r : m.all(hdr::route)) out.emplace_back(r->text);
  return out;
}

}  // namespace

TEST_CASE("a callee's dialog sends requests to the caller's Contact with the tags turned round") {
  Messages message;
  const Message invite = message("INVITE sip:bob@b.invalid SIP/2.0", kHead);
  auto dialog = Dialog::uas(invite.view(), flow(), "bt");
  REQUIRE(dialog);
  CHECK(dialog->remote_target() == "sip:alice@192.0.2.1:5070");
  CHECK_FALSE(dialog->caller());
  const Message bye = sealed(dialog->request(message.pool, "BYE", *dialog->next_cseq()));
  CHECK(bye->uri_text() == "sip:alice@192.0.2.1:5070");
  CHECK(bye->raw(HeaderId::from) == "Bob <sip:bob@b.invalid;user=phone>;tag=bt");
  CHECK(bye->raw(HeaderId::to) == "\"Alice, A.\" <sip:alice@a.invalid>;tag=at");
  CHECK(bye->call_id() == "call-1");
  CHECK(bye->cseq().number == 1);
  CHECK(dialog->next_hop().uri == "sip:alice@192.0.2.1:5070");
}

TEST_CASE("a callee keeps the Record-Route in order, a caller reverses it") {
  Messages message;
  const std::vector<std::string> rr = {
      "Record-Route: <sip:p2.invalid;lr>, <sip:p1.invalid;lr;x=\"a,b\">;h=1",
      "Record-Route: <sip:p0.invalid;lr>"};
  const Message invite = message("INVITE sip:bob@b.invalid SIP/2.0", with(kHead, rr));
  const auto callee = Dialog::uas(invite.view(), flow(), "bt");
  REQUIRE(callee);
  const std::vector<std::string> kept = {"<sip:p2.invalid;lr>", "<sip:p1.invalid;lr;x=\"a,b\">;h=1",
                                         "<sip:p0.invalid;lr>"};
  CHECK(callee->route_set() == kept);
  const Message by_callee = sealed(callee->request(message.pool, "BYE", 1));
  CHECK(by_callee->raw(HeaderId::route) == kept.front());
  CHECK(callee->next_hop().uri == "sip:p2.invalid;lr");

  const Message ok = message("SIP/2.0 200 OK", with(tagged(kHead), rr));
  const Dialog caller = Dialog::uac(ok.view(), flow(), "sip:bob@b.invalid");
  CHECK(caller.route_set() == std::vector<std::string>(kept.rbegin(), kept.rend()));
  const Message by_caller = sealed(caller.request(message.pool, "BYE", 8));
  CHECK(by_caller->uri_text() == "sip:bob@192.0.2.2:5080;x=y");
  CHECK(caller.next_hop().uri == "sip:p0.invalid;lr");
}

TEST_CASE("a strict router is addressed itself and the target is the last route") {
  // RFC 3261 section 12.2.1.1.
  Messages message;
  const Message invite = message("INVITE sip:bob@b.invalid SIP/2.0",
                                 with(kHead, {"Record-Route: <sip:strict.invalid;x=1?a=b>",
                                              "Record-Route: <sip:loose.invalid;lr>"}));
  const auto dialog = Dialog::uas(invite.view(), flow(), "bt");
  REQUIRE(dialog);
  const Message bye = sealed(dialog->request(message.pool, "BYE", 1));
  CHECK(bye->uri_text() == "sip:strict.invalid;x=1");
  CHECK(routes(bye.view()) ==
        std::vector<std::string>{"<sip:loose.invalid;lr>", "<sip:alice@192.0.2.1:5070>"});
  CHECK(Uri::parse(dialog->next_hop().uri)->host == "strict.invalid");
}

TEST_CASE("a caller's dialog continues the INVITE's sequence numbers and owns the Call-ID") {
  Messages message;
  const Message ok = message("SIP/2.0 200 OK", tagged(kHead));
  Dialog dialog = Dialog::uac(ok.view(), flow(), "sip:bob@b.invalid");
  CHECK(dialog.caller());
  CHECK(dialog.local_tag() == "at");
  CHECK(dialog.remote_tag() == "bt");
  CHECK(dialog.next_cseq() == 8U);
  CHECK_FALSE(dialog.remote_cseq());
}

TEST_CASE("a 2xx without Contact leaves the Request-URI as remote target") {
  Messages message;
  auto lines = tagged(kHead);
  lines.pop_back();
  const Message ok = message("SIP/2.0 200 OK", lines);
  CHECK(Dialog::uac(ok.view(), flow(), "sip:bob@b.invalid:5062").remote_target() ==
        "sip:bob@b.invalid:5062");
}

TEST_CASE("an INVITE without a usable Contact makes no dialog") {
  Messages message;
  auto lines = kHead;
  lines.pop_back();
  for (const char* contact :
       {"", "Contact: *", "Contact: <mailto:a@b.invalid>", "Contact: <sip:a@"}) {
    auto all = lines;
    if (*contact != '\0') all.emplace_back(contact);
    const Message invite = message("INVITE sip:bob@b.invalid SIP/2.0", all);
    const auto dialog = Dialog::uas(invite.view(), flow(), "bt");
    INFO(contact);
    REQUIRE_FALSE(dialog);
    CHECK(dialog.error().header == HeaderId::contact);
  }
}

TEST_CASE("an older request in a dialog is out of order, a gap and an equal number are not") {
  Messages message;
  const Message invite = message("INVITE sip:bob@b.invalid SIP/2.0", kHead);
  auto dialog = Dialog::uas(invite.view(), flow(), "bt");
  REQUIRE(dialog);
  const auto info = [&](int cseq) {
    auto lines = tagged(kHead);
    lines[4] = "CSeq: " + std::to_string(cseq) + " INFO";
    const Message m = message("INFO sip:bob@b.invalid SIP/2.0", lines);
    return dialog->in_order(m.view());
  };
  CHECK(info(40));
  CHECK_FALSE(info(39));
  CHECK(info(40));
  CHECK(info(2147483647));
  CHECK_FALSE(info(41));
}

TEST_CASE("a target refresh replaces the remote target, a message without Contact does not") {
  Messages message;
  const Message invite = message("INVITE sip:bob@b.invalid SIP/2.0", kHead);
  auto dialog = Dialog::uas(invite.view(), flow(), "bt");
  REQUIRE(dialog);
  auto lines = kHead;
  lines[5] = "Contact: <sip:moved@192.0.2.7;z=1>";
  dialog->refresh_target(message("INVITE sip:bob@b.invalid SIP/2.0", lines).view(), flow());
  CHECK(dialog->remote_target() == "sip:moved@192.0.2.7;z=1");
  lines.pop_back();
  dialog->refresh_target(message("INVITE sip:bob@b.invalid SIP/2.0", lines).view(), flow());
  CHECK(dialog->remote_target() == "sip:moved@192.0.2.7;z=1");
}

TEST_CASE("without a route set a callee answers over the stream that the caller itself opened") {
  Messages message;
  const Message invite = message("INVITE sip:bob@b.invalid SIP/2.0", kHead);
  auto dialog = Dialog::uas(invite.view(), flow(Transport::tcp), "bt");
  REQUIRE(dialog);
  REQUIRE(dialog->next_hop().flow);
  CHECK(dialog->next_hop().flow->connection == 42);
  dialog->forget_flow();
  CHECK(dialog->next_hop().uri == "sip:alice@192.0.2.1:5070");

  // Through a proxy that does not stay in the path, the other end of the stream is not the caller.
  const Message proxied = message("INVITE sip:bob@b.invalid SIP/2.0",
                                  with({"Via: SIP/2.0/TCP proxy.invalid;branch=z9hG4bKp"}, kHead));
  CHECK_FALSE(Dialog::uas(proxied.view(), flow(Transport::tcp), "bt")->next_hop().flow);
  const Message routed = message("INVITE sip:bob@b.invalid SIP/2.0",
                                 with(kHead, {"Record-Route: <sip:p.invalid;lr>"}));
  CHECK_FALSE(Dialog::uas(routed.view(), flow(Transport::tcp), "bt")->next_hop().flow);
}

TEST_CASE("a caller stays on its stream where the callee's Contact is the other end of it") {
  Messages message;
  const Message ok = message("SIP/2.0 200 OK", tagged(kHead));
  const Dialog same = Dialog::uac(ok.view(), flow(Transport::tcp, "192.0.2.2"), "sip:b");
  REQUIRE(same.next_hop().flow);
  CHECK(same.next_hop().flow->connection == 0);  // it may be opened again
  const Dialog other = Dialog::uac(ok.view(), flow(Transport::tcp, "192.0.2.3"), "sip:b");
  CHECK_FALSE(other.next_hop().flow);
  CHECK(other.next_hop().uri == "sip:bob@192.0.2.2:5080;x=y");
}

TEST_CASE("a dialog is secure where sips came over TLS") {
  Messages message;
  const Message invite = message("INVITE sips:bob@b.invalid SIP/2.0", kHead);
  CHECK(Dialog::uas(invite.view(), flow(Transport::tls), "bt")->secure());
  CHECK_FALSE(Dialog::uas(invite.view(), flow(Transport::tcp), "bt")->secure());
}

TEST_CASE("a peer without a tag is addressed without one") {
  // RFC 2543; RFC 3261 section 12.1.1.
  Messages message;
  auto lines = kHead;
  lines[1] = "From: <sip:old@a.invalid>";
  const Message invite = message("INVITE sip:bob@b.invalid SIP/2.0", lines);
  const auto dialog = Dialog::uas(invite.view(), flow(), "bt");
  REQUIRE(dialog);
  CHECK(sealed(dialog->request(message.pool, "BYE", 1))->raw(HeaderId::to) ==
        "<sip:old@a.invalid>");
}
