// SPDX-License-Identifier: Apache-2.0
// The eager check: every known header by its own grammar, in message order.
#include <array>

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

template <class T>
unsigned uri_headers(const T&) noexcept {
  return 0;
}
unsigned uri_headers(const NameAddr& address) noexcept { return scan::uri_headers(address.uri); }

struct Line {
  const char* bytes;
  const char* readable;
  const HeaderEntry& entry;
  const ParseLimits& limits;
  std::uint16_t& values;  ///< of this header so far, over all its lines
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
    s.params = 0;
    T out{};
    code = tag.scan != nullptr ? tag.scan(s, out) : tag.parse(s.at, end, out);
    if (code != ParseErrc::ok) break;
    if (s.params > line.limits.params || uri_headers(out) > line.limits.uri_headers ||
        ++line.values > most(tag.id, line.limits)) {
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
    const ParseError error = check_line(
        {bytes, message.bytes().data() + message.bytes().size(), *entry, limits, values[id]});
    if (error.code != ParseErrc::ok) return unexpected<ParseError>(error);
  }
  return {};
}

}  // namespace sipstack
