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

#include "sipstack/parser/extensions.hpp"

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

template <class T, class Base, ParseErrc (*Read)(Scan&, Base&) noexcept>
ParseErrc as(Scan& s, T& out) noexcept {
  return Read(s, out);
}

/// Whether two parsers are one, told by types: comparing addresses is no constant under sanitizers.
template <class T, typename HeaderTag<T>::Parse A, typename HeaderTag<T>::Parse B>
inline constexpr bool same =
    std::is_same_v<std::integral_constant<typename HeaderTag<T>::Parse, A>,
                   std::integral_constant<typename HeaderTag<T>::Parse, B>>;

/// The scanner that reads what `Parse` does; null where there is none.
template <class T, typename HeaderTag<T>::Parse Parse>
constexpr typename HeaderTag<T>::Scan scanner_of() noexcept {
  if constexpr (std::is_same_v<T, NameAddr>) {
    if constexpr (same<T, Parse, &parse_contact>) return &contact;
    if constexpr (same<T, Parse, &parse_route>) return &route;
    if constexpr (same<T, Parse, &parse_referred_by>) return &referred_by;
  }
  if constexpr (std::is_same_v<T, AuthValue>) {
    if constexpr (same<T, Parse, &parse_auth_info>) return &auth_info;
  }
  if constexpr (std::is_same_v<T, Via> || std::is_same_v<T, NameAddr> || std::is_same_v<T, CSeq> ||
                std::is_same_v<T, MediaType> || std::is_same_v<T, TokenValue> ||
                std::is_same_v<T, NumberValue> || std::is_same_v<T, CallIdValue> ||
                std::is_same_v<T, AuthValue>) {
    if constexpr (same<T, Parse, &parse_value>) return &value;
  }
  // Bases with accessors.
  if constexpr (std::is_same_v<T, Info> || std::is_same_v<T, Diversion> ||
                std::is_same_v<T, HistoryInfo>) {
    return &as<T, NameAddr, &route>;
  }
  if constexpr (std::is_same_v<T, ReferredBy>) return &as<T, NameAddr, &referred_by>;
  if constexpr (std::is_same_v<T, Reason> || std::is_same_v<T, Event> ||
                std::is_same_v<T, SubscriptionState>) {
    return &as<T, TokenValue, &value>;
  }
  if constexpr (std::is_same_v<T, RetryAfter> || std::is_same_v<T, SessionExpires>) {
    return &as<T, NumberValue, &value>;
  }
  if constexpr (std::is_same_v<T, Replaces> || std::is_same_v<T, Join> ||
                std::is_same_v<T, TargetDialog>) {
    return &as<T, CallIdValue, &value>;
  }
  return nullptr;
}

}  // namespace scan

