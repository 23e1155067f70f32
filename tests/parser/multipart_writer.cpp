// SPDX-License-Identifier: Apache-2.0
// Multipart bodies written: what goes in comes out, and nothing else.
#include "sipstack/parser/multipart_writer.hpp"

#include <string>

#include "catch.hpp"
#include "guarded.hpp"
#include "sipstack/parser/body.hpp"

namespace sipstack {
namespace {

const std::string kIsup("\x01\x00\xff\r\n\x00--\n", 9);

TEST_CASE("parts that are written are read again byte for byte") {
  char buffer[1000];
  SeededRandom random(1);
  MultipartWriter out(buffer, sizeof buffer, "mixed", random);
  out.part("application/sdp", "v=0\r\n");
  out.part("application/isup;version=itu-t92+", kIsup,
           {{"Content-Disposition", "signal;handling=optional"}, {"Content-ID", "<a@b>"}});
  out.part("", "", {});
  const auto text = out.finish();
  REQUIRE(text);
  BodyIndex index;
  REQUIRE(parse_body(*text, out.content_type(), index));
  REQUIRE(index.size == 4);
  CHECK(index.parts[1].bytes == "v=0\r\n");
  CHECK(index.find("application", "isup")->bytes == kIsup);
  CHECK(index.find("application", "isup")->handling == Handling::optional);
  CHECK(index.find_id("cid:a@b") == &index.parts[2]);
  CHECK(index.parts[3].bytes.empty());
  CHECK(index.parts[0].preamble.empty());
}

TEST_CASE("a multipart goes into another as a part") {
  char inside[300];
  MultipartWriter inner(inside, sizeof inside, "alternative", "in");
  inner.part("text/plain", "a");
  inner.part("text/html", "<p>a");
  char buffer[600];
  MultipartWriter out(buffer, sizeof buffer, "mixed", "out");
  out.part(inner.content_type(), inner.finish().value());
  CHECK(out.content_type() == "multipart/mixed;boundary=\"out\"");
  const auto text = out.finish();
  REQUIRE(text);
  BodyIndex index;
  REQUIRE(parse_body(*text, out.content_type(), index));
  CHECK(index.size == 4);
  CHECK(index.find("text", "html")->depth == 2);
}

TEST_CASE("a body goes into a message and comes out of it") {
  BlockPool pool;
  char buffer[300];
  SeededRandom random(2);
  MultipartWriter out(buffer, sizeof buffer, "mixed", random);
  out.part("text/plain", "hello");
  RequestWriter request(pool, "MESSAGE", "sip:bob@biloxi.example");
  request.header(HeaderId::to, "<sip:bob@biloxi.example>");
  request.header(HeaderId::from, "<sip:alice@atlanta.example>;tag=1");
  request.header(HeaderId::call_id, "1");
  request.header(HeaderId::cseq, "1 MESSAGE");
  request.header(HeaderId::max_forwards, 70);
  request.body(out.content_type(), out.finish().value());
  const auto message = request.seal({Transport::tcp, "h", "z9hG4bK1"});
  REQUIRE(message);
  BodyIndex index;
  REQUIRE(parse_body(message->view(), index));
  CHECK(index.find("text", "plain")->bytes == "hello");
}

TEST_CASE("a boundary that stands in a part is refused, wherever it stands") {
  for (const char* content : {"--b1", "x\r\n--b1", "x--b1y", "---b1"}) {
    CAPTURE(content);
    char buffer[300];
    MultipartWriter out(buffer, sizeof buffer, "mixed", "b1");
    out.part("text/plain", content);
    CHECK(out.finish().error() == WriteErrc::malformed);
  }
  char buffer[300];
  MultipartWriter out(buffer, sizeof buffer, "mixed", "b1");
  out.part("text/plain", "b1 -b1 - -b1");
  CHECK(out.finish());
}

TEST_CASE("what is no boundary, subtype, name or value is refused") {
  char buffer[300];
  const auto error = [&](std::string_view subtype, std::string_view boundary, std::string_view type,
                         PartField field) {
    MultipartWriter out(buffer, sizeof buffer, subtype, boundary);
    out.part(type, "x", {field});
    const auto text = out.finish();
    return text ? WriteErrc::ok : text.error();
  };
  const PartField good{"X-Own", "y"};
  CHECK(error("mixed", "b", "a/b", good) == WriteErrc::ok);
  CHECK(error("mixed", std::string(70, 'b'), "a/b", good) == WriteErrc::ok);
  CHECK(error("mixed", std::string(71, 'b'), "a/b", good) == WriteErrc::malformed);
  for (const char* boundary : {"", "b ", "b\"", "b\r\n", "b\\", "b*"})
    CHECK(error("mixed", boundary, "a/b", good) == WriteErrc::malformed);
  CHECK(error("", "b", "a/b", good) == WriteErrc::malformed);
  CHECK(error("mi xed", "b", "a/b", good) == WriteErrc::malformed);
  CHECK(error(std::string(65, 'm'), "b", "a/b", good) == WriteErrc::malformed);
  CHECK(error("mixed", "b", "a", good) == WriteErrc::malformed);
  for (const std::string& value :
       {std::string("a\r\nX: y"), std::string("a\n"), std::string("a\0", 2), std::string("\r")}) {
    CHECK(error("mixed", "b", "a/b;x=" + value, good) == WriteErrc::bad_byte);
    CHECK(error("mixed", "b", "a/b", {"X-Own", value}) == WriteErrc::bad_byte);
    CHECK(error("mixed", "b", "a/b", {value, "x"}) == WriteErrc::malformed);
  }
  CHECK(error("mixed", "b", "a/b", {"Content-Type", "c/d"}) == WriteErrc::malformed);
  CHECK(error("mixed", "b", "a/b", {"Content-Length", "5"}) == WriteErrc::malformed);
  CHECK(error("mixed", "b", "a/b", {"", "x"}) == WriteErrc::malformed);
}

TEST_CASE("A03: a multipart of no parts is not written") {
  char buffer[300];
  MultipartWriter out(buffer, sizeof buffer, "mixed", "b1");
  CHECK(out.finish().error() == WriteErrc::malformed);
}

TEST_CASE("nothing is written after the end") {
  char buffer[300];
  MultipartWriter out(buffer, sizeof buffer, "mixed", "b1");
  out.part("a/b", "x");
  const std::string once(out.finish().value());
  CHECK(out.finish().value() == once);
  out.part("a/b", "y");
  CHECK(out.finish().error() == WriteErrc::malformed);
}

TEST_CASE("a buffer of any size is filled exactly or refused") {
  const auto write = [](char* data, std::size_t size) {
    MultipartWriter out(data, size, "mixed", "b1");
    out.part("a/b", "content");
    return out.finish();
  };
  char large[300];
  const std::string whole(write(large, sizeof large).value());
  testing::Guarded memory(whole);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    char* const data = memory.data() + whole.size() - size;
    const auto text = write(data, size);
    if (size < whole.size())
      REQUIRE(text.error() == WriteErrc::too_large);
    else
      CHECK(text.value() == whole);
  }
}

}  // namespace
}  // namespace sipstack
