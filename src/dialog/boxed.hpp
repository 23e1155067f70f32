// SPDX-License-Identifier: Apache-2.0
// What an object has now and then: an optional that takes eight bytes while there is nothing.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sipstack {

template <class T>
class Boxed {
 public:
  Boxed& operator=(T value) {
    value_ = std::make_unique<T>(std::move(value));
    return *this;
  }
  explicit operator bool() const noexcept { return value_ != nullptr; }
  bool has_value() const noexcept { return value_ != nullptr; }
  T& operator*() noexcept { return *value_; }
  const T& operator*() const noexcept { return *value_; }
  T* operator->() noexcept { return value_.get(); }
  const T* operator->() const noexcept { return value_.get(); }
  void reset() noexcept { value_.reset(); }

 private:
  std::unique_ptr<T> value_;
};

/// A text that is mostly empty.
class RareText {
 public:
  RareText& operator=(std::string_view text) {
    text_ = text.empty() ? nullptr : std::make_unique<const std::string>(text);
    return *this;
  }
  bool empty() const noexcept { return text_ == nullptr; }
  std::string_view view() const noexcept {
    return text_ ? std::string_view(*text_) : std::string_view();
  }

 private:
  std::unique_ptr<const std::string> text_;
};

}  // namespace sipstack
