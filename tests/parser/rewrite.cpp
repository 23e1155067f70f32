// SPDX-License-Identifier: Apache-2.0
// A proxy's edits: what they name changes, every other byte stays.
#include "sipstack/parser/rewrite.hpp"

#include <functional>
#include <string>

#include "catch.hpp"

using namespace sipstack;

namespace {

// Odd on purpose: compact names, case, white space, folds, unknown fields, a length that stands first.
const std::string kRequest =
    "INVITE sip:bob@biloxi.example SIP/2.0\r\n"
    "l: 5\r\n"
    "v: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK1;rport , SIP/2.0/UDP "
    "b.example;branch=z9hG4bK2\r\n"
    "VIA:   SIP/2.0/TCP c.example;branch=z9hG4bK3  \r\n"
    "X-Strange :\tkept , \"as, it\" is \r\n"
    "Route: <sip:p1.example;lr>;x=\"a,b\",\r\n\t<sip:p,2.example;lr> ,<sip:p3.example;lr>\r\n"
    "route:<sip:p4.example;lr>\r\n"
    "Max-Forwards:70\r\n"
    "t: <sip:bob@biloxi.example>\r\n"
    "f: Alice\r\n  <sip:alice@atlanta.example>;tag=1\r\n"
    "Call-ID: c1\r\n"
    "CSeq: 1 INVITE\r\n"
    "Record-Route: <sip:p0.example;lr>\r\n"
    "c: text/plain\r\n"
    "\r\n"
    "hello";

constexpr const char* kOurVia = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-p;rport\r\n";

struct Parsed {
  explicit Parsed(std::string text) : bytes(std::move(text)) { REQUIRE(parse(bytes, index)); }
  MessageView view() const { return {bytes.data(), index}; }
  std::string bytes;
  MessageIndex index;
};

// The request after the edits, sealed; our Via, which comes first, is cut out again.
std::string edited(const std::function<void(Rewrite&)>& edit, const std::string& text = kRequest) {
  BlockPool pool;
  const Parsed message(text);
  Rewrite rewrite(message.view());
  edit(rewrite);
  const auto writer = rewrite.request(pool);
  if (!writer) return "error " + std::string(to_string(writer.error()));
  const auto sealed = writer->seal({Transport::udp, "192.0.2.1", "z9hG4bK-p"});
  if (!sealed) return "error " + std::string(to_string(sealed.error()));
  std::string out(sealed->bytes());
  const std::size_t via = out.find(kOurVia);
  REQUIRE(via == out.find("\r\n") + 2);
  out.erase(via, std::string(kOurVia).size());
  return out;
}

// kRequest with one stretch of text replaced.
std::string changed(const std::string& from, const std::string& to) {
  std::string out = kRequest;
  const std::size_t at = out.find(from);
  REQUIRE(at != std::string::npos);
  return out.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a request that no edit touches is forwarded byte for byte behind our Via") {
  CHECK(edited([](Rewrite&) {}) == kRequest);
}

TEST_CASE("the Request-URI can be replaced") {
  CHECK(edited([](Rewrite& r) { r.request_uri("sip:bob@192.0.2.9;ob"); }) ==
        changed("sip:bob@biloxi.example SIP", "sip:bob@192.0.2.9;ob SIP"));
}

TEST_CASE("a prepended line stands before the first of its kind, or behind the Vias") {
  CHECK(edited([](Rewrite& r) { r.prepend(HeaderId::record_route, "<sip:us.example;lr>"); }) ==
        changed("Record-Route:", "Record-Route: <sip:us.example;lr>\r\nRecord-Route:"));
  CHECK(edited([](Rewrite& r) { r.prepend(HeaderId::path, "<sip:us.example;lr>"); }) ==
        changed("X-Strange", "Path: <sip:us.example;lr>\r\nX-Strange"));
  CHECK(edited([](Rewrite& r) {
          r.prepend(HeaderId::route, "<sip:a.example;lr>");
          r.prepend(HeaderId::route, "<sip:b.example;lr>");
        }) ==
        changed("Route:", "Route: <sip:b.example;lr>\r\nRoute: <sip:a.example;lr>\r\nRoute:"));
}

TEST_CASE("an appended line stands last") {
  CHECK(edited([](Rewrite& r) {
          r.append(HeaderId::route, "<sip:last.example;lr>");
          r.append("x-own", "1");
        }) == changed("c: text/plain\r\n",
                      "c: text/plain\r\nRoute: <sip:last.example;lr>\r\nx-own: 1\r\n"));
}

TEST_CASE("replace makes one line of all, where the first one stood") {
  CHECK(edited([](Rewrite& r) { r.replace(HeaderId::max_forwards, 69); }) ==
        changed("Max-Forwards:70", "Max-Forwards: 69"));
  std::string expected = changed("\nroute:<sip:p4.example;lr>\r", "");
  const std::size_t begin = expected.find("Route:");
  expected.replace(begin, expected.find("Max-Forwards") - begin, "Route: <sip:x.example;lr>\r\n");
  CHECK(edited([](Rewrite& r) { r.replace(HeaderId::route, "<sip:x.example;lr>"); }) == expected);
  CHECK(edited([](Rewrite& r) { r.replace(HeaderId::expires, 60); }) ==
        changed("c: text/plain\r\n", "c: text/plain\r\nExpires: 60\r\n"));
}

TEST_CASE("remove takes every line of a field") {
  std::string expected = kRequest;
  const std::size_t begin = expected.find("Route:");
  expected.erase(begin, expected.find("Max-Forwards") - begin);
  CHECK(edited([](Rewrite& r) { r.remove(HeaderId::route); }) == expected);
  CHECK(edited([](Rewrite& r) { r.remove(HeaderId::expires); }) == kRequest);
}

TEST_CASE("remove_first takes one value, whatever the line holds besides") {
  CHECK(edited([](Rewrite& r) { r.remove_first(HeaderId::route); }) ==
        changed("Route: <sip:p1.example;lr>;x=\"a,b\",\r\n\t<sip:p,2", "Route: <sip:p,2"));
  CHECK(edited([](Rewrite& r) {
          r.remove_first(HeaderId::route);
          r.remove_first(HeaderId::route);
        }) == changed("Route: <sip:p1.example;lr>;x=\"a,b\",\r\n\t<sip:p,2.example;lr> ,<sip:p3",
                      "Route: <sip:p3"));
  CHECK(edited([](Rewrite& r) {
          for (int i = 0; i < 3; ++i) r.remove_first(HeaderId::route);
        }) == changed("Route: <sip:p1.example;lr>;x=\"a,b\",\r\n\t<sip:p,2.example;lr> "
                      ",<sip:p3.example;lr>\r\n",
                      ""));
  std::string none = kRequest;
  const std::size_t begin = none.find("Route:");
  none.erase(begin, none.find("Max-Forwards") - begin);
  CHECK(edited([](Rewrite& r) {
          for (int i = 0; i < 9; ++i) r.remove_first(HeaderId::route);
        }) == none);
}

TEST_CASE("remove_last takes the last value of the last line") {
  CHECK(edited([](Rewrite& r) { r.remove_last(HeaderId::route); }) ==
        changed("route:<sip:p4.example;lr>\r\n", ""));
  CHECK(edited([](Rewrite& r) {
          r.remove_last(HeaderId::route);
          r.remove_last(HeaderId::route);
        }) == [] {
    std::string text = changed("route:<sip:p4.example;lr>\r\n", "");
    const std::string tail = " ,<sip:p3.example;lr>";
    return text.erase(text.find(tail), tail.size());
  }());
}

TEST_CASE("a comma separates no value of a field that is no list") {
  const std::string text = changed("X-Strange", "Subject: one, two\r\nX-Strange");
  CHECK(edited([](Rewrite& r) { r.remove_first(HeaderId::subject); }, text) == kRequest);
}

TEST_CASE("the source of a request is noted in its topmost Via") {
  Flow source;
  source.remote = SocketAddress::parse("192.0.2.4:1024").value();
  CHECK(
      edited([&](Rewrite& r) { r.note_source(source); }) ==
      changed(
          "v: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK1;rport ,",
          "Via: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK1;received=192.0.2.4;rport=1024 ,"));
}

TEST_CASE("a length that the sender left out is added, a body that he padded is cut") {
  const std::string bare = changed("l: 5\r\n", "");
  std::string expected = bare;
  expected.insert(expected.find("\r\n\r\nhello"), "\r\nContent-Length: 5");
  CHECK(edited([](Rewrite&) {}, bare) == expected);
  CHECK(edited([](Rewrite&) {}, kRequest + "padding") == kRequest);
}

TEST_CASE("no edit can add a header field") {
  for (const std::string& text :
       {std::string("x\r\nX-Evil: 1"), std::string("x\n"), std::string("\0", 1)}) {
    CAPTURE(text);
    CHECK(edited([&](Rewrite& r) { r.prepend(HeaderId::route, text); }) == "error bad-byte");
    CHECK(edited([&](Rewrite& r) { r.append(HeaderId::route, text); }) == "error bad-byte");
    CHECK(edited([&](Rewrite& r) { r.append("X-Own", text); }) == "error bad-byte");
    CHECK(edited([&](Rewrite& r) { r.append(text, "x"); }) == "error bad-byte");
    CHECK(edited([&](Rewrite& r) { r.replace(HeaderId::subject, text); }) == "error bad-byte");
    CHECK(edited([&](Rewrite& r) { r.request_uri(text); }) == "error bad-byte");
  }
}

TEST_CASE("an edit that leaves no valid message is found when it is sealed") {
  CHECK(edited([](Rewrite& r) { r.remove(HeaderId::call_id); }) == "error malformed");
  CHECK(edited([](Rewrite& r) { r.replace(HeaderId::content_length, 4); }) == "error malformed");
  CHECK(edited([](Rewrite& r) { r.append(HeaderId::content_length, "5"); }) == "error malformed");
}

TEST_CASE("a response loses its topmost Via and nothing else") {
  const std::string response =
      "sip/2.0 200 All  right\r\n"
      "v: SIP/2.0/UDP us.example;branch=z9hG4bK0,SIP/2.0/UDP pc33.example;branch=z9hG4bK1\r\n"
      "Via: SIP/2.0/TCP c.example;branch=z9hG4bK3\r\n"
      "To: <sip:bob@biloxi.example>;tag=2\r\n"
      "From: <sip:alice@atlanta.example>;tag=1\r\n"
      "Call-ID: c1\r\n"
      "CSeq: 1 INVITE\r\n"
      "X-Strange :kept\r\n"
      "l:5\r\n"
      "\r\n"
      "hello";
  BlockPool pool;
  const Parsed message(response);
  Rewrite rewrite(message.view());
  rewrite.remove_first(HeaderId::via);
  const auto out = rewrite.response(pool);
  REQUIRE(out);
  std::string expected = response;
  expected.replace(expected.find("v: "), expected.find("SIP/2.0/UDP pc33") - expected.find("v: "),
                   "v: ");
  CHECK(out->bytes() == expected);
  CHECK((*out)->branch() == "z9hG4bK1");

  Rewrite again(message.view());
  for (int i = 0; i < 3; ++i) again.remove_first(HeaderId::via);
  CHECK(again.response(pool).error() == WriteErrc::malformed);
}

TEST_CASE("a message beyond the parser's default limits is still forwarded") {
  std::string many = kRequest;
  for (int i = 0; i < 80; ++i)
    many.insert(many.find("X-Strange"), "Via: SIP/2.0/UDP v.example;branch=z9hG4bKx\r\n");
  BlockPool pool;
  MessageIndex index;
  ParseLimits limits;
  limits.vias = 200;
  REQUIRE(parse(many, index, limits));
  const Rewrite rewrite(MessageView(many.data(), index));
  const auto writer = rewrite.request(pool);
  REQUIRE(writer);
  CHECK(writer->seal({Transport::udp, "192.0.2.1", "z9hG4bK-p"}));
}
