// SPDX-License-Identifier: Apache-2.0
// A product that drives the protocol itself, without Asio, built from an installed tree.
#include <cstdio>
#include <sipstack/core/core.hpp>
#include <sipstack/dialog/digest.hpp>

int main() {
  sipstack::SeededRandom random(1);
  sipstack::Core core(sipstack::CoreOptions{}, random);
  sipstack::Transmit out;
  if (core.next(out)) return 1;  // a core that was told nothing says nothing
  // RFC 2617 section 3.5.
  const auto ha1 = sipstack::digest_ha1(sipstack::DigestAlgorithm::md5, "Mufasa",
                                        "testrealm@host.com", "Circle Of Life");
  std::printf("%s\n", ha1.c_str());
  return ha1 == "939e7578ed9e3c518a452acee763bce9" ? 0 : 1;
}
