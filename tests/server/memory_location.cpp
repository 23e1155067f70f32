// SPDX-License-Identifier: Apache-2.0
// Bindings in memory: whole updates or none, order by CSeq, limits, expiry.
#include "sipstack/server/memory_location.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catch.hpp"

using namespace sipstack;
using std::chrono::seconds;

namespace {

struct Fixture {
  explicit Fixture(std::size_t max = 1000) : store(random, MemoryLocationOptions{max}) {}

  Binding binding(const std::string& contact, int expires, int q = 1000) const {
    Binding b;
    b.contact = contact;
    b.q = q;
    b.expires = now + seconds(expires);
    return b;
  }
  LocationResult update(const std::string& aor, std::vector<Binding> set, std::uint32_t cseq = 1,
                        const std::string& call_id = "c", bool all = false) {
    BindingUpdate u;
    u.aor = aor;
    u.remove_all = all;
    u.call_id = call_id;
    u.cseq = cseq;
    u.max_bindings = 3;
    for (Binding& b : set) {
      b.call_id = call_id;
      b.cseq = cseq;
    }
    u.set = std::move(set);
    std::optional<LocationResult> result;
    store.update(std::move(u), now, [&](LocationResult r, TimePoint) { result = std::move(r); });
    REQUIRE(result);
    return *result;
  }
  std::vector<std::string> find(const std::string& aor) {
    std::optional<LocationResult> result;
    store.find(aor, now, [&](LocationResult r, TimePoint at) {
      CHECK(at == now);
      result = std::move(r);
    });
    REQUIRE(result);
    REQUIRE(*result);
    std::vector<std::string> contacts;
    for (const Binding& b : **result) contacts.push_back(b.contact);
    return contacts;
  }

  void sweep() {
    for (std::size_t part = 0; part < MemoryLocation::kParts; ++part) store.sweep(part, now);
  }

  SeededRandom random{3};
  MemoryLocation store;
  TimePoint now = TimePoint(seconds(100));
};

using Contacts = std::vector<std::string>;

}  // namespace

TEST_CASE("bindings come by q, then latest first") {
  Fixture f;
  REQUIRE(f.update("a", {f.binding("sip:x@h", 60, 500)}));
  REQUIRE(f.update("a", {f.binding("sip:y@h", 60, 900)}, 2));
  const auto all = f.update("a", {f.binding("sip:z@h", 60, 500)}, 3);
  REQUIRE(all);
  CHECK(all->size() == 3);
  CHECK(f.find("a") == Contacts{"sip:y@h", "sip:z@h", "sip:x@h"});
  CHECK(f.find("b").empty());
}

TEST_CASE("an equal URI refreshes its binding, another adds one") {
  Fixture f;
  REQUIRE(f.update("a", {f.binding("sip:Joe@phone.example;transport=udp", 60)}));
  REQUIRE(f.update("a", {f.binding("sip:Joe@PHONE.Example;transport=UDP", 60)}, 2));
  CHECK(f.find("a") == Contacts{"sip:Joe@PHONE.Example;transport=UDP"});
  REQUIRE(f.update("a", {f.binding("sip:joe@phone.example;transport=udp", 60)}, 3));
  CHECK(f.find("a").size() == 2);
}

TEST_CASE("a lower or equal CSeq of the same Call-ID changes nothing at all") {
  Fixture f;
  REQUIRE(f.update("a", {f.binding("sip:x@h", 60)}, 5));
  for (const std::uint32_t cseq : {4U, 5U}) {
    const auto r = f.update("a", {f.binding("sip:new@h", 60), f.binding("sip:x@h", 0)}, cseq);
    REQUIRE_FALSE(r);
    CHECK(r.error() == LocationErrc::out_of_order);
    CHECK_FALSE(f.update("a", {}, cseq, "c", true));
    CHECK(f.find("a") == Contacts{"sip:x@h"});
  }
  REQUIRE(f.update("a", {f.binding("sip:x@h", 0)}, 1, "other"));
  CHECK(f.find("a").empty());
}

