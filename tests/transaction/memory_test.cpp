// SPDX-License-Identifier: Apache-2.0
// What transactions cost in memory, measured at the heap (hardening P6); that steady traffic takes nothing
// from it; and what becomes of everything when it has nothing to give (P13).
#include "memory.hpp"

#include <algorithm>
#include <memory>

#include "catch.hpp"
#include "sipstack/transaction/layer.hpp"

using namespace sipstack;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

SocketAddress end_at(const char* text) { return SocketAddress::parse(text).value(); }

TransactionOptions roomy() {
  TransactionOptions options;
  options.max_transactions = 1'000'000;
  options.max_half_open_per_source = 1'000'000;
  options.reset_burst = 1'000'000;
  return options;
}

// A bare layer, whose test's own needs are counted apart.
struct Side {
  explicit Side(const char* where)
      : here(end_at(where)), random(7), layer(pool, wheel, random, locals, roomy()) {
    locals.add({Transport::udp, here, here.to_string()});
    locals.add({Transport::tcp, here, here.to_string()});
  }
  TxnEvent receive(const std::string& bytes, const SocketAddress& from, TimePoint now,
                   Transport transport = Transport::udp) {
    auto message = Message::parse(pool, bytes, scratch);
    if (!message) return Absorbed{};
    return layer.receive(*std::move(message), {transport, here, from, 0}, now);
  }
  std::size_t drain() {
    std::size_t bytes = 0;
    Transmit out;
    while (layer.next(out)) bytes += out.message.bytes().size();
    return bytes;
  }
  void expire(TimePoint now) {
    while (TimerHook* hook = wheel.pop(now)) layer.expire(*hook, now);
  }
  bool empty() const {
    return layer.clients() == 0 && layer.servers() == 0 && wheel.size() == 0 && pool.live() == 0;
  }

  SocketAddress here;
  BlockPool pool{std::size_t{4} << 30};
  TimerWheel wheel;
  SeededRandom random;
  LocalAddresses locals;
  TransactionLayer layer;
  MessageIndex scratch;
};

std::string request(const std::string& method, int n, std::size_t more = 0) {
  char id[24];
  std::snprintf(id, sizeof id, "%012d", n);
  std::string text =
      method + " sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK" + id +
      ";rport\r\nFrom: \"Alice\" <sip:alice@example.com>;tag=" + id +
      "\r\nTo: <sip:bob@example.com>\r\nCall-ID: " + id + "@192.0.2.9\r\nCSeq: 1 " + method +
      "\r\nMax-Forwards: 70\r\nContact: <sip:alice@192.0.2.9>\r\n";
  if (more != 0) text += "X-More: " + std::string(more, 'x') + "\r\n";
  return text + "Content-Length: 0\r\n\r\n";
}

constexpr int kMany = 20'500;  // just above where the tables have doubled: their worst

// The heap's bytes for each of many server transactions, once `act` has been done to each.
template <class Act>
double bytes_each(const std::string& method, std::size_t more, Act&& act) {
  Side bob("192.0.2.2:5060");
  const SocketAddress from = end_at("192.0.2.9:5060");
  std::string text;
  const std::size_t before = memory::live();
  for (int n = 0; n < kMany; ++n) {
    text = request(method, n, more);
    TxnEvent event = bob.receive(text, from, TimePoint{});
    act(bob, std::get<RequestArrived>(event));
    bob.drain();
  }
  text = {};
  REQUIRE(bob.layer.servers() == kMany);
  return static_cast<double>(memory::live() - before) / kMany;
}

}  // namespace

TEST_CASE(
    "memory: a lingering transaction costs at most 512 bytes beyond its stored response (P6)") {
  for (const char* method : {"OPTIONS", "INVITE"})
    for (const int status : {200, 486})
      for (const std::size_t more : {0U, 90U, 200U, 333U, 700U, 1500U, 3000U}) {
        std::size_t stored = 0;
        const double each = bytes_each(method, 0, [&](Side& bob, RequestArrived& event) {
          ResponseWriter writer(bob.pool, event.request.view(), event.flow, status, "b1");
          if (more != 0) writer.header("X-More", std::string(more, 'x'));
          event.request = {};
          REQUIRE_FALSE(bob.layer.respond(event.txn, writer, TimePoint{}));
          Transmit out;
          REQUIRE(bob.layer.next(out));
          stored = out.message.bytes().size();
        });
        INFO(method << " " << status << ": " << each << " bytes, of these the response " << stored);
        CHECK(each - static_cast<double>(stored) <= 512);
      }
}

