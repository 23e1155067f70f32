// SPDX-License-Identifier: Apache-2.0
#include "store/redis_address.hpp"

#include <charconv>

namespace sipstack::store {
namespace {

/// All of the text, as a number up to `most`.
template <class Number>
std::optional<Number> whole_number(std::string_view text, Number most) {
  Number n{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, n);
  if (text.empty() || error != std::errc() || stop != end || n > most) return std::nullopt;
  return n;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const char* const digits = text.data() + i + 1;
    if (std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// HOST, HOST:PORT, [IPv6] or [IPv6]:PORT; false where it is none.
bool read_host(std::string_view text, RedisAddress& address) {
  std::string_view host = text.substr(0, text.find(':'));
  std::string_view rest = text.substr(host.size());
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return false;
    host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
  }
  if (host.empty()) return false;
  address.host = host;
  if (rest.empty()) return true;
  if (!take_prefix(rest, ":")) return false;
  const auto port = whole_number<std::uint16_t>(rest, UINT16_MAX);
  address.port = port.value_or(0);
  return address.port != 0;
}

std::uint16_t crc16(std::string_view bytes) noexcept {  // XMODEM's
  unsigned crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return static_cast<std::uint16_t>(crc);
}

}  // namespace

std::string RedisAddress::to_string() const {
  if (!path.empty()) return path;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

expected<RedisUrl, std::string> parse_redis_url(std::string_view url) {
  const auto bad = [](const char* why) { return unexpected(std::string(why)); };
  RedisUrl out;
  std::string_view rest = url;
  const bool local = take_prefix(rest, "redis+unix://");
  if (url.substr(0, 9) == "rediss://") return bad("Redis over TLS is not supported");
  if (!local && !take_prefix(rest, "redis://"))
    return bad("a Redis is redis://HOST[:PORT][/DATABASE] or redis+unix:///PATH");
  // The last @ before the path: a password that somebody forgot to escape may hold one.
  if (const auto at = rest.substr(0, rest.find('/')).rfind('@'); at != std::string_view::npos) {
    const std::string_view who = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const auto colon = who.find(':');
    const auto user = percent_decoded(who.substr(0, colon));
    const auto password =
        percent_decoded(colon == std::string_view::npos ? "" : who.substr(colon + 1));
    if (!user || !password) return bad("user or password of the Redis URL has a bad %-escape");
    if (password->empty()) return bad("the Redis URL has a user without a password");
    out.user = *user;
    out.password = *password;
  }
  std::string_view database;
  if (local) {
    const auto query = rest.find('?');
    if (query != std::string_view::npos) {
      database = rest.substr(query + 1);
      if (!take_prefix(database, "db=")) return bad("the Redis URL may have ?db=DATABASE alone");
      rest = rest.substr(0, query);
    }
    if (rest.size() < 2 || rest.front() != '/') return bad("the Redis URL has no path");
    out.address.path = rest;
    out.address.port = 0;
  } else {
    const auto slash = rest.find('/');
    if (slash != std::string_view::npos) database = rest.substr(slash + 1);
    if (!read_host(rest.substr(0, slash), out.address))
      return bad("the Redis URL has no host, or a bad port");
  }
  if (!database.empty()) {
    const auto number = whole_number<unsigned>(database, 1'000'000);
    if (!number) return bad("the database of the Redis URL is no number");
    out.database = *number;
  }
  return out;
}

std::size_t redis_slot(std::string_view key) noexcept {
  const auto open = key.find('{');
  if (open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close != open + 1)
      key = key.substr(open + 1, close - open - 1);
  }
  return crc16(key) % kRedisSlots;
}

std::optional<RedisRedirect> parse_redis_redirect(std::string_view error) {
  RedisRedirect r;
  r.once = take_prefix(error, "ASK ");
  if (!r.once && !take_prefix(error, "MOVED ")) return std::nullopt;
  const auto space = error.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto slot = whole_number<std::size_t>(error.substr(0, space), kRedisSlots - 1);
  const std::string_view address = error.substr(space + 1);
  const auto colon = address.rfind(':');  // an IPv6 address stands there without brackets
  if (!slot || colon == std::string_view::npos) return std::nullopt;
  const auto port = whole_number<std::uint16_t>(address.substr(colon + 1), UINT16_MAX);
  if (!port || *port == 0) return std::nullopt;
  r.slot = *slot;
  r.to.host = address.substr(0, colon);
  r.to.port = *port;
  return r;
}

}  // namespace sipstack::store
