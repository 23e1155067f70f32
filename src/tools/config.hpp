// SPDX-License-Identifier: Apache-2.0
// Configuration files: TOML, checked whole against one table of keys, of which the reference is made as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tools/settings.hpp"

namespace sipstack::tools {

/// Where a key's value goes.
using ConfigField =
    std::variant<bool* (*)(Settings&), int* (*)(Settings&), std::uint16_t* (*)(Settings&),
                 std::uint32_t* (*)(Settings&), std::size_t* (*)(Settings&),
                 Duration* (*)(Settings&), LogLevel* (*)(Settings&), std::string* (*)(Settings&),
                 std::vector<std::string>* (*)(Settings&)>;

/// Whether a file that is read again changes it in a running server.
enum class Reload : std::uint8_t { no, yes };

struct ConfigKey {
  Servers of;
  const char* table;  ///< "" for those in front of all tables
  const char* name;
  ConfigField field;
  /// Of numbers: what may stand in the file, in `unit`.
  std::int64_t least = 0;
  std::int64_t most = 0;
  /// Of durations "ms" or "s"; of other numbers for people. Of texts the words that there are, "on|off".
  const char* unit = "";
  Reload reload = Reload::no;
  const char* text = "";  ///< one line of explanation
  /// Of texts: what is wrong with one; may complete it.
  std::string (*check)(std::string&) = nullptr;
};

/// All keys, table by table, in the order of the reference.
const std::vector<ConfigKey>& config_keys();
/// Of these, `[sqlite]` and `[redis]`.
void add_store_keys(std::vector<ConfigKey>& keys);

/// Keys of `[[route]]` and `[[b2bua.route]]`, which are lists of tables.
struct ConfigRouteKey {
  const char* name;
  const char* text;
};
const std::vector<ConfigRouteKey>& config_route_keys(bool bridge);

struct ConfigProblem {
  std::size_t line = 0;  ///< from 1; 0: of the file as a whole
  std::size_t column = 0;
  std::string message;
};

/// Reads a file's text into `settings`, which keep what it does not say. All problems, in order of lines; where
/// there are any `settings` are half done and to be thrown away. Secrets are not repeated in messages.
std::vector<ConfigProblem> read_config(std::string_view text, Servers which, Settings& settings);
/// "FILE:LINE:COLUMN: message".
std::string to_string(const ConfigProblem& problem, const std::string& file);

/// Tables for docs/configuration.md: every key with its type, default and meaning.
std::string config_reference();
/// A file that says what `settings` are, every key with its meaning; read_config() takes it. Passwords and keys
/// are left out.
std::string config_text(Servers which, const Settings& settings);
/// The keys that differ and are not changed by a reload: "listen", "limits.ring".
std::vector<std::string> unchangeable(Servers which, const Settings& running,
                                      const Settings& wanted);

}  // namespace sipstack::tools
