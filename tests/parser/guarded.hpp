// SPDX-License-Identifier: Apache-2.0
// Bytes that end where the memory does: reading one more is a fault, in builds without sanitizers, too.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <string_view>

namespace sipstack::testing {

class Guarded {
 public:
  explicit Guarded(std::string_view text) : size_(text.size()) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    usable_ = (text.size() + page - 1) / page * page;
    void* const all =
        mmap(nullptr, usable_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<char*>(all);
    if (!text.empty()) std::memcpy(base_ + usable_ - size_, text.data(), size_);
    if (mprotect(base_ + usable_, page, PROT_NONE) != 0) throw std::bad_alloc();
    mapped_ = usable_ + page;
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() { munmap(base_, mapped_); }

  std::string_view view() const noexcept { return {base_ + usable_ - size_, size_}; }
  char* data() noexcept { return base_ + usable_ - size_; }
  /// The last `size` bytes.
  std::string_view last(std::size_t size) const noexcept { return {base_ + usable_ - size, size}; }
  /// The same memory with other bytes at its end, not more than at first.
  std::string_view refill(std::string_view text) noexcept {
    if (!text.empty()) std::memcpy(base_ + usable_ - text.size(), text.data(), text.size());
    return last(text.size());
  }

 private:
  std::size_t size_;
  std::size_t usable_ = 0;
  std::size_t mapped_ = 0;
  char* base_ = nullptr;
};

}  // namespace sipstack::testing
