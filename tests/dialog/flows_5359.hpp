// SPDX-License-Identifier: Apache-2.0
// Service flows of RFC 5359: its messages in order where nothing goes wrong, and the same outcome for everybody
// with each of its datagrams lost, doubled, or late.
#pragma once

#include <cctype>

#include "impaired.hpp"

namespace sipstack::testing {

using Play = std::unique_ptr<Scene>;

struct Service {
  const char* name;
  /// "AP INVITE, PB INVITE, BP 180, ...": initials of sender and receiver, in the order of sending.
  const char* messages;
  /// "A: answered local-bye. B: ...": what each phone came to, words in alphabetical order. '|' parts two
  /// ways that are both right.
  const char* outcome;
  std::function<Play()> play;
};

/// Adds to what a user does: `then` for each event of that kind.
template <class Event, class Then>
void on(Phone& phone, Then then) {
  phone.user = [before = std::move(phone.user), then](Phone& p, const UserEvent& event,
                                                      TimePoint now) {
    if (before) before(p, event, now);
    if (const auto* one = std::get_if<Event>(&event)) then(*one, now);
  };
}

inline std::string sdp_of(const Phone& phone) {
  const std::string ip = phone.where.ip.to_string();
  return "v=0\r\no=- 1 1 IN IP4 " + ip + "\r\ns=-\r\nc=IN IP4 " + ip +
         "\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
}
inline CallOptions call_from(const Phone& phone, const std::string& target) {
  CallOptions o = call_to(target);
  o.body = sdp_of(phone);
  return o;
}
/// Rings and answers a second later; at once what replaces a call that it has. Agrees to re-INVITEs.
inline void picks_up(Scene& s, Phone& phone) {
  on<CallArrived>(phone, [&](const CallArrived& e, TimePoint now) {
    if (e.replaces) {
      CHECK_FALSE(phone.ua().accept(e.call, sdp_of(phone), now));
      return;
    }
    phone.ua().ring(e.call, 180, now);
    s.after(seconds(1),
            [&phone, id = e.call](TimePoint at) { phone.ua().accept(id, sdp_of(phone), at); });
  });
  on<CallReinvited>(phone, [&](const CallReinvited& e, TimePoint now) {
    CHECK_FALSE(phone.ua().accept(e.call, sdp_of(phone), now));
  });
}
inline void calls(Scene& s, Phone& from, const std::string& target) {
  s.after(milliseconds(0), [&from, target](TimePoint now) {
    REQUIRE(from.ua().invite(call_from(from, target), now));
  });
}
inline void hangs_up(Scene& s, Phone& phone, CallId call, Duration wait = seconds(2)) {
  s.after(wait, [&phone, call](TimePoint now) { phone.ua().hang_up(call, now); });
}
/// Puts on hold, and says so in Contact as RFC 5359 section 2.1 does (RFC 4235).
inline void holds(Scene& s, Phone& phone, CallId call, Duration wait = seconds(2)) {
  s.after(wait, [&phone, call](TimePoint now) {
    CHECK_FALSE(phone.ua().contact_params(call, "+sip.rendering=\"no\""));
    CHECK_FALSE(phone.ua().hold(call, now));
  });
}
inline void resumes(Scene& s, Phone& phone, CallId call, Duration wait = seconds(2)) {
  s.after(wait, [&phone, call](TimePoint now) {
    CHECK_FALSE(phone.ua().contact_params(call, {}));
    CHECK_FALSE(phone.ua().resume(call, now));
  });
}
/// Calls whom it is referred to.
inline void follows(Phone& phone) {
  on<ReferArrived>(phone, [&](const ReferArrived& e, TimePoint now) {
    CHECK(phone.ua().follow(e.referral, call_from(phone, {}), now));
  });
}
/// REFER outside any dialog, to a server.
inline void refers(Phone& phone, const Phone& to, const std::string& refer_to, TimePoint now,
                   bool subscribe = true) {
  ReferOptions o;
  o.target = to.uri();
  o.refer_to = refer_to;
  o.subscribe = subscribe;
  CHECK(phone.ua().refer(o, now));
}
/// Asks once for the calls that somebody has (RFC 4235).
inline void asks_for_calls(Phone& phone, const Phone& of, TimePoint now) {
  SubscriptionOptions o;
  o.target = of.uri();
  o.event = "dialog";
  o.expires = 0;
  CHECK(phone.ua().subscribe(o, now));
}
/// A call of `phone` is to become ours.
inline void replaces_call(Phone& phone, const DialogInfo& watched, bool early_only, TimePoint now) {
  CallOptions o = call_from(phone, watched.remote_uri);
  o.headers = {{"Replaces", replaces(watched, early_only)}};
  CHECK(phone.ua().invite(o, now));
}

inline CoreOptions transferable(bool tells_dialogs = false) {
  CoreOptions o;
  o.user_agent.notifier.refer = true;
  o.user_agent.notifier.refer_dialog = tells_dialogs;
  o.user_agent.notifier.packages = {"dialog"};
  return o;
}

/// A word for what a phone came to; empty for steps on the way.
inline std::string came_to(const UserEvent& event) {
  if (const auto* e = std::get_if<CallArrived>(&event))
    return e->replaces ? "arrived-replacing" : e->joins ? "arrived-joining" : "arrived";
  if (const auto* e = std::get_if<NotifyReceived>(&event)) {
    const int status = sipfrag_status(e->notify->body());
    return status >= 200 ? "told-" + std::to_string(status) : "";
  }
  if (std::holds_alternative<ReferArrived>(event)) return "referred";
  for (const bool step :
       {std::holds_alternative<CallConfirmed>(event), std::holds_alternative<CallProgress>(event)})
    if (step) return {};
  const std::string word = heard(event);
  return word == "event" ? "" : word;
}
inline std::string outcome(const Phone& phone, char initial) {
  std::vector<std::string> words;
  for (const UserEvent& event : phone.events)
    if (std::string word = came_to(event); !word.empty()) words.push_back(std::move(word));
  if (words.empty()) return {};
  std::sort(words.begin(), words.end());
  std::string out = std::string(1, initial) + ":";
  for (const std::string& word : words) out += " " + word;
  return out + ". ";
}

/// As play() of impaired.hpp. How many datagrams it had.
inline int play(const Service& service, int hit, const Fate& fate, const char* what) {
  const Play scene = service.play();
  Network& network = scene->network;
  const auto base = static_cast<int>(network.sent());
  std::string label = "nothing", messages;
  network.decide([&](const Packet& p) {
    const auto initial = [](std::string_view name) {
      return static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
    };
    const std::string says = p.label();
    if (!messages.empty()) messages += ", ";
    messages += {initial(p.from), initial(p.to), ' '};
    messages += std::isdigit(static_cast<unsigned char>(says[0])) ? says.substr(0, 3) : says;
    if (p.number - base != hit) return Fate();
    label = says;
    return fate;
  });
  const bool rest = network.run_to_rest(network.time() + std::chrono::hours(3));
  INFO(service.name << ": " << what << ' ' << label << " (" << hit << ")\n"
                    << network.ladder().text());
  CHECK(rest);
  std::string all = outcome(scene->alice, 'A') + outcome(scene->bob, 'B');
  std::size_t at = 0;
  for (const auto& other : scene->others) {
    static constexpr char kOrder[] = "123456";
    all += outcome(*other, kOrder[at++]);
  }
  if (!all.empty()) all.pop_back();
  if (hit == 0) CHECK(messages == service.messages);
  if (hit == 0 || !one_of(service.outcome, all)) CHECK(all == first_of(service.outcome));
  const auto sent = static_cast<int>(network.sent()) - base;
  for (Phone* phone : {&scene->alice, &scene->bob}) phone->must_be_empty();
  for (const auto& other : scene->others) other->must_be_empty();
  for (const auto& server : scene->servers) CHECK(server->left() == 0);
  return sent;
}

inline void play_impaired(const Service& service) {
  const int datagrams = play(service, 0, {}, "as it should be");
  REQUIRE(datagrams > 1);
  for (int i = 1; i <= datagrams; ++i) {
    play(service, i, Fate::lost(), "lost");
    play(service, i, Fate::twice(), "twice");
    play(service, i, Fate::delayed(milliseconds(15)), "behind the next one:");
    play(service, i, Fate::delayed(milliseconds(700)), "behind its own copy:");
  }
}

struct Three {
  Play scene;
  Scene& s;
  Phone& third;
};

inline Three with(const std::string& third, const CoreOptions& options = transferable()) {
  auto scene = std::make_unique<Scene>(options, options);
  Scene& s = *scene;
  Phone& phone = s.add(third, "192.0.2.3", options);
  for (Phone* p : {&s.alice, &s.bob, &phone}) picks_up(s, *p);
  return {std::move(scene), s, phone};
}

/// A referral has come to this.
inline bool told(const NotifyReceived& e, int status) {
  return sipfrag_status(e.notify->body()) == status;
}

inline const std::string kMade = "AB INVITE, BA 180, BA 200, AB ACK, ";

inline void check(const char* name, const std::string& messages, const char* outcome,
                  Play (*play)()) {
  play_impaired(Service{name, messages.c_str(), outcome, play});
}

}  // namespace sipstack::testing
