// SPDX-License-Identifier: Apache-2.0
// The eager check: every known header by its own grammar, in message order.
#include <algorithm>
#include <array>
#include <iterator>
#include <type_traits>

#include "sipstack/parser/message_view.hpp"

namespace sipstack {
namespace {

template <class T, class = void>
struct has_params : std::false_type {};
template <class T>
struct has_params<T, std::enable_if_t<std::is_same_v<decltype(T::params), Params>>>
    : std::true_type {};

std::size_t count(const Params& params) noexcept {
  return static_cast<std::size_t>(std::distance(params.begin(), params.end()));
}

std::size_t count_headers(const Uri& uri) noexcept {
  if (uri.headers.empty()) return 0;
  return 1 + static_cast<std::size_t>(std::count(uri.headers.begin(), uri.headers.end(), '&'));
}

bool within(const Params& params, const ParseLimits& limits) noexcept {
  return count(params) <= limits.params;
}

// Whether the lists in a value are no longer than the limits.
template <class T>
bool within(const T& value, const ParseLimits& limits) noexcept {
  if constexpr (std::is_base_of_v<NameAddr, T>) {
    return within(value.params, limits) && within(value.uri.params, limits) &&
           count_headers(value.uri) <= limits.uri_headers;
  } else if constexpr (has_params<T>::value) {
    return within(value.params, limits);
  } else {
    return true;
  }
}

struct Line {
  const char* bytes;
  const HeaderEntry& entry;
  const ParseLimits& limits;
  std::uint16_t& values;  ///< of this header so far, over all its lines
};

template <class T>
ParseError check(const HeaderTag<T>& tag, const Line& line) {
  const char* const first = line.bytes + line.entry.value;
  const char* const end = first + line.entry.length;
  const char* cursor = first;
  ParseErrc code = ParseErrc::ok;
  if (first == end && detail::may_be_empty(tag.id)) return {};
  for (;; ++cursor) {
    const char* const begin = cursor;
    T value{};
    code = tag.parse(cursor, end, value);
    if (code != ParseErrc::ok) break;
    if (!within(value, line.limits) || ++line.values > line.limits.values) {
      code = ParseErrc::too_many;
      cursor = begin;
      break;
    }
    if (cursor == end) return {};
    if (tag.rule != HeaderRule::list || *cursor != ',') {
      code = ParseErrc::trailing_bytes;
      break;
    }
  }
  return {code, tag.id, static_cast<std::uint32_t>(cursor - line.bytes)};
}

ParseError check_line(const Line& line) {
  switch (line.entry.id) {
#define SIPSTACK_X(header, type, parser) \
  case HeaderId::header: return check(hdr::header, line);
    SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
    case HeaderId::other: break;
  }
  return {};
}

}  // namespace

expected<void, ParseError> validate(const MessageView& message,
                                    const ParseLimits& limits) noexcept {
  const char* const bytes = message.bytes().data() - message.head().start;
  std::array<std::uint16_t, kHeaderIds> lines{};
  std::array<std::uint16_t, kHeaderIds> values{};
  for (const HeaderEntry* entry = message.begin_entries(); entry != message.end_entries();
       ++entry) {
    const auto id = static_cast<std::size_t>(entry->id);
    if (++lines[id] > 1 && rule(entry->id) == HeaderRule::single) {
      return unexpected<ParseError>(
          ParseError{ParseErrc::duplicate_header, entry->id, entry->name});
    }
    const ParseError error = check_line({bytes, *entry, limits, values[id]});
    if (error.code != ParseErrc::ok) return unexpected<ParseError>(error);
  }
  return {};
}

}  // namespace sipstack
