// SPDX-License-Identifier: Apache-2.0
// What a transaction costs, whole: received, parsed, answered, written, lingering, expired. In memory, in
// virtual time, without sockets; beside libosip2's transactions where those are installed.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sipstack/transaction/layer.hpp"
#include "transaction/peers.hpp"

namespace {

using namespace sipstack;

// ---------------------------------------------------------------- ours

struct Side {
  explicit Side(const char* address, std::uint64_t seed)
      : here(SocketAddress::parse(address).value()),
        random(seed),
        layer(pool, wheel, random, locals, roomy()) {
    locals.add({Transport::udp, here, here.to_string()});
  }
  static TransactionOptions roomy() {
    TransactionOptions options;
    options.max_transactions = 4'000'000;
    options.max_lingering = 4'000'000;
    options.max_half_open_per_source = 4'000'000;
    return options;
  }
  TxnEvent receive(std::string_view bytes, const Flow& flow, TimePoint now) {
    auto message = Message::parse(pool, bytes, scratch);
    if (!message) return Absorbed{};
    return layer.receive(*std::move(message), flow, now);
  }
  void answer(const RequestArrived& event, int status, TimePoint now) {
    const ResponseWriter writer(pool, event.request.view(), event.flow, status, "8d1f9c0aa1b2c3d4");
    layer.respond(event.txn, writer, now);
  }
  void expire(TimePoint now) {
    while (TimerHook* hook = wheel.pop(now)) layer.expire(*hook, now);
  }

