// SPDX-License-Identifier: Apache-2.0
// Pings and pongs: RFC 5626 sections 3.5, 4.4 and 8, STUN binding by RFC 8489; and carriers of the user's own.
#include "loopback.hpp"
#include "transport/stun.hpp"

using namespace sipstack;
using namespace sipstack::testing;

namespace {

/// The answer of RFC 8489 section 14.2, made by hand.
std::string binding_success(const std::string& request, std::array<unsigned char, 4> ip,
                            std::uint16_t port) {
  std::string out("\x01\x01\x00\x0c", 4);
  out += request.substr(4, 16);
  out += std::string("\x00\x20\x00\x08\x00\x01", 6);
  out += static_cast<char>((port >> 8) ^ 0x21);
  out += static_cast<char>((port & 0xFF) ^ 0x12);
  const unsigned char cookie[] = {0x21, 0x12, 0xA4, 0x42};
  for (std::size_t i = 0; i < 4; ++i) out += static_cast<char>(ip[i] ^ cookie[i]);
  return out;
}

const std::string kRequest(
    "\x00\x01\x00\x00\x21\x12\xa4\x42"
    "abcdefghijkl",
    20);

}  // namespace

TEST_CASE("a connection that we opened is pinged, and dead without a pong") {
  TransportOptions options;
  options.ping = 30ms;
  options.pong_timeout = 40ms;
  Fixture f(options);
  Server server(f.io);
  f.send(request("a"), Fixture::to(Transport::tcp, server.where()), 1);
  REQUIRE(f.until([&] { return server.streams().size() == 1; }));
  std::size_t answered = 0;
  REQUIRE(f.until([&] {
    const std::string& got = server.streams()[0].got();
    const std::size_t pings =
        got.size() < request("a").size() ? 0 : (got.size() - request("a").size()) / 4;
    for (; answered < pings; ++answered) server.streams()[0].write("\r\n");
    return answered >= 4;
  }));
  CHECK(f.told.gone.empty());
  // Silence from here on.
  REQUIRE(f.until([&] { return f.told.gone.size() == 1; }));
  CHECK(f.told.gone[0].second == std::errc::timed_out);
  CHECK(f.transports->counters().timed_out == 1);
  // All that came behind the request are pings, one more than were answered.
  const std::string pings = server.streams()[0].got().substr(request("a").size());
  CHECK(pings.size() == 4 * (answered + 1));
  CHECK(pings.find_first_not_of("\r\n") == std::string::npos);
  CHECK(f.transports->counters().pings == 0);  // two pongs are no ping
}

TEST_CASE("one flow may be kept alive where others are not") {
  TransportOptions options;
  options.pong_timeout = 40ms;
  Fixture f(options);
  Server server(f.io);
  const Flow to = Fixture::to(Transport::tcp, server.where());
  CHECK(f.transports->keep_alive(to, 20ms).error() == std::errc::not_connected);
  f.send(request("a"), to, 1);
  REQUIRE(f.until([&] { return server.streams().size() == 1; }));
  REQUIRE(f.transports->keep_alive(to, 20ms));
  REQUIRE(f.until([&] { return f.told.gone.size() == 1; }));
  CHECK(server.streams()[0].got() == request("a") + "\r\n\r\n");
}

TEST_CASE("a binding request on a SIP socket is answered with its source") {
  Fixture f;
  const SocketAddress ours = f.listen(Transport::udp);
  Datagrams peer(f.io);
  peer.send(kRequest, ours);
  REQUIRE(f.until([&] { return peer.have(1); }));
  const std::uint16_t port = peer.where().port;
  CHECK(peer.got[0].first == binding_success(kRequest, {127, 0, 0, 1}, port));
  CHECK(peer.got[0].second == ours);
  CHECK(f.told.messages.empty());
  CHECK(f.transports->counters().stun == 1);
  // What is no sound request gets nothing: a response, an indication, lengths that lie, no cookie.
  for (std::string bad :
       {std::string("\x01\x01", 2) + kRequest.substr(2),
        std::string("\x00\x11", 2) + kRequest.substr(2),
        std::string("\x00\x01\x00\x04", 4) + kRequest.substr(4), kRequest + "abcd",
        kRequest.substr(0, 2) + std::string("\x00\x04", 2) + kRequest.substr(4) +
            std::string("\x80\x22\x00\x08", 4)})
    peer.send(bad, ours);
  peer.send(request("behind"), ours);
  REQUIRE(f.until([&] { return f.told.messages.size() == 1; }));
  f.settle();
  CHECK(peer.have(1));
  CHECK_FALSE(peer.have(2));
}

