// SPDX-License-Identifier: Apache-2.0
// Lenient parsing: what the default refuses and this lets through, each rule alone, with its place.
// RFC 4475 section 3.1.2; deviations of devices.
#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "compose.hpp"
#include "sample.hpp"
#include "shared_dir.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack {
namespace {

using testing::kStart;
using testing::Lines;
using testing::show;
using testing::with;

struct Leniently {
  explicit Leniently(std::string_view text, const ParseLimits& limits = {})
      : bytes(text), result(parse(bytes.view(), index, told, limits)) {
    if (result) result = validate(view(), told, limits);
  }
  MessageView view() const { return {bytes.view().data(), index}; }
  std::string error() const { return std::string(result ? "ok" : to_string(result.error().code)); }
  /// "rule Header >the bytes there", a line each.
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const Diagnostic& one : told) {
      std::string line(to_string(one.rule));
      if (one.header != HeaderId::other) line += " " + show(name(one.header));
      const std::string_view rest = bytes.view().substr(one.offset);
      out.push_back(line + " >" + show(rest.substr(0, std::min<std::size_t>(8, rest.find('\r')))));
    }
    return out;
  }

  testing::Exact bytes;
  MessageIndex index;
  Diagnostics told;
  expected<void, ParseError> result;
};

std::string strictly(std::string_view text) {
  const testing::Exact bytes(text);
  MessageIndex index;
  auto result = parse(bytes.view(), index);
  if (result) result = validate(MessageView(bytes.view().data(), index));
  return std::string(result ? "ok" : to_string(result.error().code));
}

/// The default refuses, the lenient reading tells exactly these.
Leniently repaired(const std::string& text, const std::vector<std::string>& told) {
  CAPTURE(text);
  CHECK(strictly(text) != "ok");
  Leniently m(text);
  CHECK(m.error() == "ok");
  CHECK(m.lines() == told);
  return m;
}

/// Both refuse.
void refused(const std::string& text, ParseErrc code) {
  CAPTURE(text);
  CHECK(strictly(text) != "ok");
  CHECK(Leniently(text).error() == to_string(code));
}

template <class T>
std::string get(const Leniently& m, const HeaderTag<T>& tag) {
  const auto value = m.view().get(tag);
  return value ? show(*value) : std::string(to_string(value.error().code));
}

// ---- the start line ----

TEST_CASE("lenient: spaces too many in a request line are one") {
  for (const auto& [start, at] : std::initializer_list<std::pair<std::string, std::string>>{
           {"OPTIONS  sip:bob@east.example SIP/2.0", " sip:bob"},
           {"OPTIONS sip:bob@east.example   SIP/2.0", " SIP/2.0"},
           {"OPTIONS sip:bob@east.example SIP/2.0  ", "  "}}) {
    const auto m = repaired(with({}, start), {"extra-space >" + at});
    CHECK(m.view().method() == Method::options);
    CHECK(m.view().uri_text() == "sip:bob@east.example");
    CHECK(m.view().request_uri().user == "bob");
  }
  refused(with({}, "OPTIONS sip:b ob@east.example SIP/2.0"), ParseErrc::bad_uri);
  refused(with({}, "OPTIONS\tsip:bob@east.example SIP/2.0"), ParseErrc::bad_method);
  refused(with({}, "OPTIONS  sip:bob@east.example SIP/3.0"), ParseErrc::bad_version);
}

TEST_CASE("lenient: a status line may lack its reason phrase, and have spaces too many") {
  auto m = repaired(with({{"Max-Forwards", "-"}}, "SIP/2.0 200"), {"missing-reason >"});
  CHECK(m.view().status() == 200);
  CHECK(m.view().reason().empty());
  m = repaired(with({{"Max-Forwards", "-"}}, "SIP/2.0  486 Busy Here"), {"extra-space > 486 Bus"});
  CHECK(m.view().status() == 486);
  CHECK(m.view().reason() == "Busy Here");
  refused(with({}, "SIP/2.0  7777 What"), ParseErrc::bad_status);
}

