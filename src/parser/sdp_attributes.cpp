// SPDX-License-Identifier: Apache-2.0
// Values of attributes, split and checked. The RFCs stand at each declaration.
#include "sipstack/parser/sdp_attributes.hpp"

#include <algorithm>

#include "parser/sdp_scan.hpp"
#include "sipstack/parser/params.hpp"

namespace sipstack::sdp {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_ice_char(char c) noexcept {
  return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '+' || c == '/';
}
bool is_token(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  return !text.empty() && token_end(text.data(), end) == end;
}

// All of `text`, a number up to `max`.
template <class Number>
bool number(std::string_view text, std::uint64_t max, Number& out) noexcept {
  std::uint64_t value = 0;
  if (text.empty()) return false;
  for (const char c : text) {
    if (!is_digit(c) || value > (UINT64_MAX - 9) / 10) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > max) return false;
  out = static_cast<Number>(value);
  return true;
}

// "12", "2.5": thousandths; finer ones are cut. Up to 3,600,000 whole ones.
bool thousandths(std::string_view text, std::uint64_t& out) noexcept {
  const std::size_t dot = text.find('.');
  std::uint64_t whole = 0;
  if (!number(text.substr(0, dot), 3600000, whole)) return false;
  std::uint64_t part = 0;
  if (dot != std::string_view::npos) {
    const std::string_view fraction = text.substr(dot + 1);
    if (fraction.empty() || !std::all_of(fraction.begin(), fraction.end(), is_digit)) return false;
    for (std::size_t i = 0; i < 3; ++i)
      part = part * 10 + (i < fraction.size() ? static_cast<unsigned>(fraction[i] - '0') : 0);
  }
  out = whole * 1000 + part;
  return true;
}

std::string_view take_until(std::string_view& rest, char separator) noexcept {
  const std::size_t at = rest.find(separator);
  const std::string_view piece = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return piece;
}

}  // namespace

void Words::iterator::read() noexcept {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find(separator_), rest_.size());
    word_ = trimmed(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (!word_.empty()) return;
  }
  word_ = {};
}

std::size_t Words::size() const noexcept {
  std::size_t count = 0;
  for (auto at = begin(); at != end(); ++at) ++count;
  return count;
}

bool Words::has(std::string_view word) const noexcept {
  for (const std::string_view one : *this)
    if (one == word) return true;
  return false;
}

// ---- codecs ----

std::optional<Fmtp> fmtp_of(std::string_view value) noexcept {
  Fmtp out;
  out.format = take_word(value);
  out.params = value;
  if (out.format.empty() || out.params.empty()) return std::nullopt;
  return out;
}

FormatParam format_param_of(std::string_view piece) noexcept {
  const std::size_t equals = piece.find('=');
  if (equals == std::string_view::npos) return {trimmed(piece), {}, false};
  return {trimmed(piece.substr(0, equals)), trimmed(piece.substr(equals + 1)), true};
}

std::optional<std::string_view> Fmtp::find(std::string_view name) const noexcept {
  for (const std::string_view piece : walk()) {
    const FormatParam param = format_param_of(piece);
    if (iequals(param.name, name)) return param.value;
  }
  return std::nullopt;
}

std::optional<std::chrono::microseconds> packet_time_of(std::string_view value) noexcept {
  std::uint64_t micro = 0;
  if (!thousandths(trimmed(value), micro) || micro == 0) return std::nullopt;
  return std::chrono::microseconds(micro);
}

std::optional<RtcpFeedback> rtcp_feedback_of(std::string_view value) noexcept {
  RtcpFeedback out;
  out.format = take_word(value);
  out.type = take_word(value);
  out.param = value;
  std::uint32_t payload_type = 0;
  if (out.format != "*" && !number(out.format, 127, payload_type)) return std::nullopt;
  if (out.type.empty()) return std::nullopt;
  return out;
}

std::optional<ExtensionMap> extension_map_of(std::string_view value) noexcept {
  ExtensionMap out;
  std::string_view id = take_word(value);
  const std::string_view digits = take_until(id, '/');
  const bool directed = !id.empty();
  if (!number(digits, 4351, out.id) || out.id == 0 || (out.id > 255 && out.id < 4096))
    return std::nullopt;
  if (directed && !(out.direction = direction_of(id))) return std::nullopt;
  out.uri = take_word(value);
  out.attributes = value;
  if (out.uri.empty()) return std::nullopt;
  return out;
}

// ---- the medium ----

