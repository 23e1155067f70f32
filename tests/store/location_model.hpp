// SPDX-License-Identifier: Apache-2.0
// What a location store should say, by a model of a few plain containers, and random updates that hold a store to
// it. Stores that answer later, on whatever thread, are waited for.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/server/location.hpp"
#include "sipstack/store/unix_clock.hpp"

namespace sipstack::testing_store {

/// Virtual time, the core's and everybody's.
struct Times {
  std::shared_ptr<std::atomic<std::int64_t>> ms = std::make_shared<std::atomic<std::int64_t>>(5000);

  TimePoint now() const { return TimePoint(std::chrono::milliseconds(*ms)); }
  void pass(std::int64_t more) { *ms += more; }
  UnixClock unix_clock() const {
    return [ms = ms] { return std::int64_t{1'700'000'000'000} + *ms; };
  }
};

/// Answers as they come, from any thread.
class Answers {
 public:
  explicit Answers(std::size_t count) : results_(count) {}

  LocationHandler handler(std::size_t index) {
    return [this, index](LocationResult result, TimePoint) {
      const std::lock_guard<std::mutex> lock(mutex_);
      twice_ = twice_ || results_[index];
      results_[index] = std::move(result);
      ++come_;
      changed_.notify_all();
    };
  }
  /// All of them. Real time counts here alone, and only where a store loses an answer.
  const std::vector<std::optional<LocationResult>>& wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(60),
                              [this] { return come_ == results_.size(); }));
    REQUIRE_FALSE(twice_);
    return results_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<LocationResult>> results_;
  std::size_t come_ = 0;
  bool twice_ = false;
};

inline LocationResult update(LocationStore& store, BindingUpdate u, TimePoint now) {
  Answers answers(1);
  store.update(std::move(u), now, answers.handler(0));
  return *answers.wait()[0];
}

inline LocationResult find(LocationStore& store, const std::string& aor, TimePoint now) {
  Answers answers(1);
  store.find(aor, now, answers.handler(0));
  return *answers.wait()[0];
}

/// RFC 3261 section 10.3, RFC 5626 section 6 and RFC 5627 section 5.1, as they read.
class LocationModel {
 public:
  LocationResult update(const BindingUpdate& u, TimePoint now) {
    const std::vector<Known> before = live(u.aor, now);
    std::vector<Known> after;
    for (const Known& old : before)
      if ((u.remove_all || touched(old, u)) && old.b.call_id == u.call_id && old.b.cseq >= u.cseq)
        return unexpected(LocationErrc::out_of_order);
    if (!u.remove_all) {
      after = before;
      for (const Binding& b : u.set) {
        after.erase(std::remove_if(after.begin(), after.end(),
                                   [&](const Known& k) { return same(k.b, b); }),
                    after.end());
        if (b.expires > now) after.insert(after.begin(), {with_epoch(b, u, before), false});
      }
      for (Known& k : after) k.b.epoch = with_epoch(k.b, u, before).epoch;
      if (after.size() > before.size() && after.size() > u.max_bindings)
        return unexpected(LocationErrc::too_many);
    }
    aors_[u.aor] = after;
    return given(after);
  }

  std::vector<Binding> find(const std::string& aor, TimePoint now) const {
    return given(live(aor, now));
  }

  /// All processes that held a connection are gone.
  void restarted() {
    for (auto& [aor, all] : aors_)
      for (Known& k : all) k.foreign = true;
  }
  std::size_t bindings(TimePoint now) const {
    std::size_t count = 0;
    for (const auto& [aor, all] : aors_) count += live(aor, now).size();
    return count;
  }

 private:
  struct Known {
    Binding b;
    bool foreign;
  };

