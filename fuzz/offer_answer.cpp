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
