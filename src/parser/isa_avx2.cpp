// SPDX-License-Identifier: Apache-2.0
// The scanners for x86-64 with AVX2. Only the code between the pragmas is compiled for it: what headers
// define inline stays fit for every processor.
#include <algorithm>

#include "parser/char_class.hpp"
#include "parser/header_table.hpp"
#include "parser/scan.hpp"

#if defined(__x86_64__) && !defined(SIPSTACK_NO_SIMD)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif

#define SIPSTACK_ISA avx2
#define SIPSTACK_ISA_NAME "avx2"
#define SIPSTACK_ISA_X86
#define SIPSTACK_ISA_AVX2
#include "parser/isa/scanners.hpp"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace sipstack::scan {

const Scanners* const kAvx2 = &avx2::kScanners;

}  // namespace sipstack::scan

#else

namespace sipstack::scan {

const Scanners* const kAvx2 = nullptr;

}  // namespace sipstack::scan

#endif
