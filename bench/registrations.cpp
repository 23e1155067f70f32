// SPDX-License-Identifier: Apache-2.0
// A million registrations kept refreshed by one core, in virtual time, against a registrar that grants an hour:
// what a refresh costs, which share of a CPU that is, and what a registration takes in memory.
#include <malloc.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "sipstack/core/core.hpp"

namespace {

using namespace sipstack;
using std::chrono::microseconds;
using std::chrono::seconds;

/// The registrar: a 200 with what was asked for, made by copying lines.
class Registrar {
 public:
  std::string_view answer(std::string_view request) {
    text_.assign("SIP/2.0 200 OK\r\n");
    for (std::size_t at = request.find("\r\n") + 2; at < request.size();) {
      const std::size_t end = request.find("\r\n", at) + 2;
      const std::string_view line = request.substr(at, end - at);
      at = end;
      if (line.size() == 2) break;
      switch (line[0]) {
        case 'V':
        case 'F':
        case 'T': text_.append(line); break;
        case 'C':
          if (line[1] == 'o' || line[1] == 'S' || line[1] == 'a') text_.append(line);
          break;
        default: break;
      }
    }
    text_.append("\r\n");
    return text_;
  }

 private:
  std::string text_;
};

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

std::size_t in_use() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct Bench {
  explicit Bench(std::size_t n) : count(n), random(1), core(options(n), random) {
    core.locals().add({Transport::udp, here, here.to_string()});
  }
  static CoreOptions options(std::size_t n) {
    CoreOptions o;
    o.user_agent.max_registrations = n;
    return o;
  }

  void drain(TimePoint now) {
    for (Transmit out; core.next(out);) {
      ++requests;
      const std::string_view answer = registrar.answer(out.message.bytes());
      core.receive(answer, {Transport::udp, here, out.flow.remote, 0}, now);
    }
    for (UserEvent event; core.next(event);)
      if (const auto* changed = std::get_if<RegistrationChanged>(&event)) {
        if (changed->state == RegistrationChanged::State::registered)
          ++registered;
        else
          ++failed;
      }
  }
  void run_until(TimePoint end) {
    while (core.deadline() <= end) {
      now = std::max(now, core.deadline());
      core.expire(now);
      drain(now);
    }
    now = std::max(now, end);
  }

  std::size_t count;
  SocketAddress here = SocketAddress::parse("192.0.2.1:5060").value();
  SeededRandom random;
  Registrar registrar;
  Core core;
  TimePoint now{};
  std::uint64_t requests = 0, registered = 0, failed = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000;
  const std::size_t before = in_use();
  Bench b(count);
  RegistrationOptions options;
  options.registrar = "sip:192.0.2.9";
  const double start = cpu_seconds();
  // Begun over an hour, so that the refreshes are spread over one.
  for (std::size_t i = 0; i < count; ++i) {
    options.aor = "sip:user" + std::to_string(i) + "@example.com";
    b.run_until(TimePoint(microseconds(3'240'000'000ULL * i / count)));
    if (!b.core.user_agent().add_registration(options, b.now)) return 1;
    b.drain(b.now);
  }
  const double made = cpu_seconds() - start;
  const std::uint64_t initial = b.requests;
  // Behind the last ones' transactions: registrations alone.
  const std::size_t bytes = in_use() - before;
  const TimePoint from = b.now;
  const double begun = cpu_seconds();
  b.run_until(from + seconds(3600));
  const double used = cpu_seconds() - begun;
  const auto refreshes = static_cast<double>(b.requests - initial);
  if (b.failed != 0 || b.core.user_agent().registrations() != count || refreshes < 1) return 1;
  std::printf("registrations/begin            %8.0f ns\n",
              made * 1e9 / static_cast<double>(initial));
  std::printf("registrations/refresh          %8.0f ns\n", used * 1e9 / refreshes);
  std::printf("registrations/refreshes        %8.0f a virtual hour\n", refreshes);
  std::printf("registrations/share            %8.2f %% of a core\n", used / 36.0);
  std::printf("registrations/memory           %8.0f bytes each\n",
              static_cast<double>(bytes) / static_cast<double>(count));
}