TEST_CASE("memory: a half-open INVITE costs at most its request and 1 KiB (P6)") {
  for (const std::size_t more : {0U, 200U, 700U, 1500U, 3000U}) {
    const double each =
        bytes_each("INVITE", more, [](Side&, RequestArrived& event) { event.request = {}; });
    const auto raw = static_cast<double>(request("INVITE", 1, more).size());
    INFO(each << " bytes, of these the request " << raw);
    CHECK(each <= raw + 1024);
  }
}

TEST_CASE(
    "memory: the request is given back with the final response, and the response with the end") {
  Side bob("192.0.2.2:5060");
  const SocketAddress from = end_at("192.0.2.9:5060");
  TxnEvent event = bob.receive(request("INVITE", 1), from, TimePoint{});
  auto& arrived = std::get<RequestArrived>(event);
  const TxnId txn = arrived.txn;
  const ResponseWriter writer(bob.pool, arrived.request.view(), arrived.flow, 486, "b1");
  event = Absorbed{};
  CHECK(bob.pool.live() == 2);  // the request, and the writer's lines
  CHECK(bob.layer.request(txn));
  REQUIRE_FALSE(bob.layer.respond(txn, writer, TimePoint{}));
  bob.drain();
  CHECK(bob.pool.live() == 2);  // the response, and the writer's lines
  CHECK_FALSE(bob.layer.request(txn));
  bob.expire(TimePoint{} + seconds(33));
  bob.drain();
  CHECK(bob.pool.live() == 1);
  CHECK_FALSE(bob.layer.alive(txn));
}

TEST_CASE("A54: a flood of every method ends on a plateau, and all of it is given back") {
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    TransactionOptions options;
    options.max_transactions = 2000;
    options.max_half_open_per_source = 1'000'000;
    Side bob("192.0.2.2:5060");
    TransactionLayer layer(bob.pool, bob.wheel, bob.random, bob.locals, options);
    const std::size_t before = memory::live();
    std::size_t highest = 0;
    std::string text;
    Transmit out;
    int n = 0;
    TimePoint now{};
    for (; now < TimePoint{} + seconds(60); now += milliseconds(10)) {
      for (const char* method : {"REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE"}) {
        text = request(method, ++n);
        auto message = Message::parse(bob.pool, text, bob.scratch);
        const SocketAddress from = end_at("192.0.2.9:5060");
        layer.receive(*std::move(message), {transport, bob.here, from, 1}, now);
      }
      while (layer.next(out)) out = {};
      while (TimerHook* hook = bob.wheel.pop(now)) layer.expire(*hook, now);
      while (layer.next(out)) out = {};
      highest = std::max(highest, memory::live() - before);
    }
    CHECK(layer.servers() == 2000);
    // Each at most its request, with 1 KiB; and what the pool keeps for more of them.
    CHECK(highest <= 2200 * (text.size() + 1024));
    for (int second = 0; second < 300; ++second) {
      now += seconds(1);
      while (TimerHook* hook = bob.wheel.pop(now)) layer.expire(*hook, now);
      while (layer.next(out)) out = {};
    }
    CHECK(layer.servers() == 0);
    CHECK(bob.pool.live() == 0);
    CHECK(bob.wheel.size() == 0);
  }
}

// ---------------------------------------------------------------- steady state

namespace {

// One of each kind of exchange between two layers, by numeric addresses; see that all of it worked.
class Exchange {
 public:
  Exchange() : alice_("192.0.2.9:5060"), bob_("192.0.2.2:5060") {}

