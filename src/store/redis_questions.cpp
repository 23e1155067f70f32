// SPDX-License-Identifier: Apache-2.0
// A question's way through Redis: read, by the rules that all stores share, compare-and-set; and what comes between.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <utility>

#include "sipstack/server/binding_rules.hpp"
#include "store/redis_location_impl.hpp"

namespace sipstack {

using store::RedisClock;
using store::RedisConnection;
using store::RedisReply;

namespace {

/// A value is so many random bytes, drawn anew with every write, and then the bindings. Random: a number that
/// is counted up could come again when the key has gone and come back.
constexpr std::size_t kRevision = 8;
/// Hops from node to node of a cluster that one command may take.
constexpr int kMostRedirects = 5;
constexpr auto kTryAgain = std::chrono::milliseconds(10);
constexpr auto kLogPause = std::chrono::seconds(10);

/// KEYS: the key. ARGV: revision that was read, value to write or nothing, its milliseconds to live, most
/// bytes of a value. 1, or what is there instead.
constexpr const char* kScript =
    "if redis.call('GETRANGE',KEYS[1],0,7)~=ARGV[1] then "
    "return redis.call('GETRANGE',KEYS[1],0,ARGV[4]) end "
    "if ARGV[2]=='' then redis.call('DEL',KEYS[1]) "
    "else redis.call('SET',KEYS[1],ARGV[2],'PX',ARGV[3]) end "
    "return 1";

}  // namespace

const char* const store::kRedisCompareAndSet = kScript;

void RedisLocation::Impl::ask(const Asked& q) {
  RedisConnection* const to = nodes.for_slot(store::redis_slot(q->key));
  if (to == nullptr) return fail(q);
  command(*to, q);
}

void RedisLocation::Impl::command(RedisConnection& to, const Asked& q) {
  const auto now = RedisClock::now();
  commands.fetch_add(1, std::memory_order_relaxed);
  const auto answer = [this, &to, q](const RedisReply& reply) { answered(to, q, reply); };
  if (!q->writing) return to.send({"GETRANGE", q->key, "0", most_bytes}, answer, now);
  std::string life = "1";
  if (const auto summary = server::summarize_bindings(
          std::string_view(q->value).substr(std::min(kRevision, q->value.size()))))
    life = std::to_string(std::max<std::int64_t>(summary->latest - q->frame.unix_ms, 1));
  const bool known = !to.script().empty() && !q->whole_script;
  to.send({known ? "EVALSHA" : "EVAL", known ? to.script() : std::string_view(kScript), "1", q->key,
           q->revision, q->value, life, most_bytes},
          answer, now);
}

void RedisLocation::Impl::answered(RedisConnection& from, const Asked& q, const RedisReply& reply) {
  switch (reply.kind) {
    case RedisReply::Kind::lost: return fail(q);
    case RedisReply::Kind::error: return refused(from, q, reply.text);
    case RedisReply::Kind::nil: return read(q, {});
    case RedisReply::Kind::number:
      if (q->writing) return finish(q, std::move(q->outcome));
      break;
    case RedisReply::Kind::text:
      if (q->writing) {
        contended.fetch_add(1, std::memory_order_relaxed);
        if (RedisClock::now() >= q->given_up) return fail(q);
      }
      return read(q, reply.text);
  }
  from.give_up("a reply of a kind that nobody asked for");
  fail(q);
}

void RedisLocation::Impl::refused(RedisConnection& from, const Asked& q, std::string_view error) {
  const std::string_view word = error.substr(0, error.find(' '));
  if (auto to = store::parse_redis_redirect(error)) return redirect(from, q, *std::move(to));
  const bool in_time = RedisClock::now() < q->given_up;
  if (word == "NOSCRIPT" && in_time) {
    q->whole_script = true;
    return command(from, q);
  }
  if (word == "TRYAGAIN" && in_time) {
    later.emplace_back(RedisClock::now() + kTryAgain, q);
    return;
  }
  complain("Redis refuses " + q->key + ": " + std::string(error));
  fail(q);
}

void RedisLocation::Impl::redirect(const RedisConnection& from, const Asked& q,
                                   store::RedisRedirect to) {
  if (to.to.host.empty()) to.to.host = from.address().host;
  const auto now = RedisClock::now();
  RedisConnection* const node_of_slot =
      ++q->redirects <= kMostRedirects ? nodes.at(to.to, now) : nullptr;
  if (node_of_slot == nullptr) return fail(q);
  (to.once ? asks : moves).fetch_add(1, std::memory_order_relaxed);
  if (to.once)
    node_of_slot->send(
        {"ASKING"}, [](const RedisReply&) {}, now);
  else
    nodes.moved(to.slot, *node_of_slot);
  command(*node_of_slot, q);
}

void RedisLocation::Impl::read(const Asked& q, std::string_view value) {
  q->writing = false;  // what was tried, if anything was, is not there
  std::vector<Binding> bindings;
  if (!decode(q, value, bindings)) return fail(q);
  if (q->writes) {
    q->revision = value.substr(0, kRevision);
    return work_out(q, std::move(bindings));
  }
  server::forget_foreign_flows(bindings);
  sort_by_preference(bindings);
  finish(q, std::move(bindings));
}

/// False where it is better left alone. What is merely damaged counts as nothing, and the next update mends it.
bool RedisLocation::Impl::decode(const Asked& q, std::string_view value,
                                 std::vector<Binding>& bindings) {
  if (value.empty()) return true;
  if (value.size() > options.max_value) {
    complain("the bindings at " + q->key + " are too long");
    return false;
  }
  if (value.size() > kRevision && value[kRevision] != own_version) {
    complain("the bindings at " + q->key + " are of another version");
    return false;
  }
  auto read_bindings = value.size() > kRevision
                           ? server::decode_bindings(value.substr(kRevision), q->frame)
                           : std::nullopt;
  if (read_bindings)
    bindings = *std::move(read_bindings);
  else
    complain("the bindings at " + q->key + " are damaged");
  return true;
}

void RedisLocation::Impl::work_out(const Asked& q, std::vector<Binding> bindings) {
  // The rules take the update apart, and it may be needed again.
  BindingUpdate update = q->update;
  const LocationErrc outcome =
      apply_update(bindings, update, q->frame.now, std::numeric_limits<std::size_t>::max());
  if (outcome != LocationErrc::ok) return finish(q, unexpected<LocationErrc>(outcome));
  q->value.clear();
  if (!bindings.empty()) {
    const std::uint64_t fresh = random();
    q->value.resize(kRevision);
    std::memcpy(q->value.data(), &fresh, kRevision);
    q->value += server::encode_bindings(bindings, q->frame);
    if (q->value.size() > options.max_value) return finish(q, unexpected(LocationErrc::too_many));
  }
  server::forget_foreign_flows(bindings);
  sort_by_preference(bindings);
  const bool changes = q->update.remove_all || !q->update.set.empty();
  if (!changes || (q->revision.empty() && q->value.empty())) return finish(q, std::move(bindings));
  q->outcome = std::move(bindings);
  q->writing = true;
  ask(q);
}

void RedisLocation::Impl::finish(const Asked& q, LocationResult result) {
  const bool lost = !result && result.error() == LocationErrc::unavailable;
  (lost ? unavailable : good).fetch_add(1, std::memory_order_relaxed);
  const auto took = std::chrono::duration_cast<Duration>(RedisClock::now() - q->asked);
  answer_time.fetch_add(took.count(), std::memory_order_relaxed);
  pending.fetch_sub(1);
  if (q->writes) next_update(*q, q->writing && !lost);
  q->done(std::move(result), q->frame.now);
}

/// What one has written is what the next one begins with: one way to Redis and back instead of two.
void RedisLocation::Impl::next_update(const store::RedisQuestion& done, bool written) {
  const auto line = updating.find(done.key);
  if (line->second.empty()) {
    updating.erase(line);
    return;
  }
  const Asked next = std::move(line->second.front());
  line->second.pop_front();
  next->knows = written;
  if (written) next->value = done.value;
  due.push_back(next);
}

void RedisLocation::Impl::complain(const std::string& text) {
  const auto now = RedisClock::now();
  if (!options.log || (complained != RedisClock::time_point{} && now - complained < kLogPause))
    return;
  complained = now;
  options.log(LogLevel::error, "location: " + store::printable(text));
}

}  // namespace sipstack
