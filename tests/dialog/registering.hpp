// SPDX-License-Identifier: Apache-2.0
// A phone that registers, and a registrar that a test plays.
#pragma once

#include <set>

#include "phones.hpp"

namespace sipstack::testing {

struct Registering {
  Registering()
      : alice(network, "alice", "192.0.2.1"), registrar(network, "registrar", "192.0.2.9") {
    options.aor = "sip:alice@example.com";
    options.registrar = "sip:someone@192.0.2.9";
    options.credentials = {{"alice", "secret", ""}};
  }
  void start() {
    network.now([this](TimePoint now) {
      const auto made = alice.ua().add_registration(options, now);
      REQUIRE(made);
      id = *made;
    });
    network.run(milliseconds(1));
  }
  const Stranger::Heard& last() { return registrar.last("REGISTER"); }
  /// REGISTER transactions heard, whatever was said again.
  static std::size_t asked(const Stranger& by) {
    std::set<std::string> branches;
    for (const auto& heard : by.all)
      if (heard.message->method() == Method::register_ && heard.message->is_request())
        branches.emplace(heard.message->branch());
    return branches.size();
  }
  std::size_t asked() const { return asked(registrar); }
  void ok(const std::string& expires_param) {
    Letter extra;
    const MessageView m = last().message.view();
    extra.add("Contact", "<sip:elsewhere@192.0.2.77>;expires=5");
    extra.add("Contact", "<" + std::string(m.get(hdr::contact)->uri.text) + ">" + expires_param);
    registrar.reply(last(), 200, "x", extra);
  }
  /// The registrar answers each REGISTER at once.
  void answers_with(int status, Letter extra) {
    registrar.on_message = [this, status, extra](const Stranger::Heard& heard) {
      if (!heard.message->is_request()) return;
      network.at(network.time(), [this, heard, status, extra](TimePoint) {
        Letter out = registrar.response(heard.message.view(), status, "x");
        for (const auto& line : extra.lines) out.lines.push_back(line);
        MessageIndex scratch;
        auto message = Message::parse(registrar.pool_, out.text(), scratch);
        registrar.queue({*message, {Transport::udp, registrar.where, heard.flow.remote, 0}, {}});
      });
    };
  }
  Network network;
  Phone alice;
  Stranger registrar;
  RegistrationOptions options;
  RegistrationId id;
};

}  // namespace sipstack::testing
