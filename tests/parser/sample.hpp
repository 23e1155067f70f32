// SPDX-License-Identifier: Apache-2.0
// Messages that use most of the grammar, for tests that cut, mutate or count.
#pragma once

#include <string>
#include <vector>

#include "grammar_check.hpp"

namespace sipstack::testing {

inline std::vector<std::string> samples() {
  return {
      crlf(
          "INVITE sips:b%6Fb;x=1:pw@[2001:db8::9]:5061;lr;transport=tcp SIP/2.0\n"
          "Via: SIP/2.0/TLS a.west.example:5061 ; branch=z9hG4bKs1;rport;received=[2001:db8::1],\n"
          " SIP / 2.0 / UDP b.west.example;branch=z9hG4bKs2;x=\"a,\\\"b;\"\n"
          "v: SIP/2.0/TCP 192.0.2.7\n"
          "Max-Forwards : 0017\n"
          "From: \"Al \\\"the\\\\ice\\\" \xe2\x98\x83\" "
          "<sip:al@west.example;user=ip?Subject=x>;tag=f-1;y\n"
          "t: Bob Two <tel:+1-201-555-0123;phone-context=example.com> ; z = \"q\"\n"
          "i: aa.bb%cc*@(west)<example>:[1]\n"
          "CSeq: 20\n  INVITE\n"
          "m: "
          "<sip:al@[2001:db8::2]:5062;transport=tls>;q=0.7;expires=3600;+sip.instance=\"<urn:uuid:"
          "1>\",\n"
          "\tsip:al@west.example;q=0.1\n"
          "Route: \"R, 1\" <sip:r1.west.example;lr>,<sip:r2.west.example;lr>;hp=1\n"
          "Record-Route: <sip:rr.west.example;lr=on>\n"
          "Accept: application/sdp;level=1, text/*;q=0.5, */*\n"
          "Allow: INVITE, ACK,BYE , CANCEL\n"
          "Supported:\n"
          "Require: 100rel, x-own\n"
          "Authorization: Digest username=\"al\", realm=\"w\\\"est\", nonce=\"n\" ,\n"
          "  uri=\"sip:b\", qop=auth, nc=00000001, cnonce=\"c\", response=\"0123\", algorithm=MD5\n"
          "Event: dialog;id=7\n"
          "x: 1800;refresher=uac\n"
          "Retry-After: 120 (not (really) now);duration=60\n"
          "Replaces: 12@west;to-tag=1;from-tag=2\n"
          "RAck: 1 20 INVITE\n"
          "Warning: 399 west.example:5060 \"Odd, \\\"but\\\" true\", 370 pseudo \"x\"\n"
          "Timestamp: 54.1 0.2\n"
          "Reason: Q.850;cause=16;text=\"Bye, now\", SIP;cause=200\n"
          "s: A long story;\n about \"nothing\n"
          "X-Own: ;;,,\xff\xfe \"\\\x07\"\n"
          "Content-Type: multipart/mixed;boundary=\"a b\"\n"
          "l: 12\n\n") +
          std::string("--a b\r\n\0\0--x", 13),
      crlf("SIP/2.0 401 Unauthorized \xd0\xbd\xd0\xbe\n"
           "Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bKws;received=192.0.2.5\n"
           "From: sip:al@west.example;tag=1\nTo: <urn:service:sos>;tag=2\nCall-ID: c1\nCSeq: 1 "
           "REGISTER\n"
           "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", stale=FALSE\n"
           "www-authenticate: Basic realm=\"r\"\n"
           "Contact: *\nExpires: 4294967295\nDate: Sat, 13 Nov 2010 23:29:00 GMT\n"
           "Server: sipstack/0 (test)\nContent-Length: 0\n\n"),
      crlf("REGISTER sip:34020000002000000001@3402000000 SIP/2.0\n"
           "Via: SIP/2.0/UDP 192.0.2.8:5060;rport;branch=z9hG4bK1\n"
           "From: <sip:34020000001320000001@3402000000>;tag=5\nTo: "
           "<sip:34020000001320000001@3402000000>\n"
           "Call-ID: 6\nCSeq: 1 REGISTER\nContact: <sip:34020000001320000001@192.0.2.8:5060>\n"
           "Max-Forwards: 70\nExpires: 3600\nContent-Length: 0\n\n"),
  };
}

}  // namespace sipstack::testing
