// SPDX-License-Identifier: Apache-2.0
// Every order of what can happen to a call: nothing is left behind and no call ends twice
// (hardening A49 and A52). A state is reached by playing all that led there to one core, which must be as
// empty behind each order as it was before.
#include <array>
#include <cstdlib>

#include "catch.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/core/core.hpp"

using namespace sipstack;
using std::chrono::seconds;

namespace {

constexpr int kSteps = 9;
constexpr std::array<const char*, kSteps> kNames = {
    "re-INVITE", "UPDATE", "PRACK", "BYE", "CANCEL", "200", "ACK", "487", "timeout"};

/// A core, and a peer of few words.
class Table {
 public:
  Table() : core_(CoreOptions(), random_) {
    core_.locals().add({Transport::udp, {*IpAddress::parse("192.0.2.1"), 5060}, {}});
    flow_ = {Transport::udp,
             {*IpAddress::parse("192.0.2.1"), 5060},
             {*IpAddress::parse("192.0.2.9"), 5060},
             0};
  }

  /// Plays these steps as caller or callee, and everything to its end. Empty where all is well.
  std::string play(bool caller, const int* steps, int n) {
    begin(caller);
    for (int i = 0; i < n; ++i) step(caller, steps[i]);
    core_.user_agent().hang_up(call_, now_);
    drain();
    wait(seconds(400));
    return verdict();
  }
  std::size_t effects = 0;  ///< requests of ours, and successes: that the orders lead somewhere

 private:
  void begin(bool caller) {
    ended_ = calls_ = 0;
    cseq_ = 1;
    ++number_;
    their_tag_ = "p";
    if (caller) {
      CallOptions o;
      o.target = "sip:p@192.0.2.9";
      o.content_type = "application/sdp";
      o.body = "v=0\r\n";
      call_ = core_.user_agent().invite(o, now_).value();
      calls_ = 1;
      drain();
      respond(183, 1, "v=0\r\n");
    } else {
      text_.clear();
      send("INVITE", "", "Supported: 100rel\r\n", "v=0\r\n");
      core_.user_agent().ring(call_, 183, now_, "v=0\r\n", {}, true);
      drain();
    }
  }

  void step(bool caller, int what) {
    UserAgent& ua = core_.user_agent();
    switch (what) {
      case 0: send("INVITE", tag_, {}, "v=0\r\n"); break;
      case 1: send("UPDATE", tag_, {}, "v=0\r\n"); break;
      case 2:
        if (caller)
          respond(183, 2, {});
        else
          send("PRACK", tag_, "RAck: " + rseq_ + " 1 INVITE\r\n", {});
        break;
      case 3: send("BYE", tag_, {}, {}); break;
      case 4: caller ? static_cast<void>(ua.hang_up(call_, now_)) : cancel(); break;
      case 5:
        if (caller) respond(200, 0, "v=0\r\n");
        if (ua.accept_offer(call_, "v=0\r\n", now_)) ua.accept(call_, "v=0\r\n", now_);
        break;
      case 6:
        if (caller)
          ua.acknowledge(call_, "v=0\r\n", now_);
        else
          ack();
        break;
      case 7: caller ? respond(487, 0, {}) : static_cast<void>(ua.reject(call_, 487, now_)); break;
      default: wait(seconds(33)); return;
    }
    drain();
  }