  std::vector<Known> live(const std::string& aor, TimePoint now) const {
    std::vector<Known> out;
    if (const auto found = aors_.find(aor); found != aors_.end())
      for (const Known& k : found->second)
        if (k.b.expires > now) out.push_back(k);
    return out;
  }
  /// The contacts of the test differ in letter case at most.
  static bool same(const Binding& a, const Binding& b) {
    if (a.reg_id != 0 && b.reg_id != 0) return a.reg_id == b.reg_id && a.instance == b.instance;
    return std::equal(a.contact.begin(), a.contact.end(), b.contact.begin(), b.contact.end(),
                      [](char x, char y) { return (x | 0x20) == (y | 0x20); });
  }
  static bool touched(const Known& old, const BindingUpdate& u) {
    return std::any_of(u.set.begin(), u.set.end(),
                       [&](const Binding& b) { return same(old.b, b); });
  }
  /// One epoch an instance: a new one where the instance is, or a contact or flow has another Call-ID.
  static Binding with_epoch(Binding b, const BindingUpdate& u, const std::vector<Known>& before) {
    if (b.instance.empty()) return b;
    std::optional<std::uint64_t> former;
    for (const Known& k : before)
      if (k.b.instance == b.instance) former = k.b.epoch;
    for (const Binding& fresh : u.set) {
      if (fresh.instance != b.instance) continue;
      if (!former) return b.epoch = fresh.epoch, b;
      const auto known = std::find_if(before.begin(), before.end(), [&](const Known& k) {
        return k.b.instance == fresh.instance && k.b.reg_id == fresh.reg_id;
      });
      if (known != before.end() && known->b.call_id != u.call_id) return b.epoch = fresh.epoch, b;
    }
    b.epoch = former.value_or(b.epoch);
    return b;
  }
  static std::vector<Binding> given(const std::vector<Known>& all) {
    std::vector<Binding> out;
    for (const Known& k : all) {
      out.push_back(k.b);
      if (!k.foreign) continue;
      Binding& b = out.back();
      b.holder = 1;
      b.flow.local = {};
      b.flow.identity = 0;
      b.flow.connection = 0;
      if (b.flow.transport != Transport::udp) b.by_flow = false;
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const Binding& a, const Binding& b) { return a.q > b.q; });
    return out;
  }

  std::map<std::string, std::vector<Known>> aors_;
};

/// All of a binding; nodes' numbers are random, so of the holder whether it is us.
inline std::string text_of(const Binding& b) {
  std::string out = b.contact + " " + b.params + " q" + std::to_string(b.q) + (b.has_q ? "+" : "-");
  for (const std::string& p : b.path) out += " via " + p;
  out += " " + b.call_id + "/" + std::to_string(b.cseq) + " until " +
         std::to_string(b.expires.time_since_epoch().count()) + " " + b.instance + "#" +
         std::to_string(b.reg_id) + " epoch " + std::to_string(b.epoch) + " by " +
         std::to_string(static_cast<int>(b.flow.transport)) + " " + b.flow.local.to_string() + " " +
         b.flow.remote.to_string() + " " + std::to_string(b.flow.identity) + "/" +
         std::to_string(b.flow.connection) + (b.by_flow ? " flow" : "") +
         (b.holder != 0 ? " foreign" : "");
  return out;
}

inline std::string text_of(const LocationResult& result) {
  if (!result) return "refused: " + std::to_string(static_cast<int>(result.error()));
  std::string out;
  for (const Binding& b : *result) out += text_of(b) + "\n";
  return out;
}

