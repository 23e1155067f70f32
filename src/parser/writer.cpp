// SPDX-License-Identifier: Apache-2.0
// Requests and responses written into pooled blocks. RFC 3261 sections 7, 8.1.1 and 8.2.6.
#include "sipstack/parser/writer.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>
#include <optional>

#include "parser/chars.hpp"
#include "parser/out.hpp"
#include "parser/scan.hpp"
#include "parser/top_via.hpp"

namespace sipstack {
namespace {

constexpr std::size_t kMaxMessage = 65535;

/// One that a header value may not have: all but HTAB.
bool has_control(std::string_view value) noexcept {
  const char* const end = value.data() + value.size();
  for (const char* at = value.data(); (at = scan::find_control(at, end)) != end; ++at)
    if (*at != '\t') return true;
  return false;
}

// What we write has passed the limits of who wrote it; only the reach of the index binds.
ParseLimits no_limits() noexcept {
  ParseLimits limits;
  limits.message = limits.start_line = limits.uri = kMaxMessage;
  limits.header_block = limits.header_value = limits.header_name = kMaxMessage;
  limits.headers = MessageIndex::kCapacity;
  limits.vias = limits.values = limits.contacts = limits.credentials = UINT16_MAX;
  limits.params = limits.uri_headers = UINT16_MAX;
  return limits;
}

std::string_view take_part(std::string_view& parts) noexcept {
  const std::size_t length = parts.find('\0');
  const std::string_view part = parts.substr(0, length);
  parts.remove_prefix(length + 1);
  return part;
}

// The pieces of the Contact line of contact_here(), so that they can be counted and then copied.
struct Contact {
  std::string_view pieces[10];

