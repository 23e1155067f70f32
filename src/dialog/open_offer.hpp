// SPDX-License-Identifier: Apache-2.0
// Which offer of a dialog is open, and in what it came. RFC 3264 section 4, RFC 6337 section 2.
#pragma once

#include <cstdint>

#include "sipstack/parser/message_view.hpp"

namespace sipstack {

struct OpenOffer {
  enum class By : std::uint8_t { nobody, us, them };
  enum class In : std::uint8_t { invite, reliable, prack, update };

  By by = By::nobody;
  In in = In::invite;
  bool agreed = false;  ///< one exchange at least came to its end

  bool none() const noexcept { return by == By::nobody; }
  bool is(By whose, In what) const noexcept { return by == whose && in == what; }
  void open(By whose, In what) noexcept {
    by = whose;
    in = what;
  }
  void answered() noexcept {
    by = By::nobody;
    agreed = true;
  }
  void withdrawn() noexcept { by = By::nobody; }

  /// The refusal of an offer that comes now (RFC 3311 section 5.2): 491 while ours is open, 500 with
  /// Retry-After while theirs is; 0 where it may be answered.
  int refusal() const noexcept { return by == By::nobody ? 0 : by == By::us ? 491 : 500; }
};

/// Whether a message has a session description in it.
inline bool has_session(const MessageView& m) {
  if (m.body().empty()) return false;
  const auto type = m.get(hdr::content_type);
  return type && (type->is("application", "sdp") || iequals(type->type, "multipart"));
}

/// Whether an option tag stands in a list: Supported, Require.
template <class Tag>
bool lists(const MessageView& m, const Tag& header, std::string_view option) {
  for (const auto& tag : m.all(header))
    if (tag && iequals(tag->token, option)) return true;
  return false;
}

}  // namespace sipstack
