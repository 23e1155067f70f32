// SPDX-License-Identifier: Apache-2.0
// ok(rule, in, out) and bad(rule, in, error, offset): what a value parser makes of a text, as a text.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "catch.hpp"
#include "sipstack/parser/message_view.hpp"

namespace sipstack::testing {

/// Message texts are written with plain line ends here.
inline std::string crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out.push_back('\r');
    out.push_back(c);
  }
  return out;
}

/// Bytes in an allocation of exactly their size, so that AddressSanitizer sees one byte too many.
class Exact {
 public:
  explicit Exact(std::string_view text)
      : bytes_(std::make_unique<char[]>(text.size())), size_(text.size()) {
    if (size_ != 0) std::memcpy(bytes_.get(), text.data(), size_);
  }
  std::string_view view() const noexcept { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

inline std::string show(std::string_view text) { return std::string(text); }

inline std::string show(const Params& params) {
  std::string out;
  for (const Param& param : params) {
    out += " ;" + show(param.name);
    if (param.has_value) out += "=" + show(param.value);
  }
  return out;
}

inline std::string show(const Uri& uri) {
  static constexpr const char* kSchemes[] = {"sip", "sips", "tel", "other"};
  std::string out = kSchemes[static_cast<int>(uri.scheme)];
  if (uri.scheme == UriScheme::other) return out + " " + show(uri.scheme_name);
  if (uri.has_user) out += " user=" + show(uri.user);
  if (uri.password) out += " password=" + show(*uri.password);
  if (!uri.host.empty()) out += " host=" + show(uri.host);
  if (uri.port) out += " port=" + std::to_string(*uri.port);
  out += show(uri.params);
  if (!uri.headers.empty()) out += " ?" + show(uri.headers);
  return out;
}

inline std::string show(const Via& via) {
  std::string out = show(via.version) + " " + show(via.transport) + " " + show(via.host);
  if (via.port) out += " " + std::to_string(*via.port);
  return out + show(via.params);
}

inline std::string show(const NameAddr& address) {
  if (address.wildcard) return "*";
  std::string out;
  if (!address.display.empty()) out = "[" + show(address.display) + "] ";
  return out + show(address.uri.text) + show(address.params);
}

inline std::string show(const CSeq& cseq) {
  return std::to_string(cseq.number) + " " + show(cseq.method_name);
}
inline std::string show(const RAck& rack) {
  return std::to_string(rack.rseq) + " " + show(rack.cseq);
}
inline std::string show(const MediaType& media) {
  return show(media.type) + "/" + show(media.subtype) + show(media.params);
}
inline std::string show(const TokenValue& value) { return show(value.token) + show(value.params); }
inline std::string show(const NumberValue& value) {
  return std::to_string(value.number) + show(value.params);
}
inline std::string show(const AuthValue& value) {
  return "[" + show(value.scheme) + "] " + show(value.params);
}
inline std::string show(const CallIdValue& value) {
  return show(value.call_id) + show(value.params);
}
inline std::string show(const TextValue& value) { return show(value.text); }
inline std::string show(const ResourcePriority& value) {
  return show(value.name_space) + "." + show(value.priority);
}
inline std::string show(const SessionId& value) { return show(value.uuid) + show(value.params); }
inline std::string show(const Identity& value) {
  return show(value.digest) + " " + show(value.info) + show(value.params);
}
inline std::string show(const DataValue& value) { return show(value.data) + show(value.params); }
inline std::string show(const ChargingVector& value) {
  return show(value.icid) + show(value.params);
}

/// `in` is one value to its end, or to the comma where `rest` begins.
template <class T>
void ok(const HeaderTag<T>& tag, std::string_view in, const std::string& out,
        std::string_view rest = {}) {
  CAPTURE(in);
  const Exact bytes(in);
  const char* cursor = bytes.view().data();
  const char* const end = cursor + in.size();
  T value{};
  CHECK(to_string(tag.parse(cursor, end, value)) == "ok");
  CHECK(show(value) == out);
  CHECK(std::string_view(cursor, static_cast<std::size_t>(end - cursor)) == rest);
}

template <class T>
void bad(const HeaderTag<T>& tag, std::string_view in, ParseErrc error, std::size_t offset) {
  CAPTURE(in);
  const Exact bytes(in);
  const char* const begin = bytes.view().data();
  const char* cursor = begin;
  T value{};
  CHECK(to_string(tag.parse(cursor, begin + in.size(), value)) == to_string(error));
  CHECK(static_cast<std::size_t>(cursor - begin) == offset);
}

}  // namespace sipstack::testing
