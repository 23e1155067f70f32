// SPDX-License-Identifier: Apache-2.0
// Capabilities into descriptions, offers into answers. RFC 3264 sections 5 and 6.
#include "dialog/media_description.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "dialog/codec_match.hpp"
#include "sipstack/parser/params.hpp"
#include "sipstack/parser/sdp_attributes.hpp"

namespace sipstack::sdp {
namespace {

bool is_audio_over_rtp(const Media& medium) noexcept {
  return medium.type == "audio" && iequals(medium.proto, "RTP/AVP");
}

bool takes(const MediaCapability& ours, std::string_view proto) {
  return iequals(ours.proto, proto) ||
         std::any_of(ours.answers.begin(), ours.answers.end(),
                     [proto](const std::string& one) { return iequals(one, proto); });
}

/// Feedback that both know (RFC 4585 section 4.2): the offer's may be for all formats by "*".
void answer_feedback(const Media& offered, Codec& codec) {
  const std::string format = std::to_string(codec.payload_type);
  const auto is_offered = [&](const std::string& ours) {
    return std::any_of(offered.lines.begin(), offered.lines.end(), [&](const Line& line) {
      if (line.type != 'a') return false;
      const Attribute a = attribute_of(line.value);
      if (a.name != "rtcp-fb") return false;
      const auto space = a.value.find(' ');
      if (space == std::string_view::npos) return false;
      const std::string_view for_whom = a.value.substr(0, space);
      return (for_whom == "*" || for_whom == format) && iequals(a.value.substr(space + 1), ours);
    });
  };
  codec.feedback.erase(std::remove_if(codec.feedback.begin(), codec.feedback.end(),
                                      [&](const std::string& ours) { return !is_offered(ours); }),
                       codec.feedback.end());
}

std::vector<std::string> common_formats(const Media& offered,
                                        const std::vector<std::string>& ours) {
  std::vector<std::string> common;
  for (const std::string& format : offered.formats)
    if (std::any_of(ours.begin(), ours.end(),
                    [&](const std::string& own) { return iequals(own, format); }))
      common.push_back(format);
  return common;
}

void write_codec(Media& out, const Codec& codec, bool feedback) {
  const std::string format = std::to_string(codec.payload_type);
  out.formats.push_back(format);
  std::string map = format + ' ' + codec.name + '/' + std::to_string(codec.rate);
  if (codec.channels != 1) map += '/' + std::to_string(codec.channels);
  out.add_attribute("rtpmap", map);
  if (!codec.fmtp.empty()) out.add_attribute("fmtp", format + ' ' + codec.fmtp);
  if (!feedback) return;
  for (const std::string& one : codec.feedback) out.add_attribute("rtcp-fb", format + ' ' + one);
}

/// Type, protocol, port and formats; lines come behind.
Media describe_formats(const MediaCapability& ours, const std::string& proto,
                       const std::vector<Codec>& codecs, std::vector<std::string> formats) {
  Media out;
  out.type = ours.type;
  out.port = ours.port;
  out.proto = proto;
  const bool feedback = proto.find("AVPF") != std::string::npos;
  for (const Codec& codec : codecs) write_codec(out, codec, feedback);
  if (!is_rtp(proto)) out.formats = std::move(formats);
  return out;
}

/// sendrecv is what no attribute means, and fax and messages have no other.
void write_direction(Media& out, Direction direction) {
  if (is_rtp(out.proto) || direction != Direction::sendrecv) out.direction(direction);
}

/// One line of an answer; nothing where this medium of ours cannot take what is offered.
std::optional<Media> answer_medium(const Session& offer, const Media& offered,
                                   const Capabilities& session, const MediaCapability& ours,
                                   bool hold) {
  if (ours.port == 0 || offered.type != ours.type || !takes(ours, offered.proto))
    return std::nullopt;
  std::vector<Codec> codecs;
  std::vector<std::string> formats;
  if (is_rtp(offered.proto)) {
    codecs = common_codecs(offered, ours.codecs);
    for (Codec& codec : codecs) answer_feedback(offered, codec);
    if (codecs.empty()) return std::nullopt;
  } else {
    formats = common_formats(offered, ours.formats);
    if (formats.empty()) return std::nullopt;
  }
  Media out = describe_formats(ours, offered.proto, codecs, std::move(formats));
  if (!answer_lines(offer, &offered, session, ours.lines, out)) return std::nullopt;
  const Direction theirs = offered_direction(offer, offered);
  const Direction want = wanted(ours.direction, hold);
  write_direction(out, direction(sends(want) && receives(theirs), receives(want) && sends(theirs)));
  return out;
}

}  // namespace

bool is_rtp(std::string_view proto) noexcept {
  return proto.find("RTP/") != std::string_view::npos;
}

Direction wanted(Direction want, bool hold) noexcept {
  return hold ? direction(sends(want), false) : want;
}

std::vector<MediaCapability> media_of(const Capabilities& ours) {
  MediaCapability audio;
  audio.type = "audio";
  audio.port = ours.audio_port;
  audio.codecs = ours.audio;
  audio.direction = ours.direction;
  if (ours.ptime != 0) audio.lines.push_back({'a', "ptime:" + std::to_string(ours.ptime)});
  std::vector<MediaCapability> all = {std::move(audio)};
  all.insert(all.end(), ours.media.begin(), ours.media.end());
  return all;
}

std::vector<Codec> common_codecs(const Media& theirs, const std::vector<Codec>& ours) {
  std::vector<Codec> common;
  std::vector<bool> taken(ours.size(), false);
  for (const std::string& format : theirs.formats) {
    const auto map = theirs.rtpmap(format);
    if (!map) continue;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (taken[i]) continue;
      auto agreed = common_codec(ours[i], *map, theirs.fmtp(format).value_or(""));
      if (!agreed) continue;
      taken[i] = true;  // a codec of ours is taken once
      common.push_back(*std::move(agreed));
      break;
    }
  }
  if (std::none_of(common.begin(), common.end(),
                   [](const Codec& codec) { return stands_alone(codec.name); }))
    common.clear();
  return common;
}

