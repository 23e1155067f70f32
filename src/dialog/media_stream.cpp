// SPDX-License-Identifier: Apache-2.0
// What was agreed on, for whoever sends and receives it. RFC 3264 sections 6.1 and 7.
#include <utility>

#include "dialog/codec_match.hpp"
#include "dialog/media_description.hpp"
#include "sipstack/parser/params.hpp"

namespace sipstack::sdp {

std::vector<MediaStream> OfferAnswer::streams() const {
  std::vector<MediaStream> all;
  const auto own_side = local();
  const auto their_side = remote();
  if (!own_side || !their_side) return all;
  const std::vector<MediaCapability> media = media_of(*ours_);
  for (std::size_t i = 0; i < own_side->media.size() && i < their_side->media.size(); ++i) {
    const Media& ours = own_side->media[i];
    const Media& theirs = their_side->media[i];
    if (ours.port == 0 || theirs.port == 0) continue;
    MediaStream& out = all.emplace_back();
    out.line = i;
    out.type = theirs.type;
    out.proto = theirs.proto;
    if (const auto connection = their_side->connection_of(theirs)) out.address = connection->host();
    out.port = theirs.port;
    const Direction own = own_side->direction_of(ours);
    const Direction peer = offered_direction(*their_side, theirs);
    out.direction = direction(sends(own) && receives(peer), receives(own) && sends(peer));
    const bool slotted = i < slots_.size() && slots_[i] < media.size();
    const std::size_t capability = slotted ? slots_[i] : 0;
    if (!is_rtp(theirs.proto) || media[capability].type != theirs.type) continue;
    bool found = false;
    for (Codec& codec : common_codecs(theirs, media[capability].codecs)) {
      if (!stands_alone(codec.name)) {
        if (iequals(codec.name, "telephone-event") && !out.telephone_event)
          out.telephone_event = codec.payload_type;
      } else if (!std::exchange(found, true)) {
        out.codec = std::move(codec);
        out.remote_fmtp = theirs.fmtp(std::to_string(out.codec.payload_type)).value_or("");
      }
    }
  }
  return all;
}

std::optional<AudioStream> OfferAnswer::audio() const {
  for (MediaStream& stream : streams())
    if (stream.type == "audio" && !stream.codec.name.empty())
      return static_cast<AudioStream&&>(stream);
  return std::nullopt;
}

}  // namespace sipstack::sdp
