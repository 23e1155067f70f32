// SPDX-License-Identifier: Apache-2.0
// Writers: what leaves is well-formed, complete, and holds no header that nobody wrote.
#include "sipstack/parser/writer.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

using namespace sipstack;

namespace {

constexpr Origin kUdp{Transport::udp, "192.0.2.1:5060", "z9hG4bK-1"};

SocketAddress at(const char* text) { return SocketAddress::parse(text).value(); }

// What a request needs besides what its writer adds.
void mandatory(RequestWriter& out, const char* cseq = "1 OPTIONS") {
  out.header(hdr::to.id, "<sip:bob@biloxi.example>");
  out.header(hdr::from.id, "<sip:alice@atlanta.example>;tag=1928");
  out.header(hdr::call_id.id, "a84b4c76e66710");
  out.header(hdr::cseq.id, cseq);
  out.header(hdr::max_forwards.id, 70);
}

// A request as it may come in, and its index.
struct Received {
  explicit Received(std::string text) : bytes(std::move(text)) {
    parsed = parse(bytes, index).has_value();
  }
  MessageView view() const { return {bytes.data(), index}; }
  std::string bytes;
  MessageIndex index;
  bool parsed = false;
};

std::string request_text(const std::string& vias,
                         const std::string& to = "<sip:bob@biloxi.example>",
                         const std::string& more = "") {
  return "OPTIONS sip:bob@biloxi.example SIP/2.0\r\n" + vias + "To: " + to +
         "\r\nFrom: Alice <sip:alice@atlanta.example>;tag=88sja8x\r\n"
         "Max-Forwards: 70\r\nCall-ID: 987asjd97y7atg\r\nCSeq: 986759 OPTIONS\r\n" +
         more + "Content-Length: 0\r\n\r\n";
}

Flow from(const char* source, Transport transport = Transport::udp) {
  Flow flow;
  flow.transport = transport;
  flow.local = at("192.0.2.200:5060");
  flow.remote = at(source);
  flow.connection = reliable(transport) ? 7 : 0;
  return flow;
}

std::string answer(const std::string& request, const Flow& source, int status = 200,
                   const std::string& tag = "a6c85cf") {
  BlockPool pool;
  const Received received(request);
  const ResponseWriter writer(pool, received.view(), source, status, tag);
  const auto sealed = writer.seal();
  return sealed ? std::string(sealed->bytes()) : "error " + std::string(to_string(sealed.error()));
}

std::string first_line_of(const std::string& message, const std::string& name) {
  const std::size_t begin = message.find("\r\n" + name + ": ");
  if (begin == std::string::npos) return "";
  return message.substr(begin + 2, message.find("\r\n", begin + 2) - begin - 2);
}

std::string top_via(const std::string& via, const Flow& source) {
  return first_line_of(answer(request_text("Via: " + via + "\r\n"), source), "Via");
}

}  // namespace

TEST_CASE("a request is written with its Via first and its Content-Length last") {
  BlockPool pool;
  RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
  mandatory(out);
  const auto message = out.seal(kUdp);
  REQUIRE(message);
  CHECK(message->bytes() ==
        "OPTIONS sip:bob@biloxi.example SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-1;rport\r\n"
        "To: <sip:bob@biloxi.example>\r\n"
        "From: <sip:alice@atlanta.example>;tag=1928\r\n"
        "Call-ID: a84b4c76e66710\r\n"
        "CSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\n"
        "Content-Length: 0\r\n\r\n");
  CHECK((*message)->branch() == "z9hG4bK-1");
  CHECK(out.method() == "OPTIONS");
  CHECK(out.uri() == "sip:bob@biloxi.example");
}

TEST_CASE("a request can be sealed again for another target") {
  BlockPool pool;
  RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
  mandatory(out);
  const auto first = out.seal(kUdp);
  const auto second = out.seal({Transport::tcp, "192.0.2.1", "z9hG4bK-2"});
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first_line_of(std::string(first->bytes()), "Via") ==
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-1;rport");
  CHECK(first_line_of(std::string(second->bytes()), "Via") ==
        "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK-2");
}

TEST_CASE("a writer that was moved goes on where it was") {
  BlockPool pool;
  RequestWriter first(pool, "OPTIONS", "sip:bob@biloxi.example");
  mandatory(first);
  RequestWriter out(std::move(first));
  out.body("text/plain", "hi");
  const auto message = out.seal(kUdp);
  REQUIRE(message);
  CHECK((*message)->body() == "hi");
}

