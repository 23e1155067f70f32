// SPDX-License-Identifier: Apache-2.0
// The command line as a whole: commands, --help, --version, and what to say to a wrong option.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "sipstack/version.hpp"
#include "tools/command.hpp"
#include "tools/nearest.hpp"

namespace sipstack::tools {

namespace {

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  return names;
}

/// What the command line says that nobody understands comes before what it leaves out.
int wrong_usage(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  const std::string name = chosen.empty() ? "sipstack" : "sipstack " + command.get_name();
  std::string problem = error.what();
  for (const std::string& word : command.remaining()) {
    if (word.size() > 1 && word.front() == '-') {
      const std::string option = word.substr(0, word.find('='));
      problem = fmt::format("unknown option {}; did you mean {}?", option,
                            nearest(option, option_names(command)));
    } else if (chosen.empty()) {
      problem = fmt::format("unknown command {}; did you mean {}?", word,
                            nearest(word, command_names(app)));
    } else {
      problem = fmt::format("unexpected argument {}", word);
    }
    break;
  }
  fmt::print(stderr, "{}: {}\nSee {} --help.\n", name, problem, name);
  return kWrongUsage;
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app("SIP from the command line: call, answer, register, serve, and look into messages.",
               "sipstack");
  app.set_version_flag("--version", fmt::format("sipstack {}", SIPSTACK_VERSION_STRING));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);

  Command chosen;
  add_parse(app, chosen);
  add_sdp(app, chosen);
  add_uas(app, chosen);
  add_call(app, chosen);
  add_register(app, chosen);
  add_options(app, chosen);
  add_message(app, chosen);
  add_subscribe(app, chosen);
  add_publish(app, chosen);
  add_serve(app, chosen);
  add_b2bua(app, chosen);
  add_flow(app, chosen);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    app.exit(asked);
    return kDone;
  } catch (const CLI::ParseError& error) {
    return wrong_usage(app, error);
  }
  const int status = chosen();
  // A full disk or a closed pipe must not pass for success.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fmt::print(stderr, "sipstack: standard output: cannot be written\n");
    return status == kDone ? kFailed : status;
  }
  return status;
}

}  // namespace sipstack::tools
