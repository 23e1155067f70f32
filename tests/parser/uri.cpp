// SPDX-License-Identifier: Apache-2.0
// URIs: grammar, the equality table of RFC 3261 section 19.1.4, canonical addresses of record.
#include "sipstack/parser/uri.hpp"

#include <utility>

#include "grammar_check.hpp"

namespace sipstack {
namespace {

using testing::Exact;
using testing::show;

void ok(std::string_view in, const std::string& out) {
  CAPTURE(in);
  const Exact bytes(in);
  const auto uri = Uri::parse(bytes.view());
  REQUIRE(uri.has_value());
  CHECK(show(*uri) == out);
  CHECK(uri->text == in);
}

void bad(std::string_view in, std::uint32_t offset, ParseErrc code = ParseErrc::bad_uri) {
  CAPTURE(in);
  const Exact bytes(in);
  const auto uri = Uri::parse(bytes.view());
  REQUIRE_FALSE(uri.has_value());
  CHECK(to_string(uri.error().code) == to_string(code));
  CHECK(uri.error().offset == offset);
}

Uri parsed(std::string_view text) {
  CAPTURE(text);
  const auto uri = Uri::parse(text);
  REQUIRE(uri.has_value());
  return *uri;
}

TEST_CASE("a sip URI falls into its parts") {
  ok("sip:h", "sip host=h");
  ok("SIPS:alice@Example.COM:5061", "sips user=alice host=Example.COM port=5061");
  ok("sip:a:pw@h", "sip user=a password=pw host=h");
  ok("sip:a:@h", "sip user=a password= host=h");
  ok("sip:h:5060;lr;transport=tcp", "sip host=h port=5060 ;lr ;transport=tcp");
  ok("sip:a@[2001:db8::10]:5070;x=[1:2]", "sip user=a host=[2001:db8::10] port=5070 ;x=[1:2]");
  ok("sip:[2001:db8::10:5070]", "sip host=[2001:db8::10:5070]");
  ok("sip:[2001:db8:::192.0.2.1]", "sip host=[2001:db8:::192.0.2.1]");
  ok("sip:user;par=u%40example.net@h", "sip user=user;par=u%40example.net host=h");
  ok("sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d@h",
     "sip user=1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;* password=&it+has=1,weird!*pas$wo~d "
     "host=h");
  ok("sip:sips%3Auser%40example.com@h", "sip user=sips%3Auser%40example.com host=h");
  ok("sip:a@h;p?Subject=x%20y&Route=%3Csip:h%3E",
     "sip user=a host=h ;p ?Subject=x%20y&Route=%3Csip:h%3E");
  ok("sip:h?a=", "sip host=h ?a=");
  ok("sip:34020000001320000001@3402000000", "sip user=34020000001320000001 host=3402000000");
  ok("sip:under_score.example", "sip host=under_score.example");
  ok("sip:alice@h;maddr=[2001:db8::1];method=INVITE",
     "sip user=alice host=h ;maddr=[2001:db8::1] ;method=INVITE");
}

TEST_CASE("other schemes keep their text") {
  ok("tel:+1-201-555-0123;ext=7", "tel user=+1-201-555-0123 ;ext=7");
  ok("tel:7042;phone-context=example.com", "tel user=7042 ;phone-context=example.com");
  ok("TEL:*21#", "tel user=*21#");
  ok("urn:service:sos.fire", "other urn");
  ok("nobodyKnowsThisScheme:totallyopaquecontent", "other nobodyKnowsThisScheme");
  ok("soap.beep://192.0.2.103:3002", "other soap.beep");
  ok("http://[2001:db8::1]/a?b#c", "other http");
  ok("sipx:whatever", "other sipx");
  ok("mailto:a@b", "other mailto");
}

TEST_CASE("a malformed URI is refused at the byte") {
  bad("", 0);
  bad("sip", 3);
  bad("sip:", 4);
  bad("sip:@h", 4);
  bad("sip:a@", 6);
  bad("sip:a@@h", 6);
  bad("sip:2001:db8::10", 9);
  bad("sip:b%4", 5);  // no "@" comes: a host
  bad("sip:b%", 5);
  bad("sip:b%4@h", 7);
  bad("sip:b%zz@h", 6);
  bad("sip:a@h%41", 7);
  bad("sip:a b@h", 5);
  bad("sip:h;", 6);
  bad("sip:h;;lr", 6);
  bad("sip:h;lr=", 9);
  bad("sip:h?", 6);
  bad("sip:h?x", 7);
  bad("sip:h:", 6);
  bad("sip:id@:5060", 7);
  bad("sip:h:0", 6, ParseErrc::out_of_range);
  bad("sip:h:65536", 6, ParseErrc::out_of_range);
  bad("sip:h:70000", 6, ParseErrc::out_of_range);
  bad("sip:[::1", 8);
  bad("sip:[g]", 5);
  bad("sip:[1:2]", 4);
  bad("<sip:h>", 0);
  bad("sip:a@-h", 6);
  bad("tel:", 4);
  bad("tel:abc-xyz", 8);
  bad("1x:y", 0);
  bad("x:", 2);
  bad("alice", 5);
  bad("x:a b", 3);
}

TEST_CASE("a user part may have any length, a host may not") {
  const std::string user(1500, 'u');
  ok("sip:" + user + "@h", "sip user=" + user + " host=h");
  bad("sip:a@" + std::string(64, 'h'), 6);
}

TEST_CASE("the transport parameter names a transport, and lr loose routing") {
  CHECK(parsed("sip:h;transport=TCP").transport() == Transport::tcp);
  CHECK(parsed("sips:h;transport=tcp").transport() == Transport::tls);
  CHECK(parsed("sip:h;Transport=wss").transport() == Transport::wss);
  CHECK(parsed("sip:h;transport=sctp").transport() == std::nullopt);
  CHECK(parsed("sip:h").transport() == std::nullopt);
  CHECK(parsed("sip:h;lr").lr());
  CHECK(parsed("sip:h;LR=on").lr());
  CHECK_FALSE(parsed("sip:h;xlr").lr());
}

TEST_CASE("URIs are equal as RFC 3261 section 19.1.4 has it") {
  const std::pair<const char*, const char*> equals[] = {
      {"sip:%61lice@west.example;transport=TCP", "sip:alice@WeST.ExAmPlE;Transport=tcp"},
      {"sip:carol@west.example", "sip:carol@west.example;newparam=5"},
      {"sip:carol@west.example", "sip:carol@west.example;security=on"},
      {"sip:carol@west.example;newparam=5", "sip:carol@west.example;security=on"},
      {"sip:east.example;transport=tcp;method=REGISTER?to=sip:bob%40east.example",
       "sip:east.example;method=REGISTER;transport=tcp?to=sip:bob%40east.example"},
      {"sip:alice@west.example?subject=project%20x&priority=urgent",
       "sip:alice@west.example?priority=urgent&subject=project%20x"},
      {"sip:a@h;x=%41", "sip:a@h;X=a"},
      {"sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0::1]"},
      {"tel:+1-201-555-0123", "tel:+1(201)5550123"},
      {"tel:7042;phone-context=+1-201;ext=3", "tel:7042;ext=3;phone-context=+1201"},
      {"urn:service:sos", "urn:service:sos"},
  };
  for (const auto& [a, b] : equals) {
    CAPTURE(a, b);
    CHECK(equal(parsed(a), parsed(b)));
    CHECK(equal(parsed(b), parsed(a)));
    CHECK(equal(parsed(a), parsed(a)));
  }
}

TEST_CASE("URIs differ as RFC 3261 section 19.1.4 has it") {
  const std::pair<const char*, const char*> differ[] = {
      {"SIP:ALICE@west.example;Transport=udp", "sip:alice@west.example;Transport=UDP"},
      {"sip:bob@east.example", "sip:bob@east.example:5060"},
      {"sip:bob@east.example", "sip:bob@east.example;transport=udp"},
      {"sip:bob@east.example", "sip:bob@east.example:6000;transport=tcp"},
      {"sip:carol@west.example", "sip:carol@west.example?Subject=next%20meeting"},
      {"sip:bob@phone21.boxes.example", "sip:bob@192.0.2.4"},
      {"sip:carol@west.example;security=on", "sip:carol@west.example;security=off"},
      {"sip:a@h", "sips:a@h"},
      {"sip:a@h", "sip:h"},
      {"sip:a:p@h", "sip:a@h"},
      {"sip:a:p@h", "sip:a:P@h"},
      {"sip:a@h;user=ip", "sip:a@h"},
      {"sip:a@h;ttl=1", "sip:a@h"},
      {"sip:a@h;method=INVITE", "sip:a@h"},
      {"sip:a@h;maddr=192.0.2.1", "sip:a@h"},
      {"sip:a%3Bb@h", "sip:a;b@h"},
      {"sip:a@h?x=1", "sip:a@h?x=1&x=1"},
      {"tel:+12015550123", "tel:12015550123"},
      {"tel:7042;phone-context=a.example", "tel:7042;phone-context=b.example"},
      {"tel:7042;ext=1", "tel:7042"},
      {"urn:service:sos", "urn:service:SOS"},
      {"sip:a@h", "mailto:a@h"},
  };
  for (const auto& [a, b] : differ) {
    CAPTURE(a, b);
    CHECK_FALSE(equal(parsed(a), parsed(b)));
    CHECK_FALSE(equal(parsed(b), parsed(a)));
  }
}

TEST_CASE("comparing URIs of thousands of parameters takes no quadratic time") {
  std::string a = "sip:h";
  std::string b = "sip:h";
  for (int i = 0; i < 2000; ++i) {
    a += ";p" + std::to_string(i);
    b += ";p" + std::to_string(1999 - i);
  }
  CHECK(equal(parsed(a), parsed(a)));
  CHECK_FALSE(equal(parsed(a), parsed(b)));
}

TEST_CASE("an address of record has one canonical form") {
  CHECK(canonical_aor(parsed("sip:%61lice:pw@EXAMPLE.com;x=y?a=b")) == "sip:alice@example.com");
  CHECK(canonical_aor(parsed("SIPS:alice@example.com:5061")) == "sips:alice@example.com:5061");
  CHECK(canonical_aor(parsed("sip:Alice@h")) == "sip:Alice@h");
  CHECK(canonical_aor(parsed("sip:h")) == "sip:h");
  CHECK(canonical_aor(parsed("sip:a%00b@h")) == std::string("sip:a\0b@h", 9));
  CHECK(canonical_aor(parsed("tel:+1-201-555-0123;x=y")) == "tel:+12015550123");
  CHECK(canonical_aor(parsed("URN:Service:sos")) == "urn:Service:sos");
}

TEST_CASE("escapes are resolved once and written where they must be") {
  CHECK(unescape("%2541") == "%41");
  CHECK(unescape("a%zz%4") == "a%zz%4");
  CHECK(unescape("%00").size() == 1);
  CHECK(escape_user("a b@c:d") == "a%20b%40c%3Ad");
  CHECK(escape_user("+1(555);x") == "+1(555);x");
  CHECK(unescape(escape_user("\xff\x01\"")) == "\xff\x01\"");
}

}  // namespace
}  // namespace sipstack