  Contact(std::string_view told, bool secure_uri, std::string_view field,
          const Origin& here) noexcept {
    const std::string_view user = take_part(told);
    const std::string_view uri_params = take_part(told);
    const std::string_view header_params = take_part(told);
    std::string_view transport;
    if (here.transport == Transport::ws || here.transport == Transport::wss)
      transport = ";transport=ws";  // RFC 7118 section 5.2.4: ws for both
    else if (here.transport == Transport::tls)
      transport = secure_uri ? "" : ";transport=tls";  // sips over TCP is TLS already
    else if (here.transport == Transport::tcp)
      transport = ";transport=tcp";
    std::size_t i = 0;
    for (std::string_view piece :
         {field, std::string_view(": <"), std::string_view(secure_uri ? "sips:" : "sip:"), user,
          std::string_view(user.empty() ? "" : "@"), here.sent_by, transport, uri_params,
          std::string_view(">"), header_params})
      pieces[i++] = piece;
  }
  std::size_t size() const noexcept {
    std::size_t sum = 0;
    for (std::string_view piece : pieces) sum += piece.size();
    return sum;
  }
};

// Puts the header fields in [first, first + size) into the order that is wanted; each ends in CRLF.
// False where there are too many, or no memory.
bool reorder(const HeaderOrder& order, char* first, std::size_t size, BlockPool& pool) noexcept {
  struct Line {
    std::uint16_t begin;
    std::uint16_t length;
    std::size_t rank;
  };
  Line lines[MessageIndex::kCapacity];
  std::size_t count = 0;
  const std::string_view all(first, size);
  for (std::size_t at = 0; at < size; ++count) {
    if (count == MessageIndex::kCapacity) return false;
    std::size_t end = all.find("\r\n", at);
    while (end + 2 < size && (all[end + 2] == ' ' || all[end + 2] == '\t'))
      end = all.find("\r\n", end + 2);
    const std::string_view line = all.substr(at, end + 2 - at);
    std::string_view field = line.substr(0, line.find(':'));
    while (!field.empty() && is_white(field.back())) field.remove_suffix(1);
    const HeaderId id = header_id(field);
    const HeaderId* const ids_end = order.ids + order.size;
    const HeaderId* const found =
        id == HeaderId::other ? ids_end : std::find(order.ids, ids_end, id);
    lines[count] = {static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(line.size()),
                    static_cast<std::size_t>(found - order.ids)};
    at = end + 2;
  }
  const Block sorted = pool.allocate(size);
  if (!sorted) return false;
  Out out{sorted.data()};
  for (std::size_t rank = 0; rank <= order.size; ++rank) {
    for (std::size_t i = 0; i < count; ++i) {
      if (lines[i].rank == rank) out << all.substr(lines[i].begin, lines[i].length);
    }
  }
  std::memcpy(first, sorted.data(), size);
  return true;
}

// Whether parse() would find the very index that was put together.
[[maybe_unused]] bool proves(const MessageView& message) noexcept {
  const IndexHead& made = message.head();
  MessageIndex read;
  if (!parse(message.bytes(), read, no_limits())) return false;
  const auto same = [](Span16 a, Span16 b) {
    return a.length == b.length && (a.length == 0 || a.begin == b.begin);
  };
  const auto same_entry = [](const HeaderEntry& a, const HeaderEntry& b) {
    return a.name == b.name && a.value == b.value && a.length == b.length &&
           a.name_length == b.name_length && a.id == b.id;
  };
  return read.request == made.request && read.method == made.method && read.status == made.status &&
         same(read.method_name, made.method_name) && same(read.uri, made.uri) &&
         same(read.reason, made.reason) && same(read.call_id, made.call_id) &&
         same(read.from_tag, made.from_tag) && same(read.to_tag, made.to_tag) &&
         same(read.branch, made.branch) && same(read.sent_by, made.sent_by) &&
         read.cseq == made.cseq && read.max_forwards == made.max_forwards &&
         read.vias == made.vias && same(read.body, made.body) && read.start == made.start &&
         read.size == made.size && read.has_content_length == made.has_content_length &&
         read.sound == made.sound && read.headers == made.headers && read.plain == made.plain &&
         std::equal(read.entries, read.entries + read.headers, message.begin_entries(), same_entry);
}

bool mirrors(HeaderId id) noexcept {
  return id == HeaderId::via || id == HeaderId::from || id == HeaderId::to ||
         id == HeaderId::call_id || id == HeaderId::cseq;
}

}  // namespace

std::string_view to_string(WriteErrc code) noexcept {
  switch (code) {
    case WriteErrc::ok: return "ok";
    case WriteErrc::bad_byte: return "bad-byte";
    case WriteErrc::too_large: return "too-large";
    case WriteErrc::no_body_type: return "no-body-type";
    case WriteErrc::malformed: return "malformed";
  }
  return "";
}

// ---- lines ----

MessageWriter::MessageWriter(BlockPool& pool, std::size_t expected_size,
                             const WriteOptions& options) noexcept
    : pool_(&pool), options_(options), lines_(pool.allocate(expected_size)) {
  if (!lines_) fail(WriteErrc::too_large);
}

HeaderEntry* MessageWriter::entries() const noexcept {
  return reinterpret_cast<HeaderEntry*>(lines_.data() + lines_.capacity()) - line_count_;
}

bool MessageWriter::make_room(std::size_t bytes, std::size_t lines) noexcept {
  if (error_ != WriteErrc::ok) return false;
  const std::size_t used = lines_.size();
  if (bytes > kMaxMessage - used) {
    fail(WriteErrc::too_large);
    return false;
  }
  const std::size_t needed = used + bytes + (line_count_ + lines) * sizeof(HeaderEntry);
  if (needed <= lines_.capacity()) return true;
  Block larger = pool_->allocate(std::max(needed, lines_.capacity() * 2));
  if (!larger) larger = pool_->allocate(needed);
  if (!larger) {
    fail(WriteErrc::too_large);
    return false;
  }
  std::memcpy(larger.data(), lines_.data(), used);
  larger.resize(used);
  const std::size_t entries_size = line_count_ * sizeof(HeaderEntry);
  if (entries_size != 0)
    std::memcpy(larger.data() + larger.capacity() - entries_size, entries(), entries_size);
  lines_ = std::move(larger);
  return true;
}

void MessageWriter::put(std::string_view bytes) noexcept {
  if (bytes.empty() || !make_room(bytes.size(), 0)) return;
  const std::size_t used = lines_.size();
  copy_bytes(lines_.data() + used, bytes.data(), bytes.size());
  lines_.resize(used + bytes.size());
}

void MessageWriter::line_done(HeaderId id, std::size_t name, std::size_t name_length) noexcept {
  if (!lines_known_) return;
  // What parse() looks into it has to see, and what it would count as too much.
  const bool read = id == HeaderId::via || id == HeaderId::from || id == HeaderId::to ||
                    id == HeaderId::call_id || id == HeaderId::cseq ||
                    id == HeaderId::max_forwards || id == HeaderId::content_length;
  if (read || name_length > 255 || line_count_ + 3U > MessageIndex::kCapacity || !make_room(0, 1)) {
    lines_known_ = false;
    line_count_ = 0;
    return;
  }
  const char* const base = lines_.data();
  const char* const stop = base + lines_.size() - 2;
  const char* const value = scan::skip_white(base + name + name_length + 1, stop);
  const char* const end = scan::trim_white(value, stop);
  ++line_count_;
  *entries() = {static_cast<std::uint16_t>(name), static_cast<std::uint16_t>(value - base),
                static_cast<std::uint16_t>(end - value), static_cast<std::uint8_t>(name_length),
                id};
}

void MessageWriter::put_checked(std::string_view bytes) noexcept {
  if (has_control(bytes)) return fail(WriteErrc::bad_byte);
  put(bytes);
}

void MessageWriter::put_received(std::string_view value) noexcept {
  const char* const end = value.data() + value.size();
  if (scan::find_control(value.data(), end) == end) return put(value);
  std::size_t done = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!is_control(value[i])) continue;
    const bool fold = value[i] == '\r' && i + 2 < value.size() && value[i + 1] == '\n' &&
                      (value[i + 2] == ' ' || value[i + 2] == '\t');
    if (fold) {
      i += 2;
      continue;
    }
    // Only a request that failed to parse has such a byte: it must not reach another parser.
    put(value.substr(done, i - done));
    put(" ");
    done = i + 1;
  }
  put(value.substr(done));
}

