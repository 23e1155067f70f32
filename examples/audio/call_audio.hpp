// SPDX-License-Identifier: Apache-2.0
// The session of one call: what is offered and answered, and the audio that comes of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <sipstack/endpoint/endpoint.hpp>

#include "rtp_audio.hpp"

namespace audio {

class CallAudio {
 public:
  CallAudio(boost::asio::io_context& io, sipstack::Endpoint& endpoint, const std::string& address);

  std::string offer() { return text(session_.offer()); }
  std::string hold() { return text(session_.hold()); }
  std::string resume() { return text(session_.resume()); }
  /// The answer to the offer in that request, or our offer where it has none; nothing: 488.
  std::optional<std::string> respond(const sipstack::Message& request);
  /// The answer to our offer. False where there is none that fits: the call is of no use.
  bool answered(const sipstack::Message& message);
  void refused() { session_.rollback(); }
  RtpAudio& rtp() { return rtp_; }

  /// Goes along with what the far end changes in the call, and hears its digits, by RTP and by INFO.
  static void attend(sipstack::Endpoint& endpoint, sipstack::Call call,
                     const std::shared_ptr<CallAudio>& audio,
                     const std::function<void(char, const char* how)>& digit);

 private:
  using Description = sipstack::expected<sipstack::sdp::Session, sipstack::sdp::OfferAnswerErrc>;
  std::string text(const Description& description);
  RtpAudio rtp_;
  sipstack::sdp::OfferAnswer session_;
};

}  // namespace audio
