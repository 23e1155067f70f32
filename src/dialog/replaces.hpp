// SPDX-License-Identifier: Apache-2.0
// Which call an INVITE with Replaces is to replace, or one with Join to be added to. RFC 3891 section 3,
// RFC 3911 section 4.
#pragma once

#include "dialog/context.hpp"

namespace sipstack {

struct Replacement {
  int status = 0;  ///< of the refusal; 0: none
  CallId call;     ///< to be ended when the INVITE is accepted; null: the INVITE replaces nothing
  CallId joins;    ///< that the caller wants to be added to; null: none
};

Replacement replacement(UserAgentContext& ua, const MessageView& invite);

}  // namespace sipstack
