// SPDX-License-Identifier: Apache-2.0
// Bindings in a real Redis: what it keeps, who shares it, and what is left when it goes.
#include "sipstack/store/redis_location.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "location_model.hpp"
#include "redis_server.hpp"
#include "store/redis_address.hpp"

using namespace sipstack;
using redis_test::Server;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr auto kPatience = seconds(20);
const TimePoint kNow = TimePoint(seconds(1000));

bool no_redis() {
  if (redis_test::is_installed()) return false;
  WARN("skipped: redis-server is not installed");
  return true;
}

/// What the store said, however many threads it comes on.
struct Said {
  std::mutex mutex;
  std::string text;
  LogHook hook() {
    return [this](LogLevel, std::string_view line) {
      const std::lock_guard<std::mutex> lock(mutex);
      text.append(line).append("\n");
    };
  }
  bool has(std::string_view word) {
    const std::lock_guard<std::mutex> lock(mutex);
    return text.find(word) != std::string::npos;
  }
};

std::unique_ptr<RedisLocation> opened(const std::string& url,
                                      const RedisLocationOptions& options = {}) {
  auto store = RedisLocation::open(url, options);
  REQUIRE(store);
  return *std::move(store);
}

BindingUpdate adding(const std::string& aor, const std::string& contact, std::uint32_t cseq,
                     const std::string& call_id = "c", int expires = 60) {
  BindingUpdate u;
  u.aor = aor;
  u.call_id = call_id;
  u.cseq = cseq;
  u.max_bindings = 3;
  Binding b;
  b.contact = contact;
  b.call_id = call_id;
  b.cseq = cseq;
  b.expires = kNow + seconds(expires);
  u.set.push_back(std::move(b));
  return u;
}

/// As if the answer came before the call returned.
struct Waiting {
  std::promise<LocationResult> promise;
  LocationHandler handler() {
    return [this](LocationResult r, TimePoint) { promise.set_value(std::move(r)); };
  }
  LocationResult get() {
    auto future = promise.get_future();
    REQUIRE(future.wait_for(kPatience) == std::future_status::ready);
    return future.get();
  }
};
LocationResult update(RedisLocation& store, BindingUpdate u) {
  Waiting w;
  store.update(std::move(u), kNow, w.handler());
  return w.get();
}
LocationResult find(RedisLocation& store, const std::string& aor, TimePoint now = kNow) {
  Waiting w;
  store.find(aor, now, w.handler());
  return w.get();
}
std::vector<std::string> contacts(const LocationResult& result) {
  if (!result) return {"error"};
  std::vector<std::string> all;
  for (const Binding& b : *result) all.push_back(b.contact);
  return all;
}
using Contacts = std::vector<std::string>;

bool unavailable(const LocationResult& r) { return !r && r.error() == LocationErrc::unavailable; }
/// Redis and our knowledge of it are other people's time.
bool soon(const std::function<bool()>& fact) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!fact()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

std::string key(const std::string& aor) { return "sipstack:aor:{" + aor + "}"; }

}  // namespace

TEST_CASE("a Redis URL says where, as whom and which database", "[redis]") {
  const auto url = store::parse_redis_url("redis://ops:p%40ss%3a@[2001:db8::1]:7000/3");
  REQUIRE(url);
  CHECK(url->user == "ops");
  CHECK(url->password == "p@ss:");
  CHECK(url->address.host == "2001:db8::1");
  CHECK(url->address.port == 7000);
  CHECK(url->database == 3);
  CHECK(store::parse_redis_url("redis://:secret@db")->password == "secret");
  CHECK(store::parse_redis_url("redis://db/")->address.port == 6379);
  const auto local = store::parse_redis_url("redis+unix:///run/redis.sock?db=2");
  REQUIRE(local);
  CHECK(local->address.path == "/run/redis.sock");
  CHECK(local->database == 2);
  for (const char* bad :
       {"", "redis://", "rediss://db", "http://db", "redis://db:0", "redis://db:x",
        "redis://db:70000", "redis://db/x", "redis://me@db", "redis://a:%4@db", "redis://[::1",
        "redis+unix://", "redis+unix:///s?x=1"})
    CHECK_FALSE(store::parse_redis_url(bad));
}

