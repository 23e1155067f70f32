// SPDX-License-Identifier: Apache-2.0
// Two phones and a stranger on a network in virtual time. A phone is a whole core with a user; the stranger
// sends the bytes that a test writes and keeps what comes back.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/core/core.hpp"
#include "sipstack/testing/network.hpp"

namespace sipstack::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline const std::string kOffer = "v=0\r\ns=offer\r\n";
inline const std::string kAnswer = "v=0\r\ns=answer\r\n";

inline SocketAddress address(const char* ip, std::uint16_t port = 5060) {
  return {*IpAddress::parse(ip), port};
}

struct PhoneParts {
  PhoneParts(std::uint64_t seed, const CoreOptions& options)
      : random(seed), inside(options, random) {}
  SeededRandom random;
  Core inside;
};

class Phone : private PhoneParts, public CoreNode<Core> {
 public:
  using User = std::function<void(Phone&, const UserEvent&, TimePoint)>;

  Phone(Network& network, const std::string& name, const char* ip, CoreOptions options = {})
      : PhoneParts(keyed_hash({1, 2}, name), options), CoreNode<Core>(inside), where(address(ip)) {
    inside.locals().add({Transport::udp, where, {}});
    inside.locals().add({Transport::tcp, where, {}});
    network.attach(*this, name, where);
  }

  void act(TimePoint now) override {
    UserEvent event;
    while (inside.next(event)) {
      events.push_back(event);
      if (user) user(*this, events.back(), now);
    }
  }

  UserAgent& ua() noexcept { return inside.user_agent(); }
  std::string uri(const std::string& params = {}) const {
    return "sip:user@" + where.to_string() + params;
  }
  template <class E>
  std::size_t count() const {
    std::size_t n = 0;
    for (const auto& event : events) n += std::holds_alternative<E>(event);
    return n;
  }
  /// The last event of that kind; there must be one.
  template <class E>
  const E& last() const {
    for (auto it = events.rbegin(); it != events.rend(); ++it)
      if (const E* event = std::get_if<E>(&*it)) return *event;
    FAIL("no such event");
    std::abort();
  }
  /// Nothing is left behind: calls, transactions, timers, and but for `events` no message.
  void must_be_empty() {
    events.clear();
    CHECK(ua().calls() == 0);
    CHECK(ua().registrations() == 0);
    CHECK(ua().idle());
    CHECK(inside.transactions().clients() == 0);
    CHECK(inside.transactions().servers() == 0);
    CHECK(inside.deadline() == kNever);
    CHECK(inside.pool().live() == 0);
  }

  const SocketAddress where;
  User user;
  std::vector<UserEvent> events;
};

/// Rings and answers at once.
inline void answers(Phone& phone, const UserEvent& event, TimePoint now) {
  if (const auto* call = std::get_if<CallArrived>(&event)) {
    CHECK_FALSE(phone.ua().ring(call->call, 180, now));
    CHECK_FALSE(phone.ua().accept(call->call, kAnswer, now));
  } else if (const auto* again = std::get_if<CallReinvited>(&event)) {
    CHECK_FALSE(phone.ua().accept(again->call, kAnswer, now));
  }
}

inline CallOptions call_to(const std::string& target) {
  CallOptions options;
  options.target = target;
  options.from = "\"Alice\" <sip:alice@a.invalid>";
  options.content_type = "application/sdp";
  options.body = kOffer;
  return options;
}

/// A message being written: its lines are changed at will before it is sent.
struct Letter {
  std::string start;
  std::vector<std::pair<std::string, std::string>> lines;
  std::string body;

