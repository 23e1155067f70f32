// SPDX-License-Identifier: Apache-2.0
// ;name=value lists of headers and URIs as a view over the bytes.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

namespace sipstack {

/// One parameter. `value` is what the wire holds, quotes included; a view into the message.
struct Param {
  std::string_view name;
  std::string_view value;
  bool has_value = false;
};

/// The parameters of one header value or URI, already checked by the value's parser; walking them
/// cannot fail. Views into the message's bytes: valid while those are.
class Params {
 public:
  Params() = default;
  /// `text` starts at the first separator (";tag=x;y") and has passed the grammar.
  explicit constexpr Params(std::string_view text) noexcept : text_(text) {}

  class iterator {
   public:
    using value_type = Param;
    using reference = const Param&;
    using pointer = const Param*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    iterator() = default;
    explicit iterator(std::string_view rest) noexcept : rest_(rest) { next(); }
    reference operator*() const noexcept { return param_; }
    pointer operator->() const noexcept { return &param_; }
    iterator& operator++() noexcept {
      next();
      return *this;
    }
    iterator operator++(int) noexcept {
      iterator old = *this;
      next();
      return old;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept {
      return a.done_ == b.done_ && a.rest_.size() == b.rest_.size();
    }
    friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

   private:
    void next() noexcept;
    std::string_view rest_;
    Param param_;
    bool done_ = true;
  };

  iterator begin() const noexcept { return text_.empty() ? iterator{} : iterator{text_}; }
  iterator end() const noexcept { return {}; }
  bool empty() const noexcept { return text_.empty(); }

  /// The first parameter of that name, in any case; its value is "" for a flag such as `lr`.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  bool has(std::string_view name) const noexcept { return find(name).has_value(); }

  /// As it stands, from the first separator on.
  std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
};

/// True for ASCII texts equal in any case: header names, hosts, most tokens (RFC 3261 section 7.3.1).
bool iequals(std::string_view a, std::string_view b) noexcept;

}  // namespace sipstack
