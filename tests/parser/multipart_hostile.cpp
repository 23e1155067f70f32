// SPDX-License-Identifier: Apache-2.0
// Multipart against truncation, nesting, numbers and the end of the memory. hardening A02, A04, A27.
#include <pthread.h>

#include <chrono>
#include <string>

#include "catch.hpp"
#include "guarded.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/parser/body.hpp"

namespace sipstack {
namespace {

using testing::Guarded;

constexpr std::string_view kType = "multipart/mixed;boundary=\"++\"";

const std::string kFour =
    "preamble\r\n--++\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n"
    "--++\r\nContent-Type: multipart/alternative;boundary=in\r\n\r\n"
    "--in\r\n\r\na\r\n--in\r\nContent-ID: <x>\r\n\r\nb\r\n--in--\r\n"
    "--++\r\nContent-Type: application/isup\r\nX-Fold: a\r\n b\r\n\r\n" +
    std::string("\x01\0\x02\r\n--+\0", 9) + "\r\n--++\r\n\r\n\r\n--++--";

// A multipart of so many parts.
std::string parts(std::size_t count, const std::string& boundary = "++",
                  const std::string& headers = "") {
  std::string out;
  for (std::size_t i = 0; i < count; ++i)
    out += std::string(i == 0 ? "--" : "\r\n--") + boundary + "\r\n" + headers + "\r\nx";
  return out + "\r\n--" + boundary + "--";
}

// multipart in multipart, `depth` of them in all.
std::string nested(std::size_t depth) {
  std::string out = "--++\r\n";
  for (std::size_t i = 1; i < depth; ++i) {
    const std::string boundary = "n" + std::to_string(i) + "x";
    out += "Content-Type: multipart/mixed;boundary=" + boundary + "\r\n\r\n--" + boundary + "\r\n";
  }
  out += "\r\nx";
  for (std::size_t i = depth; i-- > 1;) out += "\r\n--n" + std::to_string(i) + "x--";
  return out + "\r\n--++--";
}

ParseErrc read(std::string_view text, const BodyLimits& limits = {}) {
  BodyIndex index;
  BodyReading reading;
  reading.limits = limits;
  const auto result = parse_body(text, kType, index, reading);
  return result ? ParseErrc::ok : result.error().code;
}

// Every view lies within the bytes; touches all of them.
std::size_t walk(const BodyIndex& index, std::string_view bytes) {
  std::size_t sum = 0;
  const auto within = [&](std::string_view view) {
    if (view.empty()) return;
    REQUIRE(view.data() >= bytes.data());
    REQUIRE(view.data() + view.size() <= bytes.data() + bytes.size());
    for (const char c : view) sum += static_cast<unsigned char>(c);
  };
  for (const BodyPart& part : index) {
    within(part.bytes);
    within(part.preamble);
    within(part.epilogue);
    within(part.headers.text());
    within(part.id);
    for (const HeaderView& header : part.headers) {
      within(header.name);
      within(header.value);
    }
  }
  return sum;
}

TEST_CASE("A02: a body of four parts cut at any byte is refused and nothing beyond it is read") {
  BodyIndex index;
  BodyReading lenient;
  lenient.lenient = true;
  Guarded memory(kFour);
  REQUIRE(parse_body(memory.view(), kType, index));
  REQUIRE(index.size == 7);
  CHECK(walk(index, memory.view()) > 0);
  for (std::size_t size = 0; size < kFour.size(); ++size) {
    CAPTURE(size);
    const std::string_view cut = memory.refill(std::string_view(kFour).substr(0, size));
    const auto result = parse_body(cut, kType, index);
    REQUIRE_FALSE(result);
    CHECK(result.error().offset <= size);
    CHECK(index.size == 0);
    CHECK_FALSE(parse_body(cut, kType, index, lenient));
  }
}

TEST_CASE("A02: a body of four parts with LF for CRLF is refused, or read whole, cut at any byte") {
  std::string text;
  for (const char c : kFour)
    if (c != '\r') text += c;
  BodyIndex index;
  BodyReading lenient;
  lenient.lenient = true;
  Guarded memory(text);
  CHECK_FALSE(parse_body(memory.view(), kType, index));
  REQUIRE(parse_body(memory.view(), kType, index, lenient));
  CHECK(index.size == 7);
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::string_view cut = memory.refill(std::string_view(text).substr(0, size));
    REQUIRE_FALSE(parse_body(cut, kType, index, lenient));
  }
}

TEST_CASE("any byte of a body may be another: parts stay within their bytes") {
  BodyIndex index;
  BodyReading lenient;
  lenient.lenient = true;
  Guarded memory(kFour);
  for (std::size_t at = 0; at < kFour.size(); ++at)
    for (const char byte : {'\0', '\r', '\n', ' ', '-', '+', ':', '"', '\xff'}) {
      memory.data()[at] = byte;
      if (parse_body(memory.view(), kType, index)) {
        walk(index, memory.view());
        const std::size_t size = index.size;
        REQUIRE(parse_body(memory.view(), kType, index, lenient));
        CHECK(index.size == size);
      } else if (parse_body(memory.view(), kType, index, lenient)) {
        walk(index, memory.view());
      }
      memory.data()[at] = kFour[at];
    }
}

TEST_CASE("random pieces of multiparts are read within their bytes") {
  static constexpr std::string_view kPieces[] = {"--++",
                                                 "--",
                                                 "++",
                                                 "\r\n",
                                                 "\n",
                                                 "\r",
                                                 "\r\n--++\r\n",
                                                 "\r\n--++--",
                                                 "x",
                                                 " ",
                                                 "Content-Type: multipart/mixed;boundary=in",
                                                 "--in",
                                                 "\r\n--in\r\n\r\n",
                                                 "\r\n--in--",
                                                 "Content-ID: <a>",
                                                 ":",
                                                 "\r\n\r\n",
                                                 "Content-Length: 1"};
  SeededRandom random(4);
  Guarded memory(std::string(400, ' '));
  BodyIndex index;
  BodyReading lenient;
  lenient.lenient = true;
  std::size_t read_whole = 0;
  for (int round = 0; round < 30000; ++round) {
    std::string text;
    for (std::uint64_t n = random.below(12); n > 0; --n)
      text += kPieces[random.below(std::size(kPieces))];
    const std::string_view bytes = memory.refill(text);
    if (parse_body(bytes, kType, index)) {
      ++read_whole;
      walk(index, bytes);
    }
    if (parse_body(bytes, kType, index, lenient)) walk(index, bytes);
  }
  CHECK(read_whole > 20);
}

TEST_CASE("limits of bodies hold at the number") {
  BodyLimits limits;
  SECTION("parts") {
    CHECK(read(parts(31)) == ParseErrc::ok);
    CHECK(read(parts(32)) == ParseErrc::ok);
    CHECK(read(parts(33)) == ParseErrc::too_many);
    limits.parts = 9999;
    CHECK(read(parts(BodyIndex::kCapacity), limits) == ParseErrc::ok);
    CHECK(read(parts(BodyIndex::kCapacity + 1), limits) == ParseErrc::too_many);
  }
  SECTION("depth") {
    CHECK(read(nested(3)) == ParseErrc::ok);
    CHECK(read(nested(4)) == ParseErrc::ok);
    CHECK(read(nested(5)) == ParseErrc::too_many);
    limits.depth = 200;
    CHECK(read(nested(BodyIndex::kDepth), limits) == ParseErrc::ok);
    CHECK(read(nested(BodyIndex::kDepth + 1), limits) == ParseErrc::too_many);
  }
  SECTION("header fields of a part") {
    const auto fields = [](std::size_t count) {
      std::string out;
      for (std::size_t i = 0; i < count; ++i) out += "X: y\r\n";
      return parts(1, "++", out);
    };
    CHECK(read(fields(31)) == ParseErrc::ok);
    CHECK(read(fields(32)) == ParseErrc::ok);
    CHECK(read(fields(33)) == ParseErrc::too_many);
  }
  SECTION("bytes of header fields of a part") {
    const auto sized = [](std::size_t size) {
      return parts(1, "++", "X: " + std::string(size - 5, 'y') + "\r\n");
    };
    CHECK(read(sized(8191)) == ParseErrc::ok);
    CHECK(read(sized(8192)) == ParseErrc::ok);
    CHECK(read(sized(8193)) == ParseErrc::too_large);
  }
}

// On a thread of 128 KiB.
template <class F>
void on_small_stack(F&& f) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
#if defined(SIPSTACK_SANITIZED)
  pthread_attr_setstacksize(&attributes, 512 * 1024);  // redzones
#else
  pthread_attr_setstacksize(&attributes, 128 * 1024);
#endif
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, &attributes,
              [](void* run) -> void* {
                (*static_cast<F*>(run))();
                return nullptr;
              },
              &f) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

