// SPDX-License-Identifier: Apache-2.0
// Writes JSON (RFC 8259), one line, in the order it is told. Bytes of the wire are no promise of
// UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sipstack::tools {

/// Values go where they are called: key() before each value in an object, nothing in an array.
/// Commas are its own business.
class Json {
 public:
  Json& object();
  Json& end_object();
  Json& array();
  Json& end_array();
  Json& key(std::string_view name);

  /// What is UTF-8 stays; any other byte becomes \u00XX of the byte.
  Json& string(std::string_view text);
  Json& number(std::int64_t value);
  Json& boolean(bool value);
  Json& null();
  /// null where there is none.
  Json& string_or_null(const std::optional<std::string_view>& text);
  template <class T>
  Json& number_or_null(const std::optional<T>& value) {
    return value ? number(static_cast<std::int64_t>(*value)) : null();
  }

  const std::string& text() const noexcept { return out_; }

 private:
  void value();
  std::string out_;
  std::vector<bool> first_;  ///< for each open object or array: nothing in it yet
  bool after_key_ = false;
};

}  // namespace sipstack::tools
