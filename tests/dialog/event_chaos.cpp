// SPDX-License-Identifier: Apache-2.0
// A peer without law and a user without plan, in subscriptions, referrals, publications and calls at once: each
// ends exactly once and nothing is left (hardening A71 to A74).
#include <algorithm>
#include <map>

#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

CoreOptions everything(std::size_t pool_bytes) {
  CoreOptions options;
  options.pool_bytes = pool_bytes;
  options.user_agent.notifier.packages = {"presence", "dialog"};
  options.user_agent.notifier.min_expires = 1;
  options.user_agent.notifier.refer = true;
  options.user_agent.notifier.max_subscriptions = 8;
  return options;
}

class EventChaos {
 public:
  EventChaos(std::uint64_t seed, std::size_t pool_bytes)
      : dice_(seed),
        alice_(network_, "alice", "192.0.2.1", everything(pool_bytes)),
        peer_(network_, "peer", "192.0.2.9") {
    alice_.user = [this](Phone&, const UserEvent& event, TimePoint now) {
      note(event);
      if (dice_.below(3) == 0) command(now);  // from inside the event
    };
  }

  void run() {
    for (int i = 0; i < 80; ++i) {
      if (dice_.below(2) == 0)
        network_.now([this](TimePoint now) { command(now); });
      else if (dice_.below(3) == 0)
        ask();
      else if (dice_.below(2) == 0)
        answer();
      else
        follow_up();
      const Duration waits[] = {Duration::zero(), milliseconds(1), milliseconds(300), seconds(2),
                                seconds(40)};
      network_.run(waits[dice_.below(dice_.below(6) == 0 ? 5 : 4)]);
    }
    network_.now([this](TimePoint now) { alice_.ua().shut_down(now); });
    peer_.all.clear();
    CHECK(network_.run_to_rest(network_.time() + seconds(2000)));
    for (const auto* ended : {&subscriptions_ended_, &notifiers_ended_, &publications_ended_})
      for (const auto& [id, times] : *ended) CHECK(times == 1);
    CHECK(subscriptions_ended_.size() == subscriptions_.size());
    CHECK(notifiers_ended_.size() == notifiers_.size());
    CHECK(publications_ended_.size() == publications_.size());
    alice_.must_be_empty();
  }

 private:
  using Ended = std::map<std::pair<std::uint32_t, std::uint32_t>, int>;
  template <class T>
  T any(const std::vector<T>& of) {
    if (of.empty()) return {};
    return of[of.size() - 1 - dice_.below(std::min<std::size_t>(of.size(), 4))];
  }
  template <class T, std::size_t N>
  T one_of(const T (&of)[N]) {
    return of[dice_.below(N)];
  }
  std::string tag() { return one_of({"one", "two", "three"}); }
  std::string event() {
    return one_of({"presence", "presence", "dialog", "refer", "refer;id=2", "x"});
  }

  void note(const UserEvent& event) {
    if (const auto* e = std::get_if<CallArrived>(&event)) calls_.push_back(e->call);
    if (const auto* e = std::get_if<SubscriptionForked>(&event))
      subscriptions_.push_back(e->subscription);
    if (const auto* e = std::get_if<SubscriptionArrived>(&event)) notifiers_.push_back(e->notifier);
    if (const auto* e = std::get_if<ReferArrived>(&event)) notifiers_.push_back(e->referral);
    if (const auto* e = std::get_if<NotifierEnded>(&event))
      ++notifiers_ended_[{e->notifier.slot, e->notifier.generation}];
    if (const auto* e = std::get_if<SubscriptionChanged>(&event);
        e && e->state == SubscriptionChanged::State::ended)
      ++subscriptions_ended_[{e->subscription.slot, e->subscription.generation}];
    if (const auto* e = std::get_if<PublicationChanged>(&event);
        e && e->state == PublicationChanged::State::removed)
      ++publications_ended_[{e->publication.slot, e->publication.generation}];
  }

  void command(TimePoint now) {
    UserAgent& ua = alice_.ua();
    const std::string target = "sip:p@" + peer_.where.to_string();
    const NotifierId n = any(notifiers_);
    const SubscriptionId s = any(subscriptions_);
    switch (dice_.below(18)) {
      case 0:
      case 1: {
        SubscriptionOptions options;
        options.target = target;
        options.event = event();
        options.expires = one_of({0U, 1U, 60U, 3600U});
        options.credentials = {{"u", "p", ""}};
        const auto made = dice_.below(3) == 0 ? ua.subscribe(any(calls_), options, now)
                                              : ua.subscribe(options, now);
        if (made) subscriptions_.push_back(*made);
        return;
      }
      case 2: {
        ReferOptions options;
        options.target = target;
        options.refer_to = target;
        options.subscribe = dice_.below(4) != 0;
        const auto made =
            dice_.below(3) != 0 ? ua.refer(any(calls_), options, now) : ua.refer(options, now);
        if (made) subscriptions_.push_back(*made);
        return;
      }
      case 3: {
        PublicationOptions options;
        options.target = target;
        options.event = "presence";
        options.content_type = "t/p";
        options.body = "x";
        if (const auto made = ua.publish(options, now)) publications_.push_back(*made);
        return;
      }
      case 4: ua.modify(any(publications_), "t/p", "y", now); return;
      case 5: ua.remove(any(publications_), now); return;
      case 6: ua.unsubscribe(s, now); return;
      case 7: ua.refresh(s, now); return;
      case 8:
      case 9: ua.accept(n, "t/p", "state", now); return;
      case 10: ua.defer(n, now); return;
      case 11: ua.notify(n, "t/p", std::to_string(dice_.below(9)), now); return;
      case 12: ua.terminate(n, one_of({"noresource", "probation"}), now); return;
      case 13: ua.reject(n, 403, now); return;
      case 14: ua.report(n, one_of({180, 200, 486}), now); return;
      case 15:
        if (const auto made = ua.follow(n, call_to({}), now)) calls_.push_back(*made);
        return;
      case 16:
        if (dice_.below(3) == 0)
          ua.hang_up(any(calls_), now);
        else
          ua.accept(any(calls_), kAnswer, now);
        return;
      default:
        if (const auto made = ua.invite(call_to(target), now)) calls_.push_back(*made);
    }
  }

