// SPDX-License-Identifier: Apache-2.0
// Counts allocations: parsing and typed access make none. Replaces operator new of this executable.
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "grammar_check.hpp"
#include "sample.hpp"

namespace {
std::atomic<std::size_t> allocations{0};
}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
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

}  // namespace
}  // namespace sipstack
