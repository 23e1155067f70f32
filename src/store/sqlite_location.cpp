// SPDX-License-Identifier: Apache-2.0
// An image in memory and a thread that writes: each batch of updates is worked out against the image, written
// and synced in one transaction, and only then seen by lookups and answered.
#include "sipstack/store/sqlite_location.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/binding_codec.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/server/binding_rules.hpp"
#include "store/random_bits.hpp"
#include "store/sqlite_bindings.hpp"

namespace sipstack {
namespace {

using server::CodecFrame;
using store::SqliteBindings;

/// Buckets of the image that are looked at for each update, and what a batch drops at most.
constexpr std::size_t kSweptPerUpdate = 4;
constexpr std::size_t kDroppedPerBatch = 256;

/// The system's clock once, then a monotonic one: setting the clock ends no registration.
UnixClock anchored_clock() {
  const auto begun = std::chrono::steady_clock::now();
  const auto unix_time = std::chrono::system_clock::now().time_since_epoch();
  return [begun, unix_time] {
    const auto passed = std::chrono::steady_clock::now() - begun;
    return std::chrono::duration_cast<std::chrono::milliseconds>(unix_time + passed).count();
  };
}

struct AorHash {
  HashKey key;
  std::size_t operator()(std::string_view text) const noexcept {
    return static_cast<std::size_t>(keyed_hash(key, text));
  }
};
using Image = std::unordered_map<std::string, std::string, AorHash>;  ///< encoded bindings by AOR

std::size_t count_of(std::string_view encoded) noexcept {
  const auto summary = server::summarize_bindings(encoded);
  return summary ? summary->count : 0;
}

}  // namespace

struct SqliteLocation::Impl {
  struct Waiting {
    BindingUpdate update;
    CodecFrame frame;
    LocationHandler done;
    LocationResult result = unexpected(LocationErrc::unavailable);
  };
  using Staged = SqliteBindings::Changes;

  explicit Impl(const SqliteLocationOptions& o)
      : options(o),
        clock(o.clock ? o.clock : anchored_clock()),
        node(random_bits() | 1),
        image(0, AorHash{{random_bits(), random_bits()}}) {}

  void log(LogLevel level, const std::string& text) const {
    if (options.log) options.log(level, text);
  }
  CodecFrame frame(TimePoint now) const { return {node, now, clock()}; }

  std::string open(const std::string& name);

  // the store's thread
  void run();
  void write(std::deque<Waiting>& batch);
  bool commit(const Staged& staged, std::size_t updates);
  void work_out(Waiting& waiting, Staged& staged);
  void sweep(std::size_t updates, Staged& staged);
  void publish(Staged& staged);
  const std::string* current(const std::string& aor, const Staged& staged) const;

  SqliteLocationOptions options;
  UnixClock clock;
  const std::uint64_t node;

  SqliteBindings file;
  std::size_t cursor = 0;    ///< bucket that is swept next
  std::ptrdiff_t grown = 0;  ///< bindings that the batch adds
  bool failing = false;

  mutable std::mutex mutex;  ///< all below
  std::condition_variable wake;
  Image image;  ///< changed by the store's thread alone, which reads it without the lock
  std::size_t total = 0;
  std::deque<Waiting> queue;
  bool stopping = false;
  Counters counted;
  std::thread thread;
};

std::string SqliteLocation::Impl::open(const std::string& name) {
  auto opened = SqliteBindings::open(name, options.max_bytes);
  if (!opened) return opened.error();
  file = std::move(*opened);
  const CodecFrame at = frame(TimePoint{});
  std::size_t unread = 0;
  std::string problem = file.load(at.unix_ms, [&](std::string_view aor, std::string_view encoded) {
    if (!server::decode_bindings(encoded, at)) {
      ++unread;
      return;
    }
    total += count_of(encoded);
    image.emplace(aor, encoded);
  });
  if (unread != 0)
    log(LogLevel::error,
        "location: the bindings of " + std::to_string(unread) + " AORs cannot be read");
  return problem;
}

void SqliteLocation::Impl::run() {
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    wake.wait(lock, [this] { return stopping || !queue.empty(); });
    if (stopping) return;
    std::deque<Waiting> batch;
    while (!queue.empty() && batch.size() < std::max<std::size_t>(options.max_batch, 1)) {
      batch.push_back(std::move(queue.front()));
      queue.pop_front();
    }
    lock.unlock();
    write(batch);
    lock.lock();
    counted.unavailable +=
        static_cast<std::uint64_t>(std::count_if(batch.begin(), batch.end(), [](const Waiting& w) {
          return !w.result && w.result.error() == LocationErrc::unavailable;
        }));
    lock.unlock();
    for (Waiting& w : batch) w.done(std::move(w.result), w.frame.now);
    batch.clear();
    lock.lock();
  }
}

void SqliteLocation::Impl::write(std::deque<Waiting>& batch) {
  Staged staged;
  grown = 0;
  for (Waiting& w : batch) work_out(w, staged);
  sweep(batch.size(), staged);
  if (staged.empty()) return;  // refused, or removals of what was not there
  if (commit(staged, batch.size())) {
    if (failing) log(LogLevel::warning, "location: the disk takes bindings again");
    failing = false;
    publish(staged);
    return;
  }
  if (!failing) log(LogLevel::error, "location: bindings cannot be written: " + file.error());
  failing = true;
  for (Waiting& w : batch) w.result = unexpected(LocationErrc::unavailable);
}

