// SPDX-License-Identifier: Apache-2.0
// Where a B2BUA's calls go by [[b2bua.route]].
#pragma once

#include <string>
#include <vector>

#include "sipstack/parser/uri.hpp"
#include "tools/settings.hpp"

namespace sipstack::tools {

/// The targets for a Request-URI: those of the route with the most specific domain (a host before "*.host", of
/// those the longest, before any), then the longest prefix, then the first. Empty where none fits.
std::vector<std::string> bridge_targets(const std::vector<BridgeRoute>& routes, const Uri& called);

}  // namespace sipstack::tools
