// SPDX-License-Identifier: Apache-2.0
// Looking for a part: by type, by Content-ID, by what an application understands. RFC 2392, RFC 5621.
#include "sipstack/parser/body.hpp"

#include "parser/scan.hpp"

namespace sipstack {
namespace {

int hex(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 2392 section 2: a cid URL is the Content-ID with what URLs can't hold escaped.
bool same_escaped(std::string_view escaped, std::string_view id) noexcept {
  std::size_t at = 0;
  for (const char c : id) {
    if (at >= escaped.size()) return false;
    if (escaped[at] == '%' && at + 2 < escaped.size() && hex(escaped[at + 1]) >= 0 &&
        hex(escaped[at + 2]) >= 0) {
      if (static_cast<unsigned char>(c) != hex(escaped[at + 1]) * 16 + hex(escaped[at + 2]))
        return false;
      at += 3;
    } else if (escaped[at++] != c) {
      return false;
    }
  }
  return at == escaped.size();
}

bool is(const MediaType& type, std::string_view full) noexcept {
  const std::size_t slash = full.find('/');
  return slash != std::string_view::npos && type.is(full.substr(0, slash), full.substr(slash + 1));
}

bool is_alternative(const BodyPart& part) noexcept {
  return part.is_multipart() && iequals(part.type.subtype, "alternative");
}

}  // namespace

// The rest of the block is checked: names, colons and line ends are there.
void PartHeaders::iterator::read() noexcept {
  header_ = {};
  if (rest_.empty()) return;
  const char* const begin = rest_.data();
  const char* const end = begin + rest_.size();
  const char* stop = begin;
  do stop = scan::text(stop, end).find('\n') + stop + 1;
  while (stop != end && (*stop == ' ' || *stop == '\t'));
  rest_ = scan::text(stop, end);
  const char* const colon = begin + scan::text(begin, stop).find(':');
  header_.name = scan::text(begin, scan::trim_white(begin, colon));
  const char* const value = scan::skip_white(colon + 1, stop);
  header_.value = scan::text(value, scan::trim_white(value, stop));
  header_.id = header_id(header_.name);
}

std::optional<std::string_view> BodyPart::raw(std::string_view name) const noexcept {
  for (const HeaderView& header : headers)
    if (iequals(header.name, name)) return header.value;
  return std::nullopt;
}

const BodyPart* BodyIndex::find(std::string_view type, std::string_view subtype) const noexcept {
  const BodyPart* first = nullptr;
  for (const BodyPart& part : *this)
    if (part.type.is(type, subtype)) {
      first = &part;
      break;
    }
  if (first == nullptr) return nullptr;
  // The outermost alternative that it is in: its last one is the best.
  const BodyPart* outer = nullptr;
  for (const BodyPart* at = first; at->depth != 0;) {
    at = &parts[at->parent];
    if (is_alternative(*at)) outer = at;
  }
  if (outer == nullptr) return first;
  for (const BodyPart* last = parts + outer->next - 1; last != outer; --last)
    if (last->type.is(type, subtype)) return last;
  return first;
}

const BodyPart* BodyIndex::find_id(std::string_view id) const noexcept {
  const bool url = id.size() > 4 && iequals(id.substr(0, 4), "cid:");
  if (url) id.remove_prefix(4);
  if (!url && id.size() >= 2 && id.front() == '<' && id.back() == '>')
    id = id.substr(1, id.size() - 2);
  if (id.empty()) return nullptr;
  for (const BodyPart& part : *this) {
    if (part.id.empty()) continue;
    if (url ? same_escaped(id, part.id) : id == part.id) return &part;
  }
  return nullptr;
}

const BodyPart* BodyIndex::root(const BodyPart& related) const noexcept {
  const auto self = static_cast<std::size_t>(&related - parts);
  if (self >= size || related.next <= self + 1) return nullptr;
  std::string_view start = related.type.params.find("start").value_or("");
  if (start.size() >= 2 && start.front() == '"') start = start.substr(1, start.size() - 2);
  if (start.size() >= 2 && start.front() == '<') start = start.substr(1, start.size() - 2);
  for (std::size_t i = self + 1; i < related.next && !start.empty(); i = parts[i].next)
    if (parts[i].id == start) return &parts[i];
  return &parts[self + 1];
}

const BodyPart* BodyIndex::not_understood(
    std::initializer_list<std::string_view> understood) const noexcept {
  bool fine[kCapacity + 1] = {};
  const auto asked = [&](std::size_t i) {
    return !fine[i] && parts[i].handling != Handling::optional;
  };
  // From the last part on: what is inside is known before what it is in.
  for (std::size_t i = size; i-- != 0;) {
    const BodyPart& part = parts[i];
    if (!part.is_multipart()) {
      for (const std::string_view one : understood) fine[i] = fine[i] || is(part.type, one);
      continue;
    }
    bool any = false;
    bool all = true;
    for (std::size_t child = i + 1; child < part.next; child = parts[child].next) {
      any = any || fine[child];
      all = all && !asked(child);
    }
    fine[i] = is_alternative(part) ? any : all;
  }
  if (size == 0 || !asked(0)) return nullptr;
  std::size_t at = 0;
  while (parts[at].is_multipart() && !is_alternative(parts[at])) {
    std::size_t child = at + 1;
    while (child < parts[at].next && !asked(child)) child = parts[child].next;
    if (child >= parts[at].next) break;
    at = child;
  }
  return &parts[at];
}

}  // namespace sipstack
