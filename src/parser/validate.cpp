// SPDX-License-Identifier: Apache-2.0
// The eager check: every known header by its own grammar, in message order.
#include <array>

#include "parser/scan.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack {
namespace {

// A scanner for each type, which counts parameters where there are any. The narrower grammars of
// hdr:: constants come first: they have no parameters, or are told apart by Address.
ParseErrc value(const HeaderTag<Via>&, const char*& cursor, const char* end, unsigned& params,
                const ParseLimits&) {
  Via out;
  return scan::via(cursor, end, out, params);
}
ParseErrc value(const HeaderTag<NameAddr>& tag, const char*& cursor, const char* end,
                unsigned& params, const ParseLimits& limits) {
  const auto form = tag.parse == &parse_contact       ? scan::Address::or_star
                    : tag.parse == &parse_route       ? scan::Address::in_brackets
                    : tag.parse == &parse_referred_by ? scan::Address::maybe_without_scheme
                                                      : scan::Address::any;
  NameAddr out;
  const char* const first = cursor;
  const ParseErrc code = scan::name_addr(cursor, end, out, form, params);
  if (code != ParseErrc::ok || scan::uri_headers(out.uri) <= limits.uri_headers) return code;
  cursor = first;
  return ParseErrc::too_many;
}
ParseErrc value(const HeaderTag<MediaType>&, const char*& cursor, const char* end, unsigned& params,
                const ParseLimits&) {
  MediaType out;
  return scan::media_type(cursor, end, out, params);
}
ParseErrc value(const HeaderTag<TokenValue>&, const char*& cursor, const char* end,
                unsigned& params, const ParseLimits&) {
  TokenValue out;
  return scan::token_value(cursor, end, out, params);
}
ParseErrc value(const HeaderTag<CallIdValue>&, const char*& cursor, const char* end,
                unsigned& params, const ParseLimits&) {
  CallIdValue out;
  return scan::call_id_value(cursor, end, out, params);
}
ParseErrc value(const HeaderTag<NumberValue>& tag, const char*& cursor, const char* end,
                unsigned& params, const ParseLimits&) {
  NumberValue out;
  if (tag.parse == &parse_number) return parse_number(cursor, end, out);
  return scan::number_value(cursor, end, out, params);
}
template <class T>
ParseErrc value(const HeaderTag<T>& tag, const char*& cursor, const char* end, unsigned&,
                const ParseLimits&) {
  T out;
  return tag.parse(cursor, end, out);
}

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
    unsigned params = 0;
    code = value(tag, cursor, end, params, line.limits);
    if (code != ParseErrc::ok) break;
    if (params > line.limits.params || ++line.values > most(tag.id, line.limits)) {
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
