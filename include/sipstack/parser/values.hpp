// SPDX-License-Identifier: Apache-2.0
// The typed values of header fields, as views. Each has a grammar of its own in src/parser.
//
// Every parser here reads ONE value that starts at `cursor` (outer white space around it included) and
// leaves the cursor behind it: at `end`, or at the comma that begins the next value of a list. On an
// error the cursor is at the offending byte. None allocates or throws.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sipstack/parser/error.hpp"
#include "sipstack/parser/method.hpp"
#include "sipstack/parser/params.hpp"
#include "sipstack/parser/uri.hpp"

namespace sipstack {

namespace scan {

/// What a scanner reads: one value at `at`, at most up to `end`. Bytes up to `readable` may be loaded,
/// though not used.
struct Scan {
  const char* at;
  const char* end;
  const char* readable;
  unsigned params = 0;  ///< most parameters (or URI header fields) in one list so far
};

}  // namespace scan

/// A q parameter's value in thousandths: 1000 where it is empty or malformed (RFC 3261 section 20.10).
int quality(std::string_view q) noexcept;

/// Via (RFC 3261 section 20.42, RFC 3581).
struct Via {
  std::string_view text;       ///< the whole value
  std::string_view version;    ///< "2.0"
  std::string_view transport;  ///< as written: "UDP", "TLS-SCTP", ...
  std::string_view host;       ///< sent-by; IPv6 in brackets
  std::optional<std::uint16_t> port;
  Params params;

  /// Parameters that every element asks for, noted by the parser: null where absent, empty where they
  /// stand without a value.
  struct Known {
    std::string_view branch;
    std::string_view received;
    std::string_view rport;
    const char* again = nullptr;  ///< a second branch
  } known;

  std::string_view branch() const noexcept { return known.branch; }
  /// With or without brackets on the wire; given without (RFC 5118 section 4.5).
  std::string_view received() const noexcept;
  std::string_view sent_by() const noexcept;  ///< host and port as they stand
};

/// From, To, Contact, Route, Record-Route, Path, Refer-To, ...: name-addr or addr-spec
/// (RFC 3261 section 20.10).
struct NameAddr {
  std::string_view text;     ///< the whole value
  std::string_view display;  ///< as written, quotes included; "" where there is none
  Uri uri;
  Params params;          ///< the header's own, behind <>
  bool wildcard = false;  ///< Contact: *

  /// As Via::Known.
  struct Known {
    std::string_view tag;
    std::string_view q;
    std::string_view expires;
    const char* again = nullptr;  ///< a second tag
  } known;

  std::string_view tag() const noexcept { return known.tag; }
  int q() const noexcept { return quality(known.q); }
  /// The expires parameter in seconds where it is a number; clamped to 2^32-1.
  std::optional<std::uint32_t> expires() const noexcept;
};

/// CSeq (RFC 3261 section 20.16). number < 2^31.
struct CSeq {
  std::uint32_t number = 0;
  Method method = Method::other;
  std::string_view method_name;
};

/// Content-Type, Accept (RFC 3261 section 20.15). "*" stands for itself in Accept.
struct MediaType {
  std::string_view type;
  std::string_view subtype;
  Params params;
  bool is(std::string_view type_name, std::string_view subtype_name) const noexcept {
    return iequals(type, type_name) && iequals(subtype, subtype_name);
  }
  int q() const noexcept { return quality(params.find("q").value_or(std::string_view{})); }
};

/// A token with parameters: Supported, Require, Allow, Content-Disposition, Content-Encoding,
/// Accept-Language, Security-Client, ...
struct TokenValue {
  std::string_view token;
  Params params;
  int q() const noexcept { return quality(params.find("q").value_or(std::string_view{})); }
};

/// A number with parameters and comment: Expires, Min-Expires, Max-Forwards, RSeq, Content-Length, ... Overlarge values are out_of_range.
struct NumberValue {
  std::uint32_t number = 0;
  Params params;
};

/// WWW-Authenticate, Proxy-Authenticate, Authorization, Proxy-Authorization, Authentication-Info:
/// scheme and comma-separated parameters (RFC 3261 section 25.1, RFC 7616).
struct AuthValue {
  std::string_view scheme;  ///< "Digest"; "" for Authentication-Info
  /// name=value pairs separated by commas. Walk with find(); values keep their quotes.
  std::string_view params;

