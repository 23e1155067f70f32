// SPDX-License-Identifier: Apache-2.0
// Format parameters, codec by codec. RFC 4733 (telephone-event), RFC 4856 (G729), RFC 3952 (iLBC), RFC 6184
// (H264), RFC 7798 (H265), RFC 9628 (VP9). Parameters of opus (RFC 7587) and VP8 (RFC 7741) tell what their
// sender likes to receive, and exclude nothing.
#include "dialog/codec_match.hpp"

#include <algorithm>
#include <bitset>
#include <charconv>

#include "sipstack/parser/params.hpp"
#include "sipstack/parser/sdp_attributes.hpp"

namespace sipstack::sdp {
namespace {

std::string_view param(std::string_view fmtp, std::string_view name,
                       std::string_view otherwise) noexcept {
  return Fmtp{{}, fmtp}.find(name).value_or(otherwise);
}

template <class Number>
Number number(std::string_view text, Number otherwise, int base = 10) noexcept {
  Number out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? out : otherwise;
}

/// With that parameter in place of what was there, or without it where the value is empty.
std::string with(std::string_view fmtp, std::string_view name, std::string_view value) {
  std::string out;
  const auto add = [&out](std::string_view piece) {
    if (!out.empty()) out += ';';
    out += piece;
  };
  bool there = false;
  for (const std::string_view piece : Words(fmtp, ';')) {
    if (!iequals(format_param_of(piece).name, name)) {
      add(piece);
    } else if (!there && !value.empty()) {
      add(std::string(name) + "=" + std::string(value));
    }
    there = there || iequals(format_param_of(piece).name, name);
  }
  if (!there && !value.empty()) add(std::string(name) + "=" + std::string(value));
  return out;
}

// ---- telephone-event (RFC 4733 section 2.4.1)

using Events = std::bitset<256>;

/// "0-15,66,70"; what is no event is passed over. Without a list the sixteen of DTMF are meant.
Events events_of(std::string_view fmtp) {
  Events out;
  if (const auto named = Fmtp{{}, fmtp}.find("events")) fmtp = *named;
  if (fmtp.empty()) fmtp = "0-15";
  for (const std::string_view piece : Words(fmtp, ',')) {
    const auto dash = piece.find('-');
    const int first = number(piece.substr(0, dash), -1);
    const int last = dash == std::string_view::npos ? first : number(piece.substr(dash + 1), -1);
    for (int e = first; e >= 0 && e <= std::min(last, 255); ++e)
      out.set(static_cast<std::size_t>(e));
  }
  return out;
}

std::string list_of(const Events& events) {
  std::string out;
  for (std::size_t first = 0; first < events.size(); ++first) {
    if (!events[first]) continue;
    std::size_t last = first;
    while (last + 1 < events.size() && events[last + 1]) ++last;
    if (!out.empty()) out += ',';
    out += std::to_string(first);
    if (last != first) out += "-" + std::to_string(last);
    first = last;
  }
  return out;
}

// ---- H264 (RFC 6184 sections 8.1 and 8.2.2)

struct H264Profile {
  unsigned idc = 0x42;
  unsigned iop = 0;  ///< constraint_set flags
  unsigned level = 10;

