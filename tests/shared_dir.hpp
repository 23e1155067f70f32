// SPDX-License-Identifier: Apache-2.0
// Where test vectors lie that are too many to keep in the repository: SIPSTACK_SHARED_DIR of the
// environment, else of the configuration. Nothing where the folder is absent: skip with a word.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace sipstack::testing {

inline std::optional<std::filesystem::path> shared_dir(const std::string& below = "") {
  const char* chosen = std::getenv("SIPSTACK_SHARED_DIR");
  std::filesystem::path path = chosen != nullptr ? chosen : SIPSTACK_SHARED_DIR;
  path /= below;
  std::error_code absent;
  if (!std::filesystem::exists(path, absent)) return std::nullopt;
  return path;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace sipstack::testing
