// SPDX-License-Identifier: Apache-2.0
// All of the hot path, once for the instruction set that SIPSTACK_ISA names. Included by isa_*.cpp alone.
// Each builds on those before it.
// clang-format off
#include "parser/isa/skip.hpp"
#include "parser/isa/known.hpp"
#include "parser/isa/lanes.hpp"
#include "isa/uri.cpp"
#include "isa/name_addr.cpp"
#include "isa/via.cpp"
#include "isa/values.cpp"
#include "isa/auth.cpp"
#include "parser/isa/message_pass.hpp"
#include "parser/isa/message_pass.ipp"
#include "isa/message.cpp"
// clang-format on

namespace sipstack::scan::SIPSTACK_ISA {
namespace {

constexpr Scanners kScanners{
    SIPSTACK_ISA_NAME, &via,           &name_addr, &cseq, &media_type, &token_value,
    &number_value,     &call_id_value, &auth,      &uri,  &parse,      &split};

}  // namespace
}  // namespace sipstack::scan::SIPSTACK_ISA
