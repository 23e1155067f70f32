// SPDX-License-Identifier: Apache-2.0
// Colour for people, on terminals alone (https://no-color.org).
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace sipstack::tools {

/// True where `stream` is a terminal that wants colour.
bool colourful(std::FILE* stream);

enum class Colour { red, green, yellow, blue, bold };
/// `text` in that colour for `stream`, or as it is.
std::string coloured(std::FILE* stream, Colour colour, std::string_view text);

}  // namespace sipstack::tools
