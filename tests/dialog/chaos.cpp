// SPDX-License-Identifier: Apache-2.0
// A peer that follows no rule and a user who presses every button, in orders drawn from a seed: whatever
// happens, each call and request ends once and nothing is left (hardening A47 to A52, A73, A74).
#include <algorithm>
#include <map>

#include "phones.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

CoreOptions with_refer(std::size_t pool_bytes) {
  CoreOptions options;
  options.pool_bytes = pool_bytes;
  options.user_agent.allow.emplace_back("REFER");
  options.user_agent.session_expires = 90;
  return options;
}

class Chaos {
 public:
  Chaos(std::uint64_t seed, std::size_t pool_bytes)
      : dice_(seed),
        alice_(network_, "alice", "192.0.2.1", with_refer(pool_bytes)),
        peer_(network_, "peer", "192.0.2.9") {
    alice_.user = [this](Phone&, const UserEvent& event, TimePoint) { note(event); };
  }

  void run() {
    for (int i = 0; i < 80; ++i) {
      if (dice_.below(2) == 0)
        press_a_button();
      else
        send_something();
      network_.run(wait());
    }
    network_.now([this](TimePoint now) { alice_.ua().shut_down(now); });
    peer_.all.clear();
    invites_.clear();
    CHECK(network_.run_to_rest(network_.time() + seconds(1000)));
    for (const auto& [call, times] : ended_) CHECK(times == 1);
    CHECK(ended_.size() == calls_.size());
    CHECK(completed_ == requested_);
    transactions_.clear();
    alice_.must_be_empty();
  }

 private:
  template <class T>
  T* any(std::vector<T>& of) {
    const std::size_t reach = dice_.below(4) == 0 ? of.size() : std::min<std::size_t>(of.size(), 2);
    return of.empty() ? nullptr : &of[of.size() - 1 - dice_.below(reach)];
  }
  template <class T, std::size_t N>
  T one_of(const T (&of)[N]) {
    return of[dice_.below(N)];
  }
  Duration wait() {
    const Duration waits[] = {Duration::zero(), milliseconds(1), milliseconds(300), seconds(2),
                              seconds(40)};
    return waits[dice_.below(dice_.below(6) == 0 ? 5 : 4)];
  }

  void note(const UserEvent& event) {
    if (const auto* e = std::get_if<CallArrived>(&event)) calls_.push_back(e->call);
    if (const auto* e = std::get_if<CallEnded>(&event))
      ++ended_[{e->call.slot, e->call.generation}];
    if (std::holds_alternative<RequestCompleted>(event)) ++completed_;
    if (const auto* e = std::get_if<CallRequest>(&event)) transactions_.push_back(e->txn);
  }

  void press_a_button() {
    network_.now([this](TimePoint now) {
      UserAgent& ua = alice_.ua();
      const CallId* known = any(calls_);
      const CallId call = known == nullptr ? CallId{} : *known;
      switch (dice_.below(14)) {
        case 10: ua.update(call, dice_.below(2) == 0 ? kOffer : "", now); return;
        case 11: ua.accept_offer(call, kAnswer, now); return;
        case 12:
          if (dice_.below(3) == 0) ua.reject_offer(call, 488, now);
          return;
        case 13: dice_.below(2) == 0 ? ua.hold(call, now) : ua.resume(call, now); return;
        case 0: {
          auto options = call_to("sip:p@" + peer_.where.to_string());
          if (dice_.below(3) == 0) options.body.clear();
          options.credentials = {{"u", "p", ""}};
          options.max_ring = seconds(dice_.below(100));
          options.prack_by_application = dice_.below(4) == 0;
          if (const auto made = ua.invite(options, now)) calls_.push_back(*made);
          return;
        }
        case 1:
          ua.ring(call, static_cast<int>(99 + dice_.below(102)), now,
                  dice_.below(2) == 0 ? kAnswer : "", {}, dice_.below(2) == 0);
          return;
        case 2:
        case 3: ua.accept(call, dice_.below(2) == 0 ? kAnswer : "", now); return;
        case 4:
          if (dice_.below(3) == 0) ua.reject(call, static_cast<int>(299 + dice_.below(402)), now);
          return;
        case 5: ua.acknowledge(call, kAnswer, now); return;
        case 6:
          if (dice_.below(3) == 0) ua.hang_up(call, now);
          return;
        case 7: ua.reinvite(call, dice_.below(2) == 0 ? kOffer : "", now); return;
        case 8:
          if (ua.request(call, one_of({"INFO", "OPTIONS", "REFER"}), {}, {}, now)) ++requested_;
          return;
        default:
          if (const TxnId* txn = any(transactions_)) ua.respond(*txn, 200, now);
          return;
      }
    });
  }

