// SPDX-License-Identifier: Apache-2.0
// What the store in Redis keeps, and its thread does.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/binding_codec.hpp"
#include "sipstack/store/redis_location.hpp"
#include "store/redis_nodes.hpp"

namespace sipstack {
namespace store {

/// One find or update on its way.
struct RedisQuestion {
  std::string key;
  bool writes = false;
  BindingUpdate update;
  server::CodecFrame frame;
  LocationHandler done;
  RedisClock::time_point asked{};
  RedisClock::time_point given_up{};  ///< when it is not asked again
  int redirects = 0;
  bool whole_script = false;  ///< Redis had forgotten it
  // of the update that is about to be written
  bool writing = false;
  std::string revision;
  std::string value;   ///< empty: the key goes
  bool knows = false;  ///< not asked yet, but `value` is what the update before it wrote
  std::vector<Binding> outcome;
};

/// Compares the revision that was read with what is there, and sets or deletes.
extern const char* const kRedisCompareAndSet;

}  // namespace store

struct RedisLocation::Impl {
  using Asked = std::shared_ptr<store::RedisQuestion>;

  Impl(const store::RedisUrl& url, const RedisLocationOptions& o);
  ~Impl();

  server::CodecFrame frame(TimePoint now) const { return {node, now, clock()}; }
  void enter(Asked question);  ///< on any thread
  void wake();

  // the store's thread, all of it
  void run();
  void take_entered();
  void begin_due();
  void ask(const Asked& q);
  void command(store::RedisConnection& to, const Asked& q);
  void answered(store::RedisConnection& from, const Asked& q, const store::RedisReply& reply);
  void refused(store::RedisConnection& from, const Asked& q, std::string_view error);
  void redirect(const store::RedisConnection& from, const Asked& q, store::RedisRedirect to);
  void read(const Asked& q, std::string_view value);
  bool decode(const Asked& q, std::string_view value, std::vector<Binding>& bindings);
  void work_out(const Asked& q, std::vector<Binding> bindings);
  void finish(const Asked& q, LocationResult result);
  void next_update(const store::RedisQuestion& done, bool written);
  void fail(const Asked& q) { finish(q, unexpected(LocationErrc::unavailable)); }
  void complain(const std::string& text);

  const RedisLocationOptions options;
  const UnixClock clock;
  const std::uint64_t node;
  const std::string most_bytes;  ///< last byte of a value that is read
  const char own_version;        ///< of the codec
  std::mt19937_64 random;        ///< of revisions and pauses: no secrets
  store::RedisNodes nodes;
  std::vector<std::pair<store::RedisClock::time_point, Asked>> later;  ///< TRYAGAIN
  store::RedisClock::time_point complained{};
  /// Updates of an AOR go one by one, in the order in which they came: those that wait for the one under way.
  std::map<std::string, std::deque<Asked>> updating;
  std::vector<Asked> due;  ///< to be asked now

  int wake_read = -1, wake_write = -1;
  std::atomic<bool> away{false};
  std::atomic<std::size_t> pending{0};
  std::atomic<std::uint64_t> lookups{0}, updates{0}, good{0}, unavailable{0}, contended{0};
  std::atomic<std::uint64_t> commands{0}, moves{0}, asks{0}, connects{0}, losses{0};
  std::atomic<Duration::rep> answer_time{0};
  std::atomic<std::size_t> connected{0};
  std::mutex mutex;  ///< all below
  std::vector<Asked> entered;
  bool stopping = false;
  std::thread thread;
};

}  // namespace sipstack