  bool has_1b_flag() const noexcept { return idc == 0x42 || idc == 0x4d || idc == 0x58; }
  bool level_1b() const noexcept {
    return level == 9 || (level == 11 && has_1b_flag() && (iop & 0x10) != 0);
  }
  /// Levels in their order: 1 < 1b < 1.1.
  unsigned rank() const noexcept { return level_1b() ? 105 : level * 10; }
  /// Table 5: several spellings of one subset of tools.
  unsigned tools() const noexcept {
    enum : unsigned { baseline = 1, constrained, main, extended };
    const auto fits = [this](unsigned mask, unsigned value) { return (iop & mask) == value; };
    if ((idc == 0x42 && fits(0x4f, 0x40)) || (idc == 0x4d && fits(0x8f, 0x80)) ||
        (idc == 0x58 && fits(0xcf, 0xc0)))
      return constrained;
    if ((idc == 0x42 && fits(0x4f, 0)) || (idc == 0x58 && fits(0xcf, 0x80))) return baseline;
    if (idc == 0x4d && fits(0xaf, 0)) return main;
    if (idc == 0x58 && fits(0xcf, 0)) return extended;
    return 0x10000U | idc << 8 | iop;
  }
};

/// Without one the Baseline profile at level 1 is meant; nothing where it is malformed.
std::optional<H264Profile> h264_profile(std::string_view fmtp) noexcept {
  const std::string_view text = param(fmtp, "profile-level-id", "42000a");
  const auto value = number<std::uint32_t>(text, 0, 16);
  if (text.size() != 6 || value == 0) return std::nullopt;
  return H264Profile{value >> 16, value >> 8 & 0xff, value & 0xff};
}

std::string spelled(const H264Profile& p) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned byte : {p.idc, p.iop, p.level}) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::optional<std::string> h264(std::string_view ours, std::string_view theirs) {
  constexpr std::string_view kMode = "packetization-mode", kBoth = "level-asymmetry-allowed";
  const auto mine = h264_profile(ours), peer = h264_profile(theirs);
  if (!mine || !peer || mine->tools() != peer->tools()) return std::nullopt;
  const std::string_view mode = param(theirs, kMode, "0");
  if (mode != param(ours, kMode, "0")) return std::nullopt;
  const bool asymmetric = param(ours, kBoth, "0") == "1" && param(theirs, kBoth, "0") == "1";
  // Where levels may differ each side tells what it receives; else the lower one is for both. Profile and
  // flags are spelled as the offer has them.
  H264Profile level = *peer;
  if (asymmetric || mine->rank() < peer->rank()) {
    level.level = mine->level_1b() ? (level.has_1b_flag() ? 11U : 9U) : mine->level;
    if (level.has_1b_flag()) level.iop = (level.iop & ~0x10U) | (mine->level_1b() ? 0x10U : 0U);
  }
  std::string out = with(ours, "profile-level-id", spelled(level));
  out = with(out, kBoth, asymmetric ? "1" : "");
  return with(out, kMode, mode == "0" && !Fmtp{{}, theirs}.find(kMode) ? "" : mode);
}

// ---- H265 (RFC 7798 section 7.2.2)

std::optional<std::string> h265(std::string_view ours, std::string_view theirs) {
  static constexpr std::pair<std::string_view, std::string_view> kSame[] = {
      {"profile-space", "0"}, {"profile-id", "1"}, {"tier-flag", "0"}, {"tx-mode", "SRST"}};
  for (const auto& [name, otherwise] : kSame)
    if (!iequals(param(ours, name, otherwise), param(theirs, name, otherwise))) return std::nullopt;
  for (const std::string_view name : {"profile-compatibility-indicator", "interop-constraints"}) {
    const auto mine = Fmtp{{}, ours}.find(name), peer = Fmtp{{}, theirs}.find(name);
    if (mine && peer && !iequals(*mine, *peer)) return std::nullopt;
  }
  const std::string_view level = "level-id";
  const unsigned mine = number(param(ours, level, "93"), 93U);
  const unsigned peer = number(param(theirs, level, "93"), 93U);
  return peer < mine || Fmtp{{}, ours}.find(level)
             ? with(ours, level, std::to_string(std::min(mine, peer)))
             : std::string(ours);
}

// ---- all

/// The parameters of the answer; nothing where the two exclude each other.
std::optional<std::string> common_fmtp(std::string_view name, std::string_view ours,
                                       std::string_view theirs) {
  if (iequals(name, "telephone-event")) {
    const Events events = events_of(ours) & events_of(theirs);
    if (events.none()) return std::nullopt;
    return list_of(events);
  }
  // RFC 4856 section 2.1.9: annex B is used unless somebody says no.
  if (iequals(name, "G729") && iequals(param(theirs, "annexb", "yes"), "no"))
    return with(ours, "annexb", "no");
  // RFC 3952 section 5: 20 ms frames only where both want them.
  if (iequals(name, "iLBC"))
    return param(ours, "mode", "30") == param(theirs, "mode", "30") ? std::string(ours)
                                                                    : with(ours, "mode", "30");
  if (iequals(name, "H264")) return h264(ours, theirs);
  if (iequals(name, "H265")) return h265(ours, theirs);
  if (iequals(name, "rtx"))
    return std::nullopt;  // its apt names another line's number: not agreed on
  if (iequals(name, "VP9") && param(ours, "profile-id", "0") != param(theirs, "profile-id", "0"))
    return std::nullopt;
  return std::string(ours);
}

}  // namespace

std::string codec_key(std::string_view name, std::uint32_t rate, std::uint32_t channels,
                      std::string_view fmtp) {
  std::string key(name);
  for (char& c : key)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const auto add = [&key](const std::string& part) { key.append("/").append(part); };
  const std::string upper = key;
  add(std::to_string(rate));
  add(std::to_string(channels));
  if (upper == "H264") {
    add(std::string(param(fmtp, "packetization-mode", "0")));
    if (const auto profile = h264_profile(fmtp)) add(std::to_string(profile->tools()));
  } else if (upper == "H265" || upper == "VP9") {
    add(std::string(param(fmtp, "profile-id", upper == "VP9" ? "0" : "1")));
  }
  return key;
}

std::optional<Codec> common_codec(const Codec& ours, const RtpMap& theirs, std::string_view fmtp) {
  if (!iequals(ours.name, theirs.encoding) || ours.rate != theirs.rate ||
      ours.channels != theirs.channels)
    return std::nullopt;
  auto agreed = common_fmtp(ours.name, ours.fmtp, fmtp);
  if (!agreed) return std::nullopt;
  Codec out = ours;
  out.payload_type = theirs.payload_type;
  out.fmtp = *std::move(agreed);
  return out;
}

bool stands_alone(std::string_view name) noexcept {
  static constexpr std::string_view kBeside[] = {"telephone-event", "CN",        "rtx", "red",
                                                 "ulpfec",          "flexfec-03"};
  return std::none_of(std::begin(kBeside), std::end(kBeside),
                      [name](std::string_view one) { return iequals(name, one); });
}

}  // namespace sipstack::sdp