  SocketAddress here;
  BlockPool pool{std::size_t{8} << 30};
  TimerWheel wheel;
  SeededRandom random;
  LocalAddresses locals;
  TransactionLayer layer;
  MessageIndex scratch;
};

// One OPTIONS a step of time, so that `live` transactions linger: timer J is 32 s. Where it lingers is
// reached before anything is measured.
void options_server(benchmark::State& state) {
  const auto live = static_cast<std::uint64_t>(state.range(0));
  Side bob("192.0.2.1:5060", 1);
  const Flow flow{Transport::udp, bob.here, SocketAddress::parse("192.0.2.2:5060").value(), 0};
  bench::Request request(bench::kOptions);
  const std::uint64_t step = 32'000'000 / live;
  std::uint64_t n = 0;
  Transmit out;
  std::size_t bytes = 0;
  const auto one = [&] {
    const TimePoint now{Duration(static_cast<std::int64_t>(++n * step))};
    bob.expire(now);
    const TxnEvent event = bob.receive(request.next(), flow, now);
    bob.answer(std::get<RequestArrived>(event), 200, now);
    while (bob.layer.next(out)) bytes += out.message.bytes().size();
  };
  for (std::uint64_t i = 0; i < live + live / 8 + 1000; ++i) one();
  for (auto _ : state) one();
  benchmark::DoNotOptimize(bytes);
  if (bob.layer.servers() + 1100 < live) state.SkipWithError("too few transactions linger");
  state.counters["live"] = static_cast<double>(bob.layer.servers());
}
BENCHMARK(options_server)->Arg(1'000)->Arg(1'000'000);

// Both ends of an INVITE, message by message, until both transactions are gone.
template <bool Accepted>
void invite_pair(benchmark::State& state) {
  Side alice("192.0.2.2:5060", 1);
  Side bob("192.0.2.1:5060", 2);
  const Flow to_bob{Transport::udp, alice.here, bob.here, 0};
  const Flow at_bob{Transport::udp, bob.here, alice.here, 0};
  TimePoint now{};
  std::uint64_t n = 0;
  std::size_t events = 0;
  Transmit out;
  // What one side sent arrives at the other.
  const auto carry = [&](Side& from, Side& to, const Flow& flow, RequestArrived* arrived) {
    while (from.layer.next(out)) {
      TxnEvent event = to.receive(out.message.bytes(), flow, now);
      out = {};
      if (!std::holds_alternative<Absorbed>(event)) ++events;
      if (arrived != nullptr)
        if (auto* request = std::get_if<RequestArrived>(&event)) *arrived = std::move(*request);
    }
  };
  RequestArrived invite;
  const auto one = [&] {
    now += std::chrono::milliseconds(32);
    alice.expire(now);
    bob.expire(now);
    char digits[24];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(++n));
    RequestWriter writer(alice.pool, "INVITE", "sip:bob@192.0.2.1");
    writer.header(HeaderId::max_forwards, 70);
    writer.header(HeaderId::from, "\"Alice\" <sip:alice@atlanta.example.com>;tag=9fxced76sl");
    writer.header(HeaderId::to, "<sip:bob@biloxi.example.com>");
    writer.header(HeaderId::call_id, digits);
    writer.header(HeaderId::cseq, "1 INVITE");
    writer.contact_here("alice");
    static_cast<void>(alice.layer.send(std::move(writer), NextHop::by(to_bob),
                                       UsageRef{UsageKind::request, 1, 2, 3}, now));
    carry(alice, bob, at_bob, &invite);
    bob.answer(invite, 180, now);
    carry(bob, alice, to_bob, nullptr);
    bob.answer(invite, Accepted ? 200 : 486, now);
    carry(bob, alice, to_bob, nullptr);
    carry(alice, bob, at_bob, nullptr);  // the ACK for a 486
    invite = {};
  };
  for (int i = 0; i < 3000; ++i) one();
  events = 0;
  std::size_t rounds = 0;
  for (auto _ : state) {
    one();
    ++rounds;
  }
  if (events != 3 * rounds) state.SkipWithError("an event is missing");
}
BENCHMARK(invite_pair<true>)->Name("invite_pair_200");
BENCHMARK(invite_pair<false>)->Name("invite_pair_486_ack");

// The yardstick: both messages' bytes, moved once.
void memcpy_both(benchmark::State& state) {
  Side bob("192.0.2.1:5060", 1);
  const Flow flow{Transport::udp, bob.here, SocketAddress::parse("192.0.2.2:5060").value(), 0};
  bench::Request request(bench::kOptions);
  const TxnEvent event = bob.receive(request.next(), flow, TimePoint{});
  bob.answer(std::get<RequestArrived>(event), 200, TimePoint{});
  Transmit out;
  bob.layer.next(out);
  const std::string bytes(out.message.bytes());
  char to[2][2048];
  for (auto _ : state) {
    const std::string_view from[2] = {bench::kOptions, bytes};
    for (int i = 0; i < 2; ++i) {
      std::size_t size = from[i].size();
      const char* source = from[i].data();
      benchmark::DoNotOptimize(size);
      benchmark::DoNotOptimize(source);
      std::memcpy(to[i], source, size);
      benchmark::ClobberMemory();
    }
  }
  state.counters["request"] = static_cast<double>(bench::kOptions.size());
  state.counters["response"] = static_cast<double>(bytes.size());
}
BENCHMARK(memcpy_both);

#if defined(BENCH_OSIP)
void osip_options_server(benchmark::State& state) {
  bench::OsipServer osip(static_cast<std::size_t>(state.range(0)));
  bench::Request request(bench::kOptions);
  bool whole = true;
  for (std::int64_t i = 0; i < state.range(0) + 64; ++i)
    whole = osip.answer(request.next()) && whole;
  for (auto _ : state) whole = osip.answer(request.next()) && whole;
  if (!whole) state.SkipWithError("libosip2 did not answer");
}
BENCHMARK(osip_options_server)->Arg(0)->Arg(1000);
#endif

// ---------------------------------------------------------------- ratios

// Medians of several repetitions in turns, so that what slows the machine down hits all alike.
class Reporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred)
        std::printf("%s: %s\n", run.benchmark_name().c_str(), run.error_message.c_str());
      if (run.run_type != Run::RT_Aggregate || run.aggregate_name != "median") continue;
      std::string name = run.run_name.function_name;
      if (!run.run_name.args.empty()) name += "/" + run.run_name.args;
      ns[name] = run.GetAdjustedCPUTime();
      std::printf("%-28s%10.1f ns\n", name.c_str(), ns[name]);
    }
  }
  std::map<std::string, double> ns;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<char*> args(argv, argv + argc);
  static char repetitions[] = "--benchmark_repetitions=9";
  static char interleave[] = "--benchmark_enable_random_interleaving=true";
  static char least[] = "--benchmark_min_time=0.05";
  args.insert(args.begin() + 1, {repetitions, interleave, least});
  int count = static_cast<int>(args.size());
  benchmark::Initialize(&count, args.data());
  Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  const auto ratio = [&](const char* name, const char* over, const char* under) {
    const auto a = reporter.ns.find(over);
    const auto b = reporter.ns.find(under);
    if (a != reporter.ns.end() && b != reporter.ns.end())
      std::printf("ratio %s %.2f\n", name, a->second / b->second);
  };
  // In terms of a memcpy of both messages: 40 are 1.2 us where it takes 30 ns.
  ratio("options_server memcpy", "options_server/1000", "memcpy_both");
  ratio("invite_pair memcpy", "invite_pair_486_ack", "memcpy_both");
  ratio("options_server libosip2", "osip_options_server/1000", "options_server/1000");
  ratio("options_server libosip2_that_need_not_linger", "osip_options_server/0",
        "options_server/1000");
  ratio("options_server million_live", "options_server/1000000", "options_server/1000");
  return 0;
}
