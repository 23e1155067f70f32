// SPDX-License-Identifier: Apache-2.0
// What a transaction costs, whole: received, parsed, answered, written, lingering, expired. In memory, in
// virtual time, without sockets; beside libosip2's transactions where those are installed.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sipstack/transaction/layer.hpp"

#ifdef SIPSTACK_BENCH_OSIP
#include <sys/time.h>

#include <osip2/osip.h>
#include <osipparser2/osip_parser.h>
#endif

namespace {

using namespace sipstack;

// ---------------------------------------------------------------- messages

constexpr std::string_view kOptions =
    "OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK0000000000000000;rport\r\n"
    "Max-Forwards: 70\r\n"
    "From: \"Alice\" <sip:alice@atlanta.example.com>;tag=0000000000000000\r\n"
    "To: <sip:bob@biloxi.example.com>\r\n"
    "Call-ID: 0000000000000000@192.0.2.2\r\n"
    "CSeq: 63104 OPTIONS\r\n"
    "Contact: <sip:alice@192.0.2.2:5060>\r\n"
    "Accept: application/sdp\r\n"
    "User-Agent: bench\r\n"
    "Content-Length: 0\r\n\r\n";

// Bytes as they lie in a receive buffer; each call makes them those of another transaction.
class Request {
 public:
  explicit Request(std::string_view text) : bytes_(text) {
    for (const std::string_view mark : {"z9hG4bK", "tag=", "Call-ID: "})
      places_.push_back(bytes_.data() + bytes_.find(mark) + mark.size());
  }
  std::string_view next() {
    char digits[16];
    std::uint64_t n = ++number_ * 0x9e3779b97f4a7c15U;  // senders' branches are random
    for (char& digit : digits) {
      digit = "0123456789abcdef"[n >> 60];
      n <<= 4;
    }
    for (char* place : places_) std::memcpy(place, digits, sizeof digits);
    return bytes_;
  }

