// SPDX-License-Identifier: Apache-2.0
// A server's core between scripted peers: bytes in, messages out, virtual time; nothing may be left at the
// end.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/core/core.hpp"

namespace sipstack::testing_server {

using Lines = std::vector<std::string>;

/// One end of the network. Its name is its user part, too.
struct Peer {
  std::string name;
  std::string host;
  std::uint16_t port = 5060;
  Transport transport = Transport::udp;

  std::string at() const { return host + ":" + std::to_string(port); }
  std::string contact() const {
    const std::string by(transport == Transport::udp ? "" : uri_name(transport));
    return "<sip:" + name + "@" + at() + (by.empty() ? "" : ";transport=" + by) + ">";
  }
  std::string uri() const { return contact().substr(1, contact().size() - 2); }
};

/// What came out of the core, to be looked at.
struct Seen {
  Message message;
  Flow flow;
  TxnId txn;  ///< whom to blame where it can't be sent

  Message::Arrow operator->() const noexcept { return message.operator->(); }
  std::string raw(HeaderId id) const { return std::string(message->raw(id).value_or("(none)")); }
  std::string raw(std::string_view name) const {
    return std::string(message->raw(name).value_or("(none)"));
  }
  /// Every value line of a header.
  Lines lines(HeaderId id) const {
    Lines all;
    for (std::size_t i = 0; i < message->header_count(); ++i)
      if (message->header(i).id == id) all.emplace_back(message->header(i).value);
    return all;
  }
  std::string start() const {
    const auto bytes = message.bytes();
    return std::string(bytes.substr(0, bytes.find("\r\n")));
  }
};

class Server {
 public:
  explicit Server(const ServerOptions& server = with_domain(),
                  Duration t1 = std::chrono::milliseconds(500)) {
    CoreOptions options;
    options.server = server;
    options.transactions.timings = Timings::scaled(t1);
    core = std::make_unique<Core>(options, random);
    listen(Transport::udp);
    listen(Transport::tcp);
    idle_timers_ = timers();
  }

  static ServerOptions with_domain() {
    ServerOptions o;
    o.registrar.domains = {"example.org"};
    return o;
  }

  void listen(Transport transport) {
    LocalAddress address;
    address.transport = transport;
    address.bound = *SocketAddress::parse("192.0.2.1:5060");
    core->locals().add(address);
  }

  static Flow flow_of(const Peer& peer) {
    Flow flow;
    flow.transport = peer.transport;
    flow.local = *SocketAddress::parse("192.0.2.1:5060");
    flow.remote = *SocketAddress::parse(peer.at());
    if (reliable(peer.transport)) flow.connection = 1000U + peer.port;
    return flow;
  }

