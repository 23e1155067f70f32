// SPDX-License-Identifier: Apache-2.0
// The scanners for x86-64 with SSE4.2. Only the code between the pragmas is compiled for it: what headers
// define inline stays fit for every processor.
#include <algorithm>

#include "parser/char_class.hpp"
#include "parser/header_table.hpp"
#include "parser/scan.hpp"

#if defined(__x86_64__) && !defined(SIPSTACK_NO_SIMD)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("sse4.2,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("sse4.2,popcnt")
#endif

#define SIPSTACK_ISA sse42
#define SIPSTACK_ISA_NAME "sse4.2"
#define SIPSTACK_ISA_X86
#define SIPSTACK_ISA_SSE42
#include "parser/isa/scanners.hpp"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace sipstack::scan {

const Scanners* const kSse42 = &sse42::kScanners;

}  // namespace sipstack::scan

#else

namespace sipstack::scan {

const Scanners* const kSse42 = nullptr;

}  // namespace sipstack::scan

#endif
