// SPDX-License-Identifier: Apache-2.0
// What the machine could not do, as std::error_code. A SIP status is an outcome, not one of these.
#pragma once

#include <system_error>

namespace sipstack {

enum class Errc {
  ok = 0,
  timeout,                ///< no (final) response in time: timers B, F, C, or a guard
  transport_failed,       ///< the transport reported an error for this message
  unresolved,             ///< RFC 3263 found no target, or no local socket can reach one
  too_many_transactions,  ///< a cap of TransactionOptions is reached
  write_failed,           ///< the message could not be written: injection, size, or memory
  gone,                   ///< a stale handle
  wrong_state,            ///< the call or registration can't do that now
  cancelled,              ///< ended by our own side
  challenged_again,       ///< credentials were refused, or there are none for this realm
  not_acknowledged,       ///< no ACK for a 2xx within 64*T1 (RFC 3261 section 13.3.1.4)
  bad_response,           ///< a final response that cannot be used
};

const std::error_category& sip_category() noexcept;
inline std::error_code make_error_code(Errc e) noexcept {
  return {static_cast<int>(e), sip_category()};
}

}  // namespace sipstack

template <>
struct std::is_error_code_enum<sipstack::Errc> : std::true_type {};
