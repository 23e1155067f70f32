// SPDX-License-Identifier: Apache-2.0
// Requests and responses written into pooled blocks. RFC 3261 sections 7, 8.1.1 and 8.2.6.
#include "sipstack/parser/writer.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>

#include "parser/chars.hpp"
#include "parser/scan.hpp"
#include "parser/top_via.hpp"

namespace sipstack {
namespace {

constexpr std::size_t kMaxMessage = 65535;

// What we write has passed the limits of who wrote it; only the reach of the index binds.
ParseLimits no_limits() noexcept {
  ParseLimits limits;
  limits.message = limits.start_line = limits.uri = kMaxMessage;
  limits.header_block = limits.header_value = limits.header_name = kMaxMessage;
  limits.headers = MessageIndex::kCapacity;
  limits.values = limits.params = UINT16_MAX;
  return limits;
}

// Most pieces are short: two overlapping moves take any length of the same power of two.
inline char* copy_bytes(char* to, const char* from, std::size_t size) noexcept {
  const auto ends = [&](auto unit) {
    constexpr std::size_t width = sizeof unit;
    decltype(unit) head;
    decltype(unit) tail;
    std::memcpy(&head, from, width);
    std::memcpy(&tail, from + size - width, width);
    std::memcpy(to, &head, width);
    std::memcpy(to + size - width, &tail, width);
  };
  struct Sixteen {
    char bytes[16];
  };
  if (size > 32)
    std::memcpy(to, from, size);
  else if (size >= 16)
    ends(Sixteen{});
  else if (size >= 8)
    ends(std::uint64_t{});
  else if (size >= 4)
    ends(std::uint32_t{});
  else if (size >= 2)
    ends(std::uint16_t{});
  else if (size == 1)
    *to = *from;
  return to + size;
}

// Bytes into storage whose size is known to suffice.
struct Out {
  char* at;
  Out& operator<<(std::string_view bytes) noexcept {
    at = copy_bytes(at, bytes.data(), bytes.size());
    return *this;
  }
};

std::string_view take_part(std::string_view& parts) noexcept {
  const std::size_t length = parts.find('\0');
  const std::string_view part = parts.substr(0, length);
  parts.remove_prefix(length + 1);
  return part;
}

// The pieces of the Contact line of contact_here(), so that they can be counted and then copied.
struct Contact {
  std::string_view pieces[9];

