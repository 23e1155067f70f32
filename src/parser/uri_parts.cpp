// SPDX-License-Identifier: Apache-2.0
// The parts of a URI. RFC 3261 sections 19.1.2 and 25.1, RFC 3966 sections 3 and 4.
#include "sipstack/parser/uri_parts.hpp"

#include <algorithm>
#include <iterator>

#include "parser/scan.hpp"

namespace sipstack {
namespace {

constexpr std::string_view kSeparators = "-.()";

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }
bool is_alnum(char c) noexcept { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }
bool is_one_of(char c, std::string_view set) noexcept {
  return set.find(c) != std::string_view::npos;
}

unsigned hex(char c) noexcept {
  return static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
}

// Whether `escaped`, with its escapes resolved, is `plain` in any case.
bool names(std::string_view escaped, std::string_view plain) noexcept {
  std::size_t i = 0;
  for (std::size_t j = 0; j < plain.size(); ++j) {
    if (i == escaped.size()) return false;
    char c = escaped[i++];
    if (c == '%' && escaped.size() - i >= 2 && is_hex(escaped[i]) && is_hex(escaped[i + 1])) {
      c = static_cast<char>(hex(escaped[i]) * 16 + hex(escaped[i + 1]));
      i += 2;
    }
    if (!iequals({&c, 1}, plain.substr(j, 1))) return false;
  }
  return i == escaped.size();
}

//   global-number-digits = "+" *phonedigit DIGIT *phonedigit
//   local-number-digits  = *phonedigit-hex (HEXDIG / "*" / "#") *phonedigit-hex
// Returns the first byte that does not fit, or the end where there is one digit at least.
const char* number_end(std::string_view number, bool global) noexcept {
  bool any = false;
  for (const char& c : number) {
    const bool digit = global ? is_digit(c) : is_hex(c) || c == '*' || c == '#';
    if (!digit && !is_one_of(c, kSeparators)) return &c;
    any = any || digit;
  }
  return any ? number.data() + number.size() : number.data();
}

bool is_domain(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return is_alnum(c) || c == '-' || c == '.'; });
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool same_digits(std::string_view a, std::string_view b) noexcept {
  std::size_t i = 0;
  std::size_t j = 0;
  for (;;) {
    while (i < a.size() && is_one_of(a[i], kSeparators)) ++i;
    while (j < b.size() && is_one_of(b[j], kSeparators)) ++j;
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (lower(a[i++]) != lower(b[j++])) return false;
  }
}

bool has_digits(std::string_view name) noexcept {
  return iequals(name, "ext") || iequals(name, "phone-context");
}

// Whether every parameter of `a` stands in `b`. Those of a SIP URI's user part are walked alike.
bool params_match(const Params& a, const Params& b) noexcept {
  return std::all_of(a.begin(), a.end(), [&b](const Param& param) {
    const auto other = b.find(param.name);
    if (!other) return false;
    return iequals(param.value, *other) ||
           (has_digits(param.name) && param.value.substr(0, 1) == other->substr(0, 1) &&
            (iequals(param.name, "ext") || param.value.substr(0, 1) == "+") &&
            same_digits(param.value, *other));
  });
}

// Beyond this many, parameters must be equal byte for byte: comparing costs the product.
constexpr std::ptrdiff_t kComparable = 64;

}  // namespace

void UriHeaders::iterator::next() noexcept {
  done_ = rest_.empty();
  field_ = {};
  if (done_) return;
  const std::string_view one = rest_.substr(0, rest_.find('&'));
  rest_.remove_prefix(std::min(one.size() + 1, rest_.size()));
  const std::size_t equals = one.find('=');
  field_.name = one.substr(0, equals);
  field_.has_value = equals != std::string_view::npos;
  if (field_.has_value) field_.value = one.substr(equals + 1);
}

std::size_t UriHeaders::size() const noexcept {
  return static_cast<std::size_t>(std::distance(begin(), end()));
}

std::optional<std::string_view> UriHeaders::find(std::string_view name) const noexcept {
  for (const Param& field : *this) {
    if (names(field.name, name)) return field.value;
  }
  return std::nullopt;
}

expected<TelNumber, ParseError> TelNumber::from(const Uri& uri) noexcept {
  const auto bad = [&uri](const char* at) {
    return unexpected<ParseError>(ParseError{ParseErrc::bad_uri, HeaderId::other,
                                             static_cast<std::uint32_t>(at - uri.text.data())});
  };
  std::string_view number = uri.user;
  TelNumber out;
  if (uri.scheme == UriScheme::tel) {
    out.params = uri.params;
  } else if (uri.is_sip() && uri.has_user) {
    const std::size_t semicolon = number.find(';');
    if (semicolon != std::string_view::npos) {
      out.params = Params(number.substr(semicolon));
      number = number.substr(0, semicolon);
    }
  } else {
    return bad(uri.text.data());
  }
  out.global = !number.empty() && number.front() == '+';
  out.number = out.global ? number.substr(1) : number;
  const char* const stop = number_end(out.number, out.global);
  if (out.number.empty() || stop != out.number.data() + out.number.size()) return bad(stop);
  for (const Param& param : out.params) {
    if (iequals(param.name, "phone-context")) {
      const std::string_view context = param.value;
      const bool digits = !context.empty() && context.front() == '+';
      if (digits ? context.size() == 1 ||
                       number_end(context.substr(1), true) != context.data() + context.size()
                 : !is_domain(context)) {
        return bad(param.name.data());
      }
      out.context = context;
    } else if (iequals(param.name, "ext")) {
      if (number_end(param.value, true) != param.value.data() + param.value.size() ||
          param.value.empty()) {
        return bad(param.name.data());
      }
      out.ext = param.value;
    } else if (iequals(param.name, "isub")) {
      out.isub = param.value;
    } else if (iequals(param.name, "postd")) {
      out.postd = param.value;
    }
  }
  return out;
}

std::string TelNumber::digits() const {
  std::string out;
  if (global) out.push_back('+');
  std::copy_if(number.begin(), number.end(), std::back_inserter(out),
               [](char c) { return !is_one_of(c, kSeparators); });
  return out;
}

bool equal(const TelNumber& a, const TelNumber& b) noexcept {
  if (a.global != b.global || !same_digits(a.number, b.number)) return false;
  if (a.params.text() == b.params.text()) return true;
  for (const Params& params : {a.params, b.params}) {
    if (std::count(params.text().begin(), params.text().end(), ';') > kComparable) return false;
  }
  return params_match(a.params, b.params) && params_match(b.params, a.params);
}

std::string escape(UriPart part, std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  constexpr std::string_view mark = "-_.!~*'()";
  //   user-unreserved, password, param-unreserved, hnv-unreserved
  constexpr std::string_view own[] = {"&=+$,;?/", "&=+$,", "[]/:&+$", "[]/?:+$"};
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_alnum(c) || is_one_of(c, mark) || is_one_of(c, own[static_cast<std::size_t>(part)])) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(digits[static_cast<unsigned char>(c) >> 4U]);
      out.push_back(digits[static_cast<unsigned char>(c) & 0xfU]);
    }
  }
  return out;
}

}  // namespace sipstack
