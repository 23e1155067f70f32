// SPDX-License-Identifier: Apache-2.0
// What it costs to refuse a call under overload, beside what a call through the proxy costs: bytes in, bytes
// out, virtual time, no sockets. By their ratio tests/core/overloaded_server_test.cpp says what its messages take.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "sipstack/core/core.hpp"
#include "sipstack/server/memory_location.hpp"

using namespace sipstack;
using std::chrono::milliseconds;

namespace {

constexpr int kRounds = 40, kCalls = 500;

const SocketAddress kHere = *SocketAddress::parse("192.0.2.1:5060");
const Flow kAlice{Transport::udp, kHere, *SocketAddress::parse("192.0.2.3:5060"), 0};
const Flow kBob{Transport::udp, kHere, *SocketAddress::parse("192.0.2.2:5060"), 0};
constexpr const char* kBody =
    "v=0\r\no=a 1 1 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.3\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

std::string request(const char* method, const std::string& uri, const std::string& call, int cseq,
                    const std::string& to_tag, const std::string& more, const std::string& body) {
  return fmt::format(
      "{0} {1} SIP/2.0\r\nVia: SIP/2.0/UDP "
      "192.0.2.3:5060;branch=z9hG4bK{2}{3}{0}\r\n{6}Max-Forwards: "
      "70\r\nFrom: \"Alice\" <sip:alice@example.com>;tag=a{2}\r\nTo: "
      "<sip:bob@example.org>{4}\r\nCall-ID: "
      "{2}@192.0.2.3\r\nCSeq: {3} {5}\r\nContact: <sip:alice@192.0.2.3:5060>\r\nAllow: INVITE, "
      "ACK, CANCEL, "
      "OPTIONS, BYE, UPDATE\r\nSupported: replaces, timer\r\nUser-Agent: "
      "phone\r\n{7}Content-Length: "
      "{8}\r\n\r\n{9}",
      method, uri, call, cseq, to_tag, method, more,
      body.empty() ? "" : "Content-Type: application/sdp\r\n", body.size(), body);
}

struct Bench {
  Bench() : core(options(), random), pool(std::size_t{64} << 20) {
    core.locals().add({Transport::udp, kHere, {}});
    BindingUpdate bob;
    bob.aor = "sip:bob@example.org";
    bob.set.resize(1);
    bob.set[0].contact = "sip:bob@192.0.2.2:5060";
    bob.set[0].expires = kNever;
    location.update(bob, now, [](const LocationResult&, TimePoint) {});
  }
  CoreOptions options() {
    CoreOptions o;
    o.sources.max_sources = 0;  // all comes from one
    o.server.emplace();
    o.server->registrar.domains = {"example.org"};
    o.server->location = &location;
    return o;
  }

  /// What comes of these bytes; only this is timed.
  std::vector<Transmit> give(std::string_view bytes, const Flow& flow) {
    std::vector<Transmit> out;
    out.reserve(4);
    const auto begin = std::chrono::steady_clock::now();
    core.receive(bytes, flow, now);
    for (Transmit t; core.next(t);) out.push_back(std::move(t));
    spent += std::chrono::steady_clock::now() - begin;
    return out;
  }
  std::string answer(const Message& to, int status) {
    ResponseWriter w(pool, to.view(), kBob, status, "b1");
    w.copy(to.view(), HeaderId::record_route);
    w.header(HeaderId::contact, "<sip:bob@192.0.2.2:5060>");
    if (status == 200) w.body("application/sdp", kBody);
    return std::string(w.seal().value().bytes());
  }

  void call() {
    const std::string id = std::to_string(number++);
    const auto onward =
        give(request("INVITE", "sip:bob@example.org", id, 1, "", "", kBody), kAlice);
    if (onward.size() != 1) std::abort();
    const Message& invite = onward[0].message;
    if (give(answer(invite, 180), kBob).size() != 1) std::abort();
    const auto ok = give(answer(invite, 200), kBob);
    if (ok.size() != 1) std::abort();
    const auto route = ok[0].message.view().raw(HeaderId::record_route);
    const std::string routed = route ? "Route: " + std::string(*route) + "\r\n" : "";
    if (routed.empty()) std::abort();
    if (give(request("ACK", "sip:bob@192.0.2.2:5060", id, 1, ";tag=b1", routed, ""), kAlice)
            .size() != 1)
      std::abort();
    const auto bye =
        give(request("BYE", "sip:bob@192.0.2.2:5060", id, 2, ";tag=b1", routed, ""), kAlice);
    if (bye.size() != 1) std::abort();
    if (give(answer(bye[0].message, 200), kBob).size() != 1) std::abort();
  }
  void refusal() {
    const std::string id = std::to_string(number++);
    core.waiting(milliseconds(150), now);
    const auto out = give(request("INVITE", "sip:bob@example.org", id, 1, "", "", kBody), kAlice);
    if (out.size() != 1 || out[0].message.view().status() != 503) std::abort();
    refusing += std::exchange(spent, {});
    const std::string tag = ";tag=" + std::string(out[0].message.view().to_tag());
    if (!give(request("ACK", "sip:bob@example.org", id, 1, tag, "", ""), kAlice).empty())
      std::abort();
    acknowledging += std::exchange(spent, {});
  }
  void pass(Duration time) {
    now += time;
    while (core.deadline() <= now) core.expire(now);
    for (Transmit t; core.next(t);) {
    }
  }

  SeededRandom random{1};
  MemoryLocation location{random};
  Core core;
  BlockPool pool;
  TimePoint now{std::chrono::seconds(1)};
  std::uint64_t number = 1'000'000;
  std::chrono::nanoseconds spent{}, refusing{}, acknowledging{};
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main() {
  // In turns, so that what slows the machine down hits both.
  std::vector<double> call, refusal, ack, ratio;
  Bench calls, flood;
  for (int i = 0; i < 8; ++i) flood.core.waiting(milliseconds(150), flood.now);
  for (int round = 0; round < kRounds; ++round) {
    calls.spent = flood.refusing = flood.acknowledging = {};
    for (int i = 0; i < kCalls; ++i) calls.call();
    for (int i = 0; i < kCalls; ++i) flood.refusal();
    calls.pass(std::chrono::seconds(2));
    flood.pass(milliseconds(10));
    call.push_back(static_cast<double>(calls.spent.count()) / kCalls / 6);
    refusal.push_back(static_cast<double>(flood.refusing.count()) / kCalls);
    ack.push_back(static_cast<double>(flood.acknowledging.count()) / kCalls);
    ratio.push_back(refusal.back() / call.back());
  }
  fmt::print(
      "message of a call {:>8.0f} ns\nrefused INVITE    {:>8.0f} ns\nits ACK           {:>8.0f} "
      "ns\n",
      median(call), median(refusal), median(ack));
  fmt::print("ratio refusal message {:.2f}\n", median(ratio));
}
