// SPDX-License-Identifier: Apache-2.0
// A voice menu: plays a prompt to whoever calls, records them, and listens for digits, by telephone-event
// or INFO: 1 plays the prompt again, # hangs up.     ivr udp:127.0.0.1:5060 PROMPT.wav [RECORDING.wav]
#include <iostream>
#include <memory>
#include <string>

#include <boost/asio/signal_set.hpp>

#include "audio/call_audio.hpp"

using audio::CallAudio;

int main(int argc, char** argv) {
  if (argc < 3) return std::cerr << "usage: ivr TRANSPORT:ADDRESS:PORT PROMPT [RECORDING]\n", 2;
  const auto prompt = audio::read_wav(argv[2]);
  if (!prompt) return std::cerr << argv[2] << ": not 8 kHz mono, 16 bits or µ-law\n", 1;
  const std::string recording = argc > 3 ? argv[3] : "";

  boost::asio::io_context io;
  sipstack::EndpointOptions options;
  options.user_agent.tell_messages = true;  // INFO has digits for us
  sipstack::Endpoint endpoint(io, options);
  const auto here = endpoint.listen(argv[1]);
  if (!here) return std::cerr << argv[1] << ": " << here.error().message() << '\n', 1;

  endpoint.on_invite([&](sipstack::IncomingCall incoming) {
    const auto audio = std::make_shared<CallAudio>(io, endpoint, here->ip.to_string());
    const auto answer = audio->respond(incoming.invite());
    if (!answer) return incoming.reject(488);
    sipstack::Call call = incoming.call();
    // What hangs on the call keeps its audio; what hangs on the audio must not.
    audio::RtpAudio* const rtp = &audio->rtp();
    CallAudio::attend(endpoint, call, audio, [=](char digit, const char* how) mutable {
      std::cout << "digit " << digit << " by " << how << std::endl;
      if (digit == '1') rtp->play(*prompt);
      if (digit == '#') call.hang_up();
    });
    call.on_ended([](const sipstack::CallEnded&) { std::cout << "ended" << std::endl; });
    incoming.ring();
    incoming.async_accept(*answer, [=](sipstack::error_code error, const sipstack::Call&) {
      if (error) return;
      std::cout << "answered" << std::endl;
      if (!recording.empty()) audio->rtp().record(recording);
      audio->rtp().play(*prompt, [] { std::cout << "prompt over" << std::endl; });
    });
  });

  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code, int) {
    endpoint.shut_down(std::chrono::seconds(5), [&] { io.stop(); });
  });
  std::cout << "listening " << here->to_string() << std::endl;
  io.run();
}
