// SPDX-License-Identifier: Apache-2.0
// Calls that are sent on to somebody else, and by whom. RFC 5806.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sipstack/dialog/request_options.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack {

/// Why a call goes to somebody else (RFC 5806 section 4).
enum class DiversionReason : std::uint8_t {
  unknown,
  user_busy,
  no_answer,
  unavailable,
  unconditional,
  time_of_day,
  do_not_disturb,
  deflection,
  follow_me,
  out_of_service,
  away
};
std::string_view to_string(DiversionReason reason) noexcept;

/// A Diversion value: for the 302 that names the new target (section 5.1), whose caller takes it over. `by`:
/// the URI that was called.
std::string diversion(std::string_view by, DiversionReason reason);

/// The Diversion lines of an INVITE that sends `invite` on, whoever sends it: that of its Request-URI topmost,
/// behind it those that it had, at most 16 in all.
ExtraHeaders diverted(const MessageView& invite, DiversionReason reason);

/// How often a call was diverted already: the sum of the counters of its Diversion lines, which is what a
/// limit against circles asks for (section 4). Values that cannot be read count for one.
std::uint32_t diversions(const MessageView& invite) noexcept;

}  // namespace sipstack
