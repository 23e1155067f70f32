// SPDX-License-Identifier: Apache-2.0
// Alice calls a B2BUA, which calls Bob, all in virtual time; every message on the wire is kept.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "sipstack/testing/agent.hpp"

namespace sipstack::testing_b2bua {

using namespace sipstack::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline std::string description(const std::string& who, const std::string& ip, int version = 1,
                               const std::string& more = {}) {
  return "v=0\r\no=" + who + " 77 " + std::to_string(version) + " IN IP4 " + ip +
         "\r\ns=-\r\nc=IN IP4 " + ip + "\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n" + more;
}
inline const std::string kOfAlice = description("alice", "192.0.2.1");
inline const std::string kOfBob = description("bob", "192.0.2.2");

/// One message, as it left its sender.
struct Wire {
  std::string from, to, label, bytes;
  bool has(std::string_view text) const { return bytes.find(text) != std::string::npos; }
  /// The line that begins so, without that beginning; empty where there is none.
  std::string line(const std::string& begin) const {
    const auto at = bytes.find("\r\n" + begin);
    if (at == std::string::npos) return {};
    const auto value = at + 2 + begin.size();
    return bytes.substr(value, bytes.find("\r\n", value) - value);
  }
};

struct Bridged {
  explicit Bridged(B2buaOptions options = {}, const CoreOptions& phones = {},
                   const NetworkOptions& conditions = {}, const UserAgentOptions& ours = {})
      : network(conditions),
        alice(network, "alice", "192.0.2.1", phones, conditions.seed),
        b2bua(network, "b2bua", "192.0.2.5", with(std::move(options), ours), conditions.seed),
        bob(network, "bob", "192.0.2.2", phones, conditions.seed) {
    network.decide([this](const Packet& p) {
      wire.push_back({std::string(p.from), std::string(p.to), p.label(), std::string(p.bytes)});
      return fate ? fate(p) : Fate();
    });
    bob.user = answers();
    alice.user = answers();
  }

  static CoreOptions with(B2buaOptions options, const UserAgentOptions& ours) {
    CoreOptions core;
    core.user_agent = ours;
    if (!options.route && options.to.targets.empty())
      options.to.targets = {"sip:bob@192.0.2.2:5060"};
    core.b2bua = std::move(options);
    return core;
  }

  /// Rings and answers at once, says yes to every offer with `sdp` or its own description.
  static Agent::User answers(bool answer = true) {
    return [answer](Agent& phone, const UserEvent& event, TimePoint now) {
      const std::string own = phone.name() == "alice" ? kOfAlice : kOfBob;
      if (const auto* call = std::get_if<CallArrived>(&event)) {
        phone.ua().ring(call->call, 180, now);
        if (answer) phone.ua().accept(call->call, own, now);
      } else if (const auto* again = std::get_if<CallReinvited>(&event)) {
        phone.ua().accept(again->call, own, now);
      } else if (const auto* offer = std::get_if<OfferReceived>(&event)) {
        phone.ua().accept_offer(offer->call, own, now);
      } else if (const auto* answered = std::get_if<CallAnswered>(&event)) {
        // wrong_state where there was no offer in it
        phone.ua().acknowledge(answered->call, own, now);
      } else if (const auto* progress = std::get_if<CallProgress>(&event)) {
        phone.ua().acknowledge(progress->call, own, now);
      } else if (const auto* request = std::get_if<CallRequest>(&event)) {
        phone.ua().respond(request->txn, 200, now);
      }
    };
  }

  static CallOptions call_to_b2bua() {
    CallOptions o;
    o.target = "sip:service@192.0.2.5:5060";
    o.from = "\"Alice\" <sip:alice@example.org>";
    o.content_type = "application/sdp";
    o.body = kOfAlice;
    return o;
  }
  static CallOptions without_offer() {
    CallOptions o = call_to_b2bua();
    o.content_type.clear();
    o.body.clear();
    return o;
  }
  CallId call(const CallOptions& options = call_to_b2bua(), Duration wait = seconds(1)) {
    CallId id;
    network.now([&](TimePoint now) { id = alice.ua().invite(options, now).value(); });
    network.run(wait);
    return id;
  }
  /// Something that a user does, and a second for it.
  template <class F>
  void then(F f, Duration wait = seconds(1)) {
    network.now([&](TimePoint now) { f(now); });
    network.run(wait);
  }
  CallId of_bob() const {
    const auto* arrived = bob.last<CallArrived>();
    REQUIRE(arrived != nullptr);
    return arrived->call;
  }

  std::size_t sent(const std::string& from, const std::string& to, const std::string& label) const {
    std::size_t n = 0;
    for (const Wire& w : wire) n += w.from == from && w.to == to && w.label == label ? 1U : 0U;
    return n;
  }
  /// The last of these; there must be one.
  const Wire& last(const std::string& from, const std::string& to, const std::string& label) const {
    for (auto it = wire.rbegin(); it != wire.rend(); ++it)
      if (it->from == from && it->to == to && it->label == label) return *it;
    FAIL("never sent: " << label << " from " << from << " to " << to << "\n"
                        << network.ladder().text());
    return wire.front();
  }

  /// Alice ends what she has, and everything else must end for it; what is left, in words.
  std::string finish() {
    alice.user = nullptr;
    bob.user = nullptr;
    network.now([this](TimePoint now) { alice.ua().shut_down(now); });
    std::string left = network.run_to_rest(network.time() + seconds(2000)) ? "" : "no rest\n";
    for (Agent* agent : {&alice, &b2bua, &bob}) left += agent->left_behind();
    if (!b2bua.core().b2bua()->idle()) left += "the B2BUA is not idle\n";
    return left;
  }

  Network network;
  std::function<Fate(const Packet&)> fate;
  std::vector<Wire> wire;
  Agent alice, b2bua, bob;
};

}  // namespace sipstack::testing_b2bua
