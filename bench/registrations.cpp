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

/// The registrar: a 200 with what was asked for, made by copying lines; where it has users, a challenge first.
class Registrar {
 public:
  explicit Registrar(bool users) : users_(users) {}
  std::string_view answer(std::string_view request) {
    const bool known = !users_ || request.find("\r\nAuthorization:") != std::string_view::npos;
    text_.assign(
        known ? "SIP/2.0 200 OK\r\n"
              : "SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"example.com\", "
                "nonce=\"5f0c2e7a9b\", algorithm=SHA-256, qop=\"auth\"\r\n");
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
  bool users_;
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
  Bench(std::size_t n, bool users)
      : count(n), random(1), registrar(users), core(options(n), random) {
    core.locals().add({Transport::udp, here, here.to_string()});
  }
  static CoreOptions options(std::size_t n) {
    CoreOptions o;
    o.sources.max_sources = 0;  // all comes from one
    o.user_agent.max_registrations = n;
    return o;
  }

  void drain() {
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
      drain();
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

bool run(const char* name, std::size_t count, bool users) {
  const std::size_t before = in_use();
  Bench b(count, users);
  RegistrationOptions options;
  options.registrar = "sip:192.0.2.9";
  const double start = cpu_seconds();
  // Begun over the time between two refreshes, so that these are spread evenly.
  for (std::size_t i = 0; i < count; ++i) {
    const std::string user = "user" + std::to_string(i);
    options.aor = "sip:" + user + "@example.com";
    if (users) options.credentials = {{user, "secret", ""}};
    b.run_until(TimePoint(microseconds(3'240'000'000ULL * i / count)));
    if (!b.core.user_agent().add_registration(options, b.now)) return false;
    b.drain();
  }
  const double made = cpu_seconds() - start;
  const std::size_t bytes = in_use() - before;
  const std::uint64_t begun = b.registered;
  const TimePoint from = b.now;
  const double refreshing = cpu_seconds();
  b.run_until(from + seconds(3600));
  const double used = cpu_seconds() - refreshing;
  const auto refreshes = static_cast<double>(b.registered - begun);
  if (b.failed != 0 || b.core.user_agent().registrations() != count || refreshes < 1) return false;
  std::printf("%s/begin       %8.0f ns\n", name, made * 1e9 / static_cast<double>(count));
  std::printf("%s/refresh     %8.0f ns\n", name, used * 1e9 / refreshes);
  std::printf("%s/refreshes   %8.0f in a virtual hour\n", name, refreshes);
  std::printf("%s/share       %8.2f %% of a core\n", name, used / 36.0);
  std::printf("%s/memory      %8.0f bytes each\n", name,
              static_cast<double>(bytes) / static_cast<double>(count));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000;
  return run("plain ", count, false) && run("digest", count, true) ? 0 : 1;
}
