// SPDX-License-Identifier: Apache-2.0
// What stores tell for /metrics.
#include "tools/stores.hpp"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"

using namespace sipstack;
using namespace sipstack::tools;

namespace {

double value_of(const std::vector<StoreFigure>& figures, const std::string& name) {
  const auto found = std::find_if(figures.begin(), figures.end(),
                                  [&](const StoreFigure& figure) { return figure.name == name; });
  return found == figures.end() ? -1 : found->value;
}

}  // namespace

TEST_CASE("stores: every figure has a name and a help of its own, and counters end in _total") {
  for (auto figures :
       {figures_of(SqliteLocation::Counters{}), figures_of(RedisLocation::Counters{})}) {
    const auto users = figures_of(SqliteUsers::Counters{});
    figures.insert(figures.end(), users.begin(), users.end());
    std::set<std::string> seen;
    for (const StoreFigure& figure : figures) {
      INFO(figure.name);
      CHECK(seen.insert(figure.name).second);
      CHECK(seen.insert(figure.help).second);
      const bool total =
          figure.name.size() > 6 && figure.name.rfind("_total") == figure.name.size() - 6;
      CHECK(total == (figure.kind == StoreFigure::Kind::counter));
      CHECK(figure.value == 0);
    }
  }
}

TEST_CASE("stores: redirections are told apart, and times are seconds") {
  RedisLocation::Counters c;
  c.redirected = 7;
  c.asks = 3;
  c.answer_time = std::chrono::milliseconds(1500);
  const auto figures = figures_of(c);
  CHECK(value_of(figures, "sipstack_location_redis_moved_total") == 4);
  CHECK(value_of(figures, "sipstack_location_redis_asks_total") == 3);
  CHECK(value_of(figures, "sipstack_location_redis_answer_seconds_total") == 1.5);
}

TEST_CASE("stores: counters of users go on when a reload brings others") {
  Stores stores{Settings{}};
  CHECK(stores.figures().empty());
  const auto lookups = [&] { return value_of(stores.figures(), "sipstack_users_lookups_total"); };
  const auto table = [](std::shared_ptr<SqliteUsers::Counters> c) {
    return [c = std::move(c)] { return figures_of(*c); };
  };
  const auto first = std::make_shared<SqliteUsers::Counters>();
  const auto second = std::make_shared<SqliteUsers::Counters>();
  stores.users(table(first));
  first->lookups = 5;
  CHECK(lookups() == 5);
  stores.users(table(second));
  CHECK(lookups() == 5);
  second->lookups = 2;
  CHECK(lookups() == 7);
  stores.users(nullptr);  // a file of lines
  CHECK(lookups() == 7);
  stores.users(table(std::make_shared<SqliteUsers::Counters>()));
  CHECK(lookups() == 7);
}