/// What random phones ask for.
class RandomUpdates {
 public:
  RandomUpdates(std::uint64_t seed, std::size_t aors) : random_(seed), aors_(aors) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.next() % n); }
  std::string aor() { return "user" + std::to_string(below(aors_)) + "@example.com"; }

  BindingUpdate update(TimePoint now) {
    BindingUpdate u;
    u.aor = aor();
    u.call_id = "call" + std::to_string(below(3));
    std::uint32_t& latest = cseq_[u.aor];
    u.cseq = below(5) == 0 ? 1 + static_cast<std::uint32_t>(below(latest + 1)) : ++latest;
    if (below(8) == 0) u.cseq = latest;
    u.max_bindings = 5;
    u.remove_all = below(25) == 0;
    const std::uint64_t epoch = random_.next();
    const std::size_t count = u.remove_all ? 0 : 1 + below(8) / 6;
    while (u.set.size() < count) u.set.push_back(binding(u, epoch, now));
    return u;
  }

 private:
  Binding binding(const BindingUpdate& u, std::uint64_t epoch, TimePoint now) {
    Binding b;
    const std::string number = std::to_string(below(6));
    b.contact = (below(4) == 0 ? "SIP:x@HOST" : "sip:x@host") + number + ":5070";
    b.params = below(3) == 0 ? std::string(";note=\"a\\\x01\\\"b\t\"") : std::string(";a");
    b.has_q = below(2) == 0;
    b.q = b.has_q ? static_cast<int>(below(4)) * 250 : 1000;
    for (std::size_t i = below(40) == 0 ? below(70) : 0; i-- > 0;)
      b.path.push_back("<sip:p" + std::to_string(i) + ".example.com;lr>");
    b.call_id = u.call_id;
    b.cseq = u.cseq;
    const auto seconds = below(6) == 0 ? 0 : 1 + below(3600);
    b.expires = now + std::chrono::seconds(seconds);
    b.epoch = epoch;
    if (below(3) == 0) {
      b.instance = "urn:uuid:" + std::to_string(below(2));
      b.reg_id = static_cast<std::uint32_t>(1 + below(3));
    } else if (below(2) == 0) {
      b.instance = "urn:uuid:contact-" + number;
    }
    b.flow.transport = below(2) == 0 ? Transport::udp : Transport::tls;
    b.flow.local = *SocketAddress::parse("192.0.2.1:5060");
    b.flow.remote =
        *SocketAddress::parse(below(2) == 0 ? "198.51.100.7:6000" : "[2001:db8::7]:6000");
    b.flow.identity = static_cast<std::uint32_t>(below(3));
    b.flow.connection = below(1000);
    b.by_flow = below(2) == 0;
    return b;
  }

  SeededRandom random_;
  std::size_t aors_;
  std::map<std::string, std::uint32_t> cseq_;
};

struct ModelRun {
  std::size_t updates = 20'000;
  std::size_t aors = 200;
  std::size_t in_flight = 64;  ///< updates that wait at once, where the store keeps their order
  std::uint64_t seed = 1;
};

/// `store` gives the store each time; `restart`, where there is one, ends its process and begins another.
inline void agrees_with_model(const std::function<LocationStore&()>& store, Times times,
                              const ModelRun& run, const std::function<void()>& restart = {}) {
  LocationModel model;
  RandomUpdates random(run.seed, run.aors);
  std::size_t refused = 0, expired = 0;
  for (std::size_t done = 0, round = 1; done < run.updates; ++round) {
    const std::size_t count = std::min(run.updates - done, 1 + random.below(run.in_flight));
    std::vector<std::string> expected;
    Answers answers(count);
    for (std::size_t i = 0; i < count; ++i) {
      BindingUpdate u = random.update(times.now());
      expected.push_back(text_of(model.update(u, times.now())));
      if (expected.back().rfind("refused", 0) == 0) ++refused;
      store().update(std::move(u), times.now(), answers.handler(i));
    }
    const auto& results = answers.wait();
    for (std::size_t i = 0; i < count; ++i)
      if (text_of(*results[i]) != expected[i]) REQUIRE(text_of(*results[i]) == expected[i]);
    done += count;

    if (random.below(8) == 0) {
      const std::size_t before = model.bindings(times.now());
      times.pass(static_cast<std::int64_t>(random.below(1'200'000)));
      expired += before - model.bindings(times.now());
    }
    if (restart && round % 50 == 0) {
      restart();
      model.restarted();
    }
    for (int i = 0; i < 4; ++i) {
      const std::string aor = random.aor();
      const std::string wanted = text_of(model.find(aor, times.now()));
      const std::string had = text_of(find(store(), aor, times.now()));
      if (had != wanted) REQUIRE(had == wanted);
    }
  }
  // A run in which nothing of that happens shows nothing.
  CHECK(refused > run.updates / 100);
  CHECK(expired > run.updates / 100);
  CHECK(model.bindings(times.now()) > run.aors / 10);
}

/// As many as in CI, or 10^6 where all is wanted.
inline std::size_t model_updates(std::size_t in_ci) {
  return std::getenv("SIPSTACK_EXHAUSTIVE") != nullptr ? 1'000'000 : in_ci;
}

}  // namespace sipstack::testing_store