TEST_CASE("lenient: a Request-URI loses its brackets and header fields") {
  auto m = repaired(with({}, "OPTIONS <sip:bob@east.example> SIP/2.0"),
                    {"bracketed-request-uri ><sip:bob"});
  CHECK(m.view().uri_text() == "sip:bob@east.example");
  m = repaired(with({}, "OPTIONS sip:bob@east.example?Route=%3Csip:x%3E SIP/2.0"),
               {"request-uri-headers >?Route=%"});
  CHECK(m.view().uri_text() == "sip:bob@east.example");
  CHECK(m.view().request_uri().headers.empty());
}

// ---- numbers ----

TEST_CASE("lenient: CSeq without a space, as GB/T 28181 prints it") {
  const auto m = repaired(with({{"CSeq", "7OPTIONS"}}), {"missing-space CSeq >OPTIONS"});
  CHECK(m.view().cseq().number == 7);
  CHECK(get(m, hdr::cseq) == "7 OPTIONS");
  refused(with({{"CSeq", "OPTIONS"}}), ParseErrc::bad_header);
  refused(with({{"CSeq", "7INVITE"}}), ParseErrc::cseq_mismatch);
  refused(with({{"CSeq", "2147483648OPTIONS"}}), ParseErrc::out_of_range);
  refused(with({{"CSeq", "7 OPTIONS x"}}), ParseErrc::bad_header);
}

TEST_CASE("lenient: numbers too large are the largest that fits") {
  auto m = repaired(with({{"Max-Forwards", "256"}}), {"clamped-number Max-Forwards >256"});
  CHECK(m.view().max_forwards() == 255);
  m = repaired(with({{"Max-Forwards", "99999999999"}}), {"clamped-number Max-Forwards >99999999"});
  CHECK(m.view().max_forwards() == 255);
  m = repaired(with({{"Expires", "4294967296"}}), {"clamped-number Expires >42949672"});
  CHECK(get(m, hdr::expires) == "4294967295");
  m = repaired(with({{"Session-Expires", "99999999999;refresher=uac"}}),
               {"clamped-number Session-Expires >99999999"});
  CHECK(m.view().get(hdr::session_expires)->refresher() == SessionExpires::Refresher::uac);
  refused(with({{"CSeq", "99999999999 OPTIONS"}}), ParseErrc::out_of_range);
  refused(with({{"Content-Length", "99999999999"}}), ParseErrc::out_of_range);
}

TEST_CASE("lenient: what stands behind a number of seconds is left out") {
  auto m = repaired(with({{"Expires", "3600 seconds"}}), {"ignored-tail Expires >seconds"});
  CHECK(get(m, hdr::expires) == "3600");
  m = repaired(
      with({{"Max-Forwards", "-"}, {"Retry-After", "120 soon;duration=1"}}, "SIP/2.0 503 Busy"),
      {"ignored-tail Retry-After >soon;dur"});
  CHECK(get(m, hdr::retry_after) == "120");
  m = repaired(with({{"Session-Expires", "1800;;refresher=uas"}}),
               {"empty-parameter Session-Expires >;;refres"});
  CHECK(get(m, hdr::session_expires) == "1800 ;refresher=uas");
  refused(with({{"Content-Length", "0 bytes"}}), ParseErrc::bad_content_length);
  refused(with({{"Max-Forwards", "70 hops"}}), ParseErrc::bad_header);
}

// ---- addresses ----

TEST_CASE("lenient: routes without brackets keep their parameters") {
  const auto m = repaired(with({{"Route", "sip:p1.example;lr, <sip:p2.example;lr>"}}),
                          {"missing-brackets Route >sip:p1.e"});
  std::vector<std::string> routes;
  for (const auto& route : m.view().all(hdr::route)) {
    REQUIRE(route);
    routes.push_back(show(route->uri.text));
    CHECK(route->uri.lr());
  }
  CHECK(routes == std::vector<std::string>{"sip:p1.example;lr", "sip:p2.example;lr"});
}

