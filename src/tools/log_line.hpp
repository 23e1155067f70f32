// SPDX-License-Identifier: Apache-2.0
// A log record as a line: for people, or as a JSON object.
#pragma once

#include <string>
#include <string_view>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/log.hpp"
#include "sipstack/core/trace.hpp"

namespace sipstack::tools {

/// "sipstack: warning: ..."
std::string text_line(const LogRecord& record);

/// {"time": RFC 3339 in UTC, "level": ..., "event": ..., "message": the text, and the fields by their names}.
/// One line whatever the fields hold; a byte that is no UTF-8 is \u00XX of it.
std::string json_line(const LogRecord& record, WallTime now);
/// A message of the wire at debug, its credentials masked.
std::string json_line(bool sent, std::string_view bytes, const Flow& flow, WallTime now);

/// "2026-11-23T09:30:00.123456Z"
std::string rfc3339(WallTime time);

}  // namespace sipstack::tools
