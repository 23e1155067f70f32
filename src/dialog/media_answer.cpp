// SPDX-License-Identifier: Apache-2.0
// Attributes of ours that depend on what was offered. RFC 4568 section 5.1.2 (crypto), RFC 5763 section 5 and
// RFC 4145 section 4.1 (setup), RFC 8285 section 6 (extmap), RFC 5761 section 5.1.1 (rtcp-mux), RFC 8839 section
// 4.2 (ICE), RFC 5888 section 5 (mid), T.38 annex D (version).
#include <algorithm>
#include <charconv>
#include <utility>

#include "dialog/media_description.hpp"
#include "sipstack/parser/params.hpp"
#include "sipstack/parser/sdp_attributes.hpp"

namespace sipstack::sdp {
namespace {

/// What was offered for a section: its own attribute, else the session's.
struct Offered {
  const Session& session;
  const Media* medium;

  std::optional<std::string_view> attribute(std::string_view name) const {
    if (medium != nullptr)
      if (const auto own = medium->attribute(name)) return own;
    return session.attribute(name);
  }
  /// At the session level: of any medium.
  bool has(std::string_view name) const {
    return attribute(name) ||
           (medium == nullptr &&
            std::any_of(session.media.begin(), session.media.end(),
                        [name](const Media& m) { return m.attribute(name).has_value(); }));
  }
};

bool is_ice(std::string_view name) noexcept {
  return name.substr(0, 4) == "ice-" || name == "candidate" || name == "end-of-candidates" ||
         name == "remote-candidates";
}

template <class Each>
void for_each_attribute(const std::vector<Line>& lines, std::string_view name, Each&& each) {
  for (const Line& line : lines)
    if (line.type == 'a')
      if (const Attribute a = attribute_of(line.value); a.name == name) each(a.value);
}

bool has_attribute(const std::vector<Line>& lines, std::string_view name) {
  bool found = false;
  for_each_attribute(lines, name, [&](std::string_view) { found = true; });
  return found;
}

/// The first offered suite that is ours, with its tag and our key; "" where there is none.
std::string crypto_answer(const Media& offered, const std::vector<Line>& ours) {
  std::string out;
  for_each_attribute(offered.lines, "crypto", [&](std::string_view value) {
    const auto theirs = crypto_of(value);
    if (!theirs || !out.empty()) return;
    for_each_attribute(ours, "crypto", [&](std::string_view own) {
      const auto mine = crypto_of(own);
      if (!mine || !out.empty() || !iequals(mine->suite, theirs->suite)) return;
      const auto keys = static_cast<std::size_t>(mine->suite.data() - own.data());
      out = std::to_string(theirs->tag) + " " + std::string(own.substr(keys));
    });
  });
  return out;
}

/// The other end of the offer's: whoever leaves it to us gets active, if we do not insist on passive.
std::string setup_answer(const Offered& offered, std::string_view ours) {
  const auto theirs = setup_of(offered.attribute("setup").value_or("active"));
  if (!theirs) return "active";
  switch (*theirs) {
    case Setup::active: return "passive";
    case Setup::passive: return "active";
    case Setup::holdconn: return "holdconn";
    case Setup::actpass: break;
  }
  return ours == "passive" ? "passive" : "active";
}

std::string extension_answer(const Media& offered, std::string_view ours) {
  const auto mine = extension_map_of(ours);
  std::string out;
  for_each_attribute(offered.lines, "extmap", [&](std::string_view value) {
    const auto theirs = extension_map_of(value);
    if (mine && theirs && out.empty() && mine->uri == theirs->uri)
      out = std::to_string(theirs->id) + " " + std::string(mine->uri);
  });
  return out;
}

int number(std::string_view text) noexcept {
  int out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

/// Keys for a profile that needs them are there on both sides, in the same way.
bool keyed(const Offered& offered, const Capabilities& session, const std::vector<Line>& ours) {
  const std::string& proto = offered.medium->proto;
  if (proto.find("SAVP") == std::string::npos) return true;
  const bool dtls =
      offered.attribute("fingerprint").has_value() &&
      (has_attribute(ours, "fingerprint") || has_attribute(session.lines, "fingerprint"));
  if (dtls) return true;
  return proto.find("TLS") == std::string::npos && !crypto_answer(*offered.medium, ours).empty();
}

}  // namespace

bool answer_lines(const Session& offer, const Media* medium, const Capabilities& session,
                  const std::vector<Line>& ours, Section& out) {
  const Offered offered{offer, medium};
  if (medium != nullptr && !keyed(offered, session, ours)) return false;
  bool crypto_done = false;
  for (const Line& line : ours) {
    if (line.type != 'a') {
      out.add(line.type, line.value);
      continue;
    }
    const Attribute a = attribute_of(line.value);
    const auto add = [&](std::string_view value) {
      if (!value.empty()) out.add_attribute(a.name, value);
    };
    if (a.name == "mid" || a.name == "group") continue;
    if (a.name == "crypto") {
      if (medium != nullptr && !std::exchange(crypto_done, true)) add(crypto_answer(*medium, ours));
    } else if (a.name == "setup") {
      if (offered.has("setup") || offered.has("fingerprint")) add(setup_answer(offered, a.value));
    } else if (a.name == "extmap") {
      if (medium != nullptr) add(extension_answer(*medium, a.value));
    } else if (a.name == "T38FaxVersion") {
      add(std::to_string(
          std::min(number(a.value), number(offered.attribute("T38FaxVersion").value_or("0")))));
    } else if (is_ice(a.name)) {
      if (offered.has("ice-ufrag")) out.lines.push_back(line);
    } else if (a.name == "rtcp-mux" || a.name == "rtcp-rsize" || a.name == "fingerprint") {
      if (offered.has(a.name)) out.lines.push_back(line);
    } else {
      out.lines.push_back(line);
    }
  }
  if (medium != nullptr)
    if (const auto mid = medium->attribute("mid")) out.add_attribute("mid", *mid);
  return true;
}

}  // namespace sipstack::sdp