std::optional<Direction> direction_of(std::string_view name) noexcept {
  for (const Direction d :
       {Direction::sendrecv, Direction::sendonly, Direction::recvonly, Direction::inactive})
    if (name == to_string(d)) return d;
  return std::nullopt;
}

std::optional<Bandwidth> bandwidth_of(std::string_view value) noexcept {
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Bandwidth out;
  out.type = trimmed(value.substr(0, colon));
  if (!is_token(out.type) || !number(trimmed(value.substr(colon + 1)), UINT64_MAX, out.value))
    return std::nullopt;
  return out;
}

std::optional<RtcpPort> rtcp_port_of(std::string_view value) noexcept {
  RtcpPort out;
  if (!number(take_word(value), 65535, out.port)) return std::nullopt;
  out.at = connection_of(value);
  if (!value.empty() && out.at.address.empty()) return std::nullopt;
  return out;
}

std::string_view to_string(Setup setup) noexcept {
  switch (setup) {
    case Setup::active: return "active";
    case Setup::passive: return "passive";
    case Setup::actpass: return "actpass";
    case Setup::holdconn: return "holdconn";
  }
  return "";
}

std::optional<Setup> setup_of(std::string_view value) noexcept {
  for (const Setup one : {Setup::active, Setup::passive, Setup::actpass, Setup::holdconn})
    if (trimmed(value) == to_string(one)) return one;
  return std::nullopt;
}

std::optional<bool> new_connection_of(std::string_view value) noexcept {
  if (trimmed(value) == "new") return true;
  if (trimmed(value) == "existing") return false;
  return std::nullopt;
}

std::optional<Group> group_of(std::string_view value) noexcept {
  Group out;
  out.semantics = take_word(value);
  out.members = Words(value);
  if (!is_token(out.semantics)) return std::nullopt;
  return out;
}

std::optional<Source> source_of(std::string_view value) noexcept {
  Source out;
  if (!number(take_word(value), UINT32_MAX, out.id)) return std::nullopt;
  const Attribute attribute = attribute_of(value);
  out.attribute = attribute.name;
  out.value = attribute.value;
  if (out.attribute.empty()) return std::nullopt;
  return out;
}

// ---- keys ----

std::optional<Fingerprint> fingerprint_of(std::string_view value) noexcept {
  Fingerprint out;
  out.hash = take_word(value);
  out.bytes = value;
  if (!is_token(out.hash) || out.bytes.size() % 3 != 2) return std::nullopt;
  for (std::size_t i = 0; i < out.bytes.size(); ++i)
    if (i % 3 == 2 ? out.bytes[i] != ':' : !is_hex(out.bytes[i])) return std::nullopt;
  return out;
}

std::optional<Crypto> crypto_of(std::string_view value) noexcept {
  Crypto out;
  if (!number(take_word(value), 999999999, out.tag)) return std::nullopt;
  out.suite = take_word(value);
  out.keys = Words(take_word(value), ';');
  out.params = Words(value);
  if (!is_token(out.suite) || out.keys.empty()) return std::nullopt;
  return out;
}

std::optional<CryptoKey> crypto_key_of(std::string_view key_param) noexcept {
  CryptoKey out;
  out.method = take_until(key_param, ':');
  out.key = take_until(key_param, '|');
  if (out.method.empty() || out.key.empty()) return std::nullopt;
  // Either may be left out; an mki has a colon.
  if (key_param.substr(0, key_param.find('|')).find(':') == std::string_view::npos)
    out.lifetime = take_until(key_param, '|');
  if (key_param.empty()) return out;
  out.mki = take_until(key_param, ':');
  if (out.mki.empty() || !number(key_param, 128, out.mki_length) || out.mki_length == 0)
    return std::nullopt;
  return out;
}

// ---- ICE ----

std::optional<Candidate> candidate_of(std::string_view value) noexcept {
  Candidate out;
  out.foundation = take_word(value);
  if (out.foundation.empty() || out.foundation.size() > 32) return std::nullopt;
  if (!number(take_word(value), 256, out.component) || out.component == 0) return std::nullopt;
  out.transport = take_word(value);
  if (!is_token(out.transport)) return std::nullopt;
  if (!number(take_word(value), 0x7fffffff, out.priority)) return std::nullopt;
  out.address = take_word(value);
  if (out.address.empty() || !number(take_word(value), 65535, out.port)) return std::nullopt;
  if (take_word(value) != "typ") return std::nullopt;
  out.type = take_word(value);
  if (!is_token(out.type)) return std::nullopt;
  std::string_view rest = value;
  if (take_word(rest) == "raddr") {
    out.related_address = take_word(rest);
    if (out.related_address.empty()) return std::nullopt;
    value = rest;
  }
  rest = value;
  if (take_word(rest) == "rport") {
    std::uint16_t port = 0;
    if (!number(take_word(rest), 65535, port)) return std::nullopt;
    out.related_port = port;
    value = rest;
  }
  out.extensions = Words(value);
  if (out.extensions.size() % 2 != 0) return std::nullopt;
  return out;
}

