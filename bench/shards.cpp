// SPDX-License-Identifier: Apache-2.0
// What a second shard is worth: OPTIONS, each of another call, answered by one core, or by two on two
// threads. Either both read half of what comes, as with many phones, and half of that is the other one's;
// or one reads all, as from one trunk, and hands half of it over. In memory, in virtual time; a thread's work
// is all that its messages need: parsed, answered, written, lingering, expired.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "endpoint/handover_ring.hpp"
#include "sipstack/base/shard.hpp"
#include "sipstack/core/core.hpp"
#include "sipstack/parser/peek.hpp"
#include "transaction/peers.hpp"

namespace {

using namespace sipstack;

constexpr std::uint64_t kMessages = 400'000;
constexpr int kTurns = 11;
constexpr Duration kStep = std::chrono::milliseconds(1);  // 32,000 linger
constexpr std::size_t kRing = std::size_t{1} << 20;

const Flow& trunk() {
  static const Flow flow{Transport::udp, SocketAddress::parse("192.0.2.1:5060").value(),
                         SocketAddress::parse("192.0.2.2:5060").value(), 0};
  return flow;
}

class Worker {
 public:
  explicit Worker(Duration step) : core_(roomy(), random_), step_(step) {
    core_.locals().add({Transport::udp, trunk().local, trunk().local.to_string()});
  }

  void take(std::string_view bytes) {
    now_ += step_;
    core_.receive(bytes, trunk(), now_);
    while (core_.next(out_)) ++answers_;
    while (core_.next(event_)) {
    }
    if (core_.deadline() <= now_) core_.expire(now_);
  }
  std::uint64_t answers() const noexcept { return answers_; }

 private:
  static CoreOptions roomy() {
    CoreOptions options;
    options.sources.max_sources = 0;  // all comes from one
    options.transactions.max_half_open_per_source = 100'000;
    return options;
  }
  SeededRandom random_{1};
  Core core_;
  Transmit out_;
  UserEvent event_;
  TimePoint now_{};
  Duration step_;
  std::uint64_t answers_ = 0;
};

void check(std::uint64_t answers) {
  if (answers == kMessages) return;
  fmt::print("{} answers for {} requests\n", answers, kMessages);
  std::exit(1);
}

void by_one() {
  Worker worker(kStep);
  bench::Request request(bench::kOptions);
  for (std::uint64_t n = 0; n < kMessages; ++n) worker.take(request.next());
  check(worker.answers());
}

// One of two: reads `messages`, answers those that are its own, and what the other one hands over.
class Half {
 public:
  Half(std::uint32_t index, std::uint64_t messages)
      : shard_{{1, 2}, index, 2}, messages_(messages), worker_(2 * kStep) {}

  void run(Half& other) {
    bench::Request request(bench::kOptions, messages_ == kMessages ? 0 : shard_.index * kMessages);
    Handover entry;
    entry.flow = trunk();
    for (std::uint64_t n = 0; n < messages_; ++n) {
      const std::string_view bytes = request.next();
      if (shard_.owns(peek_call_id(bytes)))
        worker_.take(bytes);
      else
        while (!other.ring_.push(entry, bytes)) drain();
      if (n % 32 == 0) drain();
    }
    ended_.store(true, std::memory_order_release);
    for (bool last = false; !last;) {
      last = other.ended_.load(std::memory_order_acquire);
      while (drain() != 0) last = false;
    }
  }
  std::uint64_t answers() const noexcept { return worker_.answers(); }

 private:
  std::size_t drain() {
    return ring_.drain(128, [&](const Handover&, std::string_view bytes) { worker_.take(bytes); });
  }

  Shard shard_;
  std::uint64_t messages_;
  Worker worker_;
  HandoverRing ring_{kRing};
  std::atomic<bool> ended_{false};
};

void by_two(std::uint64_t first_reads) {
  Half first(0, first_reads);
  Half second(1, kMessages - first_reads);
  std::thread other([&] { second.run(first); });
  first.run(second);
  other.join();
  check(first.answers() + second.answers());
}

double nanoseconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
  return spent.count() / static_cast<double>(kMessages);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + kTurns / 2, values.end());
  return values[kTurns / 2];
}

}  // namespace

int main() {
  if (std::thread::hardware_concurrency() < 2) {
    fmt::print("one processor: nothing to measure\n");
    return 0;
  }
  std::vector<double> phones;
  std::vector<double> trunk;
  for (int turn = 0; turn < kTurns; ++turn) {
    const double one = nanoseconds(by_one);
    const double two = nanoseconds([] { by_two(kMessages / 2); });
    const double from_one = nanoseconds([] { by_two(kMessages); });
    fmt::print("OPTIONS by one shard {:.0f} ns, by two {:.0f}, by two from one trunk {:.0f}\n", one,
               two, from_one);
    phones.push_back(one / two);
    trunk.push_back(one / from_one);
  }
  fmt::print("ratio shards two {:.2f}\n", median(phones));
  fmt::print("ratio shards two_of_one_trunk {:.2f}\n", median(trunk));
}
