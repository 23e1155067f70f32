// SPDX-License-Identifier: Apache-2.0
// dialog-info documents, read. RFC 4235 sections 4.1 and 4.3.
#include <algorithm>
#include <charconv>

#include "dialog/xml_scanner.hpp"
#include "sipstack/dialog/event_bodies.hpp"

namespace sipstack {

using xml::Scanner;
using xml::Tag;

namespace {

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
    if (path.size() > xml::kMaxDepth) return false;
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
      const auto state = state_from(xml::trimmed(text));
      if (!state) return false;
      out.dialogs.back().state = *state;
    } else if (path.size() == 4 && in_dialog("remote") && tag.name == "identity" &&
               out.dialogs.back().remote_uri.empty()) {
      out.dialogs.back().remote_uri = xml::trimmed(text);
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
