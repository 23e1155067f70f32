// SPDX-License-Identifier: Apache-2.0
// What of one side's messages the other side may see.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/dialog/request_options.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack::server {

/// The fields that `allowed` names ("Subject", "X-*"), unfolded. Those that make dialogs and routes, describe
/// the body or authenticate are never among them.
ExtraHeaders passing(const MessageView& message, const std::vector<std::string>& allowed);

/// The same for a refusal, with what its status stands for: Retry-After, Warning (by a pseudonym), Reason,
/// the lists of what would be taken, and with `contacts` where to go instead (RFC 3261 section 21.3).
ExtraHeaders passing_refusal(const MessageView& response, const std::vector<std::string>& allowed,
                             bool contacts);

/// Reason (RFC 3326) of a BYE, CANCEL or response, all lines as one value; empty where there is none.
std::string reason_of(const MessageView& message);

/// The name-addr of From without its parameters.
std::string caller_of(const MessageView& request);

/// The session description of a message, in multipart as well; empty where there is none.
std::string_view session_of(const MessageView& message);

/// Whether two descriptions say the same but for o=, whose version some count at every occasion.
bool same_session(std::string_view a, std::string_view b);

/// o= of what is said to one side (RFC 8866 section 5.2): the version counts what has changed since the last
/// one (RFC 3264 section 8).
class Origin {
 public:
  /// `sdp` with our o= in place of its own. `address`: IPv4 or IPv6.
  std::string apply(std::string_view sdp, std::uint64_t session, std::string_view address);

 private:
  std::string last_;  ///< without o=
  std::uint64_t version_ = 0;
};

}  // namespace sipstack::server
