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

#include "sipstack/parser/values.hpp"

namespace sipstack {

template <class T>
struct HeaderTag {
  using Parse = ParseErrc (*)(const char*& cursor, const char* end, T& out) noexcept;
  HeaderId id;
  std::string_view name;
  HeaderRule rule;
  Parse parse;
};

namespace hdr {

// X(header, value type)
#define SIPSTACK_HEADER_TYPES(X)      \
  X(via, Via)                         \
  X(from, NameAddr)                   \
  X(to, NameAddr)                     \
  X(call_id, TextValue)               \
  X(cseq, CSeq)                       \
  X(max_forwards, NumberValue)        \
  X(content_length, NumberValue)      \
  X(contact, NameAddr)                \
  X(route, NameAddr)                  \
  X(record_route, NameAddr)           \
  X(content_type, MediaType)          \
  X(accept, MediaType)                \
  X(accept_encoding, TokenValue)      \
  X(accept_language, TokenValue)      \
  X(alert_info, NameAddr)             \
  X(allow, TokenValue)                \
  X(allow_events, TokenValue)         \
  X(authentication_info, AuthValue)   \
  X(authorization, AuthValue)         \
  X(call_info, NameAddr)              \
  X(content_disposition, TokenValue)  \
  X(content_encoding, TokenValue)     \
  X(content_language, TokenValue)     \
  X(date, TextValue)                  \
  X(diversion, NameAddr)              \
  X(error_info, NameAddr)             \
  X(event, TokenValue)                \
  X(expires, NumberValue)             \
  X(history_info, NameAddr)           \
  X(in_reply_to, CallIdValue)         \
  X(join, CallIdValue)                \
  X(mime_version, TextValue)          \
  X(min_expires, NumberValue)         \
  X(min_se, NumberValue)              \
  X(organization, TextValue)          \
  X(p_asserted_identity, NameAddr)    \
  X(p_preferred_identity, NameAddr)   \
  X(path, NameAddr)                   \
  X(priority, TokenValue)             \
  X(privacy, TextValue)               \
  X(proxy_authenticate, AuthValue)    \
  X(proxy_authorization, AuthValue)   \
  X(proxy_require, TokenValue)        \
  X(rack, RAck)                       \
  X(reason, TokenValue)               \
  X(refer_to, NameAddr)               \
  X(referred_by, NameAddr)            \
  X(replaces, CallIdValue)            \
  X(reply_to, NameAddr)               \
  X(require, TokenValue)              \
  X(retry_after, NumberValue)         \
  X(rseq, NumberValue)                \
  X(server, TextValue)                \
  X(service_route, NameAddr)          \
  X(session_expires, NumberValue)     \
  X(sip_etag, TextValue)              \
  X(sip_if_match, TextValue)          \
  X(subject, TextValue)               \
  X(subscription_state, TokenValue)   \
  X(supported, TokenValue)            \
  X(timestamp, TextValue)             \
  X(unsupported, TokenValue)          \
  X(user_agent, TextValue)            \
  X(warning, TextValue)               \
  X(www_authenticate, AuthValue)

// clang-format off
#define SIPSTACK_X(header, type) \
  extern const HeaderTag<type> header;
SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
// clang-format on

}  // namespace hdr
}  // namespace sipstack
