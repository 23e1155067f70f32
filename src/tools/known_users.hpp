// SPDX-License-Identifier: Apache-2.0
// --users: who may, by a file of lines or by a table.
#pragma once

#include <string>
#include <vector>

#include "sipstack/base/expected.hpp"
#include "sipstack/dialog/digest.hpp"
#include "tools/settings.hpp"
#include "tools/stores.hpp"

namespace sipstack::tools {

struct KnownUsers {
  Ha1Lookup lookup;
  std::vector<DigestAlgorithm> algorithms;  ///< what to challenge with
  StoreFigures figures;                     ///< of a table; null: it is a file of lines
};

/// Reads what the settings name; or a sentence that says what is wrong with it, without secrets.
expected<KnownUsers, std::string> known_users(const Settings& settings, const LogHook& log);

}  // namespace sipstack::tools
