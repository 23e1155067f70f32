// SPDX-License-Identifier: Apache-2.0
// The parts of a URI: header fields, telephone numbers, escaping by component. RFC 3261 section 19.1.2,
// RFC 3966.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "sipstack/parser/uri.hpp"

namespace sipstack {

/// The header fields of a SIP URI (sip:h?Subject=x&To=y), in order, escapes left as they are: views into
/// the URI's text. What they mean is dangerous: RFC 3261 section 19.1.5 says which ones to honour.
class UriHeaders {
 public:
  explicit constexpr UriHeaders(const Uri& uri) noexcept : text_(uri.headers) {}

  class iterator {
   public:
    using value_type = Param;
    using reference = const Param&;
    using pointer = const Param*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    iterator() = default;
    explicit iterator(std::string_view rest) noexcept : rest_(rest) { next(); }
    reference operator*() const noexcept { return field_; }
    pointer operator->() const noexcept { return &field_; }
    iterator& operator++() noexcept {
      next();
      return *this;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept {
      return a.done_ == b.done_ && a.rest_.size() == b.rest_.size();
    }
    friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

   private:
    void next() noexcept;
    std::string_view rest_;
    Param field_;
    bool done_ = true;
  };

  iterator begin() const noexcept { return text_.empty() ? iterator{} : iterator{text_}; }
  iterator end() const noexcept { return {}; }
  bool empty() const noexcept { return text_.empty(); }
  /// How many; ParseLimits::uri_headers bounds them.
  std::size_t size() const noexcept;
  /// The first of that name, in any case and with its escapes resolved; its value as it stands.
  std::optional<std::string_view> find(std::string_view name) const noexcept;

 private:
  std::string_view text_;
};

/// A telephone number: of a tel URI, or of the user part of a SIP URI with user=phone (RFC 3261 section
/// 19.1.6). Views into the URI's text, visual separators left in.
struct TelNumber {
  bool global = false;       ///< begins with "+"
  std::string_view number;   ///< without the "+"
  std::string_view context;  ///< phone-context: a domain, or "+" and digits; "" where absent
  std::string_view ext;      ///< extension; "" where absent
  std::string_view isub;     ///< ISDN subaddress; "" where absent
  std::string_view postd;    ///< digits to dial once connected (RFC 2806); "" where absent
  Params params;             ///< all of them

  /// bad_uri with the offset in uri.text where it holds no number. A local number should have a context
  /// (RFC 3966 section 5.1.5); emergency numbers come without.
  static expected<TelNumber, ParseError> from(const Uri& uri) noexcept;
  /// Without visual separators, "+" in front of a global one. Allocates.
  std::string digits() const;
};

/// Whether two numbers are the same by RFC 3966 section 4: separators and case are no matter, the order
/// of parameters neither.
bool equal(const TelNumber& a, const TelNumber& b) noexcept;

/// A part of a SIP URI with characters of its own that stand unescaped (RFC 3261 section 25.1). A host
/// can't be escaped (section 19.1.2).
enum class UriPart : std::uint8_t { user, password, parameter, header };

/// The text with %HH for every byte that may not stand in that part; "%" itself is escaped, so give text
/// that is not escaped yet. Allocates.
std::string escape(UriPart part, std::string_view text);

}  // namespace sipstack