Session describe_session(const Capabilities& ours) {
  Session session;
  session.origin.username = ours.username;
  session.origin.addr_type = addr_type(ours.address);
  if (!ours.address.is_unspecified()) session.origin.address = ours.address.to_string();
  session.name = ours.session_name;
  session.connection(ours.address);
  return session;
}

Media describe_medium(const MediaCapability& ours, const std::vector<Codec>& codecs,
                      Direction direction) {
  Media out = describe_formats(ours, ours.proto, codecs, ours.formats);
  for (const Line& line : ours.lines) out.add(line.type, line.value);
  write_direction(out, direction);
  return out;
}

Direction offered_direction(const Session& offer, const Media& medium) noexcept {
  const Direction written = offer.direction_of(medium);
  const auto connection = offer.connection_of(medium);
  const bool nowhere = connection && connection->host() == "0.0.0.0";
  return direction(sends(written), receives(written) && !nowhere);
}

expected<Session, OfferAnswerErrc> describe_answer(const Session& offer, const Capabilities& ours,
                                                   bool hold, std::vector<std::size_t>& slots) {
  Session answer = describe_session(ours);
  // Section 6: t= equals the offer's.
  answer.remove('t');
  for (const Line& line : offer.lines)
    if (line.type == 't') answer.add('t', line.value);
  answer_lines(offer, nullptr, ours, ours.lines, answer);

  const std::vector<MediaCapability> all = media_of(ours);
  slots.resize(offer.media.size(), kNoCapability);
  std::vector<bool> taken(all.size(), false);
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (offer.media[i].port != 0 && slots[i] < all.size()) taken[slots[i]] = true;

  bool offered = false;
  bool accepted = false;
  for (std::size_t i = 0; i < offer.media.size(); ++i) {
    const Media& medium = offer.media[i];
    std::optional<Media> line;
    // What the line has been for goes first.
    const std::size_t before = std::exchange(slots[i], kNoCapability);
    if (medium.port != 0) {
      offered = true;
      if (before < all.size()) {
        line = answer_medium(offer, medium, ours, all[before], hold);
        taken[before] = line.has_value();
        if (line) slots[i] = before;
      }
      for (std::size_t k = 0; !line && k < all.size(); ++k) {
        if (taken[k]) continue;
        line = answer_medium(offer, medium, ours, all[k], hold);
        if (!line) continue;
        taken[k] = true;
        slots[i] = k;
      }
      accepted = accepted || line.has_value();
    }
    if (!line) {
      // Refused, or not offered at all: type, protocol and formats stay, so that the line is one.
      line.emplace();
      line->type = medium.type;
      line->proto = medium.proto;
      line->formats = medium.formats;
    }
    answer.media.push_back(*std::move(line));
  }
  if (offered && !accepted) return unexpected(OfferAnswerErrc::no_common_media);
  return answer;
}