  /// A request outside dialogs.
  void ask() {
    Letter out = peer_.request(
        one_of({"SUBSCRIBE", "SUBSCRIBE", "REFER", "INVITE", "NOTIFY", "PUBLISH"}), alice_);
    out.add("Event", event()).add("Expires", one_of({"0", "5", "600"}));
    out.add("Refer-To", one_of({"<sip:c@192.0.2.9>", "<sip:c@192.0.2.9?Replaces=x%3Bto-tag%3D1>",
                                "<tel:1>", "<sip:c@192.0.2.9;method=BYE>"}));
    if (dice_.below(4) == 0) out.add("Refer-Sub", "false");
    if (const auto value = alice_.ua().replaces(any(calls_)); !value.empty() && dice_.below(2) == 0)
      out.add("Replaces", value);
    peer_.send(out, alice_.where);
  }

  /// `subscribing`: only what asks for NOTIFYs.
  const Stranger::Heard* heard(bool request, bool subscribing = false) {
    std::vector<const Stranger::Heard*> fit;
    for (const auto& h : peer_.all) {
      const Method method = h.message->method();
      const bool fits = subscribing ? method == Method::subscribe || method == Method::refer
                                    : method != Method::ack;
      if (h.message->is_request() == request && fits) fit.push_back(&h);
    }
    const std::size_t reach = std::min<std::size_t>(fit.size(), 4);
    return fit.empty() ? nullptr : fit[fit.size() - 1 - dice_.below(reach)];
  }

  void answer() {
    const Stranger::Heard* const found = heard(true);
    if (found == nullptr) return;
    const Stranger::Heard request = *found;
    const int status = one_of(
        {100, 180, 200, 200, 200, 202, 204, 401, 404, 408, 412, 423, 481, 489, 500, 503, 603});
    Letter extra;
    extra.add("Contact", "<sip:" + tag() + "@192.0.2.9>");
    extra.add("Expires", one_of({"0", "1", "600", "4294967295"}));
    if (dice_.below(2) == 0) extra.add("SIP-ETag", tag());
    if (dice_.below(6) == 0) extra.add("Refer-Sub", "false");
    if (status == 423) extra.add("Min-Expires", one_of({"0", "900"}));
    if (status == 401)
      extra.add("WWW-Authenticate",
                "Digest realm=\"r\", nonce=\"" + std::to_string(dice_.next()) + "\"");
    if (request.message->method() == Method::invite) extra.with("application/sdp", kAnswer);
    peer_.reply(request, status, tag(), extra);
  }

  /// A request in a dialog of something that was heard.
  void follow_up() {
    const bool notify = dice_.below(2) == 0;
    const bool to_request = notify || dice_.below(2) == 0;
    const Stranger::Heard* const found = heard(to_request, notify);
    if (found == nullptr) return;
    const MessageView m = found->message.view();
    Letter out = peer_.request(
        notify ? "NOTIFY" : one_of({"NOTIFY", "SUBSCRIBE", "SUBSCRIBE", "REFER", "BYE", "ACK"}),
        alice_);
    out.set("Call-ID", std::string(m.call_id()));
    const std::string from(*m.raw(HeaderId::from));
    std::string to(*m.raw(HeaderId::to));
    if (m.to_tag().empty()) to += ";tag=" + tag();
    out.set("To", to_request ? from : to).set("From", to_request ? to : from);
    out.set("CSeq", std::to_string(1 + dice_.below(5)) + out.lines[5].second.substr(1));
    const std::string said = m.method() == Method::refer ? "refer" : "presence";
    if (dice_.below(6) == 0)
      out.add("Event", event());
    else
      out.add("Event", std::string(m.raw(HeaderId::event).value_or(said)));
    out.add("Expires", one_of({"0", "60", "600"})).add("Refer-To", "<sip:d@192.0.2.9>");
    if (dice_.below(8) != 0)
      out.add(
          "Subscription-State",
          one_of({"active;expires=600", "active", "active;expires=0", "pending;expires=60",
                  "terminated;reason=deactivated", "terminated;reason=rejected",
                  "terminated;reason=giveup;retry-after=4294967295", "terminated", "nonsense"}));
    peer_.send(out, alice_.where);
  }

  SeededRandom dice_;
  Network network_;
  Phone alice_;
  Stranger peer_;
  std::vector<CallId> calls_;
  std::vector<SubscriptionId> subscriptions_;
  std::vector<NotifierId> notifiers_;
  std::vector<PublicationId> publications_;
  Ended subscriptions_ended_, notifiers_ended_, publications_ended_;
};

}  // namespace

TEST_CASE("whatever is done to subscriptions, referrals and publications, each ends once") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    EventChaos(seed, std::size_t{1} << 30).run();
  }
}

TEST_CASE("the same where memory for messages runs out again and again") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    EventChaos(seed, 8192 + 512 * (seed % 40)).run();
  }
}
