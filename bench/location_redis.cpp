// SPDX-License-Identifier: Apache-2.0
// What the location store in Redis takes: one node and two, updates and lookups, one after the other and many on
// their way at once. Without an argument a redis-server is started for it, at a socket in the file system.
//     bench_location_redis [redis://HOST[:PORT]]
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../tests/store/redis_server.hpp"
#include "location.hpp"
#include "sipstack/store/redis_location.hpp"

namespace {

using namespace sipstack;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kAors = 50'000;

BindingUpdate registration(std::size_t number, std::uint32_t cseq) {
  return bench_registration(number, cseq, TimePoint(std::chrono::hours(1)));
}

/// At most so many on their way; how long each took.
struct Window {
  explicit Window(std::size_t m) : most(m) {}
  LocationHandler begin() {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [this] { return count < most; });
    ++count;
    return [this, at = Clock::now()](const LocationResult& result, TimePoint) {
      const std::lock_guard<std::mutex> guard(mutex);
      --count;
      bad += result && result->size() == 1 ? 0 : 1;
      took.push_back(std::chrono::duration<double, std::micro>(Clock::now() - at).count());
      changed.notify_one();
    };
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [this] { return count == 0; });
  }

  const std::size_t most;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t count = 0, bad = 0;
  std::vector<double> took;
};

/// `total` questions, `each` node `on_way` of them at once.
bool run(const char* what, std::vector<std::unique_ptr<RedisLocation>>& nodes, bool updates,
         std::size_t on_way, std::size_t total) {
  static std::uint32_t cseq = 0;
  cseq += 10;
  std::vector<std::unique_ptr<Window>> windows;
  std::vector<std::thread> threads;
  const auto begun = Clock::now();
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    windows.push_back(std::make_unique<Window>(on_way));
    threads.emplace_back([&nodes, n, total, updates, cseq = cseq, &window = *windows[n]] {
      for (std::size_t i = n; i < total; i += nodes.size()) {
        BindingUpdate u = registration(i % kAors, cseq + static_cast<std::uint32_t>(i / kAors));
        if (updates)
          nodes[n]->update(std::move(u), {}, window.begin());
        else
          nodes[n]->find(u.aor, {}, window.begin());
      }
      window.wait();
    });
  }
  for (std::thread& t : threads) t.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  std::vector<double> took;
  std::size_t bad = 0;
  for (const auto& w : windows) {
    took.insert(took.end(), w->took.begin(), w->took.end());
    bad += w->bad;
  }
  std::sort(took.begin(), took.end());
  std::printf(
      "%-8s %zu node%s %4zu on their way %8.0f a second   median %6.0f us   99%% %6.0f us\n", what,
      nodes.size(), nodes.size() == 1 ? " " : "s", on_way,
      static_cast<double>(took.size()) / seconds, took[took.size() / 2],
      took[took.size() * 99 / 100]);
  std::fflush(stdout);
  if (bad != 0) std::printf("%zu answers were wrong\n", bad);
  return bad == 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<redis_test::Server> own;
  std::string url = argc > 1 ? argv[1] : "";
  if (url.empty()) {
    if (!redis_test::is_installed()) {
      std::puts("skipped: redis-server is not installed");
      return 0;
    }
    own = std::make_unique<redis_test::Server>();
    url = own->url();
  }
  bool good = true;
  for (const std::size_t count : {1U, 2U}) {
    std::vector<std::unique_ptr<RedisLocation>> nodes;
    for (std::size_t i = 0; i < count; ++i) {
      auto opened = RedisLocation::open(url);
      if (!opened) {
        std::printf("%s\n", opened.error().c_str());
        return 1;
      }
      nodes.push_back(*std::move(opened));
    }
    good = run("update", nodes, true, 256, 2 * kAors) && good;
    good = run("update", nodes, true, 1, kAors / 5) && good;
    good = run("lookup", nodes, false, 256, 2 * kAors) && good;
    good = run("lookup", nodes, false, 1, kAors / 5) && good;
  }
  return good ? 0 : 1;
}
