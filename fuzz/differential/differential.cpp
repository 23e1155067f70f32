// SPDX-License-Identifier: Apache-2.0
// A message that we and another parser take must say the same to both. One that we alone take, or alone
// refuse, needs an excuse. Stops at the first difference that has none.
#include "differential.hpp"

#include <cstdio>
#include <cstdlib>

#include "sipstack/parser/params.hpp"

namespace differential {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

std::string without_brackets(std::string_view host) {
  if (host.size() > 1 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return lower(host);
}

std::string number(std::string_view digits) {
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return std::string(digits);
}

std::string difference(const Record& a, const Record& b) {
  if (a.request != b.request) return "kind";
  if (a.method != b.method) return "method";
  if (a.status != b.status) return "status";
  if (a.uri_user != b.uri_user) return "uri-user";
  if (a.uri_host != b.uri_host) return "uri-host";
  if (a.uri_port != b.uri_port) return "uri-port";
  if (a.via_transport != b.via_transport) return "via-transport";
  if (a.via_host != b.via_host) return "via-host";
  if (a.via_port != b.via_port) return "via-port";
  if (a.branch != b.branch) return "branch";
  if (a.vias != b.vias) return "vias";
  if (a.from_tag != b.from_tag) return "from-tag";
  if (a.to_tag != b.to_tag) return "to-tag";
  if (a.call_id != b.call_id) return "call-id";
  if (a.cseq_number != b.cseq_number) return "cseq-number";
  if (a.cseq_method != b.cseq_method) return "cseq-method";
  if (a.content_length != b.content_length) return "content-length";
  if (a.body != b.body) return "body";
  return "";
}

namespace {

// Stops; or, with SIPSTACK_SURVEY set, tells and goes on, to see all that there is.
void report(const char* what, std::string_view text, std::string_view peer,
            const std::string& field) {
  static const bool survey = std::getenv("SIPSTACK_SURVEY") != nullptr;
  std::fprintf(stderr, "differential: %s %.*s %s\n", what, static_cast<int>(peer.size()),
               peer.data(), field.c_str());
  if (!survey) std::abort();
  std::fprintf(stderr, "%.*s\n----\n", static_cast<int>(text.size()), text.data());
}

// Every field that differs needs an excuse of its own; one that is excused is taken over, to see the next.
void compare(std::string_view text, std::string_view peer, const Record& mine, Record theirs) {
  for (;;) {
    const std::string field = difference(mine, theirs);
    if (field.empty()) return;
    if (excuse(text, peer, field, mine, theirs).empty()) {
      report("differs from", text, peer, field);
    }
    if (field == "kind") return;
    if (field == "method") theirs.method = mine.method;
    if (field == "status") theirs.status = mine.status;
    if (field == "uri-user") theirs.uri_user = mine.uri_user;
    if (field == "uri-host") theirs.uri_host = mine.uri_host;
    if (field == "uri-port") theirs.uri_port = mine.uri_port;
    if (field == "via-transport") theirs.via_transport = mine.via_transport;
    if (field == "via-host") theirs.via_host = mine.via_host;
    if (field == "via-port") theirs.via_port = mine.via_port;
    if (field == "branch") theirs.branch = mine.branch;
    if (field == "vias") theirs.vias = mine.vias;
    if (field == "from-tag") theirs.from_tag = mine.from_tag;
    if (field == "to-tag") theirs.to_tag = mine.to_tag;
    if (field == "call-id") theirs.call_id = mine.call_id;
    if (field == "cseq-number") theirs.cseq_number = mine.cseq_number;
    if (field == "cseq-method") theirs.cseq_method = mine.cseq_method;
    if (field == "content-length") theirs.content_length = mine.content_length;
    if (field == "body") theirs.body = mine.body;
  }
}

}  // namespace
}  // namespace differential

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace differential;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // C strings end at a NUL, and we refuse one outside a body: nothing to compare.
  if (text.find('\0') != std::string_view::npos) return 0;
  const Reading mine = ours(text);
  std::size_t peers = 0;
  std::size_t taken = 0;
#ifdef FUZZ_OSIP
  const Reading by_osip = osip(text);
  ++peers;
  taken += by_osip ? 1 : 0;
  if (mine && by_osip) compare(text, "osip", *mine, *by_osip);
#endif
#ifdef FUZZ_SOFIA
  const Reading by_sofia = sofia(text);
  ++peers;
  taken += by_sofia ? 1 : 0;
  if (mine && by_sofia) compare(text, "sofia", *mine, *by_sofia);
#endif
  if (mine && taken == 0 && peers > 1 && acceptance_excuse(text).empty()) {
    report("alone takes it", text, "", "");
  }
  if (!mine && taken == peers && peers > 1 && refusal_excuse(text).empty()) {
    report("alone refuses it", text, "", "");
  }
  return 0;
}
