// SPDX-License-Identifier: Apache-2.0
// draw_fsm DIRECTORY: draws every machine there. The build target fsm runs it on docs/fsm.
#include "draw.hpp"

#include <cstdio>
#include <fstream>

int main(int argc, char** argv) {
  using namespace sipstack::fsm;
  if (argc != 2) {
    std::fprintf(stderr, "draw_fsm DIRECTORY\n");
    return 2;
  }
  for (const Machine machine : {Machine::ict, Machine::nict, Machine::ist, Machine::nist})
    for (const bool reliable : {false, true}) {
      const std::string path = std::string(argv[1]) + "/" + Drawing::file_name(machine, reliable);
      std::ofstream out(path, std::ios::binary);
      out << Drawing(machine, reliable).svg();
      if (!out) {
        std::fprintf(stderr, "cannot write %s\n", path.c_str());
        return 1;
      }
    }
  return 0;
}
