// SPDX-License-Identifier: Apache-2.0
// The header registry: one row a header field, from which names, compact names and list rules come.
// RFC 3261 section 20 and the IANA "Header Fields" registry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sipstack {

// X(id, "Long-Name", "compact" or "", single | list)
// `list`: comma-separated values, may stand in several lines (RFC 3261 section 7.3.1).
// `single`: one line; a second line is an error where it is mandatory (RFC 4475 section 3.3.8).
// `lines`: may be repeated, but commas don't separate values (RFC 3261 section 20.7: Authorization...).
#define SIPSTACK_HEADERS(X)                                 \
  X(via, "Via", "v", list)                                  \
  X(from, "From", "f", single)                              \
  X(to, "To", "t", single)                                  \
  X(call_id, "Call-ID", "i", single)                        \
  X(cseq, "CSeq", "", single)                               \
  X(max_forwards, "Max-Forwards", "", single)               \
  X(content_length, "Content-Length", "l", single)          \
  X(contact, "Contact", "m", list)                          \
  X(route, "Route", "", list)                               \
  X(record_route, "Record-Route", "", list)                 \
  X(content_type, "Content-Type", "c", single)              \
  X(accept, "Accept", "", list)                             \
  X(accept_encoding, "Accept-Encoding", "", list)           \
  X(accept_language, "Accept-Language", "", list)           \
  X(alert_info, "Alert-Info", "", list)                     \
  X(allow, "Allow", "", list)                               \
  X(allow_events, "Allow-Events", "u", list)                \
  X(authentication_info, "Authentication-Info", "", single) \
  X(authorization, "Authorization", "", lines)              \
  X(call_info, "Call-Info", "", list)                       \
  X(content_disposition, "Content-Disposition", "", single) \
  X(content_encoding, "Content-Encoding", "e", list)        \
  X(content_language, "Content-Language", "", list)         \
  X(date, "Date", "", single)                               \
  X(diversion, "Diversion", "", list)                       \
  X(error_info, "Error-Info", "", list)                     \
  X(event, "Event", "o", single)                            \
  X(expires, "Expires", "", single)                         \
  X(history_info, "History-Info", "", list)                 \
  X(in_reply_to, "In-Reply-To", "", list)                   \
  X(join, "Join", "", single)                               \
  X(mime_version, "MIME-Version", "", single)               \
  X(min_expires, "Min-Expires", "", single)                 \
  X(min_se, "Min-SE", "", single)                           \
  X(organization, "Organization", "", single)               \
  X(p_asserted_identity, "P-Asserted-Identity", "", list)   \
  X(p_preferred_identity, "P-Preferred-Identity", "", list) \
  X(path, "Path", "", list)                                 \
  X(priority, "Priority", "", single)                       \
  X(privacy, "Privacy", "", single)                         \
  X(proxy_authenticate, "Proxy-Authenticate", "", lines)    \
  X(proxy_authorization, "Proxy-Authorization", "", lines)  \
  X(proxy_require, "Proxy-Require", "", list)               \
  X(rack, "RAck", "", single)                               \
  X(reason, "Reason", "", list)                             \
  X(refer_to, "Refer-To", "r", single)                      \
  X(referred_by, "Referred-By", "b", single)                \
  X(replaces, "Replaces", "", single)                       \
  X(reply_to, "Reply-To", "", single)                       \
  X(require, "Require", "", list)                           \
  X(retry_after, "Retry-After", "", single)                 \
  X(rseq, "RSeq", "", single)                               \
  X(server, "Server", "", single)                           \
  X(service_route, "Service-Route", "", list)               \
  X(session_expires, "Session-Expires", "x", single)        \
  X(sip_etag, "SIP-ETag", "", single)                       \
  X(sip_if_match, "SIP-If-Match", "", single)               \
  X(subject, "Subject", "s", single)                        \
  X(subscription_state, "Subscription-State", "", single)   \
  X(supported, "Supported", "k", list)                      \
  X(timestamp, "Timestamp", "", single)                     \
  X(unsupported, "Unsupported", "", list)                   \
  X(user_agent, "User-Agent", "", single)                   \
  X(warning, "Warning", "", list)                           \
  X(www_authenticate, "WWW-Authenticate", "", lines)        \
  X(max_breadth, "Max-Breadth", "", single)

/// A header field that the registry knows; `other` for every other name.
enum class HeaderId : std::uint8_t {
  other,
#define SIPSTACK_X(id, name, compact, rule) id,
  SIPSTACK_HEADERS(SIPSTACK_X)
#undef SIPSTACK_X
};

enum class HeaderRule : std::uint8_t { single, list, lines };

#define SIPSTACK_X(id, name, compact, rule) +1
inline constexpr std::size_t kHeaderIds = 1 SIPSTACK_HEADERS(SIPSTACK_X);
#undef SIPSTACK_X

namespace detail {

struct HeaderRow {
  std::string_view name;
  std::string_view compact;
  HeaderRule rule;
};

inline constexpr HeaderRow kHeaderRows[kHeaderIds] = {{"", "", HeaderRule::lines},
#define SIPSTACK_X(id, name, compact, rule) {name, compact, HeaderRule::rule},
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
/// Long or compact name in any case to id; `other` where it is not in the registry.
HeaderId header_id(std::string_view name) noexcept;

}  // namespace sipstack