TEST_CASE("lenient: brackets are inferred around a URI with header fields") {
  auto m = repaired(with({{"Contact", "sip:u@h.example?Route=%3Csip:p%3E;q=0.5"}}),
                    {"missing-brackets Contact >sip:u@h."});
  CHECK(get(m, hdr::contact) == "sip:u@h.example?Route=%3Csip:p%3E ;q=0.5");
  CHECK(m.view().get(hdr::contact)->q() == 500);
  m = repaired(with({{"Diversion", "sip:u@h.example;reason=away"}}),
               {"missing-brackets Diversion >sip:u@h."});
  CHECK(m.view().get(hdr::diversion)->reason() == "away");
}

TEST_CASE("lenient: white space around a URI in brackets is left out") {
  const auto m = repaired(with({{"To", "Bob < sip:bob@east.example >;tag=1"}}),
                          {"space-in-brackets To > sip:bob"});
  CHECK(get(m, hdr::to) == "[Bob] sip:bob@east.example ;tag=1");
  CHECK(m.view().to_tag() == "1");
}

TEST_CASE("lenient: a display name need not be tokens") {
  auto m = repaired(with({{"From", "Bell, Alexander <sip:a@west.example>;tag=43"}}),
                    {"unquoted-display-name From >Bell, Al"});
  CHECK(get(m, hdr::from) == "[Bell, Alexander] sip:a@west.example ;tag=43");
  m = repaired(with({{"Contact", "t.watson@h <sip:w@h>"}}),
               {"unquoted-display-name Contact >t.watson"});
  CHECK(get(m, hdr::contact) == "[t.watson@h] sip:w@h");
  m = repaired(with({{"From", "\xe5\xbc\xa0\xe4\xb8\x89 <sip:a@west.example>;tag=1"}}),
               {"unquoted-display-name From >\xe5\xbc\xa0\xe4\xb8\x89 <"});
  CHECK(m.view().from_tag() == "1");
  // In a list the comma begins the next value; a quote or a URI in front is no name.
  auto ignored = Leniently(with({{"Contact", "Bell, A <sip:a@h>"}}));
  CHECK(ignored.lines() == std::vector<std::string>{"ignored-header Contact >, A <sip"});
  refused(with({{"From", "A \"B\" C <sip:a@h>;tag=1"}}), ParseErrc::bad_uri);
  refused(with({{"From", "\"A <sip:a@h>;tag=1"}}), ParseErrc::bad_header);
  refused(with({{"From", "sip:a@b.example <sip:c@d.example>;tag=1"}}), ParseErrc::bad_header);
}

TEST_CASE("lenient: a user part may hold what should be escaped") {
  auto m = repaired(with({{"To", "<sip:*21#@east.example>"}}), {"unescaped-user To >#@east.e"});
  CHECK(m.view().get(hdr::to)->uri.user == "*21#");
  CHECK(m.view().get(hdr::to)->uri.host == "east.example");
  m = repaired(with({}, "OPTIONS sip:a#b|c:p@east.example:5070;lr SIP/2.0"),
               {"unescaped-user >#b|c:p@e"});
  CHECK(show(m.view().request_uri()) ==
        "sip user=a#b|c password=p host=east.example port=5070 ;lr");
  refused(with({{"To", "<sip:a%@east.example>"}}), ParseErrc::bad_uri);
  refused(with({{"To", "<sip:a%4@east.example>"}}), ParseErrc::bad_uri);
  refused(with({{"To", "<sip:@east.example>"}}), ParseErrc::bad_uri);
  refused(with({{"To", "<sip:a@b@east.example>"}}), ParseErrc::bad_uri);
}

TEST_CASE("lenient: a URI parameter may hold what should be escaped") {
  const auto m = repaired(
      with({}, "OPTIONS sip:0123@gw.example;phone-context=+33@op.example;user=phone SIP/2.0"),
      {"unescaped-uri-parameter >@op.exam"});
  CHECK(m.view().request_uri().host == "gw.example");
  CHECK(m.view().request_uri().params.find("phone-context") == "+33@op.example");
  CHECK(m.view().request_uri().params.find("user") == "phone");
}

