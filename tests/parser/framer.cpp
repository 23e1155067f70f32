// SPDX-License-Identifier: Apache-2.0
// The stream framer: messages however the bytes are cut, keep-alives between them, limits.
#include "sipstack/parser/framer.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

using sipstack::Frame;
using sipstack::HeaderId;
using sipstack::ParseErrc;
using sipstack::ParseLimits;
using sipstack::StreamFramer;
using Kind = Frame::Kind;

namespace {

std::string options(const std::string& length_line, const std::string& body = "") {
  return "OPTIONS sip:bob@biloxi.example SIP/2.0\r\n"
         "Via: SIP/2.0/TCP pc33.atlanta.example;branch=z9hG4bK776asdhds\r\n"
         "Subject: a fold\r\n  goes on\r\n" +
         length_line + "CSeq: 1 OPTIONS\r\n\r\n" + body;
}

const std::string kPlain = options("Content-Length: 0\r\n");
const std::string kBody = options("l : 13\r\n", "a\r\n\r\nb: c\r\n\r\n");
const std::string kFolded = options("CONTENT-LENGTH:\r\n 5\r\n", "hello");

// What a reader sees whose reads end at each of `cuts`: messages as text, keep-alives as "ping", "skip".
std::vector<std::string> read(const std::string& stream, const std::vector<std::size_t>& cuts,
                              const ParseLimits& limits = {}) {
  StreamFramer framer(limits);
  std::vector<std::string> seen;
  std::string buffer;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t to = i < cuts.size() ? cuts[i] : stream.size();
    buffer += stream.substr(from, to - from);
    from = to;
    while (true) {
      const Frame frame = framer.next(buffer);
      if (frame.kind == Kind::need_more) break;
      if (frame.kind == Kind::error) {
        seen.push_back("error " + std::string(to_string(frame.error.code)) + " " +
                       std::to_string(frame.error.offset));
        return seen;
      }
      REQUIRE(frame.size > 0);
      REQUIRE(frame.size <= buffer.size());
      if (frame.kind == Kind::ping) seen.push_back("ping");
      if (frame.kind == Kind::skip) seen.push_back("skip");
      if (frame.kind == Kind::message) seen.push_back(buffer.substr(0, frame.size));
      buffer.erase(0, frame.size);
    }
  }
  if (!buffer.empty()) seen.push_back("rest " + std::to_string(buffer.size()));
  return seen;
}

std::vector<std::string> messages_of(const std::vector<std::string>& seen) {
  std::vector<std::string> out;
  for (const std::string& item : seen)
    if (item != "skip" && item != "ping") out.push_back(item);
  return out;
}

std::string error_of(const std::string& stream, const ParseLimits& limits = {}) {
  const auto seen = read(stream, {}, limits);
  return seen.empty() ? "" : seen.back();
}

}  // namespace

TEST_CASE("several messages in one read come out one by one") {
  CHECK(read(kPlain + kBody + kFolded, {}) == std::vector<std::string>{kPlain, kBody, kFolded});
}

TEST_CASE("a read that ends in a partial message gives the whole ones before it") {
  const std::string stream = kPlain + kBody + kFolded.substr(0, 40);
  CHECK(read(stream, {}) == std::vector<std::string>{kPlain, kBody, "rest 40"});
}

TEST_CASE("a stream of messages reads the same wherever it is cut") {
  const std::string stream = kPlain + "\r\n" + kBody + "\r\n\r\n" + kFolded + kPlain;
  const std::vector<std::string> expected{kPlain, kBody, kFolded, kPlain};
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    CAPTURE(cut);
    REQUIRE(messages_of(read(stream, {cut})) == expected);
  }
}

TEST_CASE("a stream of messages reads the same in pieces of every size") {
  const std::string stream = kFolded + "\r\n\r\n" + kBody + "\r\n" + kPlain;
  for (std::size_t piece = 1; piece < 64; ++piece) {
    CAPTURE(piece);
    std::vector<std::size_t> cuts;
    for (std::size_t at = piece; at < stream.size(); at += piece) cuts.push_back(at);
    REQUIRE(messages_of(read(stream, cuts)) == std::vector<std::string>{kFolded, kBody, kPlain});
  }
}

TEST_CASE("CRLF CRLF between messages is a ping, whole or in pieces") {
  CHECK(read("\r\n\r\n", {}) == std::vector<std::string>{"ping"});
  CHECK(read("\r\n\r\n", {2}) == std::vector<std::string>{"skip", "ping"});
  CHECK(read("\r\n\r\n", {1}) == std::vector<std::string>{"ping"});
  CHECK(read("\r\n\r\n", {3}) == std::vector<std::string>{"skip", "ping"});
  CHECK(read("\r\n\r\n\r\n\r\n" + kPlain, {}) == std::vector<std::string>{"ping", "ping", kPlain});
}

TEST_CASE("a lone CRLF is passed on at once, for it may be the pong that is waited for") {
  CHECK(read("\r\n", {}) == std::vector<std::string>{"skip"});
  CHECK(read(kPlain + "\r\n" + kPlain, {}) == std::vector<std::string>{kPlain, "skip", kPlain});
  // Padding before a message and padding behind it are no ping together.
  CHECK(read("\r\n" + kPlain + "\r\n" + kPlain, {}) ==
        std::vector<std::string>{"skip", kPlain, "skip", kPlain});
}

TEST_CASE("CRLF CRLF inside a body is the body's") {
  CHECK(read(kBody + kBody, {}) == std::vector<std::string>{kBody, kBody});
}

