// SPDX-License-Identifier: Apache-2.0
// Replaces operator new of this executable.
#include "memory.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {

std::size_t live_bytes = 0;
std::size_t count = 0;
std::size_t until_failure = 0;  // 0: none
bool all_from_there = false;
bool failed = false;
bool spared = false;

void* take(std::size_t size) noexcept {
  if (until_failure != 0 && !spared) {
    if (until_failure == 1) {
      failed = true;
      if (!all_from_there) until_failure = 0;
      return nullptr;
    }
    --until_failure;
  }
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) return nullptr;
  ++count;
  live_bytes += malloc_usable_size(memory);
  return memory;
}

void give_back(void* memory) noexcept {
  if (memory == nullptr) return;
  live_bytes -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

namespace memory {

std::size_t live() noexcept { return live_bytes; }
std::size_t allocations() noexcept { return count; }

Failing::Failing(std::size_t n, bool all) noexcept {
  failed = false;
  all_from_there = all;
  until_failure = n;
}
Failing::~Failing() { until_failure = 0; }
bool Failing::happened() noexcept { return failed; }

Spared::Spared() noexcept { spared = true; }
Spared::~Spared() { spared = false; }

}  // namespace memory

void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size); }
void* operator new(std::size_t size) {
  if (void* const memory = take(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t& none) noexcept {
  return ::operator new(size, none);
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
