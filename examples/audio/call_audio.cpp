// SPDX-License-Identifier: Apache-2.0
#include "call_audio.hpp"

#include <sipstack/dialog/dtmf.hpp>

namespace audio {

namespace sdp = sipstack::sdp;

namespace {

sdp::Capabilities ours(const std::string& address, std::uint16_t port) {
  sdp::Capabilities can;
  can.address = sipstack::IpAddress::parse(address).value();
  can.audio_port = port;
  can.audio = {sdp::pcmu(), sdp::telephone_event()};
  return can;
}

}  // namespace

CallAudio::CallAudio(boost::asio::io_context& io, sipstack::Endpoint& endpoint,
                     const std::string& address)
    : rtp_(io, address), session_(ours(address, rtp_.port()), endpoint.core().random()) {}

std::string CallAudio::text(const Description& description) {
  rtp_.follow(session_.audio());
  return description ? description->to_string() : std::string();
}

std::optional<std::string> CallAudio::respond(const sipstack::Message& request) {
  if (request->body().empty()) return offer();
  auto theirs = sdp::Session::parse(request->body());
  if (!theirs || !session_.remote_offer(*std::move(theirs))) return std::nullopt;
  const Description answer = session_.answer();
  if (!answer) return std::nullopt;
  return text(answer);
}

bool CallAudio::answered(const sipstack::Message& message) {
  if (session_.state() == sdp::OfferAnswer::State::stable) return true;  // a provisional had it
  if (!message || message->body().empty()) return false;
  auto theirs = sdp::Session::parse(message->body());
  const bool fits = theirs && session_.remote_answer(*std::move(theirs));
  rtp_.follow(session_.audio());
  return fits;
}

void CallAudio::attend(sipstack::Endpoint& endpoint, sipstack::Call call,
                       const std::shared_ptr<CallAudio>& audio,
                       const std::function<void(char, const char* how)>& digit) {
  using sipstack::Message;
  call.on_reinvite([call, audio](const Message& request) mutable {
    const auto answer = audio->respond(request);
    answer ? call.accept(*answer) : call.reject(488);
  });
  call.on_offer([call, audio](const Message& request) mutable {
    const auto answer = audio->respond(request);
    answer ? call.accept_offer(*answer) : call.reject_offer(488);
  });
  call.on_confirmed([call, audio](const Message& ack) mutable {
    if (!audio->answered(ack)) call.hang_up();  // where our 2xx had the offer
  });
  audio->rtp().on_digit([digit](char pressed) { digit(pressed, "rtp"); });
  call.on_request([&endpoint, digit](sipstack::TxnId txn, const Message& request) {
    const auto info = sipstack::dtmf_of(request.view());
    endpoint.respond(txn, request->method() == sipstack::Method::info ? 200 : 501);
    if (info) digit(info->digit, "info");
  });
}

}  // namespace audio
