// SPDX-License-Identifier: Apache-2.0
// INFO packages and DTMF, MESSAGE, OPTIONS, identities. RFC 6086, 3428, 3261 section 11.2, 3325.
#include "phones.hpp"
#include "sipstack/dialog/dtmf.hpp"
#include "sipstack/dialog/identity.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

CoreOptions featured() {
  CoreOptions options;
  options.user_agent.recv_info = {"dtmf", "x-foo"};
  options.user_agent.message_types = {"text/plain", "message/cpim"};
  options.user_agent.notifier.packages = {"presence"};
  options.user_agent.notifier.refer = true;
  return options;
}

struct Asked {
  explicit Asked(const CoreOptions& options = featured())
      : bob(network, "bob", "192.0.2.2", options), eve(network, "eve", "192.0.2.9") {
    bob.user = answers;
  }
  const MessageView ask(const Letter& letter) {
    eve.send(letter, bob.where, milliseconds(5));
    return eve.answer_to(letter);
  }
  Network network;
  Phone bob;
  Stranger eve;
};

}  // namespace

TEST_CASE("an INFO of a package that is not taken gets 469 with Recv-Info, and the call stays") {
  Asked t;
  const Letter invite = t.eve.request("INVITE", t.bob).add("Recv-Info", "x-bar");
  t.ask(invite);
  const Message ok = t.eve.last("200 INVITE").message;
  CHECK(ok->raw(HeaderId::recv_info) == "dtmf, x-foo");
  int cseq = 1;
  const auto info = [&](const std::string& package) {
    Letter m = t.eve.within(invite, ok.view(), "INFO", ++cseq);
    m.remove("Recv-Info");
    if (!package.empty()) m.add("Info-Package", package);
    return t.ask(m);
  };
  CHECK(info("").status() == 200);
  CHECK(info("DTMF").status() == 200);
  CHECK(info("x-foo;p=1").status() == 200);
  const MessageView refused = info("x-bar");
  CHECK(refused.status() == 469);
  CHECK(refused.raw(HeaderId::recv_info) == "dtmf, x-foo");
  CHECK(info("\"broken").status() == 469);
  CHECK(t.bob.ua().calls() == 1);
  // Without Recv-Info in the INVITE there is none in the answer.
  t.ask(t.eve.request("INVITE", t.bob));
  CHECK_FALSE(t.eve.last("200 INVITE").message->has(HeaderId::recv_info));
}

