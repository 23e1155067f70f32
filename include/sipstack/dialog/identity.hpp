// SPDX-License-Identifier: Apache-2.0
// Who calls, as far as it is known and may be shown. RFC 3325, RFC 3323.
#pragma once

#include <string>
#include <vector>

#include "sipstack/base/address.hpp"
#include "sipstack/base/flow.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack {

struct CallerIdentity {
  std::string uri;        ///< sip, sips or tel
  std::string display;    ///< without quotes; may be empty
  bool asserted = false;  ///< by a peer that is trusted to; else it is what From claims
  /// The caller wants it shown to nobody (Privacy: id, user or header; RFC 3323 section 4.2).
  bool withheld = false;
};

/// P-Asserted-Identity counts only where the message came straight from one of `trusted`, the elements of
/// our trust domain (RFC 3325 section 5); anybody can write it. Else, or where there is none, From.
CallerIdentity caller_identity(const MessageView& request, const Flow& flow,
                               const std::vector<IpAddress>& trusted);

}  // namespace sipstack
