// SPDX-License-Identifier: Apache-2.0
// One request and its outcome, as several commands do it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "tools/node.hpp"

namespace sipstack::tools {

/// Target, From (where empty: of --user, else anonymous), route and credentials.
RequestOptions client_request(const ClientArguments& arguments, std::string_view target,
                              std::string_view from);

/// Sends it, prints the final response's status and, for a 2xx, what `more` says of it. Gives the
/// command's exit status.
int request_and_say(const ClientArguments& arguments, std::string_view method,
                    const RequestOptions& request, std::function<void(const MessageView&)> more);

}  // namespace sipstack::tools
