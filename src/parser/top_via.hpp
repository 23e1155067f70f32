// SPDX-License-Identifier: Apache-2.0
// received and rport in the topmost Via of a request. RFC 3261 section 18.2.1, RFC 3581 section 4.
#pragma once

#include <charconv>
#include <string_view>

#include "sipstack/base/flow.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack {

/// What the topmost Via of a message says about where responses go, found by one short walk.
struct TopVia {
  const HeaderEntry* line = nullptr;  ///< the first Via line; null: read it by the grammar instead
  Span16 rport;                       ///< name, and value where there is one
  Span16 received;                    ///< likewise
  bool maddr = false;
  std::uint16_t end = 0;  ///< of the line's first value
};

/// For messages that parse() found sound, whose Via is written as nearly all are: no white space, quotes
/// or repeated parameters behind the sent-by.
inline TopVia top_via(const MessageView& message) noexcept {
  TopVia via;
  const IndexHead& head = message.head();
  if (!head.sound || head.sent_by.length == 0) return via;
  const HeaderEntry* entry = message.begin_entries();
  while (entry->id != HeaderId::via) ++entry;  // a sound message has one
  const char* const base = message.bytes().data() - head.start;
  const char* at = base + head.sent_by.begin + head.sent_by.length;
  const char* const end = base + entry->value + entry->length;
  const auto offset = [base](const char* p) { return static_cast<std::uint16_t>(p - base); };
  while (at != end && *at == ';') {
    const char* const name = ++at;
    // The branch is the longest, and where it ends is known.
    if (head.branch.length != 0 && base + head.branch.begin - name == 7) {
      at = base + head.branch.begin + head.branch.length;
      continue;
    }
    const char* equals = nullptr;
    for (; at != end && *at != ';' && *at != ','; ++at) {
      if (static_cast<unsigned char>(*at) <= ' ' || *at == '"') return via;
      if (*at == '=' && equals == nullptr) equals = at;
    }
    const Span16 whole{offset(name), static_cast<std::uint16_t>(at - name)};
    const std::string_view text(name, static_cast<std::size_t>((equals ? equals : at) - name));
    const auto once = [&](Span16& span) {
      if (span.length != 0) return false;
      span = whole;
      return true;
    };
    if (text.size() == 5 && iequals(text, "rport")) {
      if (!once(via.rport)) return via;
    } else if (text.size() == 8 && iequals(text, "received")) {
      if (!once(via.received)) return via;
    } else if (text.size() == 5 && iequals(text, "maddr")) {
      via.maddr = true;
    }
  }
  if (at != end && *at != ',') return via;
  via.end = offset(at);
  via.line = entry;
  return via;
}

/// Whether the host of a sent-by is the address itself; a name never is.
inline bool same_host(std::string_view sent_by_host, const IpAddress& ip) noexcept {
  const auto host = IpAddress::parse(sent_by_host);
  return host && host->bytes() == ip.bytes();
}

/// The Via value at the cursor, as parse_value(); read again where the message was parsed leniently.
inline ParseErrc read_via(const char* cursor, const char* end, bool lenient, Via& out) noexcept {
  detail::Notes silent;
  return lenient ? detail::read_leniently(hdr::via, cursor, end, out, silent)
                 : parse_value(cursor, end, out);
}

/// Gives put() the pieces of a Via line's value, of whose first value received and rport are set from
/// where the request came. A value that does not parse, or one of a request that came from no address,
/// comes out as it is; `lenient` as the request was.
template <class Put>
void put_via_from(std::string_view line, bool lenient, const Flow& source, Put&& put) {
  Via via;
  const char* const begin = line.data();
  const char* const end = begin + line.size();
  if (source.remote.ip.bytes().empty() || read_via(begin, end, lenient, via) != ParseErrc::ok)
    return put(line);

  const auto piece = [](const char* from, const char* to) {
    return std::string_view(from, static_cast<std::size_t>(to - from));
  };
  // RFC 3581 section 4: with rport, received is set even where it equals sent-by.
  const bool rport = via.params.has("rport");
  const bool received =
      rport || via.params.has("received") || !same_host(via.host, source.remote.ip);

  // What a sender wrote as received would send our answer elsewhere: it goes.
  const char* const value_end = via.text.data() + via.text.size();
  const char* at = begin;
  const char* kept = via.params.empty() ? value_end : via.params.text().data();
  for (const Param& param : via.params) {
    const std::string_view last = param.has_value ? param.value : param.name;
    const char* const param_end = last.data() + last.size();
    const bool is_rport = iequals(param.name, "rport");
    if (is_rport || iequals(param.name, "received")) {
      put(piece(at, kept));
      at = param_end;
    }
    kept = param_end;
  }
  put(piece(at, value_end));
  if (received) {
    char text[46];
    put(std::string_view(";received="));
    put(std::string_view(text, source.remote.ip.to_chars(text)));
  }
  if (rport) {
    char digits[5];
    const auto written = std::to_chars(digits, digits + sizeof digits, source.remote.port);
    put(std::string_view(";rport="));
    put(piece(digits, written.ptr));
  }
  put(piece(value_end, end));
}

}  // namespace sipstack