  std::string head(const std::string& start, const std::string& branch, const std::string& to_tag,
                   const std::string& cseq) {
    std::string out = start + "\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK" + branch +
                      "\r\nMax-Forwards: 70\r\nFrom: <sip:p@x>;tag=" + their_tag_ +
                      "\r\nTo: <sip:a@x>";
    if (!to_tag.empty()) out += ";tag=" + to_tag;
    return out + "\r\nCall-ID: " + call_id() + "\r\nCSeq: " + cseq +
           "\r\nContact: <sip:p@192.0.2.9>\r\n";
  }
  std::string call_id() const { return text_.empty() ? "c" + std::to_string(number_) : their_id_; }
  static std::string with_body(const std::string& body) {
    std::string out = body.empty() ? "" : "Content-Type: application/sdp\r\n";
    return out + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  std::string branch() const { return std::to_string(number_) + "x" + std::to_string(cseq_); }

  void send(const std::string& method, const std::string& to_tag, const std::string& lines,
            const std::string& body) {
    if (!to_tag.empty()) ++cseq_;
    if (method == "INVITE") ack_cseq_ = cseq_;
    receive(head(method + " sip:a@192.0.2.1 SIP/2.0", branch(), to_tag,
                 std::to_string(cseq_) + " " + method) +
            lines + with_body(body));
  }
  void ack() {
    receive(head("ACK sip:a@192.0.2.1 SIP/2.0", branch() + "ack", tag_,
                 std::to_string(ack_cseq_) + " ACK") +
            with_body({}));
  }
  /// Of the first INVITE, or of the last one within the call.
  void cancel() {
    const int cseq = std::exchange(cseq_, ack_cseq_);
    receive(head("CANCEL sip:a@192.0.2.1 SIP/2.0", branch(), cseq_ == 1 ? "" : tag_,
                 std::to_string(cseq_) + " CANCEL") +
            with_body({}));
    cseq_ = cseq;
  }
  /// To our INVITE.
  void respond(int status, int rseq, const std::string& body) {
    std::string out = "SIP/2.0 " + std::to_string(status) + " x\r\n" + mirrored_ +
                      "Contact: <sip:p@192.0.2.9>\r\n";
    if (rseq != 0) out += "Require: 100rel\r\nRSeq: " + std::to_string(rseq) + "\r\n";
    receive(out + with_body(body));
  }
  void receive(const std::string& bytes) {
    core_.receive(bytes, flow_, now_);
    drain();
  }

  void drain() {
    do {
      for (Transmit out; core_.next(out);) sent(out.message.view());
      for (Resolve question; core_.next(question);) core_.resolved(question.txn, {}, now_);
    } while (hear());
  }
  bool hear() {
    bool any = false;
    for (UserEvent event; core_.next(event); any = true) {
      if (const auto* e = std::get_if<CallArrived>(&event)) {
        call_ = e->call;
        ++calls_;
      }
      if (std::holds_alternative<CallEnded>(event)) ++ended_;
    }
    return any;
  }
  void sent(const MessageView& m) {
    if (m.is_request() || m.status() / 100 == 2) ++effects;
    if (!m.is_request()) {
      if (m.to_tag().size() == 8 || tag_.empty() || m.status() == 183) tag_ = m.to_tag();
      if (const auto rseq = m.get(hdr::rseq)) rseq_ = std::to_string(rseq->number);
      return;
    }
    if (m.method() != Method::invite || !m.to_tag().empty()) return;
    // Our INVITE: what its responses mirror, and who we are in requests of the peer.
    text_ = std::string(m.call_id());
    their_id_ = text_;
    tag_ = m.from_tag();
    mirrored_ = "Via: " + std::string(*m.raw(HeaderId::via)) +
                "\r\nFrom: " + std::string(*m.raw(HeaderId::from)) +
                "\r\nTo: " + std::string(*m.raw(HeaderId::to)) + ";tag=p\r\nCall-ID: " + text_ +
                "\r\nCSeq: " + std::string(*m.raw(HeaderId::cseq)) + "\r\n";
  }

  void wait(Duration length) {
    const TimePoint end = now_ + length;
    while (core_.deadline() <= end) {
      now_ = std::max(now_, core_.deadline());
      core_.expire(now_);
      drain();
    }
    now_ = end;
  }

  std::string verdict() {
    std::string out;
    const auto must = [&](bool is, const char* what) {
      if (!is) out += std::string(out.empty() ? "" : ", ") + what;
    };
    must(ended_ == calls_, "a call ended twice, or never");
    must(core_.user_agent().calls() == 0, "a call is left");
    must(core_.user_agent().idle(), "a usage is left");
    must(core_.transactions().clients() == 0, "a client transaction is left");
    must(core_.transactions().servers() == 0, "a server transaction is left");
    must(core_.deadline() == kNever, "a timer is left");
    must(core_.pool().live() == 0, "a block is left");
    return out;
  }

  SeededRandom random_{1};
  Core core_;
  Flow flow_;
  TimePoint now_{};
  CallId call_;
  int calls_ = 0, ended_ = 0, cseq_ = 1, ack_cseq_ = 1;
  long number_ = 0;
  std::string tag_, their_tag_, their_id_, text_, mirrored_, rseq_;
};

std::string spelled(const int* steps, int n) {
  std::string out;
  for (int i = 0; i < n; ++i)
    out += std::string(i == 0 ? "" : ", ") + kNames[static_cast<std::size_t>(steps[i])];
  return out;
}

/// All orders of that length. How many went wrong.
int play_all(bool caller, int depth) {
  Table table;
  int wrong = 0;
  std::array<int, 8> steps{};
  for (;;) {
    const std::string verdict = table.play(caller, steps.data(), depth);
    if (!verdict.empty() && ++wrong <= 3) {
      INFO((caller ? "caller: " : "callee: ") << spelled(steps.data(), depth));
      CHECK(verdict == "");
    }
    int i = depth - 1;
    while (i >= 0 && ++steps[static_cast<std::size_t>(i)] == kSteps)
      steps[static_cast<std::size_t>(i--)] = 0;
    if (i < 0) break;
  }
  if (depth > 0) CHECK(table.effects > 0);
  return wrong;
}

}  // namespace

// To depth 4 each time; to depth 6, which takes minutes, with SIPSTACK_EXHAUSTIVE in the environment.
TEST_CASE("every order of what can happen to a call leaves nothing behind") {
  const int deepest = std::getenv("SIPSTACK_EXHAUSTIVE") != nullptr ? 6 : 4;
  for (const bool caller : {true, false})
    for (int depth = 0; depth <= deepest; ++depth) CHECK(play_all(caller, depth) == 0);
}
