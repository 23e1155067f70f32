// SPDX-License-Identifier: Apache-2.0
// What an OPTIONS costs a whole core, from bytes to bytes: parse, server transaction, user agent, response.
#include <benchmark/benchmark.h>

#include <string>

#include "sipstack/core/core.hpp"

namespace {

using namespace sipstack;

void answer_options(benchmark::State& state) {
  SeededRandom random(1);
  CoreOptions options;
  options.sources.max_sources = 0;  // all comes from one
  Core core(options, random);
  const SocketAddress here = SocketAddress::parse("192.0.2.1:5060").value();
  core.locals().add({Transport::udp, here, here.to_string()});
  const Flow flow{Transport::udp, here, SocketAddress::parse("192.0.2.2:5060").value(), 0};

  TimePoint now{};
  std::uint64_t n = 0;
  for (auto _ : state) {
    const std::string number = std::to_string(n++);
    const std::string request =
        "OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK" + number +
        "\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\n" +
        "To: <sip:bob@192.0.2.1>\r\nCall-ID: " + number +
        "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    core.receive(request, flow, now);
    Transmit out;
    if (!core.next(out)) state.SkipWithError("no response");
    // 10,000 a second: 320,000 transactions linger, and as many end as begin.
    now += std::chrono::microseconds(100);
    if (core.deadline() <= now) core.expire(now);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(answer_options);

}  // namespace

BENCHMARK_MAIN();
