// SPDX-License-Identifier: Apache-2.0
#include "sipstack/parser/peek.hpp"

#include <cstddef>
#include <cstring>

#include "sipstack/parser/params.hpp"

namespace sipstack {
namespace {

bool is_white(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Behind the line feed, or null where the bytes end first.
const char* next_line(const char* at, const char* end) noexcept {
  const void* const feed = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
  return feed == nullptr ? nullptr : static_cast<const char*>(feed) + 1;
}

// Behind the colon of a Call-ID line; null where it is another one.
const char* behind_name(const char* line, const char* end) noexcept {
  constexpr std::string_view kName = "Call-ID";
  const char first = static_cast<char>(*line | 0x20);
  const char* at = line;
  if (first == 'i')
    ++at;
  else if (first == 'c' && static_cast<std::size_t>(end - line) > kName.size() &&
           iequals({line, kName.size()}, kName))
    at += kName.size();
  else
    return nullptr;
  while (at != end && (*at == ' ' || *at == '\t')) ++at;
  return at != end && *at == ':' ? at + 1 : nullptr;
}

}  // namespace

std::string_view peek_call_id(std::string_view bytes) noexcept {
  if (bytes.empty()) return {};
  const char* const end = bytes.data() + bytes.size();
  const char* at = bytes.data();
  while (at != end && (*at == '\r' || *at == '\n')) ++at;
  if (at == end) return {};
  for (at = next_line(at, end); at != nullptr && at != end && *at != '\r' && *at != '\n';
       at = next_line(at, end)) {
    const char* value = behind_name(at, end);
    if (value == nullptr) continue;
    // The field goes on in lines that begin with white space (RFC 3261 section 7.3.1).
    const char* stop = next_line(value, end);
    while (stop != nullptr && stop != end && (*stop == ' ' || *stop == '\t'))
      stop = next_line(stop, end);
    if (stop == nullptr) stop = end;
    while (value != stop && is_white(*value)) ++value;
    while (stop != value && is_white(stop[-1])) --stop;
    return {value, static_cast<std::size_t>(stop - value)};
  }
  return {};
}

}  // namespace sipstack
