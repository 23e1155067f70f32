// SPDX-License-Identifier: Apache-2.0
// Header fields of URIs, telephone numbers, escaping by component. RFC 3261 section 19.1, RFC 3966.
#include "sipstack/parser/uri_parts.hpp"

#include "compose.hpp"

namespace sipstack {
namespace {

Uri uri(std::string_view text) {
  const auto parsed = Uri::parse(text);
  CAPTURE(text);
  REQUIRE(parsed);
  return *parsed;
}

TelNumber tel(std::string_view text) {
  const auto number = TelNumber::from(uri(text));
  CAPTURE(text);
  REQUIRE(number);
  return *number;
}

TEST_CASE("the header fields of a URI are walked in order") {
  const Uri with = uri("sip:a@h;lr?Subject=a%20b&To=&Replac%65s=1%3Bto-tag%3D2&x=y?z");
  const UriHeaders fields(with);
  std::string out;
  for (const Param& field : fields) {
    out += std::string(field.name) + "=" + std::string(field.value) + "|";
  }
  CHECK(out == "Subject=a%20b|To=|Replac%65s=1%3Bto-tag%3D2|x=y?z|");
  CHECK(fields.size() == 4);
  CHECK(fields.find("subject") == "a%20b");
  CHECK(fields.find("To") == "");
  CHECK(fields.find("replaces") == "1%3Bto-tag%3D2");
  CHECK_FALSE(fields.find("Sub").has_value());
  CHECK_FALSE(fields.find("Subjects").has_value());
  CHECK(UriHeaders(uri("sip:a@h")).empty());
  CHECK(UriHeaders(uri("sip:a@h")).size() == 0);
}

TEST_CASE("a URI has at most ParseLimits::uri_headers header fields") {
  const auto fields = [](int count) {
    std::string out = "?a=1";
    for (int i = 1; i < count; ++i) out += "&a=1";
    return out;
  };
  for (const char* header : {"From", "Contact"}) {
    CAPTURE(header);
    const auto result = [&](int count) {
      const std::string value = "<sip:al@west.example" + fields(count) + ">";
      const testing::Parsed m(testing::with({{header, value}}));
      if (!m.result) return m.error();
      const auto checked = validate(m.view());
      return checked ? std::string("ok") : std::string(to_string(checked.error().code));
    };
    CHECK(result(15) == "ok");
    CHECK(result(16) == "ok");
    CHECK(result(17).substr(0, 8) == "too-many");
  }
  ParseLimits more;
  more.uri_headers = 17;
  const testing::Parsed m(testing::with({{"From", "<sip:al@west.example" + fields(17) + ">"}}),
                          more);
  CHECK(m.error() == "ok");
}

TEST_CASE("a telephone number is taken apart") {
  TelNumber n = tel("tel:+1-201-555-0123;ext=1-2;isub=12%2034;postd=pp22;x=y");
  CHECK(n.global);
  CHECK(n.number == "1-201-555-0123");
  CHECK(n.digits() == "+12015550123");
  CHECK(n.ext == "1-2");
  CHECK(n.isub == "12%2034");
  CHECK(n.postd == "pp22");
  CHECK(n.context.empty());
  CHECK(n.params.find("x") == "y");
  n = tel("tel:7042;phone-context=example.com");
  CHECK_FALSE(n.global);
  CHECK(n.digits() == "7042");
  CHECK(n.context == "example.com");
  CHECK(tel("tel:*21#;phone-context=+86-21").context == "+86-21");
  CHECK(tel("tel:110").digits() == "110");
  CHECK(tel("tel:1a(B)").digits() == "1aB");
}

TEST_CASE("the user part of a SIP URI can be a telephone number") {
  const TelNumber n = tel("sip:+1-201-555-0123;ext=5@gw.example;user=phone");
  CHECK(n.digits() == "+12015550123");
  CHECK(n.ext == "5");
  CHECK(equal(n, tel("tel:+12015550123;ext=5")));
  CHECK(tel("sip:863-1234;phone-context=+1-914-555@gw.example;user=phone").context == "+1-914-555");
}

TEST_CASE("what is no telephone number is refused at the byte") {
  const auto offset = [](std::string_view text) -> int {
    const auto number = TelNumber::from(uri(text));
    if (number) return -1;
    CHECK(number.error().code == ParseErrc::bad_uri);
    return static_cast<int>(number.error().offset);
  };
  CHECK(offset("sip:alice@h") == 5);  // "a" is a hexadecimal digit
  CHECK(offset("sip:+1x@h") == 6);
  CHECK(offset("sip:+@h") == 5);
  CHECK(offset("sip:h") == 0);
  CHECK(offset("urn:service:sos") == 0);
  CHECK(offset("tel:+1A") == 6);
  CHECK(offset("tel:+-.") == 5);
  CHECK(offset("tel:12;phone-context=+") == 7);
  CHECK(offset("tel:12;phone-context=a_b") == 7);
  CHECK(offset("tel:12;ext=a") == 7);
  CHECK(offset("tel:12;ext") == 7);
}

TEST_CASE("telephone numbers are compared without separators, parameters in any order") {
  const auto same = [](std::string_view a, std::string_view b) {
    const bool forth = equal(tel(a), tel(b));
    CHECK(forth == equal(tel(b), tel(a)));
    return forth;
  };
  CHECK(same("tel:+1-201-555-0123", "tel:+1(201)555.0123"));
  CHECK_FALSE(same("tel:+12015550123", "tel:12015550123"));
  CHECK_FALSE(same("tel:+12015550123", "tel:+12015550124"));
  CHECK(same("tel:12;phone-context=Example.com", "tel:1-2;phone-context=example.COM"));
  CHECK(same("tel:12;phone-context=+1-2", "tel:12;phone-context=+12"));
  CHECK_FALSE(same("tel:12;phone-context=a-b", "tel:12;phone-context=ab"));
  CHECK_FALSE(same("tel:12;phone-context=+12", "tel:12"));
  CHECK(same("tel:12;ext=1-2;isub=3", "tel:12;isub=3;ext=12"));
  CHECK_FALSE(same("tel:12;isub=1-2", "tel:12;isub=12"));
  CHECK_FALSE(same("tel:12;ext=1", "tel:12;ext=1;x=1"));
  CHECK(same("tel:1abc", "tel:1ABC"));
}

TEST_CASE("each part of a URI has its own characters to escape") {
  const std::string all = "aZ09-_.!~*'()&=+$,;?/:@[]%\" #\xc3\x00";
  const std::string text(all.c_str(), all.size());
  CHECK(escape(UriPart::user, "j@s/o;n?") == "j%40s/o;n?");
  CHECK(escape(UriPart::password, "p;w/?:@") == "p%3Bw%2F%3F%3A%40");
  CHECK(escape(UriPart::parameter, "[::1]/a;b=c") == "[::1]/a%3Bb%3Dc");
  CHECK(escape(UriPart::header, "a=b&c?d;e f") == "a%3Db%26c?d%3Be%20f");
  CHECK(escape(UriPart::user, "100%") == "100%25");
  CHECK(escape(UriPart::user, std::string_view("\0\xff#", 3)) == "%00%FF%23");
  for (const UriPart part :
       {UriPart::user, UriPart::password, UriPart::parameter, UriPart::header}) {
    CHECK(unescape(escape(part, text)) == text);
  }
  CHECK(escape(UriPart::user, text) == escape_user(text));
  // What was escaped stands in a URI.
  const std::string whole =
      "sip:" + escape(UriPart::user, text) + ":" + escape(UriPart::password, text) + "@h;" +
      escape(UriPart::parameter, "p") + "=" + escape(UriPart::parameter, text) + "?" +
      "X=" + escape(UriPart::header, text);
  const Uri parsed = uri(whole);
  CHECK(unescape(parsed.user) == text);
  CHECK(unescape(*parsed.password) == text);
  CHECK(unescape(*parsed.params.find("p")) == text);
  CHECK(unescape(*UriHeaders(parsed).find("x")) == text);
}

}  // namespace
}  // namespace sipstack
