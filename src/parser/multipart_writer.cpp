// SPDX-License-Identifier: Apache-2.0
// Delimiters between contents. RFC 2046 section 5.1.1.
#include "sipstack/parser/multipart_writer.hpp"

#include <algorithm>
#include <cstring>

#include "parser/chars.hpp"
#include "sipstack/parser/body.hpp"

namespace sipstack {
namespace {

constexpr std::size_t kSubtype = 64;

}  // namespace

MultipartWriter::MultipartWriter(char* buffer, std::size_t size, std::string_view subtype,
                                 Random& random) noexcept
    : buffer_(buffer), size_(size) {
  unsigned char bits[16];
  random.fill(bits, sizeof bits);
  char digits[2 * sizeof bits];
  for (std::size_t i = 0; i < sizeof bits; ++i) {
    digits[2 * i] = "0123456789abcdef"[bits[i] >> 4];
    digits[2 * i + 1] = "0123456789abcdef"[bits[i] & 15];
  }
  start(subtype, {digits, sizeof digits});
}

MultipartWriter::MultipartWriter(char* buffer, std::size_t size, std::string_view subtype,
                                 std::string_view boundary) noexcept
    : buffer_(buffer), size_(size) {
  start(subtype, boundary);
}

void MultipartWriter::start(std::string_view subtype, std::string_view boundary) noexcept {
  if (!is_token(subtype) || subtype.size() > kSubtype || boundary.size() > 70)
    return fail(WriteErrc::malformed);
  const auto append = [this](std::string_view text) {
    if (!text.empty()) std::memcpy(type_ + type_size_, text.data(), text.size());
    type_size_ += text.size();
  };
  append("multipart/");
  append(subtype);
  append(";boundary=\"");
  boundary_at_ = type_size_;
  boundary_size_ = boundary.size();
  append(boundary);
  append("\"");
  // The reader decides which bytes a boundary may have.
  MediaType type;
  const char* cursor = type_;
  const char* const end = type_ + type_size_;
  if (parse_value(cursor, end, type) != ParseErrc::ok || cursor != end ||
      boundary_of(type) != this->boundary())
    fail(WriteErrc::malformed);
}

void MultipartWriter::put(std::string_view bytes) noexcept {
  if (error_ != WriteErrc::ok || bytes.empty()) return;
  if (bytes.size() > size_ - used_) return fail(WriteErrc::too_large);
  std::memcpy(buffer_ + used_, bytes.data(), bytes.size());
  used_ += bytes.size();
}

void MultipartWriter::field(std::string_view name, std::string_view value) noexcept {
  if (!is_token(name)) return fail(WriteErrc::malformed);
  if (std::any_of(value.begin(), value.end(), is_control)) return fail(WriteErrc::bad_byte);
  put(name);
  put(": ");
  put(value);
  put("\r\n");
}

void MultipartWriter::part(std::string_view content_type, std::string_view content,
                           std::initializer_list<PartField> fields) noexcept {
  if (error_ != WriteErrc::ok) return;
  if (finished_) return fail(WriteErrc::malformed);
  // Wherever it stands, not at the beginnings of lines alone: who reads loosely must not find it either.
  const std::string_view line = boundary();
  for (std::size_t at = 0; (at = content.find(line, at)) != std::string_view::npos; ++at)
    if (at >= 2 && content[at - 1] == '-' && content[at - 2] == '-')
      return fail(WriteErrc::malformed);
  put(any_ ? "\r\n--" : "--");
  put(line);
  put("\r\n");
  if (!content_type.empty()) field("Content-Type", content_type);
  for (const PartField& one : fields) {
    if (header_id(one.name) == HeaderId::content_type) fail(WriteErrc::malformed);
    field(one.name, one.value);
  }
  put("\r\n");
  put(content);
  any_ = true;
}

expected<std::string_view, WriteErrc> MultipartWriter::finish() noexcept {
  if (!any_) fail(WriteErrc::malformed);
  if (!finished_) {
    put("\r\n--");
    put(boundary());
    put("--\r\n");
    finished_ = true;
  }
  if (error_ != WriteErrc::ok) return unexpected(error_);
  // What was written must read: types and dispositions that are none, a length that is not the part's.
  const std::string_view whole(buffer_, used_);
  BodyReading reading;
  reading.limits = {BodyIndex::kDepth, BodyIndex::kCapacity, UINT16_MAX, UINT32_MAX};
  BodyIndex index;
  if (!parse_body(whole, content_type(), index, reading)) {
    fail(WriteErrc::malformed);
    return unexpected(error_);
  }
  return whole;
}

}  // namespace sipstack
