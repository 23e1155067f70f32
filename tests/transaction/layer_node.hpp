// SPDX-License-Identifier: Apache-2.0
// A bare transaction layer on the simulated network, with a script for its user.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "sipstack/testing/network.hpp"
#include "sipstack/transaction/layer.hpp"

namespace sipstack::testing {

inline SocketAddress address(const std::string& text) {
  const auto parsed = SocketAddress::parse(text);
  REQUIRE(parsed.has_value());
  return *parsed;
}

inline TimePoint at(double seconds) {
  return TimePoint(Duration(static_cast<std::int64_t>(seconds * 1e6)));
}

class LayerNode : public Node {
 public:
  LayerNode(Network& network, const std::string& name, const std::string& where,
            const TransactionOptions& options = {}, std::uint64_t seed = 7,
            const std::vector<Transport>& transports = {Transport::udp, Transport::tcp})
      : here(address(where)), random(seed), layer(pool, wheel, random, locals, options) {
    for (const Transport transport : transports) locals.add({transport, here, {}});
    network.attach(*this, name, here);
  }

  // Node
  void receive(std::string_view bytes, const Flow& flow, TimePoint now) override {
    auto message = Message::parse(pool, bytes, scratch);
    REQUIRE(message.has_value());
    handle(layer.receive(*std::move(message), flow, now), now);
  }
  void expire(TimePoint now) override {
    while (TimerHook* hook = wheel.pop(now)) handle(layer.expire(*hook, now), now);
  }
  void transport_failed(TxnId txn, std::error_code error, TimePoint now) override {
    handle(layer.transport_failed(txn, error, now), now);
  }
  void resolved(TxnId txn, const std::vector<Flow>& targets, TimePoint now) override {
    handle(layer.resolved(txn, targets, now), now);
  }
  bool next(Transmit& out) override { return layer.next(out); }
  bool next(Resolve& out) override { return layer.next(out); }
  TimePoint deadline() const override { return wheel.deadline(); }

  // The user
  std::function<void(const TxnEvent&, TimePoint)> user;
  std::vector<std::string> told;  ///< what the user was told, in words

  void handle(const TxnEvent& event, TimePoint now) {
    std::visit([&](const auto& e) { note(e); }, event);
    if (user && !std::holds_alternative<Absorbed>(event)) user(event, now);
  }

  /// Answers a request at once. Everything else is noted alone.
  void answer(int status) {
    user = [this, status](const TxnEvent& event, TimePoint now) {
      if (const auto* arrived = std::get_if<RequestArrived>(&event))
        respond(arrived->txn, status, now);
    };
  }

  RequestWriter request(std::string_view method, std::string_view uri = "sip:bob@192.0.2.2",
                        std::string_view call_id = "call-1", int cseq = 1) {
    RequestWriter writer(pool, method, uri);
    writer.header(HeaderId::from, "<sip:alice@example.com>;tag=a1");
    writer.header(HeaderId::to, "<sip:bob@example.com>");
    writer.header(HeaderId::call_id, call_id);
    writer.header(HeaderId::cseq, std::to_string(cseq) + " " + std::string(method));
    writer.header(HeaderId::max_forwards, 70);
    return writer;
  }
  TxnId send(std::string_view method, std::string_view uri, TimePoint now) {
    auto sent =
        layer.send(request(method, uri), NextHop::to(uri), {UsageKind::request, 1, 2, 3}, now);
    REQUIRE(sent.has_value());
    return *sent;
  }
  std::error_code respond(TxnId txn, int status, TimePoint now) {
    const MessageView request = layer.request(txn);
    REQUIRE(request);
    const ResponseWriter writer(pool, request, *layer.flow(txn), status, "b1");
    return layer.respond(txn, writer, now);
  }

  /// No transaction, no timer, no block.
  bool at_rest() const {
    return layer.clients() == 0 && layer.servers() == 0 && wheel.size() == 0 && pool.live() == 0;
  }

  SocketAddress here;
  BlockPool pool;
  TimerWheel wheel;
  SeededRandom random;
  LocalAddresses locals;
  TransactionLayer layer;
  MessageIndex scratch;

 private:
  void note(const Absorbed&) {}
  void note(const RequestArrived& e) {
    told.push_back(std::string(e.request->method_name()) + (e.merged ? " merged" : "") +
                   (e.cancels ? " cancels" : ""));
  }
  void note(const AckArrived& e) { told.emplace_back(e.txn ? "ACK" : "ACK of nothing"); }
  void note(const ResponseArrived& e) {
    told.push_back(std::to_string(e.response->status()) + " " +
                   std::string(e.response->method_name()));
  }
  void note(const StrayResponse& e) {
    told.push_back("stray " + std::to_string(e.response->status()));
  }
  void note(const TxnFailed& e) {
    told.push_back(std::string(e.client ? "" : "server ") + std::string(name(e.method)) +
                   " failed: " + e.error.message());
  }
};

using Told = std::vector<std::string>;

/// Alice and Bob, 192.0.2.1 and 192.0.2.2.
struct LayerPair {
  explicit LayerPair(const NetworkOptions& network_options = {},
                     const TransactionOptions& options = {})
      : network(network_options),
        alice(network, "alice", "192.0.2.1:5060", options, 1),
        bob(network, "bob", "192.0.2.2:5060", options, 2) {}

  /// Lets all timers run out, and then nothing may be left of anything.
  void finish() {
    alice.user = nullptr;
    bob.user = nullptr;
    REQUIRE(network.run_to_rest(network.time() + std::chrono::seconds(400)));
    CHECK(alice.at_rest());
    CHECK(bob.at_rest());
  }
  bool ladder_is(const std::string& expected) const {
    // Expected texts begin with a line feed, for the eye.
    const std::string drawn = "\n" + network.ladder().text();
    if (drawn == expected) return true;
    UNSCOPED_INFO("drawn:" << drawn);
    return false;
  }

  Network network;
  LayerNode alice;
  LayerNode bob;
};

}  // namespace sipstack::testing