std::optional<std::string_view> ice_ufrag_of(std::string_view value) noexcept {
  value = trimmed(value);
  if (value.size() < 4 || value.size() > 256 ||
      !std::all_of(value.begin(), value.end(), is_ice_char))
    return std::nullopt;
  return value;
}

std::optional<std::string_view> ice_pwd_of(std::string_view value) noexcept {
  value = trimmed(value);
  if (value.size() < 22) return std::nullopt;
  return ice_ufrag_of(value);
}

// ---- T.38 ----

T38 t38_of(const Lines& lines) noexcept {
  T38 out;
  const auto flag = [](const Attribute& a) { return !a.has_value || trimmed(a.value) == "1"; };
  for (const LineView& line : lines) {
    if (line.type != 'a') continue;
    const Attribute a = attribute_of(line.value);
    const std::string_view value = trimmed(a.value);
    if (iequals(a.name, "T38FaxVersion"))
      number(value, 65535, out.version);
    else if (iequals(a.name, "T38MaxBitRate"))
      number(value, UINT32_MAX, out.max_bit_rate);
    else if (iequals(a.name, "T38FaxFillBitRemoval"))
      out.fill_bit_removal = flag(a);
    else if (iequals(a.name, "T38FaxTranscodingMMR"))
      out.transcoding_mmr = flag(a);
    else if (iequals(a.name, "T38FaxTranscodingJBIG"))
      out.transcoding_jbig = flag(a);
    else if (iequals(a.name, "T38FaxRateManagement"))
      out.transferred_tcf = iequals(value, "transferredTCF");
    else if (iequals(a.name, "T38FaxMaxBuffer"))
      number(value, UINT32_MAX, out.max_buffer);
    else if (iequals(a.name, "T38FaxMaxDatagram"))
      number(value, UINT32_MAX, out.max_datagram);
    else if (iequals(a.name, "T38FaxUdpEC"))
      out.udp_ec = value;
  }
  return out;
}

// ---- GB/T 28181 ----

std::optional<std::int64_t> file_size_of(std::string_view value) noexcept {
  value = trimmed(value);
  const bool negative = !value.empty() && value.front() == '-';
  std::int64_t size = 0;
  if (!number(value.substr(negative ? 1 : 0), INT64_MAX, size)) return std::nullopt;
  return negative ? -size : size;
}

std::optional<std::uint32_t> download_speed_of(std::string_view value) noexcept {
  std::uint64_t speed = 0;
  if (!thousandths(trimmed(value), speed)) return std::nullopt;
  return static_cast<std::uint32_t>(speed);
}

std::optional<GbSource> gb_source_of(std::string_view value) noexcept {
  value = trimmed(value);
  GbSource out;
  if (value.size() != 10 || !number(value, UINT64_MAX, out.ssrc)) return std::nullopt;
  out.history = value.front() == '1';
  out.domain = value.substr(1, 5);
  out.stream = value.substr(6);
  return out;
}

std::optional<GbFormat> gb_format_of(std::string_view value) noexcept {
  value = trimmed(value);
  if (take_until(value, '/') != "v") return std::nullopt;
  GbFormat out;
  for (std::string_view* field :
       {&out.video_codec, &out.resolution, &out.frame_rate, &out.rate_type})
    *field = take_until(value, '/');
  // The rate ends where the audio begins: "4000a/1/8/1".
  const std::size_t audio = value.find('a');
  if (audio == std::string_view::npos || value.substr(audio + 1, 1) != "/") return std::nullopt;
  out.video_rate = value.substr(0, audio);
  if (out.video_rate.find('/') != std::string_view::npos) return std::nullopt;
  value.remove_prefix(audio + 2);
  out.audio_codec = take_until(value, '/');
  out.audio_rate = take_until(value, '/');
  out.sampling = value;
  if (out.sampling.find('/') != std::string_view::npos) return std::nullopt;
  return out;
}

std::optional<GbChannel> gb_channel_of(std::string_view value) noexcept {
  value = trimmed(value);
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos ||
      !std::all_of(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(colon), is_digit) ||
      colon == 0)
    return std::nullopt;
  return GbChannel{value.substr(0, colon), value.substr(colon + 1)};
}

}  // namespace sipstack::sdp
