// SPDX-License-Identifier: Apache-2.0
// m= sections out of capabilities: what offers and answers are made of. RFC 3264 sections 5 and 6.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sipstack/dialog/offer_answer.hpp"

namespace sipstack::sdp {

/// No capability: the line is the application's, or refused.
inline constexpr std::size_t kNoCapability = static_cast<std::size_t>(-1);

/// All our media: the audio of audio_port first, at port 0 where there is none.
std::vector<MediaCapability> media_of(const Capabilities& ours);
bool is_rtp(std::string_view proto) noexcept;
/// What we want of a medium: on hold, not to receive (RFC 6337 section 5.3).
Direction wanted(Direction direction, bool hold) noexcept;

/// The session level of a description of ours, without media.
Session describe_session(const Capabilities& ours);
/// A section of an offer, with these codecs.
Media describe_medium(const MediaCapability& ours, const std::vector<Codec>& codecs,
                      Direction direction);
/// The direction in which the offerer lets a medium flow: c=0.0.0.0 receives nothing
/// (RFC 3264 section 8.4).
Direction offered_direction(const Session& offer, const Media& medium) noexcept;
/// Our codecs among the formats of a section, in its order and with its payload types; none where only such
/// are common that do not stand alone.
std::vector<Codec> common_codecs(const Media& theirs, const std::vector<Codec>& ours);
/// Everything of an answer but its o= line. `slots`: which of our media each line was for, and is for now.
expected<Session, OfferAnswerErrc> describe_answer(const Session& offer, const Capabilities& ours,
                                                   bool hold, std::vector<std::size_t>& slots);

/// media_answer.cpp: our lines as an answer to this section may have them. False where it can only be refused,
/// for want of keys. `offered` is null for the session level.
bool answer_lines(const Session& offer, const Media* offered, const Capabilities& session,
                  const std::vector<Line>& ours, Section& out);

}  // namespace sipstack::sdp
