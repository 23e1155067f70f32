// SPDX-License-Identifier: Apache-2.0
// Each typed value: what it accepts, what it makes of it, and which byte offends it.
// RFC 3261 sections 20 and 25.1.
#include "grammar_check.hpp"

namespace sipstack {
namespace {

using namespace std::string_view_literals;
using testing::bad;
using testing::ok;

constexpr ParseErrc kBad = ParseErrc::bad_header;

TEST_CASE("Via is read with parameters, white space and folds") {
  ok(hdr::via, "SIP/2.0/UDP h", "2.0 UDP h");
  ok(hdr::via, " SIP / 2.0\r\n / TCP\t\r\n h.example : 5061 ; branch = z9hG4bKa ; rport ",
     "2.0 TCP h.example 5061 ;branch=z9hG4bKa ;rport");
  ok(hdr::via, "SIP/2.0/TLS-SCTP [2001:db8::1]:5060;received=2001:db8::2",
     "2.0 TLS-SCTP [2001:db8::1] 5060 ;received=2001:db8::2");
  ok(hdr::via, "SIP/2.0/UDP h;received=[2001:db8::9];x=\"a;b,c\\\"d\"",
     "2.0 UDP h ;received=[2001:db8::9] ;x=\"a;b,c\\\"d\"");
  ok(hdr::via, "SIP/2.0/UDP a;branch=1 , SIP/2.0/UDP b", "2.0 UDP a ;branch=1", ", SIP/2.0/UDP b");
  ok(hdr::via, "SIP/2.0/UDP 34020000002000000001", "2.0 UDP 34020000002000000001");
  ok(hdr::via, "SIP/2.0/UDP h;branch=z9hG4bKq+/w==", "2.0 UDP h ;branch=z9hG4bKq+/w==");
  ok(hdr::via, "SIP/2.0/UDP host.example.;ttl=1", "2.0 UDP host.example. ;ttl=1");
}

TEST_CASE("Via with a malformed host, port or separator is refused at the byte") {
  bad(hdr::via, "SIP/2.0/UDP", kBad, 11);
  bad(hdr::via, "SIP/2.0/UDP ", kBad, 12);
  bad(hdr::via, "SIP/2.0 UDP h", kBad, 8);
  for (const std::string_view host :
       {":]", ".1", "[.1]", "..", "-", "a..b", "-a", "a-", "[", "[::1", "[]", "[1:2:3]", "[::g]",
        "[1::2::3]", "[192.0.2.1]"}) {
    CAPTURE(host);
    const std::string text = "SIP/2.0/UDP " + std::string(host);
    const char* cursor = text.data();
    Via via;
    CHECK(parse_value(cursor, cursor + text.size(), via) == kBad);
    CHECK(cursor >= text.data() + 12);
  }
  bad(hdr::via, "SIP/2.0/UDP h:0", ParseErrc::out_of_range, 14);
  ok(hdr::via, "SIP/2.0/UDP h:65535", "2.0 UDP h 65535");
  bad(hdr::via, "SIP/2.0/UDP h:65536", ParseErrc::out_of_range, 14);
  bad(hdr::via, "SIP/2.0/UDP h:99999999999999999999", ParseErrc::out_of_range, 14);
  bad(hdr::via, "SIP/2.0/UDP h:", kBad, 14);
  bad(hdr::via, "SIP/2.0/UDP 192.0.2.15;;,;,,", kBad, 23);
  bad(hdr::via, "SIP/2.0/UDP h;", kBad, 14);
  bad(hdr::via, "SIP/2.0/UDP h;a=", kBad, 16);
  bad(hdr::via, "SIP/2.0/UDP h;a=\"b", ParseErrc::unterminated, 18);
  bad(hdr::via, "SIP/2.0/UDP h;a=\"b\\", ParseErrc::unterminated, 19);
  bad(hdr::via, "SIP/2.0/UDP h\0;x"sv, kBad, 13);
}

TEST_CASE("a host label has at most 63 characters, a name 255") {
  const std::string label(63, 'a');
  ok(hdr::via, "SIP/2.0/UDP " + label, "2.0 UDP " + label);
  bad(hdr::via, "SIP/2.0/UDP " + label + "a", kBad, 12);
  const std::string name = label + "." + label + "." + label + "." + label;
  ok(hdr::via, "SIP/2.0/UDP " + name, "2.0 UDP " + name);
  bad(hdr::via, "SIP/2.0/UDP " + name + ".b", kBad, 12);
}

TEST_CASE("Via gives received without brackets and sent-by as it stands") {
  const std::string text = "SIP/2.0/UDP [2001:db8::1]  :  5070 ;received=[2001:db8::2];branch=b";
  const char* cursor = text.data();
  Via via;
  REQUIRE(parse_value(cursor, cursor + text.size(), via) == ParseErrc::ok);
  CHECK(via.received() == "2001:db8::2");
  CHECK(via.sent_by() == "[2001:db8::1]  :  5070");
  CHECK(via.branch() == "b");
  CHECK(via.text == text);
}

TEST_CASE("an address is a name-addr or an addr-spec") {
  ok(hdr::from, "sip:a@h", "sip:a@h");
  ok(hdr::from, "<sip:a@h>;tag=1", "sip:a@h ;tag=1");
  ok(hdr::from, "\"A. \\\"B\\\" <x>; y, z\" <sip:a@h>", "[\"A. \\\"B\\\" <x>; y, z\"] sip:a@h");
  ok(hdr::from, "Plain  Words <sip:a@h>", "[Plain  Words] sip:a@h");
  ok(hdr::from, "Tight<sip:a@h>", "[Tight] sip:a@h");
  ok(hdr::from, "*<sip:a@h>", "[*] sip:a@h");
  ok(hdr::from, " \r\n sip:a@h\r\n\t; tag\t=\r\n 1 ", "sip:a@h ;tag=1");
  ok(hdr::from, "\"\xe2\x98\x83\" <sip:a@h>", "[\"\xe2\x98\x83\"] sip:a@h");
  ok(hdr::from, "\"\\\0\\\x7f\" <sip:a@h>"sv, std::string("[\"\\\0\\\x7f\"] sip:a@h", 16));
  ok(hdr::contact, "<sip:a@h;x?y=z>;q=0.5, <sip:b@h>", "sip:a@h;x?y=z ;q=0.5", ", <sip:b@h>");
  ok(hdr::contact, "sip:a@h, sip:b@h", "sip:a@h", ", sip:b@h");
  ok(hdr::contact, "tel:+1-555-0100;q=1", "tel:+1-555-0100 ;q=1");
  ok(hdr::contact, "\"a\" <urn:service:sos>;+sip.instance=\"<urn:uuid:0>\"",
     "[\"a\"] urn:service:sos ;+sip.instance=\"<urn:uuid:0>\"");
}

TEST_CASE("parameters behind an addr-spec are the header's, inside <> the URI's") {
  const auto read = [](std::string_view text) {
    const char* cursor = text.data();
    NameAddr address;
    CHECK(parse_value(cursor, cursor + text.size(), address) == ParseErrc::ok);
    return address;
  };
  const NameAddr bare = read("sip:a@h;p=1");
  CHECK(bare.params.has("p"));
  CHECK(bare.uri.params.empty());
  const NameAddr bracketed = read("<sip:a@h;p=1>");
  CHECK_FALSE(bracketed.params.has("p"));
  CHECK(bracketed.uri.params.has("P"));
}

TEST_CASE("a malformed address is refused at the byte") {
  bad(hdr::from, "", kBad, 0);
  bad(hdr::from, "   ", kBad, 3);
  bad(hdr::from, "Alice", kBad, 5);
  bad(hdr::from, "<sip:a@h", ParseErrc::unterminated, 0);
  bad(hdr::from, "\"Alice <sip:a@h>", ParseErrc::unterminated, 16);
  bad(hdr::from, "Bell, A <sip:a@h>", kBad, 4);
  bad(hdr::from, "<sip:a@h>;;", kBad, 10);
  bad(hdr::from, "<sip:a@h> x", kBad, 10);
  bad(hdr::from, "< sip:a@h >", ParseErrc::bad_uri, 1);
  bad(hdr::from, "<sip:a@h:x>", ParseErrc::bad_uri, 9);
  bad(hdr::from, "sip:a@h?x=y", kBad, 7);
  bad(hdr::from, "sip:a;b@h", kBad, 7);
  bad(hdr::from, "sip:@h", ParseErrc::bad_uri, 4);
  bad(hdr::from, "*", kBad, 0);
  bad(hdr::from, "\"\0\" <sip:a@h>"sv, kBad, 1);
  bad(hdr::from, "\"a\rb\" <sip:a@h>", kBad, 3);
}

TEST_CASE("only Contact takes a star, only routes insist on brackets") {
  ok(hdr::contact, "*", "*");
  ok(hdr::contact, " * ", "*");
  bad(hdr::to, "*", kBad, 0);
  bad(hdr::route, "*", kBad, 0);
  bad(hdr::contact, "*;x", kBad, 1);
  ok(hdr::route, "<sip:p;lr>", "sip:p;lr");
  bad(hdr::route, "sip:p;lr", kBad, 0);
  ok(hdr::record_route, "\"p, 1\" <sip:p;lr=on>;x=1", "[\"p, 1\"] sip:p;lr=on ;x=1");
}

TEST_CASE("Referred-By alone may lack the scheme") {
  ok(hdr::referred_by, "<alice@example.com>;x=1", "alice@example.com ;x=1");
  ok(hdr::referred_by, "<sip:alice@example.com>", "sip:alice@example.com");
  bad(hdr::referred_by, "<alice>", ParseErrc::bad_uri, 6);
  bad(hdr::refer_to, "<alice@example.com>", ParseErrc::bad_uri, 6);
}

TEST_CASE("q and expires of a Contact are read as numbers, with defaults") {
  const auto read = [](std::string_view text) {
    const char* cursor = text.data();
    NameAddr address;
    CHECK(parse_contact(cursor, cursor + text.size(), address) == ParseErrc::ok);
    return address;
  };
  CHECK(read("<sip:h>").q() == 1000);
  CHECK(read("<sip:h>;q=0.7").q() == 700);
  CHECK(read("<sip:h>;q=0").q() == 0);
  CHECK(read("<sip:h>;q=0.").q() == 0);
  CHECK(read("<sip:h>;q=0.123").q() == 123);
  CHECK(read("<sip:h>;q=1.000").q() == 1000);
  CHECK(read("<sip:h>;q=0.1234").q() == 1000);
  CHECK(read("<sip:h>;q=9").q() == 1000);
  CHECK(read("<sip:h>;q=0.x").q() == 1000);
  CHECK(read("<sip:h>;q").q() == 1000);
  CHECK(read("<sip:h>").expires() == std::nullopt);
  CHECK(read("<sip:h>;expires=0").expires() == 0U);
  CHECK(read("<sip:h>;EXPIRES=3600").expires() == 3600U);
  CHECK(read("<sip:h>;expires=4294967295").expires() == 4294967295U);
  CHECK(read("<sip:h>;expires=4294967296").expires() == 4294967295U);
  CHECK(read("<sip:h>;expires=99999999999999999999999").expires() == 4294967295U);
  CHECK(read("<sip:h>;expires=\"60\"").expires() == std::nullopt);
  CHECK(read("<sip:h>;expires=-1").expires() == std::nullopt);
}

TEST_CASE("CSeq is a number below 2^31 and a method") {
  ok(hdr::cseq, "0 INVITE", "0 INVITE");
  ok(hdr::cseq, " 0009\r\n  x-Me.th%od ", "9 x-Me.th%od");
  ok(hdr::cseq, "2147483647 ACK", "2147483647 ACK");
  bad(hdr::cseq, "2147483648 ACK", ParseErrc::out_of_range, 0);
  bad(hdr::cseq, " 4294967297 ACK", ParseErrc::out_of_range, 1);
  bad(hdr::cseq, "999999999999999999999999999999 ACK", ParseErrc::out_of_range, 0);
  bad(hdr::cseq, "1", kBad, 1);
  bad(hdr::cseq, "1INVITE", kBad, 1);
  bad(hdr::cseq, "INVITE 1", kBad, 0);
  bad(hdr::cseq, "-1 INVITE", kBad, 0);
  bad(hdr::cseq, "1 INVITE x", kBad, 9);
  bad(hdr::cseq, "1 INV@TE", kBad, 5);
}

TEST_CASE("RAck is two numbers and a method") {
  ok(hdr::rack, "776656 1 INVITE", "776656 1 INVITE");
  ok(hdr::rack, "4294967295 2147483647 INVITE", "4294967295 2147483647 INVITE");
  bad(hdr::rack, "4294967296 1 INVITE", ParseErrc::out_of_range, 0);
  bad(hdr::rack, "1 2147483648 INVITE", ParseErrc::out_of_range, 2);
  bad(hdr::rack, "1 INVITE", kBad, 2);
}

TEST_CASE("numbers are digits, bounded, and carry what their header lets them") {
  ok(hdr::expires, "3600", "3600");
  ok(hdr::expires, " 0 ", "0");
  ok(hdr::expires, "4294967295", "4294967295");
  bad(hdr::expires, "4294967296", ParseErrc::out_of_range, 0);
  bad(hdr::expires, "3600;x", kBad, 4);
  bad(hdr::expires, "", kBad, 0);
  bad(hdr::expires, "-1", kBad, 0);
  bad(hdr::expires, "0x10", kBad, 1);
  bad(hdr::expires, "1 2", kBad, 2);
  ok(hdr::retry_after, "120 (I'm (really) away \\) now) ;duration=3600", "120 ;duration=3600");
  ok(hdr::retry_after, "18000;duration=3600", "18000 ;duration=3600");
  bad(hdr::retry_after, "120 (open", ParseErrc::unterminated, 4);
  bad(hdr::retry_after, "120 ((((((((((deep))))))))))", ParseErrc::unterminated, 4);
  bad(hdr::retry_after, "949302838503028349304023988", ParseErrc::out_of_range, 0);
  ok(hdr::session_expires, "1800 ; refresher = uac", "1800 ;refresher=uac");
  ok(hdr::max_breadth, "60", "60");
}

TEST_CASE("media types carry parameters; a star stands for any") {
  ok(hdr::content_type, "application/sdp", "application/sdp");
  ok(hdr::content_type, "text / html ; charset=ISO-8859-4", "text/html ;charset=ISO-8859-4");
  ok(hdr::content_type, "multipart/mixed;boundary=\"a b;,\\\"\"",
     "multipart/mixed ;boundary=\"a b;,\\\"\"");
  ok(hdr::content_type, "multipart/mixed;boundary=----=_Part_0",
     "multipart/mixed ;boundary=----=_Part_0");
  ok(hdr::accept, "*/*;q=0.1, text/*", "*/* ;q=0.1", ", text/*");
  bad(hdr::content_type, "text", kBad, 4);
  bad(hdr::content_type, "text/", kBad, 5);
  bad(hdr::content_type, "text/plain;", kBad, 11);
  MediaType media{"Application", "SDP", {}};
  CHECK(media.is("application", "sdp"));
  CHECK_FALSE(media.is("application", "sd"));
}

TEST_CASE("tokens carry parameters") {
  ok(hdr::event, "presence.winfo ;id=7", "presence.winfo ;id=7");
  ok(hdr::allow, "INVITE, ACK", "INVITE", ", ACK");
  ok(hdr::reason, "Q.850 ;cause=16;text=\"Terminated, really\"",
     "Q.850 ;cause=16 ;text=\"Terminated, really\"");
  ok(hdr::accept_language, "*;q=0.5", "* ;q=0.5");
  bad(hdr::event, "", kBad, 0);
  bad(hdr::event, "a b", kBad, 2);
  bad(hdr::allow, ", ACK", kBad, 0);
  bad(hdr::event, "presence/winfo", kBad, 8);
}

TEST_CASE("credentials are a scheme and pairs, or one token68") {
  ok(hdr::authorization, "Digest username=\"bob, jr\", realm=\"x\",nc=00000001",
     "[Digest] username=\"bob, jr\", realm=\"x\",nc=00000001");
  ok(hdr::www_authenticate, "Digest\r\n realm = \"a\\\"b\" ,\r\n nonce = \"1\"",
     "[Digest] realm = \"a\\\"b\" ,\r\n nonce = \"1\"");
  ok(hdr::authorization, "NoOneKnowsThisScheme opaque-data=here",
     "[NoOneKnowsThisScheme] opaque-data=here");
  ok(hdr::authorization, "Basic QWxhZGRpbjpvcGVu==", "[Basic] QWxhZGRpbjpvcGVu==");
  ok(hdr::authorization, "Unidirection algorithm=\"A:SM2;H:SM3\",keyversion=a;b",
     "[Unidirection] algorithm=\"A:SM2;H:SM3\",keyversion=a;b");
  ok(hdr::authorization, "Digest uri=sip:h,username=\"u\"", "[Digest] uri=sip:h,username=\"u\"");
  ok(hdr::authentication_info, "nextnonce=\"47364c\", qop=auth",
     "[] nextnonce=\"47364c\", qop=auth");
  bad(hdr::authorization, "Digest", kBad, 6);
  bad(hdr::authorization, "Digest ,=MD5,", kBad, 7);
  bad(hdr::authorization, "Digest a=1,,b=2", kBad, 11);
  bad(hdr::authorization, "Digest a=1,", kBad, 11);
  bad(hdr::authorization, "Digest a=\"1", ParseErrc::unterminated, 11);
  bad(hdr::authorization, "Digest a=\"1\" b=\"2\"", kBad, 13);
  bad(hdr::authorization, "Digest a=,b=1", kBad, 9);
}

TEST_CASE("a parameter of credentials is found by name, and counted") {
  const std::string text = "Digest realm=\"a,nonce=\\\"x\", nonce=\"1\", stale = true,NONCE=\"2\"";
  const char* cursor = text.data();
  AuthValue auth;
  REQUIRE(parse_value(cursor, cursor + text.size(), auth) == ParseErrc::ok);
  CHECK(auth.find("nonce") == "\"1\"");
  CHECK(auth.find("Stale") == "true");
  CHECK(auth.find("realm") == "\"a,nonce=\\\"x\"");
  CHECK(auth.find("qop") == std::nullopt);
  CHECK(auth.count("nonce") == 2);
  CHECK(auth.count("realm") == 1);
  CHECK(auth.count("x") == 0);
}

TEST_CASE("Call-IDs are words") {
  ok(hdr::call_id, "f81d4fae-7dec@foo.example", "f81d4fae-7dec@foo.example");
  ok(hdr::call_id, "intm%ZK-!.*_+'@word`~)(><:\\/\"][?}{", "intm%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
  bad(hdr::call_id, "a@b@c", kBad, 3);
  bad(hdr::call_id, "a b", kBad, 2);
  bad(hdr::call_id, "a@", kBad, 2);
  bad(hdr::call_id, "", kBad, 0);
  bad(hdr::call_id, "a,b", kBad, 1);
  ok(hdr::replaces, "12@h;to-tag=1;from-tag=2;early-only",
     "12@h ;to-tag=1 ;from-tag=2 ;early-only");
  ok(hdr::in_reply_to, "a@b, c", "a@b", ", c");
}

TEST_CASE("small texts keep their grammar") {
  ok(hdr::subject, " Any \"thing, \r\n goes ", "Any \"thing, \r\n goes");
  ok(hdr::subject, "", "");
  ok(hdr::sip_etag, "kwj449x", "kwj449x");
  bad(hdr::sip_etag, "a b", kBad, 2);
  ok(hdr::mime_version, "1.0", "1.0");
  bad(hdr::mime_version, "1", kBad, 1);
  ok(hdr::timestamp, "54.21 0.5", "54.21 0.5");
  ok(hdr::timestamp, "54", "54");
  bad(hdr::timestamp, "x", kBad, 0);
  ok(hdr::warning, "370 isi.example \"too; slow\", 399 h:5060 \"x\"",
     "370 isi.example \"too; slow\"", ", 399 h:5060 \"x\"");
  bad(hdr::warning, "1812 overture \"In Progress\"", kBad, 3);
  bad(hdr::warning, "399 h x", kBad, 6);
}

TEST_CASE("quotes are taken off and put on") {
  CHECK(unquote("\"a \\\"b\\\" \\\\\"") == "a \"b\" \\");
  CHECK(unquote("plain") == "plain");
  CHECK(unquote("\"") == "\"");
  CHECK(unquote("\"\"").empty());
  CHECK(unquote("\"a\\\"") == "a\\");
  CHECK(quote("a \"b\" \\") == "\"a \\\"b\\\" \\\\\"");
  CHECK(unquote(quote("x\\\"y")) == "x\\\"y");
}

TEST_CASE("each fold becomes one space") {
  CHECK(unfold("one\r\n two\r\n\t  three") == "one two three");
  CHECK(unfold("  a \r\n  b  ") == "a b");
  CHECK(unfold("a  b") == "a  b");
  CHECK(unfold("\r\n ").empty());
}

}  // namespace
}  // namespace sipstack
