// SPDX-License-Identifier: Apache-2.0
// A product that keeps bindings in SQLite, built from an installed tree.
#include <cstdio>
#include <sipstack/store/sqlite_location.hpp>
#include <utility>

int main() {
  const auto store = sipstack::SqliteLocation::open(":memory:");
  if (!store) {
    std::printf("%s\n", store.error().c_str());
    return 1;
  }
  bool nobody = false;
  const auto answer = [&nobody](sipstack::LocationResult found, sipstack::TimePoint) {
    nobody = found && found->empty();
  };
  (*store)->find("alice@atlanta.example.com", {}, answer);
  std::puts(nobody ? "nobody is there" : "somebody is there");
  return nobody ? 0 : 1;
}