  /// False where something was missing: memory, in the tests that take it away.
  bool run(int n) {
    now_ += milliseconds(100);
    alice_.expire(now_);
    bob_.expire(now_);
    carry();
    bool whole = true;
    whole &= call("INVITE", n * 8, 486);
    whole &= call("INVITE", n * 8 + 1, 200);
    whole &= call("OPTIONS", n * 8 + 2, 200);
    whole &= cancelled(n * 8 + 3);
    return whole;
  }
  void rest() {
    for (int i = 0; i < 400; ++i) {
      now_ += seconds(1);
      alice_.expire(now_);
      bob_.expire(now_);
      carry();
    }
    request_ = {};
    invite_ = {};
  }
  bool empty() const { return alice_.empty() && bob_.empty(); }

 private:
  TxnId send(const char* method, int n) {
    char text[32];
    RequestWriter writer(alice_.pool, method, "sip:bob@192.0.2.2");
    writer.header(HeaderId::max_forwards, 70);
    writer.header(HeaderId::from, "<sip:alice@example.com>;tag=a");
    writer.header(HeaderId::to, "<sip:bob@example.com>");
    writer.header(HeaderId::call_id, static_cast<std::uint64_t>(n));
    std::snprintf(text, sizeof text, "1 %s", method);
    writer.header(HeaderId::cseq, text);
    const auto txn = alice_.layer.send(
        std::move(writer), NextHop::by({Transport::udp, alice_.here, bob_.here, 0}), {}, now_);
    return txn ? *txn : TxnId{};
  }
  // What was sent arrives; what the users are told is kept.
  void carry() {
    Transmit out;
    for (bool more = true; more;) {
      more = false;
      while (alice_.layer.next(out)) {
        more = true;
        TxnEvent event = take(bob_, alice_, out);
        if (auto* arrived = std::get_if<RequestArrived>(&event)) {
          if (arrived->request->method() == Method::invite) invite_ = *arrived;
          request_ = std::move(*arrived);
        }
      }
      while (bob_.layer.next(out)) {
        more = true;
        const TxnEvent event = take(alice_, bob_, out);
        if (const auto* response = std::get_if<ResponseArrived>(&event))
          status_ = response->response->status();
      }
    }
  }
  TxnEvent take(Side& to, Side& from, Transmit& out) {
    auto message = Message::parse(to.pool, out.message.bytes(), to.scratch);
    out = {};
    if (!message) return Absorbed{};
    return to.layer.receive(*std::move(message), {Transport::udp, to.here, from.here, 0}, now_);
  }
  void answer(const RequestArrived& event, int status) {
    if (!event.request) return;
    const ResponseWriter writer(bob_.pool, event.request.view(), event.flow, status, "b1");
    bob_.layer.respond(event.txn, writer, now_);
    carry();
  }
  bool call(const char* method, int n, int status) {
    status_ = 0;
    request_ = {};
    send(method, n);
    carry();
    const RequestArrived event = request_;
    if (event.txn && event.request->method() == Method::invite) answer(event, 180);
    answer(event, status);
    request_ = {};
    return status_ == status;
  }
  bool cancelled(int n) {
    status_ = 0;
    invite_ = {};
    const TxnId txn = send("INVITE", n);
    carry();
    answer(invite_, 180);
    alice_.layer.cancel(txn, now_);
    carry();
    if (request_.request && request_.request->method() == Method::cancel && request_.cancels) {
      answer(request_, 200);
      answer(invite_, 487);
    }
    request_ = {};
    invite_ = {};
    return status_ == 487;
  }

  Side alice_;
  Side bob_;
  TimePoint now_{};
  RequestArrived request_;
  RequestArrived invite_;
  int status_ = 0;
};

}  // namespace

TEST_CASE("memory: steady traffic takes nothing from the system") {
  Exchange exchange;
  int n = 0;
  for (; n < 1000; ++n) REQUIRE(exchange.run(n));  // until as many end as begin
  const std::size_t before = memory::allocations();
  bool whole = true;
  for (; n < 3000; ++n) whole = exchange.run(n) && whole;
  const std::size_t after = memory::allocations();
  CHECK(whole);
  CHECK(after == before);
  exchange.rest();
  CHECK(exchange.empty());
}

// ---------------------------------------------------------------- nothing to give

