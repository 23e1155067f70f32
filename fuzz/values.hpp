// SPDX-License-Identifier: Apache-2.0
// Walks a list of header values as HeaderRange does, in bounds and always forward.
#pragma once

#include <cstdlib>
#include <string_view>

#include "sipstack/parser/headers.hpp"

namespace fuzzing {

/// Calls look(value, text) for every value that parses; each text parses again by itself.
template <class T, class Look>
void each(const sipstack::HeaderTag<T>& tag, std::string_view list, Look look) {
  using sipstack::ParseErrc;
  const char* cursor = list.data();
  const char* const end = cursor + list.size();
  for (;;) {
    const char* const begin = cursor;
    T value{};
    const ParseErrc code = tag.parse(cursor, end, value);
    if (cursor < begin || cursor > end) std::abort();
    if (code != ParseErrc::ok) return;
    if (cursor != end && *cursor != ',') return;  // trailing bytes
    const std::string_view text(begin, static_cast<std::size_t>(cursor - begin));
    const char* again = text.data();
    T same{};
    if (tag.parse(again, text.data() + text.size(), same) != ParseErrc::ok ||
        again != text.data() + text.size()) {
      std::abort();
    }
    look(value, text);
    if (cursor == end) return;
    ++cursor;
  }
}

inline bool within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace fuzzing
