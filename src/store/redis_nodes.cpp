// SPDX-License-Identifier: Apache-2.0
#include "store/redis_nodes.hpp"

#include <algorithm>
#include <chrono>

#include <poll.h>

namespace sipstack::store {
namespace {

constexpr unsigned kGoneAfter = 6;  // failures: some seconds

}  // namespace

RedisNodes::RedisNodes(const std::shared_ptr<const RedisConnectionOptions>& options,
                       std::size_t max_nodes)
    : options_(options), max_nodes_(std::max<std::size_t>(max_nodes, 1)) {
  nodes_.push_back(std::make_unique<RedisConnection>(options->url.address, options));
}

RedisConnection* RedisNodes::for_slot(std::size_t slot) {
  const auto known = std::find_if(nodes_.begin(), nodes_.end(),
                                  [&](const auto& node) { return node.get() == slots_[slot]; });
  if (known != nodes_.end() && (*known)->usable()) return known->get();
  for (const auto& node : nodes_)
    if (node->usable()) return node.get();
  return nullptr;
}

RedisConnection* RedisNodes::at(const RedisAddress& address, RedisClock::time_point now) {
  for (const auto& node : nodes_)
    if (node->address() == address) return node->usable() ? node.get() : nullptr;
  if (nodes_.size() >= max_nodes_) return nullptr;
  nodes_.push_back(std::make_unique<RedisConnection>(address, options_));
  nodes_.back()->tick(now);
  return nodes_.back()->usable() ? nodes_.back().get() : nullptr;
}

void RedisNodes::moved(std::size_t slot, const RedisConnection& to) { slots_[slot] = &to; }

void RedisNodes::tick(RedisClock::time_point now) {
  // By number: what is answered here may lead to another node, which is added.
  for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i]->tick(now);
  drop_gone();
}

void RedisNodes::drop_gone() {
  for (std::size_t i = nodes_.size(); i-- > 1;) {
    if (nodes_[i]->failures() < kGoneAfter) continue;
    connects_of_gone_ += nodes_[i]->connects();
    losses_of_gone_ += nodes_[i]->losses();
    std::replace(slots_.begin(), slots_.end(), static_cast<const RedisConnection*>(nodes_[i].get()),
                 static_cast<const RedisConnection*>(nullptr));
    nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void RedisNodes::wait(int wake, RedisClock::time_point until) {
  std::vector<pollfd> waiting{{wake, POLLIN, 0}};
  for (const auto& node : nodes_) {
    waiting.push_back({node->descriptor(), node->wanted(), 0});
    until = std::min(until, node->deadline());
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - RedisClock::now()).count();
  const auto timeout = std::clamp<std::int64_t>(left, 0, 60'000);
  if (::poll(waiting.data(), static_cast<nfds_t>(waiting.size()), static_cast<int>(timeout)) <= 0)
    return;
  const auto now = RedisClock::now();
  for (std::size_t i = 1; i < waiting.size(); ++i) nodes_[i - 1]->ready(waiting[i].revents, now);
}

bool RedisNodes::usable() const noexcept {
  return std::any_of(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->usable(); });
}

std::size_t RedisNodes::connected() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->up(); }));
}

std::uint64_t RedisNodes::connects() const noexcept {
  std::uint64_t all = connects_of_gone_;
  for (const auto& node : nodes_) all += node->connects();
  return all;
}

std::uint64_t RedisNodes::losses() const noexcept {
  std::uint64_t all = losses_of_gone_;
  for (const auto& node : nodes_) all += node->losses();
  return all;
}

}  // namespace sipstack::store
