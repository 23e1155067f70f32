// SPDX-License-Identifier: Apache-2.0
#include "tools/file.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <system_error>

#include <fmt/format.h>

namespace sipstack::tools {

std::optional<std::string> read_file(const std::string& file) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 30;
  std::ifstream opened;
  if (file != "-") opened.open(file, std::ios::binary);
  std::istream& in = file == "-" ? std::cin : opened;
  std::string bytes;
  char chunk[65536];
  while (in && bytes.size() <= kMostBytes) {
    in.read(chunk, sizeof chunk);
    bytes.append(chunk, static_cast<std::size_t>(in.gcount()));
  }
  if ((file != "-" && !opened.is_open()) || in.bad()) {
    fmt::print(stderr, "sipstack: {}: {}\n", file, std::generic_category().message(errno));
    return std::nullopt;
  }
  if (bytes.size() > kMostBytes) {
    fmt::print(stderr, "sipstack: {}: larger than 1 GiB\n", file);
    return std::nullopt;
  }
  return bytes;
}

}  // namespace sipstack::tools