TEST_CASE("a key's slot is that of its tag", "[redis]") {
  CHECK(store::redis_slot("123456789") == 0x31C3);  // the specification's own check
  CHECK(store::redis_slot("{user1000}.following") == store::redis_slot("{user1000}.followers"));
  CHECK(store::redis_slot("foo{{bar}}zap") == store::redis_slot("{bar"));
  CHECK(store::redis_slot("foo{bar}{zap}") == store::redis_slot("bar"));
  CHECK(store::redis_slot("foo{}{bar}") != store::redis_slot("bar"));
  const auto moved = store::parse_redis_redirect("MOVED 3999 ::1:6381");
  REQUIRE(moved);
  CHECK_FALSE(moved->once);
  CHECK(moved->slot == 3999);
  CHECK(moved->to.host == "::1");
  CHECK(moved->to.port == 6381);
  CHECK(store::parse_redis_redirect("ASK 1 :6381")->once);
  for (const char* bad : {"ERR", "MOVED", "MOVED 1", "MOVED 16384 h:1", "ASK 1 h", "ASK 1 h:99999"})
    CHECK_FALSE(store::parse_redis_redirect(bad));
}

TEST_CASE("bindings live in Redis for as long as they are good", "[redis]") {
  if (no_redis()) return;
  Server redis;
  RedisLocationOptions options;
  std::int64_t unix_ms = 1'800'000'000'000;
  options.clock = [&] { return unix_ms; };
  const auto store = opened(redis.url() + "?db=5", options);
  REQUIRE(update(*store, adding("sip:a@d", "sip:x@h", 1)));
  CHECK(contacts(update(*store, adding("sip:a@d", "sip:y@h", 2))) ==
        Contacts{"sip:y@h", "sip:x@h"});
  CHECK(contacts(find(*store, "sip:a@d")) == Contacts{"sip:y@h", "sip:x@h"});
  CHECK(contacts(find(*store, "sip:b@d")).empty());

  const auto late = update(*store, adding("sip:a@d", "sip:y@h", 2));
  REQUIRE_FALSE(late);
  CHECK(late.error() == LocationErrc::out_of_order);
  REQUIRE(update(*store, adding("sip:a@d", "sip:z@h", 3, "other", 90)));
  const auto many = update(*store, adding("sip:a@d", "sip:w@h", 4));
  REQUIRE_FALSE(many);
  CHECK(many.error() == LocationErrc::too_many);

  // The key goes with the last of them, if nobody asks.
  const std::string left = redis.command(
      {"EVAL", "redis.call('SELECT',5) return redis.call('PTTL',KEYS[1])", "1", key("sip:a@d")});
  REQUIRE(left.substr(0, 1) == ":");
  CHECK(std::stol(left.substr(1)) > 80'000);
  CHECK(std::stol(left.substr(1)) <= 90'000);
  // Another process, an hour after its own beginning and a minute later by the clock on the wall.
  unix_ms += 60'000;
  CHECK(contacts(find(*store, "sip:a@d", TimePoint(seconds(3600)))) == Contacts{"sip:z@h"});
  unix_ms -= 60'000;

  BindingUpdate all;
  all.aor = "sip:a@d";
  all.remove_all = true;
  all.call_id = "c";
  all.cseq = 9;
  CHECK(contacts(update(*store, all)).empty());
  CHECK(redis.command({"EVAL", "redis.call('SELECT',5) return redis.call('DBSIZE')", "0"}) ==
        ":0\r\n");
  CHECK(store->counters().pending == 0);
  CHECK(store->counters().unavailable == 0);
}

TEST_CASE("two nodes update one AOR at once, and no update is lost", "[redis]") {
  if (no_redis()) return;
  Server redis;
  RedisLocationOptions options;
  options.timeout = kPatience;
  const std::unique_ptr<RedisLocation> stores[] = {opened(redis.url(), options),
                                                   opened(redis.url(), options)};
  for (const auto& store : stores) REQUIRE(find(*store, "sip:a@d"));
  // Until they have met, which on a busy machine may take more than one go.
  const auto contended = [&] {
    return stores[0]->counters().contended + stores[1]->counters().contended;
  };
  std::size_t added = 0;
  for (int go = 0; go < 10 && contended() == 0; ++go) {
    std::vector<Waiting> answers(80);
    for (std::size_t i = 0; i < answers.size(); ++i, ++added) {
      const std::string number = std::to_string(added);
      auto u = adding("sip:a@d", "sip:" + number + "@h", 1, number);
      u.max_bindings = 1000;
      stores[i % 2]->update(std::move(u), kNow, answers[i].handler());
    }
    for (Waiting& w : answers) CHECK(w.get());
  }
  CHECK(contacts(find(*stores[0], "sip:a@d")).size() == added);
  CHECK(contended() > 0);

  // The CSeq of one Call-ID rises across nodes, too: of these, exactly one is the first.
  std::vector<Waiting> same(20);
  for (std::size_t i = 0; i < same.size(); ++i)
    stores[i % 2]->update(adding("sip:b@d", "sip:x@h", 7), kNow, same[i].handler());
  std::size_t good = 0;
  for (Waiting& w : same) {
    const auto r = w.get();
    good += r ? 1 : 0;
    if (!r) CHECK(r.error() == LocationErrc::out_of_order);
  }
  CHECK(good == 1);
}

TEST_CASE("what is a connection to one node is an address, or nothing, to another", "[redis]") {
  if (no_redis()) return;
  Server redis;
  const auto one = opened(redis.url()), other = opened(redis.url());
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    auto u = adding("sip:a@d", transport == Transport::udp ? "sip:u@h" : "sip:t@h", 1);
    u.call_id = u.set[0].call_id = transport == Transport::udp ? "u" : "t";
    u.set[0].by_flow = true;
    u.set[0].flow = {transport, *SocketAddress::parse("192.0.2.1:5060"),
                     *SocketAddress::parse("192.0.2.9:40000"), 0, 7};
    REQUIRE(update(*one, std::move(u)));
  }
  const auto own = find(*one, "sip:a@d");
  REQUIRE(own);
  CHECK((*own)[0].holder == 0);
  CHECK((*own)[0].by_flow);
  CHECK((*own)[0].flow.connection == 7);
  const auto foreign = find(*other, "sip:a@d");
  REQUIRE(foreign);
  REQUIRE(foreign->size() == 2);
  CHECK((*foreign)[0].holder != 0);
  CHECK_FALSE((*foreign)[0].by_flow);
  CHECK((*foreign)[1].by_flow);
  CHECK((*foreign)[1].flow.remote == *SocketAddress::parse("192.0.2.9:40000"));
  CHECK((*foreign)[1].flow.connection == 0);
}

TEST_CASE("Redis goes, and comes back", "[redis]") {
  if (no_redis()) return;
  Server redis;
  Said said;
  RedisLocationOptions options;
  options.max_retry = milliseconds(100);
  options.log = said.hook();
  const auto store = opened(redis.url(), options);
  REQUIRE(update(*store, adding("sip:a@d", "sip:x@h", 1)));
  redis.stop();
  CHECK(soon([&] { return unavailable(find(*store, "sip:a@d")); }));
  CHECK(unavailable(update(*store, adding("sip:a@d", "sip:x@h", 2))));
  CHECK(soon([&] { return said.has("is away"); }));
  CHECK(soon([&] { return store->counters().connected == 0; }));
  redis.start();
  CHECK(soon([&] { return find(*store, "sip:a@d").has_value(); }));
  CHECK(update(*store, adding("sip:a@d", "sip:x@h", 3)));
  CHECK(said.has("answers again"));
  CHECK(soon([&] { return store->counters().connects == 2; }));
  const auto c = store->counters();
  CHECK(c.failures >= 1);
  CHECK(c.lookups + c.updates == c.answered + c.unavailable);
  CHECK(c.updates == 3);
  CHECK(c.unavailable >= 2);
  CHECK(c.commands >= 5);  // each update that was taken reads and writes
  CHECK(c.answer_time > Duration(0));
}

TEST_CASE("a Redis that says nothing is given up in time, and then at once", "[redis]") {
  if (no_redis()) return;
  Server redis;
  RedisLocationOptions options;
  options.timeout = milliseconds(500);
  options.max_retry = milliseconds(100);
  options.max_pending = 3;
  const auto store = opened(redis.url(), options);
  REQUIRE(find(*store, "sip:a@d"));
  redis.signal(SIGSTOP);
  std::vector<Waiting> waiting(5);
  for (Waiting& w : waiting) store->find("sip:a@d", kNow, w.handler());
  CHECK(store->counters().unavailable == 2);  // no more than three wait
  for (Waiting& w : waiting) CHECK(unavailable(w.get()));
  CHECK(soon([&] {
    // Before the call returns; an answer that comes later finds the test elsewhere.
    const auto answered = std::make_shared<std::atomic<bool>>(false);
    store->find("sip:a@d", kNow,
                [answered](const LocationResult&, TimePoint) { *answered = true; });
    return answered->load();
  }));
  redis.signal(SIGCONT);
  CHECK(soon([&] { return find(*store, "sip:a@d").has_value(); }));
}

TEST_CASE("what somebody else wrote into Redis does no harm", "[redis]") {
  if (no_redis()) return;
  Server redis;
  Said said;
  RedisLocationOptions options;
  options.max_value = 4096;
  options.log = said.hook();
  const auto store = opened(redis.url(), options);
  const auto set = [&](const std::string& value) {
    CHECK(redis.command({"SET", key("sip:a@d"), value}) == "+OK\r\n");
  };
  // Damaged: nobody is there, and the next REGISTER mends it.
  std::uint32_t cseq = 0;
  for (const std::string& value :
       {std::string("x"), std::string(8, 'x'), std::string("xxxxxxxx\1"),
        "xxxxxxxx\1" + std::string(200, '\xff'), "xxxxxxxx\1" + std::string(3000, '\1')}) {
    set(value);
    CHECK(contacts(find(*store, "sip:a@d")).empty());
    CHECK(contacts(update(*store, adding("sip:a@d", "sip:x@h", ++cseq))) == Contacts{"sip:x@h"});
    CHECK(contacts(find(*store, "sip:a@d")) == Contacts{"sip:x@h"});
  }
  CHECK(said.has("damaged"));
  // Not ours to touch: of a later version, endless, no text at all.
  set("xxxxxxxx\2later");
  CHECK(unavailable(find(*store, "sip:a@d")));
  CHECK(unavailable(update(*store, adding("sip:a@d", "sip:x@h", ++cseq))));
  CHECK(redis.command({"GET", key("sip:a@d")}).find("later") != std::string::npos);
  set(std::string(1 << 20, '\1'));
  CHECK(unavailable(find(*store, "sip:a@d")));
  CHECK(unavailable(update(*store, adding("sip:a@d", "sip:x@h", ++cseq))));
  redis.command({"DEL", key("sip:a@d")});
  redis.command({"RPUSH", key("sip:a@d"), "one"});
  CHECK(unavailable(find(*store, "sip:a@d")));
  CHECK(store->counters().connects == 1);
  redis.command({"DEL", key("sip:a@d")});
  // A script that Redis has forgotten is sent again.
  redis.command({"SCRIPT", "FLUSH"});
  CHECK(update(*store, adding("sip:a@d", "sip:x@h", ++cseq)));
  // A value that would be longer than is read is refused, not written.
  auto large = adding("sip:a@d", "sip:" + std::string(5000, 'l') + "@h", ++cseq);
  CHECK(update(*store, std::move(large)).error() == LocationErrc::too_many);
}

TEST_CASE("a password is asked for, and a wrong one is told", "[redis]") {
  if (no_redis()) return;
  Server redis({"--requirepass", "a:b@c"});
  Said said;
  RedisLocationOptions options;
  options.max_retry = milliseconds(100);
  options.log = said.hook();
  const std::string rest = redis.url().substr(std::string("redis+unix://").size());
  const auto right = opened("redis+unix://default:a%3Ab%40c@" + rest);
  CHECK(update(*right, adding("sip:a@d", "sip:x@h", 1)));
  const auto wrong = opened("redis+unix://:guess@" + rest, options);
  CHECK(unavailable(find(*wrong, "sip:a@d")));
  CHECK(soon([&] { return said.has("WRONGPASS") || said.has("invalid"); }));
  CHECK_FALSE(said.has("guess"));
  const auto without = opened(redis.url(), options);
  CHECK(unavailable(update(*without, adding("sip:a@d", "sip:x@h", 2))));
}

TEST_CASE("a store that goes answers nobody, and waits for nobody", "[redis]") {
  // Nothing listens there; 192.0.2.0/24 is nowhere (RFC 5737).
  for (const char* url : {"redis+unix:///nowhere/at/all.sock", "redis://192.0.2.1:6379"}) {
    std::atomic<int> answers{0};
    std::atomic<bool> other{false};
    const auto begun = std::chrono::steady_clock::now();
    {
      const auto store = opened(url);
      store->find("sip:a@d", kNow, [&](const LocationResult& r, TimePoint) {
        ++answers;
        other = !unavailable(r);
      });
    }
    CHECK(answers <= 1);
    CHECK_FALSE(other);
    CHECK(std::chrono::steady_clock::now() - begun < seconds(5));
  }
}

TEST_CASE("redis: a model agrees with random registrations", "[redis][model]") {
  if (no_redis()) return;
  Server redis;
  testing_store::Times times;
  RedisLocationOptions options;
  options.clock = times.unix_clock();
  options.timeout = kPatience;
  auto store = opened(redis.url(), options);
  testing_store::ModelRun run;
  run.updates = testing_store::model_updates(10'000);
  testing_store::agrees_with_model([&]() -> LocationStore& { return *store; }, times, run,
                                   [&] { store = opened(redis.url(), options); });
  CHECK(store->counters().unavailable == 0);
}
