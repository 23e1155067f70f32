// SPDX-License-Identifier: Apache-2.0
// Offer and answer: any offer gets an answer of as many lines, or a reason.
#include <cstdlib>
#include <string_view>

#include "sipstack/dialog/offer_answer.hpp"

using namespace sipstack;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto offer = sdp::Session::parse({reinterpret_cast<const char*>(data), size});
  if (!offer) return 0;
  sdp::Capabilities ours;
  ours.audio_port = 4000;
  ours.audio = {sdp::pcmu(), sdp::g729(), sdp::opus(), sdp::telephone_event()};
  sdp::MediaCapability video;
  video.port = 4002;
  video.answers = {"RTP/AVPF", "RTP/SAVP", "UDP/TLS/RTP/SAVPF"};
  video.codecs = {sdp::h264(96), sdp::vp8(97), {98, "H265", 90000, 1, "level-id=93"}};
  video.codecs[0].feedback = {"nack pli"};
  video.lines = {{'a', "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:k"},
                 {'a', "setup:actpass"},
                 {'a', "fingerprint:sha-256 AA:BB"},
                 {'a', "ice-ufrag:abcd"},
                 {'a', "extmap:1 urn:ietf:params:rtp-hdrext:toffset"}};
  sdp::MediaCapability fax;
  fax.type = "image";
  fax.port = 4004;
  fax.proto = "udptl";
  fax.formats = {"t38"};
  fax.lines = {{'a', "T38FaxVersion:3"}};
  ours.media = {video, fax};
  SeededRandom random(size);
  sdp::OfferAnswer bob(ours, random);
  if (!bob.remote_offer(*offer)) std::abort();
  const auto answer = bob.answer();
  if (sdp::answer(*offer, ours).has_value() != answer.has_value()) std::abort();
  if (!answer) return 0;
  if (!answer->well_formed() || answer->media.size() != offer->media.size()) std::abort();
  const auto again = bob.hold();
  if (!again || again->media.size() < offer->media.size()) std::abort();
  return 0;
}