TEST_CASE("a body stands behind its type and its length") {
  BlockPool pool;
  RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
  mandatory(out);
  const std::string bytes("\0\r\n\r\n\xff binary", 13);
  out.body("application/octet-stream", bytes);
  const auto message = out.seal(kUdp);
  REQUIRE(message);
  CHECK((*message)->body() == bytes);
  CHECK((*message)->raw(HeaderId::content_type) == "application/octet-stream");
  CHECK((*message)->raw(HeaderId::content_length) == "13");
}

TEST_CASE("a body without a type is refused, an empty one is none") {
  BlockPool pool;
  RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
  mandatory(out);
  out.body("", "hello");
  CHECK(out.seal(kUdp).error() == WriteErrc::no_body_type);
  out.header(HeaderId::content_type, "text/plain");
  CHECK(out.seal(kUdp));
  RequestWriter empty(pool, "OPTIONS", "sip:bob@biloxi.example");
  mandatory(empty);
  empty.body("", "");
  CHECK(empty.seal(kUdp));
}

TEST_CASE("names are written in their long form whatever form is given") {
  BlockPool pool;
  RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
  mandatory(out);
  out.header("k", "timer");
  out.header("subject", "lunch");
  out.header("X-Own", "1");
  const auto message = out.seal(kUdp);
  REQUIRE(message);
  const std::string text(message->bytes());
  CHECK(first_line_of(text, "Supported") == "Supported: timer");
  CHECK(first_line_of(text, "Subject") == "Subject: lunch");
  CHECK(first_line_of(text, "X-Own") == "X-Own: 1");
}

TEST_CASE("no value can add a header field") {
  const std::vector<std::string> bad{
      "x\r\nX-Evil: 1",       "x\nX-Evil: 1", "x\rX-Evil: 1", "\r\n",  "x\r\n y",
      std::string("a\0b", 3), "a\x01",        "a\x7f",        "a\x1b",
  };
  BlockPool pool;
  for (const std::string& text : bad) {
    CAPTURE(text);
    const auto refused = [&](auto&& write) {
      RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
      mandatory(out);
      write(out);
      const auto sealed = out.seal({Transport::udp, "192.0.2.1", "z9hG4bK-1"});
      return !sealed && sealed.error() == WriteErrc::bad_byte && out.error() == WriteErrc::bad_byte;
    };
    CHECK(refused([&](auto& out) { out.header(HeaderId::subject, text); }));
    CHECK(refused([&](auto& out) { out.header("X-Own", text); }));
    CHECK(refused([&](auto& out) { out.header(text, "value"); }));
    CHECK(refused([&](auto& out) { out.body(text, "body"); }));
    CHECK(refused([&](auto& out) { out.contact_here(text); }));
    CHECK(refused([&](auto& out) { out.contact_here("alice", ";" + text); }));
    CHECK(refused([&](auto& out) { out.contact_here("alice", "", ";" + text); }));
    CHECK(RequestWriter(pool, text, "sip:bob@biloxi.example").error() == WriteErrc::bad_byte);
    CHECK(RequestWriter(pool, "OPTIONS", "sip:" + text).error() == WriteErrc::bad_byte);
    RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
    mandatory(out);
    CHECK_FALSE(out.seal({Transport::udp, text, "z9hG4bK-1"}));
    CHECK_FALSE(out.seal({Transport::udp, "192.0.2.1", "z9hG4bK" + text}));
    const Received received(request_text("Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"));
    CHECK_FALSE(ResponseWriter(pool, received.view(), from("192.0.2.1:5060"), 200, text).seal());
    CHECK_FALSE(
        ResponseWriter(pool, received.view(), from("192.0.2.1:5060"), 200, "t", text).seal());
  }
}

TEST_CASE("a header name must be a token") {
  BlockPool pool;
  for (const char* text : {"", "X Own", "X:Own", "X-\xc3\xa4", "X\t"}) {
    CAPTURE(text);
    RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
    mandatory(out);
    out.header(text, "value");
    CHECK(out.seal(kUdp).error() == WriteErrc::bad_byte);
  }
}

