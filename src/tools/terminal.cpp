// SPDX-License-Identifier: Apache-2.0
// Colour on terminals: ECMA-48 SGR sequences.
#include "tools/terminal.hpp"

#include <cstdlib>

#include <unistd.h>

namespace sipstack::tools {

bool colourful(std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  return ::isatty(::fileno(stream)) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

std::string coloured(std::FILE* stream, Colour colour, std::string_view text) {
  if (!colourful(stream)) return std::string(text);
  const char* code = "1";
  switch (colour) {
    case Colour::red: code = "31"; break;
    case Colour::green: code = "32"; break;
    case Colour::yellow: code = "33"; break;
    case Colour::blue: code = "34"; break;
    case Colour::bold: code = "1"; break;
  }
  return std::string("\033[") + code + 'm' + std::string(text) + "\033[0m";
}

}  // namespace sipstack::tools
