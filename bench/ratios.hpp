// SPDX-License-Identifier: Apache-2.0
// Benchmarks of the same work by different means, in turns, so that what slows the machine down hits all
// alike; the medians, and their ratios as lines for scripts.
#pragma once

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

class Ratios {
 public:
  Ratios(int argc, char** argv) {
    std::vector<char*> args(argv, argv + argc);
    // In turns, several times; the command line comes after, and may say otherwise.
    static char repetitions[] = "--benchmark_repetitions=9";
    static char interleave[] = "--benchmark_enable_random_interleaving=true";
    static char least[] = "--benchmark_min_time=0.05";
    args.insert(args.begin() + 1, {repetitions, interleave, least});
    int count = static_cast<int>(args.size());
    benchmark::Initialize(&count, args.data());
  }

  /// `work` does what is named "task/who" `items` times and gives a sum that must be the same for every
  /// `who`, and not 0.
  void add(std::string name, std::size_t items, std::function<std::uint64_t()> work) {
    const std::string task = name.substr(0, name.find('/'));
    const std::uint64_t sum = work();
    const auto known = sums_.emplace(task, sum).first;
    if (sum == 0 || (known->second != sum)) {
      fmt::print("{}: sum {}, not {}: the work is not the same\n", name, sum, known->second);
      failed_ = true;
    }
    benchmark::RegisterBenchmark(
        name.c_str(), [work = std::move(work), items](benchmark::State& state) {
          for (auto _ : state) benchmark::DoNotOptimize(work());
          // Nanoseconds of CPU for one item.
          state.counters["item"] = benchmark::Counter(
              static_cast<double>(items) * 1e-9,
              benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
        });
  }

  /// Prints the times, then "ratio TASK PEER N" for every task that sipstack does, too.
  int run();

 private:
  class Reporter;
  std::map<std::string, std::uint64_t> sums_;
  bool failed_ = false;
};

class Ratios::Reporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Aggregate || run.aggregate_name != "median") continue;
      const auto counter = run.counters.find("item");
      if (counter == run.counters.end()) continue;
      std::string name = run.run_name.function_name;
      const double ns = counter->second.value;
      fmt::print("{:<28}{:>10.0f} ns\n", name, ns);
      times[name] = ns;
    }
  }
  std::map<std::string, double> times;
};

inline int Ratios::run() {
  if (failed_) return 1;
  Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  for (const auto& [name, ns] : reporter.times) {
    const std::size_t slash = name.find('/');
    const auto ours = reporter.times.find(name.substr(0, slash) + "/sipstack");
    if (ours == reporter.times.end() || ours->first == name) continue;
    fmt::print("ratio {} {} {:.1f}\n", name.substr(0, slash), name.substr(slash + 1),
               ns / ours->second);
  }
  return 0;
}

}  // namespace bench