  /// Walks the parameters, each with its quotes as they stand.
  class iterator {
   public:
    using value_type = Param;
    using reference = const Param&;
    using pointer = const Param*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    iterator() = default;
    explicit iterator(std::string_view rest) noexcept : rest_(rest) { next(); }
    reference operator*() const noexcept { return param_; }
    pointer operator->() const noexcept { return &param_; }
    iterator& operator++() noexcept {
      next();
      return *this;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept {
      return a.done_ == b.done_ && (a.done_ || a.param_.name.data() == b.param_.name.data());
    }
    friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

   private:
    void next() noexcept;
    std::string_view rest_;
    Param param_;
    bool done_ = true;
  };
  iterator begin() const noexcept { return iterator(params); }
  iterator end() const noexcept { return {}; }

  /// The parameter's value with quotes as they stand; nothing where it is absent.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  /// How often the name occurs: a second realm or nonce is an attack (hardening A64).
  int count(std::string_view name) const noexcept;
};

/// Replaces, Join: a Call-ID with parameters (RFC 3891).
struct CallIdValue {
  std::string_view call_id;
  Params params;
};

/// RAck (RFC 3262 section 7.2).
struct RAck {
  std::uint32_t rseq = 0;
  CSeq cseq;
};

/// Subject, Server, Organization, and every header without a grammar of its own: the value
/// without outer white space, folding left in.
struct TextValue {
  std::string_view text;
};

ParseErrc parse_value(const char*& cursor, const char* end, Via& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, NameAddr& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, CSeq& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, MediaType& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, TokenValue& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, NumberValue& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, AuthValue& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, CallIdValue& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, RAck& out) noexcept;
ParseErrc parse_value(const char*& cursor, const char* end, TextValue& out) noexcept;

// Headers whose grammar is narrower than their type's.

/// NameAddr, or `*` (RFC 3261 section 20.10).
ParseErrc parse_contact(const char*& cursor, const char* end, NameAddr& out) noexcept;
/// NameAddr whose URI must stand in <>: Route, Record-Route, Path, ... (RFC 3261 section 20.34).
ParseErrc parse_route(const char*& cursor, const char* end, NameAddr& out) noexcept;
/// NameAddr; in <>, the scheme may be missing, as in RFC 5359 section 2.4.
ParseErrc parse_referred_by(const char*& cursor, const char* end, NameAddr& out) noexcept;
/// Digits alone: Content-Length, Max-Forwards, Expires, Min-Expires, RSeq.
ParseErrc parse_number(const char*& cursor, const char* end, NumberValue& out) noexcept;
/// Parameters without a scheme in front: Authentication-Info.
ParseErrc parse_auth_info(const char*& cursor, const char* end, AuthValue& out) noexcept;
/// callid = word [ "@" word ].
ParseErrc parse_call_id(const char*& cursor, const char* end, TextValue& out) noexcept;
/// One token: SIP-ETag, SIP-If-Match (RFC 3903 section 11.3).
ParseErrc parse_token_text(const char*& cursor, const char* end, TextValue& out) noexcept;
/// Quotes removed and \-escapes resolved; text without quotes comes back as it is. Allocates.
std::string unquote(std::string_view text);
/// The reverse: in quotes, with " and \ escaped (RFC 3261 section 25.1 quoted-string). Allocates.
std::string quote(std::string_view text);
/// Each fold (CRLF and white space) becomes one space; outer white space goes. Allocates.
std::string unfold(std::string_view raw);

}  // namespace sipstack
