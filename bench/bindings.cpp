// SPDX-License-Identifier: Apache-2.0
// The store in memory with a million bindings: what one takes, and the longest that a single call takes, so that
// nobody waits behind it. What a call takes is this thread's own CPU time.
#include <fmt/core.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "location.hpp"
#include "sipstack/server/memory_location.hpp"

using namespace sipstack;

namespace {

constexpr std::size_t kCount = 1'000'000;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

std::size_t in_use() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// The sum and the longest of a series of calls.
class Series {
 public:
  template <class Call>
  void time(Call&& call) {
    const double start = cpu_seconds();
    call();
    const double took = cpu_seconds() - start;
    sum_ += took;
    longest_ = std::max(longest_, took);
  }
  void print(const char* name, std::size_t items) const {
    fmt::print("{:<9}{:>8.0f} ns a binding, longest call {:>7.3f} ms\n", name,
               sum_ * 1e9 / static_cast<double>(items), longest_ * 1e3);
  }

 private:
  double sum_ = 0, longest_ = 0;
};

}  // namespace

int main() {
  const auto ok = [](const LocationResult& result, TimePoint) {
    if (!result || result->size() != 1) std::abort();
  };
  SeededRandom random(1);
  MemoryLocation store(random, {kCount});
  TimePoint now(std::chrono::seconds(1));
  const TimePoint expires = now + std::chrono::hours(1);

  const std::size_t before = in_use();
  Series added, refreshed, found, listed, swept;
  for (std::size_t i = 0; i < kCount; ++i) {
    BindingUpdate update = bench_registration(i, 1, expires);
    added.time([&] { store.update(std::move(update), now, ok); });
  }
  added.print("add", kCount);
  fmt::print("memory   {:>8} bytes each\n", (in_use() - before) / kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::size_t any = random.below(kCount);
    BindingUpdate update = bench_registration(any, static_cast<std::uint32_t>(i + 2), expires);
    refreshed.time([&] { store.update(std::move(update), now, ok); });
  }
  refreshed.print("refresh", kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::string aor = bench_aor(random.below(kCount));
    found.time([&] { store.find(aor, now, ok); });
  }
  found.print("find", kCount);
  std::size_t seen = 0;
  for (std::size_t part = 0; part < MemoryLocation::kParts; ++part)
    listed.time([&] {
      store.list(part, now, [&](std::string_view, std::vector<Binding> b) { seen += b.size(); });
    });
  if (seen != kCount) std::abort();
  listed.print("list", kCount);
  now = expires;
  for (std::size_t part = 0; part < MemoryLocation::kParts; ++part)
    swept.time([&] { store.sweep(part, now); });
  if (store.bindings() != 0) std::abort();
  swept.print("expire", kCount);
}
