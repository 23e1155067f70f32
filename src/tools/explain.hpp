// SPDX-License-Identifier: Apache-2.0
// A parse error for people: the line, a caret under the byte, what was expected and where that is said.
#pragma once

#include <string>
#include <string_view>

#include "sipstack/parser/error.hpp"

namespace sipstack::tools {

/// Several lines, each ended. `where` names the input ("bad.sip"); `text` is what was parsed.
std::string explain(std::string_view where, std::string_view text, const ParseError& error,
                    bool colour);

/// What should have stood there, in a few words.
std::string_view expected_form(const ParseError& error) noexcept;

}  // namespace sipstack::tools
