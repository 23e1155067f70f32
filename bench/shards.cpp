// SPDX-License-Identifier: Apache-2.0
// What a second shard is worth. One sender's OPTIONS, whose calls differ, come in at one place, as from a
// trunk: answered by one core, or shared out among two cores on two threads, of which the first reads all,
// looks for the Call-ID and hands half of them over. In memory, in virtual time; a thread's own work is all
// that its messages need: parsed, answered, written, lingering, expired.
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
constexpr int kTurns = 7;

const Flow& trunk() {
  static const Flow flow{Transport::udp, SocketAddress::parse("192.0.2.1:5060").value(),
                         SocketAddress::parse("192.0.2.2:5060").value(), 0};
  return flow;
}

class Worker {
 public:
  Worker() : core_(roomy(), random_) {
    core_.locals().add({Transport::udp, trunk().local, trunk().local.to_string()});
  }

  void take(std::string_view bytes) {
    now_ += std::chrono::milliseconds(1);  // 32,000 linger
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
    options.transactions.max_half_open_per_source = 100'000;
    return options;
  }
  SeededRandom random_{1};
  Core core_;
  Transmit out_;
  UserEvent event_;
  TimePoint now_{};
  std::uint64_t answers_ = 0;
};

void check(std::uint64_t answers) {
  if (answers == kMessages) return;
  fmt::print("{} answers for {} requests\n", answers, kMessages);
  std::exit(1);
}

void by_one() {
  Worker worker;
  bench::Request request(bench::kOptions);
  for (std::uint64_t n = 0; n < kMessages; ++n) worker.take(request.next());
  check(worker.answers());
}

void by_two() {
  const Shard first{{1, 2}, 0, 2};
  HandoverRing ring(std::size_t{1} << 20);
  std::atomic<bool> ended{false};
  std::uint64_t other_answers = 0;
  std::thread other([&] {
    Worker worker;
    for (bool last = false; !last;) {
      last = ended.load(std::memory_order_acquire);
      while (ring.drain(128, [&](const Handover&, std::string_view bytes) { worker.take(bytes); }))
        last = false;
    }
    other_answers = worker.answers();
  });
  Worker worker;
  bench::Request request(bench::kOptions);
  Handover entry;
  entry.flow = trunk();
  for (std::uint64_t n = 0; n < kMessages; ++n) {
    const std::string_view bytes = request.next();
    if (first.owns(peek_call_id(bytes))) {
      worker.take(bytes);
    } else {
      while (!ring.push(entry, bytes)) std::this_thread::yield();
    }
  }
  ended.store(true, std::memory_order_release);
  other.join();
  check(worker.answers() + other_answers);
}

double nanoseconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
  return spent.count() / static_cast<double>(kMessages);
}

double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + kTurns / 2, times.end());
  return times[kTurns / 2];
}

}  // namespace

int main() {
  if (std::thread::hardware_concurrency() < 2) {
    fmt::print("one processor: nothing to measure\n");
    return 0;
  }
  std::vector<double> one;
  std::vector<double> two;
  for (int turn = 0; turn < kTurns; ++turn) {
    one.push_back(nanoseconds(by_one));
    two.push_back(nanoseconds(by_two));
  }
  fmt::print("OPTIONS answered by one shard   {:6.0f} ns\n", median(one));
  fmt::print("OPTIONS answered by two shards  {:6.0f} ns\n", median(two));
  fmt::print("ratio shards two {:.2f}\n", median(one) / median(two));
}
