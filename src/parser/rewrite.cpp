// SPDX-License-Identifier: Apache-2.0
// A proxy's edits over the lines of a message. RFC 3261 section 16.6 and 16.7.
#include "sipstack/parser/rewrite.hpp"

#include <algorithm>

#include "parser/chars.hpp"
#include "parser/top_via.hpp"

namespace sipstack {

/// One line of the message to be. Untouched: `raw`. Else name and value, checked when written.
struct Rewrite::Line {
  HeaderId id;
  std::string_view raw;
  std::string_view name;
  std::string_view value;
  bool received = false;  ///< the value came from the wire: folds are legal
};

namespace {

// The line from its name to before its CRLF, white space and folds behind the value included.
std::string_view raw_line(const HeaderView& header, const char* message_end) noexcept {
  const char* at = header.value.data() + header.value.size();
  while (at != message_end) {
    if (*at == ' ' || *at == '\t') {
      ++at;
    } else if (message_end - at > 2 && at[0] == '\r' && at[1] == '\n' &&
               (at[2] == ' ' || at[2] == '\t')) {
      at += 3;
    } else {
      break;
    }
  }
  return {header.name.data(), static_cast<std::size_t>(at - header.name.data())};
}

// The comma that ends the list's value at `from`; commas in quotes and <> separate nothing
// (RFC 3261 section 25.1). npos: there is none.
std::size_t next_comma(std::string_view list, std::size_t from) noexcept {
  bool quoted = false;
  bool bracketed = false;
  for (std::size_t i = from; i < list.size(); ++i) {
    const char c = list[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      // Within <> a quote is no delimiter: RFC 3261 has none in a URI.
      quoted = !bracketed;
    } else if (c == '<') {
      bracketed = true;
    } else if (c == '>') {
      bracketed = false;
    } else if (c == ',' && !bracketed) {
      return i;
    }
  }
  return std::string_view::npos;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_white(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_white(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

void Rewrite::request_uri(std::string_view uri) { uri_ = uri; }

void Rewrite::prepend(HeaderId id, std::string_view value) {
  edits_.push_back({Kind::prepend, id, std::string(name(id)), std::string(value)});
}
void Rewrite::append(HeaderId id, std::string_view value) {
  edits_.push_back({Kind::append, id, std::string(name(id)), std::string(value)});
}
void Rewrite::append(std::string_view field, std::string_view value) {
  const HeaderId id = header_id(field);
  edits_.push_back({Kind::append, id, std::string(id == HeaderId::other ? field : name(id)),
                    std::string(value)});
}
void Rewrite::replace(HeaderId id, std::string_view value) {
  edits_.push_back({Kind::replace, id, std::string(name(id)), std::string(value)});
}
void Rewrite::replace(HeaderId id, std::uint64_t value) { replace(id, std::to_string(value)); }
void Rewrite::remove(HeaderId id) { edits_.push_back({Kind::remove, id, {}, {}}); }
void Rewrite::remove(std::string_view field) {
  edits_.push_back({Kind::remove, header_id(field), std::string(field), {}});
}
void Rewrite::remove_first(HeaderId id) { edits_.push_back({Kind::remove_first, id, {}, {}}); }
void Rewrite::remove_last(HeaderId id) { edits_.push_back({Kind::remove_last, id, {}, {}}); }

void Rewrite::note_source(const Flow& source) {
  const auto line = message_.raw(HeaderId::via);
  if (!line) return;
  std::string value;
  put_via_from(*line, message_.head().lenient, source,
               [&value](std::string_view piece) { value += piece; });
  edits_.push_back({Kind::first_line, HeaderId::via, std::string(name(HeaderId::via)), value});
}

void Rewrite::apply(const Edit& edit, std::vector<Line>& lines) {
  const auto is = [&edit](const Line& line) {
    if (edit.id != HeaderId::other) return line.id == edit.id;
    return edit.kind == Kind::remove && line.id == edit.id && iequals(line.name, edit.name);
  };
  const Line made{edit.id, {}, edit.name, edit.value};
  const auto first = std::find_if(lines.begin(), lines.end(), is);
  const auto last = std::find_if(lines.rbegin(), lines.rend(), is);
  switch (edit.kind) {
    case Kind::prepend: {
      const auto via = std::find_if(lines.rbegin(), lines.rend(),
                                    [](const Line& line) { return line.id == HeaderId::via; });
      lines.insert(first != lines.end() ? first : via.base(), made);
      return;
    }
    case Kind::append: lines.push_back(made); return;
    case Kind::replace:
      if (first == lines.end()) {
        lines.push_back(made);
        return;
      }
      *first = made;
      lines.erase(std::remove_if(first + 1, lines.end(), is), lines.end());
      return;
    case Kind::remove:
      lines.erase(std::remove_if(lines.begin(), lines.end(), is), lines.end());
      return;
    case Kind::first_line:
      if (first != lines.end()) *first = {edit.id, {}, edit.name, edit.value, true};
      return;
    case Kind::remove_first: {
      if (first == lines.end()) return;
      const bool list = rule(edit.id) == HeaderRule::list;
      const std::size_t comma = list ? next_comma(first->value, 0) : std::string_view::npos;
      if (comma == std::string_view::npos) {
        lines.erase(first);
      } else {
        first->value = trimmed(first->value.substr(comma + 1));
        first->raw = {};
      }
      return;
    }
    case Kind::remove_last: {
      if (last == lines.rend()) return;
      std::size_t comma = std::string_view::npos;
      if (rule(edit.id) == HeaderRule::list)
        for (std::size_t next = next_comma(last->value, 0); next != std::string_view::npos;
             next = next_comma(last->value, next + 1))
          comma = next;
      if (comma == std::string_view::npos) {
        lines.erase(std::next(last).base());
      } else {
        last->value = trimmed(last->value.substr(0, comma));
        last->raw = {};
      }
      return;
    }
  }
}

void Rewrite::write(MessageWriter& out) const {
  const char* const message_end = message_.bytes().data() + message_.bytes().size();
  std::vector<Line> lines;
  lines.reserve(message_.header_count() + edits_.size());
  for (std::size_t i = 0; i < message_.header_count(); ++i) {
    const HeaderView header = message_.header(i);
    lines.push_back({header.id, raw_line(header, message_end), header.name, header.value, true});
  }
  for (const Edit& edit : edits_) apply(edit, lines);

  for (const Line& line : lines) {
    // Content-Length stays where the sender wrote it; seal() adds one only where there is none.
    if (line.id == HeaderId::content_length) out.has_length_ = true;
    if (!line.raw.empty()) {
      out.put(line.raw);
    } else {
      // Names of the message have passed the grammar, those of append() have not.
      if (!line.received && !is_token(line.name)) return out.fail(WriteErrc::bad_byte);
      out.put(line.name);
      out.put(": ");
      if (line.received)
        out.put_received(line.value);
      else
        out.put_checked(line.value);
    }
    out.put("\r\n");
  }
  out.has_type_ = true;  // a body without Content-Type is the sender's affair
  if (!message_.body().empty()) out.body({}, message_.body());
}

expected<RequestWriter, WriteErrc> Rewrite::request(BlockPool& pool) const {
  RequestWriter out(pool, message_.method_name(),
                    uri_.empty() ? message_.uri_text() : std::string_view(uri_));
  write(out);
  if (out.error() != WriteErrc::ok) return unexpected(out.error());
  return out;
}

expected<Message, WriteErrc> Rewrite::response(BlockPool& pool) const {
  MessageWriter out(pool, message_.bytes().size() + 256);
  const std::string_view bytes = message_.bytes();
  const std::size_t start = bytes.find("\r\n");
  out.put(bytes.substr(0, start));
  out.start_ = static_cast<std::uint16_t>(out.lines_.size());
  write(out);
  return out.assemble({}, {}, false);
}

}  // namespace sipstack
