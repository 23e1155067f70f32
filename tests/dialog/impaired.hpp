// SPDX-License-Identifier: Apache-2.0
// A flow, played as it should go and then with each of its datagrams lost, doubled, or late: whatever happens
// both sides must end as they should, each call once, with nothing left.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "phones.hpp"
#include "sipstack/server/users.hpp"

namespace sipstack::testing {

/// A registrar and proxy with a domain of its own.
struct Server : private PhoneParts, public CoreNode<Core> {
  Server(Network& network, const std::string& name, const char* ip, const std::string& domain,
         const std::string& users, bool redirect, Duration longest_ring = {})
      : PhoneParts(keyed_hash({3, 4}, name), options(domain, users, redirect, longest_ring)),
        CoreNode<Core>(inside) {
    const SocketAddress where = address(ip);
    inside.locals().add({Transport::udp, where, {}});
    network.attach(*this, name, where);
    network.host(domain, {{Transport::udp, where}});
  }
  static CoreOptions options(const std::string& domain, const std::string& users, bool redirect,
                             Duration longest_ring) {
    CoreOptions o;
    ServerOptions s;
    s.registrar.domains = {domain};
    s.proxy.redirect = redirect;
    if (longest_ring > Duration::zero()) s.proxy.timer_c = longest_ring;
    if (!users.empty()) s.users = parse_users(users, domain)->lookup();
    o.server = s;
    return o;
  }
  std::size_t left() {
    return inside.transactions().clients() + inside.transactions().servers() + inside.pool().live();
  }
};

struct Scene {
  explicit Scene(const CoreOptions& alices = {}, const CoreOptions& bobs = {})
      : network(ten_ms()),
        alice(network, "alice", "192.0.2.1", alices),
        bob(network, "bob", "192.0.2.2", bobs) {}
  static NetworkOptions ten_ms() {
    NetworkOptions o;
    o.delay_min = o.delay_max = milliseconds(10);
    return o;
  }
  Server& server(const std::string& name, const char* ip, const std::string& domain,
                 const std::string& users = {}, bool redirect = false, Duration longest_ring = {}) {
    servers.push_back(
        std::make_unique<Server>(network, name, ip, domain, users, redirect, longest_ring));
    return *servers.back();
  }
  /// Whoever takes part besides Alice and Bob.
  Phone& add(const std::string& name, const char* ip, const CoreOptions& options = {}) {
    others.push_back(std::make_unique<Phone>(network, name, ip, options));
    return *others.back();
  }
  /// Bob is bound at that domain before the flow begins; the binding expires in the end.
  void register_bob(const std::string& domain, const std::string& password = {}) {
    RegistrationOptions o;
    o.aor = "sip:bob@" + domain;
    o.contacts = {bob.uri()};
    o.refresh = false;
    if (!password.empty()) o.credentials = {{"bob", password, ""}};
    network.now([&](TimePoint now) { REQUIRE(bob.ua().add_registration(o, now)); });
    network.run(seconds(5));
    REQUIRE(bob.last<RegistrationChanged>().state == RegistrationChanged::State::registered);
    network.run(seconds(35));
    bob.events.clear();
  }
  void after(Duration wait, std::function<void(TimePoint)> what) {
    network.at(network.time() + wait, std::move(what));
  }
  void call(CallOptions options) {
    after(milliseconds(0),
          [this, options](TimePoint now) { at_alice = alice.ua().invite(options, now).value(); });
  }
  void call() { call(call_to(bob.uri())); }
  CallId at_bob() { return bob.last<CallArrived>().call; }

