// SPDX-License-Identifier: Apache-2.0
// Which call an INVITE with Replaces is to replace. RFC 3891 section 3.
#pragma once

#include "dialog/context.hpp"

namespace sipstack {

struct Replacement {
  int status = 0;  ///< of the refusal; 0: none
  CallId call;     ///< to be ended when the INVITE is accepted; null: the INVITE replaces nothing
};

Replacement replacement(UserAgentContext& ua, const MessageView& invite);

}  // namespace sipstack
