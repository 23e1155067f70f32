// SPDX-License-Identifier: Apache-2.0
// Matching responses and requests to transactions. RFC 3261 sections 17.1.3, 17.2.3 and 8.2.2.2.
#include "transaction/keys.hpp"

#include <cstring>

namespace sipstack {
namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
bool white(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Hashes one field behind others: what came before goes into the key.
HashKey behind(const HashKey& key, std::uint64_t before) noexcept {
  return {key.k0 ^ before, key.k1};
}
std::uint64_t number(Method method) noexcept { return static_cast<std::uint64_t>(method) + 1; }

std::string_view sent_by(const MessageView& message) noexcept {
  const std::string_view bytes = message.bytes();
  return message.head().sent_by.in(bytes.data() - message.head().start);
}

bool same_sent_by(std::string_view a, std::string_view b) noexcept {
  if (a == b) return true;
  std::size_t i = 0;
  std::size_t j = 0;
  for (;;) {
    while (i < a.size() && white(a[i])) ++i;
    while (j < b.size() && white(b[j])) ++j;
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (lower(a[i++]) != lower(b[j++])) return false;
  }
}

void put_hex(char* out, std::uint64_t value, int digits) noexcept {
  for (int i = digits; i-- > 0; value >>= 4) out[i] = "0123456789abcdef"[value & 15];
}

std::optional<std::uint64_t> read_hex(std::string_view text) noexcept {
  std::uint64_t value = 0;
  for (const char c : text) {
    const char l = lower(c);
    int digit = 0;
    if (l >= '0' && l <= '9')
      digit = l - '0';
    else if (l >= 'a' && l <= 'f')
      digit = l - 'a' + 10;
    else
      return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(digit);
  }
  return value;
}

}  // namespace

ClientBranch::Text ClientBranch::text() const noexcept {
  Text out;
  std::memcpy(out.chars, kMagicCookie.data(), kMagicCookie.size());
  put_hex(out.chars + 7, txn.slot, 8);
  put_hex(out.chars + 15, txn.generation, 8);
  put_hex(out.chars + 23, random, 16);
  return out;
}

std::optional<ClientBranch> ClientBranch::parse(std::string_view text) noexcept {
  if (text.size() != kSize || !iequals(text.substr(0, kMagicCookie.size()), kMagicCookie))
    return std::nullopt;
  const auto slot = read_hex(text.substr(7, 8));
  const auto generation = read_hex(text.substr(15, 8));
  const auto random = read_hex(text.substr(23, 16));
  if (!slot || !generation || !random) return std::nullopt;
  return ClientBranch{{static_cast<std::uint32_t>(*slot), static_cast<std::uint32_t>(*generation)},
                      *random};
}

std::uint32_t response_hash(const HashKey& key, const MessageView& message) noexcept {
  // Host names are equal in any case; white space around the colon means nothing.
  char text[128];
  std::size_t used = 0;
  std::uint64_t hash = number(message.method());
  const auto flush = [&] {
    hash = keyed_hash(behind(key, hash), {text, used});
    used = 0;
  };
  for (const char c : sent_by(message)) {
    if (white(c)) continue;
    if (used == sizeof text) flush();
    text[used++] = lower(c);
  }
  flush();
  if (message.method() == Method::other)
    hash = keyed_hash(behind(key, hash), message.method_name());
  return static_cast<std::uint32_t>(hash);
}

bool is_legacy(const MessageView& request) noexcept {
  const std::string_view branch = request.branch();
  if (branch.size() <= kMagicCookie.size()) return true;
  const std::string_view cookie = branch.substr(0, kMagicCookie.size());
  return cookie != kMagicCookie && !iequals(cookie, kMagicCookie);
}

std::uint32_t server_hash(const HashKey& key, const MessageView& request, Method method) noexcept {
  std::uint64_t hash = number(method);
  if (!is_legacy(request))
    return static_cast<std::uint32_t>(keyed_hash(behind(key, hash), request.branch()));
  // Without To tag, which an ACK has and its INVITE has not.
  hash ^= static_cast<std::uint64_t>(request.head().cseq) << 32;
  for (const std::string_view field : {request.uri_text(), request.from_tag(), request.call_id(),
                                       std::string_view(request.top_via().text)})
    hash = keyed_hash(behind(key, hash), field);
  return static_cast<std::uint32_t>(hash);
}

bool same_branch(const MessageView& a, const MessageView& b) noexcept {
  return a.branch() == b.branch() && same_sent_by(sent_by(a), sent_by(b));
}

bool matches(const Transaction& server, const MessageView& request, Method method) noexcept {
  const MessageView ours = server.anchor();
  if (!ours || server.method != method || server.legacy != is_legacy(request)) return false;
  if (method == Method::other && ours.method_name() != request.method_name()) return false;
  if (!server.legacy) return same_branch(ours, request);
  // RFC 2543: as many fields as tell two requests apart. A legacy transaction keeps its request.
  if (ours.uri_text() != request.uri_text() || ours.from_tag() != request.from_tag() ||
      ours.call_id() != request.call_id() || ours.head().cseq != request.head().cseq ||
      ours.top_via().text != request.top_via().text)
    return false;
  if (request.method() != Method::ack) return ours.to_tag() == request.to_tag();
  // The To tag of an ACK is that of the response sent.
  return server.response && server.response->to_tag() == request.to_tag();
}

// Whose From tags differ are few, or an attacker's: SlotTable looks at so many and no more.
std::uint32_t merge_hash(const HashKey& key, const MessageView& request) noexcept {
  return static_cast<std::uint32_t>(keyed_hash(
      behind(key, request.head().cseq | number(request.method()) << 32), request.call_id()));
}

bool merges(const Transaction& server, const MessageView& request) noexcept {
  const MessageView ours = server.anchor();
  return ours && ours.from_tag() == request.from_tag() && ours.call_id() == request.call_id() &&
         ours.head().cseq == request.head().cseq && ours.method_name() == request.method_name();
}

}  // namespace sipstack