  Network network;
  Phone alice, bob;
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<std::unique_ptr<Phone>> others;
  CallId at_alice;
  /// What becomes of a datagram in the flow itself: races are made of it.
  std::function<std::optional<Fate>(const Packet&)> rule;
};

/// Ways for the flow to end: what each user heard, but for provisional responses. Several are parted by '|'.
struct Scenario {
  const char* name;
  const char* alice;
  const char* bob;
  std::function<std::unique_ptr<Scene>()> play;
  Duration length = seconds(400);  ///< by then all is over
};

/// An event in a word.
struct Say {
  std::string operator()(const CallArrived&) { return "arrived"; }
  std::string operator()(const CallProgress&) { return {}; }
  std::string operator()(const CallAnswered& e) { return e.reinvite ? "reanswered" : "answered"; }
  std::string operator()(const CallConfirmed&) { return "confirmed"; }
  std::string operator()(const CallReinvited&) { return "reinvited"; }
  std::string operator()(const ReinviteFailed& e) { return "reinvite-" + std::to_string(e.status); }
  std::string operator()(const CallRequest& e) { return std::string(e.request->method_name()); }
  std::string operator()(const CallEnded& e) {
    static constexpr const char* kCauses[] = {"local-bye",        "remote-bye", "cancelled",
                                              "rejected",         "timeout",    "failed",
                                              "not-acknowledged", "expired"};
    std::string out = kCauses[static_cast<int>(e.cause)];
    return e.status == 0 ? out : out + "-" + std::to_string(e.status);
  }
  std::string operator()(const ProvisionalAcknowledged&) { return "pracked"; }
  std::string operator()(const OfferReceived& e) {
    return "offer-by-" + std::string(e.request->method_name());
  }
  std::string operator()(const UpdateCompleted& e) { return "update-" + std::to_string(e.status); }
  std::string operator()(const SessionRefreshed&) { return "refreshed"; }
  std::string operator()(const RequestReceived&) { return "request"; }
  std::string operator()(const RequestCompleted& e) {
    return "completed-" + std::to_string(e.response ? e.response->status() : 0);
  }
  /// Subscriptions and the like have stories of their own.
  template <class Other>
  std::string operator()(const Other&) {
    return "event";
  }
  std::string operator()(const RegistrationChanged& e) {
    static constexpr const char* kStates[] = {"registered", "failed", "removed"};
    return kStates[static_cast<int>(e.state)];
  }
};

inline std::string heard(const UserEvent& event) { return std::visit(Say(), event); }

inline std::string heard(const std::vector<UserEvent>& events) {
  std::string out;
  for (const UserEvent& event : events) {
    const std::string word = heard(event);
    if (!word.empty()) out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

inline bool one_of(std::string_view alternatives, std::string_view what) {
  for (std::size_t at = 0; at <= alternatives.size();) {
    const std::size_t end = std::min(alternatives.find('|', at), alternatives.size());
    if (alternatives.substr(at, end - at) == what) return true;
    at = end + 1;
  }
  return false;
}

inline std::string first_of(std::string_view alternatives) {
  return std::string(alternatives.substr(0, alternatives.find('|')));
}

/// Each call of a phone ends once, and so does each single request.
inline bool ended_once(const Phone& phone) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, int> ended;
  for (const UserEvent& event : phone.events)
    if (const auto* e = std::get_if<CallEnded>(&event))
      if (++ended[{e->call.slot, e->call.generation}] > 1) return false;
  return ended.size() >= phone.count<CallArrived>();
}

/// Plays it once. `hit`: the number of the datagram, of the flow's, that meets `fate`; 0: none.
/// How many datagrams the flow had.
inline int play(const Scenario& scenario, int hit, const Fate& fate, const char* what) {
  const std::unique_ptr<Scene> scene = scenario.play();
  Network& network = scene->network;
  const auto base = static_cast<int>(network.sent());
  std::string label = "nothing";
  network.decide([&](const Packet& p) {
    if (p.number - base == hit) {
      label = p.label();
      return fate;
    }
    return scene->rule ? scene->rule(p).value_or(Fate()) : Fate();
  });
  const bool rest = network.run_to_rest(network.time() + scenario.length);
  INFO(scenario.name << ": " << what << ' ' << label << " (" << hit << ")\n"
                     << network.ladder().text());
  CHECK(rest);
  const std::string at_alice = heard(scene->alice.events), at_bob = heard(scene->bob.events);
  // Unhurt it ends in the way that is named first.
  if (hit == 0 || !one_of(scenario.alice, at_alice)) CHECK(at_alice == first_of(scenario.alice));
  if (hit == 0 || !one_of(scenario.bob, at_bob)) CHECK(at_bob == first_of(scenario.bob));
  CHECK(ended_once(scene->alice));
  CHECK(ended_once(scene->bob));
  const auto sent = static_cast<int>(network.sent()) - base;
  scene->alice.must_be_empty();
  scene->bob.must_be_empty();
  for (const auto& server : scene->servers) CHECK(server->left() == 0);
  return sent;
}

inline void play_impaired(const Scenario& scenario) {
  const int datagrams = play(scenario, 0, {}, "as it should be");
  REQUIRE(datagrams > 1);
  for (int i = 1; i <= datagrams; ++i) {
    play(scenario, i, Fate::lost(), "lost");
    play(scenario, i, Fate::twice(), "twice");
    play(scenario, i, Fate::delayed(milliseconds(15)), "behind the next one:");
    play(scenario, i, Fate::delayed(milliseconds(700)), "behind its own copy:");
  }
}

}  // namespace sipstack::testing
