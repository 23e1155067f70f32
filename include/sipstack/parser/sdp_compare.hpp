// SPDX-License-Identifier: Apache-2.0
// Whether two descriptions say the same, and what has changed between them. RFC 8866 section 5.2, RFC 3264
// section 8.
#pragma once

#include <cstdint>

#include "sipstack/parser/sdp.hpp"

namespace sipstack::sdp {

/// What differs, as bits. Effects count, not spellings: line ends, spaces, the order of lines of one level,
/// the case of encoding names, "/1" channels, a c= or direction that the session level gives where another
/// medium writes it out are no difference.
struct Changes {
  enum Bit : std::uint32_t {
    identity = 1u << 0,           ///< o= but for its version: another session altogether
    version = 1u << 1,            ///< the version in o=
    name = 1u << 2,               ///< s=
    timing = 1u << 3,             ///< t=, r=, z=
    session = 1u << 4,            ///< other lines of the session level
    media_count = 1u << 5,        ///< m= lines added or gone
    media_type = 1u << 6,         ///< of one m= line: type or protocol
    port = 1u << 7,               ///< ports or how many
    formats = 1u << 8,            ///< the list of formats, or its order, which is a preference
    codecs = 1u << 9,             ///< rtpmap, fmtp
    media_connection = 1u << 10,  ///< the address that holds for a medium
    media_direction = 1u << 11,   ///< the direction that holds for a medium
    bandwidth = 1u << 12,         ///< b= of a medium
    keys = 1u << 13,              ///< crypto, fingerprint, setup, connection: of session or medium
    ice = 1u << 14,               ///< candidates and ice-*: of session or medium
    attributes = 1u << 15,        ///< other attributes of a medium
    lines = 1u << 16,             ///< other lines of a medium: i=, k=, y=, f=
  };
  std::uint32_t bits = 0;

  bool has(std::uint32_t mask) const noexcept { return (bits & mask) != 0; }
  /// Nothing but, maybe, the version.
  bool none() const noexcept { return (bits & ~std::uint32_t{version}) == 0; }
  /// A new offer in the same session must raise the version by one where this is true, and must not change
  /// anything where it does not (RFC 3264 section 8).
  bool needs_new_version() const noexcept { return !none() && !has(version); }
};

/// What has changed from `before` to `after`, m= line by m= line (RFC 3264 section 8: they keep their
/// places). Allocates nothing; time grows with n log n of the lines of one level. Levels of more than 1024
/// lines, which the default Limits let pass at the edge only, are compared in their order.
Changes changes(const View& before, const View& after) noexcept;

/// o= names the same session: all but the version are equal (RFC 8866 section 5.2).
bool same_session(const OriginView& a, const OriginView& b) noexcept;

/// The descriptions say the same: same session, and no change but, maybe, the version.
inline bool equivalent(const View& a, const View& b) noexcept { return changes(a, b).none(); }

}  // namespace sipstack::sdp
