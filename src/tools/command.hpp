// SPDX-License-Identifier: Apache-2.0
// How a command of `sipstack` is made: each file adds one to the command line and says what runs
// it.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace sipstack::tools {

/// Exit statuses; all that there are.
enum Status : int { kDone = 0, kFailed = 1, kWrongUsage = 2 };

/// Set by the command that the user chose; gives the exit status.
using Command = std::function<int()>;

void add_parse(CLI::App& app, Command& chosen);
void add_sdp(CLI::App& app, Command& chosen);
void add_uas(CLI::App& app, Command& chosen);
void add_call(CLI::App& app, Command& chosen);
void add_register(CLI::App& app, Command& chosen);
void add_options(CLI::App& app, Command& chosen);
void add_message(CLI::App& app, Command& chosen);
void add_subscribe(CLI::App& app, Command& chosen);
void add_publish(CLI::App& app, Command& chosen);
void add_serve(CLI::App& app, Command& chosen);
void add_b2bua(CLI::App& app, Command& chosen);
void add_flow(CLI::App& app, Command& chosen);

/// The whole command: reads the command line, runs, gives the exit status.
int run(int argc, char** argv);

}  // namespace sipstack::tools
