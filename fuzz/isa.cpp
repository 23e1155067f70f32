// SPDX-License-Identifier: Apache-2.0
// Every instruction set's scanners read as `plain` does, which has no fast lanes: the input as a message,
// and as one value with and without bytes behind it.
#include <cstdint>
#include <cstdlib>

#include "agree.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace sipstack;
  const char* const text = reinterpret_cast<const char*>(data);
  const char* const end = text + size;
  const char* const middle = text + size / 2;
  for (const scan::Scanners* set : {scan::kSse42, scan::kAvx2, scan::kNeon}) {
    if (set == nullptr || !scan::runs_here(*set)) continue;
    if (!agree::difference(scan::kPlain, *set, {text, size}).empty() ||
        !agree::difference(scan::kPlain, *set, text, end, end).empty() ||
        !agree::difference(scan::kPlain, *set, text, middle, end).empty()) {
      std::abort();
    }
  }
  return 0;
}