bool SqliteLocation::Impl::commit(const Staged& staged, std::size_t updates) {
  const auto begun = std::chrono::steady_clock::now();
  const bool good = file.commit(staged);
  const auto took = std::chrono::steady_clock::now() - begun;
  const std::lock_guard<std::mutex> lock(mutex);
  counted.commit_time += std::chrono::duration_cast<Duration>(took);
  if (good) {
    ++counted.commits;
    counted.committed += updates;
    counted.rows += staged.size();
  } else {
    ++counted.failed;
  }
  return good;
}

const std::string* SqliteLocation::Impl::current(const std::string& aor,
                                                 const Staged& staged) const {
  if (const auto fresh = staged.find(aor); fresh != staged.end()) return &fresh->second;
  const auto found = image.find(aor);
  return found == image.end() ? nullptr : &found->second;
}

void SqliteLocation::Impl::work_out(Waiting& w, Staged& staged) {
  std::vector<Binding> bindings;
  std::size_t before = 0;
  if (const std::string* const encoded = current(w.update.aor, staged)) {
    before = count_of(*encoded);
    // What was loaded or written has been read before.
    if (auto live = server::decode_bindings(*encoded, w.frame)) bindings = std::move(*live);
  }
  const auto used = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(total) + grown) -
                    (before - bindings.size());
  const std::size_t room = options.max_bindings - std::min(used, options.max_bindings);
  const LocationErrc outcome = apply_update(bindings, w.update, w.frame.now, room);
  if (outcome != LocationErrc::ok) {
    w.result = unexpected<LocationErrc>(outcome);
    return;
  }
  grown += static_cast<std::ptrdiff_t>(bindings.size()) - static_cast<std::ptrdiff_t>(before);
  if (before != 0 || !bindings.empty())
    staged[w.update.aor] =
        bindings.empty() ? std::string() : server::encode_bindings(bindings, w.frame);
  server::forget_foreign_flows(bindings);
  sort_by_preference(bindings);
  w.result = std::move(bindings);
}

/// What has expired and is never asked for goes, too, a little with every batch.
void SqliteLocation::Impl::sweep(std::size_t updates, Staged& staged) {
  const std::int64_t now = clock();
  std::size_t dropped = 0;
  const std::size_t buckets = std::min(image.bucket_count(), updates * kSweptPerUpdate);
  for (std::size_t i = 0; i < buckets && dropped < kDroppedPerBatch; ++i) {
    if (cursor >= image.bucket_count()) cursor = 0;
    for (auto entry = image.cbegin(cursor); entry != image.cend(cursor); ++entry) {
      const auto summary = server::summarize_bindings(entry->second);
      if (!summary || summary->latest > now || staged.count(entry->first) != 0) continue;
      grown -= static_cast<std::ptrdiff_t>(summary->count);
      staged.emplace(entry->first, std::string());
      ++dropped;
    }
    ++cursor;
  }
}

void SqliteLocation::Impl::publish(Staged& staged) {
  const std::lock_guard<std::mutex> lock(mutex);
  for (auto& [aor, encoded] : staged) {
    if (encoded.empty())
      image.erase(aor);
    else
      image[aor] = std::move(encoded);
  }
  total = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(total) + grown);
}

SqliteLocation::SqliteLocation(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->thread = std::thread([this] { impl_->run(); });
}

SqliteLocation::~SqliteLocation() {
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_one();
  impl_->thread.join();
}

expected<std::unique_ptr<SqliteLocation>, std::string> SqliteLocation::open(
    const std::string& file, const SqliteLocationOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  std::string problem = impl->open(file);
  if (!problem.empty()) return unexpected(std::move(problem));
  return std::unique_ptr<SqliteLocation>(new SqliteLocation(std::move(impl)));
}

void SqliteLocation::find(std::string_view aor, TimePoint now, LocationHandler done) {
  std::string encoded;
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    ++impl_->counted.lookups;
    const auto found = impl_->image.find(std::string(aor));
    if (found != impl_->image.end()) encoded = found->second;
  }
  std::vector<Binding> bindings;
  if (!encoded.empty()) {
    if (auto live = server::decode_bindings(encoded, impl_->frame(now)))
      bindings = std::move(*live);
    server::forget_foreign_flows(bindings);
    sort_by_preference(bindings);
  }
  done(std::move(bindings), now);
}

void SqliteLocation::update(BindingUpdate update, TimePoint now, LocationHandler done) {
  Impl::Waiting waiting{std::move(update), impl_->frame(now), std::move(done)};
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    ++impl_->counted.updates;
    if (impl_->queue.size() < impl_->options.max_pending) {
      impl_->queue.push_back(std::move(waiting));
      impl_->wake.notify_one();
      return;
    }
    ++impl_->counted.unavailable;
  }
  waiting.done(unexpected(LocationErrc::unavailable), now);
}

std::optional<LocationSize> SqliteLocation::size() {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  return LocationSize{impl_->image.size(), impl_->total};
}

SqliteLocation::Counters SqliteLocation::counters() const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  Counters c = impl_->counted;
  c.aors = impl_->image.size();
  c.bindings = impl_->total;
  c.pending = impl_->queue.size();
  return c;
}

}  // namespace sipstack
