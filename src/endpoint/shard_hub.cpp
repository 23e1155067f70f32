// SPDX-License-Identifier: Apache-2.0
#include "endpoint/shard_hub.hpp"

#include <utility>

#include <boost/asio/post.hpp>

#include "endpoint/state.hpp"

namespace sipstack {

namespace {

/// Entries of one ring that are taken in one go, so that sockets and timers have their turn.
constexpr std::size_t kTurn = 128;

}  // namespace

ShardHub::ShardHub(const HashKey& key, const std::vector<boost::asio::io_context*>& contexts,
                   const Limits& limits)
    : key_(key), limits_(limits) {
  for (boost::asio::io_context* io : contexts) {
    auto side = std::make_unique<Side>();
    side->io = io;
    for (std::size_t to = 0; to < contexts.size(); ++to)
      side->to.push_back(to == sides_.size() ? nullptr : std::make_unique<Link>(limits.ring));
    sides_.push_back(std::move(side));
  }
}

Shard ShardHub::shard(std::uint32_t index) const noexcept {
  return {key_, index, static_cast<std::uint32_t>(sides_.size())};
}

void ShardHub::attach(std::uint32_t index, std::weak_ptr<EndpointState> state) {
  sides_[index]->state = std::move(state);
}

bool ShardHub::pass(std::uint32_t from, std::uint32_t to, const Handover& entry,
                    std::string_view bytes) {
  Side& side = *sides_[from];
  Link& link = *side.to[to];
  link.wake_due = true;
  side.passed.fetch_add(1, std::memory_order_relaxed);
  if (!link.kept.empty()) refill(link);
  if (link.kept.empty() && link.ring.push(entry, bytes)) return true;
  const bool datagram = entry.kind == Handover::Kind::received && !reliable(entry.flow.transport);
  if (datagram || link.kept_bytes + bytes.size() > limits_.overflow) {
    side.lost.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  link.kept_bytes += bytes.size() + sizeof(Kept);
  link.kept.push_back({entry, std::string(bytes)});
  // The reader looks at this after its next turn, for which wake() sees.
  link.starved.store(true, std::memory_order_release);
  return true;
}

void ShardHub::refill(Link& link) {
  while (!link.kept.empty() && link.ring.push(link.kept.front().entry, link.kept.front().bytes)) {
    link.kept_bytes -= link.kept.front().bytes.size() + sizeof(Kept);
    link.kept.pop_front();
  }
}

void ShardHub::wake(std::uint32_t from) {
  auto& links = sides_[from]->to;
  for (std::uint32_t to = 0; to < links.size(); ++to) {
    if (links[to] == nullptr || !links[to]->wake_due) continue;
    links[to]->wake_due = false;
    notify(to);
  }
}

void ShardHub::notify(std::uint32_t to) {
  Side& side = *sides_[to];
  if (side.notified.exchange(true, std::memory_order_acq_rel)) return;
  boost::asio::post(*side.io, [weak = weak_from_this(), to] {
    if (const auto self = weak.lock()) self->drain(to);
  });
}

void ShardHub::drain(std::uint32_t to) {
  Side& side = *sides_[to];
  // Before the rings are looked at: what comes behind the look notifies anew.
  side.notified.exchange(false, std::memory_order_acq_rel);
  const auto state = side.state.lock();
  bool more = false;
  bool any = false;
  for (std::uint32_t from = 0; from < sides_.size(); ++from) {
    if (from == to) continue;
    Link& link = *sides_[from]->to[to];
    const std::size_t count =
        link.ring.drain(kTurn, [&](const Handover& entry, std::string_view bytes) {
          if (state && !state->closed_down) state->take_over(from, entry, bytes);
        });
    any |= count != 0;
    more |= count == kTurn;
    if (!link.starved.exchange(false, std::memory_order_acq_rel)) continue;
    boost::asio::post(*sides_[from]->io, [weak = weak_from_this(), from, to] {
      const auto self = weak.lock();
      if (!self) return;
      Link& waiting = *self->sides_[from]->to[to];
      refill(waiting);
      if (!waiting.kept.empty()) waiting.starved.store(true, std::memory_order_release);
      self->notify(to);
    });
  }
  if (more) notify(to);
  if (any && state && !state->closed_down) state->batch_end();
}

std::uint64_t ShardHub::passed(std::uint32_t from) const noexcept {
  return sides_[from]->passed.load(std::memory_order_relaxed);
}
std::uint64_t ShardHub::lost(std::uint32_t from) const noexcept {
  return sides_[from]->lost.load(std::memory_order_relaxed);
}

}  // namespace sipstack
