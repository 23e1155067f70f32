// SPDX-License-Identifier: Apache-2.0
// A session description as a JSON object.
#pragma once

#include <string_view>

#include "tools/json.hpp"

namespace sipstack::tools {

/// Where it can't be read: {"valid": false, "error": ...}, offsets from the body's first byte.
void write_sdp(Json& json, std::string_view body);

}  // namespace sipstack::tools
