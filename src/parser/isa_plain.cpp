// SPDX-License-Identifier: Apache-2.0
// The scanners in plain C++, for every processor.
#include <algorithm>

#include "parser/char_class.hpp"
#include "parser/header_table.hpp"
#include "parser/scan.hpp"

#define SIPSTACK_ISA plain
#define SIPSTACK_ISA_NAME "plain"
#include "parser/isa/scanners.hpp"

namespace sipstack::scan {

const Scanners kPlain = plain::kScanners;

}  // namespace sipstack::scan
