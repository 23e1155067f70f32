// SPDX-License-Identifier: Apache-2.0
// A SIP URI on the command line. For the files that make command lines only: CLI11 is large.
#pragma once

#include <CLI/CLI.hpp>

namespace sipstack::tools {

/// Refuses what is no URI; "bob@example.com" becomes "sip:bob@example.com". `shown` stands in
/// --help.
CLI::Validator sip_uri(const char* shown);

}  // namespace sipstack::tools
