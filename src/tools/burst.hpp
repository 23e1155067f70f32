// SPDX-License-Identifier: Apache-2.0
// Many calls at a rate, and what became of them.
#pragma once

#include "tools/call_arguments.hpp"

namespace sipstack::tools {

/// Makes --repeat calls, --rate a second; prints counts and times. Gives the exit status: failed
/// where one call was not answered.
int run_burst(Node& node, const CallArguments& arguments);

}  // namespace sipstack::tools
