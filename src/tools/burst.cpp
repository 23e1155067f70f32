// SPDX-License-Identifier: Apache-2.0
// Many calls at a rate: each begins when it is due, whatever became of those before.
#include "tools/burst.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tools/command.hpp"

namespace sipstack::tools {

namespace {

using std::chrono::steady_clock;

class Burst {
 public:
  Burst(Node& node, const CallArguments& arguments)
      : node_(node), arguments_(arguments), total_(static_cast<std::size_t>(arguments.repeat)) {}

  int run() {
    Media media(node_, media_peer(arguments_));
    auto options = call_options(arguments_, media);
    if (!options) return kFailed;
    options_ = *std::move(options);
    setup_.reserve(total_);
    start_ = steady_clock::now();
    node_.on_signal([this] { finish(); });
    begin_due();
    const int status = node_.run();
    report();
    return status;
  }

 private:
  void begin_due() {
    const std::chrono::duration<double> elapsed = steady_clock::now() - start_;
    const auto due = static_cast<std::size_t>(elapsed.count() * arguments_.rate) + 1;
    while (begun_ < std::min(due, total_) && !node_.finishing()) begin_one();
    // One timer for all: as often as a call is due, but no more than a thousand times a second.
    if (begun_ < total_)
      node_.after(std::chrono::milliseconds(std::clamp(1000 / arguments_.rate, 1, 20)),
                  [this] { begin_due(); });
  }

  void begin_one() {
    ++begun_;
    const auto at = steady_clock::now();
    node_.endpoint().async_invite(options_, [this, at](const error_code&, Call call,
                                                       const Message& response) {
      if (!response || response->status() >= 300) {
        ++failed_;
        if (response && failed_ == 1) first_failure_ = status_line(response.view());
        return over();
      }
      setup_.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - at).count());
      call.on_ended([this](const CallEnded&) { over(); });
      node_.after(std::chrono::milliseconds(arguments_.duration_ms),
                  [call]() mutable { call.hang_up(); });
    });
  }

  void over() {
    if (++over_ == total_) finish();
  }

  void finish() {
    took_ = std::chrono::duration<double>(steady_clock::now() - start_).count();
    node_.finish(setup_.size() == total_ ? kDone : kFailed);
  }

  double setup_time(double part) {
    if (setup_.empty()) return 0;
    const auto last = static_cast<double>(setup_.size() - 1);
    const auto at = setup_.begin() + static_cast<std::ptrdiff_t>(part * last);
    std::nth_element(setup_.begin(), at, setup_.end());
    return *at;
  }

  void report() {
    const double rate = took_ > 0 ? static_cast<double>(begun_) / took_ : 0;
    say(fmt::format("calls {} answered {} failed {} unfinished {}", begun_, setup_.size(), failed_,
                    begun_ - setup_.size() - failed_));
    say(fmt::format("seconds {:.2f} rate {:.1f} setup-ms median {:.2f} p99 {:.2f}", took_, rate,
                    setup_time(0.5), setup_time(0.99)));
    if (failed_ > 0 && !first_failure_.empty())
      fmt::print(stderr, "sipstack: the first refusal: {}\n", first_failure_);
  }

  Node& node_;
  const CallArguments& arguments_;
  const std::size_t total_;
  CallOptions options_;
  steady_clock::time_point start_;
  double took_ = 0;
  std::size_t begun_ = 0;
  std::size_t over_ = 0;
  std::size_t failed_ = 0;
  std::vector<double> setup_;  ///< milliseconds from INVITE to 2xx
  std::string first_failure_;
};

}  // namespace

int run_burst(Node& node, const CallArguments& arguments) {
  Burst burst(node, arguments);
  return burst.run();
}

}  // namespace sipstack::tools