TEST_CASE("A27: multipart in multipart 1 to 100,000 deep ends at the limit on a small stack") {
  for (const std::size_t depth : {1U, 4U, 5U, 100U, 1000U, 100000U}) {
    CAPTURE(depth);
    const std::string text = nested(depth);
    ParseErrc code = ParseErrc::ok;
    on_small_stack([&] { code = read(text); });
    CHECK(code == (depth <= 4 ? ParseErrc::ok : ParseErrc::too_many));
  }
}

TEST_CASE("A04: time grows with the bytes, whatever delimiters almost match") {
  const auto time = [](std::string_view text, std::string_view type) {
    BodyIndex index;
    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(parse_body(text, type, index));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const std::string boundary(70, '-');
  const std::string type = "multipart/mixed;boundary=" + boundary;
  for (const std::string& piece :
       {std::string("-"), std::string("\r\n"), "\r\n--" + std::string(69, '-') + "x"}) {
    std::string text = "--" + boundary + "\r\n\r\n";
    while (text.size() < 60000) text += piece;
    // 50 us and 100 ns a byte; a generous factor for sanitizers and a busy machine.
    CHECK(time(text, type) < 20 * (50e-6 + 100e-9 * static_cast<double>(text.size())));
  }
}

}  // namespace
}  // namespace sipstack