namespace hdr {

// X(header, value type, parser of one value)
#define SIPSTACK_HEADER_TYPES(X)                             \
  X(via, Via, parse_value)                                   \
  X(from, NameAddr, parse_value)                             \
  X(to, NameAddr, parse_value)                               \
  X(call_id, TextValue, parse_call_id)                       \
  X(cseq, CSeq, parse_value)                                 \
  X(max_forwards, NumberValue, parse_number)                 \
  X(content_length, NumberValue, parse_number)               \
  X(contact, NameAddr, parse_contact)                        \
  X(route, NameAddr, parse_route)                            \
  X(record_route, NameAddr, parse_route)                     \
  X(content_type, MediaType, parse_value)                    \
  X(accept, MediaType, parse_value)                          \
  X(accept_contact, FeatureSet, parse_value)                 \
  X(accept_encoding, TokenValue, parse_value)                \
  X(accept_language, TokenValue, parse_value)                \
  X(accept_resource_priority, ResourcePriority, parse_value) \
  X(alert_info, Info, parse_value)                           \
  X(allow, TokenValue, parse_value)                          \
  X(allow_events, TokenValue, parse_value)                   \
  X(authentication_info, AuthValue, parse_auth_info)         \
  X(authorization, AuthValue, parse_value)                   \
  X(call_info, Info, parse_value)                            \
  X(content_disposition, TokenValue, parse_value)            \
  X(content_encoding, TokenValue, parse_value)               \
  X(content_language, TokenValue, parse_value)               \
  X(date, Date, parse_value)                                 \
  X(diversion, Diversion, parse_value)                       \
  X(error_info, Info, parse_value)                           \
  X(event, Event, parse_value)                               \
  X(expires, NumberValue, parse_number)                      \
  X(feature_caps, FeatureSet, parse_value)                   \
  X(flow_timer, NumberValue, parse_number)                   \
  X(geolocation, NameAddr, parse_route)                      \
  X(history_info, HistoryInfo, parse_value)                  \
  X(identity, Identity, parse_value)                         \
  X(identity_info, Info, parse_value)                        \
  X(in_reply_to, CallIdValue, parse_value)                   \
  X(info_package, TokenValue, parse_value)                   \
  X(join, Join, parse_value)                                 \
  X(max_breadth, NumberValue, parse_number)                  \
  X(mime_version, Version, parse_mime_version)               \
  X(min_expires, NumberValue, parse_number)                  \
  X(min_se, NumberValue, parse_value)                        \
  X(note, AuthValue, parse_value)                            \
  X(organization, TextValue, parse_value)                    \
  X(p_access_network_info, AccessNetwork, parse_value)       \
  X(p_asserted_identity, NameAddr, parse_value)              \
  X(p_called_party_id, NameAddr, parse_value)                \
  X(p_charging_vector, ChargingVector, parse_value)          \
  X(p_early_media, TokenValue, parse_value)                  \
  X(p_preferred_identity, NameAddr, parse_value)             \
  X(p_visited_network_id, DataValue, parse_value)            \
  X(path, NameAddr, parse_route)                             \
  X(priority, TokenValue, parse_value)                       \
  X(privacy, Privacy, parse_value)                           \
  X(proxy_authenticate, AuthValue, parse_value)              \
  X(proxy_authorization, AuthValue, parse_value)             \
  X(proxy_require, TokenValue, parse_value)                  \
  X(rack, RAck, parse_value)                                 \
  X(reason, Reason, parse_value)                             \
  X(recv_info, TokenValue, parse_value)                      \
  X(refer_to, NameAddr, parse_value)                         \
  X(referred_by, ReferredBy, parse_value)                    \
  X(reject_contact, FeatureSet, parse_value)                 \
  X(replaces, Replaces, parse_value)                         \
  X(reply_to, NameAddr, parse_value)                         \
  X(request_disposition, TokenValue, parse_value)            \
  X(require, TokenValue, parse_value)                        \
  X(resource_priority, ResourcePriority, parse_value)        \
  X(retry_after, RetryAfter, parse_value)                    \
  X(rseq, NumberValue, parse_number)                         \
  X(security_client, TokenValue, parse_value)                \
  X(security_server, TokenValue, parse_value)                \
  X(security_verify, TokenValue, parse_value)                \
  X(server, TextValue, parse_value)                          \
  X(service_route, NameAddr, parse_route)                    \
  X(session_expires, SessionExpires, parse_value)            \
  X(session_id, SessionId, parse_value)                      \
  X(sip_etag, TextValue, parse_token_text)                   \
  X(sip_if_match, TextValue, parse_token_text)               \
  X(subject, TextValue, parse_value)                         \
  X(subscription_state, SubscriptionState, parse_value)      \
  X(supported, TokenValue, parse_value)                      \
  X(target_dialog, TargetDialog, parse_value)                \
  X(timestamp, Timestamp, parse_value)                       \
  X(unsupported, TokenValue, parse_value)                    \
  X(user_agent, TextValue, parse_value)                      \
  X(user_to_user, DataValue, parse_value)                    \
  X(warning, Warning, parse_value)                           \
  X(www_authenticate, AuthValue, parse_value)                \
  X(x_gb_ver, Version, parse_value)

#define SIPSTACK_X(header, type, parser)                                                       \
  inline constexpr HeaderTag<type> header{HeaderId::header, sipstack::name(HeaderId::header),  \
                                          sipstack::rule(HeaderId::header), &sipstack::parser, \
                                          scan::scanner_of<type, &sipstack::parser>()};
SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X

}  // namespace hdr
}  // namespace sipstack