 private:
  std::string bytes_;
  std::vector<char*> places_;
  std::uint64_t number_ = 0;
};

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
  Request request(kOptions);
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
BENCHMARK(options_server)->Arg(1'000)->Arg(1'000'000)->Repetitions(5)->ReportAggregatesOnly(false);

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
BENCHMARK(invite_pair<true>)->Name("invite_pair_200")->Repetitions(5)->ReportAggregatesOnly(false);
BENCHMARK(invite_pair<false>)
    ->Name("invite_pair_486_ack")
    ->Repetitions(5)
    ->ReportAggregatesOnly(false);

// The yardstick: both messages' bytes, moved once.
void memcpy_both(benchmark::State& state) {
  Side bob("192.0.2.1:5060", 1);
  const Flow flow{Transport::udp, bob.here, SocketAddress::parse("192.0.2.2:5060").value(), 0};
  Request request(kOptions);
  const TxnEvent event = bob.receive(request.next(), flow, TimePoint{});
  bob.answer(std::get<RequestArrived>(event), 200, TimePoint{});
  Transmit out;
  bob.layer.next(out);
  const std::string bytes(out.message.bytes());
  char to[2][2048];
  for (auto _ : state) {
    const std::string_view from[2] = {kOptions, bytes};
    for (int i = 0; i < 2; ++i) {
      std::size_t size = from[i].size();
      const char* source = from[i].data();
      benchmark::DoNotOptimize(size);
      benchmark::DoNotOptimize(source);
      std::memcpy(to[i], source, size);
      benchmark::ClobberMemory();
    }
  }
  state.counters["request"] = static_cast<double>(kOptions.size());
  state.counters["response"] = static_cast<double>(bytes.size());
}
BENCHMARK(memcpy_both)->Repetitions(5)->ReportAggregatesOnly(false);

// ---------------------------------------------------------------- libosip2

#ifdef SIPSTACK_BENCH_OSIP

int osip_sent(osip_transaction_t*, osip_message_t* message, char*, int, int) {
  char* text = nullptr;
  std::size_t length = 0;
  if (osip_message_to_str(message, &text, &length) != 0) return -1;
  benchmark::DoNotOptimize(text);
  osip_free(text);
  return 0;
}

void osip_ended(int, osip_transaction_t*) {}
void osip_told(int, osip_transaction_t*, osip_message_t*) {}

bool osip_answer(osip_transaction_t* transaction, osip_message_t* request) {
  osip_message_t* response = nullptr;
  if (osip_message_init(&response) != 0) return false;
  osip_message_set_version(response, osip_strdup("SIP/2.0"));
  osip_message_set_status_code(response, 200);
  osip_message_set_reason_phrase(response, osip_strdup("OK"));
  osip_from_clone(request->from, &response->from);
  osip_to_clone(request->to, &response->to);
  osip_to_set_tag(response->to, osip_strdup("8d1f9c0aa1b2c3d4"));
  osip_call_id_clone(request->call_id, &response->call_id);
  osip_cseq_clone(request->cseq, &response->cseq);
  for (int i = 0; i < osip_list_size(&request->vias); ++i) {
    osip_via_t* via = nullptr;
    osip_via_clone(static_cast<osip_via_t*>(osip_list_get(&request->vias, i)), &via);
    osip_list_add(&response->vias, via, -1);
  }
  osip_message_set_content_length(response, "0");
  osip_event_t* const event = osip_new_outgoing_sipmessage(response);
  event->transactionid = transaction->transactionid;
  osip_transaction_execute(transaction, event);
  return transaction->state == NIST_COMPLETED;
}

// The same through osip's API: parse, look for the transaction, make one, run it, answer, end. It is let
// off lingering: timer J, which osip keeps by the wall clock and looks through by list, is set to nothing.
void osip_options_server(benchmark::State& state) {
  osip_t* osip = nullptr;
  if (osip_init(&osip) != 0) return state.SkipWithError("osip_init");
  osip_set_cb_send_message(osip, osip_sent);
  for (int i = 0; i < OSIP_KILL_CALLBACK_COUNT; ++i)
    osip_set_kill_transaction_callback(osip, i, osip_ended);
  for (int i = 0; i < OSIP_MESSAGE_CALLBACK_COUNT; ++i)
    osip_set_message_callback(osip, i, osip_told);
  Request request(kOptions);
  for (auto _ : state) {
    const std::string_view bytes = request.next();
    osip_event_t* const event = osip_parse(bytes.data(), bytes.size());
    if (event == nullptr) return state.SkipWithError("osip_parse");
    osip_message_fix_last_via_header(event->sip, "192.0.2.2", 5060);
    if (osip_find_transaction_and_add_event(osip, event) == 0)
      return state.SkipWithError("osip knows it already");
    osip_transaction_t* const transaction = osip_create_transaction(osip, event);
    if (transaction == nullptr) return state.SkipWithError("osip_create_transaction");
    osip_transaction_execute(transaction, event);
    if (!osip_answer(transaction, transaction->orig_request))
      return state.SkipWithError("osip_answer");
    transaction->nist_context->timer_j_length = 0;
    gettimeofday(&transaction->nist_context->timer_j_start, nullptr);
    osip_timers_nist_execute(osip);
    osip_nist_execute(osip);
    if (transaction->state != NIST_TERMINATED)
      return state.SkipWithError("osip's transaction did not end");
    osip_remove_transaction(osip, transaction);
    osip_transaction_free2(transaction);
  }
  osip_release(osip);
}
BENCHMARK(osip_options_server)->Repetitions(5)->ReportAggregatesOnly(false);

#endif

// ---------------------------------------------------------------- ratios

class Best : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
      double& best = ns.try_emplace(run.run_name.function_name +
                                        (run.run_name.args.empty() ? "" : "/" + run.run_name.args),
                                    std::numeric_limits<double>::infinity())
                         .first->second;
      best = std::min(best, run.GetAdjustedCPUTime());
    }
    ConsoleReporter::ReportRuns(runs);
  }
  std::map<std::string, double> ns;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<char*> args(argv, argv + argc);
  // One after the other in turns, so that a busy machine is busy for all of them.
  std::string interleave = "--benchmark_enable_random_interleaving=true";
  args.insert(args.begin() + 1, interleave.data());
  int count = static_cast<int>(args.size());
  benchmark::Initialize(&count, args.data());
  if (benchmark::ReportUnrecognizedArguments(count, args.data())) return 1;
  Best best;
  benchmark::RunSpecifiedBenchmarks(&best);
  const auto ratio = [&](const char* name, const char* over, const char* under) {
    const auto a = best.ns.find(over);
    const auto b = best.ns.find(under);
    if (a != best.ns.end() && b != best.ns.end())
      std::printf("ratio %s %.2f\n", name, a->second / b->second);
  };
  for (const auto& [name, ns] : best.ns) std::printf("best %s %.0f ns\n", name.c_str(), ns);
  ratio("options_server/memcpy", "options_server/1000", "memcpy_both");
  ratio("osip/options_server", "osip_options_server", "options_server/1000");
  ratio("invite_pair_486_ack/memcpy", "invite_pair_486_ack", "memcpy_both");
  ratio("options_server_million/thousand", "options_server/1000000", "options_server/1000");
  return 0;
}
