// SPDX-License-Identifier: Apache-2.0
// What parsing needs of the stack, on a thread that has 128 KiB of it. Hardening case A27.
#include <pthread.h>
#include <sys/mman.h>

#include <cstring>

#include "compose.hpp"
#include "judge.hpp"
#include "sample.hpp"
#include "sipstack/parser/framer.hpp"
#include "sipstack/parser/rewrite.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack {
namespace {

using testing::with;

constexpr std::size_t kStack = 128 * 1024;
constexpr std::size_t kAllowed = 64 * 1024;
constexpr unsigned char kUntouched = 0xd7;

// Runs work on a thread of kStack bytes; how many of them were written to.
template <class Work>
std::size_t high_water(Work work) {
  void* const stack =
      ::mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(stack != MAP_FAILED);
  std::memset(stack, kUntouched, kStack);
  pthread_attr_t attributes;
  REQUIRE(::pthread_attr_init(&attributes) == 0);
  REQUIRE(::pthread_attr_setstack(&attributes, stack, kStack) == 0);
  pthread_t thread;
  REQUIRE(::pthread_create(
              &thread, &attributes,
              [](void* argument) -> void* {
                (*static_cast<Work*>(argument))();
                return nullptr;
              },
              &work) == 0);
  REQUIRE(::pthread_join(thread, nullptr) == 0);
  ::pthread_attr_destroy(&attributes);
  const auto* const bytes = static_cast<const unsigned char*>(stack);
  std::size_t untouched = 0;
  while (untouched < kStack && bytes[untouched] == kUntouched) ++untouched;
  ::munmap(stack, kStack);
  return kStack - untouched;
}

ParseLimits wide() {
  ParseLimits limits;
  limits.header_value = limits.header_block = 65535;
  return limits;
}

// Everything that reads and writes. Catch2 has no place on that stack.
void everything(std::string_view text, const ParseLimits& limits, BlockPool& pool) {
  MessageIndex index;
  const bool parsed = parse(text, index, limits).has_value();
  const MessageView m(text.data(), index);
  static_cast<void>(validate(m, limits));
  static_cast<void>(testing::sound(text, m));
  StreamFramer framer(limits);
  static_cast<void>(framer.next(text));
  const Flow source = testing::peer();
  static_cast<void>(ResponseWriter(pool, m, source, 400, "t", {}, {true, kProxyFirst}).seal());
  if (!parsed || !m.is_request()) return;
  Rewrite edits(m);
  edits.remove_first(HeaderId::route);
  edits.note_source(source);
  if (const auto out = edits.request(pool)) {
    static_cast<void>(out->seal({Transport::udp, "192.0.2.1", "z9hG4bK1"}));
  }
  static_cast<void>(canonical_aor(m.request_uri()));
  static_cast<void>(equal(m.request_uri(), m.request_uri()));
}

std::vector<std::size_t> depths() {
  std::vector<std::size_t> out;
  for (std::size_t i = 1; i <= 20; ++i) out.push_back(i);
  for (const std::size_t i : {100, 1000, 4000, 10000, 30000, 100000}) out.push_back(i);
  return out;
}

std::string run(std::size_t n, std::string_view piece) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += piece;
  return out;
}

TEST_CASE("A27: comments are read eight deep, deeper ones refused") {
  for (const std::size_t depth : depths()) {
    CAPTURE(depth);
    for (const bool closed : {true, false}) {
      const std::string comment = run(depth, "(") + (closed ? run(depth, ")") : "");
      const testing::Parsed p(with({{"Retry-After", "1 " + comment}}), wide());
      const bool fits = p.bytes.view().size() <= ParseLimits{}.message;
      REQUIRE(p.result.has_value() == fits);
      if (!fits) {
        CHECK(p.result.error().status() == 513);
        continue;
      }
      CHECK(p.view().get(hdr::retry_after).has_value() == (closed && depth <= 8));
      CHECK(validate(p.view(), wide()).has_value() == (closed && depth <= 8));
    }
  }
}

TEST_CASE("A27: nesting of any depth costs no stack") {
  std::vector<std::string> texts = testing::samples();
  for (const std::size_t depth : depths()) {
    const auto nested = [depth](std::string_view open, std::string_view close) {
      return run(depth, open) + run(depth, close);
    };
    for (const char* name : {"Retry-After", "User-Agent", "Server", "Via", "Call-ID", "Subject"}) {
      texts.push_back(with({{name, "1 " + nested("(", ")")}}));
      texts.push_back(with({{name, "1 " + nested("(", "")}}));
      texts.push_back(with({{name, "1 " + nested("(\\)", ")")}}));
    }
    for (const char* name : {"To", "Contact", "Route"}) {
      texts.push_back(with({{name, nested("<", ">")}}));
      texts.push_back(with({{name, nested("<sip:a@h?x=", ">")}}));
      texts.push_back(with({{name, "<sip:a@h?x=" + run(depth, "%22") + ">"}}));
      texts.push_back(with({{name, "<sip:a@h?Refer-To=" + run(depth, "%3csip:b?x=") + ">"}}));
      texts.push_back(with({{name, "<sip:a@h>;x=\"" + run(depth, "\\\"") + "\""}}));
      texts.push_back(with({{name, run(depth, "\"x\" ")}}));
    }
    texts.push_back(with({{"Via", "SIP/2.0/UDP " + nested("[", "]")}}));
    texts.push_back(with({{"Subject", "x" + run(depth, "\r\n ")}}));
  }
  REQUIRE(texts.size() > 600);
  BlockPool pool;
  const std::size_t used = high_water([&] {
    for (const std::string& text : texts) {
      everything(text, wide(), pool);
      everything(text, {}, pool);
    }
  });
  INFO("stack: " << used << " bytes of " << kStack);
  // The thread's own data is in it, too.
  CHECK(used > 4096);
  CHECK(used <= kAllowed);
}

TEST_CASE("a message takes no more stack than its index, however long it is") {
  BlockPool pool;
  const auto of = [&](const std::string& text) {
    return high_water([&] { everything(text, wide(), pool); });
  };
  const std::size_t small = of(with({{"Subject", "x"}}));
  CHECK(of(with({{"Subject", std::string(60000, 'x')}})) <= small + 1024);
}

}  // namespace
}  // namespace sipstack