TEST_CASE(
    "memory: whichever allocation fails, and all behind it, nothing leaks and nothing sticks "
    "(P13)") {
  for (const bool all : {false, true}) {
    bool failed = true;
    std::size_t n = 1;
    for (; failed; ++n) {
      Exchange exchange;
      {
        const memory::Failing failing(n, all);
        exchange.run(0);
        exchange.run(1);
        failed = memory::Failing::happened();
      }
      const bool later = exchange.run(2);  // with memory again, all is well again
      exchange.rest();
      if (!later || !exchange.empty())
        FAIL("allocation " << n << (all ? " and all behind it" : ""));
    }
    CHECK(n > 10);  // blocks of each size, slabs, tables, queues
  }
}

TEST_CASE("memory: look-ups, other targets, CANCEL with a reason and ACKs survive the same (P13)") {
  const SocketAddress first = end_at("192.0.2.2:5060");
  const SocketAddress second = end_at("192.0.2.3:5060");
  bool failed = true;
  std::size_t n = 1;
  for (; failed; ++n) {
    Side alice("192.0.2.9:5060");
    TimePoint now{};
    const auto made = [&](const char* method) {
      RequestWriter writer(alice.pool, method, "sip:bob@example.com");
      writer.header(HeaderId::max_forwards, 70);
      writer.header(HeaderId::from, "<sip:alice@example.com>;tag=a");
      writer.header(HeaderId::to, "<sip:bob@example.com>");
      writer.header(HeaderId::call_id, "1");
      writer.header(HeaderId::cseq, std::string("1 ") + method);
      return writer;
    };
    {
      // The test's own strings and vectors are spared.
      const memory::Failing failing(n);
      std::optional<RequestWriter> writers[4];
      std::optional<NextHop> hops[4];
      std::vector<Flow> targets;
      {
        const memory::Spared spared;
        const char* const methods[] = {"INVITE", "OPTIONS", "ACK", "ACK"};
        for (int i = 0; i < 4; ++i) {
          writers[i].emplace(made(methods[i]));
          hops[i].emplace(NextHop::to("sip:a.long.name.that.needs.memory.example.com"));
        }
        targets = {{Transport::udp, alice.here, first, 0}, {Transport::udp, alice.here, second, 0}};
      }
      const auto invite = alice.layer.send(std::move(*writers[0]), std::move(*hops[0]), {}, now);
      const auto options = alice.layer.send(std::move(*writers[1]), std::move(*hops[1]), {}, now);
      const auto ack = alice.layer.send_ack(std::move(*writers[2]), std::move(*hops[2]), now);
      alice.layer.send_stateless(std::move(*writers[3]), std::move(*hops[3]), now);
      Resolve question;
      while (alice.layer.next(question)) alice.layer.resolved(question.txn, targets, now);
      if (invite)
        alice.layer.cancel(*invite, now, "SIP;cause=200;text=\"Call completed elsewhere\"");
      Transmit out;
      while (alice.layer.next(out)) {
        // Bob rings where he was invited, and refuses anything else at the first target.
        if (!out.message->is_request() || out.message->method() == Method::ack) continue;
        const int status = out.message->method() == Method::invite ? 180 : 503;
        if (out.flow.remote != first) continue;
        const ResponseWriter writer(alice.pool, out.message.view(),
                                    {Transport::udp, first, alice.here, 0}, status, "b");
        auto sealed = writer.seal();
        if (!sealed) continue;
        alice.layer.receive(*std::move(sealed), {Transport::udp, alice.here, first, 0}, now);
      }
      if (options)
        alice.layer.transport_failed(*options, make_error_code(Errc::transport_failed), now);
      if (ack) alice.layer.resend(*ack, now);
      failed = memory::Failing::happened();
    }
    alice.drain();
    for (int i = 0; i < 200; ++i) {
      now += seconds(1);
      alice.expire(now);
      alice.drain();
      Resolve question;
      while (alice.layer.next(question)) alice.layer.resolved(question.txn, {}, now);
    }
    if (!alice.empty()) FAIL("allocation " << n);
  }
  CHECK(n > 10);
}
