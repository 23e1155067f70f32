// SPDX-License-Identifier: Apache-2.0
// What a UAS looks at before it processes a request, in the order of RFC 3261 section 8.2.
#pragma once

#include <optional>

#include "dialog/context.hpp"

namespace sipstack {

/// The refusal that a request earns by its method, Request-URI, Require or body (8.2.1 to 8.2.3; merged
/// requests, 8.2.2.2, only outside dialogs). Nothing where it may be processed. Not for ACK and CANCEL.
std::optional<ResponseWriter> refusal(UserAgentContext& ua, const RequestArrived& event,
                                      bool in_dialog);

}  // namespace sipstack