TEST_CASE("lenient: an IPv6 address may have a scope") {
  auto m =
      repaired(with({{"Contact", "<sip:a@[fe80::1%eth0]:5070>"}}), {"scope-id Contact >%eth0]:5"});
  CHECK(m.view().get(hdr::contact)->uri.host == "[fe80::1%eth0]");
  CHECK(m.view().get(hdr::contact)->uri.port == 5070);
  m = repaired(with({{"Via", "SIP/2.0/UDP [fe80::1%25eth0]:5070;branch=z9hG4bKx"}}),
               {"scope-id Via >%25eth0]"});
  CHECK(m.view().top_via().host == "[fe80::1%25eth0]");
  CHECK(m.view().branch() == "z9hG4bKx");
  refused(with({{"Via", "SIP/2.0/UDP [fe80::1%];branch=z9hG4bKx"}}), ParseErrc::bad_header);
  refused(with({{"Via", "SIP/2.0/UDP [192.0.2.1%e];branch=z9hG4bKx"}}), ParseErrc::bad_header);
}

TEST_CASE("lenient: an address may lack its host or its port") {
  auto m = repaired(with({{"From", "<sip:34020000001320000001@:5060>;tag=1"}}),
                    {"empty-host From >:5060>;t"});
  CHECK(m.view().get(hdr::from)->uri.user == "34020000001320000001");
  CHECK(m.view().get(hdr::from)->uri.host.empty());
  m = repaired(with({{"Via", "SIP/2.0/UDP h.example:;branch=z9hG4bKx"}}),
               {"empty-port Via >:;branch"});
  CHECK(m.view().top_via().host == "h.example");
  CHECK_FALSE(m.view().top_via().port.has_value());
  refused(with({}, "OPTIONS sip:id@:5060 SIP/2.0"), ParseErrc::bad_uri);
  refused(with({{"From", "<sip::5060>;tag=1"}}), ParseErrc::bad_uri);
  refused(with({{"Via", "SIP/2.0/UDP :5060;branch=z9hG4bKx"}}), ParseErrc::bad_header);
}

// ---- parameters and lists ----

TEST_CASE("lenient: nothing between two semicolons, or behind the last") {
  auto m = repaired(with({{"Via", "SIP/2.0/UDP h.example;;branch=z9hG4bKx;"}}),
                    {"empty-parameter Via >;;branch", "empty-parameter Via >;"});
  CHECK(m.view().branch() == "z9hG4bKx");
  CHECK(show(m.view().top_via()) == "2.0 UDP h.example ;branch=z9hG4bKx");
  m = repaired(with({{"To", "<sip:b@h;;lr>;;tag=5"}}),
               {"empty-parameter To >;;lr>;;t", "empty-parameter To >;;tag=5"});
  CHECK(m.view().to_tag() == "5");
  CHECK(m.view().get(hdr::to)->uri.lr());
  m = repaired(with({{"Event", "presence;"}}), {"empty-parameter Event >;"});
  CHECK(get(m, hdr::event) == "presence");
  m = repaired(with({{"Content-Type", "application/sdp;"}}), {"empty-parameter Content-Type >;"});
  CHECK(get(m, hdr::content_type) == "application/sdp");
}

TEST_CASE("lenient: a parameter without the value that its sign announces") {
  auto m = repaired(with({{"To", "<sip:b@h>;tag="}}), {"empty-parameter-value To >="});
  CHECK(m.view().to_tag().empty());
  m = repaired(with({{"Via", "SIP/2.0/UDP h.example;branch=;rport"}}),
               {"empty-parameter-value Via >=;rport"});
  CHECK(m.view().branch().empty());
}

