// SPDX-License-Identifier: Apache-2.0
// The sipstack command.
#include "tools/command.hpp"

int main(int argc, char** argv) { return sipstack::tools::run(argc, argv); }
