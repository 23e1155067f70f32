// SPDX-License-Identifier: Apache-2.0
// Multipart bodies out of parts, straight into the caller's bytes. RFC 2046 section 5.1, RFC 5621.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>

#include "sipstack/base/expected.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack {

/// A header field of a part.
struct PartField {
  std::string_view name;
  std::string_view value;
};

/// Writes one multipart body. Errors are sticky: write on and look once, at finish(). No header field gets
/// CR, LF or NUL; contents are copied as they are, binary ones too. Allocates nothing. `buffer` must
/// outlive the writer and what finish() gives. A multipart goes into another as a part, with its own
/// boundary. Threads: none.
///
///   MultipartWriter out(buffer, sizeof buffer, "mixed", random);
///   out.part("application/sdp", offer);
///   out.part("application/isup;version=itu-t92+", isup, {{"Content-Disposition", "signal;handling=optional"}});
///   if (const auto body = out.finish()) request.body(out.content_type(), *body);
class MultipartWriter {
 public:
  /// With a boundary of 128 random bits, which no part can guess.
  MultipartWriter(char* buffer, std::size_t size, std::string_view subtype,
                  Random& random) noexcept;
  /// With this boundary: 1 to 70 bytes of RFC 2046 section 5.1.1, else WriteErrc::malformed.
  MultipartWriter(char* buffer, std::size_t size, std::string_view subtype,
                  std::string_view boundary) noexcept;

  /// WriteErrc::malformed where the boundary stands in the content behind "--", a name is no token, or a
  /// field is one that is written here (Content-Type).
  void part(std::string_view content_type, std::string_view content,
            std::initializer_list<PartField> fields = {}) noexcept;

  /// The whole; WriteErrc::malformed where it has no part.
  expected<std::string_view, WriteErrc> finish() noexcept;
  /// For the Content-Type header field: multipart/mixed;boundary="...". A view of the writer.
  std::string_view content_type() const noexcept { return {type_, type_size_}; }
  WriteErrc error() const noexcept { return error_; }

 private:
  void start(std::string_view subtype, std::string_view boundary) noexcept;
  void fail(WriteErrc code) noexcept {
    if (error_ == WriteErrc::ok) error_ = code;
  }
  void put(std::string_view bytes) noexcept;
  void field(std::string_view name, std::string_view value) noexcept;
  std::string_view boundary() const noexcept { return {type_ + boundary_at_, boundary_size_}; }

  char* buffer_;
  std::size_t size_;
  std::size_t used_ = 0;
  bool any_ = false;
  bool finished_ = false;
  WriteErrc error_ = WriteErrc::ok;
  char type_[160];  ///< the Content-Type, the boundary in it
  std::size_t type_size_ = 0;
  std::size_t boundary_at_ = 0;
  std::size_t boundary_size_ = 0;
};

}  // namespace sipstack
