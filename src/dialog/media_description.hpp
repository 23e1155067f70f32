// SPDX-License-Identifier: Apache-2.0
// m= sections out of capabilities: what offers and answers are made of. RFC 3264 sections 5 and 6.
#pragma once

#include <string>
#include <vector>

#include "sipstack/dialog/offer_answer.hpp"

namespace sipstack::sdp {

/// "OPUS/48000/2": what a payload type may not stop meaning (RFC 3264 section 8.3.2).
std::string codec_key(std::string_view name, std::uint32_t rate, std::uint32_t channels);
bool same_codec(const Codec& ours, const RtpMap& theirs) noexcept;
/// Whether a codec carries speech; telephone-event and CN go beside one.
bool carries_speech(std::string_view name) noexcept;

/// The session level of a description of ours, without media.
Session describe_session(const Capabilities& ours);
/// An audio section with these codecs.
Media describe_audio(const Capabilities& ours, const std::vector<Codec>& codecs,
                     Direction direction);
/// The direction in which the offerer lets a medium flow: c=0.0.0.0 receives nothing
/// (RFC 3264 section 8.4).
Direction offered_direction(const Session& offer, const Media& medium) noexcept;
/// Everything of an answer but its o= line.
expected<Session, OfferAnswerErrc> describe_answer(const Session& offer, const Capabilities& ours,
                                                   Direction wanted);

}  // namespace sipstack::sdp
