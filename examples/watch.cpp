// SPDX-License-Identifier: Apache-2.0
// Watches somebody's presence, and publishes one's own at the same server.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <iostream>
#include <sipstack/dialog/event_bodies.hpp>
#include <sipstack/endpoint/endpoint.hpp>

int main() {
  boost::asio::io_context io;
  sipstack::Endpoint ep{io};
  ep.listen("udp:127.0.0.1:0").value();

  sipstack::SubscriptionOptions friends;
  friends.target = "sip:bob@127.0.0.1:5060";
  friends.event = "presence";
  auto bob = ep.subscribe(friends).value();
  bob.on_notify([](const sipstack::Message& notify) { std::cout << notify->body() << std::endl; });
  bob.on_changed([](const sipstack::SubscriptionChanged& change) {
    if (change.state == sipstack::SubscriptionChanged::State::ended)
      std::cout << "no more of Bob: " << change.reason << std::endl;
  });

  sipstack::PublicationOptions self;
  self.target = self.from = "sip:alice@127.0.0.1:5060";
  self.event = "presence";
  self.content_type = sipstack::kPidfType;
  self.body = sipstack::pidf(self.target, true);
  ep.async_publish(
      self, [](sipstack::error_code ec, sipstack::Publication, const sipstack::Message& response) {
        if (ec) return void(std::cout << ec.message() << std::endl);
        std::cout << "published: " << response->status() << std::endl;
      });
  boost::asio::signal_set signals{io, SIGINT, SIGTERM};  // unsubscribe, and publish no more
  signals.async_wait([&](auto, int) { ep.shut_down(std::chrono::seconds(5), [] {}); });
  io.run();
}
