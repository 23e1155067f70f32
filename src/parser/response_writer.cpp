// SPDX-License-Identifier: Apache-2.0
// Responses. RFC 3261 sections 8.2.6 and 18.2.1. Of a request that parse() found sound the mirrored lines
// are copied with what is known of them, so that neither is read again.
#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "parser/chars.hpp"
#include "parser/out.hpp"
#include "parser/scan.hpp"
#include "parser/top_via.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack {
namespace {

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

ResponseWriter::ResponseWriter(BlockPool& pool, const MessageView& request, const Flow& source,
                               int status, std::string_view to_tag, std::string_view reason,
                               const WriteOptions& options)
    : MessageWriter(pool, 1024, options), status_(status) {
  if (status < 100 || status > 699) fail(WriteErrc::malformed);
  if (reason.size() > 65535 / 2) fail(WriteErrc::too_large);
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
    put(spelled(HeaderId::via));
    put(": ");
    if (top)
      put_via_from(line.value, request.head().lenient, source,
                   [this](std::string_view piece) { put_received(piece); });
    else
      put_received(line.value);
    put("\r\n");
    top = false;
  }
  for (const HeaderId id : {HeaderId::from, HeaderId::to, HeaderId::call_id, HeaderId::cseq}) {
    const auto value = request.raw(id);
    if (!value) continue;
    put(spelled(id));
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

bool ResponseWriter::mirror(const MessageView& request, const Flow& source, std::string_view to_tag,
                            std::string_view reason) noexcept {
  const IndexHead& in = request.head();
  if (!in.sound || !in.plain || in.lenient || options_.compact || options_.order.size != 0 ||
      source.remote.ip.bytes().empty())
    return false;
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
    // Most write the name at full length, one space behind the colon: the line goes over as one piece.
    const bool usual = was.name_length == field.size() &&
                       was.value == was.name + field.size() + 2 && base[was.value - 1] == ' ';
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
  return lines_known_ ? assemble(here, head_) : assemble({}, here, true);
}

expected<std::size_t, WriteErrc> ResponseWriter::write(const Origin& here, char* buffer,
                                                       std::size_t capacity) const {
  return assemble({}, here, true, buffer, capacity);
}

}  // namespace sipstack
