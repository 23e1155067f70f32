// SPDX-License-Identifier: Apache-2.0
// sipstack sdp: checks a session description, and answers an offer with given capabilities. RFC 8866,
// RFC 3264.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "sipstack/dialog/offer_answer.hpp"
#include "sipstack/parser/sdp.hpp"
#include "tools/command.hpp"
#include "tools/json.hpp"
#include "tools/sdp_json.hpp"
#include "tools/terminal.hpp"

namespace sipstack::tools {

namespace {

struct SdpArguments {
  bool json = false;
  std::string file;
  std::string offer;
  std::string capabilities;
};

std::optional<std::string> read_all(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream in(file, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  if (!in.is_open() || in.bad()) {
    fmt::print(stderr, "sipstack sdp: {}: cannot be read\n", file);
    return std::nullopt;
  }
  return bytes;
}

/// The line, a caret under the byte, and where it is said what should stand there.
void explain(std::FILE* to, const std::string& where, std::string_view text,
             const ParseError& error) {
  const sdp::Fault fault = sdp::fault(text, error);
  const std::size_t begin = error.offset == 0 ? 0 : text.rfind('\n', error.offset - 1) + 1;
  std::string line(text.substr(begin, text.find_first_of("\r\n", begin) - begin));
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = c == '\t' ? ' ' : '?';
  fmt::print(to, "{}:{}:{}: {} ({})\n  {}\n  {:>{}}\n", where, fault.at.line, fault.at.column,
             coloured(to, Colour::red, to_string(error.code)), fault.rfc, line, "^",
             fault.at.column);
}

int check(const SdpArguments& arguments) {
  const auto bytes = read_all(arguments.file);
  if (!bytes) return kFailed;
  const auto view = sdp::View::parse(*bytes);
  if (arguments.json) {
    Json json;
    write_sdp(json, *bytes);
    fmt::print("{}\n", json.text());
    return view ? kDone : kFailed;
  }
  const std::string where = arguments.file == "-" ? "stdin" : arguments.file;
  if (!view) {
    explain(stdout, where, *bytes, view.error());
    return kFailed;
  }
  fmt::print("{}: {}: {} medi{}\n", where, coloured(stdout, Colour::green, "valid"),
             view->media_count(), view->media_count() == 1 ? "um" : "a");
  for (const sdp::MediaView& medium : view->media())
    fmt::print("  {} port {} {} {}\n", medium.line.type, medium.line.port, medium.line.proto,
               medium.line.formats);
  return kDone;
}

std::optional<sdp::Session> session_of(const std::string& file) {
  const auto bytes = read_all(file);
  if (!bytes) return std::nullopt;
  auto session = sdp::Session::parse(*bytes);
  if (session) return *std::move(session);
  explain(stderr, file == "-" ? "stdin" : file, *bytes, session.error());
  return std::nullopt;
}

int answer_offer(const SdpArguments& arguments) {
  const auto offer = session_of(arguments.offer);
  const auto capabilities = session_of(arguments.capabilities);
  if (!offer || !capabilities) return kFailed;
  const auto answer = sdp::answer(*offer, sdp::capabilities_of(*capabilities));
  if (!answer) {
    fmt::print(stderr, "sipstack sdp answer: {}: the offer gets {}\n", to_string(answer.error()),
               sdp::status(answer.error()));
    return kFailed;
  }
  fmt::print("{}", answer->to_string());
  return kDone;
}

}  // namespace

void add_sdp(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<SdpArguments>();
  CLI::App* command = app.add_subcommand("sdp", "Check a session description, or answer an offer");
  command->add_flag("--json", arguments->json, "One JSON object");
  command->add_option("FILE", arguments->file, "A description; - is standard input");
  command->require_subcommand(0, 1);
  command->footer("Exit status: 0 where it is well-formed, or the offer can be answered; else 1.");
  CLI::App* answer = command->add_subcommand("answer", "The answer to an offer (RFC 3264)");
  answer->add_option("--offer", arguments->offer, "What is offered; - is standard input")
      ->required();
  answer
      ->add_option("--capabilities", arguments->capabilities,
                   "A description of what we can do: codecs, ports, addresses, keys")
      ->required();
  command->callback([&chosen, command, answer, arguments] {
    if (answer->parsed()) {
      chosen = [arguments] { return answer_offer(*arguments); };
      return;
    }
    if (command->get_option("FILE")->count() == 0) throw CLI::RequiredError("FILE");
    chosen = [arguments] { return check(*arguments); };
  });
}

}  // namespace sipstack::tools
