// SPDX-License-Identifier: Apache-2.0
// Which scanners run, and what needs no instruction set of its own.
#include "parser/scan.hpp"

#include "sipstack/base/address.hpp"

namespace sipstack {
namespace scan {
namespace {

const Scanners* best() noexcept {
  for (const Scanners* set : {kAvx2, kSse42, kNeon}) {
    if (set != nullptr && runs_here(*set)) return set;
  }
  return &kPlain;
}

bool labels_fit(std::string_view name) noexcept {
  std::size_t length = 0;
  for (const char c : name) {
    length = c == '.' ? 0 : length + 1;
    if (length > 63) return false;
  }
  return name.size() <= 255;
}

}  // namespace

bool runs_here(const Scanners& set) noexcept {
#if defined(__x86_64__)
  if (&set == kAvx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
  if (&set == kSse42) return __builtin_cpu_supports("sse4.2");
#endif
  return true;
}

const Scanners* active = &kPlain;

namespace {

[[maybe_unused]] const bool chosen = (active = best()) != nullptr;

}  // namespace

bool host_fits(std::string_view host) noexcept {
  if (host.empty()) return false;
  if (host.front() == '[') return IpAddress::parse(host).has_value();
  return host.size() <= 63 || labels_fit(host);
}

ParseErrc port(std::string_view digits, std::optional<std::uint16_t>& out) noexcept {
  std::uint32_t value = 0;
  if (!number(digits, 65535, value) || value == 0) return ParseErrc::out_of_range;
  out = static_cast<std::uint16_t>(value);
  return ParseErrc::ok;
}

const char* comment_end(const char* p, const char* end) noexcept {
  int depth = 0;
  for (; p != end; ++p) {
    if (*p == '\\') {
      if (++p == end) return nullptr;
    } else if (*p == '(') {
      if (++depth > 8) return nullptr;
    } else if (*p == ')') {
      if (--depth == 0) return p + 1;
    }
  }
  return nullptr;
}

ParseErrc route(Scan& s, NameAddr& out) noexcept {
  return scanners().name_addr(s, out, Address::in_brackets);
}
ParseErrc contact(Scan& s, NameAddr& out) noexcept {
  return scanners().name_addr(s, out, Address::or_star);
}
ParseErrc referred_by(Scan& s, NameAddr& out) noexcept {
  return scanners().name_addr(s, out, Address::maybe_without_scheme);
}
ParseErrc value(Scan& s, NameAddr& out) noexcept {
  return scanners().name_addr(s, out, Address::any);
}
ParseErrc value(Scan& s, Via& out) noexcept { return scanners().via(s, out); }
ParseErrc value(Scan& s, CSeq& out) noexcept { return scanners().cseq(s, out); }
ParseErrc value(Scan& s, MediaType& out) noexcept { return scanners().media_type(s, out); }
ParseErrc value(Scan& s, TokenValue& out) noexcept { return scanners().token_value(s, out); }
ParseErrc value(Scan& s, NumberValue& out) noexcept { return scanners().number_value(s, out); }
ParseErrc value(Scan& s, CallIdValue& out) noexcept { return scanners().call_id_value(s, out); }
ParseErrc value(Scan& s, AuthValue& out) noexcept { return scanners().auth(s, out, true); }
ParseErrc auth_info(Scan& s, AuthValue& out) noexcept { return scanners().auth(s, out, false); }

}  // namespace scan

namespace {

template <class T>
ParseErrc alone(ParseErrc (*scanner)(scan::Scan&, T&) noexcept, const char*& cursor,
                const char* end, T& out) noexcept {
  scan::Scan s{cursor, end, end};
  const ParseErrc code = scanner(s, out);
  cursor = s.at;
  return code;
}

}  // namespace

#define SIPSTACK_X(type)                                                            \
  ParseErrc parse_value(const char*& cursor, const char* end, type& out) noexcept { \
    return alone<type>(&scan::value, cursor, end, out);                             \
  }
SIPSTACK_X(Via)
SIPSTACK_X(NameAddr)
SIPSTACK_X(CSeq)
SIPSTACK_X(MediaType)
SIPSTACK_X(TokenValue)
SIPSTACK_X(NumberValue)
SIPSTACK_X(CallIdValue)
SIPSTACK_X(AuthValue)
#undef SIPSTACK_X

ParseErrc parse_contact(const char*& cursor, const char* end, NameAddr& out) noexcept {
  return alone<NameAddr>(&scan::contact, cursor, end, out);
}
ParseErrc parse_route(const char*& cursor, const char* end, NameAddr& out) noexcept {
  return alone<NameAddr>(&scan::route, cursor, end, out);
}
ParseErrc parse_referred_by(const char*& cursor, const char* end, NameAddr& out) noexcept {
  return alone<NameAddr>(&scan::referred_by, cursor, end, out);
}
ParseErrc parse_auth_info(const char*& cursor, const char* end, AuthValue& out) noexcept {
  return alone<AuthValue>(&scan::auth_info, cursor, end, out);
}

expected<void, ParseError> parse(std::string_view bytes, MessageIndex& index,
                                 const ParseLimits& limits) noexcept {
  return scan::scanners().parse(bytes, index, limits);
}

expected<void, ParseError> split(std::string_view bytes, MessageIndex& index,
                                 const ParseLimits& limits) noexcept {
  return scan::scanners().split(bytes, index, limits);
}

}  // namespace sipstack
