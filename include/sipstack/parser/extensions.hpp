// SPDX-License-Identifier: Apache-2.0
// Typed values that only a few headers have: each is a base of values.hpp with what its RFC names.
//
// All are views into the text that was parsed and follow the rules of values.hpp. Numbers in parameters
// beyond 2^32-1 are given as that; parameters that are no number as absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sipstack/parser/values.hpp"

namespace sipstack {

// ---- time ----

/// A point of the calendar as it was written, proleptic Gregorian.
struct CivilTime {
  int year = 0;
  int month = 0;  ///< 1 to 12
  int day = 0;    ///< 1 to 31
  int hour = 0;
  int minute = 0;
  int second = 0;
  int millisecond = 0;
};

/// Date (RFC 3261 section 20.17): "Sat, 13 Nov 2010 23:29:00 GMT". The day may have one digit and the
/// weekday is not compared. GB/T 28181 platforms write "2017-05-19T18:09:17.033", their local time.
struct Date : TextValue {
  CivilTime time;
  std::optional<int> utc_offset;  ///< minutes east of UTC; nothing: the sender's local time
  /// Seconds since 1970-01-01 UTC. A local time is taken for UTC: subtract the offset that you know.
  std::int64_t unix_seconds() const noexcept;
};

/// Timestamp (RFC 3261 section 20.38): decimal numbers of the sender's choice, as written.
struct Timestamp : TextValue {
  std::string_view value;
  std::string_view delay;  ///< seconds; "" where there is none
};

/// MIME-Version (RFC 3261 section 20.24), X-GB-Ver (GB/T 28181-2022 annex I).
struct Version : TextValue {
  std::uint32_t major_number = 0;
  std::uint32_t minor_number = 0;
};

// ---- why ----

/// Warning (RFC 3261 section 20.43).
struct Warning : TextValue {
  int code = 0;                ///< 100 to 999
  std::string_view agent;      ///< host and port, or a pseudonym
  std::string_view warn_text;  ///< with its quotes
};

/// Reason (RFC 3326 section 2). The token is the protocol: "SIP", "Q.850".
struct Reason : TokenValue {
  std::string_view protocol() const noexcept { return token; }
  std::optional<std::uint32_t> cause() const noexcept;
  std::string_view reason_text() const noexcept;  ///< with its quotes; "" where absent
};

/// Retry-After (RFC 3261 section 20.33).
struct RetryAfter : NumberValue {
  std::optional<std::uint32_t> duration() const noexcept;  ///< seconds of availability thereafter
};

// ---- events, RFC 6665 section 8.2 ----

/// Event: package, template packages behind dots ("presence.winfo").
struct Event : TokenValue {
  std::string_view package() const noexcept { return token.substr(0, token.find('.')); }
  std::optional<std::string_view> id() const noexcept { return params.find("id"); }
};

/// Subscription-State. The token is the state: "active", "pending", "terminated".
struct SubscriptionState : TokenValue {
  std::optional<std::uint32_t> expires() const noexcept;
  std::optional<std::uint32_t> retry_after() const noexcept;
  std::string_view reason() const noexcept {
    return params.find("reason").value_or(std::string_view{});
  }
};

// ---- dialogs named in a header ----

/// Replaces (RFC 3891 section 6.1). Missing tags are "".
struct Replaces : CallIdValue {
  std::string_view to_tag() const noexcept { return params.find("to-tag").value_or(""); }
  std::string_view from_tag() const noexcept { return params.find("from-tag").value_or(""); }
  bool early_only() const noexcept { return params.has("early-only"); }
};

/// Join (RFC 3911 section 7.1). Missing tags are "".
struct Join : CallIdValue {
  std::string_view to_tag() const noexcept { return params.find("to-tag").value_or(""); }
  std::string_view from_tag() const noexcept { return params.find("from-tag").value_or(""); }
};

/// Target-Dialog (RFC 4538 section 7), as the receiver of the request sees it. Missing tags are "".
struct TargetDialog : CallIdValue {
  std::string_view local_tag() const noexcept { return params.find("local-tag").value_or(""); }
  std::string_view remote_tag() const noexcept { return params.find("remote-tag").value_or(""); }
};

/// Session-Expires (RFC 4028 section 4).
struct SessionExpires : NumberValue {
  enum class Refresher : std::uint8_t { unspecified, uac, uas };
  Refresher refresher() const noexcept;
};

// ---- addresses ----

/// Alert-Info, Call-Info, Error-Info, Identity-Info: a URI in <> (RFC 3261 section 20.9).
struct Info : NameAddr {
  std::string_view purpose() const noexcept { return params.find("purpose").value_or(""); }
};

/// Referred-By (RFC 3892 section 3).
struct ReferredBy : NameAddr {
  /// The Content-ID of the token's body part, with its quotes.
  std::optional<std::string_view> cid() const noexcept { return params.find("cid"); }
};

/// Diversion (RFC 5806 section 4).
struct Diversion : NameAddr {
  std::string_view reason() const noexcept { return params.find("reason").value_or(""); }
  std::optional<std::uint32_t> counter() const noexcept;
  std::optional<std::uint32_t> limit() const noexcept;
  std::string_view privacy() const noexcept { return params.find("privacy").value_or(""); }
  std::string_view screen() const noexcept { return params.find("screen").value_or(""); }
};

/// History-Info (RFC 7044 section 5).
struct HistoryInfo : NameAddr {
  std::string_view index() const noexcept { return params.find("index").value_or(""); }
  std::string_view rc() const noexcept { return params.find("rc").value_or(""); }
  std::string_view mp() const noexcept { return params.find("mp").value_or(""); }
  std::string_view np() const noexcept { return params.find("np").value_or(""); }
  /// Why the request left this target: the cause of the Reason that is escaped in the URI (RFC 7044
  /// section 10.2), or the URI's cause parameter (RFC 4458 section 2).
  std::optional<std::uint32_t> cause() const noexcept;
};

// ---- what a user asks of proxies ----

/// Accept-Contact, Reject-Contact (RFC 3841 section 9.2), Feature-Caps (RFC 6809 section 6.2): "*" with
/// feature parameters.
struct FeatureSet : TokenValue {
  bool require() const noexcept { return params.has("require"); }
  /// Not `explicit`, which is a keyword.
  bool is_explicit() const noexcept { return params.has("explicit"); }
};

/// Privacy (RFC 3323 section 4.2): "id;user". Commas between the values are let through.
struct Privacy : TextValue {
  bool has(std::string_view value) const noexcept;
};

/// Resource-Priority, Accept-Resource-Priority (RFC 4412 section 3): namespace "." priority.
struct ResourcePriority {
  std::string_view name_space;
  std::string_view priority;
};

// ---- identities of calls and callers ----

/// Session-ID (RFC 7989 section 5). Thirty-two zeros are the nil UUID.
struct SessionId {
  std::string_view uuid;  ///< 32 hexadecimal digits
  Params params;
  std::optional<std::string_view> remote() const noexcept { return params.find("remote"); }
};

/// Identity (RFC 8224 section 4); the digest alone, in quotes, is RFC 4474's.
struct Identity {
  std::string_view digest;  ///< a PASSporT, full or compact
  std::string_view info;    ///< URI of the certificate, without <>; "" where absent
  std::string_view alg;     ///< as written, maybe in quotes
  std::string_view ppt;     ///< as written, maybe in quotes
  std::string_view params;  ///< all of them, from the first ';' on
};

/// User-to-User (RFC 7433 section 4.1), P-Visited-Network-ID (RFC 7315 section 5.3).
struct DataValue {
  std::string_view data;  ///< a token, or a quoted string with its quotes
  Params params;
};

// ---- operators' networks ----

/// P-Access-Network-Info (RFC 7315 section 5.4): type of access, then what locates it.
struct AccessNetwork : TokenValue {
  bool network_provided() const noexcept { return params.has("network-provided"); }
};

/// P-Charging-Vector (RFC 7315 section 5.6).
struct ChargingVector {
  std::string_view icid;  ///< icid-value, as written
  Params params;
  std::string_view generated_at() const noexcept {
    return params.find("icid-generated-at").value_or("");
  }
  std::string_view orig_ioi() const noexcept { return params.find("orig-ioi").value_or(""); }
  std::string_view term_ioi() const noexcept { return params.find("term-ioi").value_or(""); }
};

ParseErrc parse_value(const char*& cursor, const char* end, Date& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, Timestamp& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, Warning& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, Reason& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, RetryAfter& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, Event& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, SubscriptionState& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, Replaces& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, Join& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, TargetDialog& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, SessionExpires& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, Info& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, ReferredBy& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, Diversion& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, HistoryInfo& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, FeatureSet& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, Privacy& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, ResourcePriority& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, SessionId& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, Identity& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, DataValue& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, AccessNetwork& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, ChargingVector& out) noexcept;
/// digits [ "." digits ]: GB/T 28181 versions.
ParseErrc parse_value(const char*& cursor, const char* end, Version& out) noexcept;
/// 1*DIGIT "." 1*DIGIT (RFC 3261 section 20.24).
ParseErrc parse_mime_version(const char*& cursor, const char* end, Version& out) noexcept;

}  // namespace sipstack
