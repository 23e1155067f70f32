// SPDX-License-Identifier: Apache-2.0
// Bodies in parts: what is found in them, and what is refused because it can be read in two ways.
#include <string>
#include <vector>

#include "compose.hpp"
#include "grammar_check.hpp"
#include "shared_dir.hpp"
#include "sipstack/parser/body.hpp"
#include "sipstack/parser/diagnostics.hpp"
#include "sipstack/parser/fragment.hpp"
#include "sipstack/parser/sdp.hpp"

namespace sipstack {
namespace {

using testing::crlf;

const std::string kMixed = "multipart/mixed;boundary=b1";
const std::string kIsup = std::string("\x01\x00\x49\x00\r\n\x00--b\x00\r\n\r\n\xff", 17);

struct Body {
  explicit Body(std::string text, const std::string& type = kMixed, const BodyReading& reading = {})
      : bytes(std::move(text)), content_type(type) {
    result = parse_body(bytes, content_type, index, reading);
  }
  std::string error() const {
    if (result) return "ok";
    return std::string(to_string(result.error().code)) + " " +
           std::to_string(result.error().offset);
  }
  // "depth:type/subtype[size]" for each part.
  std::string parts() const {
    std::string out;
    for (const BodyPart& part : index)
      out += std::to_string(part.depth) + ":" + std::string(part.type.type) + "/" +
             std::string(part.type.subtype) + "[" + std::to_string(part.bytes.size()) + "] ";
    return out;
  }
  std::string bytes;
  std::string content_type;
  BodyIndex index;
  expected<void, ParseError> result;
};

std::string error(const std::string& text, const std::string& type = kMixed) {
  return Body(text, type).error();
}

TEST_CASE("a body that is no multipart is one part, byte for byte") {
  const Body body(kIsup, "application/isup;version=itu-t92+");
  REQUIRE(body.error() == "ok");
  CHECK(body.parts() == "0:application/isup[17] ");
  CHECK(body.index.parts[0].bytes == kIsup);
  CHECK(body.index.parts[0].disposition == "render");
  CHECK(Body("", "text/plain").parts() == "0:text/plain[0] ");
}

TEST_CASE("parts have their header fields and their bytes exact, NULs and line ends too") {
  const Body body(crlf("preamble\n--b1\nContent-Type: application/sdp\n\nv=0\n\n--b1\n"
                       "Content-Type: application/isup;version=itu-t92+\n"
                       "Content-Disposition: signal ;\n handling=optional\n"
                       "Content-ID: <isup@a.example>\nContent-Transfer-Encoding: binary\n"
                       "Content-Length: 17\nX-Own : what\n\n") +
                  kIsup + crlf("\n--b1--\nepilogue\n"));
  REQUIRE(body.error() == "ok");
  CHECK(body.parts() == "0:multipart/mixed[300] 1:application/sdp[5] 1:application/isup[17] ");
  const BodyPart& whole = body.index.parts[0];
  CHECK(whole.preamble == "preamble");
  CHECK(whole.epilogue == "epilogue\r\n");
  const BodyPart& sdp = body.index.parts[1];
  CHECK(sdp.bytes == "v=0\r\n");
  CHECK(sdp.disposition == "session");
  CHECK(sdp.handling == Handling::required);
  const BodyPart& isup = body.index.parts[2];
  CHECK(isup.bytes == kIsup);
  CHECK(isup.disposition == "signal");
  CHECK(isup.handling == Handling::optional);
  CHECK(isup.encoding == TransferEncoding::binary);
  CHECK(isup.id == "isup@a.example");
  CHECK(isup.type.params.find("version") == "itu-t92+");
  CHECK(isup.raw("x-own") == "what");
  CHECK_FALSE(isup.raw("X-Other"));
  CHECK(isup.get(hdr::content_length)->number == 17);
  CHECK(isup.get(hdr::content_disposition)->params.find("handling") == "optional");
  CHECK(isup.get(hdr::subject).error().code == ParseErrc::missing_header);
  std::string names;
  for (const HeaderView& header : isup.headers) names += std::string(header.name) + ",";
  CHECK(names ==
        "Content-Type,Content-Disposition,Content-ID,Content-Transfer-Encoding,Content-Length,"
        "X-Own,");
}

TEST_CASE("a part may be without header fields, without content, or without both") {
  CHECK(Body(crlf("--b1\n\nx\n--b1--")).parts() == "0:multipart/mixed[17] 1:text/plain[1] ");
  CHECK(Body(crlf("--b1\n\n\n--b1--")).parts() == "0:multipart/mixed[16] 1:text/plain[0] ");
  CHECK(Body(crlf("--b1\n\n--b1--")).parts() == "0:multipart/mixed[14] 1:text/plain[0] ");
  CHECK(Body(crlf("--b1\nX: y\n\n--b1--")).parts() == "0:multipart/mixed[20] 1:text/plain[0] ");
}

TEST_CASE("delimiters may have white space behind them") {
  CHECK(Body(crlf("--b1 \t\n\nx\n--b1  \n\ny\n--b1-- \n")).parts() ==
        "0:multipart/mixed[35] 1:text/plain[1] 1:text/plain[1] ");
}

TEST_CASE("a boundary inside a line is text") {
  const Body body(crlf("--b1\n\nx --b1\n -- b1\n-b1\nb1\n--b1--"));
  REQUIRE(body.error() == "ok");
  CHECK(body.index.parts[1].bytes == crlf("x --b1\n -- b1\n-b1\nb1"));
}

TEST_CASE("parts of multiparts inside follow the part that they are in") {
  const Body body(
      crlf("--b1\nContent-Type: multipart/alternative;boundary=\"in ner\"\n\n"
           "--in ner\n\nplain\n--in ner\nContent-Type: text/html\n\n<p>\n--in ner--\n"
           "--b1\nContent-Type: multipart/digest; boundary=d\n\n--d\n\nFrom: x\n--d--\n"
           "--b1\n\nlast\n--b1--\n"));
  REQUIRE(body.error() == "ok");
  std::string shape;
  for (const BodyPart& part : body.index)
    shape += std::to_string(part.depth) + std::string(part.type.subtype) + " " +
             std::to_string(part.parent) + "-" + std::to_string(part.next) + ", ";
  CHECK(shape ==
        "0mixed 0-7, 1alternative 0-4, 2plain 1-3, 2html 1-4, 1digest 0-6, 2rfc822 4-6, "
        "1plain 0-7, ");
}

TEST_CASE("an inner boundary that goes on where the outer ends is refused") {
  // RFC 2046 section 5.1.2 warns of it: "--a" matches the beginning of "--ab".
  CHECK(error(crlf("--a\nContent-Type: multipart/mixed;boundary=ab\n\n--ab\n\nx\n--ab--\n--a--"),
              "multipart/mixed;boundary=a") == "bad-body 53");
}

TEST_CASE("the boundary is 1 to 70 bytes of RFC 2046, in quotes or not") {
  const auto with = [](const std::string& boundary, const std::string& written) {
    return error("--" + boundary + "\r\n\r\nx\r\n--" + boundary + "--",
                 "multipart/mixed;boundary=" + written);
  };
  CHECK(with("x", "x") == "ok");
  CHECK(with("'()+_,-./:=?", "\"'()+_,-./:=?\"") == "ok");
  CHECK(with("++", "++") == "ok");
  CHECK(with("-", "-") == "ok");
  CHECK(with("--", "--") == "ok");
  CHECK(with(" a b", "\" a b\"") == "ok");
  CHECK(with("=_x", "=_x") == "ok");
  CHECK(with("", "\"\"") == "bad-body 0");
  CHECK(with("a ", "\"a \"") == "bad-body 0");
  CHECK(with("a*", "a*") == "bad-body 0");
  CHECK(with("a\\b", "\"a\\b\"") == "bad-body 0");
  CHECK(with("a\xc3\xa4", "\"a\xc3\xa4\"") == "bad-body 0");
  CHECK(with("x", "x;boundary=x") == "bad-body 0");
  CHECK(with("x", "x;BOUNDARY=y") == "bad-body 0");
  CHECK(error("--x--", "multipart/mixed") == "bad-body 0");
  CHECK(error("--x--", "multipart/mixed;boundary") == "bad-body 0");
}

TEST_CASE("A04: missing, empty, short and long boundaries, and one that is not in the body") {
  for (const std::size_t size : {1U, 70U}) {
    const std::string boundary(size, 'b');
    CHECK(error("--" + boundary + "\r\n\r\nx\r\n--" + boundary + "--",
                "multipart/mixed;boundary=" + boundary) == "ok");
  }
  for (const std::size_t size : {71U, 4096U}) {
    const std::string boundary(size, 'b');
    CHECK(error("--" + boundary + "\r\n\r\nx\r\n--" + boundary + "--",
                "multipart/mixed;boundary=" + boundary) == "bad-body 0");
  }
  for (const char* body : {"", "x", "\r\n", "--", "--b2\r\n\r\nx\r\n--b2--", "b1", "-b1", "--b"})
    CHECK(error(body) == "bad-body 0");
}

TEST_CASE("A03: a multipart of no parts is refused") {
  CHECK(error("--b1--") == "bad-body 0");
  CHECK(error("--b1--\r\n") == "bad-body 0");
  CHECK(error("preamble\r\n--b1--\r\n") == "bad-body 10");
  CHECK(error("preamble only\r\n") == "bad-body 0");
  CHECK(error("--b1--\r\nepilogue only\r\n") == "bad-body 0");
  CHECK(error("") == "bad-body 0");
}

TEST_CASE("A02: delimiters with nothing between and half ones are refused") {
  CHECK(error("--b1\r\n--b1--") == "bad-body 6");
  CHECK(error("--b1\r\n--b1\r\n\r\nx\r\n--b1--") == "bad-body 6");
  CHECK(error("--b1") == "bad-body 4");
  CHECK(error("--b1\r\n") == "bad-body 6");
  CHECK(error("--b1\r\n\r\nx\r\n--b1") == "bad-body 15");
  CHECK(error("--b1\r\n\r\nx\r\n--b1-") == "bad-body 15");
  CHECK(error("--b1\r\n\r\nx\r\n--b1--y") == "bad-body 17");
  CHECK(error("--b1\r\n\r\nx\r\n--b1y\r\n--b1--") == "bad-body 15");
  CHECK(error("--b1\r\n\r\nx\r\n--b1--\r\n--b1\r\n\r\ny\r\n--b1--") == "bad-body 19");
  // LF alone, boundary "++", and an end inside "--+".
  CHECK(error("--++\n\nx\n--+", "multipart/mixed;boundary=\"++\"") == "bad-body 4");
}

TEST_CASE("a delimiter behind a bare LF or CR can be read in two ways and is refused") {
  CHECK(error("--b1\r\n\r\nx\n--b1\r\n\r\ny\r\n--b1--") == "bad-body 9");
  CHECK(error("--b1\r\n\r\nx\r--b1\r\n\r\ny\r\n--b1--") == "bad-body 9");
  CHECK(error("x\n--b1\r\n\r\ny\r\n--b1--") == "bad-body 1");
  CHECK(error("--b1\n\r\nx\r\n--b1--") == "bad-body 4");
  // Other bare ones are content.
  const Body body("--b1\r\n\r\nx\ny\rz\r\n--b1--");
  REQUIRE(body.error() == "ok");
  CHECK(body.index.parts[1].bytes == "x\ny\rz");
}

TEST_CASE("in lenient mode LF may end lines, in all of a body or not at all") {
  Diagnostics told;
  BodyReading lenient;
  lenient.lenient = true;
  lenient.told = &told;
  const Body body("pre\n--b1\nContent-Type: application/sdp\n\nv=0\r\n\n--b1\n\n\n--b1--\n", kMixed,
                  lenient);
  REQUIRE(body.error() == "ok");
  CHECK(body.index.parts[0].preamble == "pre");
  CHECK(body.index.parts[1].bytes == "v=0\r\n");
  CHECK(body.index.parts[2].bytes.empty());
  REQUIRE(told.size() == 1);
  CHECK(told.begin()->rule == Repair::body_line_feed);
  CHECK(told.begin()->offset == 8);
  for (const char* mixed :
       {"--b1\n\nx\r\n--b1--", "--b1\n\nx\n--b1\r\n\r\ny\r\n--b1--", "--b1\r\n\r\nx\n--b1--",
        "--b1\nX: y\r\n\nx\n--b1--", "pre\n--b1\r\n\r\nx\r\n--b1--", "pre\r\n--b1\n\nx\n--b1--"}) {
    CAPTURE(mixed);
    CHECK_FALSE(Body(mixed, kMixed, lenient).result);
  }
}

TEST_CASE("in lenient mode the boundary decides against a part's Content-Length, and it is told") {
  const std::string text = crlf("--b1\nContent-Length: 3\n\nx\n--b1--");
  CHECK(error(text) == "bad-content-length 22");
  CHECK(error(crlf("--b1\nContent-Length: 1\n\nx\n--b1--")) == "ok");
  Diagnostics told;
  BodyReading lenient;
  lenient.lenient = true;
  lenient.told = &told;
  const Body body(text, kMixed, lenient);
  REQUIRE(body.error() == "ok");
  CHECK(body.index.parts[1].bytes == "x");
  CHECK(told.has(Repair::part_length));
  told.clear();
  CHECK(Body("--a*b\r\n\r\nx\r\n--a*b--", "multipart/mixed;boundary=a*b", lenient).error() == "ok");
  CHECK(told.has(Repair::odd_boundary));
}

TEST_CASE("malformed header fields of a part are refused at their byte") {
  const auto at = [](const std::string& headers) {
    return error("--b1\r\n" + headers + "\r\n\r\nx\r\n--b1--");
  };
  CHECK(at("X: y") == "ok");
  CHECK(at("X y") == "bad-header-name 8");
  CHECK(at(": y") == "bad-header-name 6");
  CHECK(at(" X: y") == "bad-header-name 7");
  CHECK(at("X: a\nb") == "bad-byte 10");
  CHECK(at("X: a\rb") == "bad-byte 10");
  CHECK(at(std::string("X: a\0b", 6)) == "bad-byte 10");
  CHECK(at("Content-Type: sdp") == "bad-header 23");
  CHECK(at("Content-Type: a/b c") == "bad-header 24");
  CHECK(at("Content-Length: -1") == "bad-header 22");
  CHECK(at("Content-Length: 99999999999999999999") == "out-of-range 22");
  CHECK(at("Content-Type: a/b\r\ncontent-type: a/b") == "duplicate-header 25");
  CHECK(at("Content-ID: <a>\r\nContent-ID: <a>") == "duplicate-header 23");
  CHECK(at("X: y\r\nX: y") == "ok");
  // Header fields that never end.
  CHECK(error("--b1\r\nX: y\r\n--b1--") == "bad-body 6");
}

TEST_CASE("a part is found by its Content-ID, as cid: URL or not") {
  const Body body(
      crlf("--b1\nContent-ID: <a%b@c.example>\n\nx\n--b1\nContent-ID: d@e\n\ny\n--b1--"));
  REQUIRE(body.error() == "ok");
  const BodyPart* const first = &body.index.parts[1];
  CHECK(body.index.find_id("<a%b@c.example>") == first);
  CHECK(body.index.find_id("a%b@c.example") == first);
  CHECK(body.index.find_id("cid:a%25b@c.example") == first);
  CHECK(body.index.find_id("CID:a%25b%40c.example") == first);
  CHECK(body.index.find_id("cid:d@e") == &body.index.parts[2]);
  CHECK(body.index.find_id("cid:d@E") == nullptr);
  CHECK(body.index.find_id("cid:d@") == nullptr);
  CHECK(body.index.find_id("cid:d@ee") == nullptr);
  CHECK(body.index.find_id("cid:") == nullptr);
  CHECK(body.index.find_id("") == nullptr);
  CHECK(body.index.find_id("<>") == nullptr);
}

TEST_CASE("the part of a type is the first one, in an alternative the last") {
  const Body body(
      crlf("--b1\n\nfirst\n--b1\nContent-Type: multipart/alternative;boundary=i\n\n"
           "--i\nContent-Type: application/sdp\n\nv=0\n--i\n"
           "Content-Type: application/sdp\n\nv=0 best\n--i--\n--b1--"));
  REQUIRE(body.error() == "ok");
  CHECK(body.index.find("text", "plain")->bytes == "first");
  CHECK(body.index.find("Application", "SDP")->bytes == "v=0 best");
  CHECK(body.index.find("multipart", "mixed") == &body.index.parts[0]);
  CHECK(body.index.find("text", "html") == nullptr);
  CHECK(Body("v=0", "application/sdp").index.find("application", "sdp")->bytes == "v=0");
}

TEST_CASE("what is required and not understood is named, what is optional is not") {
  const auto unknown = [](const std::string& text, const std::string& type = kMixed) {
    const Body body(crlf(text), type);
    REQUIRE(body.error() == "ok");
    const BodyPart* const part = body.index.not_understood({"application/sdp", "text/plain"});
    return part == nullptr ? -1 : part - body.index.parts;
  };
  const std::string sdp = "--b1\nContent-Type: application/sdp\n\nv=0\n";
  const std::string isup = "--b1\nContent-Type: application/isup\n";
  const std::string optional = "Content-Disposition: signal;handling=optional\n";
  CHECK(unknown(sdp + "--b1--") == -1);
  CHECK(unknown(sdp + isup + "\nx\n--b1--") == 2);
  CHECK(unknown(sdp + isup + optional + "\nx\n--b1--") == -1);
  CHECK(unknown(sdp + isup + "Content-Disposition: signal;handling=other\n\nx\n--b1--") == 2);
  // One that is understood is enough of an alternative, none is not.
  const std::string alternative = "multipart/alternative;boundary=b1";
  CHECK(unknown(sdp + isup + "\nx\n--b1--", alternative) == -1);
  CHECK(unknown(isup + "\nx\n--b1--", alternative) == 0);
  const std::string inner = "--b1\nContent-Type: multipart/mixed;boundary=i\n";
  CHECK(unknown(sdp + inner + "\n--i\nContent-Type: a/b\n\nx\n--i--\n--b1--") == 3);
  CHECK(unknown(sdp + inner + optional + "\n--i\nContent-Type: a/b\n\nx\n--i--\n--b1--") == -1);
  CHECK(unknown("x", "application/isup") == 0);
  CHECK(unknown("x", "text/plain") == -1);
  CHECK(BodyIndex().not_understood({}) == nullptr);
}

TEST_CASE("the root of a multipart/related is named by start, else the first part") {
  const std::string parts = "--b1\n\nx\n--b1\nContent-ID: <r@h>\n\ny\n--b1--";
  const Body named(crlf(parts), "multipart/related;boundary=b1;start=\"<r@h>\"");
  REQUIRE(named.error() == "ok");
  CHECK(named.index.root(named.index.parts[0])->bytes == "y");
  const Body first(crlf(parts), "multipart/related;boundary=b1");
  CHECK(first.index.root(first.index.parts[0])->bytes == "x");
  CHECK(first.index.root(first.index.parts[1]) == nullptr);
}

TEST_CASE("the body of a message is read with its header fields, offsets count in the message") {
  const auto message = [](const std::string& headers, const std::string& body) {
    return crlf(
        "INVITE sip:b@h SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@h>;tag=1\n"
        "To: <sip:b@h>\nCall-ID: 1\nCSeq: 1 INVITE\n" +
        headers + "\n" + body);
  };
  MessageIndex index;
  BodyIndex parts;
  const auto read = [&](const std::string& text) {
    REQUIRE(parse(text, index));
    return parse_body(MessageView(text.data(), index), parts);
  };
  const std::string good = message(
      "Content-Type: multipart/mixed;boundary=b1\nContent-Disposition: session;handling=optional\n"
      "Content-ID: <w@h>\n",
      "--b1\n\nx\n--b1--");
  REQUIRE(read(good));
  CHECK(parts.size == 2);
  CHECK(parts.parts[0].disposition == "session");
  CHECK(parts.parts[0].handling == Handling::optional);
  CHECK(parts.parts[0].id == "w@h");
  const std::string bad =
      message("Content-Type: multipart/mixed;boundary=b1\n", "--b1\n\nx\n--b1-");
  const auto refused = read(bad);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ParseErrc::bad_body);
  CHECK(refused.error().offset == bad.size() - 1);
  CHECK(refused.error().status() == 400);
  CHECK(parts.size == 0);
  CHECK(read(message("", "")));
  CHECK(parts.size == 0);
  const std::string untyped = message("", "x");
  CHECK(read(untyped).error().code == ParseErrc::missing_header);
  const std::string wrong = message("Content-Type: x\n", "x");
  CHECK(read(wrong).error().header == HeaderId::content_type);
}

TEST_CASE("A19: bodies of up to three bytes of CR, LF and hyphen are opaque or refused") {
  const std::string bytes("\r\n-", 3);
  std::vector<std::string> bodies{""};
  for (std::size_t from = 0; from < bodies.size() && bodies[from].size() < 3; ++from)
    for (const char c : bytes) bodies.push_back(bodies[from] + c);
  REQUIRE(bodies.size() == 40);
  for (const std::string& text : bodies) {
    CAPTURE(text.size());
    CHECK(error(text) == "bad-body 0");
    CHECK(error(text, "multipart/mixed;boundary=-").substr(0, 8) == "bad-body");
    const Body opaque(text, "application/octet-stream");
    REQUIRE(opaque.error() == "ok");
    CHECK(opaque.index.parts[0].bytes == text);
    CHECK_FALSE(sdp::View::parse(text));
    sdp::Reading lenient;
    lenient.mode = sdp::Mode::lenient;
    CHECK_FALSE(sdp::View::parse(text, lenient));
    for (const bool length : {false, true}) {
      std::string message = crlf(
          "OPTIONS sip:b@h SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@h>;tag=1\n"
          "To: <sip:b@h>\nCall-ID: 1\nCSeq: 1 OPTIONS\nContent-Type: a/b\n");
      if (length) message += "Content-Length: " + std::to_string(text.size()) + "\r\n";
      message += "\r\n" + text;
      const testing::Exact exact(message);
      MessageIndex index;
      REQUIRE(parse(exact.view(), index));
      BodyIndex parts;
      REQUIRE(parse_body(MessageView(exact.view().data(), index), parts));
      CHECK(parts.parts[0].bytes == text);
    }
  }
}

TEST_CASE("a message/sip part is parsed as a message, a message/sipfrag part as a fragment") {
  const std::string inner = crlf(
      "OPTIONS sip:b@h SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@h>;tag=1\n"
      "To: <sip:b@h>\nCall-ID: in\nCSeq: 1 OPTIONS\n\n");
  const Body body(
      crlf("--b1\nContent-Type: message/sip\n\n") + inner +
      crlf("\n--b1\nContent-Type: message/sipfrag;version=2.0\n\nSIP/2.0 100 Trying\n--b1--"));
  REQUIRE(body.error() == "ok");
  MessageIndex index;
  const std::string_view message = body.index.find("message", "sip")->bytes;
  REQUIRE(parse(message, index));
  CHECK(MessageView(message.data(), index).call_id() == "in");
  const std::string_view fragment = body.index.find("message", "sipfrag")->bytes;
  REQUIRE(parse_fragment(fragment, index));
  CHECK(MessageView(fragment.data(), index).status() == 100);
}

TEST_CASE("the multipart of RFC 4475 is read, its signature byte for byte") {
  const auto folder = testing::shared_dir("vectors/rfc4475");
  if (!folder) SIPSTACK_SKIP("vectors/rfc4475 is not here");
  const std::string bytes = testing::read_file(*folder / "mpart01.dat");
  MessageIndex index;
  REQUIRE(parse(bytes, index));
  BodyIndex parts;
  REQUIRE(parse_body(MessageView(bytes.data(), index), parts));
  REQUIRE(parts.size == 3);
  CHECK(parts.find("text", "plain")->bytes == "Hello");
  CHECK(parts.find("application", "octet-stream")->bytes.size() == 342);
}

}  // namespace
}  // namespace sipstack
