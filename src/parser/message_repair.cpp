// SPDX-License-Identifier: Apache-2.0
// What lenient parsing lets through of what parse() checks. RFC 4475 section 3.1.2.
#include "parser/lenient.hpp"
#include "parser/message_pass.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Takes the part up to the next space off the front.
std::string_view next_part(std::string_view& rest) noexcept {
  rest = trimmed(rest);
  const std::string_view part = rest.substr(0, rest.find(' '));
  rest.remove_prefix(part.size());
  return part;
}

bool is_version(std::string_view text) noexcept {
  return text.size() > 4 && iequals(text.substr(0, 4), "SIP/");
}

}  // namespace

template <class T>
ParseErrc MessagePass::repair(HeaderId id, const char* value, const char*& cursor, const char* end,
                              T& out, unsigned& params, ParseErrc code) noexcept {
  const bool list = rule(id) == HeaderRule::list;
  detail::Notes notes(*told_, begin_, id);
  if (code != ParseErrc::ok || (cursor != end && !(list && *cursor == ','))) {
    cursor = value;
    code = detail::reread(id, cursor, end, out, notes);
    if constexpr (std::is_same_v<T, Via> || std::is_same_v<T, NameAddr>) {
      for (auto param = out.params.begin(); param != out.params.end(); ++param) ++params;
    }
  }
  // Commas with nothing behind them: the next value begins there, or none does.
  if (code == ParseErrc::ok && list && cursor != end) {
    const char* const next = detail::skip_empty_values(cursor + 1, end, notes);
    if (next == end) notes.tell(Repair::empty_value, cursor);
    cursor = next == end ? end : next - 1;
  }
  return code;
}

template ParseErrc MessagePass::repair(HeaderId, const char*, const char*&, const char*, Via&,
                                       unsigned&, ParseErrc) noexcept;
template ParseErrc MessagePass::repair(HeaderId, const char*, const char*&, const char*, NameAddr&,
                                       unsigned&, ParseErrc) noexcept;
template ParseErrc MessagePass::repair(HeaderId, const char*, const char*&, const char*, CSeq&,
                                       unsigned&, ParseErrc) noexcept;
template ParseErrc MessagePass::repair(HeaderId, const char*, const char*&, const char*, TextValue&,
                                       unsigned&, ParseErrc) noexcept;

bool MessagePass::repair_request_uri(const char* first, const char* last) noexcept {
  std::string_view text = scan::text(first, last);
  const bool bracketed = text.size() > 2 && text.front() == '<' && text.back() == '>';
  if (bracketed) text = text.substr(1, text.size() - 2);
  Diagnostics told;
  detail::Notes notes(told, begin_, HeaderId::other);
  Uri uri;
  const char* cursor = text.data();
  if (lenient::uri(cursor, text.data() + text.size(), uri, false, notes) != ParseErrc::ok) {
    return false;
  }
  if (bracketed) tell(Repair::bracketed_request_uri, first);
  told_->tell(told);
  if (!uri.headers.empty()) {
    // Neither acted upon nor forwarded (RFC 4475 section 3.1.2.11): the index leaves them out.
    text = text.substr(0, static_cast<std::size_t>(uri.headers.data() - 1 - text.data()));
    tell(Repair::request_uri_headers, uri.headers.data() - 1);
  }
  index_.uri = span(text);
  std::size_t params = 0;
  for (auto param = uri.params.begin(); param != uri.params.end(); ++param) ++params;
  if (params > limits_.params) fail(ParseErrc::too_many, uri.params.text().data());
  return true;
}

// METHOD URI SIP/2.0 or SIP/2.0 STATUS REASON with spaces where none or one is due.
bool MessagePass::repair_start_line(std::string_view line) noexcept {
  // A control byte or a tab is no space.
  const char* const end = line.data() + line.size();
  if (scan::find_control(line.data(), end) != end) return false;
  std::string_view rest = line;
  const std::string_view first = next_part(rest);
  const std::string_view second = next_part(rest);
  const bool spaced =
      first.data() != line.data() || second.data() != first.data() + first.size() + 1;
  if (first.empty() || second.empty()) return false;
  if (is_version(first)) {
    if (second.size() != 3 || second.find_first_not_of("0123456789") != std::string_view::npos) {
      return false;
    }
    version(first.data() + 4, first.data() + first.size());
    status(second.data(), second.data() + second.size());
    if (spaced)
      tell(Repair::extra_space, first.data() != line.data() ? line.data() : second.data() - 1);
    if (rest.empty()) {
      tell(Repair::missing_reason, second.data() + second.size());
      index_.reason = span(end, end);
    } else {
      index_.reason = span(rest.data() + 1, end);
    }
    return true;
  }
  const std::string_view third = next_part(rest);
  if (!is_token(first) || !is_version(third) || !trimmed(rest).empty()) return false;
  const char* const extra = first.data() != line.data() ? line.data()
                            : spaced                    ? second.data() - 1
                            : third.data() != second.data() + second.size() + 1
                                ? third.data() - 1
                                : third.data() + third.size();
  tell(Repair::extra_space, extra);
  method(first.data(), first.data() + first.size());
  request_uri(second.data(), second.data() + second.size());
  version(third.data() + 4, third.data() + third.size());
  return true;
}

bool MessagePass::repair_tag(HeaderId id, const Param& tag) noexcept {
  // Told where the parameters were read.
  if (tag.value.empty()) return true;
  if (tag.value.front() != '"') return false;
  tell(Repair::quoted_tag, tag.value.data(), id);
  return true;
}

// The same value twice can be read in one way only.
bool MessagePass::repair_repeated(HeaderId id, const char* name, const char* value,
                                  const char* end) noexcept {
  const MessageView seen(begin_, index_);
  const auto first = seen.raw(id);
  if (!first || *first != scan::text(value, end)) return false;
  tell(Repair::repeated_header, name, id);
  return true;
}

}  // namespace sipstack
