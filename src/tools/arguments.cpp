// SPDX-License-Identifier: Apache-2.0
// Options that commands on the network share.
#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "sipstack/parser/uri.hpp"
#include "tools/settings.hpp"
#include "tools/uri_argument.hpp"

namespace sipstack::tools {

std::string check_listen(const std::string& where) {
  const std::size_t colon = where.find(':');
  Transport transport = Transport::udp;
  if (colon == std::string::npos ||
      !transport_from(std::string_view(where).substr(0, colon), transport))
    return fmt::format("{} is not TRANSPORT:HOST:PORT", where);
  const std::size_t last = where.rfind(':');
  if (last == colon || last == colon + 1 || !SocketAddress::parse("0.0.0.0" + where.substr(last)))
    return fmt::format("{} is not TRANSPORT:HOST:PORT (IPv6 hosts in brackets)", where);
  return {};
}

/// Each an address, IPv6 in brackets where a port follows, and maybe a port.
std::string check_name_servers(const std::string& list) {
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    const std::string one = list.substr(at, comma - at);
    if (!IpAddress::parse(one) && !SocketAddress::parse(one))
      return fmt::format("{} is not ADDRESS[:PORT]", one.empty() ? list : one);
    at = comma + 1;
  }
  return {};
}

std::string check_address(const std::string& text) {
  return SocketAddress::parse(text) ? std::string() : text + " is not ADDRESS:PORT";
}

std::string check_http(const std::string& text) {
  const std::size_t last = text.rfind(':');
  const bool good = SocketAddress::parse(text) ||
                    (last != std::string::npos && last != 0 && text.find(':') == last &&
                     SocketAddress::parse("0.0.0.0" + text.substr(last)));
  return good ? std::string() : text + " is not HOST:PORT";
}

std::string complete_uri(std::string& text) {
  std::string full = text;
  if (full.find(':') == std::string::npos ||
      (full.find('@') != std::string::npos && full.find(':') > full.find('@')))
    full = "sip:" + full;  // bob@example.com
  const auto uri = Uri::parse(full);
  if (!uri)
    return fmt::format("{}: {} at byte {}", text, uri.error().message(), uri.error().offset);
  text = full;
  return {};
}

CLI::Validator sip_uri(const char* shown) { return CLI::Validator(complete_uri, shown); }

void add_network_options(CLI::App& command, NetworkArguments& arguments) {
  static const std::map<std::string, LogLevel> levels = {{"error", LogLevel::error},
                                                         {"warning", LogLevel::warning},
                                                         {"info", LogLevel::info},
                                                         {"debug", LogLevel::debug}};
  command
      .add_option("--listen", arguments.listen,
                  "TRANSPORT:HOST:PORT, repeatable; port 0 takes a free one")
      ->check(CLI::Validator([](std::string& text) { return check_listen(text); },
                             "TRANSPORT:HOST:PORT"))
      ->allow_extra_args(false);
  command.add_option("--trace", arguments.trace, "Every message sent or received, as a pcap file")
      ->type_name("FILE");
  command.add_option("--trace-hep", arguments.hep, "The same, to a Homer server by HEP3 over UDP")
      ->check(
          CLI::Validator([](std::string& text) { return check_address(text); }, "ADDRESS:PORT"));
  command.add_flag("--trace-masked", arguments.mask,
                   "Credentials and keys as asterisks in traces and in the debug log");
  command
      .add_option("--dns", arguments.dns,
                  "Name servers, with commas between, in place of the system's")
      ->check(CLI::Validator([](std::string& text) { return check_name_servers(text); },
                             "ADDRESS[:PORT]"));
  command
      .add_option("--tls-cert", arguments.tls_cert,
                  "Certificate with its chain (PEM), for tls and wss; SIGHUP reads it again")
      ->type_name("FILE");
  command.add_option("--tls-key", arguments.tls_key, "Its key (PEM); in the same file by default")
      ->type_name("FILE");
  command
      .add_option("--tls-ca", arguments.tls_ca,
                  "Certificates to trust (PEM); the system's by default")
      ->type_name("FILE");
  command
      .add_option("--tls-verify", arguments.tls_verify,
                  "Whether servers must prove who they are: on or off")
      ->check(CLI::IsMember({"on", "off"}))
      ->type_name("on|off");
  command.add_option("--log-level", arguments.log_level, "error, warning, info or debug")
      ->transform(CLI::Transformer(levels))
      ->type_name("LEVEL");
  command
      .add_option("--t1", arguments.t1_ms,
                  "Timer T1 in ms (500); all timers derived from it scale along")
      ->check(CLI::Range(1, 60000))
      ->type_name("MS");
}

void add_client_options(CLI::App& command, ClientArguments& arguments) {
  add_network_options(command, arguments);
  auto* user =
      command.add_option("--user", arguments.user, "Answers digest challenges")->type_name("NAME");
  command.add_option("--password", arguments.password, "Its password")
      ->needs(user)
      ->type_name("SECRET");
  command.add_option("--proxy", arguments.proxy, "Outbound proxy: all requests go there")
      ->transform(sip_uri("URI"));
  command.add_option("--timeout-ms", arguments.timeout_ms, "Give up after that time")
      ->check(CLI::Range(1, 86400000))
      ->type_name("MS");
}

std::vector<Credentials> ClientArguments::credentials() const {
  if (user.empty()) return {};
  Credentials own;
  own.user = user;
  own.password = password;
  return {own};
}

std::vector<std::string> ClientArguments::route() const {
  if (proxy.empty()) return {};
  const auto uri = Uri::parse(proxy);
  // A proxy of our days routes loosely; without lr it would get its own address as Request-URI
  // (RFC 3261 section 16.12.1.2).
  return {uri && uri->lr() ? proxy : proxy + ";lr"};
}

std::vector<std::string> ClientArguments::sockets(std::string_view target) const {
  const auto hop = Uri::parse(proxy.empty() ? target : std::string_view(proxy));
  const auto ip = hop ? IpAddress::parse(hop->host) : std::nullopt;
  std::vector<std::string> hosts;
  if (!ip || ip->is_v4()) hosts.push_back("0.0.0.0");
  if (!ip || ip->is_v6()) hosts.push_back("[::]");
  // TCP as well: a large request goes by it (RFC 3261 section 18.1.1), and may be answered on a
  // connection of its own.
  std::vector<std::string> all;
  std::vector<const char*> transports = {"udp", "tcp"};
  if (!tls_cert.empty()) transports.push_back("tls");
  for (const std::string& host : hosts)
    for (const char* transport : transports) all.push_back(fmt::format("{}:{}:0", transport, host));
  return all;
}

}  // namespace sipstack::tools
