// SPDX-License-Identifier: Apache-2.0
// The thread that asks Redis, and how questions get to it.
#include "sipstack/store/redis_location.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "store/random_bits.hpp"
#include "store/redis_location_impl.hpp"

namespace sipstack {
namespace {

using store::RedisClock;

std::int64_t system_milliseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

namespace {

std::shared_ptr<const store::RedisConnectionOptions> connection_options(
    const store::RedisUrl& url, const RedisLocationOptions& o, std::mt19937_64& random) {
  auto out = std::make_shared<store::RedisConnectionOptions>();
  out->url = url;
  out->timeout = o.timeout;
  out->max_retry = o.max_retry;
  out->max_reply = o.max_value + 4096;
  out->script = store::kRedisCompareAndSet;
  out->random = [&random] { return std::uniform_real_distribution<>(0, 1)(random); };
  out->log = o.log;
  return out;
}

}  // namespace

RedisLocation::Impl::Impl(const store::RedisUrl& url, const RedisLocationOptions& o)
    : options(o),
      clock(o.clock ? o.clock : system_milliseconds),
      node(random_bits() | 1),
      most_bytes(std::to_string(o.max_value)),
      own_version(server::encode_bindings({}, {1, {}, 0}).front()),
      random(random_bits()),
      nodes(connection_options(url, o, random), o.max_nodes) {}

RedisLocation::Impl::~Impl() {
  if (wake_read >= 0) ::close(wake_read);
  if (wake_write >= 0) ::close(wake_write);
}

void RedisLocation::Impl::wake() {
  const char byte = 0;
  // A pipe that is full has woken it already.
  while (::write(wake_write, &byte, 1) < 0 && errno == EINTR) {
  }
}

void RedisLocation::Impl::enter(Asked question) {
  (question->writes ? updates : lookups).fetch_add(1);
  if (!away.load(std::memory_order_relaxed) && pending.load() < options.max_pending) {
    pending.fetch_add(1);
    question->asked = RedisClock::now();
    bool first = false;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      first = entered.empty();
      entered.push_back(std::move(question));
    }
    if (first) wake();
    return;
  }
  unavailable.fetch_add(1);
  question->done(unexpected(LocationErrc::unavailable), question->frame.now);
}

void RedisLocation::Impl::run() {
  for (;;) {
    nodes.tick(RedisClock::now());
    away.store(!nodes.usable(), std::memory_order_relaxed);
    take_entered();
    {
      const std::lock_guard<std::mutex> lock(mutex);
      if (stopping) return;
    }
    const auto now = RedisClock::now();
    auto until = now + std::chrono::minutes(1);
    for (std::size_t i = later.size(); i-- > 0;) {
      if (later[i].first <= now) {
        due.push_back(std::move(later[i].second));
        later.erase(later.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        until = std::min(until, later[i].first);
      }
    }
    begin_due();
    nodes.tick(now);  // what was asked leaves
    if (!due.empty()) until = now;
    connected.store(nodes.connected(), std::memory_order_relaxed);
    connects.store(nodes.connects(), std::memory_order_relaxed);
    losses.store(nodes.losses(), std::memory_order_relaxed);
    nodes.wait(wake_read, until);
    char bytes[64];
    while (::read(wake_read, bytes, sizeof bytes) > 0) {
    }
  }
}

void RedisLocation::Impl::take_entered() {
  std::vector<Asked> batch;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    batch.swap(entered);
  }
  const auto given_up = RedisClock::now() + options.timeout;
  for (const Asked& q : batch) {
    q->given_up = given_up;
    if (q->writes) {
      const auto [line, first] = updating.try_emplace(q->key);
      if (!first) {
        line->second.push_back(q);
        continue;
      }
    }
    due.push_back(q);
  }
}

void RedisLocation::Impl::begin_due() {
  // What is refused at once lets the next one in.
  for (std::size_t i = 0; i < due.size(); ++i) {
    const Asked q = due[i];
    if (RedisClock::now() >= q->given_up)
      fail(q);
    else if (std::exchange(q->knows, false))
      read(q, std::string(std::move(q->value)));
    else
      ask(q);
  }
  due.clear();
}

// ---- the face ----

RedisLocation::RedisLocation(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->thread = std::thread([this] { impl_->run(); });
}

RedisLocation::~RedisLocation() {
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake();
  impl_->thread.join();
}

expected<std::unique_ptr<RedisLocation>, std::string> RedisLocation::open(
    std::string_view url, const RedisLocationOptions& options) {
  const auto parsed = store::parse_redis_url(url);
  if (!parsed) return unexpected(parsed.error());
  if (options.prefix.find_first_of("{}") != std::string::npos)
    return unexpected(std::string("the prefix of keys has a brace"));
  auto impl = std::make_unique<Impl>(*parsed, options);
  int ends[2];
  if (::pipe(ends) != 0) return unexpected(std::string("no pipe: too many open files"));
  impl->wake_read = ends[0];
  impl->wake_write = ends[1];
  for (const int end : ends) {
    ::fcntl(end, F_SETFL, O_NONBLOCK);
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
  }
  return std::unique_ptr<RedisLocation>(new RedisLocation(std::move(impl)));
}

void RedisLocation::find(std::string_view aor, TimePoint now, LocationHandler done) {
  auto q = std::make_shared<store::RedisQuestion>();
  q->key = impl_->options.prefix + "{" + std::string(aor) + "}";
  q->frame = impl_->frame(now);
  q->done = std::move(done);
  impl_->enter(std::move(q));
}

void RedisLocation::update(BindingUpdate update, TimePoint now, LocationHandler done) {
  auto q = std::make_shared<store::RedisQuestion>();
  q->key = impl_->options.prefix + "{" + update.aor + "}";
  q->writes = true;
  q->update = std::move(update);
  q->frame = impl_->frame(now);
  q->done = std::move(done);
  impl_->enter(std::move(q));
}

RedisLocation::Counters RedisLocation::counters() const {
  Counters c;
  c.pending = impl_->pending.load();
  c.connected = impl_->connected.load();
  c.lookups = impl_->lookups.load();
  c.updates = impl_->updates.load();
  c.answered = impl_->good.load();
  c.unavailable = impl_->unavailable.load();
  c.contended = impl_->contended.load();
  c.commands = impl_->commands.load();
  c.asks = impl_->asks.load();
  c.redirected = c.asks + impl_->moves.load();
  c.connects = impl_->connects.load();
  c.failures = impl_->losses.load();
  c.answer_time = Duration(impl_->answer_time.load());
  return c;
}

}  // namespace sipstack
