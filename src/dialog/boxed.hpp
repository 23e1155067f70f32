// SPDX-License-Identifier: Apache-2.0
// What an object has now and then: an optional that takes eight bytes while there is nothing.
#pragma once

#include <memory>
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

}  // namespace sipstack
