// SPDX-License-Identifier: Apache-2.0
// Every message of the flows of RFC 3261 section 24, with names of our own, read into typed values.
#include <iterator>
#include <string>

#include "grammar_check.hpp"

namespace sipstack {
namespace {

using testing::crlf;
using testing::Exact;
using testing::show;

struct Flow {
  const char* message;
  const char* summary;  ///< method or status, CSeq, tags, Vias, Contact, Max-Forwards, body
};

// Vias of the session set-up, as proxies stack them.
#define PHONE "Via: SIP/2.0/UDP deskphone.west.example;branch=z9hG4bKwest1\n"
#define PHONE_SEEN PHONE_LINE " ;received=198.51.100.1\n"
#define PHONE_LINE "Via: SIP/2.0/UDP deskphone.west.example;branch=z9hG4bKwest1\n"
#define WEST "Via: SIP/2.0/UDP edge1.west.example;branch=z9hG4bKedge9001.1\n"
#define WEST_SEEN WEST " ;received=198.51.100.2\n"
#define EAST "Via: SIP/2.0/UDP core7.east.example;branch=z9hG4bKcore42.1\n"
#define EAST_SEEN EAST " ;received=198.51.100.3\n"

#define CALL                                     \
  "From: Ann <sip:ann@west.example>;tag=70115\n" \
  "Call-ID: q7Rk0-flow-24@deskphone\n"           \
  "CSeq: 20714 INVITE\n"
#define TO_NEW "To: Ben <sip:ben@east.example>\n"
#define TO_BEN "To: Ben <sip:ben@east.example>;tag=8fe2\n"
#define AT_ANN "Contact: <sip:ann@deskphone.west.example>\n"
#define AT_BEN "Contact: <sip:ben@203.0.113.4>\n"
#define OFFER "Content-Type: application/sdp\nContent-Length: 9\n\nv=0\no=ann"
#define ANSWER "Content-Type: application/sdp\nContent-Length: 9\n\nv=0\no=ben"
#define EMPTY "Content-Length: 0\n\n"

const Flow kFlows[] = {
    // 24.1 Registration
    {"REGISTER sip:registrar.east.example SIP/2.0\n"
     "Via: SIP/2.0/UDP benspc.east.example:5060;branch=z9hG4bKreg01\n"
     "Max-Forwards: 70\nTo: Ben <sip:ben@east.example>\n"
     "From: Ben <sip:ben@east.example>;tag=5511\nCall-ID: 99812-register@benspc\n"
     "CSeq: 1826 REGISTER\n" AT_BEN "Expires: 7200\n" EMPTY,
     "REGISTER sip:registrar.east.example | 1826 REGISTER | 5511 | | 1 z9hG4bKreg01 | "
     "sip:ben@203.0.113.4 | 70 | 0"},
    {"SIP/2.0 200 OK\n"
     "Via: SIP/2.0/UDP benspc.east.example:5060;branch=z9hG4bKreg01\n ;received=203.0.113.4\n"
     "To: Ben <sip:ben@east.example>;tag=3kdlw\n"
     "From: Ben <sip:ben@east.example>;tag=5511\nCall-ID: 99812-register@benspc\n"
     "CSeq: 1826 REGISTER\n" AT_BEN "Expires: 7200\n" EMPTY,
     "200 OK | 1826 REGISTER | 5511 | 3kdlw | 1 z9hG4bKreg01 203.0.113.4 | sip:ben@203.0.113.4 | - "
     "| 0"},
    // 24.2 Session set-up: F1 to F14
    {"INVITE sip:ben@east.example SIP/2.0\n" PHONE "Max-Forwards: 70\n" TO_NEW CALL AT_ANN OFFER,
     "INVITE sip:ben@east.example | 20714 INVITE | 70115 | | 1 z9hG4bKwest1 | "
     "sip:ann@deskphone.west.example | 70 | 9"},
    {"SIP/2.0 100 Trying\n" PHONE_SEEN TO_NEW CALL EMPTY,
     "100 Trying | 20714 INVITE | 70115 | | 1 z9hG4bKwest1 198.51.100.1 | - | - | 0"},
    {"INVITE sip:ben@east.example SIP/2.0\n" WEST PHONE_SEEN
     "Max-Forwards: 69\n" TO_NEW CALL AT_ANN OFFER,
     "INVITE sip:ben@east.example | 20714 INVITE | 70115 | | 2 z9hG4bKedge9001.1 | "
     "sip:ann@deskphone.west.example | 69 | 9"},
    {"SIP/2.0 100 Trying\n" WEST_SEEN PHONE_SEEN TO_NEW CALL EMPTY,
     "100 Trying | 20714 INVITE | 70115 | | 2 z9hG4bKedge9001.1 198.51.100.2 | - | - | 0"},
    {"INVITE sip:ben@203.0.113.4 SIP/2.0\n" EAST WEST_SEEN PHONE_SEEN
     "Max-Forwards: 68\n" TO_NEW CALL AT_ANN OFFER,
     "INVITE sip:ben@203.0.113.4 | 20714 INVITE | 70115 | | 3 z9hG4bKcore42.1 | "
     "sip:ann@deskphone.west.example | 68 | 9"},
    {"SIP/2.0 180 Ringing\n" EAST_SEEN WEST_SEEN PHONE_SEEN TO_BEN CALL AT_BEN EMPTY,
     "180 Ringing | 20714 INVITE | 70115 | 8fe2 | 3 z9hG4bKcore42.1 198.51.100.3 | "
     "sip:ben@203.0.113.4 | - | 0"},
    {"SIP/2.0 180 Ringing\n" WEST_SEEN PHONE_SEEN TO_BEN CALL AT_BEN EMPTY,
     "180 Ringing | 20714 INVITE | 70115 | 8fe2 | 2 z9hG4bKedge9001.1 198.51.100.2 | "
     "sip:ben@203.0.113.4 | - | 0"},
    {"SIP/2.0 180 Ringing\n" PHONE_SEEN TO_BEN CALL AT_BEN EMPTY,
     "180 Ringing | 20714 INVITE | 70115 | 8fe2 | 1 z9hG4bKwest1 198.51.100.1 | "
     "sip:ben@203.0.113.4 | - | 0"},
    {"SIP/2.0 200 OK\n" EAST_SEEN WEST_SEEN PHONE_SEEN TO_BEN CALL AT_BEN ANSWER,
     "200 OK | 20714 INVITE | 70115 | 8fe2 | 3 z9hG4bKcore42.1 198.51.100.3 | "
     "sip:ben@203.0.113.4 | - | 9"},
    {"SIP/2.0 200 OK\n" WEST_SEEN PHONE_SEEN TO_BEN CALL AT_BEN ANSWER,
     "200 OK | 20714 INVITE | 70115 | 8fe2 | 2 z9hG4bKedge9001.1 198.51.100.2 | "
     "sip:ben@203.0.113.4 | - | 9"},
    {"SIP/2.0 200 OK\n" PHONE_SEEN TO_BEN CALL AT_BEN ANSWER,
     "200 OK | 20714 INVITE | 70115 | 8fe2 | 1 z9hG4bKwest1 198.51.100.1 | "
     "sip:ben@203.0.113.4 | - | 9"},
    {"ACK sip:ben@203.0.113.4 SIP/2.0\n"
     "Via: SIP/2.0/UDP deskphone.west.example;branch=z9hG4bKwest2\nMax-Forwards: 70\n" TO_BEN
     "From: Ann <sip:ann@west.example>;tag=70115\nCall-ID: q7Rk0-flow-24@deskphone\n"
     "CSeq: 20714 ACK\n" EMPTY,
     "ACK sip:ben@203.0.113.4 | 20714 ACK | 70115 | 8fe2 | 1 z9hG4bKwest2 | - | 70 | 0"},
    {"BYE sip:ann@deskphone.west.example SIP/2.0\n"
     "Via: SIP/2.0/UDP 203.0.113.4;branch=z9hG4bKben1\nMax-Forwards: 70\n"
     "From: Ben <sip:ben@east.example>;tag=8fe2\nTo: Ann <sip:ann@west.example>;tag=70115\n"
     "Call-ID: q7Rk0-flow-24@deskphone\nCSeq: 231 BYE\n" EMPTY,
     "BYE sip:ann@deskphone.west.example | 231 BYE | 8fe2 | 70115 | 1 z9hG4bKben1 | - | 70 | 0"},
    {"SIP/2.0 200 OK\n"
     "Via: SIP/2.0/UDP 203.0.113.4;branch=z9hG4bKben1\n"
     "From: Ben <sip:ben@east.example>;tag=8fe2\nTo: Ann <sip:ann@west.example>;tag=70115\n"
     "Call-ID: q7Rk0-flow-24@deskphone\nCSeq: 231 BYE\n" EMPTY,
     "200 OK | 231 BYE | 8fe2 | 70115 | 1 z9hG4bKben1 | - | - | 0"},
};

std::string padded(std::string_view text) {
  return text.empty() ? std::string(" ") : " " + std::string(text) + " ";
}

std::string summary(const MessageView& m) {
  std::string out = m.is_request() ? show(m.method_name()) + " " + show(m.request_uri().text)
                                   : std::to_string(m.status()) + " " + show(m.reason());
  const auto cseq = m.get(hdr::cseq);
  REQUIRE(cseq.has_value());
  out += " | " + show(*cseq) + " |";
  const auto from = m.get(hdr::from);
  const auto to = m.get(hdr::to);
  REQUIRE(from.has_value());
  REQUIRE(to.has_value());
  CHECK(from->tag() == m.from_tag());
  CHECK(to->tag() == m.to_tag());
  out += padded(from->tag()) + "|" + padded(to->tag()) + "| ";
  std::size_t vias = 0;
  for (const auto& via : m.all(hdr::via)) {
    REQUIRE(via.has_value());
    CHECK(via->version == "2.0");
    CHECK(via->transport == "UDP");
    CHECK_FALSE(via->branch().empty());
    ++vias;
  }
  CHECK(vias == m.head().vias);
  out += std::to_string(vias) + " " + show(m.top_via().branch()) + padded(m.top_via().received());
  const auto contact = m.get(hdr::contact);
  out += "| " + (contact ? show(contact->uri.text) : std::string("-"));
  const auto hops = m.get(hdr::max_forwards);
  out += " | " + (hops ? std::to_string(hops->number) : std::string("-"));
  const auto length = m.get(hdr::content_length);
  REQUIRE(length.has_value());
  CHECK(length->number == m.body().size());
  CHECK(m.get(hdr::content_type).has_value() == !m.body().empty());
  return out + " | " + std::to_string(m.body().size());
}

TEST_CASE("every message of RFC 3261 section 24 parses into typed values") {
  CHECK(std::size(kFlows) == 16);
  for (const Flow& flow : kFlows) {
    // The body keeps its own line ends; it has no CRLF to count.
    const std::string_view text = flow.message;
    const std::size_t body = text.find("\n\n") + 2;
    const Exact bytes(crlf(text.substr(0, body)) + std::string(text.substr(body)));
    CAPTURE(bytes.view());
    MessageIndex index;
    REQUIRE(parse(bytes.view(), index).has_value());
    const MessageView m(bytes.view().data(), index);
    CHECK(summary(m) == flow.summary);
    CHECK(validate(m).has_value());
    CHECK(m.bytes() == bytes.view());
  }
}

}  // namespace
}  // namespace sipstack
