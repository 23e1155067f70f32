// SPDX-License-Identifier: Apache-2.0
// The registries: header names, methods, errors. RFC 3261 sections 7.1, 7.3.1 and 7.3.3.
#include <cctype>
#include <set>
#include <string>
#include <string_view>

#include "catch.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack {
namespace {

std::string changed_case(std::string_view text, bool upper) {
  std::string out(text);
  for (char& c : out) {
    c = static_cast<char>(upper ? std::toupper(static_cast<unsigned char>(c))
                                : std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

TEST_CASE("every header is found by its long and its compact name, in any case") {
  std::set<std::string_view> compact;
  for (std::size_t i = 1; i < kHeaderIds; ++i) {
    const HeaderId id = static_cast<HeaderId>(i);
    CAPTURE(name(id));
    CHECK(header_id(name(id)) == id);
    CHECK(header_id(changed_case(name(id), true)) == id);
    CHECK(header_id(changed_case(name(id), false)) == id);
    if (compact_name(id).empty()) continue;
    CHECK(compact_name(id).size() == 1);
    CHECK(compact.insert(compact_name(id)).second);
    CHECK(header_id(compact_name(id)) == id);
    CHECK(header_id(changed_case(compact_name(id), true)) == id);
  }
  CHECK(compact.size() >= 15);
}

TEST_CASE("a name that is not in the registry is other") {
  for (const std::string_view text :
       {"", "q", "X-Gb-Verb", "Vi", "Viaa", "Content_Length", "Content-Lengt", "C%6Fntact", "z",
        "\xff", "From ", "content-length:"}) {
    CAPTURE(text);
    CHECK(header_id(text) == HeaderId::other);
  }
  // One letter changed in every name.
  for (std::size_t i = 1; i < kHeaderIds; ++i) {
    const std::string_view whole = name(static_cast<HeaderId>(i));
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string text(whole);
      text[at] = '!';
      CHECK(header_id(text) == HeaderId::other);
    }
  }
}

TEST_CASE("names compare without case in ASCII letters alone") {
  CHECK(iequals("Via", "vIA"));
  CHECK_FALSE(iequals("Via", "Vi"));
  CHECK_FALSE(iequals("a[", "a{"));
  CHECK_FALSE(iequals("a@", "a`"));
  CHECK_FALSE(iequals("\xc4", "\xe4"));
}

TEST_CASE("each hdr constant binds its own name and rule") {
#define SIPSTACK_X(header, type, parser)             \
  CHECK(hdr::header.id == HeaderId::header);         \
  CHECK(hdr::header.name == name(HeaderId::header)); \
  CHECK(hdr::header.rule == rule(HeaderId::header));
  SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
#define SIPSTACK_X(header, type, parser) +1
  CHECK(0 SIPSTACK_HEADER_TYPES(SIPSTACK_X) == kHeaderIds - 1);
#undef SIPSTACK_X
}

TEST_CASE("methods are found by their exact name") {
#define SIPSTACK_X(id, text)              \
  CHECK(name(Method::id) == text);        \
  CHECK(method_from(text) == Method::id); \
  CHECK(method_from(changed_case(text, false)) == Method::other);
  SIPSTACK_METHODS(SIPSTACK_X)
#undef SIPSTACK_X
  CHECK(method_from("") == Method::other);
  CHECK(method_from("INVIT") == Method::other);
  CHECK(method_from("INVITEE") == Method::other);
}

TEST_CASE("every error has a stable name, a sentence and a section") {
  std::set<std::string_view> names;
#define SIPSTACK_X(id, text, code, sentence, section)     \
  CHECK(to_string(ParseErrc::id) == text);                \
  CHECK(names.insert(text).second);                       \
  CHECK(ParseError{ParseErrc::id}.status() == code);      \
  CHECK(ParseError{ParseErrc::id}.message() == sentence); \
  CHECK(ParseError{ParseErrc::id}.rfc().substr(0, 4) == "RFC ");
  SIPSTACK_PARSE_ERRORS(SIPSTACK_X)
#undef SIPSTACK_X
  CHECK(to_string(ParseErrc::ok) == "ok");
}

TEST_CASE("an offset becomes line and column") {
  const std::string_view text = "ab\r\ncd\r\n";
  const auto at = [&](std::uint32_t offset) {
    const TextPosition p = position(text, offset);
    return std::to_string(p.line) + ":" + std::to_string(p.column);
  };
  CHECK(at(0) == "1:1");
  CHECK(at(2) == "1:3");
  CHECK(at(4) == "2:1");
  CHECK(at(5) == "2:2");
  CHECK(at(8) == "3:1");
  CHECK(at(1000) == "3:1");
}

}  // namespace
}  // namespace sipstack
