// SPDX-License-Identifier: Apache-2.0
// sipstack flow: ladders out of a capture file or a trace.
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tools/command.hpp"
#include "tools/file.hpp"
#include "tools/flow_draw.hpp"

namespace sipstack::tools {

namespace {

struct FlowArguments {
  std::string input;
  std::string output;
  std::string call_id;
};

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() > end.size() && text.substr(text.size() - end.size()) == end;
}

int draw(const FlowArguments& arguments) {
  const auto bytes = read_file(arguments.input);
  if (!bytes) return kFailed;
  const Capture capture = read_capture(*bytes);
  if (!capture.problem.empty())
    fmt::print(stderr, "sipstack: {}: {}\n", arguments.input, capture.problem);
  if (!capture.is_capture) return kFailed;
  const auto calls = calls_of(capture, arguments.call_id);
  if (calls.empty()) {
    fmt::print(stderr, "sipstack: {}: no SIP message{} in {} packets\n", arguments.input,
               arguments.call_id.empty() ? "" : " of that call", capture.packets);
    return kFailed;
  }
  const std::string& to = arguments.output;
  const std::string drawn = ends_with(to, ".svg")    ? flow_svg(calls)
                            : ends_with(to, ".html") ? flow_html(calls)
                                                     : flow_text(calls);
  if (to.empty()) {
    std::fwrite(drawn.data(), 1, drawn.size(), stdout);
    return kDone;
  }
  std::ofstream out(to, std::ios::binary | std::ios::trunc);
  out << drawn;
  out.close();
  if (!out) {
    fmt::print(stderr, "sipstack: {}: {}\n", to, std::generic_category().message(errno));
    return kFailed;
  }
  return kDone;
}

}  // namespace

void add_flow(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<FlowArguments>();
  CLI::App* command = app.add_subcommand("flow", "Draw the calls of a capture file or a trace");
  command->add_option("INPUT", arguments->input, "A pcap or pcapng file, or - for standard input")
      ->required();
  command
      ->add_option("-o,--output", arguments->output,
                   "FILE.svg, FILE.html or FILE.txt in place of the terminal")
      ->type_name("FILE")
      ->check(CLI::Validator(
          [](std::string& file) {
            const bool known =
                ends_with(file, ".svg") || ends_with(file, ".html") || ends_with(file, ".txt");
            return known ? std::string() : file + " ends with none of .svg, .html, .txt";
          },
          ""));
  command->add_option("--call-id", arguments->call_id, "That call alone")->type_name("ID");
  command->callback([&chosen, arguments] { chosen = [arguments] { return draw(*arguments); }; });
}

}  // namespace sipstack::tools
