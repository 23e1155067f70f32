// SPDX-License-Identifier: Apache-2.0
// Capabilities into descriptions, offers into answers. RFC 3264 sections 5 and 6.
#include "dialog/media_description.hpp"

#include <algorithm>

#include "sipstack/parser/params.hpp"

namespace sipstack::sdp {
namespace {

bool is_audio_over_rtp(const Media& medium) noexcept {
  return medium.type == "audio" && iequals(medium.proto, "RTP/AVP");
}

// Our codecs among the offered formats, in the offer's order and with its payload types
// (RFC 3264 section 6.1). A codec of ours is taken once.
std::vector<Codec> common_codecs(const Media& offered, const std::vector<Codec>& ours) {
  std::vector<Codec> common;
  std::vector<bool> taken(ours.size(), false);
  for (const std::string& format : offered.formats) {
    const auto theirs = offered.rtpmap(format);
    if (!theirs) continue;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (taken[i] || !same_codec(ours[i], *theirs)) continue;
      taken[i] = true;
      common.push_back(ours[i]);
      common.back().payload_type = theirs->payload_type;
      break;
    }
  }
  const bool speech = std::any_of(common.begin(), common.end(),
                                  [](const Codec& codec) { return carries_speech(codec.name); });
  if (!speech) common.clear();
  return common;
}

}  // namespace

std::string codec_key(std::string_view name, std::uint32_t rate, std::uint32_t channels) {
  std::string key(name);
  for (char& c : key)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return key + '/' + std::to_string(rate) + '/' + std::to_string(channels);
}

bool same_codec(const Codec& ours, const RtpMap& theirs) noexcept {
  return iequals(ours.name, theirs.encoding) && ours.rate == theirs.rate &&
         ours.channels == theirs.channels;
}

bool carries_speech(std::string_view name) noexcept {
  return !iequals(name, "telephone-event") && !iequals(name, "CN");
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

Media describe_audio(const Capabilities& ours, const std::vector<Codec>& codecs,
                     Direction direction) {
  Media audio;
  audio.port = ours.audio_port;
  for (const Codec& codec : codecs) {
    const std::string format = std::to_string(codec.payload_type);
    audio.formats.push_back(format);
    std::string map = format + ' ' + codec.name + '/' + std::to_string(codec.rate);
    if (codec.channels != 1) map += '/' + std::to_string(codec.channels);
    audio.add_attribute("rtpmap", map);
    if (!codec.fmtp.empty()) audio.add_attribute("fmtp", format + ' ' + codec.fmtp);
  }
  if (ours.ptime != 0) audio.add_attribute("ptime", std::to_string(ours.ptime));
  audio.direction(direction);
  return audio;
}

Direction offered_direction(const Session& offer, const Media& medium) noexcept {
  const Direction written = offer.direction_of(medium);
  const auto connection = offer.connection_of(medium);
  const bool nowhere = connection && connection->host() == "0.0.0.0";
  return direction(sends(written), receives(written) && !nowhere);
}

expected<Session, OfferAnswerErrc> describe_answer(const Session& offer, const Capabilities& ours,
                                                   Direction wanted) {
  Session answer = describe_session(ours);
  // Section 6: t= equals the offer's.
  answer.remove('t');
  for (const Line& line : offer.lines)
    if (line.type == 't') answer.add('t', line.value);

  bool offered = false;
  bool accepted = false;
  for (const Media& medium : offer.media) {
    offered = offered || medium.port != 0;
    if (!accepted && medium.port != 0 && ours.audio_port != 0 && is_audio_over_rtp(medium)) {
      const std::vector<Codec> codecs = common_codecs(medium, ours.audio);
      if (!codecs.empty()) {
        const Direction theirs = offered_direction(offer, medium);
        answer.media.push_back(describe_audio(
            ours, codecs,
            direction(sends(wanted) && receives(theirs), receives(wanted) && sends(theirs))));
        answer.media.back().proto = medium.proto;
        accepted = true;
        continue;
      }
    }
    // Refused, or not offered at all: type, protocol and formats stay, so that the line is one.
    Media& refused = answer.media.emplace_back();
    refused.type = medium.type;
    refused.proto = medium.proto;
    refused.formats = medium.formats;
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

Capabilities capabilities_of(const Session& session) {
  Capabilities out;
  out.audio.clear();
  out.username = session.origin.username;
  out.session_name = session.name;
  for (const Media& medium : session.media) {
    if (medium.port == 0 || !is_audio_over_rtp(medium)) continue;
    out.audio_port = medium.port;
    out.direction = session.direction_of(medium);
    if (const auto connection = session.connection_of(medium))
      out.address = IpAddress::parse(connection->host()).value_or(IpAddress());
    for (const std::string& format : medium.formats) {
      const auto map = medium.rtpmap(format);
      if (!map) continue;
      out.audio.push_back({map->payload_type, std::string(map->encoding), map->rate, map->channels,
                           std::string(medium.fmtp(format).value_or(""))});
    }
    break;
  }
  return out;
}

}  // namespace sipstack::sdp
