// SPDX-License-Identifier: Apache-2.0
// Digits in INFO bodies: application/dtmf-relay and application/dtmf, as gateways and phones send them.
// There is no RFC; RFC 6086 section 1 has them among the legacy usages of INFO.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sipstack/parser/message_view.hpp"

namespace sipstack {

inline constexpr std::string_view kDtmfRelayType = "application/dtmf-relay";

struct Dtmf {
  char digit = 0;                 ///< 0-9, *, #, A-D, or '!' for a hook flash
  std::uint32_t duration_ms = 0;  ///< 0: not said
};

/// The digit of an INFO; nothing where it has none, or a body that is none of these.
std::optional<Dtmf> dtmf_of(const MessageView& info);
/// A body for kDtmfRelayType. A duration of 0 is left out.
std::string dtmf_relay(const Dtmf& dtmf);

}  // namespace sipstack
