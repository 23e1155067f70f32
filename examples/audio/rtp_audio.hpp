// SPDX-License-Identifier: Apache-2.0
// The audio of one call: G.711 µ-law and telephone-event by oRTP, 20 ms at a time on the io_context.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sipstack/dialog/offer_answer.hpp>

#include "wav.hpp"

struct _RtpSession;
struct _RtpProfile;

namespace audio {

class RtpAudio {
 public:
  /// On a free port of that address; it sends nothing yet.
  RtpAudio(boost::asio::io_context& io, const std::string& address);
  ~RtpAudio();
  RtpAudio(const RtpAudio&) = delete;
  RtpAudio& operator=(const RtpAudio&) = delete;

  std::uint16_t port() const;
  /// What the session description says from now on.
  void follow(const std::optional<sipstack::sdp::AudioStream>& agreed);
  /// In place of silence, once; `done` at its end. Stands still while we do not send.
  void play(Ulaw sound, std::function<void()> done = {});
  /// What is heard goes into that file until the audio is gone.
  void record(const std::string& path) { recording_ = std::make_unique<WavWriter>(path); }
  /// Digits as telephone-events (RFC 4733), one after the other. False where the peer takes none.
  bool press(const std::string& digits);
  void on_digit(std::function<void(char)> handler) { digit_ = std::move(handler); }

 private:
  void tick();
  void receive();
  void send();
  static void event(_RtpSession*, void* event, void* self, void*);

  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point next_{};
  _RtpSession* session_;
  _RtpProfile* ours_;
  _RtpProfile* theirs_;
  bool started_ = false, sends_ = false, receives_ = false, events_ = false;
  std::uint32_t sent_ = 0, received_ = 0;  ///< RTP time
  Ulaw sound_;
  std::size_t played_ = 0;
  std::function<void()> played_out_;
  std::string digits_;            ///< still to be sent
  std::uint32_t next_digit_ = 0;  ///< in RTP time
  std::function<void(char)> digit_;
  std::unique_ptr<WavWriter> recording_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace audio
