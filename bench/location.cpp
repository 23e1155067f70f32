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

#include "sipstack/base/random.hpp"
#include "sipstack/server/memory_location.hpp"
#include "sipstack/store/sqlite_location.hpp"

namespace {

using namespace sipstack;

constexpr std::size_t kAors = 100'000;

std::string aor(std::size_t number) { return "user" + std::to_string(number) + "@example.com"; }

BindingUpdate registration(std::size_t number, std::uint32_t cseq) {
  BindingUpdate u;
  u.aor = aor(number);
  u.call_id = "3848276298220188511@" + std::to_string(number);
  u.cseq = cseq;
  Binding b;
  b.contact = "sip:user@198.51.100.7:5060;transport=tcp";
  b.params = ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=1";
  b.instance = "urn:uuid:00000000-0000-1000-8000-000A95A0E128";
  b.reg_id = 1;
  b.call_id = u.call_id;
  b.cseq = cseq;
  b.flow.transport = Transport::tcp;
  b.flow.remote = *SocketAddress::parse("198.51.100.7:5060");
  b.by_flow = true;
  b.expires = TimePoint(std::chrono::hours(24));
  u.set.push_back(std::move(b));
  return u;
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
    store.find(aor(number), {},
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
