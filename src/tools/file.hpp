// SPDX-License-Identifier: Apache-2.0
// Files that are named on the command line.
#pragma once

#include <optional>
#include <string>

namespace sipstack::tools {

/// The whole of it, "-" for standard input, up to 1 GiB. Nothing, and said why on stderr, where that cannot be.
std::optional<std::string> read_file(const std::string& file);

}  // namespace sipstack::tools