TEST_CASE("one contact twice in one request is one binding, the last") {
  Fixture f;
  REQUIRE(f.update("a", {f.binding("sip:x@h", 60, 100), f.binding("sip:x@H", 60, 200)}));
  CHECK(f.find("a") == Contacts{"sip:x@H"});
}

TEST_CASE("all bindings go at once") {
  Fixture f;
  REQUIRE(f.update("a", {f.binding("sip:x@h", 60), f.binding("sip:y@h", 60)}));
  REQUIRE(f.update("a", {}, 2, "c", true));
  CHECK(f.find("a").empty());
  CHECK(f.store.aors() == 0);
  CHECK(f.store.bindings() == 0);
}

TEST_CASE("an AOR holds so many and no more, and nothing changes where it would") {
  Fixture f;
  REQUIRE(f.update("a", {f.binding("sip:1@h", 60), f.binding("sip:2@h", 60)}));
  const auto r = f.update("a", {f.binding("sip:3@h", 60), f.binding("sip:4@h", 60)}, 2);
  REQUIRE_FALSE(r);
  CHECK(r.error() == LocationErrc::too_many);
  CHECK(f.find("a").size() == 2);
  REQUIRE(f.update("a", {f.binding("sip:3@h", 60)}, 2));
  // One out, one in.
  REQUIRE(f.update("a", {f.binding("sip:1@h", 0), f.binding("sip:4@h", 60)}, 3));
  CHECK(f.find("a").size() == 3);
}

TEST_CASE("all AORs together hold so many and no more") {
  Fixture f(2);
  REQUIRE(f.update("a", {f.binding("sip:1@h", 60)}));
  REQUIRE(f.update("b", {f.binding("sip:1@h", 10)}));
  const auto r = f.update("c", {f.binding("sip:1@h", 60)});
  REQUIRE_FALSE(r);
  CHECK(r.error() == LocationErrc::unavailable);
  REQUIRE(f.update("a", {f.binding("sip:1@h", 60)}, 2));  // a refresh always has room
  f.now += seconds(10);
  REQUIRE(f.update("c", {f.binding("sip:1@h", 60)}));  // what expired gives its place
}

TEST_CASE("what has expired is never seen, and its memory comes back by itself") {
  Fixture f;
  for (int i = 0; i < 20; ++i)
    REQUIRE(f.update("a" + std::to_string(i), {f.binding("sip:x@h", 10)}));
  f.now += seconds(10);
  CHECK(f.find("a0").empty());
  CHECK(f.store.aors() == 19);
  for (int i = 0; i < 100; ++i)
    REQUIRE(f.update("b", {f.binding("sip:x@h", 60)}, 10 + static_cast<std::uint32_t>(i)));
  CHECK(f.store.aors() == 1);
  REQUIRE(f.update("c", {f.binding("sip:x@h", 10)}));
  f.now += seconds(1000);
  f.sweep();
  CHECK(f.store.aors() == 0);
  CHECK(f.store.bindings() == 0);
}

TEST_CASE("part by part every AOR is listed once, with what is live of it") {
  Fixture f(4000);
  for (int i = 0; i < 3000; ++i)
    REQUIRE(f.update("a" + std::to_string(i),
                     {f.binding("sip:x@h", i % 3 == 0 ? 10 : 60), f.binding("sip:y@h", 0)}));
  f.now += seconds(10);
  std::map<std::string, int> seen;
  for (std::size_t part = 0; part < MemoryLocation::kParts; ++part)
    f.store.list(part, f.now, [&](std::string_view aor, std::vector<Binding> bindings) {
      CHECK(bindings.size() == 1);
      ++seen[std::string(aor)];
    });
  CHECK(seen.size() == 2000);
  for (const auto& [aor, times] : seen) {
    CHECK(times == 1);
    CHECK(std::stoi(aor.substr(1)) % 3 != 0);
  }
  CHECK(f.store.aors() == 2000);
}

