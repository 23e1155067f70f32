// SPDX-License-Identifier: Apache-2.0
// What an object has now and then: an optional, a text and a list that take eight bytes while there is nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// A list that is mostly empty.
template <class T>
class RareList {
 public:
  T* begin() noexcept { return list_ ? list_->data() : nullptr; }
  T* end() noexcept { return list_ ? list_->data() + list_->size() : nullptr; }
  const T* begin() const noexcept { return list_ ? list_->data() : nullptr; }
  const T* end() const noexcept { return list_ ? list_->data() + list_->size() : nullptr; }
  bool empty() const noexcept { return list_ == nullptr; }
  std::size_t size() const noexcept { return list_ ? list_->size() : 0; }
  T& front() noexcept { return list_->front(); }

  void push_back(T value) {
    if (!list_) list_ = std::make_unique<std::vector<T>>();
    list_->push_back(std::move(value));
  }
  void erase(T* first, T* last) {
    if (first == last) return;
    list_->erase(list_->begin() + (first - begin()), list_->begin() + (last - begin()));
    if (list_->empty()) list_.reset();
  }
  void erase(T* one) { erase(one, one + 1); }
  void clear() noexcept { list_.reset(); }

 private:
  std::unique_ptr<std::vector<T>> list_;  ///< null rather than empty
};

}  // namespace sipstack
