// SPDX-License-Identifier: Apache-2.0
// A message cut off at any byte is an error or incomplete, never another message; nothing is read
// beyond the bytes given (AddressSanitizer watches exact allocations).
#include "grammar_check.hpp"
#include "sample.hpp"

namespace sipstack {
namespace {

using testing::Exact;
using testing::samples;

TEST_CASE("the samples are valid, body and all") {
  for (const std::string& text : samples()) {
    CAPTURE(text);
    const Exact bytes(text);
    MessageIndex index;
    const auto parsed = parse(bytes.view(), index);
    REQUIRE(parsed.has_value());
    const auto checked = validate(MessageView(bytes.view().data(), index));
    CAPTURE(checked ? 0 : checked.error().offset);
    CHECK(checked.has_value());
  }
}

TEST_CASE("a message cut off at any byte is refused without reading on") {
  for (const std::string& text : samples()) {
    Exact whole(text);
    MessageIndex index;
    REQUIRE(parse(whole.view(), index).has_value());
    const std::size_t size = index.start + index.size;
    for (std::size_t length = 0; length < size; ++length) {
      CAPTURE(length);
      const Exact cut(std::string_view(text).substr(0, length));
      const auto parsed = parse(cut.view(), index);
      REQUIRE_FALSE(parsed.has_value());
      CHECK(parsed.error().offset <= length);
    }
  }
}

template <class T>
void cut_everywhere(const HeaderTag<T>& tag, const MessageView& m) {
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    const HeaderView line = m.header(i);
    if (line.id != tag.id) continue;
    for (std::size_t length = 0; length <= line.value.size(); ++length) {
      const Exact cut(line.value.substr(0, length));
      const char* cursor = cut.view().data();
      const char* const end = cursor + length;
      T value{};
      static_cast<void>(tag.parse(cursor, end, value));
      CHECK(cursor >= cut.view().data());
      CHECK(cursor <= end);
    }
  }
}

TEST_CASE("a header value cut off at any byte is parsed within its bytes") {
  for (const std::string& text : samples()) {
    const Exact bytes(text);
    MessageIndex index;
    REQUIRE(parse(bytes.view(), index).has_value());
    const MessageView m(bytes.view().data(), index);
#define SIPSTACK_X(header, type, parser) cut_everywhere(hdr::header, m);
    SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
  }
}

}  // namespace
}  // namespace sipstack
