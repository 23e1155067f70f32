// SPDX-License-Identifier: Apache-2.0
// A message as one JSON object: what `sipstack parse --json` prints.
#pragma once

#include <optional>
#include <string>

#include "sipstack/parser/message_view.hpp"

namespace sipstack::tools {

/// One line without its end. With an error: valid is false, and of the message what could be read.
/// `told`, where given, becomes the list "repairs": what lenient parsing let through.
/// `bytes` is the whole input that `message` was parsed from; offsets count from its first byte.
std::string message_json(const MessageView& message, std::string_view bytes,
                         const std::optional<ParseError>& error, const Diagnostics* told = nullptr);

}  // namespace sipstack::tools