TEST_CASE("a request that lacks a mandatory field, or has one twice, is not sealed") {
  BlockPool pool;
  RequestWriter bare(pool, "OPTIONS", "sip:bob@biloxi.example");
  CHECK(bare.seal(kUdp).error() == WriteErrc::malformed);
  RequestWriter twice(pool, "OPTIONS", "sip:bob@biloxi.example");
  mandatory(twice);
  twice.header(HeaderId::call_id, "another");
  CHECK(twice.seal(kUdp).error() == WriteErrc::malformed);
  RequestWriter other_method(pool, "INVITE", "sip:bob@biloxi.example");
  mandatory(other_method);
  CHECK(other_method.seal(kUdp).error() == WriteErrc::malformed);
  RequestWriter length(pool, "OPTIONS", "sip:bob@biloxi.example");
  mandatory(length);
  length.header("l", "5");
  CHECK(length.seal(kUdp).error() == WriteErrc::malformed);
}

TEST_CASE("the Contact of our own user agent is filled in for the transport") {
  const auto contact = [](const Origin& origin, bool secure = false, const char* user = "alice") {
    BlockPool pool;
    RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
    mandatory(out);
    out.contact_here(user, ";ob", ";expires=60", secure);
    const auto message = out.seal(origin);
    return message ? first_line_of(std::string(message->bytes()), "Contact")
                   : std::string(to_string(message.error()));
  };
  CHECK(contact({Transport::udp, "192.0.2.1:5062", "z9hG4bK1"}) ==
        "Contact: <sip:alice@192.0.2.1:5062;ob>;expires=60");
  CHECK(contact({Transport::tcp, "[2001:db8::1]", "z9hG4bK1"}) ==
        "Contact: <sip:alice@[2001:db8::1];transport=tcp;ob>;expires=60");
  CHECK(contact({Transport::tls, "a.example", "z9hG4bK1"}) ==
        "Contact: <sip:alice@a.example;transport=tls;ob>;expires=60");
  CHECK(contact({Transport::tls, "a.example", "z9hG4bK1"}, true) ==
        "Contact: <sips:alice@a.example;ob>;expires=60");
  CHECK(contact({Transport::ws, "a.invalid", "z9hG4bK1"}) ==
        "Contact: <sip:alice@a.invalid;transport=ws;ob>;expires=60");
  CHECK(contact({Transport::wss, "a.invalid", "z9hG4bK1"}, false, "") ==
        "Contact: <sip:a.invalid;transport=ws;ob>;expires=60");
  CHECK(contact({Transport::udp, "a.example", "z9hG4bK1"}, false, "a b") == "malformed");
  CHECK(contact({Transport::udp, "a.example", "z9hG4bK1"}, false, "a>;x=<") == "bad-byte");
}

TEST_CASE("a message may have 65,535 bytes and not one more") {
  BlockPool pool;
  const auto sealed = [&pool](std::size_t body) {
    RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
    mandatory(out);
    out.body("a/b", std::string(body, 'x'));
    return out.seal(kUdp);
  };
  const std::size_t rest = sealed(60000)->bytes().size() - 60000;
  CHECK(sealed(65534 - rest)->bytes().size() == 65534);
  CHECK(sealed(65535 - rest)->bytes().size() == 65535);
  CHECK(sealed(65536 - rest).error() == WriteErrc::too_large);
  CHECK(sealed(70000).error() == WriteErrc::too_large);
}

TEST_CASE("lines may grow far beyond the first block") {
  BlockPool pool;
  RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
  mandatory(out);
  for (int i = 0; i < 200; ++i) out.header("X-" + std::to_string(i), std::string(200, 'v'));
  const auto message = out.seal(kUdp);
  REQUIRE(message);
  CHECK((*message)->header_count() == 200 + 7);
  CHECK((*message)->raw("X-199") == std::string(200, 'v'));
}

TEST_CASE("an exhausted pool is an error and leaks nothing") {
  BlockPool pool(4096);
  {
    RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
    mandatory(out);
    out.header("X-Long", std::string(3000, 'x'));
    CHECK(out.seal(kUdp).error() == WriteErrc::too_large);
  }
  CHECK(pool.live() == 0);
}

TEST_CASE("nothing is left in the pool when writer and message are gone") {
  BlockPool pool;
  {
    RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
    mandatory(out);
    out.contact_here("alice");
    out.body("text/plain", "hi");
    const auto message = out.seal(kUdp);
    REQUIRE(message);
    const auto copy = *message;
    CHECK(copy.bytes() == message->bytes());
  }
  CHECK(pool.live() == 0);
}

