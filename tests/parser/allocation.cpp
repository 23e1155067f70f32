// SPDX-License-Identifier: Apache-2.0
// Counts allocations: parsing and typed access make none. Replaces operator new of this executable.
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "grammar_check.hpp"
#include "sample.hpp"
#include "sipstack/parser/body.hpp"
#include "sipstack/parser/diagnostics.hpp"
#include "sipstack/parser/fragment.hpp"
#include "sipstack/parser/framer.hpp"
#include "sipstack/parser/multipart_writer.hpp"
#include "sipstack/parser/sdp_compare.hpp"
#include "sipstack/parser/sdp_writer.hpp"
#include "sipstack/parser/writer.hpp"

namespace {
std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> allocated_bytes{0};
}  // namespace

// g++ 12 inlines some of these and not others, and then sees free() for what ::operator new gave.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  allocated_bytes += size;
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
  if (void* p = ::operator new(size, std::nothrow)) return p;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t& none) noexcept {
  return ::operator new(size, none);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }

namespace sipstack {
namespace {

template <class T>
std::size_t read_all(const HeaderTag<T>& tag, const MessageView& m) {
  std::size_t good = 0;
  for (const auto& value : m.all(tag)) good += value.has_value() ? 1 : 0;
  good += m.get(tag).has_value() ? 1 : 0;
  return good;
}

// Everything that a reader of messages can ask for.
std::size_t read(std::string_view bytes, MessageIndex& index) {
  if (!parse(bytes, index)) return 0;
  const MessageView m(bytes.data(), index);
  std::size_t good = validate(m).has_value() ? 1 : 0;
#define SIPSTACK_X(header, type, parser) good += read_all(hdr::header, m);
  SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
  good += m.top_via().sent_by().size() + m.top_via().received().size();
  good += m.lists(hdr::require, "100rel") ? 1 : 0;
  good += m.raw("X-Own").has_value() ? 1 : 0;
  good += equal(m.request_uri(), m.request_uri()) ? 1 : 0;
  if (const auto contact = m.get(hdr::contact)) {
    good += static_cast<std::size_t>(contact->q()) + contact->expires().value_or(0);
  }
  if (const auto auth = m.get(hdr::authorization)) {
    good += auth->find("nonce")->size() + static_cast<std::size_t>(auth->count("realm"));
  }
  return good + (recoverable(m) ? 1 : 0);
}

TEST_CASE("parsing and typed access allocate nothing") {
  MessageIndex index;
  for (const std::string& text : testing::samples()) {
    const std::size_t before = allocations;
    const std::size_t good = read(text, index);
    const std::size_t after = allocations;
    CHECK(good > 10);
    CHECK(after - before == 0);
  }
  // That the count works at all.
  const std::size_t before = allocations;
  std::string quoted = quote(std::string(100, 'x'));
  CHECK(quoted.size() == 102);
  CHECK(allocations > before);
}

TEST_CASE("refusing a message allocates nothing") {
  MessageIndex index;
  std::string text = testing::samples()[0];
  for (std::size_t at = 0; at < text.size(); at += 7) {
    const char kept = text[at];
    text[at] = '\0';
    const std::size_t before = allocations;
    static_cast<void>(read(text, index));
    const std::size_t after = allocations;
    CHECK(after - before == 0);
    text[at] = kept;
  }
}

TEST_CASE("looking through a session description allocates nothing") {
  const std::string text =
      "v=0\r\no=alice 1 2 IN IP4 192.0.2.1\r\ns=a name that fits no small string buffer\r\n"
      "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 97\r\na=rtpmap:97 iLBC/8000\r\n"
      "m=video 0 RTP/AVP 31\r\n";
  const std::size_t before = allocations;
  const auto view = sdp::View::parse(text);
  std::size_t seen = view->origin().username.size() + view->name().size();
  for (const sdp::LineView& line : view->lines()) seen += line.value.size();
  for (const sdp::MediaView& media : view->media()) {
    seen += media.line.formats.size();
    for (const sdp::LineView& line : media.lines)
      seen += sdp::rtpmap_of(sdp::attribute_of(line.value).value)->rate;
  }
  const std::size_t after = allocations;
  CHECK(seen > 8000);
  CHECK(after - before == 0);
}

TEST_CASE("repairing, comparing and writing a session description allocates nothing") {
  const std::string camera =
      "v=0\no=34020000001320000001 0 0 IN IP4 \nc=IN IP4 \nm=video 15060 RTP/AVP 96\n a=sendonly\n"
      "a=rtpmap:96 PS/90000\n\ny=0100000001\nnonsense";
  const std::string other = camera + "\na=x";
  char buffer[1000];
  const std::size_t before = allocations;
  Diagnostics told;
  sdp::Reading lenient;
  lenient.mode = sdp::Mode::lenient;
  lenient.told = &told;
  const auto view = sdp::View::parse(camera, lenient);
  const auto second = sdp::View::parse(other, lenient);
  const std::uint32_t bits = sdp::changes(*view, *second).bits;
  sdp::Writer out(buffer, sizeof buffer);
  out.origin(second->origin()).origin({"-", "1", "1", "IN", "IP4", "h"}).name("-").time(0, 0);
  for (const sdp::MediaView& media : view->media()) out.copy(media);
  const bool refused = !out.finish();
  const std::size_t after = allocations;
  CHECK(told.size() > 5);
  CHECK(bits == sdp::Changes::attributes);
  CHECK(refused);
  CHECK(after - before == 0);
}

TEST_CASE("reading and writing bodies and fragments allocates nothing") {
  char buffer[1000];
  SeededRandom random(1);
  BodyIndex index;
  MessageIndex fragment;
  const std::size_t before = allocations;
  MultipartWriter out(buffer, sizeof buffer, "mixed", random);
  out.part("message/sipfrag", "SIP/2.0 200 OK",
           {{"Content-ID", "<a-long-content-id@example.com>"}});
  out.part("application/isup", std::string_view("\0\1", 2));
  const auto text = out.finish();
  const bool read = parse_body(*text, out.content_type(), index).has_value();
  const BodyPart* const part = index.find_id("cid:a-long-content-id@example.com");
  const bool whole = parse_fragment(part->bytes, fragment).has_value();
  const bool known = index.not_understood({"message/sipfrag", "application/isup"}) == nullptr;
  const bool refused = !parse_body(text->substr(0, text->size() - 4), out.content_type(), index);
  const std::size_t after = allocations;
  CHECK(read);
  CHECK(whole);
  CHECK(known);
  CHECK(refused);
  CHECK(after - before == 0);
}

TEST_CASE("once the pool is warm, writing, framing and answering allocate nothing") {
  BlockPool pool;
  StreamFramer framer;
  Flow source;
  source.remote = SocketAddress::parse("192.0.2.4:5060").value();
  const auto round = [&] {
    RequestWriter out(pool, "OPTIONS", "sip:bob@biloxi.example");
    out.header(HeaderId::to, "<sip:bob@biloxi.example>");
    out.header(HeaderId::from, "<sip:alice@atlanta.example>;tag=1");
    out.header(HeaderId::call_id, "a84b4c76e66710@pc33.atlanta.example");
    out.header(HeaderId::cseq, "1 OPTIONS");
    out.header(HeaderId::max_forwards, 70);
    out.contact_here("alice");
    out.body("text/plain", "hello");
    const auto request = out.seal({Transport::tcp, "pc33.atlanta.example", "z9hG4bK1"});
    if (!request || framer.next(request->bytes()).size != request->bytes().size()) return false;
    const auto response = ResponseWriter(pool, request->view(), source, 200, "t1").seal();
    return response && response_target(request->view(), source).remote == source.remote;
  };
  REQUIRE(round());
  const std::size_t before = allocations;
  const bool done = round();
  const std::size_t after = allocations;
  CHECK(done);
  CHECK(after - before == 0);
}

// The other half, that a connection buffers nothing more either, is told in tests/transport.
TEST_CASE(
    "A14: a stream that announces a body past the limit ends at its headers, having cost nothing") {
  const std::string limit = std::to_string(ParseLimits{}.message);
  std::vector<StreamFramer> connections(1000);
  for (const std::string& length : {limit, std::string("65536"), std::string("1000000000"),
                                    std::string("4294967295"), std::string("2147483648")}) {
    const std::string text =
        testing::crlf(
            "INVITE sip:b@h SIP/2.0\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\n"
            "From: <sip:a@h>;tag=1\nTo: <sip:b@h>\nCall-ID: 1\nCSeq: 1 INVITE\n"
            "Content-Length: ") +
        length + "\r\n\r\n";
    const std::size_t before = allocated_bytes;
    std::size_t refused = 0;
    for (StreamFramer& framer : connections) {
      framer.reset();
      const Frame early = framer.next(std::string_view(text).substr(0, text.size() - 1));
      const Frame frame = framer.next(text);
      refused += early.kind == Frame::Kind::need_more && frame.kind == Frame::Kind::error &&
                         frame.error.code == ParseErrc::too_large && frame.error.status() == 513
                     ? 1
                     : 0;
    }
    const std::size_t after = allocated_bytes;
    CHECK(refused == 1000);
    CHECK(after - before == 0);
  }
}

}  // namespace
}  // namespace sipstack