TEST_CASE("what is no SIP is refused at its first byte") {
  CHECK(error_of("\x16\x03\x01") == "error not-sip 0");
  CHECK(error_of(std::string("\0", 1)) == "error not-sip 0");
  CHECK(error_of("\n") == "error not-sip 0");
  CHECK(error_of("\rX") == "error not-sip 1");
  CHECK(error_of(kPlain + " " + kPlain) == "error not-sip 0");
}

TEST_CASE("a bare CR or LF in the headers is refused where it stands") {
  CHECK(error_of("OPTIONS sip:a SIP/2.0\nl: 0\n\n") == "error bad-byte 21");
  CHECK(error_of("OPTIONS sip:a SIP/2.0\r\nl: 0\n\r\n") == "error bad-byte 27");
  CHECK(error_of("OPTIONS sip:a SIP/2.0\r\nl: 0\rX") == "error bad-byte 27");
  CHECK(error_of("OPTIONS sip:a SIP/2.0\r\nl: 0\r\n\rX") == "error bad-byte 29");
}

TEST_CASE("a stream message without Content-Length cannot be followed") {
  CHECK(error_of("OPTIONS sip:a SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n") == "error missing-header 42");
  CHECK(error_of("OPTIONS sip:a SIP/2.0\r\n\r\n") == "error missing-header 25");
  // A header's name is not a start line's, nor a longer name.
  CHECK(error_of("Content-Length: 0\r\nX-Content-Length: 0\r\n\r\n") == "error missing-header 42");
}

TEST_CASE("a Content-Length that is no sane number is refused") {
  for (const char* value :
       {"-1", "+1", "", "0x10", "1 1", "1,1", "1;2", "4294967296", "18446744073709551616",
        "99999999999999999999999999999999", "\xc2\xb2"}) {
    CAPTURE(value);
    CHECK(error_of("OPTIONS sip:a SIP/2.0\r\nl: " + std::string(value) + "\r\n\r\n") ==
          "error bad-content-length 26");
  }
  CHECK(error_of(options("Content-Length: 000000000000000000005\r\n", "hello") + "x") == "rest 1");
}

TEST_CASE("Content-Lengths that differ are refused, equal ones frame and are left to the parser") {
  CHECK(error_of(options("l: 5\r\nContent-Length: 6\r\n", "hello!")).substr(0, 24) ==
        "error bad-content-length");
  const std::string twice = options("l: 5\r\nContent-Length: 5\r\n", "hello");
  CHECK(read(twice + kPlain, {}) == std::vector<std::string>{twice, kPlain});
}

TEST_CASE(
    "a message may have as many bytes as the limit and not one more, known before its body comes") {
  ParseLimits limits;
  limits.message = 1000;
  const std::size_t head = options("l: 111\r\n").size();
  const auto at = [&](std::size_t length) {
    return options("l: " + std::to_string(length) + "\r\n");
  };
  CHECK(error_of(at(1000 - head), limits) == "rest " + std::to_string(head));
  CHECK(read(at(1000 - head) + std::string(1000 - head, 'x'), {}, limits).front().size() == 1000);
  CHECK(error_of(at(999 - head), limits) == "rest " + std::to_string(head));
  CHECK(error_of(at(1001 - head), limits).substr(0, 15) == "error too-large");
  CHECK(error_of(options("l: 4294967295\r\n")).substr(0, 15) == "error too-large");
}

TEST_CASE("headers may have as many bytes as the limit and not one more") {
  ParseLimits limits;
  limits.start_line = 100;
  limits.header_block = 300;
  const auto padded = [](std::size_t size) {
    const std::string front = "OPTIONS sip:a SIP/2.0\r\nl: 0\r\nSubject: ";
    return front + std::string(size - front.size() - 4, 'x') + "\r\n\r\n";
  };
  CHECK(read(padded(399), {}, limits).front().size() == 399);
  CHECK(read(padded(400), {}, limits).front().size() == 400);
  CHECK(error_of(padded(401), limits) == "error too-large 400");
  CHECK(error_of(padded(401).substr(0, 399), limits) == "rest 399");
  CHECK(error_of(padded(401).substr(0, 400), limits) == "error too-large 400");
  CHECK(error_of("OPTIONS sip:" + std::string(400, 'a'), limits) == "error uri-too-long 400");
}

TEST_CASE("an error stays until the framer is reset") {
  StreamFramer framer;
  CHECK(framer.next("\x01").kind == Kind::error);
  CHECK(framer.next(kPlain).kind == Kind::error);
  framer.reset();
  CHECK(framer.next(kPlain).kind == Kind::message);
}

TEST_CASE("bytes that trickle in are looked at once, so that they cost linear time") {
  // Whatever was passed is overwritten with LF, an error wherever it is seen, before the next byte
  // comes. Two exceptions: a line end not yet complete is seen again, and once the headers are whole
  // Content-Length is looked for among them.
  const std::string stream = kFolded.substr(0, kFolded.size() - 5) + std::string(5, '\n');
  const std::size_t head = stream.size() - 5;
  StreamFramer framer;
  for (std::size_t size = 1; size < stream.size(); ++size) {
    CAPTURE(size);
    std::string buffer = stream.substr(0, size);
    if (size < head && size > 4) buffer.replace(0, size - 4, size - 4, '\n');
    if (size > head) buffer.replace(0, size, size, '\n');
    REQUIRE(framer.next(buffer).kind == Kind::need_more);
  }
  CHECK(framer.next(stream).size == stream.size());
}
