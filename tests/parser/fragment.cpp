// SPDX-License-Identifier: Apache-2.0
// Fragments of messages: any subset of one, and what is there as strict as in a whole. RFC 3420.
#include "sipstack/parser/fragment.hpp"

#include "grammar_check.hpp"
#include "guarded.hpp"
#include "sample.hpp"

namespace sipstack {
namespace {

using testing::crlf;

struct Read {
  explicit Read(std::string text, const ParseLimits& limits = {})
      : bytes(std::move(text)), result(parse_fragment(bytes, index, limits)) {}
  std::string error() const {
    if (result) return "ok";
    return std::string(to_string(result.error().code)) + " " +
           std::to_string(result.error().offset);
  }
  MessageView view() const { return {bytes.data(), index}; }
  std::string bytes;
  MessageIndex index;
  expected<void, ParseError> result;
};

TEST_CASE("a start line alone is a fragment, with or without its line end") {
  for (const char* end : {"", "\r\n", "\r\n\r\n"}) {
    CAPTURE(end);
    const Read response(std::string("SIP/2.0 603 Declined") + end);
    REQUIRE(response.error() == "ok");
    CHECK(response.view().status() == 603);
    CHECK(response.view().reason() == "Declined");
    CHECK(response.view().header_count() == 0);
    CHECK(response.view().body().empty());
    const Read request(std::string("INVITE sip:alice@atlanta.example SIP/2.0") + end);
    REQUIRE(request.error() == "ok");
    CHECK(request.view().is_request());
    CHECK(request.view().method() == Method::invite);
    CHECK(request.view().request_uri().user == "alice");
  }
  CHECK(Read("SIP/2.0 200 ").error() == "ok");
}

TEST_CASE("any header fields are a fragment, with a start line or without") {
  const Read some(
      crlf("REGISTER sip:atlanta.example SIP/2.0\nTo: sip:alice@atlanta.example\n"
           "Contact: <sip:alicepc@atlanta.example>;q=0.9,\n         "
           "<sip:alicemobile@atlanta.example>;q=0.1"));
  REQUIRE(some.error() == "ok");
  int contacts = 0;
  for (const auto& contact : some.view().all(hdr::contact)) contacts += contact ? 1 : 100;
  CHECK(contacts == 2);
  const Read assertion(
      crlf("From: Alice <sip:alice@atlanta.example>;tag=88\nTo: Bob <sip:bob@biloxi.example>\n"
           "Contact: <sip:alice@pc33.atlanta.example>\nDate: Thu, 21 Feb 2002 13:02:03 GMT\n"
           "Call-ID: a84b4c76e66710\nCseq: 314159 INVITE\n"));
  REQUIRE(assertion.error() == "ok");
  CHECK_FALSE(assertion.view().is_request());
  CHECK(assertion.view().status() == 0);
  CHECK(assertion.view().call_id() == "a84b4c76e66710");
  CHECK(assertion.view().from_tag() == "88");
  CHECK(assertion.view().cseq().number == 314159);
  CHECK(assertion.view().method_name() == "INVITE");
  CHECK(assertion.view().get(hdr::via).error().code == ParseErrc::missing_header);
  CHECK(Read(crlf("Subject: a\n b")).view().get(hdr::subject)->text == crlf("a\n b"));
  CHECK(Read("").error() == "ok");
}

TEST_CASE("a body is behind an empty line alone") {
  const Read with(crlf("Content-Type: text/plain\nContent-Length: 5\n\nhello and more"));
  REQUIRE(with.error() == "ok");
  CHECK(with.view().body() == "hello");
  CHECK(Read(crlf("Content-Type: text/plain\n\nhello")).view().body() == "hello");
  CHECK(Read(crlf("\nhello")).view().body() == "hello");
  // The body may have been deleted, and its length not.
  CHECK(Read(crlf("Content-Length: 5\n")).error() == "ok");
  CHECK(Read(crlf("Content-Length: 5\n\n")).error() == "ok");
  CHECK(Read(crlf("Content-Length: 5\n\nhell")).error() == "body-too-short 16");
}

TEST_CASE("what stands in a fragment is as strict as in a message") {
  CHECK(Read("hello").error() == "bad-header-name 5");
  CHECK(Read("SIP/3.0 200 OK").error() == "bad-version 0");
  CHECK(Read("SIP/2.0 99 OK").error() == "bad-start-line 0");
  CHECK(Read("SIP/2.0 099 OK").error() == "bad-status 8");
  CHECK(Read("SIP/2.0 700 OK").error() == "bad-status 8");
  CHECK(Read("SIP/2.0").error() == "bad-start-line 0");
  CHECK(Read("OPTIONS sip:a b@h SIP/2.0").error() == "bad-uri 13");
  CHECK(Read("OPTIONS sip:h SIP/1.0").error() == "bad-version 14");
  CHECK(Read(crlf("OPTIONS sip:h SIP/2.0\nCSeq: 1 BYE")).error() == "cseq-mismatch 31");
  CHECK(Read(crlf("Via: x")).error().substr(0, 10) == "bad-header");
  CHECK(Read(crlf("To: <sip:a@h>;tag=1;tag=2")).error() == "bad-header 20");
  CHECK(Read(crlf("Via: SIP/2.0/UDP h;branch=")).error().substr(0, 10) == "bad-header");
  CHECK(Read(crlf("CSeq: 1 A\nCSeq: 1 A")).error() == "duplicate-header 11");
  CHECK(Read(crlf("Max-Forwards: 256")).error() == "out-of-range 14");
  CHECK(Read(crlf("Content-Length: x")).error() == "bad-content-length 16");
  CHECK(Read("Subject: a\nTo: b").error() == "bad-byte 10");
  CHECK(Read("Subject: a\rTo: b").error() == "bad-byte 10");
  CHECK(Read(std::string("Subject: a\0", 11)).error() == "bad-byte 10");
  CHECK(Read("Subject : SIP/2.0").error() == "ok");
  CHECK(Read(crlf("SIP/2.0 200 OK\n To: x")).error() == "bad-header-name 17");
}

TEST_CASE("limits hold in fragments") {
  ParseLimits limits;
  limits.headers = 2;
  CHECK(Read(crlf("A: 1\nB: 2"), limits).error() == "ok");
  CHECK(Read(crlf("A: 1\nB: 2\nC: 3"), limits).error() == "too-many 12");
  limits = {};
  limits.header_value = 3;
  CHECK(Read("A: 123", limits).error() == "ok");
  CHECK(Read("A: 1234", limits).error() == "too-large 3");
  limits = {};
  limits.message = 6;
  CHECK(Read("A: 123", limits).error() == "ok");
  CHECK(Read("A: 1234", limits).error() == "too-large 0");
}

TEST_CASE("a whole message is a fragment of itself and says the same") {
  for (const std::string& text : testing::samples()) {
    MessageIndex whole;
    REQUIRE(parse(text, whole));
    const Read fragment(text);
    REQUIRE(fragment.error() == "ok");
    const MessageView a(text.data(), whole);
    const MessageView b = fragment.view();
    CHECK(a.call_id() == b.call_id());
    CHECK(a.branch() == b.branch());
    CHECK(a.cseq().number == b.cseq().number);
    CHECK(a.body() == b.body());
    CHECK(a.status() == b.status());
    REQUIRE(a.header_count() == b.header_count());
    for (std::size_t i = 0; i < a.header_count(); ++i)
      CHECK(a.header(i).value == b.header(i).value);
  }
}

TEST_CASE("a fragment cut off at any byte is read within its bytes") {
  MessageIndex index;
  for (const std::string& text : testing::samples()) {
    testing::Guarded memory(text);
    for (std::size_t size = 0; size < text.size(); ++size) {
      const std::string_view cut = memory.refill(std::string_view(text).substr(0, size));
      const auto result = parse_fragment(cut, index);
      if (!result) {
        CHECK(result.error().offset <= size);
        continue;
      }
      static_cast<void>(validate(MessageView(cut.data(), index)));
    }
  }
}

}  // namespace
}  // namespace sipstack
