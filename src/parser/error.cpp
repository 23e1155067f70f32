// SPDX-License-Identifier: Apache-2.0
// Texts of parse errors, and offsets as people count them.
#include "sipstack/parser/error.hpp"

#include <algorithm>

namespace sipstack {
namespace {

struct Row {
  std::string_view name;
  int status;
  std::string_view text;
  std::string_view rfc;
};

constexpr Row kRows[] = {{"ok", 0, "no error", ""},
#define SIPSTACK_X(id, name, status, text, rfc) {name, status, text, rfc},
                         SIPSTACK_PARSE_ERRORS(SIPSTACK_X)
#undef SIPSTACK_X
};

const Row& row(ParseErrc code) noexcept { return kRows[static_cast<std::size_t>(code)]; }

}  // namespace

int ParseError::status() const noexcept { return row(code).status; }

std::string_view ParseError::rfc() const noexcept {
  switch (code) {
    case ParseErrc::bad_header:
    case ParseErrc::out_of_range:
    case ParseErrc::unterminated:
    case ParseErrc::trailing_bytes: {
      // The grammar that they offend stands where the header is defined.
      const std::string_view section = defined_in(header);
      return section.empty() ? row(code).rfc : section;
    }
    default: return row(code).rfc;
  }
}

std::string_view ParseError::message() const noexcept { return row(code).text; }

std::string_view to_string(ParseErrc code) noexcept { return row(code).name; }

TextPosition position(std::string_view text, std::uint32_t offset) noexcept {
  const std::string_view before = text.substr(0, std::min<std::size_t>(offset, text.size()));
  const std::size_t line_feed = before.rfind('\n');
  const std::size_t column =
      before.size() - (line_feed == std::string_view::npos ? 0 : line_feed + 1);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  return {static_cast<std::uint32_t>(lines) + 1, static_cast<std::uint32_t>(column) + 1};
}

}  // namespace sipstack
