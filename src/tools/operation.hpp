// SPDX-License-Identifier: Apache-2.0
// What a server does besides SIP: it is looked at, reads its files again, and ends when nothing is in progress.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/http_server.hpp"
#include "tools/metrics.hpp"
#include "tools/settings.hpp"

namespace sipstack::tools {

/// Threads: the node's.
class Operation {
 public:
  /// `node` and `settings`, which a reload changes, live longer.
  Operation(Node& node, const Settings& settings);

  /// --metrics, once the node is open. False, and said why, where that can't be.
  bool open();
  /// What SIGHUP does. `reread` gives what is wrong, or nothing once all of it holds.
  void on_reload(std::function<std::vector<std::string>()> reread);
  /// What /metrics tells besides the node's own; asked for until the end of run().
  void also_metrics(StoreFigures figures) { metrics_.also(std::move(figures)); }
  /// Just before the end.
  void on_end(std::function<void()> handler) { on_end_ = std::move(handler); }
  /// Announces, tells the supervisor, runs until the end.
  int run();

 private:
  void answer(std::string_view path, std::function<void(HttpAnswer)> done);
  void drain();
  /// Ends where every shard is idle or time is up, else looks again soon.
  void look();
  void end();

  Node& node_;
  const Settings& settings_;
  Metrics metrics_;
  HttpServer http_;
  std::function<void()> on_end_;
  bool draining_ = false;
  std::chrono::steady_clock::time_point limit_{};
};

}  // namespace sipstack::tools