  /// A request by a peer, as text; Via with `branch` is put on top.
  std::string request(const Peer& from, const std::string& method, const std::string& uri,
                      const std::string& branch, const Lines& lines,
                      const std::string& body = {}) const {
    std::string text = method + " " + uri + " SIP/2.0\r\nVia: SIP/2.0/" +
                       std::string(via_name(from.transport)) + " " + from.at() + ";branch=z9hG4bK" +
                       branch + "\r\n";
    for (const auto& line : lines) text += line + "\r\n";
    return text + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  void send(const Peer& from, const std::string& bytes) {
    core->receive(bytes, flow_of(from), now);
    drain();
  }

  /// The peer's response to a request that it was sent.
  std::string response(const Seen& request, int status, const std::string& tag,
                       const Lines& lines = {}, const std::string& reason = "Said So") const {
    std::string text = "SIP/2.0 " + std::to_string(status) + " " + reason + "\r\n";
    const MessageView m = request.message.view();
    for (std::size_t i = 0; i < m.header_count(); ++i) {
      const HeaderView h = m.header(i);
      const bool dialog = h.id == HeaderId::record_route && status > 100 && status < 300;
      if (h.id == HeaderId::to)
        text.append("To: ")
            .append(h.value)
            .append(m.to_tag().empty() && status > 100 ? ";tag=" + tag : "")
            .append("\r\n");
      else if (dialog || h.id == HeaderId::via || h.id == HeaderId::from ||
               h.id == HeaderId::call_id || h.id == HeaderId::cseq)
        text.append(name(h.id)).append(": ").append(h.value).append("\r\n");
    }
    for (const auto& line : lines) text += line + "\r\n";
    return text + "Content-Length: 0\r\n\r\n";
  }
  void reply(const Peer& from, const Seen& request, int status, const Lines& lines = {}) {
    send(from, response(request, status, "t-" + from.name, lines));
  }

  /// By the peer's connection, whose other end counts then (RFC 3261 section 18.2.2), or at its address.
  static bool goes_to(const Seen& seen, const Peer& peer) {
    return seen.flow.connection != 0 ? seen.flow.connection == flow_of(peer).connection
                                     : seen.flow.remote.to_string() == peer.at();
  }
  /// The next message to a peer; there must be one.
  Seen take(const Peer& peer) {
    for (auto it = out.begin(); it != out.end(); ++it) {
      if (!goes_to(*it, peer)) continue;
      Seen seen = *it;
      out.erase(it);
      return seen;
    }
    FAIL("nothing was sent to " << peer.name);
    return {};
  }
  /// The next message to a peer that is no 100.
  Seen take_past_100(const Peer& peer) {
    Seen seen = take(peer);
    return seen->is_request() || seen->status() != 100 ? seen : take(peer);
  }
  /// What was sent could not be.
  void lose(const Seen& seen) {
    core->transport_failed(seen.txn, make_error_code(Errc::transport_failed), now);
    drain();
  }
  bool nothing_for(const Peer& peer) const {
    for (const auto& seen : out)
      if (goes_to(seen, peer)) return false;
    return true;
  }

  void advance(Duration by) {
    const TimePoint end = now + by;
    while (core->deadline() <= end) {
      now = std::max(now, core->deadline());
      core->expire(now);
      drain();
    }
    now = end;
    core->expire(now);
    drain();
  }
  void drain() {
    Transmit transmit;
    while (core->next(transmit)) {
      // Copied, so that what the test keeps is none of the core's.
      auto copy = Message::parse(kept, transmit.message.bytes(), index);
      if (!copy) {
        // The refusal of a malformed request mirrors its header fields; nothing else may be malformed.
        const auto bytes = transmit.message.bytes();
        INFO(bytes);
        const auto status = bytes.substr(0, 11);
        CHECK((bytes.substr(0, 9) == "SIP/2.0 4" || status == "SIP/2.0 505" ||
               status == "SIP/2.0 513"));
        ++refused;
      } else {
        out.push_back({*std::move(copy), transmit.flow, transmit.txn});
      }
      transmit = {};
    }
    Resolve resolve;
    while (core->next(resolve)) resolves.push_back(std::move(resolve));
    UserEvent event;
    while (core->next(event)) FAIL("the user agent was told of something");
  }
  std::size_t timers() const { return core->transactions().wheel().size(); }

  /// Everything ends by itself and leaves nothing (hardening Z).
  void end() {
    advance(std::chrono::minutes(10));
    out.clear();
    CHECK(core->transactions().clients() == 0);
    CHECK(core->transactions().servers() == 0);
    CHECK(timers() == idle_timers_);
    CHECK(core->pool().live() == 0);
  }

  BlockPool kept;
  MessageIndex index;
  SeededRandom random{42};
  std::unique_ptr<Core> core;
  TimePoint now = TimePoint(std::chrono::seconds(1));
  std::deque<Seen> out;
  std::vector<Resolve> resolves;
  int refused = 0;  ///< malformed requests answered in kind

 private:
  std::size_t idle_timers_ = 0;
};

}  // namespace sipstack::testing_server
