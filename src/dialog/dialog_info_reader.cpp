// SPDX-License-Identifier: Apache-2.0
// dialog-info documents, read. RFC 4235 sections 4.1 and 4.3. Only elements, attributes and text of XML 1.0:
// no DOCTYPE, so no entities but the five.
#include <algorithm>
#include <charconv>

#include "sipstack/dialog/event_bodies.hpp"

namespace sipstack {
namespace {

constexpr std::size_t kMaxDepth = 32;

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view local_name(std::string_view name) noexcept {
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

/// The five entities, and numbers below 128; what else there is stays as it is written.
std::string decoded(std::string_view text) {
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

std::string trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return decoded(text);
}

/// One tag: "<name a="b">", "<name/>", "</name>".
struct Tag {
  std::string_view name;  ///< without a prefix
  std::string_view attributes;
  bool opens = false;
  bool closes = false;

  /// Nothing where it is absent.
  std::optional<std::string> attribute(std::string_view wanted) const {
    std::string_view rest = attributes;
    while (true) {
      while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
      const auto equals = rest.find('=');
      if (equals == std::string_view::npos) return std::nullopt;
      std::string_view found = rest.substr(0, equals);
      while (!found.empty() && is_space(found.back())) found.remove_suffix(1);
      rest.remove_prefix(equals + 1);
      while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
      if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) return std::nullopt;
      const auto end = rest.find(rest[0], 1);
      if (end == std::string_view::npos) return std::nullopt;
      if (found == wanted) return decoded(rest.substr(1, end - 1));
      rest.remove_prefix(end + 1);
    }
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
    rest_.remove_prefix(end + 1);
    tag = {};
    tag.opens = inside.front() != '/';
    tag.closes = !tag.opens || inside.back() == '/';
    if (!tag.opens)
      inside.remove_prefix(1);
    else if (tag.closes)
      inside.remove_suffix(1);
    const auto name_end = std::find_if(inside.begin(), inside.end(), is_space);
    const auto length = static_cast<std::size_t>(name_end - inside.begin());
    tag.name = local_name(inside.substr(0, length));
    tag.attributes = inside.substr(length);
    return !tag.name.empty() || (sound_ = false);
  }

  std::string_view rest_;
  bool sound_ = true;
};

std::optional<DialogInfo::State> state_from(std::string_view text) noexcept {
  static constexpr std::string_view kStates[] = {"trying", "proceeding", "early", "confirmed",
                                                 "terminated"};
  for (std::size_t i = 0; i < 5; ++i)
    if (text == kStates[i]) return static_cast<DialogInfo::State>(i);
  return std::nullopt;
}

DialogInfo dialog_of(const Tag& tag) {
  DialogInfo d;
  d.id = tag.attribute("id").value_or("");
  d.call_id = tag.attribute("call-id").value_or("");
  d.local_tag = tag.attribute("local-tag").value_or("");
  d.remote_tag = tag.attribute("remote-tag").value_or("");
  d.initiator = tag.attribute("direction") == "initiator";
  return d;
}

std::optional<std::uint32_t> number(const std::string& text) noexcept {
  std::uint32_t out = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return out;
}

/// Where in the document the scanner is.
struct Reader {
  DialogInfoDocument out;
  std::vector<std::string_view> path;
  std::size_t max_dialogs;

  bool open(const Tag& tag) {
    path.push_back(tag.name);
    if (path.size() > kMaxDepth) return false;
    if (path.size() == 1) {
      const auto version = tag.attribute("version");
      const auto parsed = version ? number(*version) : std::nullopt;
      if (tag.name != "dialog-info" || !parsed) return false;
      out.version = *parsed;
      out.entity = tag.attribute("entity").value_or("");
      out.full = tag.attribute("state").value_or("full") != "partial";
    } else if (path.size() == 2 && tag.name == "dialog") {
      if (out.dialogs.size() >= max_dialogs) return false;
      out.dialogs.push_back(dialog_of(tag));
    } else if (path.size() == 4 && in_dialog("remote") && tag.name == "target") {
      if (auto uri = tag.attribute("uri")) out.dialogs.back().remote_uri = *std::move(uri);
    }
    return true;
  }
  bool close(const Tag& tag, std::string_view text) {
    if (path.empty() || path.back() != tag.name) return false;
    if (path.size() == 3 && path[1] == "dialog" && tag.name == "state") {
      const auto state = state_from(trimmed(text));
      if (!state) return false;
      out.dialogs.back().state = *state;
    } else if (path.size() == 4 && in_dialog("remote") && tag.name == "identity" &&
               out.dialogs.back().remote_uri.empty()) {
      out.dialogs.back().remote_uri = trimmed(text);
    }
    path.pop_back();
    return true;
  }
  bool in_dialog(std::string_view part) const { return path[1] == "dialog" && path[2] == part; }
};

}  // namespace

std::optional<DialogInfoDocument> read_dialog_info(std::string_view body, std::size_t max_dialogs) {
  Scanner scanner(body);
  Reader reader{{}, {}, max_dialogs};
  Tag tag;
  std::string_view text;
  bool any = false;
  while (scanner.next(tag, text)) {
    if (any && reader.path.empty()) return std::nullopt;  // a second root
    any = true;
    if (tag.opens && !reader.open(tag)) return std::nullopt;
    if (tag.closes && !reader.close(tag, tag.opens ? std::string_view() : text))
      return std::nullopt;
  }
  if (!scanner.sound() || !any || !reader.path.empty()) return std::nullopt;
  return std::move(reader.out);
}

bool DialogInfoDocument::busy() const noexcept {
  return std::any_of(dialogs.begin(), dialogs.end(),
                     [](const DialogInfo& d) { return d.state != DialogInfo::State::terminated; });
}

DialogInfoMerge merge(DialogInfoDocument& known, DialogInfoDocument next, std::size_t max_dialogs) {
  if (next.version < known.version) return DialogInfoMerge::old;
  // The first document, a refresh of the same version, or the one behind what is known.
  bool missed = !next.full && next.version > known.version + 1;
  if (next.full) known.dialogs.clear();
  known.version = next.version;
  known.entity = std::move(next.entity);
  for (DialogInfo& d : next.dialogs) {
    const auto same = std::find_if(known.dialogs.begin(), known.dialogs.end(),
                                   [&](const DialogInfo& k) { return k.id == d.id; });
    if (same != known.dialogs.end())
      *same = std::move(d);
    else if (known.dialogs.size() < max_dialogs)
      known.dialogs.push_back(std::move(d));
    else
      missed = true;
  }
  known.dialogs.erase(
      std::remove_if(known.dialogs.begin(), known.dialogs.end(),
                     [](const DialogInfo& d) { return d.state == DialogInfo::State::terminated; }),
      known.dialogs.end());
  return missed ? DialogInfoMerge::missed : DialogInfoMerge::done;
}

std::string replaces(const DialogInfo& watched, bool early_only) {
  if (watched.call_id.empty() || watched.local_tag.empty() || watched.remote_tag.empty()) return {};
  // RFC 3891 section 6.1: as the reader has them, who is the watched party's peer.
  return watched.call_id + ";to-tag=" + watched.remote_tag + ";from-tag=" + watched.local_tag +
         (early_only ? ";early-only" : "");
}

std::string join(const DialogInfo& watched) {
  DialogInfo reversed = watched;
  std::swap(reversed.local_tag, reversed.remote_tag);
  return replaces(reversed);
}

}  // namespace sipstack
