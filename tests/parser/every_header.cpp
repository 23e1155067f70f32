// SPDX-License-Identifier: Apache-2.0
// Every header of the registry: values it takes, values it refuses and at which byte, and that what is
// read can be written. The RFC of each stands in the registry.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "compose.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack {
namespace {

using testing::show;

struct Sample {
  const char* name;
  std::vector<std::string> good;
  std::vector<std::string> bad;  ///< "^" stands before the byte that offends
};

const std::vector<Sample> kSamples = {
    {"Via",
     {"SIP/2.0/UDP h.example;branch=z9hG4bK1", "SIP / 2.0 / TLS [2001:db8::1]:5061;rport;x=\"y\""},
     {"SIP/2.0/UDP^", "SIP/2.0 ^UDP h", "SIP/2.0/UDP h;^;x"}},
    {"From", {"<sip:a@h>;tag=1", "\"A\" <sip:a@h>", "sip:a@h;tag=1"}, {"<sip:a@h>;^;", "A^"}},
    {"To", {"<sip:a@h>;tag=1", "tel:+1-201-555-0123"}, {"<sip:a@h> ^x"}},
    {"Call-ID", {"1@h", "(a)<b>:\"c\""}, {"a ^b", "a@^"}},
    {"CSeq", {"7 OPTIONS", "0007\t OPTIONS"}, {"^OPTIONS", "7^"}},
    {"Max-Forwards", {"0", "70", "255"}, {"^-1", "70 ^hops"}},
    {"Content-Length", {"0", "000"}, {"^+0", "0^x0"}},
    {"Contact",
     {"*", "<sip:a@h>;q=0.5;expires=60, \"B\" <sips:b@h>", "sip:a@h;expires=1"},
     {"<sip:a@h>,^", "^", "<sip:a@h>;^;"}},
    {"Route", {"<sip:p@h;lr>", "\"P\" <sip:h;lr>;x=1, <sip:i;lr>"}, {"^sip:h;lr"}},
    {"Record-Route", {"<sip:h;lr=on>"}, {"^sip:h", "<sip:h>,^"}},
    {"Content-Type",
     {"application/sdp", "multipart/mixed;boundary=\"a b\"", "text/plain ; charset=utf-8"},
     {"application^", "application/^", "text/plain;^"}},
    {"Accept", {"", "application/sdp;level=1, */*;q=0.1"}, {"text^,", "text/plain,^"}},
    {"Accept-Contact", {"*;audio;require", "*;+g.x=\"<a>\", *;explicit"}, {"^sip:a@h", "*;^;"}},
    {"Accept-Encoding", {"", "gzip;q=0.5, *"}, {"^;q=1"}},
    {"Accept-Language", {"", "da, en-gb;q=0.8, *"}, {"da, ^;"}},
    {"Accept-Resource-Priority", {"", "dsn.flash, wps.0"}, {"dsn^", "dsn.flash^.x"}},
    {"Alert-Info", {"<http://h.example/r.wav>", "<urn:alert:x>;a=b"}, {"^http://h.example/r.wav"}},
    {"Allow", {"", "INVITE, ACK,BYE"}, {"INVITE ^ACK", "INVITE,^"}},
    {"Allow-Events", {"presence", "dialog, presence.winfo"}, {"^"}},
    {"Authentication-Info", {"nextnonce=\"x\", qop=auth, rspauth=\"00\""}, {"nextnonce^"}},
    {"Authorization",
     {"Digest username=\"a\", realm=\"r\", uri=\"sip:b\", response=\"0\"", "Basic YTpi"},
     {"^", "Digest username=\"a\",^"}},
    {"Call-Info", {"<http://h/p.jpg> ;purpose=icon, <http://h>;purpose=info"}, {"^http://h"}},
    {"Content-Disposition", {"session", "attachment;filename=\"a b\";handling=optional"}, {"^;x"}},
    {"Content-Encoding", {"gzip", "gzip, tar"}, {"^"}},
    {"Content-Language", {"fr", "en-us, de"}, {"fr,^"}},
    {"Date",
     {"Sat, 13 Nov 2010 23:29:00 GMT", "Fri, 1 Jul 2011 12:54:11 GMT", "2017-05-19T18:09:17.033",
      "2017-05-19T18:09:17+08:00"},
     {"Sat, 13 Nov 2010 23:29:00 ^EST", "Sat, ^32 Nov 2010 23:29:00 GMT",
      "Sat, 13 Nov 2010 ^24:00:00 GMT", "Sat, 13 ^nov 2010 23:29:00 GMT", "2017-^13-01T00:00:00",
      "2017-05-19^ 18:09:17"}},
    {"Diversion",
     {"<sip:a@h>;reason=user-busy;counter=3;privacy=off, <tel:+1>;screen=yes"},
     {"^sip:a@h;reason=away"}},
    {"Error-Info", {"<sip:not-in-service@h>"}, {"^sip:a@h"}},
    {"Event", {"presence", "presence.winfo;id=a1", "Catalog;id=4"}, {"^", "presence^, dialog"}},
    {"Expires", {"0", "4294967295"}, {"^4294967296", "^soon", "60^;x=y"}},
    {"Feature-Caps", {"*;+g.3gpp.srvcc", "*;+sip.x=\"<y>\", *"}, {"^+g.x"}},
    {"Flow-Timer", {"120"}, {"^", "120^s"}},
    {"Geolocation", {"<cid:target@h>", "<sips:l@h>;inserted-by=\"x\", <pres:a@h>"}, {"^cid:a@h"}},
    {"History-Info",
     {"<sip:a@h?Reason=SIP%3Bcause%3D302>;index=1, <sip:b@h>;index=1.1;mp=1"},
     {"^sip:a@h;index=1"}},
    {"Identity",
     {"eyJhbGciOiJFUzI1NiJ9.eyJ9.abc-_==;info=<https://h/c.cer>;alg=ES256;ppt=shaken",
      "abc;info=<https://h/c;d>;ppt=\"shaken\", def;info=<https://h>", "\"base64==\""},
     {"^;info=<https://h>", "abc;info=<^>", "abc;^;info=<h:x>"}},
    {"Identity-Info", {"<https://h/cert>;alg=rsa-sha1"}, {"^https://h/cert"}},
    {"In-Reply-To", {"1@h, 2@h"}, {"1@h,^"}},
    {"Info-Package", {"foo", "g.3gpp.current-location-discovery;a=b"}, {"^", "foo^, bar"}},
    {"Join", {"1@h;from-tag=a;to-tag=b"}, {"^;from-tag=a", "1@h;^"}},
    {"Max-Breadth", {"60"}, {"^x"}},
    {"MIME-Version", {"1.0"}, {"1^", "1.^", "1.0 ^x"}},
    {"Min-Expires", {"60"}, {"^"}},
    {"Min-SE", {"90", "90;x=y"}, {"^x", "^99999999999"}},
    {"Note", {"Digest nonce=\"bm9uY2U=\",algorithm=SM3"}, {"^", "Digest^"}},
    {"Organization", {"", "Boxes by Bob"}, {}},
    {"P-Access-Network-Info",
     {"3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=4405112341234123;network-provided",
      "IEEE-802.11;i-wlan-node-id=\"a b\", ADSL2+;dsl-location=\"x\"", "GSTN;\"opaque\""},
     {"^;np", "GSTN;^"}},
    {"P-Asserted-Identity", {"\"A\" <sip:a@h>, tel:+12015550123"}, {"<sip:a@h>,^"}},
    {"P-Called-Party-ID", {"<sip:a@h>;x=1"}, {"<sip:a@h>^, <sip:b@h>"}},
    {"P-Charging-Vector",
     {"icid-value=1234bc9876e;icid-generated-at=192.0.6.8;orig-ioi=home1.net",
      "ICID-Value = \"a;b\" ; term-ioi=x"},
     {"^orig-ioi=x", "icid-value=^", "icid-value=1;^"}},
    {"P-Early-Media", {"", "supported", "sendrecv, gated"}, {"^;"}},
    {"P-Preferred-Identity", {"<sip:a@h>"}, {"^"}},
    {"P-Visited-Network-ID", {"other.net, \"Visited network 1\";x=y"}, {"^", "\"a\" ^b"}},
    {"Path", {"<sip:p@h;lr;ob>"}, {"^sip:h;lr"}},
    {"Priority", {"emergency"}, {"^"}},
    {"Privacy", {"id", "id;user ; critical", "id, user"}, {"^", "id;^", "id ^user"}},
    {"Proxy-Authenticate", {"Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\""}, {"Digest^"}},
    {"Proxy-Authorization", {"Digest username=\"a\", realm=\"r\""}, {"^"}},
    {"Proxy-Require", {"foo, bar"}, {"foo,^"}},
    {"RAck", {"1 20 INVITE"}, {"1 ^INVITE", "^4294967296 1 INVITE", "1 ^2147483648 INVITE"}},
    {"Reason", {"SIP;cause=200;text=\"Call, done\", Q.850 ;cause=16"}, {"^;cause=200"}},
    {"Recv-Info", {"", "foo, bar;x"}, {"foo,^"}},
    {"Refer-To", {"<sip:a@h?Replaces=1%40h>", "sip:a@h;method=INVITE"}, {"^", "<sip:a@h>^, <b:c>"}},
    {"Referred-By", {"<sip:a@h>;cid=\"1@h\"", "<alice@h>"}, {"^"}},
    {"Reject-Contact", {"*;actor=\"msg-taker\";video"}, {"^x;video"}},
    {"Replaces", {"1@h;to-tag=a;from-tag=b;early-only"}, {"^", "1@h^, 2@h"}},
    {"Reply-To", {"Bob <sip:bob@h>"}, {"^"}},
    {"Request-Disposition", {"proxy, recurse, parallel"}, {"proxy ^recurse"}},
    {"Require", {"100rel, timer"}, {"^"}},
    {"Resource-Priority", {"wps.3, dsn.flash-override"}, {"^", "wps^", "wps.^.1"}},
    {"Retry-After",
     {"18000;duration=3600", "120 (I'm in a (short) meeting)"},
     {"120 ^(open", "^x"}},
    {"RSeq", {"988789", "4294967295"}, {"^4294967296"}},
    {"Security-Client", {"tls, ipsec-ike;q=0.1;d-alg=md5"}, {"^;q=1"}},
    {"Security-Server", {"ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1"}, {"tls,^"}},
    {"Security-Verify", {"tls;q=0.2"}, {"^"}},
    {"Server", {"", "sipstack/1 (a \\(b\\))"}, {}},
    {"Service-Route", {"<sip:p@h;lr>"}, {"^sip:h"}},
    {"Session-Expires", {"1800", "4000;refresher=uac"}, {"^;refresher=uac", "^4294967296"}},
    {"Session-ID",
     {"ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2",
      "00000000000000000000000000000000"},
     {"ab30317f1a784dc48ff824d0d3715d8^", "ab30317f1a784dc48ff824d0d3715d86^0", "^xb"}},
    {"SIP-ETag", {"dx200xyz"}, {"^", "a ^b"}},
    {"SIP-If-Match", {"dx200xyz"}, {"^\"a\""}},
    {"Subject", {"", "Tech Support \"now\""}, {}},
    {"Subscription-State",
     {"active;expires=599", "terminated;reason=noresource;retry-after=0"},
     {"^;expires=1"}},
    {"Supported", {"", "100rel, timer"}, {"100rel,^"}},
    {"Target-Dialog", {"fa77as7dad8-sd98ajzz@h;local-tag=a;remote-tag=b"}, {"^;local-tag=a"}},
    {"Timestamp", {"54", "54.1 0.2", "54. .5"}, {"^.5", "^x", "54 ^x"}},
    {"Unsupported", {"foo"}, {"^"}},
    {"User-Agent", {"", "Softphone Beta1.5"}, {}},
    {"User-to-User",
     {"56a390f3d2b7310023a2;encoding=hex;purpose=isdn-uui", "\"text\";x, abc"},
     {"^;encoding=hex", "\"open^"}},
    {"Warning",
     {"307 isi.edu \"Session parameter 'foo' not understood\", 399 h:5060 \"x\""},
     {"30^ isi.edu \"x\"", "307 isi.edu ^x", "181^2 h \"x\"", "307 h \"x^"}},
    {"WWW-Authenticate",
     {"Digest realm=\"r\", nonce=\"n\"", "Bearer authz_server=\"https://h\""},
     {"^"}},
    {"X-GB-Ver", {"2.0", "3.0", "1"}, {"^", "^V2", "2.^"}},
};

// A request with that one line more, or in the place of the line that every request has.
std::string request(const std::string& name, const std::string& value) {
  return testing::with({{name, value}});
}

std::string strictly(const testing::Parsed& m, ParseError& error) {
  error = {};
  if (!m.result) {
    error = m.result.error();
  } else if (const auto checked = validate(m.view()); !checked) {
    error = checked.error();
  }
  return std::string(to_string(error.code));
}

TEST_CASE("every header of the registry has samples") {
  std::set<std::string> names;
  for (const Sample& sample : kSamples) names.insert(sample.name);
  CHECK(names.size() == kSamples.size());
  for (std::size_t i = 1; i < kHeaderIds; ++i) {
    CHECK(names.count(show(name(static_cast<HeaderId>(i)))) == 1);
  }
}

TEST_CASE("every header takes what its RFC prints") {
  for (const Sample& sample : kSamples) {
    for (const std::string& value : sample.good) {
      CAPTURE(sample.name, value);
      const testing::Parsed m(request(sample.name, value));
      ParseError error;
      CHECK(strictly(m, error) == "ok");
    }
  }
}

TEST_CASE("every header tells the byte that offends, and the section that it offends") {
  for (const Sample& sample : kSamples) {
    for (std::string value : sample.bad) {
      CAPTURE(sample.name, value);
      const std::size_t at = value.find('^');
      REQUIRE(at != std::string::npos);
      value.erase(at, 1);
      const std::string text = request(sample.name, value);
      const testing::Parsed m(text);
      ParseError error;
      CHECK(strictly(m, error) != "ok");
      CHECK(show(name(error.header)) == sample.name);
      const std::size_t line = text.find("\r\n" + std::string(sample.name) + ": ") + 2;
      // White space at the end of a value is no part of it.
      CHECK(error.offset - line == std::string(sample.name).size() + 2 + at);
      if (error.code == ParseErrc::bad_header) CHECK(error.rfc() == defined_in(error.header));
    }
  }
}

TEST_CASE("every header is written as it was read, long or compact, folded or not") {
  BlockPool pool;
  const Origin here{Transport::udp, "h.example", "z9hG4bKw"};
  for (const Sample& sample : kSamples) {
    const HeaderId id = header_id(sample.name);
    if (id <= HeaderId::content_length) continue;  // every writer's own: writer.cpp
    for (const std::string& value : sample.good) {
      CAPTURE(sample.name, value);
      RequestWriter writer(pool, "OPTIONS", "sip:bob@east.example");
      for (const auto& [key, text] : testing::kLines) {
        if (key != "Via" && key != "Content-Length") writer.header(header_id(key), text);
      }
      writer.header(id, value);
      const auto sealed = writer.seal(here);
      REQUIRE(sealed);
      CHECK(sealed->view().raw(id) == std::string_view(value));
      CHECK(validate(sealed->view()));
      if (compact_name(id).empty()) continue;
      const testing::Parsed m(request(show(compact_name(id)), value));
      ParseError error;
      CHECK(strictly(m, error) == "ok");
      CHECK(m.view().raw(id) == std::string_view(value));
    }
  }
}

TEST_CASE("every header has a place and a section") {
  CHECK(place(HeaderId::rack) == HeaderPlace::request);
  CHECK(place(HeaderId::rseq) == HeaderPlace::response);
  CHECK(place(HeaderId::via) == HeaderPlace::both);
  CHECK(place(HeaderId::other) == HeaderPlace::both);
  CHECK(defined_in(HeaderId::rack) == "RFC 3262 section 7.2");
  CHECK(defined_in(HeaderId::other).empty());
  for (std::size_t i = 1; i < kHeaderIds; ++i) {
    const std::string_view section = defined_in(static_cast<HeaderId>(i));
    CHECK((section.substr(0, 4) == "RFC " || section.substr(0, 5) == "GB/T "));
  }
  // A header in the wrong place is ignored, and no fault of the message (RFC 3261 section 8.2.2).
  CHECK(validate(testing::Parsed(request("RSeq", "1")).view()));
}

TEST_CASE("an error in a header names that header's own section") {
  CHECK(ParseError{ParseErrc::bad_header, HeaderId::rack}.rfc() == "RFC 3262 section 7.2");
  CHECK(ParseError{ParseErrc::out_of_range, HeaderId::cseq}.rfc() == "RFC 3261 section 20.16");
  CHECK(ParseError{ParseErrc::bad_header}.rfc() == "RFC 3261 section 25.1");
  CHECK(ParseError{ParseErrc::missing_header, HeaderId::via}.rfc() == "RFC 3261 section 8.1.1");
}

}  // namespace
}  // namespace sipstack
