// SPDX-License-Identifier: Apache-2.0
// A JSON writer. RFC 8259 sections 4 to 8; RFC 3629 for what counts as UTF-8.
#include "tools/json.hpp"

#include <cstddef>

namespace sipstack::tools {

namespace {

/// Length of the well-formed UTF-8 sequence at `at`, 0 where there is none (RFC 3629 section 4).
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const auto tail = [&](std::size_t i, unsigned low, unsigned high) {
    return at + i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;  // no surrogates
    return tail(1, low, high) && tail(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return tail(1, low, high) && tail(2, 0x80, 0xBF) && tail(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

void append_escape(std::string& out, unsigned char byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    switch (byte) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: {
        const std::size_t length = byte < 0x20 || byte == 0x7F ? 0 : utf8_length(text, i);
        if (length == 0) {
          append_escape(out, byte);
          break;
        }
        out.append(text, i, length);
        i += length;
        continue;
      }
    }
    ++i;
  }
  out += '"';
}

}  // namespace

void Json::value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (first_.empty()) return;
  if (!first_.back()) out_ += ", ";
  first_.back() = false;
}

Json& Json::object() {
  value();
  out_ += '{';
  first_.push_back(true);
  return *this;
}

Json& Json::end_object() {
  out_ += '}';
  first_.pop_back();
  return *this;
}

Json& Json::array() {
  value();
  out_ += '[';
  first_.push_back(true);
  return *this;
}

Json& Json::end_array() {
  out_ += ']';
  first_.pop_back();
  return *this;
}

Json& Json::key(std::string_view name) {
  value();
  append_string(out_, name);
  out_ += ": ";
  after_key_ = true;
  return *this;
}

Json& Json::string(std::string_view text) {
  value();
  append_string(out_, text);
  return *this;
}

Json& Json::string_or_null(const std::optional<std::string_view>& text) {
  return text ? string(*text) : null();
}

Json& Json::number(std::int64_t number) {
  value();
  out_ += std::to_string(number);
  return *this;
}

Json& Json::boolean(bool flag) {
  value();
  out_ += flag ? "true" : "false";
  return *this;
}

Json& Json::null() {
  value();
  out_ += "null";
  return *this;
}

}  // namespace sipstack::tools