  Letter& add(std::string name, std::string value) {
    lines.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  Letter& set(const std::string& name, std::string value) {
    for (auto& line : lines)
      if (line.first == name) {
        line.second = std::move(value);
        return *this;
      }
    return add(name, std::move(value));
  }
  Letter& remove(const std::string& name) {
    for (auto it = lines.begin(); it != lines.end();)
      it = it->first == name ? lines.erase(it) : it + 1;
    return *this;
  }
  Letter& with(std::string type, std::string content) {
    body = std::move(content);
    return set("Content-Type", std::move(type));
  }
  std::string text() const {
    std::string out = start + "\r\n";
    for (const auto& [name, value] : lines)
      out.append(name).append(": ").append(value).append("\r\n");
    return out + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
};

class Stranger : public Node {
 public:
  Stranger(Network& network, const std::string& name, const char* ip)
      : where(address(ip)), network_(network) {
    network.attach(*this, name, where);
  }

  struct Heard {
    Message message;
    Flow flow;
    TimePoint at;
  };

  /// Sent now, and the network runs for `wait`.
  void send(const std::string& bytes, const SocketAddress& to, Duration wait = milliseconds(1)) {
    auto message = Message::parse(pool_, bytes, scratch_);
    INFO(bytes);
    REQUIRE(message);
    Transmit out{*message, {Transport::udp, where, to, 0}, {}};
    network_.now([this, out](TimePoint) { out_.push_back(out); });
    network_.run(wait);
  }
  void send(const Letter& letter, const SocketAddress& to, Duration wait = milliseconds(1)) {
    send(letter.text(), to, wait);
  }

  /// Sent when the network next looks.
  void queue(Transmit out) { out_.push_back(std::move(out)); }

  /// A request to `to` with a branch of its own.
  Letter request(const std::string& method, const Phone& to) {
    const std::string n = std::to_string(++number_);
    Letter out;
    out.start = method + " " + to.uri() + " SIP/2.0";
    out.add("Via", "SIP/2.0/UDP " + where.to_string() + ";branch=z9hG4bKs" + n);
    out.add("Max-Forwards", "70");
    out.add("From", "<sip:stranger@s.invalid>;tag=s" + n);
    out.add("To", "<" + to.uri() + ">");
    out.add("Call-ID", "stranger-" + n);
    out.add("CSeq", "1 " + method);
    out.add("Contact", "<sip:stranger@" + where.to_string() + ">");
    if (method == "INVITE") out.with("application/sdp", kOffer);
    return out;
  }
  /// A request in the dialog that `made` and its response stand for.
  Letter within(const Letter& made, const MessageView& response, const std::string& method,
                int cseq) {
    Letter out = made;
    const auto contact = response.get(hdr::contact);
    out.start = method + made.start.substr(made.start.find(' '));
    if (contact) out.start = method + " " + std::string(contact->uri.text) + " SIP/2.0";
    out.set("Via",
            "SIP/2.0/UDP " + where.to_string() + ";branch=z9hG4bKs" + std::to_string(++number_));
    out.set("To", std::string(*response.raw(HeaderId::to)));
    out.set("CSeq", std::to_string(cseq) + " " + method);
    out.remove("Content-Type").remove("Record-Route");
    out.body.clear();
    return out;
  }
  /// A response to a request that was heard.
  Letter response(const MessageView& request, int status, const std::string& tag) {
    Letter out;
    out.start = "SIP/2.0 " + std::to_string(status) + " " + std::string(reason_phrase(status));
    for (std::size_t i = 0; i < request.header_count(); ++i) {
      const HeaderView line = request.header(i);
      std::string value(line.value);
      if (line.id == HeaderId::to && !tag.empty() && request.to_tag().empty())
        value += ";tag=" + tag;
      if (line.id == HeaderId::via || line.id == HeaderId::from || line.id == HeaderId::to ||
          line.id == HeaderId::call_id || line.id == HeaderId::cseq)
        out.add(std::string(line.name), value);
    }
    return out;
  }
  void reply(const Heard& request, int status, const std::string& tag, Letter extra = {}) {
    Letter out = response(request.message.view(), status, tag);
    for (auto& line : extra.lines) out.lines.push_back(std::move(line));
    out.body = extra.body;
    send(out, request.flow.remote);
  }
  /// A 2xx to an INVITE, with our Contact.
  void answer(const Heard& invite, const std::string& tag, Letter extra = {}, int status = 200) {
    if (extra.body.empty() && !invite.message->body().empty())
      extra.with("application/sdp", kAnswer);
    extra.add("Contact", "<sip:" + tag + "@" + where.to_string() + ">");
    reply(invite, status, tag, std::move(extra));
  }

  std::size_t count(const std::string& label) const {
    std::size_t n = 0;
    for (const auto& heard : all) n += message_label(heard.message.bytes()) == label;
    return n;
  }
  /// The last one heard under that label ("INVITE", "200 INVITE"); there must be one.
  const Heard& last(const std::string& label) const {
    for (auto it = all.rbegin(); it != all.rend(); ++it)
      if (message_label(it->message.bytes()) == label) return *it;
    FAIL("never heard: " << label);
    std::abort();
  }
  /// The last message, which must be a response to that method.
  const MessageView answer_to(const Letter& sent) const {
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
      const MessageView m = it->message.view();
      if (m.is_request() || m.status() < 200) continue;
      if (sent.text().find(std::string(m.branch())) != std::string::npos) return m;
    }
    FAIL("no final response to " << sent.start);
    std::abort();
  }

  void receive(std::string_view bytes, const Flow& flow, TimePoint now) override {
    auto message = Message::parse(pool_, bytes, scratch_);
    if (message) all.push_back({*message, flow, now});
    if (message && on_message) on_message(all.back());
  }
  void expire(TimePoint) override {}
  void transport_failed(TxnId, std::error_code, TimePoint) override {}
  void resolved(TxnId, const std::vector<Flow>&, TimePoint) override {}
  bool next(Transmit& out) override {
    if (out_.empty()) return false;
    out = out_.front();
    out_.erase(out_.begin());
    return true;
  }
  bool next(Resolve&) override { return false; }
  TimePoint deadline() const override { return kNever; }

  const SocketAddress where;
  std::function<void(const Heard&)> on_message;
  BlockPool pool_;
  std::vector<Heard> all;

 private:
  Network& network_;
  MessageIndex scratch_;
  std::vector<Transmit> out_;
  int number_ = 0;
};

}  // namespace sipstack::testing
