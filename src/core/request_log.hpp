// SPDX-License-Identifier: Apache-2.0
// One record for each request that got its final response.
#pragma once

#include "sipstack/base/log.hpp"
#include "sipstack/transaction/layer.hpp"

namespace sipstack {

/// `out` is a final response that goes out for the first time.
void log_answer(const LogHook& log, const Transmit& out);

}  // namespace sipstack