TEST_CASE("STUN over IPv6, and attributes that must be understood") {
  const SocketAddress source = at("2001:db8::1", 0x1234);
  const auto answer = answer_stun(kRequest, source);
  const auto read = read_stun_response(answer);
  REQUIRE(read);
  CHECK(read->good);
  CHECK(read->mapped == source);
  std::string strange = kRequest.substr(0, 2) + std::string("\x00\x08", 2) + kRequest.substr(4) +
                        std::string("\x00\x24\x00\x04\x00\x00\x00\x01", 8);  // PRIORITY
  const auto refused = answer_stun(strange, source);
  CHECK(refused.substr(0, 2) == std::string("\x01\x11", 2));
  CHECK(refused.find(std::string("\x00\x0a\x00\x02\x00\x24", 6)) != std::string::npos);
  REQUIRE(read_stun_response(refused));
  CHECK_FALSE(read_stun_response(refused)->good);
  strange[20] = static_cast<char>(0x80);  // comprehension-optional now
  CHECK(answer_stun(strange, source).substr(0, 2) == std::string("\x01\x01", 2));
}

TEST_CASE("STUN keep-alive: requests, their repetition, and when a flow has failed") {
  StunFlows flows(500ms);
  Flow flow;
  flow.local = at("192.0.2.1", 5060);
  flow.remote = at("192.0.2.2", 5060);
  std::vector<std::string> sent;
  std::vector<std::error_code> failed;
  const StunFlows::Outputs out{
      [&](const Flow&, const std::string& bytes) { sent.push_back(bytes); },
      [&](const Flow& gone, std::error_code error) {
        CHECK(gone == flow);
        failed.push_back(error);
      }};
  const TimePoint start{};
  REQUIRE(flows.keep(flow, 29s, start));
  TimePoint now = flows.deadline();
  CHECK(now - start >= 23200ms);  // RFC 5626 section 4.4.2: 20 % at most
  CHECK(now - start <= 29s);
  flows.expire(now, out);
  REQUIRE(sent.size() == 1);
  const auto respond = [&](std::array<unsigned char, 4> ip, std::uint16_t port) {
    const auto response = read_stun_response(binding_success(sent.back(), ip, port));
    REQUIRE(response);
    flows.answered(*response, flow.remote, now, out);
  };
  // Somebody else's answer is none.
  const auto response = read_stun_response(binding_success(sent.back(), {192, 0, 2, 9}, 1));
  flows.answered(*response, at("192.0.2.3", 5060), now, out);
  CHECK(flows.deadline() == now + 500ms);
  respond({192, 0, 2, 9}, 1);
  CHECK(flows.deadline() - now >= 23200ms);
  now = flows.deadline();
  flows.expire(now, out);
  CHECK(sent[1] != sent[0]);  // a transaction of its own
  respond({192, 0, 2, 9}, 1);
  CHECK(failed.empty());
  // The NAT has given us another port (RFC 5626 section 8).
  now = flows.deadline();
  flows.expire(now, out);
  respond({192, 0, 2, 9}, 2);
  REQUIRE(failed.size() == 1);
  CHECK(failed[0] == std::errc::address_not_available);
  CHECK(flows.empty());
  // No answer at all: 7 requests, doubling, and 16 times the first wait (RFC 8489 section 6.2.1).
  sent.clear();
  REQUIRE(flows.keep(flow, 29s, now));
  now = flows.deadline();
  const TimePoint first = now;
  std::vector<Duration> times;
  while (!flows.empty()) {
    now = flows.deadline();
    const std::size_t had = sent.size();
    flows.expire(now, out);
    if (sent.size() > had) times.push_back(now - first);
  }
  const std::vector<Duration> expected = {0ms, 500ms, 1500ms, 3500ms, 7500ms, 15500ms, 31500ms};
  CHECK(times == expected);
  CHECK(now - first == 39500ms);
  CHECK(std::all_of(sent.begin(), sent.end(), [&](const auto& s) { return s == sent[0]; }));
  REQUIRE(failed.size() == 2);
  CHECK(failed[1] == std::errc::timed_out);
}

