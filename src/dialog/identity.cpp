// SPDX-License-Identifier: Apache-2.0
// P-Asserted-Identity and Privacy. RFC 3325 sections 5, 8 and 9.1.
#include "sipstack/dialog/identity.hpp"

#include <algorithm>

#include "sipstack/parser/headers.hpp"

namespace sipstack {

CallerIdentity caller_identity(const MessageView& request, const Flow& flow,
                               const std::vector<IpAddress>& trusted) {
  CallerIdentity out;
  if (const auto privacy = request.get(hdr::privacy))
    out.withheld = privacy->has("id") || privacy->has("user") || privacy->has("header");
  const auto take = [&out](const NameAddr& value) {
    out.uri = std::string(value.uri.text);
    out.display = unquote(value.display);
  };
  if (std::find(trusted.begin(), trusted.end(), flow.remote.ip) != trusted.end()) {
    // Section 9.1: one sip(s) and one tel at most; the first that can be read is it.
    for (const auto& value : request.all(hdr::p_asserted_identity)) {
      if (!value) break;
      if (value->uri.scheme == UriScheme::other) continue;
      take(*value);
      out.asserted = true;
      return out;
    }
  }
  if (const auto from = request.get(hdr::from)) take(*from);
  return out;
}

}  // namespace sipstack
