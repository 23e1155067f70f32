// SPDX-License-Identifier: Apache-2.0
// The scanners for ARM's 64-bit processors, all of which have NEON.
#include <algorithm>

#include "parser/char_class.hpp"
#include "parser/header_table.hpp"
#include "parser/scan.hpp"

#if defined(__aarch64__) && !defined(SIPSTACK_NO_SIMD)

#include <arm_neon.h>

#define SIPSTACK_ISA neon
#define SIPSTACK_ISA_NAME "neon"
#define SIPSTACK_ISA_NEON
#include "parser/isa/scanners.hpp"

namespace sipstack::scan {

const Scanners* const kNeon = &neon::kScanners;

}  // namespace sipstack::scan

#else

namespace sipstack::scan {

const Scanners* const kNeon = nullptr;

}  // namespace sipstack::scan

#endif