// ---- responses ----

TEST_CASE("a response copies what RFC 3261 section 8.2.6.2 says, the Vias byte for byte") {
  const std::string text =
      answer(request_text("v: SIP/2.0/UDP pc.example;branch=z9hG4bK1\r\n"
                          "Via:  SIP / 2.0 / TCP  second.example ;branch=z9hG4bK2,\r\n"
                          "  SIP/2.0/UDP third.example;branch=z9hG4bK3;received=192.0.2.77\r\n"),
             from("192.0.2.4:5060"));
  CHECK(text ==
        "SIP/2.0 200 OK\r\n"
        "Via: SIP/2.0/UDP pc.example;branch=z9hG4bK1;received=192.0.2.4\r\n"
        "Via: SIP / 2.0 / TCP  second.example ;branch=z9hG4bK2,\r\n"
        "  SIP/2.0/UDP third.example;branch=z9hG4bK3;received=192.0.2.77\r\n"
        "From: Alice <sip:alice@atlanta.example>;tag=88sja8x\r\n"
        "To: <sip:bob@biloxi.example>;tag=a6c85cf\r\n"
        "Call-ID: 987asjd97y7atg\r\n"
        "CSeq: 986759 OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n");
}

TEST_CASE("received and rport go into the topmost Via value alone, also where it shares its line") {
  CHECK(top_via("SIP/2.0/UDP a.example;branch=z9hG4bK1 , SIP/2.0/UDP b.example;branch=z9hG4bK2",
                from("192.0.2.4:5060")) ==
        "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1;received=192.0.2.4 , "
        "SIP/2.0/UDP b.example;branch=z9hG4bK2");
}

TEST_CASE(
    "received is set where sent-by is a name or another address, and not where it is the same") {
  CHECK(top_via("SIP/2.0/UDP a.example;branch=z9hG4bK1", from("192.0.2.4:1024")) ==
        "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1;received=192.0.2.4");
  CHECK(top_via("SIP/2.0/UDP 192.0.2.5;branch=z9hG4bK1", from("192.0.2.4:1024")) ==
        "Via: SIP/2.0/UDP 192.0.2.5;branch=z9hG4bK1;received=192.0.2.4");
  CHECK(top_via("SIP/2.0/UDP 192.0.2.4:5062;branch=z9hG4bK1", from("192.0.2.4:1024")) ==
        "Via: SIP/2.0/UDP 192.0.2.4:5062;branch=z9hG4bK1");
  CHECK(top_via("SIP/2.0/UDP [2001:DB8::0:1];branch=z9hG4bK1", from("[2001:db8::1]:1024")) ==
        "Via: SIP/2.0/UDP [2001:DB8::0:1];branch=z9hG4bK1");
  CHECK(top_via("SIP/2.0/UDP [2001:db8::2];branch=z9hG4bK1", from("[2001:db8::1]:1024")) ==
        "Via: SIP/2.0/UDP [2001:db8::2];branch=z9hG4bK1;received=2001:db8::1");
}

TEST_CASE("where rport is asked for, received and rport are both set") {
  CHECK(top_via("SIP/2.0/UDP 192.0.2.4;rport;branch=z9hG4bK1", from("192.0.2.4:1024")) ==
        "Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1;received=192.0.2.4;rport=1024");
  CHECK(top_via("SIP/2.0/TCP 192.0.2.4;branch=z9hG4bK1;RPORT",
                from("192.0.2.4:1024", Transport::tcp)) ==
        "Via: SIP/2.0/TCP 192.0.2.4;branch=z9hG4bK1;received=192.0.2.4;rport=1024");
}

TEST_CASE("what a sender claims as received and rport is replaced by the truth") {
  CHECK(top_via("SIP/2.0/UDP 192.0.2.4;received=203.0.113.9;rport=9;branch=z9hG4bK1",
                from("192.0.2.4:1024")) ==
        "Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1;received=192.0.2.4;rport=1024");
  CHECK(top_via("SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1;received=[2001:db8::9];ttl=1",
                from("192.0.2.4:1024")) ==
        "Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1;ttl=1;received=192.0.2.4");
}

