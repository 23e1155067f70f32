// SPDX-License-Identifier: Apache-2.0
// A parse error for people: the line, a caret under the byte, what was expected and where that is
// said.
#pragma once

#include <string>
#include <string_view>

#include "sipstack/parser/diagnostics.hpp"
#include "sipstack/parser/error.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack::tools {

/// The final response that an element owes the sender of `message`; 0 where it must stay silent, as
/// towards every response and ACK (RFC 3261 sections 17.1.1.3 and 18.1.2).
int owed(const ParseError& error, const MessageView& message) noexcept;

/// Several lines, each ended. `where` names the input ("bad.sip"); `text` is what `message` was
/// parsed from.
std::string explain(std::string_view where, std::string_view text, const MessageView& message,
                    const ParseError& error, bool colour);

/// The same of what lenient parsing let through: the place, and what was assumed.
std::string explain(std::string_view where, std::string_view text, const Diagnostic& told,
                    bool colour);

/// What should have stood there, in a few words.
std::string_view expected_form(const ParseError& error) noexcept;

}  // namespace sipstack::tools
