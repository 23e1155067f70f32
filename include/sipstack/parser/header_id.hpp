// SPDX-License-Identifier: Apache-2.0
// The header registry: one row a header field, from which names, compact names and list rules come.
// RFC 3261 section 20 and the IANA "Header Fields" registry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sipstack {

// X(id, "Long-Name", "compact" or "", rule, place, "section that defines it")
// `list`: comma-separated values, may stand in several lines (RFC 3261 section 7.3.1).
// `single`: one line; a second line is an error where it is mandatory (RFC 4475 section 3.3.8).
// `lines`: may be repeated, but commas don't separate values (RFC 3261 section 20.7: Authorization...).
// The place is the column "where" of RFC 3261 tables 2 and 3 and of the header's own RFC.
// What parse() acts upon comes first, up to content_type; the rest is in alphabetical order.
#define SIPSTACK_HEADERS(X)                                                                    \
  X(via, "Via", "v", list, both, "RFC 3261 section 20.42")                                     \
  X(from, "From", "f", single, both, "RFC 3261 section 20.20")                                 \
  X(to, "To", "t", single, both, "RFC 3261 section 20.39")                                     \
  X(call_id, "Call-ID", "i", single, both, "RFC 3261 section 20.8")                            \
  X(cseq, "CSeq", "", single, both, "RFC 3261 section 20.16")                                  \
  X(max_forwards, "Max-Forwards", "", single, request, "RFC 3261 section 20.22")               \
  X(content_length, "Content-Length", "l", single, both, "RFC 3261 section 20.14")             \
  X(contact, "Contact", "m", list, both, "RFC 3261 section 20.10")                             \
  X(route, "Route", "", list, request, "RFC 3261 section 20.34")                               \
  X(record_route, "Record-Route", "", list, both, "RFC 3261 section 20.30")                    \
  X(content_type, "Content-Type", "c", single, both, "RFC 3261 section 20.15")                 \
  X(accept, "Accept", "", list, both, "RFC 3261 section 20.1")                                 \
  X(accept_contact, "Accept-Contact", "a", list, request, "RFC 3841 section 9.2")              \
  X(accept_encoding, "Accept-Encoding", "", list, both, "RFC 3261 section 20.2")               \
  X(accept_language, "Accept-Language", "", list, both, "RFC 3261 section 20.3")               \
  X(accept_resource_priority, "Accept-Resource-Priority", "", list, response,                  \
    "RFC 4412 section 3.2")                                                                    \
  X(alert_info, "Alert-Info", "", list, both, "RFC 3261 section 20.4")                         \
  X(allow, "Allow", "", list, both, "RFC 3261 section 20.5")                                   \
  X(allow_events, "Allow-Events", "u", list, both, "RFC 6665 section 8.2.2")                   \
  X(authentication_info, "Authentication-Info", "", single, response, "RFC 3261 section 20.6") \
  X(authorization, "Authorization", "", lines, request, "RFC 3261 section 20.7")               \
  X(call_info, "Call-Info", "", list, both, "RFC 3261 section 20.9")                           \
  X(content_disposition, "Content-Disposition", "", single, both, "RFC 3261 section 20.11")    \
  X(content_encoding, "Content-Encoding", "e", list, both, "RFC 3261 section 20.12")           \
  X(content_language, "Content-Language", "", list, both, "RFC 3261 section 20.13")            \
  X(date, "Date", "", single, both, "RFC 3261 section 20.17")                                  \
  X(diversion, "Diversion", "", list, both, "RFC 5806 section 4")                              \
  X(error_info, "Error-Info", "", list, response, "RFC 3261 section 20.18")                    \
  X(event, "Event", "o", single, request, "RFC 6665 section 8.2.1")                            \
  X(expires, "Expires", "", single, both, "RFC 3261 section 20.19")                            \
  X(feature_caps, "Feature-Caps", "", list, both, "RFC 6809 section 6.2")                      \
  X(flow_timer, "Flow-Timer", "", single, response, "RFC 5626 section 10")                     \
  X(geolocation, "Geolocation", "", list, both, "RFC 6442 section 4.1")                        \
  X(history_info, "History-Info", "", list, both, "RFC 7044 section 5")                        \
  X(identity, "Identity", "y", list, request, "RFC 8224 section 4")                            \
  X(identity_info, "Identity-Info", "n", single, request, "RFC 4474 section 9")                \
  X(in_reply_to, "In-Reply-To", "", list, request, "RFC 3261 section 20.21")                   \
  X(info_package, "Info-Package", "", single, request, "RFC 6086 section 7.2")                 \
  X(join, "Join", "", single, request, "RFC 3911 section 7.1")                                 \
  X(max_breadth, "Max-Breadth", "", single, request, "RFC 5393 section 5.8")                   \
  X(mime_version, "MIME-Version", "", single, both, "RFC 3261 section 20.24")                  \
  X(min_expires, "Min-Expires", "", single, response, "RFC 3261 section 20.23")                \
  X(min_se, "Min-SE", "", single, both, "RFC 4028 section 5")                                  \
  X(note, "Note", "", single, both, "GB/T 28181-2016 section 8.3")                             \
  X(organization, "Organization", "", single, both, "RFC 3261 section 20.25")                  \
  X(p_access_network_info, "P-Access-Network-Info", "", list, both, "RFC 7315 section 5.4")    \
  X(p_asserted_identity, "P-Asserted-Identity", "", list, both, "RFC 3325 section 9.1")        \
  X(p_called_party_id, "P-Called-Party-ID", "", single, request, "RFC 7315 section 5.2")       \
  X(p_charging_vector, "P-Charging-Vector", "", single, both, "RFC 7315 section 5.6")          \
  X(p_early_media, "P-Early-Media", "", list, both, "RFC 5009 section 8")                      \
  X(p_preferred_identity, "P-Preferred-Identity", "", list, both, "RFC 3325 section 9.2")      \
  X(p_visited_network_id, "P-Visited-Network-ID", "", list, request, "RFC 7315 section 5.3")   \
  X(path, "Path", "", list, both, "RFC 3327 section 4")                                        \
  X(priority, "Priority", "", single, request, "RFC 3261 section 20.26")                       \
  X(privacy, "Privacy", "", single, both, "RFC 3323 section 4.2")                              \
  X(proxy_authenticate, "Proxy-Authenticate", "", lines, response, "RFC 3261 section 20.27")   \
  X(proxy_authorization, "Proxy-Authorization", "", lines, request, "RFC 3261 section 20.28")  \
  X(proxy_require, "Proxy-Require", "", list, request, "RFC 3261 section 20.29")               \
  X(rack, "RAck", "", single, request, "RFC 3262 section 7.2")                                 \
  X(reason, "Reason", "", list, both, "RFC 3326 section 2")                                    \
  X(recv_info, "Recv-Info", "", list, both, "RFC 6086 section 7.2")                            \
  X(refer_to, "Refer-To", "r", single, request, "RFC 3515 section 2.1")                        \
  X(referred_by, "Referred-By", "b", single, request, "RFC 3892 section 3")                    \
  X(reject_contact, "Reject-Contact", "j", list, request, "RFC 3841 section 9.2")              \
  X(replaces, "Replaces", "", single, request, "RFC 3891 section 6.1")                         \
  X(reply_to, "Reply-To", "", single, both, "RFC 3261 section 20.31")                          \
  X(request_disposition, "Request-Disposition", "d", list, request, "RFC 3841 section 9.1")    \
  X(require, "Require", "", list, both, "RFC 3261 section 20.32")                              \
  X(resource_priority, "Resource-Priority", "", list, request, "RFC 4412 section 3.1")         \
  X(retry_after, "Retry-After", "", single, response, "RFC 3261 section 20.33")                \
  X(rseq, "RSeq", "", single, response, "RFC 3262 section 7.1")                                \
  X(security_client, "Security-Client", "", list, request, "RFC 3329 section 2.2")             \
  X(security_server, "Security-Server", "", list, response, "RFC 3329 section 2.2")            \
  X(security_verify, "Security-Verify", "", list, request, "RFC 3329 section 2.2")             \
  X(server, "Server", "", single, response, "RFC 3261 section 20.35")                          \
  X(service_route, "Service-Route", "", list, response, "RFC 3608 section 5")                  \
  X(session_expires, "Session-Expires", "x", single, both, "RFC 4028 section 4")               \
  X(session_id, "Session-ID", "", single, both, "RFC 7989 section 5")                          \
  X(sip_etag, "SIP-ETag", "", single, response, "RFC 3903 section 11.3.1")                     \
  X(sip_if_match, "SIP-If-Match", "", single, request, "RFC 3903 section 11.3.2")              \
  X(subject, "Subject", "s", single, request, "RFC 3261 section 20.36")                        \
  X(subscription_state, "Subscription-State", "", single, request, "RFC 6665 section 8.2.3")   \
  X(supported, "Supported", "k", list, both, "RFC 3261 section 20.37")                         \
  X(target_dialog, "Target-Dialog", "", single, request, "RFC 4538 section 7")                 \
  X(timestamp, "Timestamp", "", single, both, "RFC 3261 section 20.38")                        \
  X(unsupported, "Unsupported", "", list, response, "RFC 3261 section 20.40")                  \
  X(user_agent, "User-Agent", "", single, both, "RFC 3261 section 20.41")                      \
  X(user_to_user, "User-to-User", "", list, both, "RFC 7433 section 4.1")                      \
  X(warning, "Warning", "", list, response, "RFC 3261 section 20.43")                          \
  X(www_authenticate, "WWW-Authenticate", "", lines, response, "RFC 3261 section 20.44")       \
  X(x_gb_ver, "X-GB-Ver", "", single, both, "GB/T 28181-2022 annex I")

