// SPDX-License-Identifier: Apache-2.0
// The slab: handles that go stale and never dangle.
#include "sipstack/base/slab.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

using sipstack::Handle;
using sipstack::Slab;

namespace {

struct Counted {
  explicit Counted(int v, int& count) : value(v), live(&count) { ++*live; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --*live; }
  int value;
  int* live;
};

}  // namespace

TEST_CASE("a handle finds its object until that is erased") {
  Slab<std::string, 4> slab;
  const Handle<std::string> h = slab.emplace("alice");
  REQUIRE(slab.find(h) != nullptr);
  CHECK(*slab.find(h) == "alice");
  CHECK(slab.size() == 1);
  CHECK(slab.erase(h));
  CHECK(slab.find(h) == nullptr);
  CHECK_FALSE(slab.erase(h));
  CHECK(slab.empty());
}

TEST_CASE("a stale handle does not find the slot's next tenant") {
  Slab<std::string, 4> slab;
  const Handle<std::string> old = slab.emplace("alice");
  slab.erase(old);
  const Handle<std::string> fresh = slab.emplace("bob");
  CHECK(fresh.slot == old.slot);
  CHECK(slab.find(old) == nullptr);
  CHECK_FALSE(slab.erase(old));
  CHECK(*slab.find(fresh) == "bob");
}

TEST_CASE("the null handle and slots that never were find nothing") {
  Slab<std::string, 4> slab;
  CHECK_FALSE(Handle<std::string>{});
  CHECK(slab.find({}) == nullptr);
  slab.emplace("alice");
  CHECK(slab.find({0, 0}) == nullptr);
  CHECK(slab.find({3, 1}) == nullptr);
  CHECK(slab.find({4, 1}) == nullptr);
}

TEST_CASE("objects keep their address while the slab grows") {
  Slab<int, 4> slab;
  const Handle<int> first = slab.emplace(7);
  const int* address = slab.find(first);
  for (int i = 0; i < 100; ++i) slab.emplace(i);
  CHECK(slab.find(first) == address);
  CHECK(slab.size() == 101);
}

TEST_CASE("for_each sees every object once and may erase the one that it is given") {
  int live = 0;
  Slab<Counted, 4> slab;
  for (int i = 0; i < 10; ++i) slab.emplace(i, live);
  int sum = 0;
  slab.for_each([&](Handle<Counted> h, Counted& c) {
    sum += c.value;
    if (c.value % 2 == 0) slab.erase(h);
  });
  CHECK(sum == 45);
  CHECK(slab.size() == 5);
  CHECK(live == 5);
}

TEST_CASE("the slab destroys what is left in it") {
  int live = 0;
  {
    Slab<Counted, 4> slab;
    const auto h = slab.emplace(1, live);
    slab.emplace(2, live);
    slab.erase(h);
    CHECK(live == 1);
  }
  CHECK(live == 0);
}