TEST_CASE("lenient: a parameter's value as it stands, quotes or not") {
  auto m = repaired(with({{"Contact", "<sip:a@h>;+sip.instance=<urn:uuid:0>;q=1"}}),
                    {"odd-parameter-value Contact ><urn:uui"});
  CHECK(m.view().get(hdr::contact)->params.find("+sip.instance") == "<urn:uuid:0>");
  m = repaired(with({{"To", "<sip:b@h>;tag=\"x\""}}), {"quoted-tag To >\"x\""});
  CHECK(m.view().to_tag() == "\"x\"");
  refused(with({{"To", "<sip:b@h>;tag=1;tag=2"}}), ParseErrc::bad_header);
  refused(with({{"To", "<sip:b@h>;tag=;tag=2"}}), ParseErrc::bad_header);
  refused(with({{"Via", "SIP/2.0/UDP h.example;branch=a;branch=b"}}), ParseErrc::bad_header);
}

TEST_CASE("lenient: nothing between two commas, or behind the last") {
  auto m =
      repaired(with({{"Via", "SIP/2.0/UDP a.example;branch=z9hG4bK1,, SIP/2.0/UDP b.example,"}}),
               {"empty-value Via >, SIP/2.", "empty-value Via >,"});
  CHECK(m.view().head().vias == 2);
  m = repaired(with({{"Allow", "INVITE,,ACK,"}}),
               {"empty-value Allow >,ACK,", "empty-value Allow >,"});
  std::string allowed;
  for (const auto& method : m.view().all(hdr::allow)) allowed += " " + show(method->token);
  CHECK(allowed == " INVITE ACK");
  m = repaired(with({{"From", "<sip:a@h>;tag=1,"}}), {"empty-value From >,"});
  CHECK(m.view().from_tag() == "1");
  m = repaired(with({{"Authorization", "Digest realm=\"r\",, nonce=,uri=\"sip:b\","}}),
               {"empty-value Authorization >, nonce=",
                "empty-parameter-value Authorization >=,uri=\"s", "empty-value Authorization >,"});
  const auto digest = m.view().get(hdr::authorization);
  REQUIRE(digest);
  CHECK(digest->find("uri") == "\"sip:b\"");
  CHECK(digest->find("nonce") == "");
}

// ---- the rest ----

TEST_CASE("lenient: a Call-ID may hold any visible byte") {
  const auto m = repaired(with({{"Call-ID", "a=b;c@d@e#f"}}), {"odd-call-id Call-ID >a=b;c@d@"});
  CHECK(m.view().call_id() == "a=b;c@d@e#f");
  CHECK(get(m, hdr::call_id) == "a=b;c@d@e#f");
  refused(with({{"Call-ID", "a b"}}), ParseErrc::bad_header);
  refused(with({{"Call-ID", ""}}), ParseErrc::bad_header);
}

TEST_CASE("lenient: dates in other zones, or in none") {
  auto m = repaired(with({{"Date", "Fri, 01 Jan 2010 16:00:00 EST"}}), {"date-form Date >EST"});
  CHECK(m.view().get(hdr::date)->utc_offset == -300);
  CHECK(m.view().get(hdr::date)->unix_seconds() == 1262379600);
  m = repaired(with({{"Date", "Fri, 01 Jan 2010 16:00:00 +0800"}}), {"date-form Date >+0800"});
  CHECK(m.view().get(hdr::date)->utc_offset == 480);
  m = repaired(with({{"Date", "Fri, 01 Jan 2010 16:00:00"}}), {"date-form Date >"});
  CHECK_FALSE(m.view().get(hdr::date)->utc_offset.has_value());
  CHECK(m.view().get(hdr::date)->time.hour == 16);
  m = repaired(with({{"Date", "yesterday"}}), {"ignored-header Date >yesterda"});
  CHECK_FALSE(m.view().get(hdr::date).has_value());
}

TEST_CASE("lenient: an optional header that can't be read is told and not read") {
  const auto m = repaired(with({{"Warning", "no warning"}, {"Expires", "soon"}}),
                          {"misplaced-header Warning >Warning:", "ignored-header Warning >no warni",
                           "ignored-header Expires >soon"});
  CHECK_FALSE(m.view().get(hdr::expires).has_value());
  CHECK(m.view().get(hdr::expires).error().code == ParseErrc::bad_header);
}

