// SPDX-License-Identifier: Apache-2.0
// What a server counts, for Prometheus. Counters are each shard's own and are read when they are asked for.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tools/stores.hpp"

namespace sipstack::tools {

class Node;

class Metrics {
 public:
  /// `node` lives longer; collect() and its `done` on its thread.
  explicit Metrics(Node& node);
  ~Metrics();

  /// What stores outside of the node tell besides; asked for on its thread.
  void also(StoreFigures figures);

  /// Asks every shard, and gives the exposition as text (version 0.0.4) once all have answered; never from
  /// inside the call.
  void collect(bool draining, std::function<void(std::string)> done);

 private:
  class Collector;
  std::shared_ptr<Collector> collector_;
  Node& node_;
};

}  // namespace sipstack::tools