TEST_CASE("the To tag is added where there is none, and not to a 100") {
  const std::string via = "Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1\r\n";
  const Flow source = from("192.0.2.4:5060");
  const auto to = [&](const std::string& value, int status = 200) {
    return first_line_of(answer(request_text(via, value), source, status), "To");
  };
  CHECK(to("<sip:bob@b.example>") == "To: <sip:bob@b.example>;tag=a6c85cf");
  CHECK(to("<sip:bob@b.example>", 100) == "To: <sip:bob@b.example>");
  CHECK(to("<sip:bob@b.example>;tag=x") == "To: <sip:bob@b.example>;tag=x");
  CHECK(to("<sip:bob@b.example> ; TAG = x") == "To: <sip:bob@b.example> ; TAG = x");
  CHECK(to("sip:bob@b.example;tag=x") == "To: sip:bob@b.example;tag=x");
  // A tag inside the URI or a quoted name is none.
  CHECK(to("<sip:bob@b.example;tag=x>") == "To: <sip:bob@b.example;tag=x>;tag=a6c85cf");
  CHECK(to("\"a;tag=x\\\";tag=y\" <sip:bob@b.example>") ==
        "To: \"a;tag=x\\\";tag=y\" <sip:bob@b.example>;tag=a6c85cf");
  CHECK(to("<sip:bob@b.example>;x=\";tag=y\"") ==
        "To: <sip:bob@b.example>;x=\";tag=y\";tag=a6c85cf");
  CHECK(to("<sip:bob@b.example>;tagger=x") == "To: <sip:bob@b.example>;tagger=x;tag=a6c85cf");
}

TEST_CASE("Timestamp is copied into a 100 and into nothing else") {
  const std::string request = request_text("Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1\r\n",
                                           "<sip:b@b.example>", "Timestamp: 54.21\r\n");
  CHECK(first_line_of(answer(request, from("192.0.2.4:5060"), 100), "Timestamp") ==
        "Timestamp: 54.21");
  CHECK(first_line_of(answer(request, from("192.0.2.4:5060"), 180), "Timestamp").empty());
}

TEST_CASE("a response carries what is copied and written on top, body included") {
  BlockPool pool;
  const Received received(
      request_text("Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1\r\n", "<sip:b@b.example>",
                   "Record-Route: <sip:p1.example;lr>,\r\n <sip:p2.example;lr>\r\n"
                   "Record-Route: <sip:p3.example;lr>\r\n"));
  REQUIRE(received.parsed);
  ResponseWriter out(pool, received.view(), from("192.0.2.4:5060"), 200, "t1");
  out.copy(received.view(), HeaderId::record_route);
  out.contact_here("bob");
  out.body("application/sdp", "v=0\r\n");
  CHECK(out.seal().error() == WriteErrc::malformed);  // nobody said where we are
  const auto message = out.seal(kUdp);
  REQUIRE(message);
  CHECK((*message)->status() == 200);
  CHECK((*message)->to_tag() == "t1");
  CHECK((*message)->body() == "v=0\r\n");
  const std::string text(message->bytes());
  CHECK(text.find("Record-Route: <sip:p1.example;lr>,\r\n <sip:p2.example;lr>\r\n"
                  "Record-Route: <sip:p3.example;lr>\r\n") != std::string::npos);
  CHECK(first_line_of(text, "Contact") == "Contact: <sip:bob@192.0.2.1:5060>");
  CHECK(out.status() == 200);
}

TEST_CASE("a status outside 100 to 699 is refused") {
  BlockPool pool;
  const Received received(request_text("Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1\r\n"));
  for (const int status : {-1, 0, 99, 700, 1000})
    CHECK(ResponseWriter(pool, received.view(), from("192.0.2.4:5060"), status, "t").error() ==
          WriteErrc::malformed);
  for (const int status : {100, 699})
    CHECK(ResponseWriter(pool, received.view(), from("192.0.2.4:5060"), status, "t").seal());
}

