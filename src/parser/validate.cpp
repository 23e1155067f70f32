// SPDX-License-Identifier: Apache-2.0
// The eager check: every known header by its own grammar, in message order; strictly, or telling what
// lenient parsing lets through.
#include <array>
#include <iterator>
#include <type_traits>

#include "parser/scan.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack {
namespace {

// How many values of a header there may be, over all its lines.
std::uint16_t most(HeaderId id, const ParseLimits& limits) noexcept {
  switch (id) {
    case HeaderId::via: return limits.vias;
    case HeaderId::contact: return limits.contacts;
    case HeaderId::authorization:
    case HeaderId::proxy_authorization: return limits.credentials;
    default: return limits.values;
  }
}

template <class T, class = void>
struct has_params : std::false_type {};
template <class T>
struct has_params<T, std::enable_if_t<std::is_same_v<decltype(T::params), Params>>>
    : std::true_type {};

bool within(const Params& params, const ParseLimits& limits) noexcept {
  return std::distance(params.begin(), params.end()) <= limits.params;
}

// Whether the lists in a value are no longer than the limits.
template <class T>
bool within(const T& value, const ParseLimits& limits) noexcept {
  if constexpr (std::is_base_of_v<NameAddr, T>) {
    return within(value.params, limits) && within(value.uri.params, limits) &&
           scan::count_headers(value.uri) <= limits.uri_headers;
  } else if constexpr (has_params<T>::value) {
    return within(value.params, limits);
  } else {
    return true;
  }
}

struct Line {
  const char* bytes;
  const char* readable;
  const HeaderEntry& entry;
  const ParseLimits& limits;
  std::uint16_t& values;  ///< of this header so far, over all its lines
  Diagnostics* told;      ///< null: strictly
};

template <class T>
ParseError check(const HeaderTag<T>& tag, const Line& line) {
  const char* const first = line.bytes + line.entry.value;
  const char* const end = first + line.entry.length;
  scan::Scan s{first, end, line.readable};
  ParseErrc code = ParseErrc::ok;
  if (first == end && detail::may_be_empty(tag.id)) return {};
  for (;; ++s.at) {
    const char* const begin = s.at;
    T out{};
    if (line.told == nullptr) {
      code = tag.scan != nullptr ? tag.scan(s, out) : tag.parse(s.at, end, out);
    } else {
      detail::Notes notes(*line.told, line.bytes, tag.id);
      if (tag.rule == HeaderRule::list) s.at = detail::skip_empty_values(s.at, end, notes);
      if (s.at == end) {
        if (begin != first) notes.tell(Repair::empty_value, begin - 1);
        return {};
      }
      code = detail::read_leniently(tag, s.at, end, out, notes);
    }
    if (code != ParseErrc::ok) break;
    if (!within(out, line.limits) || ++line.values > most(tag.id, line.limits)) {
      code = ParseErrc::too_many;
      s.at = begin;
      break;
    }
    if (s.at == end) return {};
    if (tag.rule != HeaderRule::list || *s.at != ',') {
      code = ParseErrc::trailing_bytes;
      break;
    }
  }
  return {code, tag.id, static_cast<std::uint32_t>(s.at - line.bytes)};
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

bool exceeds(ParseErrc code) noexcept {
  return code == ParseErrc::too_many || code == ParseErrc::too_large;
}

bool misplaced(HeaderId id, const MessageView& message) noexcept {
  const HeaderPlace where = place(id);
  return message.is_request() ? where == HeaderPlace::response : where == HeaderPlace::request;
}

expected<void, ParseError> check_all(const MessageView& message, Diagnostics* told,
                                     const ParseLimits& limits) noexcept {
  const char* const bytes = message.bytes().data() - message.head().start;
  const char* const readable = message.bytes().data() + message.bytes().size();
  std::array<std::uint16_t, kHeaderIds> lines{};
  std::array<std::uint16_t, kHeaderIds> values{};
  for (const HeaderEntry* entry = message.begin_entries(); entry != message.end_entries();
       ++entry) {
    const auto id = static_cast<std::size_t>(entry->id);
    const bool again = ++lines[id] > 1 && rule(entry->id) == HeaderRule::single;
    if (again && told == nullptr) {
      return unexpected<ParseError>(
          ParseError{ParseErrc::duplicate_header, entry->id, entry->name});
    }
    // What parse() acts upon it has told.
    const bool read = told != nullptr && entry->id <= HeaderId::content_length;
    Diagnostics repairs;
    const ParseError error = check_line(
        {bytes, readable, *entry, limits, values[id], told == nullptr ? nullptr : &repairs});
    if (error.code != ParseErrc::ok && (told == nullptr || exceeds(error.code))) {
      return unexpected<ParseError>(error);
    }
    if (told == nullptr) continue;
    const auto tell = [&](Repair rule, std::uint32_t at) { told->tell({rule, entry->id, at}); };
    if (misplaced(entry->id, message)) tell(Repair::misplaced_header, entry->name);
    if (read) continue;
    if (again) {
      tell(Repair::repeated_header, entry->name);
    } else if (error.code != ParseErrc::ok) {
      tell(Repair::ignored_header, error.offset);
    } else {
      told->tell(repairs);
    }
  }
  return {};
}

}  // namespace

expected<void, ParseError> validate(const MessageView& message,
                                    const ParseLimits& limits) noexcept {
  return check_all(message, nullptr, limits);
}

expected<void, ParseError> validate(const MessageView& message, Diagnostics& told,
                                    const ParseLimits& limits) noexcept {
  return check_all(message, &told, limits);
}

}  // namespace sipstack