TEST_CASE("lenient: a header that means nothing here is told, and is no error") {
  const auto text = with({{"Server", "x"}});
  CHECK(strictly(text) == "ok");
  CHECK(Leniently(text).lines() == std::vector<std::string>{"misplaced-header Server >Server: "});
  CHECK(Leniently(with({{"Subject", "x"}}, "SIP/2.0 200 OK")).lines() ==
        std::vector<std::string>{"misplaced-header Max-Forwards >Max-Forw",
                                 "misplaced-header Subject >Subject:"});
}

TEST_CASE("lenient: the same line twice is one") {
  const auto twice = [](const std::string& name, const std::string& value) {
    Lines lines = testing::kLines;
    lines.emplace_back(name, value);
    return testing::compose(kStart, lines);
  };
  auto m = repaired(twice("Max-Forwards", "70"), {"repeated-header Max-Forwards >Max-Forw"});
  CHECK(m.view().max_forwards() == 70);
  refused(twice("Max-Forwards", "71"), ParseErrc::duplicate_header);
  refused(twice("Call-ID", "two@west.example"), ParseErrc::duplicate_header);
  refused(twice("Content-Length", "1"), ParseErrc::duplicate_header);
}

TEST_CASE("lenient: what could be read in two ways stays refused") {
  std::string text = with({});
  const std::size_t line = text.find("\r\nTo");
  REQUIRE(line != std::string::npos);
  std::string bare = text;
  bare.erase(line, 1);
  refused(bare, ParseErrc::bad_byte);
  bare = text;
  bare.erase(line + 1, 1);
  refused(bare, ParseErrc::bad_byte);
  std::string name = text;
  name.insert(line + 2, "A name: with a space\r\n");
  refused(name, ParseErrc::bad_header_name);
  refused(with({{"Content-Length", "5"}}), ParseErrc::body_too_short);
  refused(with({{"Content-Length", "+0"}}), ParseErrc::bad_content_length);
  refused(with({{"Via", "-"}}), ParseErrc::missing_header);
  refused(with({{"To", "-"}}), ParseErrc::missing_header);
  refused(with({{"Via", "SIP/2.0/UDP h.example:99999"}}), ParseErrc::out_of_range);
}

TEST_CASE("lenient: what the grammar takes is read alike, and nothing is told") {
  for (const std::string& text : testing::samples()) {
    const testing::Exact bytes(text);
    MessageIndex strict;
    REQUIRE(parse(bytes.view(), strict));
    MessageIndex index;
    Diagnostics told;
    REQUIRE(parse(bytes.view(), index, told));
    CHECK(told.empty());
    CHECK(index.lenient);
    CHECK_FALSE(strict.lenient);
    CHECK(index.headers == strict.headers);
    CHECK(index.size == strict.size);
    const MessageView a(bytes.view().data(), strict);
    const MessageView b(bytes.view().data(), index);
    CHECK(a.uri_text() == b.uri_text());
    CHECK(a.branch() == b.branch());
    CHECK(a.from_tag() == b.from_tag());
    CHECK(a.to_tag() == b.to_tag());
    CHECK(a.body() == b.body());
    CHECK(show(a.top_via()) == show(b.top_via()));
    for (std::size_t i = 0; i < a.header_count(); ++i)
      CHECK(a.header(i).value == b.header(i).value);
    // Misplaced ones apart.
    REQUIRE(validate(b, told));
    for (const Diagnostic& one : told) CHECK(one.rule == Repair::misplaced_header);
  }
}

