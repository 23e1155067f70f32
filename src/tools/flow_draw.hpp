// SPDX-License-Identifier: Apache-2.0
// Ladders for a terminal, as SVG, and as one HTML page that needs nothing else.
#pragma once

#include <string>
#include <vector>

#include "tools/flow_model.hpp"

namespace sipstack::tools {

std::string flow_text(const std::vector<FlowCall>& calls);
std::string flow_svg(const std::vector<FlowCall>& calls);
/// A click on an arrow, or Enter on it, shows its message.
std::string flow_html(const std::vector<FlowCall>& calls);

}  // namespace sipstack::tools
