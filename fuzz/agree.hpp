// SPDX-License-Identifier: Apache-2.0
// Whether the scanners of two instruction sets read a text alike. What `plain` says is what the grammars
// say: the others have fast lanes in front of them.
#pragma once

#include <string>
#include <string_view>
#include <tuple>

#include "parser/scan.hpp"

namespace agree {

using namespace sipstack;

// Views into the same text: alike where they are empty, or begin and end at the same bytes.
inline bool alike(std::string_view a, std::string_view b) {
  return a.size() == b.size() && (a.empty() || a.data() == b.data());
}
// A parameter that is noted: absent is something else than empty.
inline bool noted_alike(std::string_view a, std::string_view b) {
  return (a.data() == nullptr) == (b.data() == nullptr) && alike(a, b);
}
inline bool alike(const Params& a, const Params& b) { return alike(a.text(), b.text()); }
inline bool alike(const Uri& a, const Uri& b) {
  return alike(a.text, b.text) && a.scheme == b.scheme && alike(a.scheme_name, b.scheme_name) &&
         alike(a.user, b.user) && a.password == b.password && alike(a.host, b.host) &&
         a.port == b.port && alike(a.params, b.params) && alike(a.headers, b.headers) &&
         a.has_user == b.has_user && noted_alike(a.known.lr, b.known.lr) &&
         noted_alike(a.known.transport, b.known.transport);
}
inline bool alike(const Via& a, const Via& b) {
  return alike(a.text, b.text) && alike(a.version, b.version) && alike(a.transport, b.transport) &&
         alike(a.host, b.host) && a.port == b.port && alike(a.params, b.params) &&
         noted_alike(a.known.branch, b.known.branch) &&
         noted_alike(a.known.received, b.known.received) &&
         noted_alike(a.known.rport, b.known.rport) && a.known.again == b.known.again;
}
inline bool alike(const NameAddr& a, const NameAddr& b) {
  return alike(a.text, b.text) && alike(a.display, b.display) && alike(a.uri, b.uri) &&
         alike(a.params, b.params) && a.wildcard == b.wildcard &&
         noted_alike(a.known.tag, b.known.tag) && noted_alike(a.known.q, b.known.q) &&
         noted_alike(a.known.expires, b.known.expires) && a.known.again == b.known.again;
}
inline bool alike(const CSeq& a, const CSeq& b) {
  return a.number == b.number && a.method == b.method && alike(a.method_name, b.method_name);
}
inline bool alike(const MediaType& a, const MediaType& b) {
  return alike(a.type, b.type) && alike(a.subtype, b.subtype) && alike(a.params, b.params);
}
inline bool alike(const TokenValue& a, const TokenValue& b) {
  return alike(a.token, b.token) && alike(a.params, b.params);
}
inline bool alike(const NumberValue& a, const NumberValue& b) {
  return a.number == b.number && alike(a.params, b.params);
}
inline bool alike(const CallIdValue& a, const CallIdValue& b) {
  return alike(a.call_id, b.call_id) && alike(a.params, b.params);
}
inline bool alike(const AuthValue& a, const AuthValue& b) {
  return alike(a.scheme, b.scheme) && alike(a.params, b.params);
}
inline bool alike(Span16 a, Span16 b) { return a.begin == b.begin && a.length == b.length; }
inline bool alike(const MessageIndex& a, const MessageIndex& b) {
  const auto numbers = [](const MessageIndex& i) {
    return std::make_tuple(i.request, i.method, i.status, i.cseq, i.max_forwards, i.vias, i.start,
                           i.size, i.has_content_length, i.faults, i.headers);
  };
  if (numbers(a) != numbers(b)) return false;
  for (const auto span : {&IndexHead::method_name, &IndexHead::uri, &IndexHead::reason,
                          &IndexHead::call_id, &IndexHead::from_tag, &IndexHead::to_tag,
                          &IndexHead::branch, &IndexHead::sent_by, &IndexHead::body}) {
    if (!alike(a.*span, b.*span)) return false;
  }
  for (std::size_t i = 0; i < a.headers; ++i) {
    const HeaderEntry& x = a.entries[i];
    const HeaderEntry& y = b.entries[i];
    if (x.name != y.name || x.value != y.value || x.length != y.length ||
        x.name_length != y.name_length || x.id != y.id) {
      return false;
    }
  }
  return true;
}

/// Empty, or the name of the scanner that reads [at, end) in two ways. Bytes up to `readable` are there.
inline std::string difference(const scan::Scanners& a, const scan::Scanners& b, const char* at,
                              const char* end, const char* readable) {
  std::string out;
  const auto one = [&](const char* name, auto read, auto value) {
    auto other = value;
    scan::Scan first{at, end, readable};
    scan::Scan second{at, end, readable};
    const ParseErrc x = read(a, first, value);
    const ParseErrc y = read(b, second, other);
    if (x != y || first.at != second.at ||
        (x == ParseErrc::ok && (first.params != second.params || !alike(value, other)))) {
      out = name;
    }
  };
  using scan::Scan;
  using scan::Scanners;
  one(
      "via", [](const Scanners& s, Scan& c, Via& v) { return s.via(c, v); }, Via{});
  for (const auto form : {scan::Address::any, scan::Address::or_star, scan::Address::in_brackets,
                          scan::Address::maybe_without_scheme}) {
    one(
        "name_addr",
        [form](const Scanners& s, Scan& c, NameAddr& v) { return s.name_addr(c, v, form); },
        NameAddr{});
  }
  one(
      "cseq", [](const Scanners& s, Scan& c, CSeq& v) { return s.cseq(c, v); }, CSeq{});
  one(
      "media_type", [](const Scanners& s, Scan& c, MediaType& v) { return s.media_type(c, v); },
      MediaType{});
  one(
      "token_value", [](const Scanners& s, Scan& c, TokenValue& v) { return s.token_value(c, v); },
      TokenValue{});
  one(
      "number_value",
      [](const Scanners& s, Scan& c, NumberValue& v) { return s.number_value(c, v); },
      NumberValue{});
  one(
      "call_id_value",
      [](const Scanners& s, Scan& c, CallIdValue& v) { return s.call_id_value(c, v); },
      CallIdValue{});
  one(
      "auth", [](const Scanners& s, Scan& c, AuthValue& v) { return s.auth(c, v, true); },
      AuthValue{});
  one(
      "auth_info", [](const Scanners& s, Scan& c, AuthValue& v) { return s.auth(c, v, false); },
      AuthValue{});
  one(
      "uri", [](const Scanners& s, Scan& c, Uri& v) { return s.uri(c, v); }, Uri{});
  return out;
}

/// The same for a message and each of its header values.
inline std::string difference(const scan::Scanners& a, const scan::Scanners& b,
                              std::string_view message) {
  static MessageIndex x;
  static MessageIndex y;
  const auto same = [&](const auto& first, const auto& second) {
    return first.has_value() == second.has_value() && (first || first.error() == second.error()) &&
           alike(x, y);
  };
  if (!same(a.split(message, x, {}), b.split(message, y, {}))) return "split";
  if (!same(a.parse(message, x, {}), b.parse(message, y, {}))) return "parse";
  const char* const end = message.data() + message.size();
  for (std::size_t i = 0; i < x.headers; ++i) {
    const char* const value = message.data() + x.entries[i].value;
    std::string out = difference(a, b, value, value + x.entries[i].length, end);
    if (!out.empty()) return out;
  }
  return {};
}

}  // namespace agree
