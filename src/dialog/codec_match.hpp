// SPDX-License-Identifier: Apache-2.0
// Whether two descriptions of a codec go together, and what the answer then says. RFC 3264 section 6.1 and
// the payload format of each codec.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sipstack/dialog/offer_answer.hpp"

namespace sipstack::sdp {

/// "OPUS/48000/2": what a payload type may not stop meaning (RFC 3264 section 8.3.2). Formats of one name that
/// cannot stand for each other (H264 of two packetization modes) differ.
std::string codec_key(std::string_view name, std::uint32_t rate, std::uint32_t channels,
                      std::string_view fmtp);

/// Our codec as an answer has it: payload type of the offer, parameters agreed on. Nothing where the two are
/// different codecs, or of parameters that exclude each other. Also what is used towards a peer whose answer
/// `theirs` is.
std::optional<Codec> common_codec(const Codec& ours, const RtpMap& theirs, std::string_view fmtp);

/// Whether a codec is of use by itself; events, comfort noise, retransmissions and the like go beside one.
bool stands_alone(std::string_view name) noexcept;

}  // namespace sipstack::sdp