TEST_CASE("lenient: limits hold, and what is told is bounded") {
  std::string commas(500, ',');
  Leniently many(with({{"Allow", "INVITE" + commas}}));
  CHECK(many.error() == "ok");
  CHECK(many.told.size() == Diagnostics::kCapacity);
  CHECK(many.told.dropped() == 500 - Diagnostics::kCapacity);
  std::string semicolons(5000, ';');
  CHECK(Leniently(with({{"To", "<sip:b@h>" + semicolons}})).error() == "ok");
  std::string params;
  for (int i = 0; i < 33; ++i) params += ";;p" + std::to_string(i);
  CHECK(Leniently(with({{"To", "<sip:b@h>" + params}})).error() == "too-many");
  CHECK(Leniently(with({{"Contact", "<sip:b@h>" + params}})).error() == "too-many");
}

TEST_CASE("lenient: a repaired request can be answered") {
  BlockPool pool;
  const Leniently m(with({{"Via", "SIP/2.0/UDP h.example;;rport;branch=z9hG4bKx;"}}));
  REQUIRE(m.error() == "ok");
  Flow source;
  source.remote = {*IpAddress::parse("192.0.2.9"), 7000};
  ResponseWriter writer(pool, m.view(), source, 200, "t");
  CHECK(response_target(m.view(), source).remote.port == 7000);
  const auto sealed = writer.seal();
  REQUIRE(sealed);
  CHECK(sealed->bytes().find("rport=7000") != std::string_view::npos);
}

TEST_CASE("lenient: a repaired message can be kept, with its leniency") {
  BlockPool pool;
  MessageIndex scratch;
  Diagnostics told;
  const std::string text =
      "\r\n\r\n" + with({{"Contact", "<sip:a@h>;;q=0.5"}, {"CSeq", "7OPTIONS"}});
  const auto kept = Message::parse(pool, text, scratch, told);
  REQUIRE(kept);
  REQUIRE(told.size() == 1);
  CHECK(text.substr(told.begin()->offset, 7) == "OPTIONS");
  CHECK(kept->view().head().lenient);
  CHECK(kept->view().get(hdr::contact)->q() == 500);
  CHECK(kept->view().cseq().number == 7);
  CHECK_FALSE(Message::parse(pool, text, scratch).has_value());
}

TEST_CASE("every rule has a stable name and says what was assumed") {
  std::set<std::string_view> names;
#define SIPSTACK_X(id, text, words)       \
  CHECK(to_string(Repair::id) == text);   \
  CHECK(assumption(Repair::id) == words); \
  CHECK(names.insert(text).second);
  SIPSTACK_REPAIRS(SIPSTACK_X)
#undef SIPSTACK_X
#define SIPSTACK_X(id, text, words, section) \
  CHECK(to_string(Repair::id) == text);      \
  CHECK(assumption(Repair::id) == words);    \
  CHECK(rfc(Repair::id) == section);         \
  CHECK(names.insert(text).second);
  SIPSTACK_BODY_REPAIRS(SIPSTACK_X)
#undef SIPSTACK_X
}

// Neither mode may accept what the collections say must be refused.
TEST_CASE("lenient: a torture test that must be refused by all is refused") {
  const auto folder = testing::shared_dir("vectors/rfc4475");
  if (!folder) SIPSTACK_SKIP("vectors/rfc4475 is not here");
  for (const char* file :
       {"clerr.dat", "ncl.dat", "mcl01.dat", "multi01.dat", "mismatch01.dat", "mismatch02.dat",
        "bigcode.dat", "insuf.dat", "lwsruri.dat", "quotbal.dat", "scalar02.dat", "scalarlg.dat",
        "badvers.dat", "test.dat"}) {
    CAPTURE(file);
    CHECK(Leniently(testing::read_file(*folder / file)).error() != "ok");
  }
  for (const char* file : {"ltgtruri.dat", "lwsstart.dat", "trws.dat", "escruri.dat", "baddate.dat",
                           "regbadct.dat", "badaspec.dat"}) {
    CAPTURE(file);
    const Leniently m(testing::read_file(*folder / file));
    CHECK(m.error() == "ok");
    CHECK_FALSE(m.told.empty());
  }
}

}  // namespace
}  // namespace sipstack
