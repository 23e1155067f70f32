// SPDX-License-Identifier: Apache-2.0
#include "rtp_audio.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <ortp/ortp.h>
#include <ortp/telephonyevents.h>
#include <boost/asio/post.hpp>

namespace audio {

namespace {

constexpr auto kFrame = std::chrono::milliseconds(20);
constexpr std::uint32_t kSamples = 160;  // of a frame
constexpr int kPcmu = 0;                 // RFC 3551 section 6
constexpr int kTelephoneEvent = 101;     // as sdp::telephone_event() offers it
constexpr std::uint32_t kDigit = 800;    // 100 ms
constexpr std::uint32_t kPause = 800;    // between digits

_RtpProfile* profile(int telephone_event) {
  _RtpProfile* const made = rtp_profile_new("call");
  rtp_profile_set_payload(made, kPcmu, &payload_type_pcmu8000);
  rtp_profile_set_payload(made, telephone_event, &payload_type_telephone_event);
  return made;
}

_RtpSession* session() {
  static const bool once = [] {
    ortp_init();
    ortp_set_log_handler([](const char*, OrtpLogLevel, const char*, va_list) {});
    return true;
  }();
  static_cast<void>(once);
  _RtpSession* const made = rtp_session_new(RTP_SESSION_SENDRECV);
  rtp_session_set_scheduling_mode(made, 0);  // the io_context's timer is the only clock
  rtp_session_set_blocking_mode(made, 0);
  rtp_session_set_payload_type(made, kPcmu);
  return made;
}

}  // namespace

RtpAudio::RtpAudio(boost::asio::io_context& io, const std::string& address)
    : timer_(io),
      session_(session()),
      ours_(profile(kTelephoneEvent)),
      theirs_(profile(kTelephoneEvent)) {
  rtp_session_set_recv_profile(session_, ours_);
  rtp_session_set_send_profile(session_, theirs_);
  rtp_session_set_local_addr(session_, address.c_str(), -1, -1);
  rtp_session_signal_connect(session_, "telephone-event", &RtpAudio::event, this);
}

RtpAudio::~RtpAudio() {
  rtp_session_destroy(session_);
  rtp_profile_destroy(ours_);
  rtp_profile_destroy(theirs_);
}

std::uint16_t RtpAudio::port() const {
  return static_cast<std::uint16_t>(rtp_session_get_local_port(session_));
}

void RtpAudio::follow(const std::optional<sipstack::sdp::AudioStream>& agreed) {
  sends_ = agreed && sends(agreed->direction);
  receives_ = agreed && receives(agreed->direction);
  if (!agreed) return;
  rtp_session_set_remote_addr(session_, agreed->address.c_str(), agreed->port);
  events_ = agreed->telephone_event.has_value();
  if (events_) {
    rtp_profile_clear_all(theirs_);
    rtp_profile_set_payload(theirs_, kPcmu, &payload_type_pcmu8000);
    rtp_profile_set_payload(theirs_, *agreed->telephone_event, &payload_type_telephone_event);
    // An answer has the offer's number, which then is what we get, too.
    rtp_profile_set_payload(ours_, *agreed->telephone_event, &payload_type_telephone_event);
  }
  if (std::exchange(started_, true)) return;
  next_ = std::chrono::steady_clock::now();
  tick();
}

void RtpAudio::play(Ulaw sound, std::function<void()> done) {
  sound_ = std::move(sound);
  played_ = 0;
  played_out_ = std::move(done);
}

bool RtpAudio::press(const std::string& digits) {
  if (!events_ || !sends_) return false;
  digits_ += digits;
  return true;
}

void RtpAudio::tick() {
  const std::weak_ptr<int> alive = alive_;
  receive();
  send();
  if (alive.expired()) return;  // it was all that the call was for
  next_ += kFrame;
  timer_.expires_at(next_);
  timer_.async_wait([this, alive](boost::system::error_code moved) {
    if (!moved && !alive.expired()) tick();
  });
}

void RtpAudio::receive() {
  // Behind a pause there may be several for the same time.
  for (int i = 0; i < 4; ++i) {
    mblk_t* const packet = rtp_session_recvm_with_ts(session_, received_);
    if (packet == nullptr) break;
    unsigned char* payload = nullptr;
    const int size = rtp_get_payload(packet, &payload);
    const auto* const header = reinterpret_cast<const rtp_header_t*>(packet->b_rptr);
    if (recording_ && receives_ && size > 0 && header->paytype == kPcmu)
      recording_->write(payload, static_cast<std::size_t>(size));
    freemsg(packet);
  }
  received_ += kSamples;
}

void RtpAudio::send() {
  std::array<std::uint8_t, kSamples> frame;
  frame.fill(kSilence);
  bool over = false;
  if (sends_ && played_ < sound_.size()) {
    const std::size_t count = std::min<std::size_t>(kSamples, sound_.size() - played_);
    std::copy_n(sound_.begin() + static_cast<std::ptrdiff_t>(played_), count, frame.begin());
    played_ += count;
    over = played_ == sound_.size();
  }
  if (sends_) rtp_session_send_with_ts(session_, frame.data(), kSamples, sent_);
  if (sends_ && !digits_.empty() && sent_ >= next_digit_) {
    rtp_session_send_dtmf2(session_, digits_.front(), sent_, kDigit);
    digits_.erase(0, 1);
    next_digit_ = sent_ + kDigit + kPause;
  }
  sent_ += kSamples;
  if (const auto done = over ? std::exchange(played_out_, nullptr) : nullptr) done();
}

/// Told once for each digit, however many packets it has. The handler may let go of us, so it has a turn of
/// its own: oRTP is still at work here.
void RtpAudio::event(_RtpSession*, void* event, void* self, void*) {
  constexpr const char* kDigits = "0123456789*#ABCD";
  const auto number = reinterpret_cast<std::uintptr_t>(event);
  auto* const audio = static_cast<RtpAudio*>(self);
  if (number >= 16) return;
  boost::asio::post(audio->timer_.get_executor(),
                    [audio, alive = std::weak_ptr<int>(audio->alive_), digit = kDigits[number]] {
                      const auto handler = alive.expired() ? nullptr : audio->digit_;
                      if (handler) handler(digit);
                    });
}

}  // namespace audio
