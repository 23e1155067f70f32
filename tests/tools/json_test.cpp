// SPDX-License-Identifier: Apache-2.0
// The JSON writer: commas, escapes, and bytes that are no UTF-8.
#include "tools/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "catch.hpp"

using sipstack::tools::Json;

namespace {

std::string quoted(std::string_view bytes) { return Json().string(bytes).text(); }

}  // namespace

TEST_CASE("objects and arrays nest, with commas between and none after") {
  Json json;
  json.object();
  json.key("a").number(-5);
  json.key("b").array().string("x").null().boolean(true).array().end_array().end_array();
  json.key("c").object().end_object();
  json.key("d").object().key("e").boolean(false).end_object();
  json.end_object();
  CHECK(json.text() == R"({"a": -5, "b": ["x", null, true, []], "c": {}, "d": {"e": false}})");
}

TEST_CASE("what is absent is null") {
  Json json;
  json.array().string_or_null(std::nullopt).string_or_null(std::string_view("")).end_array();
  CHECK(json.text() == R"([null, ""])");
  CHECK(Json().number_or_null(std::optional<std::uint16_t>()).text() == "null");
  CHECK(Json().number_or_null(std::optional<std::uint16_t>(65535)).text() == "65535");
}

TEST_CASE("quotes, backslashes and control characters are escaped") {
  CHECK(quoted("a\"b\\c") == R"("a\"b\\c")");
  CHECK(quoted("\r\n\t") == R"("\r\n\t")");
  CHECK(quoted(std::string_view("\0\x1f\x7f", 3)) == R"("\u0000\u001f\u007f")");
}

TEST_CASE("well-formed UTF-8 stays as it is") {
  for (const std::string_view text :
       {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "na\xc3\xafve \xe2\x98\x83"})
    CHECK(quoted(text) == '"' + std::string(text) + '"');
}

TEST_CASE("every byte of what is no UTF-8 becomes the character of its number") {
  CHECK(quoted("\xff") == R"("\u00ff")");
  CHECK(quoted("a\xc3") == R"("a\u00c3")");                              // cut off
  CHECK(quoted("\xc0\xaf") == R"("\u00c0\u00af")");                      // longer than it need be
  CHECK(quoted("\xe0\x9f\xbf") == R"("\u00e0\u009f\u00bf")");            // likewise
  CHECK(quoted("\xed\xa0\x80") == R"("\u00ed\u00a0\u0080")");            // a surrogate
  CHECK(quoted("\xf4\x90\x80\x80") == R"("\u00f4\u0090\u0080\u0080")");  // beyond the last
  CHECK(quoted("\xf5") == R"("\u00f5")");
  CHECK(quoted("\x80x") == R"("\u0080x")");
  CHECK(quoted("\xe2\x98x") == R"("\u00e2\u0098x")");
}
