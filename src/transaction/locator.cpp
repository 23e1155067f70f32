// SPDX-License-Identifier: Apache-2.0
// Lookups side by side: what is cached is not asked, what is asked is not asked twice, and each has an end.
#include "sipstack/transaction/locator.hpp"

#include <algorithm>
#include <utility>

#include "transaction/lookup.hpp"

namespace sipstack {
namespace {

std::string key_of(const DnsQuestion& question) {
  return static_cast<char>('0' + static_cast<int>(question.kind)) + question.name;
}

}  // namespace

// ---------------------------------------------------------------- the cache

const DnsAnswer* DnsCache::find(const std::string& key, TimePoint now) {
  const auto found = answers_.find(key);
  if (found == answers_.end()) return nullptr;
  if (found->second.until > now) return &found->second.answer;
  ends_.erase({found->second.until, key});
  answers_.erase(found);
  return nullptr;
}

void DnsCache::keep(const std::string& key, const DnsAnswer& answer, TimePoint until) {
  if (entries_ == 0) return;
  const auto [entry, fresh] = answers_.try_emplace(key);
  if (!fresh) ends_.erase({entry->second.until, key});
  entry->second = {answer, until};
  ends_.emplace(until, key);
  if (answers_.size() > entries_) {
    answers_.erase(ends_.begin()->second);
    ends_.erase(ends_.begin());
  }
}

void DnsCache::clear() {
  answers_.clear();
  ends_.clear();
}

// ---------------------------------------------------------------- lookups

struct Locator::Pending {
  Pending(std::string_view uri, TransportSet ours, std::size_t targets, TimePoint now)
      : lookup(uri, ours, targets), begun(now) {}
  Lookup lookup;
  TimePoint begun;
  TimePoint due = kNever;  ///< as it stands in deadlines_
};

Locator::Locator(Random& random, const LocatorOptions& options)
    : random_(random), options_(options), cache_(options.cache_entries) {}
Locator::~Locator() = default;

std::uint64_t Locator::locate(std::string_view sip_uri, TransportSet ours, TimePoint now) {
  const std::uint64_t id = ++last_;
  auto pending = std::make_unique<Pending>(sip_uri, ours, options_.max_targets, now);
  if (pending->lookup.stage() != Lookup::Stage::done && pending_.size() >= options_.max_pending) {
    located_.push_back({id, {}, false, {}});
    return id;
  }
  pending_.emplace(id, std::move(pending));
  advance(id, now);
  return id;
}

void Locator::advance(std::uint64_t id, TimePoint now) {
  Pending& p = *pending_.at(id);
  Lookup& lookup = p.lookup;
  // Each answer from the cache may open the next stage.
  for (bool moved = true; moved && lookup.stage() != Lookup::Stage::done;) {
    moved = false;
    for (const DnsQuestion& question : std::vector<DnsQuestion>(lookup.open())) {
      const std::string key = key_of(question);
      if (const DnsAnswer* const known = cache_.find(key, now)) {
        lookup.answer(question, *known, random_);
        moved = true;
        continue;
      }
      Asked& asked = asked_[key];
      auto& waiting = asked.waiting;
      const bool lost = now - asked.at >= options_.budget;  // whoever asked has given up as well
      if (lost)
        waiting.erase(
            std::remove_if(waiting.begin(), waiting.end(),
                           [&](std::uint64_t other) { return pending_.count(other) == 0; }),
            waiting.end());
      if (waiting.empty() || lost) {
        asked.at = now;
        questions_.push_back(question);
      }
      if (std::find(waiting.begin(), waiting.end(), id) == waiting.end()) waiting.push_back(id);
    }
  }

  if (p.due != kNever) deadlines_.erase({p.due, id});
  p.due = kNever;
  if (lookup.stage() == Lookup::Stage::done) {
    Located located{id, lookup.destinations(), lookup.transport_free(), {}};
    if (!located.destinations.empty()) located.host = lookup.host();
    located_.push_back(std::move(located));
    pending_.erase(id);
    return;
  }
  const int tenths = lookup.stage() == Lookup::Stage::naptr ? 3
                     : lookup.stage() == Lookup::Stage::srv ? 6
                                                            : 10;
  p.due = std::min(p.begun + options_.budget, p.begun + options_.budget * tenths / 10);
  deadlines_.emplace(p.due, id);
}

void Locator::answered(const DnsQuestion& question, const DnsAnswer& answer, TimePoint now) {
  const std::string key = key_of(question);
  const bool found = answer.outcome == DnsAnswer::Outcome::found;
  const Duration ttl = std::min(answer.ttl, found ? options_.max_ttl : options_.max_negative_ttl);
  const auto waiting = asked_.find(key);
  if (waiting == asked_.end()) return;  // nobody asked
  if (answer.outcome != DnsAnswer::Outcome::failed && ttl > Duration::zero())
    cache_.keep(key, answer, now + ttl);
  const std::vector<std::uint64_t> ids = std::move(waiting->second.waiting);
  asked_.erase(waiting);
  for (const std::uint64_t id : ids) {
    const auto pending = pending_.find(id);
    if (pending == pending_.end()) continue;
    pending->second->lookup.answer(question, answer, random_);
    advance(id, now);
  }
}

TimePoint Locator::deadline() const noexcept {
  return deadlines_.empty() ? kNever : deadlines_.begin()->first;
}

void Locator::expire(TimePoint now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const std::uint64_t id = deadlines_.begin()->second;
    pending_.at(id)->lookup.give_up(random_);
    advance(id, now);
  }
  // Questions that nobody ever answers must not pile up.
  if (pending_.empty() && asked_.size() > options_.max_pending) asked_.clear();
}

void Locator::forget(std::uint64_t id) {
  drop(id);
  located_.erase(std::remove_if(located_.begin(), located_.end(),
                                [&](const Located& l) { return l.id == id; }),
                 located_.end());
}

void Locator::drop(std::uint64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  if (found->second->due != kNever) deadlines_.erase({found->second->due, id});
  pending_.erase(found);
}

void Locator::forget_all() {
  pending_.clear();
  deadlines_.clear();
  located_.clear();
  questions_.clear();
  asked_.clear();
}

bool Locator::next(DnsQuestion& out) {
  if (questions_.empty()) return false;
  out = std::move(questions_.front());
  questions_.pop_front();
  return true;
}

bool Locator::next(Located& out) {
  if (located_.empty()) return false;
  out = std::move(located_.front());
  located_.pop_front();
  return true;
}

std::size_t Locator::pending() const noexcept { return pending_.size(); }

}  // namespace sipstack