  void send_something() {
    switch (dice_.below(10)) {
      case 0:
      case 1: {
        Letter invite = peer_.request("INVITE", alice_);
        if (dice_.below(3) == 0) invite.remove("Content-Type").body.clear();
        invite.add("Supported", "100rel, timer");
        if (dice_.below(4) == 0) invite.add("Session-Expires", "90");
        invites_.push_back(invite);
        return peer_.send(invite, alice_.where);
      }
      case 2:
      case 3: return follow_up_on_ours();
      case 4:
      case 5:
      case 6: return answer_something();
      default: return follow_up_on_theirs();
    }
  }

  const Stranger::Heard* heard(bool request) {
    std::vector<const Stranger::Heard*> fit;
    for (const auto& h : peer_.all)
      if (h.message->is_request() == request && h.message->method() != Method::ack)
        fit.push_back(&h);
    // Mostly what is fresh, so that things go far before they go wrong.
    const std::size_t reach =
        dice_.below(4) == 0 ? fit.size() : std::min<std::size_t>(fit.size(), 3);
    return fit.empty() ? nullptr : fit[fit.size() - 1 - dice_.below(reach)];
  }
  std::string tag() { return one_of({"one", "two", "three"}); }

  void answer_something() {
    const Stranger::Heard* const found = heard(true);
    if (found == nullptr) return;
    const Stranger::Heard request = *found;
    const int status = one_of({100, 180, 183, 183, 200, 200, 200, 202, 302, 401, 407,
                               408, 422, 481, 486, 487, 491, 500, 503, 603, 699});
    Letter extra;
    if (dice_.below(4) != 0) extra.add("Contact", "<sip:" + tag() + "@192.0.2.9>");
    if (status == 401)
      extra.add("WWW-Authenticate",
                "Digest realm=\"r\", nonce=\"" + std::to_string(dice_.next()) + "\"");
    if (dice_.below(2) == 0) extra.with("application/sdp", kAnswer);
    if (dice_.below(2) == 0)
      extra.add("Require", "100rel").add("RSeq", std::to_string(1 + dice_.below(3)));
    if (dice_.below(3) == 0) extra.add("Allow", "INVITE, UPDATE");
    if (dice_.below(3) == 0)
      extra.add("Session-Expires", one_of({"1;refresher=uac", "90;refresher=uas"}));
    peer_.reply(request, status, tag(), extra);
  }

  // A request in a dialog that an INVITE of alice's may have made.
  void follow_up_on_ours() {
    const Stranger::Heard* const found = heard(true);
    if (found == nullptr) return;
    const MessageView m = found->message.view();
    Letter out = peer_.request(
        one_of({"BYE", "INVITE", "INVITE", "INFO", "ACK", "REFER", "UPDATE"}), alice_);
    if (dice_.below(2) == 0) out.with("application/sdp", kOffer);
    out.set("Call-ID", std::string(m.call_id()));
    out.set("To", std::string(*m.raw(HeaderId::from)));
    out.set("From", m.to_tag().empty() ? "<sip:p@192.0.2.9>;tag=" + tag()
                                       : std::string(*m.raw(HeaderId::to)));
    peer_.send(out, alice_.where);
  }

  // A request in the dialog of an INVITE of the peer's, or the CANCEL of it.
  void follow_up_on_theirs() {
    const Letter* invite = any(invites_);
    const Stranger::Heard* response = heard(false);
    if (invite == nullptr || response == nullptr) return;
    if (dice_.below(8) == 0) {
      Letter cancel = *invite;
      cancel.start = "CANCEL" + invite->start.substr(invite->start.find(' '));
      cancel.remove("Content-Type").set("CSeq", "1 CANCEL").body.clear();
      return peer_.send(cancel, alice_.where);
    }
    Letter out = peer_.within(*invite, response->message.view(),
                              one_of({"BYE", "INVITE", "INVITE", "INFO", "ACK", "ACK", "ACK",
                                      "REFER", "UPDATE", "PRACK", "PRACK"}),
                              static_cast<int>(1 + dice_.below(4)));
    if (const auto rseq = response->message->get(hdr::rseq))
      out.add("RAck", std::to_string(rseq->number) + " 1 INVITE");
    if (dice_.below(2) == 0) out.with("application/sdp", kOffer);
    out.set("Call-ID", std::string(response->message->call_id()));
    out.set("From", std::string(*response->message->raw(HeaderId::from)));
    peer_.send(out, alice_.where);
  }

  SeededRandom dice_;
  Network network_;
  Phone alice_;
  Stranger peer_;
  std::vector<CallId> calls_;
  std::vector<Letter> invites_;
  std::vector<TxnId> transactions_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, int> ended_;
  std::size_t requested_ = 0, completed_ = 0;
};

}  // namespace

TEST_CASE("a lawless peer and a restless user leave nothing behind") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    INFO("seed " << seed);
    Chaos(seed, std::size_t{1} << 30).run();
  }
}

TEST_CASE("nothing is left behind where memory for messages runs out again and again") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    INFO("seed " << seed);
    Chaos(seed, 8192 + 512 * (seed % 40)).run();
  }
}