TEST_CASE("a binding comes out as it went in") {
  Fixture f;
  Binding b = f.binding("sip:x@[2001:db8::1]:5062;transport=tcp", 60, 345);
  b.params = ";+sip.instance=\"<urn:uuid:1>\";x=" + std::string(300, 'y');
  b.has_q = true;
  b.path = {"<sip:p1@h;lr>", "", "<sip:p2@h;lr;ob>"};
  b.instance = "urn:uuid:1";
  b.reg_id = 0x7fffffff;
  b.epoch = 0x0123456789abcdef;
  b.holder = 0xfedcba9876543210;
  b.flow.transport = Transport::wss;
  b.flow.local = *SocketAddress::parse("192.0.2.1:5061");
  b.flow.remote = *SocketAddress::parse("[fe80::7]:50611");
  b.flow.remote.ip = IpAddress::v6(b.flow.remote.ip.storage(), 3);
  b.flow.identity = 77;
  b.flow.connection = 1ULL << 60;
  b.by_flow = true;
  Binding plain = f.binding("sip:z@h", 30);
  REQUIRE(f.update("a", {b, plain}, 0xffffffff, "call"));
  std::vector<Binding> out;
  f.store.find("a", f.now, [&](LocationResult r, TimePoint) { out = r.value(); });
  REQUIRE(out.size() == 2);
  CHECK(out[0].contact == plain.contact);
  CHECK(out[0].path.empty());
  CHECK(out[0].flow == Flow{});
  CHECK_FALSE(out[0].by_flow);
  const Binding& same = out[1];
  CHECK(same.contact == b.contact);
  CHECK(same.params == b.params);
  CHECK(same.q == 345);
  CHECK(same.has_q);
  CHECK(same.path == b.path);
  CHECK(same.call_id == "call");
  CHECK(same.cseq == 0xffffffff);
  CHECK(same.expires == b.expires);
  CHECK(same.instance == b.instance);
  CHECK(same.reg_id == b.reg_id);
  CHECK(same.epoch == b.epoch);
  CHECK(same.holder == b.holder);
  CHECK(same.flow == b.flow);
  CHECK(same.by_flow);
}

// hardening A76: the set of bindings equals a model's after any sequence of updates.
TEST_CASE("A76: a random life of many AORs agrees with a simple model") {
  Fixture f;
  SeededRandom random(11);
  struct Kept {
    TimePoint expires;
    std::string call_id;
    std::uint32_t cseq;
  };
  std::map<std::string, std::map<std::string, Kept>> model;
  const auto live = [&](const std::string& aor) {
    auto& m = model[aor];
    for (auto it = m.begin(); it != m.end();)
      it = it->second.expires <= f.now ? m.erase(it) : std::next(it);
    return m;
  };
  for (int step = 0; step < 20000; ++step) {
    f.now += seconds(static_cast<int>(random.below(3)));
    const std::string aor = "a" + std::to_string(random.below(20));
    const std::string call_id = "c" + std::to_string(random.below(2));
    const auto cseq = static_cast<std::uint32_t>(random.below(1000));
    auto before = live(aor);
    auto after = before;
    bool ordered = true;
    const bool all = random.below(10) == 0;
    std::vector<Binding> set;
    const auto check = [&](const std::string& contact) {
      const auto found = before.find(contact);
      if (found != before.end() && found->second.call_id == call_id && found->second.cseq >= cseq)
        ordered = false;
    };
    if (all) {
      for (const auto& entry : before) check(entry.first);
      after.clear();
    } else {
      for (std::uint64_t i = random.below(3); i-- > 0;) {
        const std::string contact = "sip:" + std::to_string(random.below(5)) + "@h";
        const int expires = static_cast<int>(random.below(4)) * 20;
        check(contact);
        set.push_back(f.binding(contact, expires));
        after.erase(contact);
        if (expires > 0) after[contact] = {f.now + seconds(expires), call_id, cseq};
      }
    }
    const bool fits = after.size() <= 3 || after.size() <= before.size();
    const auto r = f.update(aor, set, cseq, call_id, all);
    REQUIRE(r.has_value() == (ordered && fits));
    if (r) model[aor] = after;
    Contacts wanted, seen = f.find(aor);
    for (const auto& entry : live(aor)) wanted.push_back(entry.first);
    std::sort(seen.begin(), seen.end());
    REQUIRE(seen == wanted);
  }
  f.now += seconds(100);
  f.sweep();
  CHECK(f.store.bindings() == 0);
}
