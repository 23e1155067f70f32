// SPDX-License-Identifier: Apache-2.0
// What a location store takes: updates a second with so many on their way at once, and lookups. SQLite's are
// synced to the disk, so that its numbers are the disk's. TMPDIR says where the file is.
#include <benchmark/benchmark.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>

#include "location.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/server/memory_location.hpp"
#include "sipstack/store/sqlite_location.hpp"

namespace {

using namespace sipstack;

constexpr std::size_t kAors = 100'000;

BindingUpdate registration(std::size_t number, std::uint32_t cseq) {
  return bench_registration(number, cseq, TimePoint(std::chrono::hours(24)));
}

/// At most so many without an answer.
class Window {
 public:
  explicit Window(std::size_t most) : most_(most) {}
  void begin() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return count_ < most_; });
    ++count_;
  }
  void end(bool good) {
    const std::lock_guard<std::mutex> lock(mutex_);
    --count_;
    refused_ = refused_ || !good;
    changed_.notify_one();
  }
  /// All are answered; whether all were taken.
  bool wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return count_ == 0; });
    return !refused_;
  }

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;
  bool refused_ = false;
};

void update(benchmark::State& state, LocationStore& store) {
  Window window(static_cast<std::size_t>(state.range(0)));
  std::size_t number = 0;
  std::uint32_t cseq = 1;
  for (auto _ : state) {
    window.begin();
    store.update(registration(number, cseq), {},
                 [&window](LocationResult result, TimePoint) { window.end(result.has_value()); });
    if (++number == kAors) number = 0, ++cseq;
  }
  if (!window.wait()) state.SkipWithError("an update was refused");
  state.SetItemsProcessed(state.iterations());
}

void lookup(benchmark::State& state, LocationStore& store) {
  Window window(1024);
  for (std::size_t i = 0; i < kAors; ++i) {
    window.begin();
    store.update(registration(i, 1'000'000), {},
                 [&window](LocationResult result, TimePoint) { window.end(result.has_value()); });
  }
  if (!window.wait()) state.SkipWithError("an update was refused");
  std::size_t number = 0, found = 0;
  for (auto _ : state) {
    store.find(bench_aor(number), {},
               [&found](const LocationResult& result, TimePoint) { found += result->size(); });
    number = (number + 7919) % kAors;
  }
  if (found != static_cast<std::size_t>(state.iterations()))
    state.SkipWithError("a binding is missing");
  state.SetItemsProcessed(state.iterations());
}

struct InMemory {
  SeededRandom random{1};
  MemoryLocation store{random};
};

struct InFile {
  InFile() {
    std::random_device device;
    path = (std::filesystem::temp_directory_path() / ("sipstack-bench-" + std::to_string(device())))
               .string();
    auto opened = SqliteLocation::open(path);
    if (!opened) {
      std::fprintf(stderr, "%s: %s\n", path.c_str(), opened.error().c_str());
      std::exit(1);
    }
    store = std::move(*opened);
  }
  ~InFile() {
    store.reset();
    for (const char* suffix : {"", "-wal"}) std::remove((path + suffix).c_str());
  }
  std::string path;
  std::unique_ptr<SqliteLocation> store;
};

void memory_update(benchmark::State& state) {
  InMemory memory;
  update(state, memory.store);
}
void memory_lookup(benchmark::State& state) {
  InMemory memory;
  lookup(state, memory.store);
}
void sqlite_update(benchmark::State& state) {
  InFile file;
  update(state, *file.store);
  const auto c = file.store->counters();
  state.counters["updates/commit"] =
      static_cast<double>(c.committed) / static_cast<double>(c.commits);
}
void sqlite_lookup(benchmark::State& state) {
  InFile file;
  lookup(state, *file.store);
}

BENCHMARK(memory_update)->Arg(1)->UseRealTime();
BENCHMARK(sqlite_update)->Arg(1)->Arg(16)->Arg(256)->Arg(4096)->UseRealTime();
BENCHMARK(memory_lookup)->UseRealTime();
BENCHMARK(sqlite_lookup)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
