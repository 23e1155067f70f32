// SPDX-License-Identifier: Apache-2.0
#include "sipstack/parser/peek.hpp"

#include <cstddef>
#include <cstring>
#include <optional>

#include "sipstack/parser/params.hpp"

namespace sipstack {
namespace {

bool is_white(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Behind the line feed, or null where the bytes end first.
const char* next_line(const char* at, const char* end) noexcept {
  const void* const feed = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
  return feed == nullptr ? nullptr : static_cast<const char*>(feed) + 1;
}

// Behind the colon of a line of that name, or its compact one; null where it is another's.
const char* behind_name(const char* line, const char* end, char compact,
                        std::string_view name) noexcept {
  const auto behind = [end](const char* at) -> const char* {
    while (at != end && (*at == ' ' || *at == '\t')) ++at;
    return at != end && *at == ':' ? at + 1 : nullptr;
  };
  const char first = static_cast<char>(*line | 0x20);
  if (first == static_cast<char>(name.front() | 0x20) &&
      static_cast<std::size_t>(end - line) > name.size() && iequals({line, name.size()}, name))
    return behind(line + name.size());
  return first == compact ? behind(line + 1) : nullptr;
}

// The field goes on in lines that begin with white space (RFC 3261 section 7.3.1).
const char* field_end(const char* value, const char* end) noexcept {
  const char* stop = next_line(value, end);
  while (stop != nullptr && stop != end && (*stop == ' ' || *stop == '\t'))
    stop = next_line(stop, end);
  return stop != nullptr ? stop : end;
}

// The value of the first To line, or nothing where the header fields end before.
std::optional<std::string_view> to_value(std::string_view bytes) noexcept {
  const char* const end = bytes.data() + bytes.size();
  const char* at = bytes.empty() ? nullptr : next_line(bytes.data(), end);
  for (; at != nullptr && at != end && *at != '\r' && *at != '\n'; at = next_line(at, end)) {
    const char* const value = behind_name(at, end, 't', "To");
    if (value == nullptr) continue;
    return std::string_view(value, static_cast<std::size_t>(field_end(value, end) - value));
  }
  return std::nullopt;
}

// Behind the letters `tag` that stand behind a semicolon, wherever; nothing where there are none.
std::optional<std::string_view> behind_tag(std::string_view value) noexcept {
  for (std::size_t at = value.find(';'); at != std::string_view::npos;
       at = value.find(';', at + 1)) {
    std::size_t name = at + 1;
    while (name < value.size() && is_white(value[name])) ++name;
    if (iequals(value.substr(name, 3), "tag")) return value.substr(name + 3);
  }
  return std::nullopt;
}

std::string_view without_line_ends(std::string_view bytes) noexcept {
  while (!bytes.empty() && (bytes.front() == '\r' || bytes.front() == '\n')) bytes.remove_prefix(1);
  return bytes;
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
    const char* value = behind_name(at, end, 'i', "Call-ID");
    if (value == nullptr) continue;
    const char* stop = field_end(value, end);
    while (value != stop && is_white(*value)) ++value;
    while (stop != value && is_white(stop[-1])) --stop;
    return {value, static_cast<std::size_t>(stop - value)};
  }
  return {};
}

bool peek_begins_something(std::string_view bytes) noexcept {
  bytes = without_line_ends(bytes);
  for (const std::string_view other : {"SIP/", "ACK ", "BYE ", "CANCEL ", "PRACK "})
    if (iequals(bytes.substr(0, other.size()), other)) return false;
  const auto to = to_value(bytes);
  return to && !behind_tag(*to);
}

std::string_view peek_ack_tag(std::string_view bytes) noexcept {
  bytes = without_line_ends(bytes);
  if (bytes.substr(0, 4) != "ACK ") return {};
  const auto to = to_value(bytes);
  auto tag = to ? behind_tag(*to) : std::nullopt;
  if (!tag || tag->empty() || tag->front() != '=') return {};
  tag->remove_prefix(1);
  return tag->substr(0, tag->find_first_of(";, \t\r\n"));
}

}  // namespace sipstack
