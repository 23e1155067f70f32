// SPDX-License-Identifier: Apache-2.0
// A parse error for people: where the caret stands.
#include "tools/explain.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

using namespace sipstack;
using namespace sipstack::tools;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::vector<std::string> explained(std::string_view text, std::size_t offset) {
  const ParseError error{ParseErrc::bad_header, HeaderId::via, static_cast<std::uint32_t>(offset)};
  return lines_of(explain("in", text, MessageView(), error, false));
}

}  // namespace

TEST_CASE("the caret stands under the byte, wherever it is in its line") {
  const std::string_view text = "first\r\nsecond\r\n\r\nbody";
  for (std::size_t offset : {0U, 4U, 7U, 12U, 17U, 20U}) {
    CAPTURE(offset);
    const auto lines = explained(text, offset);
    REQUIRE(lines.size() >= 3);
    CHECK(lines[2].back() == '^');
    REQUIRE(lines[1].size() > lines[2].size() - 1);
    CHECK(lines[1][lines[2].size() - 1] == text[offset]);
  }
}

TEST_CASE("an error at the end of the input has its caret behind the last byte") {
  const auto lines = explained("abc", 3);
  CHECK(lines[1] == "    abc");
  CHECK(lines[2] == "       ^");
  CHECK(explained("", 0)[2] == "    ^");
  CHECK(explained("abc", 4000)[2] == "       ^");  // beyond it: as at the end
}

TEST_CASE("columns are counted in characters, so that the caret fits under UTF-8") {
  const auto lines = explained("\xe2\x98\x83\xc3\xa4x", 5);
  CHECK(lines[2] == "      ^");
}

TEST_CASE("of a long line a window is shown, with the byte in it") {
  std::string text(5000, 'a');
  text[3000] = 'B';
  const auto lines = explained(text, 3000);
  CHECK(lines[1].size() < 120);
  CHECK(lines[1][lines[2].size() - 1] == 'B');
  CHECK(lines[1].substr(4, 3) == "...");
  CHECK(lines[1].substr(lines[1].size() - 3) == "...");
}

TEST_CASE("control characters of the input are not shown as such") {
  const auto lines = explained("a\x1b[31m\tb\x07", 8);
  CHECK(lines[1] == "    a?[31m b?");
}

TEST_CASE("an expectation is named for every header that every message has") {
  for (const HeaderId id :
       {HeaderId::via, HeaderId::from, HeaderId::to, HeaderId::call_id, HeaderId::cseq,
        HeaderId::max_forwards, HeaderId::content_length, HeaderId::contact})
    CHECK_FALSE(expected_form({ParseErrc::bad_header, id, 0}).empty());
}
