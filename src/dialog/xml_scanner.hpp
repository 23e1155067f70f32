// SPDX-License-Identifier: Apache-2.0
// Small XML documents, walked tag by tag. Only elements, attributes and text of XML 1.0: no DOCTYPE, so no
// entities but the five.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sipstack::xml {

inline constexpr std::size_t kMaxDepth = 32;

inline bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

inline std::string_view local_name(std::string_view name) noexcept {
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

/// The five entities; what else there is stays as it is written.
inline std::string decoded(std::string_view text) {
  static constexpr std::pair<std::string_view, char> kEntities[] = {
      {"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'}, {"quot;", '"'}, {"apos;", '\''}};
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] != '&') continue;
    const std::string_view rest = text.substr(i + 1);
    for (const auto& [name, c] : kEntities) {
      if (rest.substr(0, name.size()) != name) continue;
      out.back() = c;
      i += name.size();
      break;
    }
  }
  return out;
}

/// Text as it may stand in content and attributes. URIs and tags are ASCII; what is none cannot stand in
/// every XML document and becomes '?'.
inline std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&apos;"; break;
      default: out += c < 0x20 || c == 0x7f ? '?' : c;
    }
  }
  return out;
}

inline std::string trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return decoded(text);
}

/// Takes `name="value"` off the front of a tag's attributes, the value as it is written. False: there is none,
/// or none that is well-formed.
inline bool take_attribute(std::string_view& rest, std::string_view& name,
                           std::string_view& value) noexcept {
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  const auto equals = rest.find('=');
  if (equals == std::string_view::npos) return false;
  name = rest.substr(0, equals);
  while (!name.empty() && is_space(name.back())) name.remove_suffix(1);
  rest.remove_prefix(equals + 1);
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) return false;
  const auto end = rest.find(rest[0], 1);
  if (end == std::string_view::npos) return false;
  value = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  return true;
}

/// One tag: "<name a="b">", "<name/>", "</name>".
struct Tag {
  std::string_view name;   ///< without a prefix
  std::string_view qname;  ///< with it
  std::string_view attributes;
  std::string_view whole;  ///< as it stands there
  bool opens = false;
  bool closes = false;

  /// Nothing where it is absent.
  std::optional<std::string> attribute(std::string_view wanted) const {
    std::string_view rest = attributes, found, value;
    while (take_attribute(rest, found, value))
      if (found == wanted) return decoded(value);
    return std::nullopt;
  }
};

/// Walks the tags of a document, and the text in front of each.
class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : rest_(text) {}

  /// False at the end, and where it is malformed: see sound().
  bool next(Tag& tag, std::string_view& text_before) noexcept {
    while (true) {
      const auto open = rest_.find('<');
      if (open == std::string_view::npos) return false;
      text_before = rest_.substr(0, open);
      rest_.remove_prefix(open + 1);
      if (rest_.substr(0, 3) == "!--") {
        if (!skip_behind("-->")) return false;
      } else if (!rest_.empty() && rest_[0] == '?') {
        if (!skip_behind("?>")) return false;
      } else if (!rest_.empty() && rest_[0] == '!') {
        return sound_ = false;
      } else {
        return read(tag);
      }
    }
  }
  bool sound() const noexcept { return sound_; }

 private:
  bool skip_behind(std::string_view mark) noexcept {
    const auto end = rest_.find(mark);
    if (end == std::string_view::npos) return sound_ = false;
    rest_.remove_prefix(end + mark.size());
    return true;
  }
  bool read(Tag& tag) noexcept {
    std::size_t end = 0;
    for (char quote = 0; end < rest_.size() && (quote != 0 || rest_[end] != '>'); ++end) {
      const char c = rest_[end];
      if (quote != 0)
        quote = c == quote ? '\0' : quote;
      else if (c == '"' || c == '\'')
        quote = c;
    }
    if (end == rest_.size() || end == 0) return sound_ = false;
    std::string_view inside = rest_.substr(0, end);
    tag = {};
    tag.whole = {rest_.data() - 1, end + 2};
    rest_.remove_prefix(end + 1);
    tag.opens = inside.front() != '/';
    tag.closes = !tag.opens || inside.back() == '/';
    if (!tag.opens)
      inside.remove_prefix(1);
    else if (tag.closes)
      inside.remove_suffix(1);
    const auto name_end = std::find_if(inside.begin(), inside.end(), is_space);
    const auto length = static_cast<std::size_t>(name_end - inside.begin());
    tag.qname = inside.substr(0, length);
    tag.name = local_name(tag.qname);
    tag.attributes = inside.substr(length);
    return !tag.name.empty() || (sound_ = false);
  }

  std::string_view rest_;
  bool sound_ = true;
};

}  // namespace sipstack::xml