TEST_CASE("a request that does not parse is answered with what it holds") {
  const std::string via = "Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1\r\n";
  const Flow source = from("192.0.2.4:5060");
  BlockPool pool;
  const auto answered = [&](const std::string& text) {
    const Received received(text);
    REQUIRE_FALSE(received.parsed);
    REQUIRE(recoverable(received.view()));
    const auto message = ResponseWriter(pool, received.view(), source, 400, "t1").seal();
    REQUIRE(message);
    CHECK((*message)->status() == 400);
    CHECK((*message)->bytes().size() == message->bytes().size());
    return std::string(message->bytes());
  };

  const std::string bad_to = answered(request_text(via, "\"Mr. B <sip:bob@biloxi.example>"));
  CHECK(first_line_of(bad_to, "To") == "To: \"Mr. B <sip:bob@biloxi.example>;tag=t1");
  CHECK(bad_to.substr(bad_to.size() - 23) == "\r\nContent-Length: 0\r\n\r\n");

  const std::string bad_length =
      answered(request_text(via, "<sip:b@b.example>;tag=2", "Content-Length: -1\r\n"));
  CHECK(first_line_of(bad_length, "To") == "To: <sip:b@b.example>;tag=2");

  const std::string twice =
      answered(request_text(via, "<sip:b@b.example>\r\nTo: <sip:c@b.example>"));
  CHECK(first_line_of(twice, "To") == "To: <sip:b@b.example>;tag=t1");
  CHECK(twice.find("sip:c@") == std::string::npos);

  // A control byte must not reach another parser by way of us.
  const std::string nul =
      answered(request_text(via, std::string("\"a\0b\" <sip:b@b.example>", 23)));
  CHECK(first_line_of(nul, "To") == "To: \"a b\" <sip:b@b.example>;tag=t1");
}

// ---- where it goes ----

TEST_CASE(
    "a response goes to the source address and the sent-by port, or the source port with rport") {
  const auto target = [](const std::string& via, const Flow& source) {
    const Received received(request_text("Via: " + via + "\r\n"));
    const Flow flow = response_target(received.view(), source);
    CHECK(flow.transport == source.transport);
    CHECK(flow.local == source.local);
    CHECK(flow.connection == source.connection);
    return flow.remote.to_string();
  };
  const Flow udp = from("192.0.2.4:1024");
  CHECK(target("SIP/2.0/UDP a.example:5066;branch=z9hG4bK1", udp) == "192.0.2.4:5066");
  CHECK(target("SIP/2.0/UDP a.example;branch=z9hG4bK1", udp) == "192.0.2.4:5060");
  CHECK(target("SIP/2.0/UDP a.example:5066;branch=z9hG4bK1;rport", udp) == "192.0.2.4:1024");
  CHECK(target("SIP/2.0/UDP a.example:5066;branch=z9hG4bK1;rport=7", udp) == "192.0.2.4:1024");
  CHECK(target("SIP/2.0/UDP a.example;branch=z9hG4bK1;received=203.0.113.9", udp) ==
        "192.0.2.4:5060");
  CHECK(target("SIP/2.0/UDP a.example:5066;maddr=192.0.2.50;branch=z9hG4bK1;rport", udp) ==
        "192.0.2.50:5066");
  CHECK(target("SIP/2.0/UDP a.example;maddr=b.example;branch=z9hG4bK1;rport", udp) ==
        "192.0.2.4:1024");
  const Flow v6 = from("[2001:db8::1]:1024");
  CHECK(target("SIP/2.0/UDP [2001:db8::1]:5066;branch=z9hG4bK1", v6) == "[2001:db8::1]:5066");
  // A stream's connection answers; should it be gone, the peer listens where it says.
  CHECK(target("SIP/2.0/TCP a.example:5066;branch=z9hG4bK1;rport",
               from("192.0.2.4:1024", Transport::tcp)) == "192.0.2.4:5066");
  CHECK(target("SIP/2.0/TLS a.example;branch=z9hG4bK1", from("192.0.2.4:1024", Transport::tls)) ==
        "192.0.2.4:5061");
}

TEST_CASE("a response without a Via that parses goes back where the request came from") {
  const Received received(request_text("Via: nonsense\r\n"));
  CHECK(response_target(received.view(), from("192.0.2.4:1024")).remote == at("192.0.2.4:1024"));
}

TEST_CASE("every registered status has its phrase and an unknown one that of its class") {
  CHECK(reason_phrase(100) == "Trying");
  CHECK(reason_phrase(180) == "Ringing");
  CHECK(reason_phrase(481) == "Call/Transaction Does Not Exist");
  CHECK(reason_phrase(504) == "Server Time-out");
  CHECK(reason_phrase(608) == "Rejected");
  CHECK(reason_phrase(199) == "Early Dialog Terminated");
  CHECK(reason_phrase(499) == "Bad Request");
  CHECK(reason_phrase(101) == "Session Progress");
  CHECK(reason_phrase(699) == "Busy Everywhere");
  CHECK(reason_phrase(700).empty());
  CHECK(reason_phrase(0).empty());
}