// ---- codecs and capabilities ----

Codec pcmu() { return {0, "PCMU", 8000, 1, {}}; }
Codec pcma() { return {8, "PCMA", 8000, 1, {}}; }
Codec g722() { return {9, "G722", 8000, 1, {}}; }
Codec telephone_event(std::uint8_t payload_type) {
  return {payload_type, "telephone-event", 8000, 1, "0-15"};
}

Codec g729(bool annexb) { return {18, "G729", 8000, 1, annexb ? "" : "annexb=no"}; }
Codec opus(std::uint8_t payload_type, std::string fmtp) {
  return {payload_type, "opus", 48000, 2, std::move(fmtp)};
}
Codec h264(std::uint8_t payload_type, std::string_view profile_level_id, int packetization_mode) {
  return {payload_type, "H264", 90000, 1,
          "profile-level-id=" + std::string(profile_level_id) + ";packetization-mode=" +
              std::to_string(packetization_mode) + ";level-asymmetry-allowed=1"};
}
Codec vp8(std::uint8_t payload_type) { return {payload_type, "VP8", 90000, 1, {}}; }

namespace {

std::vector<Codec> codecs_of(const Media& medium) {
  std::vector<Codec> out;
  for (const std::string& format : medium.formats) {
    const auto map = medium.rtpmap(format);
    if (!map) continue;
    Codec& codec = out.emplace_back();
    codec = {map->payload_type, std::string(map->encoding), map->rate, map->channels,
             std::string(medium.fmtp(format).value_or(""))};
    for (const Line& line : medium.lines) {
      const Attribute a = line.type == 'a' ? attribute_of(line.value) : Attribute{};
      if (a.name == "rtcp-fb" && a.value.substr(0, format.size() + 1) == format + ' ')
        codec.feedback.emplace_back(a.value.substr(format.size() + 1));
    }
  }
  return out;
}

/// Of lines, what codecs and directions do not say again.
std::vector<Line> own_lines(const Media& medium) {
  std::vector<Line> out;
  for (const Line& line : medium.lines) {
    const std::string_view name = line.type == 'a' ? attribute_of(line.value).name : "";
    if (name != "rtpmap" && name != "fmtp" && name != "rtcp-fb" && !direction_of(name))
      out.push_back(line);
  }
  return out;
}

}  // namespace

Capabilities capabilities_of(const Session& session) {
  Capabilities out;
  out.audio.clear();
  out.username = session.origin.username;
  out.session_name = session.name;
  for (const Line& line : session.lines)
    if (line.type == 'b' || (line.type == 'a' && !direction_of(attribute_of(line.value).name)))
      out.lines.push_back(line);
  const auto audio = std::find_if(session.media.begin(), session.media.end(), [](const Media& m) {
    return m.port != 0 && is_audio_over_rtp(m);
  });
  auto here = session.connection();
  if (audio != session.media.end()) {
    out.audio_port = audio->port;
    out.direction = session.direction_of(*audio);
    out.audio = codecs_of(*audio);
    here = session.connection_of(*audio);
  }
  if (here) out.address = IpAddress::parse(here->host()).value_or(IpAddress());
  for (auto medium = session.media.begin(); medium != session.media.end(); ++medium) {
    if (medium->port == 0 || medium == audio) continue;
    MediaCapability& other = out.media.emplace_back();
    other.type = medium->type;
    other.port = medium->port;
    other.proto = medium->proto;
    other.direction = session.direction_of(*medium);
    if (is_rtp(medium->proto))
      other.codecs = codecs_of(*medium);
    else
      other.formats = medium->formats;
    other.lines = own_lines(*medium);
    // A medium elsewhere than the session will be says so.
    const auto at = session.connection_of(*medium);
    if (at && !medium->connection() && here && at->address != here->address)
      other.lines.push_back({'c', std::string(at->net_type) + ' ' + std::string(at->addr_type) +
                                      ' ' + std::string(at->address)});
  }
  return out;
}

}  // namespace sipstack::sdp
