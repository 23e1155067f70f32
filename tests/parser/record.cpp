// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "grammar_check.hpp"

namespace sipstack::testing {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

template <class T, class = void>
struct CanShow : std::false_type {};
template <class T>
struct CanShow<T, std::void_t<decltype(show(std::declval<const T&>()))>> : std::true_type {};

// Folds inside display names and quoted strings are white space as any other.
template <class T>
std::string say(const T& value, std::string_view raw) {
  if constexpr (CanShow<T>::value) {
    return unfold(show(value));
  } else {
    static_cast<void>(value);
    return unfold(raw);
  }
}

template <class T>
void add(Fields& fields, const HeaderTag<T>& tag, const MessageView& m, std::size_t skip) {
  // Line by line: a line that does not parse says what its bytes say.
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    const HeaderView line = m.header(i);
    if (line.id != tag.id) continue;
    Fields values;
    bool good = true;
    const char* cursor = line.value.data();
    const char* const end = cursor + line.value.size();
    while (good) {
      const char* const begin = cursor;
      T value{};
      good = tag.parse(cursor, end, value) == ParseErrc::ok;
      if (!good) break;
      values.emplace_back(lower(tag.name),
                          say(value, {begin, static_cast<std::size_t>(cursor - begin)}));
      if (cursor == end) break;
      good = tag.rule == HeaderRule::list && *cursor == ',';
      ++cursor;
    }
    if (!good) values = {{lower(tag.name), unfold(line.value)}};
    for (auto& value : values) {
      if (skip != 0)
        --skip;
      else
        fields.push_back(std::move(value));
    }
  }
}

std::string spell(const Params& params) {
  std::string out;
  for (const Param& param : params) {
    out += ";" + show(param.name);
    if (param.has_value) out += "=" + unfold(param.value);
  }
  return out;
}

}  // namespace

std::string record(const MessageView& m, std::size_t vias_left_out) {
  std::string out = m.is_request() ? show(m.method_name()) + " " + show(m.uri_text())
                                   : std::to_string(m.status()) + " " + show(m.reason());
  Fields fields;
#define SIPSTACK_X(header, type, parser)            \
  if (HeaderId::header != HeaderId::content_length) \
    add(fields, hdr::header, m, HeaderId::header == HeaderId::via ? vias_left_out : 0);
  SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    const HeaderView line = m.header(i);
    if (line.id == HeaderId::other) fields.emplace_back(lower(line.name), unfold(line.value));
  }
  std::stable_sort(fields.begin(), fields.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [name, value] : fields) out += "\n" + name + ": " + value;
  return out + "\n\n" + show(m.body());
}

std::string spell(const Via& via) {
  std::string out = "SIP/" + show(via.version) + "/" + show(via.transport) + " " + show(via.host);
  if (via.port) out += ":" + std::to_string(*via.port);
  return out + spell(via.params);
}

std::string spell(const NameAddr& address) {
  if (address.wildcard) return "*";
  std::string out = unfold(address.display);
  if (!out.empty()) out += " ";
  return out + "<" + show(address.uri.text) + ">" + spell(address.params);
}

std::string spell(const CSeq& cseq) { return show(cseq); }
std::string spell(const RAck& rack) { return show(rack); }
std::string spell(const TextValue& value) { return unfold(value.text); }
std::string spell(const TokenValue& value) { return show(value.token) + spell(value.params); }
std::string spell(const CallIdValue& value) { return show(value.call_id) + spell(value.params); }
std::string spell(const MediaType& media) {
  return show(media.type) + "/" + show(media.subtype) + spell(media.params);
}
std::string spell(const AuthValue& value) {
  return show(value.scheme) + (value.scheme.empty() ? "" : " ") + unfold(value.params);
}

}  // namespace sipstack::testing
