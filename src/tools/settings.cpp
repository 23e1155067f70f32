// SPDX-License-Identifier: Apache-2.0
// A server's settings: the file first, then the command line over it.
#include "tools/settings.hpp"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "sipstack/base/expected.hpp"
#include "tools/command.hpp"
#include "tools/config.hpp"

namespace sipstack::tools {

namespace {

constexpr std::streamsize kMostConfigBytes = 4 * 1024 * 1024;

/// The file, or why it can't be had.
expected<std::string, std::string> config_bytes(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return unexpected(file + ": " + std::generic_category().message(errno));
  std::string bytes(static_cast<std::size_t>(kMostConfigBytes) + 1, '\0');
  in.read(bytes.data(), kMostConfigBytes + 1);
  if (in.bad() || (in.fail() && !in.eof())) return unexpected(file + ": cannot be read");
  if (in.gcount() > kMostConfigBytes) return unexpected(file + ": larger than 4 MiB");
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return bytes;
}

}  // namespace

void add_server_options(CLI::App& command, Settings& settings, ConfigWishes& wishes) {
  command
      .add_option("--config", settings.config,
                  "The same words and more as TOML; the command line wins; SIGHUP reads it again")
      ->type_name("FILE");
  command.add_flag("--check-config", wishes.check, "Check the file, and go no further");
  command.add_flag("--print-config", wishes.print,
                   "Print what holds as such a file, every key with its meaning");
  command
      .add_option("--metrics", settings.metrics, "/metrics for Prometheus, and /healthz, by HTTP")
      ->check(CLI::Validator([](std::string& text) { return check_http(text); }, "HOST:PORT"));
  command
      .add_option("--log-format", settings.log_format,
                  "text, or json: an object a line, on standard error")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  command
      .add_option("--drain-ms", settings.drain_ms,
                  "What is in progress at SIGTERM may take so long")
      ->check(CLI::Range(0, 86400000))
      ->type_name("MS");
}

void overlay(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0) const_cast<CLI::Option*>(option)->run_callback();
}

std::vector<std::string> load(Servers which, const CLI::App& command, Settings& settings) {
  const std::string file = settings.config;
  if (file.empty()) return {};
  const auto text = config_bytes(file);
  if (!text) return {text.error()};
  Settings read;
  if (which == kBridge) read.drain_ms = 0;
  const auto problems = read_config(*text, which, read);
  std::vector<std::string> said;
  for (const ConfigProblem& problem : problems) said.push_back(to_string(problem, file));
  if (!said.empty()) return said;
  settings = std::move(read);
  settings.config = file;
  overlay(command);
  if (which == kServe && settings.domains.empty()) said.push_back(file + ": domain is missing");
  if (which == kBridge && settings.to.empty() && settings.routes.empty())
    said.push_back(file + ": to is missing, and there is no [[b2bua.route]]");
  return said;
}

std::optional<int> prepare(Servers which, const CLI::App& command, const ConfigWishes& wishes,
                           Settings& settings) {
  const auto problems = load(which, command, settings);
  for (const std::string& problem : problems)
    fmt::print(stderr, "sipstack {}: {}\n", command.get_name(), problem);
  if (!problems.empty()) return kFailed;
  if (wishes.print) fmt::print("{}", config_text(which, settings));
  if (wishes.print && !wishes.check) return kDone;
  return std::nullopt;
}

ShardedEndpointOptions endpoint_options(const Settings& settings) {
  ShardedEndpointOptions options = settings.endpoint;
  options.transport.limits = options.limits;
  options.log_requests = settings.log_level >= LogLevel::info;
  for (const std::string& network : settings.trusted)
    if (const auto prefix = IpPrefix::parse(network)) options.sources.trusted.push_back(*prefix);
  return options;
}

}  // namespace sipstack::tools
