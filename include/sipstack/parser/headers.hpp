// SPDX-License-Identifier: Apache-2.0
// hdr::x: a constant for each header field, binding name, rule and value type together.
//
//   m.get(hdr::cseq)            one value
//   for (auto via : m.all(hdr::via)) ...
//
// An application's own header is one constant more:
//   ParseErrc parse_foo(const char*& cursor, const char* end, Foo& out) noexcept;
//   inline constexpr HeaderTag<Foo> x_foo{HeaderId::other, "X-Foo", HeaderRule::list, &parse_foo};
#pragma once

#include <string_view>
#include <type_traits>

#include "sipstack/parser/values.hpp"

namespace sipstack {

template <class T>
struct HeaderTag {
  using Parse = ParseErrc (*)(const char*& cursor, const char* end, T& out) noexcept;
  HeaderId id;
  std::string_view name;
  HeaderRule rule;
  Parse parse;
  /// The same within a message, where bytes behind the value may be loaded. Ours have one.
  using Scan = ParseErrc (*)(scan::Scan& s, T& out) noexcept;
  Scan scan = nullptr;
};

namespace scan {

ParseErrc value(Scan& s, Via& out) noexcept;
ParseErrc value(Scan& s, NameAddr& out) noexcept;
ParseErrc value(Scan& s, CSeq& out) noexcept;
ParseErrc value(Scan& s, MediaType& out) noexcept;
ParseErrc value(Scan& s, TokenValue& out) noexcept;
ParseErrc value(Scan& s, NumberValue& out) noexcept;
ParseErrc value(Scan& s, CallIdValue& out) noexcept;
ParseErrc value(Scan& s, AuthValue& out) noexcept;
ParseErrc contact(Scan& s, NameAddr& out) noexcept;
ParseErrc route(Scan& s, NameAddr& out) noexcept;
ParseErrc referred_by(Scan& s, NameAddr& out) noexcept;
ParseErrc auth_info(Scan& s, AuthValue& out) noexcept;

/// The scanner that reads what the parser of that name does. By name: g++ 12 with UBSan takes no
/// comparison of function addresses for a constant expression.
template <class T>
constexpr typename HeaderTag<T>::Scan scanner_of(std::string_view parser) noexcept {
  if constexpr (std::is_same_v<T, NameAddr>) {
    if (parser == "parse_contact") return &contact;
    if (parser == "parse_route") return &route;
    if (parser == "parse_referred_by") return &referred_by;
  }
  if constexpr (std::is_same_v<T, AuthValue>) {
    if (parser == "parse_auth_info") return &auth_info;
  }
  if constexpr (std::is_same_v<T, Via> || std::is_same_v<T, NameAddr> || std::is_same_v<T, CSeq> ||
                std::is_same_v<T, MediaType> || std::is_same_v<T, TokenValue> ||
                std::is_same_v<T, NumberValue> || std::is_same_v<T, CallIdValue> ||
                std::is_same_v<T, AuthValue>) {
    if (parser == "parse_value") return &value;
  }
  return nullptr;
}

}  // namespace scan

namespace hdr {

// X(header, value type, parser of one value)
#define SIPSTACK_HEADER_TYPES(X)                     \
  X(via, Via, parse_value)                           \
  X(from, NameAddr, parse_value)                     \
  X(to, NameAddr, parse_value)                       \
  X(call_id, TextValue, parse_call_id)               \
  X(cseq, CSeq, parse_value)                         \
  X(max_forwards, NumberValue, parse_number)         \
  X(content_length, NumberValue, parse_number)       \
  X(contact, NameAddr, parse_contact)                \
  X(route, NameAddr, parse_route)                    \
  X(record_route, NameAddr, parse_route)             \
  X(content_type, MediaType, parse_value)            \
  X(accept, MediaType, parse_value)                  \
  X(accept_encoding, TokenValue, parse_value)        \
  X(accept_language, TokenValue, parse_value)        \
  X(alert_info, NameAddr, parse_route)               \
  X(allow, TokenValue, parse_value)                  \
  X(allow_events, TokenValue, parse_value)           \
  X(authentication_info, AuthValue, parse_auth_info) \
  X(authorization, AuthValue, parse_value)           \
  X(call_info, NameAddr, parse_route)                \
  X(content_disposition, TokenValue, parse_value)    \
  X(content_encoding, TokenValue, parse_value)       \
  X(content_language, TokenValue, parse_value)       \
  X(date, TextValue, parse_value)                    \
  X(diversion, NameAddr, parse_route)                \
  X(error_info, NameAddr, parse_route)               \
  X(event, TokenValue, parse_value)                  \
  X(expires, NumberValue, parse_number)              \
  X(history_info, NameAddr, parse_route)             \
  X(in_reply_to, CallIdValue, parse_value)           \
  X(join, CallIdValue, parse_value)                  \
  X(mime_version, TextValue, parse_mime_version)     \
  X(min_expires, NumberValue, parse_number)          \
  X(min_se, NumberValue, parse_value)                \
  X(organization, TextValue, parse_value)            \
  X(p_asserted_identity, NameAddr, parse_value)      \
  X(p_preferred_identity, NameAddr, parse_value)     \
  X(path, NameAddr, parse_route)                     \
  X(priority, TokenValue, parse_value)               \
  X(privacy, TextValue, parse_value)                 \
  X(proxy_authenticate, AuthValue, parse_value)      \
  X(proxy_authorization, AuthValue, parse_value)     \
  X(proxy_require, TokenValue, parse_value)          \
  X(rack, RAck, parse_value)                         \
  X(reason, TokenValue, parse_value)                 \
  X(refer_to, NameAddr, parse_value)                 \
  X(referred_by, NameAddr, parse_referred_by)        \
  X(replaces, CallIdValue, parse_value)              \
  X(reply_to, NameAddr, parse_value)                 \
  X(require, TokenValue, parse_value)                \
  X(retry_after, NumberValue, parse_value)           \
  X(rseq, NumberValue, parse_number)                 \
  X(server, TextValue, parse_value)                  \
  X(service_route, NameAddr, parse_route)            \
  X(session_expires, NumberValue, parse_value)       \
  X(sip_etag, TextValue, parse_token_text)           \
  X(sip_if_match, TextValue, parse_token_text)       \
  X(subject, TextValue, parse_value)                 \
  X(subscription_state, TokenValue, parse_value)     \
  X(supported, TokenValue, parse_value)              \
  X(timestamp, TextValue, parse_timestamp)           \
  X(unsupported, TokenValue, parse_value)            \
  X(user_agent, TextValue, parse_value)              \
  X(warning, TextValue, parse_warning)               \
  X(www_authenticate, AuthValue, parse_value)        \
  X(max_breadth, NumberValue, parse_number)

#define SIPSTACK_X(header, type, parser)                                                       \
  inline constexpr HeaderTag<type> header{HeaderId::header, sipstack::name(HeaderId::header),  \
                                          sipstack::rule(HeaderId::header), &sipstack::parser, \
                                          scan::scanner_of<type>(#parser)};
SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X

}  // namespace hdr
}  // namespace sipstack
