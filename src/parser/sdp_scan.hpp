// SPDX-License-Identifier: Apache-2.0
// What the grammar of session descriptions tells besides yes or no.
#pragma once

#include <cstddef>
#include <string_view>

#include "sipstack/parser/sdp.hpp"

namespace sipstack::sdp {

struct Sections {
  std::size_t first_media = 0;  ///< offset of the first m= line, or the size of the text
  std::size_t media_count = 0;
};

/// Checks all of `text` (src/parser/sdp.rl).
expected<Sections, ParseError> scan(std::string_view text) noexcept;

}  // namespace sipstack::sdp
