// SPDX-License-Identifier: Apache-2.0
// The keys of a configuration file. Defaults are not here: they are the library's own.
#include "tools/config.hpp"
#include "tools/location.hpp"

namespace sipstack::tools {

namespace {

constexpr std::int64_t kMany = 1'000'000'000;
constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kDayMs = 86'400'000;

std::string check_listen_text(std::string& text) { return check_listen(text); }
std::string check_dns_text(std::string& text) { return check_name_servers(text); }
std::string check_address_text(std::string& text) { return check_address(text); }
std::string check_http_text(std::string& text) { return check_http(text); }
std::string check_hex(const std::string& text, std::size_t digits) {
  if (text.size() == digits &&
      text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos)
    return {};
  return "must be " + std::to_string(digits) + " hex digits";
}
std::string check_key(std::string& text) { return check_hex(text, 64); }
std::string check_short_key(std::string& text) { return check_hex(text, 32); }
std::string check_network(std::string& text) {
  return IpPrefix::parse(text) ? "" : "must be ADDRESS or ADDRESS/BITS";
}
std::string check_users_text(std::string& text) {
  return text.empty() ? "must not be empty" : check_sqlite(text);
}
std::string check_location_text(std::string& text) { return check_location(text); }
std::string check_node_text(std::string& text) { return check_node_uri(text); }
std::string check_name(std::string& text) { return text.empty() ? "must not be empty" : ""; }

#define AT(path) +[](Settings& s) { return &s.path; }

void add_words(std::vector<ConfigKey>& k) {
  k.insert(
      k.end(),
      {{kBoth, "", "listen", AT(listen), 0, 0, "", Reload::no,
        "TRANSPORT:HOST:PORT for each socket; TRANSPORT is udp, tcp, tls, ws or wss",
        check_listen_text},
       {kServe, "", "domain", AT(domains), 0, 0, "", Reload::yes,
        "Whose users are served; the first is the realm of passwords", check_name},
       {kServe, "", "users", AT(users), 0, 0, "", Reload::yes,
        "File of lines user:password or user:HA1, or sqlite:FILE with a table of HA1s; without it "
        "nobody is challenged",
        check_users_text},
       {kServe, "", "digest", AT(digest), 0, 0, "md5|sha-256|both", Reload::yes,
        "What challenges offer"},
       {kServe, "", "location", AT(location), 0, 0, "", Reload::no,
        "Where bindings are kept: memory, sqlite:FILE, where they outlive the process, or "
        "redis://HOST, which nodes share",
        check_location_text},
       {kServe, "", "node-uri", AT(server.proxy.node_uri), 0, 0, "", Reload::yes,
        "Where nodes share a location: the SIP URI by which the others reach this one",
        check_node_text},
       {kServe, "", "mode", AT(mode), 0, 0, "proxy|redirect", Reload::yes, "What becomes of calls"},
       {kServe, "", "record-route", AT(record_route), 0, 0, "on|off", Reload::yes,
        "Stay in the path of calls"},
       {kServe, "", "presence", AT(presence), 0, 0, "on|off", Reload::no,
        "Take what users publish of themselves (RFC 3903), and tell it to who watches"},
       {kServe, "", "threads", AT(threads), 1, 256, "", Reload::no, "How many share the work"},
       {kBoth, "", "advertised-host", AT(endpoint.advertised_host), 0, 0, "", Reload::no,
        "What others call us, where a NAT is between"},
       {kBoth, "", "metrics", AT(metrics), 0, 0, "", Reload::no,
        "HOST:PORT for /metrics and /healthz by HTTP", check_http_text},
       {kBoth, "", "trust", AT(trusted), 0, 0, "", Reload::no,
        "Networks without limits of their own, ADDRESS/BITS: trunks, other proxies", check_network},
       {kBoth, "", "drain-ms", AT(drain_ms), 0, kDayMs, "ms", Reload::yes,
        "What is in progress at SIGTERM may take so long; by default 0 for b2bua"},
       {kBoth, "", "log-level", AT(log_level), 0, 0, "error|warning|info|debug", Reload::yes,
        "How much is told on standard error"},
       {kBoth, "", "log-format", AT(log_format), 0, 0, "text|json", Reload::no,
        "Lines for people, or an object a line"},
       {kBoth, "", "trace", AT(trace), 0, 0, "", Reload::no,
        "Every message sent or received, as a pcap file"},
       {kBoth, "", "trace-hep", AT(hep), 0, 0, "", Reload::no,
        "The same, to a Homer server at ADDRESS:PORT", check_address_text},
       {kBoth, "", "trace-masked", AT(mask), 0, 0, "", Reload::no,
        "Credentials as asterisks in traces and in the debug log"},
       {kBoth, "", "dns", AT(dns), 0, 0, "", Reload::no,
        "Name servers, with commas between, in place of the system's", check_dns_text},
       {kBoth, "", "tls-cert", AT(tls_cert), 0, 0, "", Reload::no,
        "Certificate with its chain (PEM); the file is read again at SIGHUP"},
       {kBoth, "", "tls-key", AT(tls_key), 0, 0, "", Reload::no,
        "Its key (PEM); in the same file by default"},
       {kBoth, "", "tls-ca", AT(tls_ca), 0, 0, "", Reload::no,
        "Certificates to trust (PEM); the system's by default"},
       {kBoth, "", "tls-verify", AT(tls_verify), 0, 0, "on|off", Reload::no,
        "Whether servers must prove who they are"},
       {kBoth, "", "t1", AT(t1_ms), 1, 60000, "ms", Reload::no,
        "Timer T1; all timers derived from it scale along"}});
}

void add_roles(std::vector<ConfigKey>& k) {
  k.insert(
      k.end(),
      {{kServe, "registrar", "min-expires", AT(server.registrar.min_expires), 1, kDay, "s",
        Reload::yes, "Shorter registrations get 423"},
       {kServe, "registrar", "default-expires", AT(server.registrar.default_expires), 1, 30 * kDay,
        "s", Reload::yes, "For those that don't say"},
       {kServe, "registrar", "max-expires", AT(server.registrar.max_expires), 1, 30 * kDay, "s",
        Reload::yes, "Longer ones are shortened"},
       {kServe, "registrar", "max-contacts", AT(server.registrar.max_contacts), 1, 1000, "",
        Reload::yes, "Of one address of record; then 403"},
       {kServe, "registrar", "max-bindings", AT(server.memory.max_bindings), 1, kMany, "",
        Reload::no, "Bindings of all users together, in memory; then 503"},
       {kServe, "registrar", "gruu", AT(server.registrar.gruu), 0, 0, "", Reload::yes,
        "Give GRUUs to phones that ask for them (RFC 5627)"},
       {kServe, "registrar", "gruu-key", AT(gruu_key), 0, 0, "", Reload::no,
        "64 hex digits: temporary GRUUs outlive a restart; drawn at random by default", check_key},
       {kServe, "registrar", "flow-timer", AT(server.registrar.flow_timer), 0, kDay, "s",
        Reload::yes, "Told to phones of RFC 5626 on streams; 0: not told"},
       {kServe, "registrar", "registration-events", AT(server.registration_events), 0, 0, "",
        Reload::no, "Phones may watch their own registration (RFC 3680); not with several threads"},
       {kServe, "proxy", "open-inbound", AT(server.proxy.open_inbound), 0, 0, "", Reload::yes,
        "With users: requests of other domains for our users need no credentials"},
       {kServe, "proxy", "edge", AT(server.proxy.edge), 0, 0, "", Reload::yes,
        "An edge proxy: all that phones send goes to this SIP URI (RFC 5626 section 5)",
        complete_uri},
       {kServe, "proxy", "path-key", AT(path_key), 0, 0, "", Reload::no,
        "32 hex digits: Paths of an edge or a node outlive a restart; drawn at random by default",
        check_short_key},
       {kServe, "proxy", "stateless", AT(server.proxy.stateless), 0, 0, "", Reload::no,
        "Forward by routes alone, and keep nothing (RFC 3261 section 16.11)"},
       {kServe, "proxy", "timer-c", AT(server.proxy.timer_c), 181, kDay, "s", Reload::no,
        "A callee that rings longer is given up"},
       {kServe, "proxy", "max-branches", AT(server.proxy.max_branches), 1, 1000, "", Reload::yes,
        "Targets that a request forks to"},
       {kServe, "proxy", "max-contexts", AT(server.proxy.max_contexts), 1, kMany, "", Reload::yes,
        "Requests on their way at once; then 503"},
       {kServe, "proxy", "max-breadth", AT(server.proxy.max_breadth), 1, 1000, "", Reload::yes,
        "Max-Breadth of RFC 5393 where the request has none"}});
}

void add_bridge(std::vector<ConfigKey>& k) {
  k.insert(
      k.end(),
      {{kBridge, "b2bua", "to", AT(to), 0, 0, "", Reload::yes, "Where calls go, a SIP URI",
        complete_uri},
       {kBridge, "b2bua", "from", AT(bridge.to.from), 0, 0, "", Reload::yes,
        "Who calls, a SIP URI; the caller's by default", complete_uri},
       {kBridge, "b2bua", "pass-header", AT(pass_headers), 0, 0, "", Reload::no,
        "Header fields that pass from side to side; X-* is all that begin so", check_name},
       {kBridge, "b2bua", "info-package", AT(info_packages), 0, 0, "", Reload::no,
        "INFO packages that are taken", check_name},
       {kBridge, "b2bua", "redirects", AT(redirects), 0, 0, "follow|pass", Reload::no,
        "What becomes of 3xx"},
       {kBridge, "b2bua", "reliable", AT(reliable), 0, 0, "independent|coupled", Reload::no,
        "Who acknowledges reliable provisionals"},
       {kBridge, "b2bua", "refer", AT(refer), 0, 0, "relay|refuse", Reload::no,
        "What becomes of REFER"},
       {kBridge, "b2bua", "glare", AT(glare), 0, 0, "handle|pass", Reload::no,
        "What becomes of 491"},
       {kBridge, "b2bua", "origin", AT(origin), 0, 0, "own|pass", Reload::no,
        "o= of session descriptions"},
       {kBridge, "b2bua", "relay-options", AT(bridge.relay_options), 0, 0, "", Reload::no,
        "Have the other side answer OPTIONS"},
       {kBridge, "b2bua", "max-ring-ms", AT(max_ring_ms), 0, kDayMs, "ms", Reload::no,
        "Give a callee up that rings that long; 0: the caller decides"},
       {kBridge, "b2bua", "session-expires", AT(endpoint.user_agent.session_expires), 0, kMany, "s",
        Reload::no,
        "Have sessions refreshed at least that often (RFC 4028), 90 or more; 0: as asked"},
       {kBridge, "b2bua", "user", AT(user), 0, 0, "", Reload::yes,
        "Answers the callee's challenges"},
       {kBridge, "b2bua", "password", AT(password), 0, 0, "", Reload::yes, "Its password"},
       {kBridge, "b2bua", "proxy", AT(proxy), 0, 0, "", Reload::yes,
        "Outbound proxy toward the callee", complete_uri},
       {kBridge, "b2bua", "max-calls", AT(bridge.max_calls), 1, kMany, "", Reload::no, "Then 503"},
       {kBridge, "b2bua", "max-requests", AT(bridge.max_requests), 1, kMany, "", Reload::no,
        "Relayed requests without an answer, of all calls; then 503"},
       {kBridge, "b2bua", "max-call-requests", AT(bridge.max_call_requests), 1, kMany, "",
        Reload::no, "The same of one call; then 500"}});
}

void add_transaction_limits(std::vector<ConfigKey>& k) {
  k.insert(
      k.end(),
      {{kBoth, "limits", "max-transactions", AT(endpoint.transactions.max_transactions), 1, kMany,
        "", Reload::no, "Without a final response, of servers and of clients each; then 503"},
       {kBoth, "limits", "max-lingering", AT(endpoint.transactions.max_lingering), 1, kMany, "",
        Reload::no, "That have one and stay for repetitions; then 503"},
       {kBoth, "limits", "max-half-open-per-source",
        AT(endpoint.transactions.max_half_open_per_source), 1, kMany, "", Reload::no,
        "Requests of one IPv4 address or IPv6 /64 that wait for an answer; then 503"},
       {kBoth, "limits", "reset-burst", AT(endpoint.transactions.reset_burst), 1, kMany, "",
        Reload::no, "Calls that a source may begin and cancel at once"},
       {kBoth, "limits", "resets-per-second", AT(endpoint.transactions.resets_per_second), 0, kMany,
        "", Reload::no, "And in the long run; 0: no limit"},
       {kBoth, "limits", "answer-cap", AT(endpoint.transactions.answer_cap), 1, kDay, "s",
        Reload::no, "A server that says nothing for so long answers 408"},
       {kBoth, "limits", "udp-limit", AT(endpoint.transactions.udp_limit), 0, 65535, "bytes",
        Reload::no, "Larger requests go by TCP (RFC 3261 section 18.1.1); 0: never"},
       {kBoth, "limits", "avoid-failed", AT(endpoint.transactions.avoid_failed), 0, kDay, "s",
        Reload::no, "A target that failed is tried last for so long"},
       {kBoth, "limits", "avoid-refusing", AT(endpoint.transactions.avoid_refusing), 0, kDay, "s",
        Reload::no, "One that said 503 with Retry-After, at most so long"},
       {kBoth, "limits", "max-dialogs", AT(endpoint.user_agent.max_dialogs), 1, kMany, "",
        Reload::no, "Of our own user agent; then 503"},
       {kBoth, "limits", "max-subscriptions", AT(endpoint.user_agent.notifier.max_subscriptions), 1,
        kMany, "", Reload::no, "With us; then 503"},
       {kServe, "limits", "max-publications", AT(presences.state.max_publications), 1, kMany, "",
        Reload::no, "With presence, of all users; then 503"},
       {kServe, "limits", "max-publications-per-user", AT(presences.state.max_per_resource), 1,
        1000, "", Reload::no, "Devices of one that publish; then 503"},
       {kServe, "limits", "publication-bytes", AT(presences.state.max_body), 256, 65535, "bytes",
        Reload::no, "Of one document; then 413"},
       {kServe, "limits", "max-watchers-per-user", AT(presences.max_watchers), 1, kMany, "",
        Reload::no, "Of one user's presence; then 503"},
       {kBoth, "limits", "pool-bytes", AT(endpoint.pool_bytes), 1'000'000, INT64_MAX, "bytes",
        Reload::no, "For messages, of a thread"},
       {kBoth, "limits", "ring-bytes", AT(endpoint.ring), 262'144, INT64_MAX, "bytes", Reload::no,
        "Between each two threads; datagrams beyond are lost"},
       {kBoth, "limits", "overflow-bytes", AT(endpoint.overflow), 0, INT64_MAX, "bytes", Reload::no,
        "Kept beside for streams, which may not lose"}});
}

void add_source_limits(std::vector<ConfigKey>& k) {
  k.insert(
      k.end(),
      {{kBoth, "limits", "source-requests-burst", AT(endpoint.sources.requests.burst), 1, kMany, "",
        Reload::no, "Requests of one IPv4 address or IPv6 /64 at once; then 503, and silence"},
       {kBoth, "limits", "source-requests-per-second", AT(endpoint.sources.requests.per_second), 0,
        kMany, "", Reload::no, "And in the long run; 0: no limit"},
       {kBoth, "limits", "source-registers-burst", AT(endpoint.sources.registers.burst), 1, kMany,
        "", Reload::no, "REGISTERs of a source, beside that"},
       {kBoth, "limits", "source-registers-per-second", AT(endpoint.sources.registers.per_second),
        0, kMany, "", Reload::no, "And in the long run; 0: no limit"},
       {kBoth, "limits", "source-failures-burst", AT(endpoint.sources.failures.burst), 1, kMany, "",
        Reload::no, "Refused credentials of a source; then none are looked at"},
       {kBoth, "limits", "source-failures-per-second", AT(endpoint.sources.failures.per_second), 0,
        kMany, "", Reload::no, "And in the long run; 0: no limit"},
       {kBoth, "limits", "max-sources", AT(endpoint.sources.max_sources), 1, kMany, "", Reload::no,
        "Sources that are remembered"},
       {kBoth, "limits", "limit-loopback-requests", AT(endpoint.sources.limit_loopback), 0, 0, "",
        Reload::no, "Whether the limits by source hold for loopback too"},
       {kBoth, "limits", "overload-control", AT(endpoint.overload.enabled), 0, 0, "", Reload::no,
        "Refuse new work before it becomes a backlog"}});
}

void add_parse_limits(std::vector<ConfigKey>& k) {
  k.insert(k.end(), {{kBoth, "limits", "message-bytes", AT(endpoint.limits.message), 1024, 65535,
                      "bytes", Reload::no, "Of a whole message"},
                     {kBoth, "limits", "start-line-bytes", AT(endpoint.limits.start_line), 64,
                      65535, "bytes", Reload::no, "Of the first line"},
                     {kBoth, "limits", "uri-bytes", AT(endpoint.limits.uri), 32, 65535, "bytes",
                      Reload::no, "Of the Request-URI; then 414"},
                     {kBoth, "limits", "header-block-bytes", AT(endpoint.limits.header_block), 256,
                      65535, "bytes", Reload::no, "Of all header fields"},
                     {kBoth, "limits", "header-value-bytes", AT(endpoint.limits.header_value), 64,
                      65535, "bytes", Reload::no, "Of one"},
                     {kBoth, "limits", "header-name-bytes", AT(endpoint.limits.header_name), 32,
                      1024, "bytes", Reload::no, "Of its name"},
                     {kBoth, "limits", "headers", AT(endpoint.limits.headers), 16, 256, "",
                      Reload::no, "Header fields of a message"},
                     {kBoth, "limits", "vias", AT(endpoint.limits.vias), 1, 256, "", Reload::no,
                      "Via values of a message"},
                     {kBoth, "limits", "values", AT(endpoint.limits.values), 1, 1024, "",
                      Reload::no, "Values of any other list"},
                     {kBoth, "limits", "contacts", AT(endpoint.limits.contacts), 1, 1024, "",
                      Reload::no, "Contact values"},
                     {kBoth, "limits", "credentials", AT(endpoint.limits.credentials), 1, 64, "",
                      Reload::no, "Authorization lines"},
                     {kBoth, "limits", "params", AT(endpoint.limits.params), 1, 256, "", Reload::no,
                      "Parameters of a value or URI"},
                     {kBoth, "limits", "uri-headers", AT(endpoint.limits.uri_headers), 0, 256, "",
                      Reload::no, "Header fields in a URI"}});
}

void add_transport_limits(std::vector<ConfigKey>& k) {
  k.insert(k.end(),
           {{kBoth, "limits", "max-connections", AT(endpoint.transport.max_connections), 1, kMany,
             "", Reload::no, "Accepted and opened, of a thread"},
            {kBoth, "limits", "max-connections-per-source", AT(endpoint.transport.max_per_source),
             1, kMany, "", Reload::no, "Accepted from one IPv4 address or IPv6 /64"},
            {kBoth, "limits", "limit-loopback", AT(endpoint.transport.limit_loopback), 0, 0, "",
             Reload::no, "Whether that holds for loopback sources too"},
            {kBoth, "limits", "backlog", AT(endpoint.transport.backlog), 1, 65535, "", Reload::no,
             "Connections that wait to be accepted"},
            {kBoth, "limits", "connect-time", AT(endpoint.transport.connect_timeout), 1, 3600, "s",
             Reload::no, "Until a connection that we open is up"},
            {kBoth, "limits", "handshake-time", AT(endpoint.transport.handshake), 1, 3600, "s",
             Reload::no, "TLS and WebSocket together"},
            {kBoth, "limits", "first-message-time", AT(endpoint.transport.first_message), 1, 3600,
             "s", Reload::no, "An accepted connection must bring a message by then"},
            {kBoth, "limits", "message-time", AT(endpoint.transport.message), 1, 3600, "s",
             Reload::no, "First byte of a message to its last"},
            {kBoth, "limits", "idle-time", AT(endpoint.transport.idle), 1, kDay, "s", Reload::no,
             "A connection without message, ping or write is closed"},
            {kBoth, "limits", "send-stall-time", AT(endpoint.transport.send_stall), 1, 3600, "s",
             Reload::no, "Bytes wait, and the peer takes none"},
            {kBoth, "limits", "linger-time", AT(endpoint.transport.linger), 0, 3600, "s",
             Reload::no, "For last replies behind an error"},
            {kBoth, "limits", "write-queue-bytes", AT(endpoint.transport.write_queue), 4096, kMany,
             "bytes", Reload::no, "Of one connection; above it the connection closes"},
            {kBoth, "limits", "write-queues-bytes", AT(endpoint.transport.write_queues), 4096,
             INT64_MAX, "bytes", Reload::no, "Of all connections of a thread"},
            {kBoth, "limits", "datagram-queue", AT(endpoint.transport.datagram_queue), 1, kMany, "",
             Reload::no, "Datagrams that a socket holds back while the system can't"},
            {kBoth, "limits", "pong", AT(endpoint.transport.pong), 0, 0, "", Reload::no,
             "Answer CRLF CRLF on streams"},
            {kBoth, "limits", "ping-time", AT(endpoint.transport.ping), 0, kDay, "s", Reload::no,
             "Between pings on connections that we opened; 0: none"},
            {kBoth, "limits", "web-ping-time", AT(endpoint.transport.web_ping), 0, kDay, "s",
             Reload::no, "The same on WebSockets opened to us"},
            {kBoth, "limits", "pong-time", AT(endpoint.transport.pong_timeout), 1, 3600, "s",
             Reload::no, "What was pinged and says nothing by then is dead"},
            {kBoth, "limits", "stun", AT(endpoint.transport.stun), 0, 0, "", Reload::no,
             "Answer STUN binding requests on UDP (RFC 5626 section 8)"},
            {kBoth, "limits", "tls-sessions", AT(endpoint.transport.tls.sessions), 0, kMany, "",
             Reload::no, "Sessions with servers that are remembered"},
            {kBoth, "limits", "dns-time", AT(endpoint.resolver.budget), 1, 60, "s", Reload::no,
             "For the next hop of a request, whatever the name servers do"},
            {kBoth, "limits", "dns-targets", AT(endpoint.resolver.max_targets), 1, 1000, "",
             Reload::no, "Addresses that are tried for a URI"},
            {kBoth, "limits", "dns-pending", AT(endpoint.resolver.max_pending), 1, kMany, "",
             Reload::no, "Lookups at once"},
            {kBoth, "limits", "dns-cache-entries", AT(endpoint.resolver.cache_entries), 0, kMany,
             "", Reload::no, "Answers that are kept"},
            {kBoth, "limits", "dns-max-ttl", AT(endpoint.resolver.max_ttl), 0, 30 * kDay, "s",
             Reload::no, "At most so long"},
            {kBoth, "limits", "dns-max-negative-ttl", AT(endpoint.resolver.max_negative_ttl), 0,
             30 * kDay, "s", Reload::no, "Those that say no"}});
}

#undef AT

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = [] {
    std::vector<ConfigKey> all;
    add_words(all);
    add_roles(all);
    add_bridge(all);
    add_store_keys(all);
    add_transaction_limits(all);
    add_source_limits(all);
    add_parse_limits(all);
    add_transport_limits(all);
    return all;
  }();
  return keys;
}

const std::vector<ConfigRouteKey>& config_route_keys(bool bridge) {
  static const std::vector<ConfigRouteKey> proxy = {
      {"domain", "Host of the Request-URI, \"*.example.com\" for those below; any by default"},
      {"prefix", "Of the user part or telephone number, visual separators removed; any by default"},
      {"targets", "Next hops, SIP URIs, tried in order; needed"},
      {"strip", "Characters taken off the front of the user part"},
      {"prepend", "And what is put there"},
      {"open", "true: strangers may go there, too; never on the way to what costs money"}};
  static const std::vector<ConfigRouteKey> b2bua = {
      proxy[0],
      proxy[1],
      {"to",
       "Where such calls go, SIP URIs, tried in order; without a user they get the called one; "
       "needed"},
      proxy[3],
      proxy[4]};
  return bridge ? b2bua : proxy;
}

}  // namespace sipstack::tools
