// SPDX-License-Identifier: Apache-2.0
// sipstack parse: reads messages and says what they hold, or what is wrong with them and where.
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "sipstack/parser/framer.hpp"
#include "sipstack/parser/message_view.hpp"
#include "tools/command.hpp"
#include "tools/explain.hpp"
#include "tools/file.hpp"
#include "tools/message_json.hpp"
#include "tools/terminal.hpp"

namespace sipstack::tools {

namespace {

struct ParseArguments {
  bool json = false;
  bool stream = false;
  bool lenient = false;
  std::vector<std::string> files;
};

std::string summary(const MessageView& message) {
  const std::string start = message.is_request()
                                ? fmt::format("{} {}", message.method_name(), message.uri_text())
                                : fmt::format("{} {}", message.status(), message.reason());
  const std::size_t body = message.body().size();
  std::string type;
  if (const auto content = message.get(hdr::content_type); content && body > 0)
    type = fmt::format(" of {}/{}", content->type, content->subtype);
  return fmt::format("{}, {} header field{}, {} byte{}{}", start, message.header_count(),
                     message.header_count() == 1 ? "" : "s", body, body == 1 ? "" : "s",
                     body > 0 ? type : std::string(" of body"));
}

class Reader {
 public:
  explicit Reader(const ParseArguments& arguments) : arguments_(arguments) {}

  bool datagram(const std::string& file, std::string_view bytes) {
    return one(file, bytes, nullptr);
  }

  /// As a TCP stream would be read: RFC 3261 section 18.3. False where something was malformed.
  bool stream(const std::string& file, std::string_view bytes) {
    StreamFramer framer;
    bool good = true;
    std::size_t begin = 0;
    int count = 0;
    const auto place = [&] { return fmt::format("{}[message {} at byte {}]", file, count, begin); };
    while (begin < bytes.size()) {
      const std::string_view rest = bytes.substr(begin);
      const Frame frame = framer.next(rest);
      switch (frame.kind) {
        case Frame::Kind::ping:
        case Frame::Kind::skip: break;
        case Frame::Kind::message:
          ++count;
          good = one(place(), rest.substr(0, frame.size), nullptr) && good;
          break;
        case Frame::Kind::error:  // the stream cannot be followed any further
          ++count;
          one(place(), rest, &frame.error);
          return false;
        case Frame::Kind::need_more: {  // the file ends within a message
          ++count;
          const ParseError cut{ParseErrc::incomplete, HeaderId::other,
                               static_cast<std::uint32_t>(rest.size())};
          one(place(), rest, &cut);
          return false;
        }
      }
      begin += frame.size;
    }
    return good;
  }

 private:
  /// `framing` is what the framer found wrong. Where that is only that the file ends, the parser
  /// may know better why.
  bool one(const std::string& where, std::string_view bytes, const ParseError* framing) {
    std::optional<ParseError> error;
    told_.clear();
    const auto parsed = arguments_.lenient ? parse(bytes, index_, told_) : parse(bytes, index_);
    const MessageView message(bytes.data(), index_);
    if (framing != nullptr && (parsed || framing->code != ParseErrc::incomplete))
      error = *framing;
    else if (!parsed)
      error = parsed.error();
    else if (const auto valid = arguments_.lenient ? validate(message, told_) : validate(message);
             !valid)
      error = valid.error();

    if (arguments_.json) {
      fmt::print("{}\n",
                 message_json(message, bytes, error, arguments_.lenient ? &told_ : nullptr));
      return !error;
    }
    for (const Diagnostic& one : told_)
      fmt::print("{}", explain(where, bytes, one, colourful(stdout)));
    if (told_.dropped() != 0) fmt::print("{}: {} more deviations\n", where, told_.dropped());
    if (error) {
      fmt::print("{}", explain(where, bytes, message, *error, colourful(stdout)));
    } else {
      fmt::print("{}: {}: {}\n", where, coloured(stdout, Colour::green, "valid"), summary(message));
    }
    return !error;
  }

  const ParseArguments& arguments_;
  MessageIndex index_;
  Diagnostics told_;
};

int parse_files(const ParseArguments& arguments) {
  bool good = true;
  Reader reader(arguments);
  for (const std::string& file : arguments.files) {
    const auto bytes = read_file(file);
    if (!bytes) {
      good = false;
      continue;
    }
    const std::string shown = file == "-" ? "stdin" : file;
    good =
        (arguments.stream ? reader.stream(shown, *bytes) : reader.datagram(shown, *bytes)) && good;
  }
  return good ? kDone : kFailed;
}

}  // namespace

void add_parse(CLI::App& app, Command& chosen) {
  auto arguments = std::make_shared<ParseArguments>();
  CLI::App* command = app.add_subcommand("parse", "Check SIP messages and show what they hold");
  command->add_flag("--json", arguments->json, "One JSON object a message, one line each");
  command->add_flag("--stream", arguments->stream, "Read as a TCP stream: several messages a file");
  command->add_flag("--lenient", arguments->lenient,
                    "Let through, and tell, deviations that can be read in one way only");
  command->add_option("FILE", arguments->files, "Files of one message each; - is standard input")
      ->required();
  command->footer("Exit status: 0 where every message is well-formed, 1 where one is not.");
  command->callback(
      [&chosen, arguments] { chosen = [arguments] { return parse_files(*arguments); }; });
}

}  // namespace sipstack::tools
