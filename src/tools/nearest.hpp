// SPDX-License-Identifier: Apache-2.0
// The word that somebody meant.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sipstack::tools {

/// Insertions, removals, changes and swaps of neighbours that make one word the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The word nearest to `word`; "" where there are none. Of equals, the first.
std::string nearest(std::string_view word, const std::vector<std::string>& words);

}  // namespace sipstack::tools
