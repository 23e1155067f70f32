// SPDX-License-Identifier: Apache-2.0
// A whole message: start line, delimiting, what is checked at once, and what is left when it fails.
// RFC 3261 sections 7, 8.1.1, 18.3; RFC 4475 section 3.
#include <string>
#include <tuple>
#include <utility>

#include "compose.hpp"

namespace sipstack {
namespace {

using namespace std::string_view_literals;
using testing::show;

using testing::compose;
using testing::kLines;
using testing::kStart;
using testing::Lines;
using testing::Parsed;
using testing::with;

TEST_CASE("a request is indexed") {
  const std::string text = with({{"Content-Length", "3"}}, kStart, "abcdef");
  const Parsed p(text);
  REQUIRE(p.error() == "ok");
  const MessageView m = p.view();
  CHECK(m.is_request());
  CHECK(m.method() == Method::options);
  CHECK(m.method_name() == "OPTIONS");
  CHECK(m.status() == 0);
  CHECK(m.uri_text() == "sip:bob@east.example");
  CHECK(show(m.request_uri()) == "sip user=bob host=east.example");
  CHECK(m.call_id() == "one@west.example");
  CHECK(m.from_tag() == "a1");
  CHECK(m.to_tag().empty());
  CHECK(m.branch() == "z9hG4bKone");
  CHECK(m.head().sent_by.in(p.bytes.view().data()) == "phone.west.example");
  CHECK(m.cseq().number == 7);
  CHECK(m.cseq().method == Method::options);
  CHECK(m.max_forwards() == 70);
  CHECK(m.body() == "abc");
  CHECK(m.bytes().size() == text.size() - 3);
  CHECK(m.head().vias == 1);
  CHECK(m.head().has_content_length);
  CHECK(m.header_count() == 7);
  CHECK(m.header(3).id == HeaderId::from);
  CHECK(m.header(3).name == "From");
  CHECK(m.header(3).value == "\"Alice\" <sip:alice@west.example>;tag=a1");
  CHECK(validate(m).has_value());
}

TEST_CASE("a response is indexed, its method from CSeq") {
  const Parsed p(with({{"To", "<sip:bob@east.example>;tag=b2"}}, "SIP/2.0 183 Session Progress"));
  REQUIRE(p.error() == "ok");
  CHECK_FALSE(p.view().is_request());
  CHECK(p.view().status() == 183);
  CHECK(p.view().reason() == "Session Progress");
  CHECK(p.view().method() == Method::options);
  CHECK(p.view().method_name() == "OPTIONS");
  CHECK(p.view().to_tag() == "b2");
  CHECK(p.view().uri_text().empty());
}

TEST_CASE("reason phrases may be empty, spaced, or no ASCII") {
  for (const std::string reason : {"", " ", " OK", "= 2**3 * 5**2 \xd0\xbd\xd0\xbe", "a\tb"}) {
    CAPTURE(reason);
    const Parsed p(with({}, "SIP/2.0 200 " + reason));
    REQUIRE(p.error() == "ok");
    CHECK(p.view().reason() == reason);
  }
}

TEST_CASE("names are compact, long or unknown, in any case, with white space before the colon") {
  const Parsed p(
      "MESSAGE sip:b@h sip/2.0\r\nv : SIP/2.0/TCP h;branch=b\r\nF\t:<sip:a@h>;tag=1\r\n"
      "t:\r\n sip:b@h\r\nI: 1@h\r\ncSEQ:7 MESSAGE\r\nl:2\r\nx-Own-Header.!%*_+`'~: ;;,,;\r\n"
      "s:\r\n\r\nhi"sv);
  REQUIRE(p.error() == "ok");
  CHECK(p.view().header(0).id == HeaderId::via);
  CHECK(p.view().header(0).name == "v");
  CHECK(p.view().raw("VIA") == "SIP/2.0/TCP h;branch=b");
  CHECK(p.view().raw("X-OWN-HEADER.!%*_+`'~") == ";;,,;");
  CHECK(p.view().raw(HeaderId::subject) == "");
  CHECK(p.view().raw(HeaderId::to) == "sip:b@h");
  CHECK(p.view().raw("absent") == std::nullopt);
  CHECK(p.view().max_forwards() == std::nullopt);
  CHECK(p.view().body() == "hi");
  CHECK(validate(p.view()).has_value());
}

TEST_CASE("folds belong to the value, white space around it does not") {
  const Parsed p(with({{"Subject", "  one\r\n two\r\n\t three \r\n "}, {"CSeq", "1\r\n OPTIONS"}}));
  REQUIRE(p.error() == "ok");
  CHECK(p.view().raw(HeaderId::subject) == "one\r\n two\r\n\t three");
  CHECK(p.view().cseq().number == 1);
}

TEST_CASE("line ends in front of the start line are skipped and no part of the message") {
  const std::string text = with({});
  const Parsed p("\r\n\r\n\r\n" + text);
  REQUIRE(p.error() == "ok");
  CHECK(p.view().bytes() == text);
  CHECK(p.view().method() == Method::options);
  CHECK(p.view().raw(HeaderId::max_forwards) == "70");
}

TEST_CASE("without Content-Length the body is what is left of the datagram") {
  const Parsed p(with({{"Content-Length", "-"}}, kStart, std::string("\0\r\n--", 5)));
  REQUIRE(p.error() == "ok");
  CHECK(p.view().body() == std::string("\0\r\n--", 5));
  CHECK_FALSE(p.view().head().has_content_length);
}

TEST_CASE("splitting finds the parts and reads no header field") {
  const std::string text =
      testing::crlf("INVITE not a URI SIP/2.0\nVia: what?\nl: 999999\nX-Own:  one\n two \n\nbody");
  MessageIndex index;
  CHECK_FALSE(split(text, index));
  const std::string good =
      testing::crlf("INVITE what: SIP/2.0\nVia: what?\nl: 999999\nX-Own:  one\n two \n\nbody");
  REQUIRE(split(good, index));
  const MessageView m(good.data(), index);
  CHECK(m.method() == Method::invite);
  CHECK(m.uri_text() == "what:");
  REQUIRE(m.header_count() == 3);
  CHECK(m.header(0).value == "what?");
  CHECK(m.header(1).id == HeaderId::content_length);
  CHECK(m.header(2).value == "one\r\n two");
  CHECK(m.body() == "body");
  // What has no form of a message is refused here, too.
  CHECK_FALSE(split(testing::crlf("INVITE sip:h SIP/2.0\nVia\n\n"), index));
  CHECK_FALSE(split(testing::crlf("INVITE sip:h SIP/2.0\nVia: x\n"), index));
}

TEST_CASE("a mandatory header that is missing is named, at the first header line") {
  for (const char* const header : {"Via", "From", "To", "Call-ID", "CSeq"}) {
    const Parsed p(with({{header, "-"}}));
    CHECK(p.error() == std::string("missing-header ") + header);
    CHECK(p.result.error().offset == kStart.size() + 2);
    CHECK(p.result.error().status() == 400);
    CHECK(recoverable(p.view()) == (header != std::string("Via")));
  }
  CHECK(Parsed(with({{"Max-Forwards", "-"}})).error() == "ok");
}

TEST_CASE("a header that may stand once is refused the second time, equal or not") {
  for (const auto& [header, value] : kLines) {
    if (header == "Via") continue;
    for (const std::string& second : {value, std::string("x")}) {
      Lines lines = kLines;
      lines.emplace_back(header, second);
      const Parsed p(compose(kStart, lines));
      CHECK(p.error() == "duplicate-header " + header);
      CHECK(p.at().substr(0, 2) == header.substr(0, 2));
      CHECK(recoverable(p.view()));
    }
  }
  const Parsed typed(with({{"Content-Type", "a/b"}, {"c", "a/b"}}));
  CHECK(typed.error() == "duplicate-header Content-Type");
  // Others are left to validate().
  const Parsed two(with({{"Expires", "1"}, {"expires", "1"}}));
  REQUIRE(two.error() == "ok");
  const auto checked = validate(two.view());
  REQUIRE_FALSE(checked.has_value());
  CHECK(checked.error().code == ParseErrc::duplicate_header);
  CHECK(checked.error().header == HeaderId::expires);
}

struct Bad {
  Lines changes;
  const char* error;
  const char* at;
};

TEST_CASE("a value that every element needs is checked at once") {
  const Bad table[] = {
      {{{"Via", "SIP/2.0/UDP h;;,;,,"}}, "bad-header Via", ";,;,,"},
      {{{"Via", "SIP/2.0/UDP h, x"}}, "bad-header Via", "\r\nMax"},
      {{{"Via", ""}}, "bad-header Via", "\r\nMax"},
      {{{"Via", "SIP/2.0/UDP h;branch=a;branch=b"}}, "bad-header Via", "branch=b"},
      {{{"Via", "SIP/2.0/UDP h;branch"}}, "bad-header Via", "branch"},
      {{{"From", "<sip:a@h>;tag="}}, "bad-header From", "\r\nCall"},
      {{{"From", "<sip:a@h>;tag"}}, "bad-header From", "tag"},
      {{{"From", "<sip:a@h>;tag=\"q\""}}, "bad-header From", "tag="},
      {{{"From", "<sip:a@h>;tag=1;tag=2"}}, "bad-header From", "tag=2"},
      {{{"To", "<sip:a@h>, <sip:b@h>"}}, "trailing-bytes To", ", <sip:b"},
      {{{"To", "\"Bob <sip:b@h>"}}, "unterminated To", "\r\nFrom"},
      {{{"To", "*"}}, "bad-header To", "*"},
      {{{"Call-ID", "a b"}}, "bad-header Call-ID", "b"},
      {{{"CSeq", "1 INVITE"}}, "cseq-mismatch CSeq", "INVITE"},
      {{{"CSeq", "1 options"}}, "cseq-mismatch CSeq", "options"},
      {{{"CSeq", "2147483648 OPTIONS"}}, "out-of-range CSeq", "2147"},
      {{{"CSeq", "OPTIONS"}}, "bad-header CSeq", "OPTIONS"},
      {{{"Max-Forwards", "256"}}, "out-of-range Max-Forwards", "256"},
      {{{"Max-Forwards", "-1"}}, "bad-header Max-Forwards", "-1"},
      {{{"Max-Forwards", "99999999999999"}}, "out-of-range Max-Forwards", "99999"},
      {{{"Content-Length", "1"}}, "body-too-short Content-Length", "1"},
      {{{"Content-Length", "-999"}}, "bad-content-length Content-Length", "-999"},
      {{{"Content-Length", "+0"}}, "bad-content-length Content-Length", "+0"},
      {{{"Content-Length", "0x10"}}, "bad-content-length Content-Length", "x10"},
      {{{"Content-Length", "1 2"}}, "bad-content-length Content-Length", "2"},
      {{{"Content-Length", ""}}, "bad-content-length Content-Length", "\r\n"},
      {{{"Content-Length", "2147483647"}}, "body-too-short Content-Length", "2147"},
      {{{"Content-Length", "4294967295"}}, "body-too-short Content-Length", "4294"},
      {{{"Content-Length", "4294967296"}}, "out-of-range Content-Length", "4294"},
      {{{"Content-Length", "18446744073709551616"}}, "out-of-range Content-Length", "1844"},
      {{{"Content-Length", "9999999999999999999999999999999999999999"}},
       "out-of-range Content-Length",
       "9999"},
  };
  for (const Bad& row : table) {
    CAPTURE(row.changes[0].first, row.changes[0].second);
    const Parsed p(with(row.changes));
    CHECK(p.error() == row.error);
    if (p.result) continue;
    CHECK(p.at().substr(0, std::string_view(row.at).size()) ==
          std::string_view(row.at).substr(0, 8));
    // Whatever was wrong, a 400 can be written.
    CHECK(recoverable(p.view()));
    CHECK(p.view().header_count() == kLines.size());
  }
}

TEST_CASE("numbers at their limits are taken") {
  CHECK(Parsed(with({{"CSeq", "2147483647 OPTIONS"}})).view().cseq().number == 2147483647U);
  CHECK(Parsed(with({{"Max-Forwards", "255"}})).view().max_forwards() == 255);
  CHECK(Parsed(with({{"Max-Forwards", "0"}})).view().max_forwards() == 0);
  CHECK(Parsed(with({{"Max-Forwards", "0068"}})).view().max_forwards() == 68);
  CHECK(Parsed(with({{"Content-Length", "00"}})).error() == "ok");
}

TEST_CASE("a malformed request line is told from what is no SIP") {
  const std::tuple<const char*, const char*, const char*, bool> table[] = {
      {"OPTIONS sip:b@h SIP/7.0", "bad-version", "7.0", true},
      {"OPTIONS sip:b@h SIP/2.00", "bad-version", "2.00", true},
      {"OPTIONS sip:b@h; lr SIP/2.0", "bad-uri", " lr SIP/", true},
      {"OPTIONS sip:b @h SIP/2.0", "bad-uri", "@h", true},
      {"OPTIONS <sip:b@h> SIP/2.0", "bad-uri", "<sip", true},
      {"OPTIONS sip:b@h?Route=%3Csip:x%3E SIP/2.0", "bad-uri", "?Route", true},
      {"OPTIONS sip:b@h:99999 SIP/2.0", "out-of-range", "99999", true},
      {"OPTIONS  sip:b@h SIP/2.0", "bad-start-line", " sip:b", true},
      {"OPTIONS sip:b@h  SIP/2.0", "bad-start-line", " SIP/", true},
      {"OPTIONS sip:b@h SIP/2.0 ", "bad-start-line", " \r\n", true},
      {"OPTIONS sip:b@h SIP/2", "bad-start-line", "\r\n", true},
      {"OPTIONS SIP/2.0", "bad-start-line", "\r\n", true},
      {"OPT[IONS sip:b@h SIP/2.0", "bad-method", "[IONS", true},
      {"OPT\x01IONS sip:b@h SIP/2.0", "bad-method", "\x01IONS", true},
      {"OPTIONS sip:b@h", "not-sip", "\r\n", false},
      {"GET / HTTP/1.1", "not-sip", "HTTP", false},
      {"hello", "not-sip", "\r\n", false},
      {" OPTIONS sip:b@h SIP/2.0", "not-sip", " OPT", false},
  };
  for (const auto& [start, error, at, answered] : table) {
    CAPTURE(start);
    const Parsed p(with({}, start));
    CHECK(p.error() == error);
    if (p.result) continue;
    CHECK(p.at().substr(0, std::string_view(at).size()) == std::string_view(at).substr(0, 8));
    CHECK(recoverable(p.view()) == answered);
  }
}

TEST_CASE("a malformed status line is an error that nobody is told") {
  for (const auto& [start, error] : std::initializer_list<std::pair<const char*, const char*>>{
           {"SIP/2.0 099 Low", "bad-status"},
           {"SIP/2.0 99 Low", "bad-status"},
           {"SIP/2.0 700 High", "bad-status"},
           {"SIP/2.0 1000 High", "bad-status"},
           {"SIP/2.0 4294967301 big", "bad-status"},
           {"SIP/2.0 200", "bad-start-line"},
           {"SIP/2.0  200 OK", "bad-start-line"},
           {"SIP/2.0 abc OK", "bad-start-line"},
           {"SIP/3.0 200 OK", "bad-version"},
           {"SIP/2.0 200 O\x01K", "bad-start-line"},
           {"SIP/2.0", "bad-start-line"}}) {
    CAPTURE(start);
    const Parsed p(with({}, start));
    CHECK(p.error() == error);
    CHECK_FALSE(p.view().is_request());
    CHECK_FALSE(recoverable(p.view()));
  }
}

TEST_CASE("a message of another version is read on, for the 505") {
  const Parsed p(with({}, "OPTIONS sip:b@h SIP/7.0"));
  REQUIRE(p.error() == "bad-version");
  CHECK(p.result.error().status() == 505);
  CHECK(p.view().call_id() == "one@west.example");
  CHECK(p.view().branch() == "z9hG4bKone");
  CHECK(p.view().method() == Method::options);
  CHECK(recoverable(p.view()));
}

TEST_CASE("an ACK is never to be answered") {
  const Parsed p(with({{"CSeq", "7 ACK"}, {"Max-Forwards", "999"}}, "ACK sip:b@h SIP/2.0"));
  CHECK(p.error() == "out-of-range Max-Forwards");
  CHECK_FALSE(recoverable(p.view()));
}

TEST_CASE("the first error is the one told") {
  const Parsed p(with({{"To", "<sip:b@h"}, {"CSeq", "x"}, {"Content-Length", "-"}}));
  CHECK(p.error() == "unterminated To");
}

TEST_CASE("a malformed header line is refused and stepped over") {
  for (const auto& [line, error, at] :
       std::initializer_list<std::tuple<std::string, const char*, const char*>>{
           {"no colon here", "bad-header-name", "colon"},
           {"nocolon", "bad-header-name", "\r\n"},
           {": no name", "bad-header-name", ": no"},
           {"X[Y: z", "bad-header-name", "[Y"},
           {"X\xe4: z", "bad-header-name", "\xe4"},
           {std::string("X\0Y: z", 6), "bad-byte", nullptr},
           {"X\x0bY: z", "bad-byte", "\x0b"},
           {"X\x7f: z", "bad-byte", "\x7f"},
           {"X: a\rb", "bad-byte", "\rb"},
           {"X: a\nb", "bad-byte", "\nb"},
           {"X\n: a", "bad-byte", "\n: a"},
           {"X\r: a", "bad-byte", ": a"},
           {std::string("X: a\0b", 6), "bad-byte", nullptr},
           {std::string("X: a\\\0b", 7), "bad-byte", nullptr},
           {std::string("X: \"a\\\0b\"", 9), "ok", nullptr},
           {std::string("X: \"a\\\\\0b\"", 10), "bad-byte", nullptr},
           {"X: a\x1b[0m", "bad-byte", "\x1b"}}) {
    CAPTURE(line);
    std::string text = with({});
    const std::size_t max_forwards = text.find("Max-");
    text.insert(max_forwards, line + "\r\n");
    const Parsed p(text);
    const std::string found = p.error().substr(0, p.error().find(' '));
    // A header is named only where the colon was reached.
    CHECK(found == error);
    if (!p.result && at != nullptr && std::string_view(error) != "ok" &&
        line.find("X\r") == std::string::npos) {
      CHECK(p.at().substr(0, std::string_view(at).size()) == at);
    }
    if (!p.result) {
      CHECK(recoverable(p.view()));
      CHECK(p.view().branch() == "z9hG4bKone");
      CHECK(p.view().cseq().number == 7);
    }
  }
}

TEST_CASE("only CRLF ends a line") {
  std::string text = with({});
  std::string bare;
  for (const char c : text) {
    if (c != '\r') bare.push_back(c);
  }
  CHECK_FALSE(Parsed(bare).result.has_value());
  CHECK_FALSE(recoverable(Parsed(bare).view()));
  std::string carriages;
  for (const char c : text) {
    if (c != '\n') carriages.push_back(c);
  }
  CHECK_FALSE(Parsed(carriages).result.has_value());
}

TEST_CASE("what is no message at all is refused") {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  for (const std::string& text :
       {std::string(), std::string("\r\n"), std::string("\r\n\r\n"), std::string("hello"),
        std::string("\r"), std::string("\n"), std::string(400, '\0'), std::string(400, '\xff'), all,
        std::string("SIP/2.0\r\n\r\n"), std::string("jaK")}) {
    CAPTURE(text);
    const Parsed p(text);
    REQUIRE_FALSE(p.result.has_value());
    CHECK_FALSE(recoverable(p.view()));
  }
  CHECK(Parsed("\r\n\r\n").error() == "not-sip");
  CHECK(Parsed("\r\n\r\n").result.error().status() == 0);
}

TEST_CASE("a list runs over its lines and commas in order, and stops at an error") {
  const Parsed p(with({{"Route", "<sip:p1;lr>, <sip:p2;lr>;x=\"a,b\""},
                       {"Subject", "s"},
                       {"route", "<sip:p3;lr>"},
                       {"Supported", ""},
                       {"k", "100rel, Timer"},
                       {"Contact", "<sip:a@h>, <sip:b@h, <sip:c@h>"}}));
  REQUIRE(p.error() == "ok");
  std::string routes;
  for (const auto& route : p.view().all(hdr::route)) {
    REQUIRE(route.has_value());
    routes += show(*route) + "|";
  }
  CHECK(routes == "sip:p1;lr|sip:p2;lr ;x=\"a,b\"|sip:p3;lr|");
  CHECK(p.view().lists(hdr::supported, "timer"));
  CHECK(p.view().lists(hdr::supported, "100REL"));
  CHECK_FALSE(p.view().lists(hdr::supported, "10"));
  CHECK_FALSE(p.view().lists(hdr::require, "timer"));

  std::string contacts;
  for (const auto& contact : p.view().all(hdr::contact)) {
    contacts += (contact ? show(*contact) : std::string(to_string(contact.error().code))) + "|";
  }
  CHECK(contacts == "sip:a@h|bad-uri|");
  const auto checked = validate(p.view());
  REQUIRE_FALSE(checked.has_value());
  CHECK(checked.error().header == HeaderId::contact);
}

TEST_CASE("get gives the first value, or says why not") {
  const Parsed p(with({{"Expires", "60, 70"}, {"Event", "presence"}, {"Contact", "*, x"}}));
  REQUIRE(p.error() == "ok");
  CHECK(p.view().get(hdr::cseq)->number == 7);
  CHECK(p.view().get(hdr::event)->token == "presence");
  CHECK(p.view().get(hdr::contact)->wildcard);
  CHECK(p.view().get(hdr::expires).error().code == ParseErrc::bad_header);
  const auto missing = p.view().get(hdr::rack);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == ParseErrc::missing_header);
  CHECK(missing.error().header == HeaderId::rack);
}

ParseErrc parse_level(const char*& cursor, const char* end, NumberValue& out) noexcept {
  return parse_number(cursor, end, out);
}
constexpr HeaderTag<NumberValue> kLevel{HeaderId::other, "X-Level", HeaderRule::single,
                                        &parse_level};

TEST_CASE("an application's own header is one constant more") {
  const Parsed p(with({{"x-level", "9"}, {"X-Levels", "8"}}));
  REQUIRE(p.error() == "ok");
  CHECK(p.view().get(kLevel)->number == 9);
}

TEST_CASE("the topmost Via is the first value of the first line") {
  const Parsed p(with({{"Via", "SIP/2.0/TLS a.example:5061;branch=b1 , SIP/2.0/UDP b;branch=b2"},
                       {"v", "SIP/2.0/UDP c;branch=b3"}}));
  REQUIRE(p.error() == "ok");
  CHECK(p.view().head().vias == 3);
  CHECK(p.view().branch() == "b1");
  CHECK(p.view().top_via().branch() == "b1");
  CHECK(p.view().top_via().port == 5061);
  CHECK(p.view().head().sent_by.in(p.bytes.view().data()) == "a.example:5061");
}

}  // namespace
}  // namespace sipstack
