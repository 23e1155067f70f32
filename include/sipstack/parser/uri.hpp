// SPDX-License-Identifier: Apache-2.0
// SIP, SIPS and tel URIs as views, and the rules by which they are equal. RFC 3261 section 19.1,
// RFC 3966.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sipstack/base/flow.hpp"
#include "sipstack/parser/error.hpp"
#include "sipstack/parser/params.hpp"

namespace sipstack {

enum class UriScheme : std::uint8_t { sip, sips, tel, other };

/// A parsed URI. All members are views into the text that was parsed, escapes left as they are.
struct Uri {
  std::string_view text;  ///< all of it, without <>
  UriScheme scheme = UriScheme::other;
  std::string_view scheme_name;  ///< as written
  std::string_view user;         ///< sip: userinfo before ':'; tel: the number. May be empty
  std::optional<std::string_view> password;
  std::string_view host;  ///< IPv6 with its brackets; empty for tel and others
  std::optional<std::uint16_t> port;
  Params params;             ///< ;transport=tcp;lr
  std::string_view headers;  ///< after '?', without it
  bool has_user = false;     ///< tells "sip:@h" (not legal) and "sip:h" apart

  /// Parameters that routing asks for, noted by the parser: null where absent, empty where they stand
  /// without a value.
  struct Known {
    std::string_view lr;
    std::string_view transport;
  } known;

  bool is_sip() const noexcept { return scheme == UriScheme::sip || scheme == UriScheme::sips; }
  /// The transport parameter where it names one of ours; `tls` for sips over tcp.
  std::optional<Transport> transport() const noexcept;
  /// Loose routing (RFC 3261 section 19.1.1).
  bool lr() const noexcept { return known.lr.data() != nullptr; }

  /// Parses exactly `text`. Never allocates.
  static expected<Uri, ParseError> parse(std::string_view text) noexcept;
};

/// URI equality by RFC 3261 section 19.1.4 (RFC 3966 section 4 for tel; bytes for other schemes).
bool equal(const Uri& a, const Uri& b) noexcept;

/// The canonical form of an address of record: scheme, unescaped user, lower-case host, port; no
/// password, parameters or headers (RFC 3261 section 10.3 step 5). Allocates.
std::string canonical_aor(const Uri& uri);

/// Resolves %HH once (RFC 3261 section 19.1.2). Allocates.
std::string unescape(std::string_view text);
/// Escapes what may not stand in a user part.
std::string escape_user(std::string_view text);

}  // namespace sipstack