void MessageWriter::header(HeaderId id, std::string_view value) {
  // seal() writes it: a second one is what smuggling is made of.
  if (id == HeaderId::content_length) return fail(WriteErrc::malformed);
  if (id == HeaderId::other) return fail(WriteErrc::bad_byte);
  line(id, spelled(id), value);
}

void MessageWriter::header(HeaderId id, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  header(id, std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void MessageWriter::header(std::string_view field, std::string_view value) {
  if (!is_token(field)) return fail(WriteErrc::bad_byte);
  const HeaderId id = header_id(field);
  if (id != HeaderId::other) return header(id, value);
  line(id, field, value);
}

void MessageWriter::line(HeaderId id, std::string_view field, std::string_view value) noexcept {
  if (id == HeaderId::content_type) {
    if (has_type_) lines_known_ = false;  // a second one: parse() will say what it thinks of it
    has_type_ = true;
  }
  if (has_control(value)) return fail(WriteErrc::bad_byte);
  const std::size_t bytes = field.size() + value.size() + 4;
  if (!make_room(bytes, 1)) return;
  const std::size_t begin = lines_.size();
  Out{lines_.data() + begin} << field << ": " << value << "\r\n";
  lines_.resize(begin + bytes);
  line_done(id, begin, field.size());
}

void MessageWriter::copy(const MessageView& from, HeaderId id) {
  if (id == HeaderId::content_length) return fail(WriteErrc::malformed);
  for (std::size_t i = 0; i < from.header_count(); ++i) {
    const HeaderView header = from.header(i);
    if (header.id != id || id == HeaderId::other) continue;
    if (id == HeaderId::content_type) {
      if (has_type_) lines_known_ = false;
      has_type_ = true;
    }
    const std::size_t begin = lines_.size();
    put(spelled(id));
    put(": ");
    put_received(header.value);
    put("\r\n");
    if (error_ == WriteErrc::ok) line_done(id, begin, spelled(id).size());
  }
}

void MessageWriter::body(std::string_view content_type, std::string_view bytes) {
  if (body_) return fail(WriteErrc::malformed);
  if (bytes.size() > kMaxMessage) return fail(WriteErrc::too_large);
  if (!content_type.empty()) header(HeaderId::content_type, content_type);
  body_ = pool_->allocate(bytes.size());
  if (!body_) return fail(WriteErrc::too_large);
  if (!bytes.empty()) std::memcpy(body_.data(), bytes.data(), bytes.size());
  body_.resize(bytes.size());
}

void MessageWriter::contact_here(std::string_view user, std::string_view uri_params,
                                 std::string_view header_params, bool secure_uri) {
  if (contact_) return fail(WriteErrc::malformed);
  for (std::string_view part : {user, uri_params, header_params})
    if (std::any_of(part.begin(), part.end(), is_control)) return fail(WriteErrc::bad_byte);
  // What stands inside the brackets must not close them.
  for (std::string_view part : {user, uri_params})
    if (part.find_first_of("<>") != std::string_view::npos) return fail(WriteErrc::bad_byte);
  const std::size_t size = user.size() + uri_params.size() + header_params.size() + 3;
  if (size > kMaxMessage) return fail(WriteErrc::too_large);
  contact_ = pool_->allocate(size);
  if (!contact_) return fail(WriteErrc::too_large);
  contact_.resize(size);
  const std::string_view nul("\0", 1);
  Out{contact_.data()} << user << nul << uri_params << nul << header_params << nul;
  secure_contact_ = secure_uri;
}

// ---- the finished message ----

struct MessageWriter::Parts {
  std::string_view via;
  std::optional<Contact> contact;
  std::size_t contact_size = 0;  ///< 0: none
  char length_line[32];
  std::size_t length_size = 0;
  std::size_t size = 0;  ///< of the whole message

  std::string_view length() const noexcept { return {length_line, length_size}; }
};

WriteErrc MessageWriter::measure(std::string_view via, const Origin& here,
                                 Parts& parts) const noexcept {
  if (error_ != WriteErrc::ok) return error_;
  const std::string_view body = body_.view();
  if (!body.empty() && !has_type_) return WriteErrc::no_body_type;
  // sent-by comes from the element's own configuration; in a Contact it must make a URI.
  if (contact_ && here.sent_by.empty()) return WriteErrc::malformed;

  parts.via = via;
  if (contact_) {
    parts.contact.emplace(contact_.view(), secure_contact_, spelled(HeaderId::contact), here);
    parts.contact_size = parts.contact->size() + 2;
  }
  if (!has_length_) {
    Out out{parts.length_line};
    out << spelled(HeaderId::content_length) << ": ";
    out.at = std::to_chars(out.at, out.at + 10, body.size()).ptr;
    out << "\r\n";
    parts.length_size = static_cast<std::size_t>(out.at - parts.length_line);
  }
  parts.size =
      lines_.size() + 2 + via.size() + parts.contact_size + parts.length_size + 2 + body.size();
  return parts.size > kMaxMessage ? WriteErrc::too_large : WriteErrc::ok;
}

// False where the contact is no URI.
bool MessageWriter::lay_out(const Parts& parts, char* at) const noexcept {
  const std::string_view lines = lines_.view();
  Out out{at};
  out << lines.substr(0, start_) << "\r\n" << parts.via << lines.substr(start_);
  if (parts.contact_size != 0) {
    const Contact& contact = *parts.contact;
    const char* const begin = out.at + contact.pieces[0].size() + contact.pieces[1].size();
    for (std::string_view piece : contact.pieces) out << piece;
    const std::string_view written(begin, static_cast<std::size_t>(out.at - begin));
    if (!Uri::parse(written.substr(0, written.find('>')))) return false;
    out << "\r\n";
  }
  out << parts.length();
  if (options_.order.size != 0) {
    char* const first = at + start_ + 2;
    if (!reorder(options_.order, first, static_cast<std::size_t>(out.at - first), *pool_))
      return false;
  }
  out << "\r\n" << body_.view();
  return true;
}

// What was written as one message must be one (hardening A24).
bool MessageWriter::proven(std::string_view bytes, bool mirrored, MessageIndex& index,
                           WriteErrc& error) const noexcept {
  const auto parsed = parse(bytes, index, no_limits());
  if (parsed) {
    error = WriteErrc::malformed;
    return index.start == 0 && index.size == bytes.size();
  }
  if (mirrored && mirrors(parsed.error().header)) {
    index.start = 0;
    index.size = static_cast<std::uint32_t>(bytes.size());
    return true;
  }
  error = parsed.error().code == ParseErrc::too_large ? WriteErrc::too_large : WriteErrc::malformed;
  return false;
}

expected<Message, WriteErrc> MessageWriter::assemble(std::string_view via, const Origin& here,
                                                     bool mirrored) const {
  Parts parts;
  if (const WriteErrc code = measure(via, here, parts); code != WriteErrc::ok)
    return unexpected(code);
  // With room for the index of as many lines as are usual.
  Block whole = pool_->allocate(Message::room(parts.size, 16));
  if (!whole) return unexpected(WriteErrc::too_large);
  if (!lay_out(parts, whole.data())) return unexpected(WriteErrc::malformed);
  MessageIndex index;
  WriteErrc error = WriteErrc::ok;
  if (!proven({whole.data(), parts.size}, mirrored, index, error)) return unexpected(error);
  if (Message message = Message::adopt(*pool_, std::move(whole), index)) return message;
  return unexpected(WriteErrc::too_large);
}

expected<Message, WriteErrc> MessageWriter::assemble(const Origin& here,
                                                     const IndexHead& known) const {
  Parts parts;
  if (const WriteErrc code = measure({}, here, parts); code != WriteErrc::ok)
    return unexpected(code);
  const std::size_t lines = line_count_ + (contact_ ? 2U : 1U);
  Block whole = pool_->allocate(std::min(Message::room(parts.size, lines), BlockPool::kLargest));
  if (!whole) return unexpected(WriteErrc::too_large);
  if (!lay_out(parts, whole.data())) return unexpected(WriteErrc::malformed);

  constexpr std::size_t shift = 2;  // the CRLF of the start line
  const auto moved = [](std::size_t at) { return static_cast<std::uint16_t>(at + shift); };
  IndexHead head = known;
  for (Span16* span : {&head.method_name, &head.call_id, &head.from_tag, &head.to_tag, &head.branch,
                       &head.sent_by})
    if (span->length != 0) span->begin = moved(span->begin);
  const std::size_t body = body_.size();
  head.headers = static_cast<std::uint16_t>(lines);
  head.has_content_length = true;
  head.body = {static_cast<std::uint16_t>(parts.size - body), static_cast<std::uint16_t>(body)};
  head.size = static_cast<std::uint32_t>(parts.size);

  HeaderEntry* to = Message::entries_in(whole, parts.size);
  const HeaderEntry* from = entries() + line_count_;
  for (std::size_t i = 0; i < line_count_; ++i, ++to) {
    *to = *--from;
    to->name = moved(to->name);
    to->value = moved(to->value);
  }
  std::size_t at = lines_.size() + shift;
  const auto add = [&](HeaderId id, std::size_t line_size) {
    const std::size_t name_size = name(id).size();
    *to++ = {static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(at + name_size + 2),
             static_cast<std::uint16_t>(line_size - name_size - 4),
             static_cast<std::uint8_t>(name_size), id};
    at += line_size;
  };
  if (contact_) add(HeaderId::contact, parts.contact_size);
  add(HeaderId::content_length, parts.length_size);
  Message made = Message::in_place(std::move(whole), head, nullptr);
  assert(proves(made.view()));
  return made;
}

expected<std::size_t, WriteErrc> MessageWriter::assemble(std::string_view via, const Origin& here,
                                                         bool mirrored, char* buffer,
                                                         std::size_t capacity) const {
  Parts parts;
  if (const WriteErrc code = measure(via, here, parts); code != WriteErrc::ok)
    return unexpected(code);
  if (parts.size > capacity) return unexpected(WriteErrc::too_large);
  if (!lay_out(parts, buffer)) return unexpected(WriteErrc::malformed);
  MessageIndex index;
  WriteErrc error = WriteErrc::ok;
  if (!proven({buffer, parts.size}, mirrored, index, error)) return unexpected(error);
  return parts.size;
}

// ---- requests ----

RequestWriter::RequestWriter(BlockPool& pool, std::string_view method, std::string_view uri,
                             const WriteOptions& options)
    : MessageWriter(pool, 1024, options) {
  if (!is_token(method)) fail(WriteErrc::bad_byte);
  if (method.size() > kMaxMessage / 4 || uri.size() > kMaxMessage / 4) fail(WriteErrc::too_large);
  if (error_ != WriteErrc::ok) return;
  method_length_ = static_cast<std::uint16_t>(method.size());
  put(method);
  put(" ");
  put_checked(uri);
  put(" SIP/2.0");
  start_ = static_cast<std::uint16_t>(lines_.size());
}

std::string_view RequestWriter::method() const noexcept {
  return lines_.view().substr(0, method_length_);
}

std::string_view RequestWriter::uri() const noexcept {
  const std::size_t around = method_length_ + std::string_view("  SIP/2.0").size();
  return start_ < around ? std::string_view()
                         : lines_.view().substr(method_length_ + std::size_t{1}, start_ - around);
}

expected<std::size_t, WriteErrc> RequestWriter::top_via(const Origin& origin,
                                                        char (&via)[512]) const {
  if (error() != WriteErrc::ok) return unexpected(error());
  // RFC 3581 section 3: a client asks for the port that its request is seen from. Over a connection
  // the response comes back on that anyway.
  const std::string_view rport = reliable(origin.transport) ? "" : ";rport";
  const std::string_view pieces[] = {spelled(HeaderId::via),
                                     ": SIP/2.0/",
                                     via_name(origin.transport),
                                     " ",
                                     origin.sent_by,
                                     ";branch=",
                                     origin.branch,
                                     rport,
                                     "\r\n"};
  for (std::string_view text : {origin.sent_by, origin.branch})
    if (std::any_of(text.begin(), text.end(), is_control)) return unexpected(WriteErrc::bad_byte);
  Out out{via};
  for (std::string_view piece : pieces) {
    if (piece.size() > sizeof via - static_cast<std::size_t>(out.at - via))
      return unexpected(WriteErrc::too_large);
    out << piece;
  }
  return static_cast<std::size_t>(out.at - via);
}

expected<Message, WriteErrc> RequestWriter::seal(const Origin& origin) const {
  char via[512];
  const auto size = top_via(origin, via);
  if (!size) return unexpected(size.error());
  return assemble({via, *size}, origin, false);
}

expected<std::size_t, WriteErrc> RequestWriter::write(const Origin& origin, char* buffer,
                                                      std::size_t capacity) const {
  char via[512];
  const auto size = top_via(origin, via);
  if (!size) return unexpected(size.error());
  return assemble({via, *size}, origin, false, buffer, capacity);
}

}  // namespace sipstack
