// SPDX-License-Identifier: Apache-2.0
// Every limit of ParseLimits at its value, one below and one above.
#include "compose.hpp"

namespace sipstack {
namespace {

using testing::compose;
using testing::kLines;
using testing::kStart;
using testing::Lines;
using testing::Parsed;
using testing::with;

TEST_CASE("limits hold at the byte") {
  ParseLimits limits;
  SECTION("message") {
    const std::string text = with({{"Content-Length", "-"}}, kStart, "body");
    limits.message = static_cast<std::uint32_t>(text.size());
    CHECK(Parsed(text, limits).error() == "ok");
    --limits.message;
    CHECK(Parsed(text, limits).error() == "too-large");
  }
  SECTION("message, where headers alone pass it") {
    limits.message = 40;
    CHECK(Parsed(with({}), limits).error() == "too-large");
  }
  SECTION("start line") {
    limits.start_line = static_cast<std::uint32_t>(kStart.size());
    CHECK(Parsed(with({}), limits).error() == "ok");
    --limits.start_line;
    CHECK(Parsed(with({}), limits).error() == "too-large");
    CHECK(recoverable(Parsed(with({}), limits).view()));
  }
  SECTION("Request-URI") {
    limits.uri = 20;
    CHECK(Parsed(with({}), limits).error() == "ok");
    limits.uri = 19;
    const Parsed p(with({}), limits);
    CHECK(p.error() == "uri-too-long");
    CHECK(p.result.error().status() == 414);
  }
  SECTION("header block") {
    const std::string text = with({});
    limits.header_block = static_cast<std::uint32_t>(text.size() - kStart.size() - 4);
    CHECK(Parsed(text, limits).error() == "ok");
    --limits.header_block;
    CHECK(Parsed(text, limits).error() == "too-large Content-Length");
  }
  SECTION("header value") {
    limits.header_value = 100;
    CHECK(Parsed(with({{"X-Own", std::string(100, 'x')}}), limits).error() == "ok");
    CHECK(Parsed(with({{"X-Own", std::string(101, 'x')}}), limits).error() == "too-large");
  }
  SECTION("header name") {
    limits.header_name = 20;
    CHECK(Parsed(with({{std::string(20, 'x'), "1"}}), limits).error() == "ok");
    CHECK(Parsed(with({{std::string(21, 'x'), "1"}}), limits).error() == "too-large");
    limits.header_name = 9999;
    CHECK(Parsed(with({{std::string(255, 'x'), "1"}}), limits).error() == "ok");
    CHECK(Parsed(with({{std::string(256, 'x'), "1"}}), limits).error() == "too-large");
  }
  SECTION("header fields") {
    limits.headers = 7;
    CHECK(Parsed(with({}), limits).error() == "ok");
    limits.headers = 6;
    CHECK(Parsed(with({}), limits).error() == "too-many Content-Length");
    limits.headers = 9999;
    Lines lines = kLines;
    while (lines.size() < MessageIndex::kCapacity) lines.emplace_back("X-Own", "y");
    CHECK(Parsed(compose(kStart, lines), limits).error() == "ok");
    lines.emplace_back("X-Own", "y");
    CHECK(Parsed(compose(kStart, lines), limits).error() == "too-many");
  }
  SECTION("Vias") {
    std::string vias = "SIP/2.0/UDP h";
    for (int i = 1; i < 70; ++i) vias += ",SIP/2.0/UDP h";
    CHECK(Parsed(with({{"Via", vias}})).error() == "ok");
    CHECK(Parsed(with({{"Via", vias + ",SIP/2.0/UDP h"}})).error() == "too-many Via");
    CHECK(Parsed(with({{"Via", vias}, {"v", "SIP/2.0/UDP h"}})).error() == "too-many Via");
  }
  SECTION("values of a list") {
    limits.values = 3;
    const Parsed three(with({{"Allow", "A, B"}, {"allow", "C"}}));
    CHECK(validate(three.view(), limits).has_value());
    const Parsed four(with({{"Allow", "A, B"}, {"allow", "C,D"}}));
    CHECK(validate(four.view(), limits).error().code == ParseErrc::too_many);
    CHECK(validate(four.view()).has_value());
  }
  SECTION("parameters") {
    std::string many;
    for (int i = 0; i < 32; ++i) many += ";p" + std::to_string(i);
    CHECK(Parsed(with({{"To", "<sip:b@h>" + many}})).error() == "ok");
    CHECK(Parsed(with({{"To", "<sip:b@h>;x" + many}})).error() == "too-many To");
    CHECK(Parsed(with({{"To", "<sip:b@h" + many + ">"}})).error() == "ok");
    CHECK(Parsed(with({{"To", "<sip:b@h;x" + many + ">"}})).error() == "too-many To");
    CHECK(Parsed(with({{"Via", "SIP/2.0/UDP h;x" + many}})).error() == "too-many Via");
    CHECK(Parsed(with({}, "OPTIONS sip:h;x" + many + " SIP/2.0")).error() == "too-many");
    const Parsed contact(with({{"Contact", "<sip:b@h>;x" + many}}));
    REQUIRE(contact.error() == "ok");
    CHECK(validate(contact.view()).error().code == ParseErrc::too_many);
  }
}

}  // namespace
}  // namespace sipstack
