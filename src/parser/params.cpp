// SPDX-License-Identifier: Apache-2.0
// Walking parameter lists that a grammar has passed: only to be split, not to be checked again.
#include "sipstack/parser/params.hpp"

#include "parser/scan.hpp"

namespace sipstack {
namespace {

// Behind the closing quote of the string that opens at `p`, or `end`.
const char* skip_quoted(const char* p, const char* end) noexcept {
  for (++p; p != end; ++p) {
    if (*p == '"') return p + 1;
    if (*p == '\\' && ++p == end) return end;
  }
  return end;
}

// One name[=value] at `p`, white space around everything; stops at `separator` or `end`.
const char* take(const char* p, const char* end, char separator, Param& out) noexcept {
  p = scan::skip_white(p, end);
  const char* first = p;
  while (p != end && *p != '=' && *p != separator && !is_white(*p)) ++p;
  out.name = scan::text(first, p);
  p = scan::skip_white(p, end);
  out.value = {};
  out.has_value = p != end && *p == '=';
  if (out.has_value) {
    first = p = scan::skip_white(p + 1, end);
    if (p != end && *p == '"') p = skip_quoted(p, end);
    while (p != end && *p != separator && !is_white(*p)) ++p;
    out.value = scan::text(first, p);
  }
  while (p != end && *p != separator) ++p;
  return p;
}

}  // namespace

void Params::iterator::next() noexcept {
  do {
    done_ = rest_.empty();
    if (done_) {
      param_ = {};
      return;
    }
    const char* const end = rest_.data() + rest_.size();
    const char* const stop = take(rest_.data() + 1, end, ';', param_);
    rest_ = scan::text(stop, end);
    // Nothing between two semicolons: lenient parsing alone lets that through.
  } while (param_.name.empty() && !param_.has_value);
}

std::optional<std::string_view> Params::find(std::string_view name) const noexcept {
  for (const Param& param : *this) {
    if (iequals(param.name, name)) return param.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> AuthValue::find(std::string_view name) const noexcept {
  const char* p = params.data();
  const char* const end = p + params.size();
  while (p != end) {
    Param param;
    p = take(p, end, ',', param);
    if (param.has_value && iequals(param.name, name)) return param.value;
    if (p != end) ++p;
  }
  return std::nullopt;
}

int AuthValue::count(std::string_view name) const noexcept {
  int times = 0;
  const char* p = params.data();
  const char* const end = p + params.size();
  while (p != end) {
    Param param;
    p = take(p, end, ',', param);
    if (param.has_value && iequals(param.name, name)) ++times;
    if (p != end) ++p;
  }
  return times;
}

bool iequals(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<unsigned char>(a[i]);
    const auto y = static_cast<unsigned char>(b[i]);
    if (x == y) continue;
    const unsigned lower = x | 0x20U;
    if (lower != (y | 0x20U) || lower < 'a' || lower > 'z') return false;
  }
  return true;
}

}  // namespace sipstack
