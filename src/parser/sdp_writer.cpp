// SPDX-License-Identifier: Apache-2.0
// Lines out of typed values. RFC 8866 section 9, and the RFC of each attribute.
#include "sipstack/parser/sdp_writer.hpp"

#include <charconv>
#include <cstring>

#include "parser/sdp_scan.hpp"

namespace sipstack::sdp {

void Writer::put(std::string_view bytes) noexcept {
  if (error_ != WriteErrc::ok || bytes.empty()) return;
  if (bytes.size() > size_ - used_) return fail(WriteErrc::too_large);
  std::memcpy(buffer_ + used_, bytes.data(), bytes.size());
  used_ += bytes.size();
}

void Writer::put(std::uint64_t number) noexcept {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  put(std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void Writer::checked(std::string_view value) noexcept {
  const char* const end = value.data() + value.size();
  if (text_end(value.data(), end) != end) return fail(WriteErrc::bad_byte);
  put(value);
}

// A word that is empty or has a space in it would be read as another one.
void Writer::word(std::string_view word) noexcept {
  if (word.empty() || word.find(' ') != std::string_view::npos) return fail(WriteErrc::malformed);
  if (used_ != 0 && buffer_[used_ - 1] != '=' && buffer_[used_ - 1] != ':') put(' ');
  checked(word);
}

void Writer::open(char type) noexcept {
  put(type);
  put('=');
}

void Writer::open(std::string_view attribute) noexcept {
  put("a=");
  put(attribute);
  put(':');
}

Writer& Writer::close() noexcept {
  put("\r\n");
  return *this;
}

// ---- lines ----

Writer& Writer::origin(const OriginView& o) noexcept {
  put("v=0\r\n");
  open('o');
  for (const std::string_view part :
       {o.username, o.session_id, o.session_version, o.net_type, o.addr_type, o.address})
    word(part);
  return close();
}

Writer& Writer::name(std::string_view name) noexcept {
  open('s');
  // Section 5.3: "-" for a session without a meaningful name; it must not be empty.
  checked(name.empty() ? std::string_view("-") : name);
  return close();
}

Writer& Writer::connection(const Connection& c) noexcept {
  open('c');
  word(c.net_type);
  word(c.addr_type);
  word(c.address);
  return close();
}

Writer& Writer::time(std::uint64_t start, std::uint64_t stop) noexcept {
  open('t');
  put(start);
  put(' ');
  put(stop);
  return close();
}

Writer& Writer::bandwidth(const Bandwidth& b) noexcept {
  open('b');
  word(b.type);
  put(':');
  put(b.value);
  return close();
}

Writer& Writer::media(std::string_view type, std::uint16_t port, std::string_view proto,
                      std::initializer_list<std::string_view> formats,
                      std::uint16_t port_count) noexcept {
  open('m');
  word(type);
  put(' ');
  put(std::uint64_t{port});
  if (port_count != 1) {
    put('/');
    put(std::uint64_t{port_count});
  }
  word(proto);
  for (const std::string_view format : formats) word(format);
  return close();
}

Writer& Writer::media(const MediaLine& m) noexcept {
  open('m');
  word(m.type);
  put(' ');
  put(std::uint64_t{m.port});
  if (m.port_count != 1) {
    put('/');
    put(std::uint64_t{m.port_count});
  }
  word(m.proto);
  for (const std::string_view format : Words(m.formats)) word(format);
  return close();
}

Writer& Writer::line(char type, std::string_view value) noexcept {
  if (!((type | 0x20) >= 'a' && (type | 0x20) <= 'z')) fail(WriteErrc::malformed);
  open(type);
  checked(value);
  return close();
}

// ---- attributes ----

Writer& Writer::attribute(std::string_view name) noexcept {
  put("a=");
  checked(name);
  return close();
}

Writer& Writer::attribute(std::string_view name, std::string_view value) noexcept {
  put("a=");
  checked(name);
  put(':');
  checked(value);
  return close();
}

Writer& Writer::attribute(std::string_view name, std::uint64_t value) noexcept {
  put("a=");
  checked(name);
  put(':');
  put(value);
  return close();
}

Writer& Writer::add(const RtpMap& map) noexcept {
  open("rtpmap");
  put(std::uint64_t{map.payload_type});
  word(map.encoding);
  put('/');
  put(std::uint64_t{map.rate});
  if (map.channels != 1) {
    put('/');
    put(std::uint64_t{map.channels});
  }
  return close();
}

Writer& Writer::add(const Fmtp& fmtp) noexcept {
  open("fmtp");
  word(fmtp.format);
  put(' ');
  checked(fmtp.params);
  return close();
}

Writer& Writer::add(Direction direction) noexcept { return attribute(to_string(direction)); }
Writer& Writer::add(Setup setup) noexcept { return attribute("setup", to_string(setup)); }

Writer& Writer::add(const RtcpPort& rtcp) noexcept {
  open("rtcp");
  put(std::uint64_t{rtcp.port});
  if (!rtcp.at.address.empty()) {
    word(rtcp.at.net_type);
    word(rtcp.at.addr_type);
    word(rtcp.at.address);
  }
  return close();
}

Writer& Writer::add(const RtcpFeedback& feedback) noexcept {
  open("rtcp-fb");
  word(feedback.format);
  word(feedback.type);
  if (!feedback.param.empty()) {
    put(' ');
    checked(feedback.param);
  }
  return close();
}

Writer& Writer::add(const ExtensionMap& map) noexcept {
  open("extmap");
  put(std::uint64_t{map.id});
  if (map.direction) {
    put('/');
    put(to_string(*map.direction));
  }
  word(map.uri);
  if (!map.attributes.empty()) {
    put(' ');
    checked(map.attributes);
  }
  return close();
}

Writer& Writer::add(const Group& group) noexcept {
  open("group");
  word(group.semantics);
  for (const std::string_view member : group.members) word(member);
  return close();
}

Writer& Writer::add(const Source& source) noexcept {
  open("ssrc");
  put(std::uint64_t{source.id});
  word(source.attribute);
  if (!source.value.empty()) {
    put(':');
    checked(source.value);
  }
  return close();
}

Writer& Writer::add(const Fingerprint& fingerprint) noexcept {
  open("fingerprint");
  word(fingerprint.hash);
  word(fingerprint.bytes);
  return close();
}

Writer& Writer::add(const Crypto& crypto) noexcept {
  open("crypto");
  put(std::uint64_t{crypto.tag});
  word(crypto.suite);
  word(crypto.keys.text());
  for (const std::string_view param : crypto.params) word(param);
  return close();
}

Writer& Writer::add(const Candidate& c) noexcept {
  open("candidate");
  word(c.foundation);
  put(' ');
  put(std::uint64_t{c.component});
  word(c.transport);
  put(' ');
  put(std::uint64_t{c.priority});
  word(c.address);
  put(' ');
  put(std::uint64_t{c.port});
  word("typ");
  word(c.type);
  if (!c.related_address.empty()) {
    word("raddr");
    word(c.related_address);
  }
  if (c.related_port) {
    word("rport");
    put(' ');
    put(std::uint64_t{*c.related_port});
  }
  for (const std::string_view piece : c.extensions) word(piece);
  return close();
}

// ---- what was read ----

Writer& Writer::put_read(std::string_view text) noexcept {
  if (text.empty()) return *this;
  // Views of ours have CR and LF at line ends and NULs behind the last line alone.
  while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
  if (text.find('\0') != std::string_view::npos) fail(WriteErrc::bad_byte);
  put(text);
  if (text.empty() || text.back() != '\n') put("\r\n");
  return *this;
}

expected<std::string_view, WriteErrc> Writer::finish(Mode mode) const noexcept {
  if (error_ != WriteErrc::ok) return unexpected(error_);
  const std::string_view text(buffer_, used_);
  Reading reading;
  reading.mode = mode;
  if (!View::parse(text, reading)) return unexpected(WriteErrc::malformed);
  return text;
}

}  // namespace sipstack::sdp
