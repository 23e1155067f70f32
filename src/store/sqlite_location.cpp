// SPDX-License-Identifier: Apache-2.0
// An image in memory and a thread that writes: each batch of updates is worked out against the image, written
// and synced in one transaction, and only then seen by lookups and answered.
#include "sipstack/store/sqlite_location.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <random>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/binding_codec.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/server/binding_rules.hpp"
#include "store/sqlite_database.hpp"

namespace sipstack {
namespace {

using server::CodecFrame;
using store::SqliteDatabase;
using store::SqliteStatement;

constexpr std::int64_t kApplication = 0x53495042;  // "SIPB": whose file it is
constexpr std::int64_t kSchema = 1;
/// Buckets of the image that are looked at for each update, and what a batch drops at most.
constexpr std::size_t kSweptPerUpdate = 4;
constexpr std::size_t kDroppedPerBatch = 256;

constexpr const char* kCreate =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE binding (aor TEXT PRIMARY KEY, expires INTEGER NOT NULL, contacts BLOB NOT NULL)"
    " WITHOUT ROWID;"
    "PRAGMA application_id=1397313602;"  // kApplication
    "PRAGMA user_version=1;"
    "COMMIT";

/// The system's clock once, then a monotonic one: setting the clock ends no registration.
UnixClock anchored_clock() {
  const auto begun = std::chrono::steady_clock::now();
  const auto unix_time = std::chrono::system_clock::now().time_since_epoch();
  return [begun, unix_time] {
    const auto passed = std::chrono::steady_clock::now() - begun;
    return std::chrono::duration_cast<std::chrono::milliseconds>(unix_time + passed).count();
  };
}

std::uint64_t random_bits() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
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
  using Staged = std::unordered_map<std::string, std::string>;  ///< empty: the AOR goes

  explicit Impl(const SqliteLocationOptions& o)
      : options(o),
        clock(o.clock ? o.clock : anchored_clock()),
        node(random_bits() | 1),
        image(0, AorHash{{random_bits(), random_bits()}}) {}

  void log(LogLevel level, const std::string& text) const {
    if (options.log) options.log(level, text);
  }
  CodecFrame frame(TimePoint now) const { return {node, now, clock()}; }

  // opening
  std::string open(const std::string& file);
  std::string prepare_file();
  std::string load();

  // the store's thread
  void run();
  void write(std::deque<Waiting>& batch);
  void work_out(Waiting& waiting, Staged& staged);
  void sweep(std::size_t updates, Staged& staged);
  bool commit(const Staged& staged);
  bool put(const std::string& aor, const std::string& encoded);
  void publish(Staged& staged);
  const std::string* current(const std::string& aor, const Staged& staged) const;

  SqliteLocationOptions options;
  UnixClock clock;
  const std::uint64_t node;

  SqliteDatabase database;
  SqliteStatement insert, remove;
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

std::string SqliteLocation::Impl::open(const std::string& file) {
  auto opened = SqliteDatabase::open(file, SqliteDatabase::Mode::create);
  if (!opened) return opened.error();
  database = std::move(*opened);
  std::string problem = prepare_file();
  if (problem.empty()) problem = load();
  return problem;
}

std::string SqliteLocation::Impl::prepare_file() {
  // Exclusive: two processes, each with an image of its own, would undo each other's bindings.
  if (!database.execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                        "PRAGMA synchronous=FULL; BEGIN EXCLUSIVE; COMMIT"))
    return database.error();
  const auto application = database.number("PRAGMA application_id");
  const auto version = database.number("PRAGMA user_version");
  const auto tables = database.number("SELECT count(*) FROM sqlite_master");
  if (!application || !version || !tables) return database.error();
  if (*tables == 0 && *application == 0) {
    if (!database.execute(kCreate)) return database.error();
  } else if (*application != kApplication) {
    return "it is an SQLite file of another program";
  } else if (*version != kSchema) {
    return "its schema is of version " + std::to_string(*version) + ", which is not known here";
  }
  if (options.max_bytes != 0) {
    const auto page = database.number("PRAGMA page_size").value_or(4096);
    const std::string limit =
        "PRAGMA max_page_count=" +
        std::to_string(options.max_bytes / static_cast<std::uint64_t>(page) + 1);
    if (!database.number(limit)) return database.error();
  }
  auto put_in = database.prepare("INSERT OR REPLACE INTO binding VALUES (?1, ?2, ?3)");
  auto take_out = database.prepare("DELETE FROM binding WHERE aor = ?1");
  if (!put_in || !take_out) return database.error();
  insert = std::move(*put_in);
  remove = std::move(*take_out);
  return {};
}

std::string SqliteLocation::Impl::load() {
  auto rows = database.prepare("SELECT aor, contacts FROM binding WHERE expires > ?1");
  if (!rows) return rows.error();
  const CodecFrame at = frame(TimePoint{});
  rows->bind(1, at.unix_ms);
  std::size_t unread = 0;
  auto step = rows->step();
  for (; step == SqliteStatement::Step::row; step = rows->step()) {
    const std::string_view encoded = rows->bytes(1);
    if (!server::decode_bindings(encoded, at)) {
      ++unread;
      continue;
    }
    total += count_of(encoded);
    image.emplace(rows->bytes(0), encoded);
  }
  if (step == SqliteStatement::Step::failed) return database.error();
  if (unread != 0)
    log(LogLevel::error,
        "location: the bindings of " + std::to_string(unread) + " AORs cannot be read");
  counted.aors = image.size();
  return {};
}

void SqliteLocation::Impl::run() {
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    wake.wait(lock, [this] { return stopping || !queue.empty(); });
    if (stopping) return;
    std::deque<Waiting> batch;
    while (!queue.empty() && batch.size() < options.max_batch) {
      batch.push_back(std::move(queue.front()));
      queue.pop_front();
    }
    lock.unlock();
    write(batch);
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
  if (staged.empty()) return;  // all refused: by their own bindings, not by the disk
  if (commit(staged)) {
    if (failing) log(LogLevel::warning, "location: the disk takes bindings again");
    failing = false;
    publish(staged);
    const std::lock_guard<std::mutex> lock(mutex);
    ++counted.commits;
    counted.committed += batch.size();
    return;
  }
  if (!failing) log(LogLevel::error, "location: bindings cannot be written: " + database.error());
  failing = true;
  database.execute("ROLLBACK");
  for (Waiting& w : batch) w.result = unexpected(LocationErrc::unavailable);
  const std::lock_guard<std::mutex> lock(mutex);
  ++counted.failed;
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

bool SqliteLocation::Impl::commit(const Staged& staged) {
  if (!database.execute("BEGIN IMMEDIATE")) return false;
  for (const auto& [aor, encoded] : staged)
    if (!put(aor, encoded)) return false;
  return database.execute("COMMIT");
}

bool SqliteLocation::Impl::put(const std::string& aor, const std::string& encoded) {
  SqliteStatement& statement = encoded.empty() ? remove : insert;
  statement.bind(1, aor);
  if (!encoded.empty()) {
    statement.bind(2, server::summarize_bindings(encoded)->latest);
    statement.bind_blob(3, encoded);
  }
  const bool good = statement.step() == SqliteStatement::Step::done;
  statement.reset();
  return good;
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
    if (impl_->queue.size() < impl_->options.max_pending) {
      impl_->queue.push_back(std::move(waiting));
      impl_->wake.notify_one();
      return;
    }
  }
  waiting.done(unexpected(LocationErrc::unavailable), now);
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
