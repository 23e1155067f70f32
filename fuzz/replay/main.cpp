// SPDX-License-Identifier: Apache-2.0
// Runs fuzz targets over files, with any compiler: fuzz_replay DIRECTORY. A target gets the files of the
// folder of its name; without one it is told and nothing is run.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "targets.hpp"  // written by CMake: one line for each target

namespace {

bool replay(const Target& target, const std::filesystem::path& folder) {
  std::error_code absent;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, absent)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    // Exactly as many as there are, so that AddressSanitizer sees one too many; and cut off everywhere.
    for (std::size_t size = 0; size <= bytes.size(); size += size + 64 > bytes.size() ? 1 : 7) {
      const auto exact = std::make_unique<unsigned char[]>(size);
      std::copy_n(bytes.begin(), size, exact.get());
      target.run(exact.get(), size);
    }
  }
  std::printf("%-12s %zu files\n", target.name, files.size());
  return !files.empty();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  bool all = true;
  for (const Target& target : kTargets) {
    all = replay(target, std::filesystem::path(argv[1]) / target.name) && all;
  }
  return all ? 0 : 1;
}
