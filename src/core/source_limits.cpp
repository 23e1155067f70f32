// SPDX-License-Identifier: Apache-2.0
// Buckets by source. Each is kept as the time at which it is full again, so that filling costs nothing.
#include "sipstack/core/source_limits.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "sipstack/base/slab.hpp"
#include "transaction/slot_table.hpp"

namespace sipstack {

struct SourceBuckets::Impl {
  /// What one source has used. The one heard of last is the newest.
  struct Source {
    std::uint64_t prefix = 0;
    TimePoint requests{};
    TimePoint registers{};
    TimePoint failures{};
    TimePoint tell_again{};  ///< when it may be told once more
    Source* older = nullptr;
    Source* newer = nullptr;
    std::uint32_t hash = 0;
    Handle<Source> self;
  };

  Impl(const SourceLimits& l, const HashKey& k) : limits(l), key(k) {}

  bool exempt(const IpAddress& ip) const noexcept {
    if (limits.max_sources == 0 || (ip.is_loopback() && !limits.limit_loopback)) return true;
    return std::any_of(limits.trusted.begin(), limits.trusted.end(),
                       [&](const IpPrefix& prefix) { return prefix.contains(ip); });
  }
  std::uint32_t hash_of(std::uint64_t prefix) const noexcept {
    return static_cast<std::uint32_t>(source_hash(key, prefix));
  }
  const Source* find(std::uint64_t prefix, std::uint32_t hash) const noexcept {
    return const_cast<Impl*>(this)->find(prefix, hash);
  }
  Source* find(std::uint64_t prefix, std::uint32_t hash) noexcept {
    bool full = false;
    const auto slot = table.find(
        hash, [&](std::uint32_t s) { return slab.in_slot(s).prefix == prefix; }, full);
    return slot ? &slab.in_slot(*slot) : nullptr;
  }
  /// Null: there is no memory.
  Source* of(const IpAddress& ip) noexcept {
    const std::uint64_t prefix = source_prefix(ip);
    const std::uint32_t hash = hash_of(prefix);
    Source* source = find(prefix, hash);
    if (source != nullptr) {
      unlink(*source);
    } else {
      if (slab.size() >= limits.max_sources) forget(*oldest);
      source = make(prefix, hash);
    }
    if (source != nullptr) link(*source);
    return source;
  }
  Source* make(std::uint64_t prefix, std::uint32_t hash) noexcept {
    try {
      if (!table.reserve()) return nullptr;
      const auto handle = slab.emplace();
      Source& source = slab.in_slot(handle.slot);
      source.prefix = prefix;
      source.hash = hash;
      source.self = handle;
      table.insert(hash, handle.slot);
      return &source;
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }
  void link(Source& s) noexcept {
    s.older = newest;
    (newest != nullptr ? newest->newer : oldest) = &s;
    newest = &s;
  }
  void unlink(Source& s) noexcept {
    (s.older != nullptr ? s.older->newer : oldest) = s.newer;
    (s.newer != nullptr ? s.newer->older : newest) = s.older;
    s.older = s.newer = nullptr;
  }
  void forget(Source& s) noexcept {
    unlink(s);
    table.erase(s.hash, s.self.slot);
    slab.erase(s.self);
  }

  /// Whether `times` the burst is used up.
  static bool spent(const Rate& rate, TimePoint full_at, TimePoint now, int times = 1) noexcept {
    if (rate.per_second == 0) return false;
    return full_at - now > rate.token() * rate.burst * times - rate.token();
  }
  static void take(const Rate& rate, TimePoint& full_at, TimePoint now) noexcept {
    full_at = std::max(full_at, now) + rate.token();
  }

  SourceLimits limits;
  HashKey key;
  Slab<Source> slab;
  SlotTable table;
  Source* oldest = nullptr;
  Source* newest = nullptr;
};

SourceBuckets::SourceBuckets(const SourceLimits& limits, const HashKey& key)
    : impl_(std::make_unique<Impl>(limits, key)) {}
SourceBuckets::~SourceBuckets() = default;

SourceBuckets::Verdict SourceBuckets::judge(const MessageView& request, const IpAddress& source,
                                            TimePoint now) noexcept {
  const Method method = request.method();
  if (method == Method::ack || impl_->exempt(source)) return Verdict::pass;
  Impl::Source* const s = impl_->of(source);
  if (s == nullptr) return Verdict::pass;
  const SourceLimits& limits = impl_->limits;
  // A To tag in a REGISTER says nothing (RFC 3261 section 10.2).
  const bool registers = method == Method::register_;
  const bool carries_on = !registers && (method == Method::cancel || !request.to_tag().empty());
  const bool credentials =
      request.has(HeaderId::authorization) || request.has(HeaderId::proxy_authorization);
  const bool over = Impl::spent(limits.requests, s->requests, now, carries_on ? 2 : 1) ||
                    (registers && Impl::spent(limits.registers, s->registers, now)) ||
                    (!carries_on && credentials && Impl::spent(limits.failures, s->failures, now));
  if (!over) {
    Impl::take(limits.requests, s->requests, now);
    if (registers) Impl::take(limits.registers, s->registers, now);
    return Verdict::pass;
  }
  if (now < s->tell_again) return Verdict::drop;
  s->tell_again = now + std::chrono::seconds(1);
  return Verdict::refuse;
}

bool SourceBuckets::silent(const IpAddress& source, TimePoint now) const noexcept {
  if (impl_->table.size() == 0 || impl_->exempt(source)) return false;
  const std::uint64_t prefix = source_prefix(source);
  const Impl::Source* const s = std::as_const(*impl_).find(prefix, impl_->hash_of(prefix));
  return s != nullptr && now < s->tell_again &&
         Impl::spent(impl_->limits.requests, s->requests, now);
}

void SourceBuckets::failed(const IpAddress& source, TimePoint now) noexcept {
  if (impl_->exempt(source)) return;
  if (Impl::Source* const s = impl_->of(source))
    Impl::take(impl_->limits.failures, s->failures, now);
}

std::size_t SourceBuckets::size() const noexcept { return impl_->slab.size(); }

}  // namespace sipstack