  Contact(std::string_view told, bool secure_uri, const Origin& here) noexcept {
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
         {std::string_view("Contact: <"), std::string_view(secure_uri ? "sips:" : "sip:"), user,
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

// Whether a To or From value has a tag, also where the value does not parse (RFC 3261 section 20:
// without <> the parameters are the header's).
bool has_tag(std::string_view value) noexcept {
  bool quoted = false;
  bool bracketed = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '<') {
      bracketed = true;
    } else if (c == '>') {
      bracketed = false;
    } else if (c == ';' && !bracketed) {
      std::size_t begin = i + 1;
      while (begin < value.size() && is_white(value[begin])) ++begin;
      std::size_t end = begin;
      while (end < value.size() && is_token_char(value[end])) ++end;
      if (iequals(value.substr(begin, end - begin), "tag")) return true;
    }
  }
  return false;
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

MessageWriter::MessageWriter(BlockPool& pool, std::size_t expected_size) noexcept
    : pool_(&pool), lines_(pool.allocate(expected_size)) {
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
  const char* const end = bytes.data() + bytes.size();
  for (const char* at = bytes.data(); (at = scan::find_control(at, end)) != end; ++at)
    if (*at != '\t') return fail(WriteErrc::bad_byte);
  put(bytes);
}

void MessageWriter::put_received(std::string_view value) noexcept {
  if (scan::find_control(value.data(), value.data() + value.size()) == value.data() + value.size())
    return put(value);
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
  line(id, name(id), value);
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
  if (!make_room(field.size() + value.size() + 4, 1)) return;
  const std::size_t begin = lines_.size();
  put(field);
  put(": ");
  put_checked(value);
  put("\r\n");
  if (error_ == WriteErrc::ok) line_done(id, begin, field.size());
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
    put(name(id));
    put(": ");
    put_received(header.value);
    put("\r\n");
    if (error_ == WriteErrc::ok) line_done(id, begin, name(id).size());
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

expected<Message, WriteErrc> MessageWriter::assemble(std::string_view via, const Origin& here,
                                                     bool mirrored, const IndexHead* known) const {
  if (error_ != WriteErrc::ok) return unexpected(error_);
  const std::string_view body = body_.view();
  if (!body.empty() && !has_type_) return unexpected(WriteErrc::no_body_type);

  char length_line[32] = "Content-Length: ";
  char* const digits = length_line + 16;
  char* length_end = std::to_chars(digits, digits + 10, body.size()).ptr;
  const auto length_digits = static_cast<std::size_t>(length_end - digits);
  *length_end++ = '\r';
  *length_end++ = '\n';
  const std::string_view length =
      has_length_
          ? std::string_view()
          : std::string_view(length_line, static_cast<std::size_t>(length_end - length_line));

  std::size_t contact_size = 0;
  if (contact_) {
    // sent-by comes from the element's own configuration; in a Contact it must make a URI.
    if (here.sent_by.empty()) return unexpected(WriteErrc::malformed);
    contact_size = Contact(contact_.view(), secure_contact_, here).size() + 2;
  }
  const std::size_t size =
      lines_.size() + 2 + via.size() + contact_size + length.size() + 2 + body.size();
  if (size > kMaxMessage) return unexpected(WriteErrc::too_large);
  const bool is_known = known != nullptr && lines_known_ && !has_length_;
  // The index follows in the same block. How long it will be is a guess where lines must be counted.
  const std::size_t lines_in_all = is_known ? line_count_ + (contact_ ? 2U : 1U) : 24U;
  Block whole = pool_->allocate(std::min(Message::room(size, lines_in_all), BlockPool::kLargest));
  if (!whole) return unexpected(WriteErrc::too_large);

  const std::string_view lines = lines_.view();
  Out out{whole.data()};
  out << lines.substr(0, start_) << "\r\n" << via << lines.substr(start_);
  const auto contact_at = static_cast<std::size_t>(out.at - whole.data());
  if (contact_) {
    const char* const begin = out.at + std::string_view("Contact: <").size();
    for (std::string_view piece : Contact(contact_.view(), secure_contact_, here).pieces)
      out << piece;
    const std::string_view written(begin, static_cast<std::size_t>(out.at - begin));
    if (!Uri::parse(written.substr(0, written.find('>')))) return unexpected(WriteErrc::malformed);
    out << "\r\n";
  }
  const auto length_at = static_cast<std::size_t>(out.at - whole.data());
  out << length << "\r\n" << body;

  if (is_known) {
    IndexHead head = *known;
    const auto shift = static_cast<std::uint16_t>(via.size() + 2);
    for (Span16* span : {&head.method_name, &head.call_id, &head.from_tag, &head.to_tag,
                         &head.branch, &head.sent_by})
      if (span->length != 0) span->begin = static_cast<std::uint16_t>(span->begin + shift);
    head.headers = static_cast<std::uint16_t>(lines_in_all);
    head.has_content_length = true;
    head.body = {static_cast<std::uint16_t>(size - body.size()),
                 static_cast<std::uint16_t>(body.size())};
    head.size = static_cast<std::uint32_t>(size);
    HeaderEntry* to = Message::entries_in(whole, size);
    const HeaderEntry* from = entries() + line_count_;
    for (std::size_t i = 0; i < line_count_; ++i, ++to) {
      *to = *--from;
      to->name = static_cast<std::uint16_t>(to->name + shift);
      to->value = static_cast<std::uint16_t>(to->value + shift);
    }
    const auto entry = [](std::size_t at, std::size_t value_length, std::string_view name,
                          HeaderId id) noexcept {
      return HeaderEntry{
          static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(at + name.size() + 2),
          static_cast<std::uint16_t>(value_length), static_cast<std::uint8_t>(name.size()), id};
    };
    if (contact_) *to++ = entry(contact_at, contact_size - 11, "Contact", HeaderId::contact);
    *to++ = entry(length_at, length_digits, "Content-Length", HeaderId::content_length);
    Message made = Message::in_place(std::move(whole), head, nullptr);
    assert(proves(made.view()));
    return made;
  }

  MessageIndex index;
  const std::string_view bytes(whole.data(), size);
  const auto parsed = parse(bytes, index, no_limits());
  // What was written as one message must be one (hardening A24).
  if (parsed && (index.size != size || index.start != 0)) return unexpected(WriteErrc::malformed);
  if (!parsed) {
    const ParseError error = parsed.error();
    if (!mirrored || !mirrors(error.header))
      return unexpected(error.code == ParseErrc::too_large ? WriteErrc::too_large
                                                           : WriteErrc::malformed);
    index.start = 0;
    index.size = static_cast<std::uint32_t>(size);
  }
  if (Message::room(size, index.headers) <= whole.capacity())
    return Message::in_place(std::move(whole), index, index.entries);
  if (Message kept = Message::keep(*pool_, bytes, index)) return kept;
  return unexpected(WriteErrc::too_large);
}

// ---- requests ----

RequestWriter::RequestWriter(BlockPool& pool, std::string_view method, std::string_view uri)
    : MessageWriter(pool, 1024) {
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

expected<Message, WriteErrc> RequestWriter::seal(const Origin& origin) const {
  if (error() != WriteErrc::ok) return unexpected(error());
  // RFC 3581 section 3: a client asks for the port that its request is seen from. Over a connection
  // the response comes back on that anyway.
  const std::string_view rport = reliable(origin.transport) ? "" : ";rport";
  const std::string_view pieces[] = {"Via: SIP/2.0/",
                                     via_name(origin.transport),
                                     " ",
                                     origin.sent_by,
                                     ";branch=",
                                     origin.branch,
                                     rport,
                                     "\r\n"};
  for (std::string_view text : {origin.sent_by, origin.branch})
    if (std::any_of(text.begin(), text.end(), is_control)) return unexpected(WriteErrc::bad_byte);
  char via[512];
  Out out{via};
  for (std::string_view piece : pieces) {
    if (piece.size() > sizeof via - static_cast<std::size_t>(out.at - via))
      return unexpected(WriteErrc::too_large);
    out << piece;
  }
  return assemble({via, static_cast<std::size_t>(out.at - via)}, origin, false);
}

// ---- responses ----

ResponseWriter::ResponseWriter(BlockPool& pool, const MessageView& request, const Flow& source,
                               int status, std::string_view to_tag, std::string_view reason)
    : MessageWriter(pool, 1024), status_(status) {
  if (status < 100 || status > 699) fail(WriteErrc::malformed);
  if (reason.size() > kMaxMessage / 2) fail(WriteErrc::too_large);
  if (error_ != WriteErrc::ok) return;
  if (mirror(request, source, to_tag, reason.empty() ? reason_phrase(status) : reason)) {
    if (status == 100) copy(request, HeaderId::timestamp);  // section 8.2.6.1
    return;
  }
  char digits[3];
  std::to_chars(digits, digits + 3, status);
  put("SIP/2.0 ");
  put({digits, 3});
  put(" ");
  put_checked(reason.empty() ? reason_phrase(status) : reason);
  start_ = static_cast<std::uint16_t>(lines_.size());

  // RFC 3261 section 8.2.6.2: every Via in order, From, To, Call-ID and CSeq as they stand. Of a field
  // that stands twice against the rules the first one goes back.
  bool top = true;
  for (std::size_t i = 0; i < request.header_count(); ++i) {
    const HeaderView line = request.header(i);
    if (line.id != HeaderId::via) continue;
    put("Via: ");
    if (top)
      put_via_from(line.value, source, [this](std::string_view piece) { put_received(piece); });
    else
      put_received(line.value);
    put("\r\n");
    top = false;
  }
  for (const HeaderId id : {HeaderId::from, HeaderId::to, HeaderId::call_id, HeaderId::cseq}) {
    const auto value = request.raw(id);
    if (!value) continue;
    put(name(id));
    put(": ");
    put_received(*value);
    if (id == HeaderId::to && status != 100 && !to_tag.empty() && !has_tag(*value)) {
      if (!is_token(to_tag)) fail(WriteErrc::bad_byte);
      put(";tag=");
      put(to_tag);
    }
    put("\r\n");
  }
  if (status == 100) copy(request, HeaderId::timestamp);  // section 8.2.6.1
}

namespace {

// received and rport as put_via_from() has them, for a Via that top_via() could follow.
void write_top_via(Out& out, const char* base, const HeaderEntry& line, const TopVia& top,
                   std::string_view sent_by, const Flow& source) noexcept {
  const char* const begin = base + line.value;
  const char* const value_end = base + top.end;
  const char* at = begin;
  // What a sender wrote as received would send our answer elsewhere: it goes, and so does rport.
  Span16 gone[2] = {top.rport, top.received};
  if (gone[0].begin > gone[1].begin) std::swap(gone[0], gone[1]);
  for (const Span16 span : gone) {
    if (span.length == 0) continue;
    const char* const semicolon = base + span.begin - 1;
    out << std::string_view(at, static_cast<std::size_t>(semicolon - at));
    at = base + span.begin + span.length;
  }
  out << std::string_view(at, static_cast<std::size_t>(value_end - at));
  // RFC 3581 section 4: with rport, received is set even where it equals sent-by.
  char text[46];
  const std::string_view ip(text, source.remote.ip.to_chars(text));
  bool received = top.rport.length != 0 || top.received.length != 0;
  if (!received) {
    const std::string_view host = sent_by.substr(
        0, sent_by.front() == '[' ? sent_by.find(']') + 1 : sent_by.find_first_of(": \t\r\n"));
    received = host != ip && !same_host(host, source.remote.ip);
  }
  if (received) out << ";received=" << ip;
  if (top.rport.length != 0) {
    char digits[5];
    const auto end = std::to_chars(digits, digits + sizeof digits, source.remote.port).ptr;
    out << ";rport=" << std::string_view(digits, static_cast<std::size_t>(end - digits));
  }
  out << std::string_view(value_end, static_cast<std::size_t>(begin + line.length - value_end));
}

}  // namespace

bool ResponseWriter::mirror(const MessageView& request, const Flow& source, std::string_view to_tag,
                            std::string_view reason) noexcept {
  const IndexHead& in = request.head();
  if (!in.sound || !in.plain) return false;
  const TopVia top = top_via(request);
  if (top.line == nullptr) return false;
  const char* const base = request.bytes().data() - in.start;

  // What is copied, in the order of the response; none of it needs a second look.
  const HeaderEntry* picked[40];
  std::size_t count = 0;
  std::size_t bytes = reason.size() + to_tag.size() + 128;
  const HeaderEntry* from = nullptr;
  const HeaderEntry* to = nullptr;
  const HeaderEntry* call_id = nullptr;
  const HeaderEntry* cseq = nullptr;
  const auto pick = [&](const HeaderEntry* entry) {
    picked[count++] = entry;
    bytes += entry->length + std::size_t{16};
  };
  for (const HeaderEntry* entry = request.begin_entries(); entry != request.end_entries();
       ++entry) {
    switch (entry->id) {
      case HeaderId::via:
        if (count == std::size(picked) - 4) return false;
        pick(entry);
        break;
      case HeaderId::from: from = entry; break;
      case HeaderId::to: to = entry; break;
      case HeaderId::call_id: call_id = entry; break;
      case HeaderId::cseq: cseq = entry; break;
      default: break;
    }
  }
  if (from == nullptr || to == nullptr || call_id == nullptr || cseq == nullptr) return false;
  const std::size_t vias = count;
  for (const HeaderEntry* entry : {from, to, call_id, cseq}) pick(entry);
  const bool tagged = status_ != 100 && !to_tag.empty() && in.to_tag.length == 0;
  if (tagged && !is_token(to_tag)) return false;
  const char* const reason_end = reason.data() + reason.size();
  if (scan::find_control(reason.data(), reason_end) != reason_end) return false;
  if (!make_room(bytes, count + 4)) return true;

  char* const begin = lines_.data();
  Out out{begin};
  const auto here = [&] { return static_cast<std::uint16_t>(out.at - begin); };
  const auto moved = [](Span16 span, const HeaderEntry& was, std::size_t now) {
    if (span.length == 0) return Span16{};
    return Span16{static_cast<std::uint16_t>(span.begin - was.value + now), span.length};
  };
  char code[4] = {static_cast<char>('0' + status_ / 100),
                  static_cast<char>('0' + status_ / 10 % 10), static_cast<char>('0' + status_ % 10),
                  ' '};
  out << "SIP/2.0 " << std::string_view(code, 4);
  head_ = IndexHead{};
  head_.method = in.method;
  head_.status = static_cast<std::uint16_t>(status_);
  head_.reason = {here(), static_cast<std::uint16_t>(reason.size())};
  out << reason;
  start_ = here();

  HeaderEntry* entry = reinterpret_cast<HeaderEntry*>(begin + lines_.capacity());
  for (std::size_t i = 0; i < count; ++i) {
    const HeaderEntry& was = *picked[i];
    const std::string_view field = name(was.id);
    const std::uint16_t line_at = here();
    const auto value_at = static_cast<std::uint16_t>(line_at + field.size() + 2);
    // Most write the name as we do: then the line goes over as one piece.
    const bool usual = was.value == was.name + field.size() + 2 &&
                       was.name_length == field.size() && base[was.value - 1] == ' ' &&
                       std::memcmp(base + was.name, field.data(), field.size()) == 0;
    if (i != 0 && usual) {
      out << std::string_view(base + was.name, was.length + field.size() + 2);
    } else {
      out << field << ": ";
      if (i != 0) out << std::string_view(base + was.value, was.length);
    }
    if (i == 0) {
      write_top_via(out, base, was, top, in.sent_by.in(base), source);
      head_.sent_by = moved(in.sent_by, was, value_at);
      head_.branch = moved(in.branch, was, value_at);
      for (const Span16 gone : {top.rport, top.received})
        if (gone.length != 0 && gone.begin < in.branch.begin)
          head_.branch.begin = static_cast<std::uint16_t>(head_.branch.begin - gone.length - 1);
    }
    if (i >= vias) {
      if (was.id == HeaderId::from) head_.from_tag = moved(in.from_tag, was, value_at);
      if (was.id == HeaderId::call_id) head_.call_id = moved(in.call_id, was, value_at);
      if (was.id == HeaderId::to) {
        head_.to_tag = moved(in.to_tag, was, value_at);
        if (tagged) {
          out << ";tag=";
          head_.to_tag = {here(), static_cast<std::uint16_t>(to_tag.size())};
          out << to_tag;
        }
      }
      if (was.id == HeaderId::cseq)
        head_.method_name = {static_cast<std::uint16_t>(here() - in.method_name.length),
                             in.method_name.length};
    }
    *--entry = {line_at, value_at, static_cast<std::uint16_t>(here() - value_at),
                static_cast<std::uint8_t>(field.size()), was.id};
    out << "\r\n";
  }
  line_count_ = static_cast<std::uint16_t>(count);
  lines_.resize(here());
  lines_known_ = true;
  head_.cseq = in.cseq;
  head_.vias = in.vias;
  head_.sound = true;
  return true;
}

expected<Message, WriteErrc> ResponseWriter::seal(const Origin& here) const {
  return assemble({}, here, true, &head_);
}

}  // namespace sipstack