/// A header field that the registry knows; `other` for every other name.
enum class HeaderId : std::uint8_t {
  other,
#define SIPSTACK_X(id, name, compact, rule, place, section) id,
  SIPSTACK_HEADERS(SIPSTACK_X)
#undef SIPSTACK_X
};

enum class HeaderRule : std::uint8_t { single, list, lines };

/// In which messages a header field has a meaning.
enum class HeaderPlace : std::uint8_t { request, response, both };

#define SIPSTACK_X(id, name, compact, rule, place, section) +1
inline constexpr std::size_t kHeaderIds = 1 SIPSTACK_HEADERS(SIPSTACK_X);
#undef SIPSTACK_X

namespace detail {

struct HeaderRow {
  std::string_view name;
  std::string_view compact;
  HeaderRule rule;
  HeaderPlace place;
  std::string_view section;
};

inline constexpr HeaderRow kHeaderRows[kHeaderIds] = {
    {"", "", HeaderRule::lines, HeaderPlace::both, ""},
#define SIPSTACK_X(id, name, compact, rule, place, section) \
  {name, compact, HeaderRule::rule, HeaderPlace::place, section},
    SIPSTACK_HEADERS(SIPSTACK_X)
#undef SIPSTACK_X
};

}  // namespace detail

/// The canonical long name; "" for `other`.
constexpr std::string_view name(HeaderId id) noexcept {
  return detail::kHeaderRows[static_cast<std::size_t>(id)].name;
}
/// The compact name (RFC 3261 section 7.3.3), or "".
constexpr std::string_view compact_name(HeaderId id) noexcept {
  return detail::kHeaderRows[static_cast<std::size_t>(id)].compact;
}
/// How often it may stand, and what commas mean in it. `lines` for `other`: nothing is known.
constexpr HeaderRule rule(HeaderId id) noexcept {
  return detail::kHeaderRows[static_cast<std::size_t>(id)].rule;
}
/// Where it may stand; `both` for `other`. One in another place means nothing there and is no error: it is
/// ignored (RFC 3261 section 8.2.2); validate() with Diagnostics tells it.
constexpr HeaderPlace place(HeaderId id) noexcept {
  return detail::kHeaderRows[static_cast<std::size_t>(id)].place;
}
/// The section that defines it, as in "RFC 3261 section 20.42"; "" for `other`.
constexpr std::string_view defined_in(HeaderId id) noexcept {
  return detail::kHeaderRows[static_cast<std::size_t>(id)].section;
}
/// Long or compact name in any case to id; `other` where it is not in the registry.
HeaderId header_id(std::string_view name) noexcept;

}  // namespace sipstack