TEST_CASE("DTMF in INFO, as it is found on the wire") {
  struct Case {
    const char* type;
    const char* body;
    char digit;
    std::uint32_t duration;
  };
  const Case cases[] = {{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5', 160},
                        {"application/dtmf-relay", "Signal= 5\nDuration= 160\n", '5', 160},
                        {"Application/DTMF-Relay", "signal=#\r\nduration=99999999\r\n", '#', 0},
                        {"application/dtmf-relay", "Duration=80\r\nSignal=10", '*', 80},
                        {"application/dtmf-relay", "Signal=16", '!', 0},
                        {"application/dtmf-relay", "Signal=b", 'B', 0},
                        {"application/dtmf", "7", '7', 0},
                        {"application/dtmf", " 11 \r\n", '#', 0},
                        {"application/dtmf-relay", "Signal=\r\n", 0, 0},
                        {"application/dtmf-relay", "Signal=17", 0, 0},
                        {"application/dtmf-relay", "Duration=80", 0, 0},
                        {"application/dtmf", "", 0, 0},
                        {"application/dtmf", "77", 0, 0},
                        {"text/plain", "Signal=5", 0, 0}};
  BlockPool pool;
  MessageIndex scratch;
  for (const Case& c : cases) {
    INFO(c.type << " " << c.body);
    Letter info;
    info.start = "INFO sip:a@h SIP/2.0";
    info.add("Via", "SIP/2.0/UDP h;branch=z9hG4bK1").add("From", "<sip:b@h>;tag=1");
    info.add("To", "<sip:a@h>;tag=2").add("Call-ID", "c").add("CSeq", "2 INFO");
    info.with(c.type, c.body);
    const auto message = Message::parse(pool, info.text(), scratch);
    REQUIRE(message);
    const auto read = dtmf_of(message->view());
    CHECK(read.has_value() == (c.digit != 0));
    if (read) CHECK(read->digit == c.digit);
    if (read) CHECK(read->duration_ms == c.duration);
  }
  CHECK(dtmf_relay({'9', 250}) == "Signal=9\r\nDuration=250\r\n");
  CHECK(dtmf_relay({'#', 0}) == "Signal=#\r\n");
}

TEST_CASE("a MESSAGE of a type that is not taken gets 415; none has a Contact") {
  Asked t;
  const auto message = [&](const std::string& type) {
    return t.ask(t.eve.request("MESSAGE", t.bob).remove("Contact").with(type, "Hello"));
  };
  CHECK(message("text/plain;charset=UTF-8").status() == 200);
  CHECK_FALSE(message("message/cpim").has(HeaderId::contact));
  const MessageView refused = message("text/html");
  CHECK(refused.status() == 415);
  std::string types;
  for (const auto& type : refused.all(hdr::accept)) types.append(type->subtype).append(" ");
  CHECK(types == "plain cpim ");
  CHECK(
      t.ask(t.eve.request("MESSAGE", t.bob).with("text/plain", "x").add("Content-Encoding", "gzip"))
          .status() == 415);
}

TEST_CASE("OPTIONS tells what is served") {
  Asked t;
  const MessageView ok = t.ask(t.eve.request("OPTIONS", t.bob));
  CHECK(ok.status() == 200);
  for (const char* method : {"INVITE", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "INFO"})
    CHECK(ok.raw(HeaderId::allow)->find(method) != std::string_view::npos);
  CHECK(ok.raw(HeaderId::allow)->find("PUBLISH") == std::string_view::npos);
  CHECK(ok.raw(HeaderId::allow_events) == "presence, refer");
  CHECK(ok.raw(HeaderId::supported)->find("replaces") != std::string_view::npos);
  CHECK(ok.raw(HeaderId::supported)->find("norefersub") != std::string_view::npos);
  CHECK(ok.raw(HeaderId::accept) == "application/sdp");
  for (const char* method : {"SUBSCRIBE", "REFER"})
    CHECK(Asked(CoreOptions{}).ask(t.eve.request(method, t.bob)).status() == 405);
}

TEST_CASE(
    "an identity counts only where its peer is trusted, and is not shown where that is asked") {
  Asked t;
  Letter invite = t.eve.request("INVITE", t.bob);
  invite.add("P-Asserted-Identity", "\"Alice \\\"A\\\"\" <sip:alice@p.invalid>, <tel:+15551234>");
  invite.add("Privacy", "id");
  invite.add("Diversion", "<sip:boss@p.invalid>;reason=no-answer;counter=2");
  invite.add("History-Info", "<sip:boss@p.invalid?Reason=SIP%3Bcause%3D408>;index=1");
  t.ask(invite);
  const CallArrived& arrived = t.bob.last<CallArrived>();
  const MessageView m = arrived.invite.view();
  const CallerIdentity trusted = caller_identity(m, arrived.flow, {address("192.0.2.9").ip});
  CHECK(trusted.asserted);
  CHECK(trusted.withheld);
  CHECK(trusted.uri == "sip:alice@p.invalid");
  CHECK(trusted.display == "Alice \"A\"");
  for (const auto& peers : {std::vector<IpAddress>{}, {address("192.0.2.8").ip}}) {
    const CallerIdentity claimed = caller_identity(m, arrived.flow, peers);
    CHECK_FALSE(claimed.asserted);
    CHECK(claimed.withheld);
    CHECK(claimed.uri == "sip:stranger@s.invalid");
  }
  CHECK(m.get(hdr::diversion)->counter() == 2U);
  CHECK(m.get(hdr::history_info)->cause() == 408U);
}