TEST_CASE("a UDP flow that nobody answers on is told as closed") {
  TransportOptions options;
  options.stun_timeout = 1ms;
  Fixture f(options);
  f.listen(Transport::udp);
  Datagrams peer(f.io);
  const Flow flow = Fixture::to(Transport::udp, peer.where());
  REQUIRE(f.transports->keep_alive(flow, 5ms));
  REQUIRE(f.until([&] {
    if (peer.have(peer.got.size() + 1) && peer.got.size() < 3)
      peer.send(binding_success(peer.got.back().first, {127, 0, 0, 1}, 5060),
                peer.got.back().second);
    return f.told.gone.size() == 1;
  }));
  CHECK(f.told.gone[0].first.remote == peer.where());
  CHECK(f.told.gone[0].second == std::errc::timed_out);
  CHECK(peer.got.size() >= 2 + 7);
}

// ---------------------------------------------------------------- carriers

namespace {

class Wire final : public Carrier {
 public:
  void start(Up given) override { up = std::move(given); }
  void send(const Block& block, std::size_t size, const Flow& flow, std::uint64_t token) override {
    sent.push_back({std::string(block.data(), size), flow});
    if (at_once) at_once(flow, token);
  }
  SocketAddress address() const override { return at("192.0.2.1", 5060); }
  void close() override { ++closes; }

  Up up;
  std::vector<Told> sent;
  std::function<void(const Flow&, std::uint64_t)> at_once;
  int closes = 0;
};

}  // namespace

TEST_CASE("a carrier takes the place of a transport, both ways") {
  const auto wire = std::make_shared<Wire>();
  {
    Fixture f;
    REQUIRE(f.transports->plug(Transport::udp, wire));
    CHECK(f.transports->plug(Transport::udp, wire).error() == std::errc::address_in_use);
    CHECK(f.transports->local_toward(Transport::udp, at("192.0.2.9", 5060)).value() ==
          at("192.0.2.1", 5060));
    Flow flow = Fixture::to(Transport::udp, at("192.0.2.2", 5060));
    f.send(request("a"), flow, 1);
    REQUIRE(wire->sent.size() == 1);
    CHECK(wire->sent[0].bytes == request("a"));
    wire->up.received(response("a"), flow);
    REQUIRE(f.told.messages.size() == 1);
    CHECK(f.told.batches == 1);
    wire->up.send_failed(1, make_error_code(std::errc::host_unreachable));
    wire->up.closed(flow, {});
    CHECK(f.told.failed.empty());  // on a turn, as everything
    REQUIRE(f.until([&] { return f.told.failed.size() == 1 && f.told.gone.size() == 1; }));
    // From inside send() nothing comes before send() has returned.
    wire->at_once = [&](const Flow& to, std::uint64_t token) {
      wire->up.received(response("b"), to);
      wire->up.send_failed(token, make_error_code(std::errc::host_unreachable));
    };
    f.send(request("b"), flow, 2);
    CHECK(f.told.messages.size() == 1);
    CHECK(f.told.failed.size() == 1);
    REQUIRE(f.until([&] { return f.told.messages.size() == 2 && f.told.failed.size() == 2; }));
    CHECK(f.told.messages[1].bytes == response("b"));
    CHECK(wire->closes == 0);
  }
  CHECK(wire->closes == 1);
  wire->up.received(response("late"), {});  // nobody is there
}
