// SPDX-License-Identifier: Apache-2.0
// The word that somebody meant.
#include "tools/nearest.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

using sipstack::tools::edit_distance;
using sipstack::tools::nearest;

TEST_CASE("the distance counts insertions, removals, changes and swaps of neighbours") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("listen", "listen") == 0);
  CHECK(edit_distance("lisen", "listen") == 1);
  CHECK(edit_distance("listten", "listen") == 1);
  CHECK(edit_distance("listan", "listen") == 1);
  CHECK(edit_distance("lsiten", "listen") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the distance is the same both ways") {
  const std::vector<std::string> words = {"", "a", "ab", "ba", "abc", "acb", "listen", "silent"};
  for (const auto& a : words)
    for (const auto& b : words) CHECK(edit_distance(a, b) == edit_distance(b, a));
}

TEST_CASE("the nearest word is found, the first of equals, and none among none") {
  CHECK(nearest("--lisen", {"--trace", "--listen", "--t1"}) == "--listen");
  CHECK(nearest("x", {"a", "b"}) == "a");
  CHECK(nearest("x", {}).empty());
}
