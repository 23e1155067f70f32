// SPDX-License-Identifier: Apache-2.0
// A user agent in thirty lines: answers every call, and throws the media away.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <iostream>
#include <sipstack/dialog/offer_answer.hpp>
#include <sipstack/endpoint/endpoint.hpp>

int main() {
  boost::asio::io_context io;
  sipstack::Endpoint ep{io};
  sipstack::sdp::Capabilities media;
  media.address = *sipstack::IpAddress::parse("127.0.0.1");
  media.audio_port = 40000;

  ep.on_invite([&](sipstack::IncomingCall call) {
    const auto offer = call.offer();
    if (!offer) return call.reject(488);
    const auto answer = sipstack::sdp::answer(*offer, media);
    if (!answer) return call.reject(488);
    call.ring();
    call.async_accept(*answer, [](sipstack::error_code ec, sipstack::Call up) {
      std::cout << (ec ? ec.message() : "up: " + up.call_id()) << std::endl;
    });
  });
  boost::asio::signal_set signals{io, SIGINT, SIGTERM};  // hang up, and go
  signals.async_wait([&](auto, int) { ep.shut_down(std::chrono::seconds(5), [] {}); });
  ep.listen("udp:127.0.0.1:5060").value();
  io.run();
}
