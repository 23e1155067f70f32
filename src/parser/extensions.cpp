// SPDX-License-Identifier: Apache-2.0
// Values of extension headers that have the grammar of a base: their accessors.
#include "sipstack/parser/extensions.hpp"

#include "parser/scan.hpp"

namespace sipstack {
namespace {

// delta-seconds and counters: clamped, as NameAddr::expires().
std::optional<std::uint32_t> number_of(const Params& params, std::string_view name) noexcept {
  const std::string_view digits = params.find(name).value_or(std::string_view{});
  if (digits.empty()) return std::nullopt;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  std::uint32_t value = 0;
  return scan::number(digits, 0xffffffff, value) ? value : 0xffffffff;
}

template <class Base>
ParseErrc as_base(const char*& cursor, const char* end, Base& out) noexcept {
  return parse_value(cursor, end, out);
}

// The digits behind "cause=" in text that may be escaped once.
std::optional<std::uint32_t> escaped_cause(std::string_view text) noexcept {
  constexpr std::string_view name = "cause";
  for (std::size_t at = 0; at + name.size() < text.size(); ++at) {
    if (!iequals(text.substr(at, name.size()), name)) continue;
    std::string_view rest = text.substr(at + name.size());
    if (rest.front() == '=') {
      rest.remove_prefix(1);
    } else if (iequals(rest.substr(0, 3), "%3D")) {
      rest.remove_prefix(3);
    } else {
      continue;
    }
    std::size_t digits = 0;
    while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') ++digits;
    std::uint32_t value = 0;
    if (digits == 0) return std::nullopt;
    return scan::number(rest.substr(0, digits), 0xffffffff, value) ? value : 0xffffffff;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> Reason::cause() const noexcept { return number_of(params, "cause"); }

std::string_view Reason::reason_text() const noexcept {
  return params.find("text").value_or(std::string_view{});
}

std::optional<std::uint32_t> RetryAfter::duration() const noexcept {
  return number_of(params, "duration");
}

std::optional<std::uint32_t> SubscriptionState::expires() const noexcept {
  return number_of(params, "expires");
}

std::optional<std::uint32_t> SubscriptionState::retry_after() const noexcept {
  return number_of(params, "retry-after");
}

SessionExpires::Refresher SessionExpires::refresher() const noexcept {
  const std::string_view value = params.find("refresher").value_or(std::string_view{});
  if (iequals(value, "uac")) return Refresher::uac;
  return iequals(value, "uas") ? Refresher::uas : Refresher::unspecified;
}

std::optional<std::uint32_t> Diversion::counter() const noexcept {
  return number_of(params, "counter");
}

std::optional<std::uint32_t> Diversion::limit() const noexcept {
  return number_of(params, "limit");
}

std::optional<std::uint32_t> HistoryInfo::cause() const noexcept {
  std::string_view rest = uri.headers;
  while (!rest.empty()) {
    const std::string_view field = rest.substr(0, rest.find('&'));
    rest.remove_prefix(field.size() == rest.size() ? field.size() : field.size() + 1);
    if (!iequals(field.substr(0, 7), "Reason=")) continue;
    if (const auto cause = escaped_cause(field.substr(7))) return cause;
  }
  return number_of(uri.params, "cause");
}

bool Privacy::has(std::string_view value) const noexcept {
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t length = rest.find_first_of(";, \t\r\n");
    if (length != 0 && iequals(rest.substr(0, length), value)) return true;
    rest.remove_prefix(length == std::string_view::npos ? rest.size() : length + 1);
  }
  return false;
}

ParseErrc parse_value(const char*& cursor, const char* end, Reason& out) noexcept {
  return as_base<TokenValue>(cursor, end, out);
}

ParseErrc parse_value(const char*& cursor, const char* end, Event& out) noexcept {
  return as_base<TokenValue>(cursor, end, out);
}

ParseErrc parse_value(const char*& cursor, const char* end, SubscriptionState& out) noexcept {
  return as_base<TokenValue>(cursor, end, out);
}

ParseErrc parse_value(const char*& cursor, const char* end, RetryAfter& out) noexcept {
  return as_base<NumberValue>(cursor, end, out);
}

ParseErrc parse_value(const char*& cursor, const char* end, SessionExpires& out) noexcept {
  return as_base<NumberValue>(cursor, end, out);
}

ParseErrc parse_value(const char*& cursor, const char* end, Replaces& out) noexcept {
  return as_base<CallIdValue>(cursor, end, out);
}

ParseErrc parse_value(const char*& cursor, const char* end, Join& out) noexcept {
  return as_base<CallIdValue>(cursor, end, out);
}

ParseErrc parse_value(const char*& cursor, const char* end, TargetDialog& out) noexcept {
  return as_base<CallIdValue>(cursor, end, out);
}

ParseErrc parse_value(const char*& cursor, const char* end, Info& out) noexcept {
  return parse_route(cursor, end, out);
}

ParseErrc parse_value(const char*& cursor, const char* end, Diversion& out) noexcept {
  return parse_route(cursor, end, out);
}

ParseErrc parse_value(const char*& cursor, const char* end, HistoryInfo& out) noexcept {
  return parse_route(cursor, end, out);
}

ParseErrc parse_value(const char*& cursor, const char* end, ReferredBy& out) noexcept {
  return parse_referred_by(cursor, end, out);
}

}  // namespace sipstack
