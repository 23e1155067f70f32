// SPDX-License-Identifier: Apache-2.0
// --location: where a server keeps bindings. What names a store outside of the process.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sipstack/base/expected.hpp"
#include "sipstack/server/location.hpp"
#include "tools/settings.hpp"
#include "tools/stores.hpp"

namespace sipstack::tools {

/// The file of "sqlite:FILE"; nothing where the text is none such.
std::optional<std::string> sqlite_file(const std::string& text);
/// What is wrong with a name that may be sqlite:FILE, or nothing: there is no file, or no SQLite in this build.
std::string check_sqlite(const std::string& text);
/// As "memory", "sqlite:FILE" or "redis://HOST": what is wrong with the text, or nothing.
std::string check_location(const std::string& text);

/// What is wrong with ProxyOptions::node_uri, or nothing.
std::string check_node_uri(const std::string& text);

struct OpenedLocation {
  std::unique_ptr<LocationStore> store;  ///< for all shards: must outlive the node
  StoreFigures figures;                  ///< for as long as the store is there
};
/// The store that the settings name; no store: the endpoint has its own, in memory. Or a sentence that says why
/// it cannot be had.
expected<OpenedLocation, std::string> open_location(const Settings& settings, const LogHook& log);

}  // namespace sipstack::tools
