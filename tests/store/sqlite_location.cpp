// SPDX-License-Identifier: Apache-2.0
// The store in an SQLite file: what was answered is there after a restart, and what a file or a disk can do to us.
#include "sipstack/store/sqlite_location.hpp"

#include <sqlite3.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "location_model.hpp"

using namespace sipstack;
using namespace sipstack::testing_store;
using std::chrono::seconds;

namespace {

/// A file of its own, gone at the end with what SQLite puts beside it.
struct TemporaryFile {
  TemporaryFile() {
    static int number = 0;
    std::random_device device;
    path = (std::filesystem::temp_directory_path() /
            ("sipstack-store-" + std::to_string(device()) + "-" + std::to_string(++number)))
               .string();
  }
  ~TemporaryFile() {
    for (const char* suffix : {"", "-wal", "-journal", "-shm"})
      std::remove((path + suffix).c_str());
  }
  std::string path;
};

struct SqliteFixture {
  SqliteFixture() {
    options.clock = times.unix_clock();
    options.log = [this](LogLevel, std::string_view text) {
      const std::lock_guard<std::mutex> lock(mutex);
      said.emplace_back(text);
    };
  }
  void open() {
    store.reset();
    auto opened = SqliteLocation::open(file.path, options);
    if (!opened) FAIL(opened.error());
    store = std::move(*opened);
  }
  std::string refusal() {
    store.reset();
    const auto opened = SqliteLocation::open(file.path, options);
    return opened ? std::string() : opened.error();
  }
  BindingUpdate registration(const std::string& aor, int expires, std::uint32_t cseq = 1) const {
    BindingUpdate u;
    u.aor = aor;
    u.call_id = "c";
    u.cseq = cseq;
    Binding b;
    b.contact = "sip:" + aor + ":5070";
    b.call_id = u.call_id;
    b.cseq = cseq;
    b.expires = times.now() + seconds(expires);
    u.set.push_back(b);
    return u;
  }
  LocationResult add(const std::string& aor, int expires = 600, std::uint32_t cseq = 1) {
    return update(*store, registration(aor, expires, cseq), times.now());
  }
  /// user0, user1, ..., as fast as the disk takes them together.
  void add_many(std::size_t many, int expires, std::uint32_t cseq = 1) {
    Answers answers(many);
    for (std::size_t i = 0; i < many; ++i)
      store->update(registration("user" + std::to_string(i), expires, cseq), times.now(),
                    answers.handler(i));
    for (const auto& result : answers.wait())
      if (!*result) FAIL("not taken");
  }
  std::size_t count(const std::string& aor) {
    const auto found = find(*store, aor, times.now());
    return found ? found->size() : 999;
  }
  /// With another connection, while the store is closed.
  void sql(const std::string& text) {
    store.reset();
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(file.path.c_str(), &db) == SQLITE_OK);
    char* problem = nullptr;
    sqlite3_exec(db, text.c_str(), nullptr, nullptr, &problem);
    const std::string said_so = problem != nullptr ? problem : "";
    sqlite3_free(problem);
    sqlite3_close(db);
    REQUIRE(said_so.empty());
  }

  TemporaryFile file;
  Times times;
  SqliteLocationOptions options;
  std::mutex mutex;
  std::vector<std::string> said;
  std::unique_ptr<SqliteLocation> store;
};

/// Holds up the store's thread, so that what comes meanwhile waits.
class Gate {
 public:
  void pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    inside_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void wait_inside() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return inside_; });
  }
  void open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool inside_ = false, open_ = false;
};

}  // namespace

