// SPDX-License-Identifier: Apache-2.0
// Walking parameter lists that a grammar has passed: only to be split, not to be checked again.
#include "sipstack/parser/params.hpp"

#include "parser/char_class.hpp"
#include "parser/scan.hpp"

namespace sipstack {
namespace {

bool same_letters(const char* p, const char* q, std::size_t size) noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    const auto x = static_cast<unsigned char>(p[i]);
    const auto y = static_cast<unsigned char>(q[i]);
    if (x == y) continue;
    const unsigned lower = x | 0x20U;
    if (lower != (y | 0x20U) || lower < 'a' || lower > 'z') return false;
  }
  return true;
}

// Behind the closing quote of the string that opens at `p`, or `end`.
const char* skip_quoted(const char* p, const char* end) noexcept {
  for (++p;; p += 2) {
    const auto left = static_cast<std::size_t>(end - p);
    const void* const found = std::memchr(p, '"', left);
    const char* const quote = found == nullptr ? end : static_cast<const char*>(found);
    const void* const escape = std::memchr(p, '\\', static_cast<std::size_t>(quote - p));
    if (escape == nullptr) return quote == end ? end : quote + 1;
    p = static_cast<const char*>(escape);
    if (end - p < 2) return end;
  }
}

// One name[=value] at `p`, white space around everything; stops at `separator` or `end`.
const char* take(const char* p, const char* end, char separator, Param& out) noexcept {
  p = scan::skip_white(p, end);
  const char* first = p;
  while (p != end && (scan::kToken.has(*p) || (*p != '=' && *p != separator && !is_white(*p)))) {
    ++p;
  }
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

void AuthValue::iterator::next() noexcept {
  do {
    done_ = rest_.empty();
    if (done_) return;
    const char* const end = rest_.data() + rest_.size();
    const char* const stop = take(rest_.data(), end, ',', param_);
    rest_ = scan::text(stop == end ? end : stop + 1, end);
  } while (!param_.has_value);  // token68
}

std::optional<std::string_view> AuthValue::find(std::string_view name) const noexcept {
  for (const Param& param : *this) {
    if (iequals(param.name, name)) return param.value;
  }
  return std::nullopt;
}

int AuthValue::count(std::string_view name) const noexcept {
  int times = 0;
  for (const Param& param : *this) times += iequals(param.name, name) ? 1 : 0;
  return times;
}

bool iequals(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  const char* p = a.data();
  const char* q = b.data();
  std::size_t left = a.size();
  for (; left >= 8; p += 8, q += 8, left -= 8) {
    std::uint64_t x;
    std::uint64_t y;
    std::memcpy(&x, p, 8);
    std::memcpy(&y, q, 8);
    if (x != y && !same_letters(p, q, 8)) return false;
  }
  return same_letters(p, q, left);
}

}  // namespace sipstack
