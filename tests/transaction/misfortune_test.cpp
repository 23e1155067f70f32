// SPDX-License-Identifier: Apache-2.0
// Client and server together through every pattern of loss, and through many seeds of all misfortunes:
// nobody is stuck, nobody hears of anything twice, and all of it can be run again (hardening P4, P17).
#include <algorithm>

#include "layer_node.hpp"

using namespace sipstack;
using namespace sipstack::testing;
using std::chrono::milliseconds;

namespace {

std::ptrdiff_t finals(const Told& told) {
  return std::count_if(told.begin(), told.end(), [](const std::string& words) {
    return words.find("failed") != std::string::npos || (words[0] >= '2' && words[0] <= '6');
  });
}

}  // namespace

TEST_CASE(
    "misfortune: whichever of the first ten packets are lost, each side ends once and in time") {
  for (const char* method : {"INVITE", "OPTIONS"})
    for (unsigned lost = 0; lost < 1024; ++lost) {
      NetworkOptions options;
      options.ladder_limit = 0;
      LayerPair p(options);
      p.bob.answer(486);
      p.network.drop([lost](const Packet& packet) {
        return packet.number <= 10 && (lost >> (packet.number - 1) & 1) != 0;
      });
      p.network.now([&](TimePoint now) { p.alice.send(method, "sip:192.0.2.2", now); });
      // The worst: ten sends lost, the answer at the last, then D and its like.
      const bool rested = p.network.run_to_rest(at(32 + 32 + 37));
      const bool sound = rested && p.alice.at_rest() && p.bob.at_rest() &&
                         finals(p.alice.told) == 1 &&
                         std::count(p.bob.told.begin(), p.bob.told.end(), method) <= 1;
      INFO(method << ", lost " << lost);
      REQUIRE(sound);
    }
}

TEST_CASE(
    "misfortune: loss, duplicates and reordering by 200 seeds leave nothing behind, twice the "
    "same") {
  const auto run = [](std::uint64_t seed) {
    NetworkOptions options;
    options.seed = seed;
    options.loss = 0.3;
    options.duplicate = 0.1;
    options.delay_max = milliseconds(2000);
    options.ladder_limit = 0;
    LayerPair p(options);
    const int status = seed % 2 == 0 ? 486 : 200;
    p.bob.answer(status);
    std::vector<TxnId> invites;
    for (int i = 0; i < 10; ++i)
      p.network.at(at(i), [&, i](TimePoint now) {
        const TxnId txn = p.alice.send(i % 2 == 0 ? "INVITE" : "OPTIONS", "sip:192.0.2.2", now);
        if (i % 4 == 0) p.alice.layer.cancel(txn, now);
      });
    const bool rested = p.network.run_to_rest(at(300));
    INFO("seed " << seed);
    REQUIRE(rested);
    REQUIRE(p.alice.at_rest());
    REQUIRE(p.bob.at_rest());
    // A 200 to INVITE may come more than once, in Accepted; everything else comes once.
    std::vector<std::string> told = p.alice.told;
    told.erase(std::remove(told.begin(), told.end(), "200 INVITE"), told.end());
    told.erase(
        std::remove_if(told.begin(), told.end(),
                       [](const std::string& words) { return words.rfind("stray", 0) == 0; }),
        told.end());
    REQUIRE(finals(told) <= 10);
    return p.network.trace_hash();
  };
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const std::uint64_t first = run(seed);
    if (seed % 20 == 0) REQUIRE(run(seed) == first);
  }
}