TEST_CASE("sqlite: a model agrees with random registrations and restarts", "[model]") {
  SqliteFixture f;
  f.open();
  ModelRun run;
  run.updates = model_updates(5'000);
  agrees_with_model([&]() -> LocationStore& { return *f.store; }, f.times, run, [&] { f.open(); });
  CHECK(f.said.empty());
  // Shared transactions, and what expired does not pile up.
  const auto c = f.store->counters();
  CHECK(c.commits * 4 < c.committed);
  CHECK(c.updates >= c.committed);
  CHECK(c.unavailable == 0);
  CHECK(c.aors <= run.aors);
}

TEST_CASE("sqlite: what was answered is there after a restart, until it expires") {
  SqliteFixture f;
  f.open();
  REQUIRE(f.add("a", 600));
  REQUIRE(f.add("b", 60));
  REQUIRE(f.add("gone", 600));
  REQUIRE(f.add("gone", 0, 2));
  f.open();
  CHECK(f.count("a") == 1);
  CHECK(f.count("gone") == 0);
  CHECK(f.store->size()->bindings == 2);
  f.store.reset();
  f.times.pass(59'999);  // while nobody runs
  f.open();
  CHECK(f.count("b") == 1);
  f.times.pass(1);
  CHECK(f.count("b") == 0);
  CHECK(find(*f.store, "a", f.times.now())->at(0).expires == f.times.now() + seconds(540));
  // CSeq goes on from where it was (RFC 3261 section 10.3 step 7).
  const auto late = f.add("a", 600, 1);
  REQUIRE_FALSE(late);
  CHECK(late.error() == LocationErrc::out_of_order);
  f.open();
  CHECK(f.store->size()->bindings == 1);  // of the expired one not even the row
  f.store.reset();
  f.times.pass(-1'000'000);  // the clock goes back: nobody stays longer than was granted
  f.open();
  CHECK(find(*f.store, "a", f.times.now())->at(0).expires <= f.times.now() + seconds(600));
}

TEST_CASE("sqlite: expired bindings go from the file with updates of others") {
  SqliteFixture f;
  f.open();
  f.add_many(200, 60);
  f.times.pass(61'000);
  CHECK(f.store->size()->aors == 200);
  for (std::uint32_t i = 1; i <= 10; ++i) f.add_many(20, 600, i);
  CHECK(f.store->size()->aors == 20);
}

TEST_CASE("sqlite: limits of bindings, and of updates that wait") {
  SqliteFixture f;
  f.options.max_bindings = 2;
  f.options.max_pending = 3;
  f.open();
  REQUIRE(f.add("a"));
  REQUIRE(f.add("b", 60));
  REQUIRE(f.add("a", 600, 2));  // a refresh needs no room
  const auto over = f.add("c");
  REQUIRE_FALSE(over);
  CHECK(over.error() == LocationErrc::unavailable);
  REQUIRE(f.add("b", 0, 2));
  REQUIRE(f.add("c", 1));

  Gate gate;
  Answers first(1), waiting(3);
  f.store->update(f.registration("a", 600, 3), f.times.now(),
                  [&, done = first.handler(0)](LocationResult r, TimePoint at) {
                    gate.pass();
                    done(std::move(r), at);
                  });
  gate.wait_inside();
  for (std::uint32_t i = 0; i < 3; ++i)
    f.store->update(f.registration("a", 600, 4 + i), f.times.now(), waiting.handler(i));
  CHECK(f.store->counters().pending == 3);
  const auto refused = f.add("a", 600, 9);  // before the call returns
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == LocationErrc::unavailable);
  CHECK(f.count("a") == 1);  // lookups do not wait
  gate.open();
  REQUIRE(*first.wait()[0]);
  for (const auto& result : waiting.wait()) CHECK(*result);
  const auto c = f.store->counters();
  CHECK(c.pending == 0);
  CHECK(c.updates == 11);
  CHECK(c.unavailable == 2);  // no room, and no place to wait
  CHECK(c.lookups == 1);
  CHECK(c.rows >= 6);
  CHECK(c.commit_time > Duration(0));
}

TEST_CASE("sqlite: a full disk refuses what is new, keeps what was, and recovers") {
  SqliteFixture f;
  f.options.max_bytes = 64 * 1024;
  f.open();
  std::vector<std::string> taken;
  LocationResult last;
  for (int i = 0; i < 2000 && last; ++i) {
    const std::string aor = "user" + std::to_string(i);
    BindingUpdate u = f.registration(aor, 600);
    u.set[0].path.assign(1, std::string(200, 'p'));
    last = update(*f.store, std::move(u), f.times.now());
    if (last) taken.push_back(aor);
  }
  REQUIRE_FALSE(last);
  CHECK(last.error() == LocationErrc::unavailable);
  CHECK(f.count("user" + std::to_string(taken.size())) == 0);  // not ahead of the file
  CHECK(f.store->size()->bindings == taken.size());
  REQUIRE(f.said.size() == 1);
  CHECK(f.said[0].find("full") != std::string::npos);
  CHECK(f.store->counters().failed == 1);
  CHECK(f.store->counters().unavailable == 1);
  CHECK(f.store->counters().rows == taken.size());
  for (int i = 0; i < 20; ++i) REQUIRE(f.add(taken[static_cast<std::size_t>(i)], 0, 2));
  REQUIRE(f.add("after"));
  CHECK(f.said.back().find("again") != std::string::npos);
  f.open();
  CHECK(f.count("after") == 1);
  CHECK(f.count(taken[3]) == 0);
  for (std::size_t i = 20; i < taken.size(); ++i) CHECK(f.count(taken[i]) == 1);
}

TEST_CASE("sqlite: files that cannot be served are refused, with a reason") {
  SqliteFixture f;
  SECTION("locked by another process") {
    f.open();
    const auto second = SqliteLocation::open(f.file.path, f.options);
    REQUIRE_FALSE(second);
    CHECK(second.error().find("locked") != std::string::npos);
    REQUIRE(f.add("a"));
  }
  SECTION("none of SQLite") {
    std::ofstream(f.file.path) << std::string(5000, 'x');
    CHECK(f.refusal().find("not a database") != std::string::npos);
  }
  SECTION("another program's") {
    f.sql("CREATE TABLE t (x)");
    CHECK(f.refusal().find("another program") != std::string::npos);
  }
  SECTION("of a later version") {
    f.open();
    f.sql("PRAGMA user_version=2");
    CHECK(f.refusal().find("version 2") != std::string::npos);
  }
  SECTION("damaged in the middle") {
    f.open();
    f.add_many(300, 600);
    f.store.reset();
    const auto size = std::filesystem::file_size(f.file.path);
    REQUIRE(size > 5 * 4096);
    std::fstream bytes(f.file.path, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(4096);
    bytes << std::string(static_cast<std::size_t>(size) - 4096, '\xA5');
    bytes.close();
    CHECK(f.refusal().find("malformed") != std::string::npos);
  }
  SECTION("in no folder") {
    f.file.path += "/none/x";
    CHECK(f.refusal().find("unable to open") != std::string::npos);
  }
}

TEST_CASE("sqlite: an AOR whose row cannot be read is left out, and the log told") {
  SqliteFixture f;
  f.open();
  REQUIRE(f.add("a"));
  REQUIRE(f.add("b"));
  f.sql("UPDATE binding SET contacts = x'01ff' || contacts WHERE aor = 'a'");
  f.open();
  REQUIRE(f.said.size() == 1);
  CHECK(f.said[0].find("1 AORs") != std::string::npos);
  CHECK(f.count("a") == 0);
  CHECK(f.count("b") == 1);
  REQUIRE(f.add("a", 600, 1));  // and may register again
  f.open();
  CHECK(f.count("a") == 1);
}
