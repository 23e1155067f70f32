// SPDX-License-Identifier: Apache-2.0
// Size-classed free lists of reference-counted blocks. Under AddressSanitizer a returned block is
// poisoned, so that a view kept too long is found where it is read.
#include "sipstack/base/block.hpp"

#include <cassert>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define SIPSTACK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIPSTACK_ASAN 1
#endif
#endif

#ifdef SIPSTACK_ASAN
extern "C" void __asan_poison_memory_region(void const volatile*, std::size_t);
extern "C" void __asan_unpoison_memory_region(void const volatile*, std::size_t);
#endif

namespace sipstack {

struct alignas(std::max_align_t) Block::Head {
  BlockPool* pool;
  Head* next_free;
  std::uint32_t uses;
  std::uint32_t size;
  std::uint32_t capacity;
  std::uint32_t size_class;

  char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
};

namespace {

constexpr std::size_t kSmallest = 512;

void poison([[maybe_unused]] const char* bytes, [[maybe_unused]] std::size_t size) noexcept {
#ifdef SIPSTACK_ASAN
  __asan_poison_memory_region(bytes, size);
#endif
}

void unpoison([[maybe_unused]] const char* bytes, [[maybe_unused]] std::size_t size) noexcept {
#ifdef SIPSTACK_ASAN
  __asan_unpoison_memory_region(bytes, size);
#endif
}

}  // namespace

Block::Block(const Block& other) noexcept : head_(other.head_) {
  if (head_ != nullptr) ++head_->uses;
}

Block::~Block() {
  if (head_ != nullptr && --head_->uses == 0) head_->pool->give_back(head_);
}

char* Block::data() const noexcept { return head_ == nullptr ? nullptr : head_->bytes(); }
std::size_t Block::capacity() const noexcept { return head_ == nullptr ? 0 : head_->capacity; }
std::size_t Block::size() const noexcept { return head_ == nullptr ? 0 : head_->size; }
bool Block::unique() const noexcept { return head_ != nullptr && head_->uses == 1; }

void Block::resize(std::size_t size) noexcept {
  assert(size <= capacity());
  if (head_ != nullptr) head_->size = static_cast<std::uint32_t>(size);
}

Block BlockPool::allocate(std::size_t size) noexcept {
  std::size_t size_class = 0;
  std::size_t capacity = kSmallest;
  for (; capacity < size; capacity *= 2)
    if (++size_class == kClasses) return {};

  Block::Head* head = free_[size_class];
  if (head != nullptr) {
    free_[size_class] = head->next_free;
    unpoison(head->bytes(), head->capacity);
  } else {
    const std::size_t bytes = sizeof(Block::Head) + capacity;
    if (!make_room(bytes)) return {};
    void* raw = ::operator new(bytes, std::nothrow);
    if (raw == nullptr) return {};
    head = ::new (raw) Block::Head;
    head->pool = this;
    head->capacity = static_cast<std::uint32_t>(capacity);
    head->size_class = static_cast<std::uint32_t>(size_class);
    held_ += bytes;
  }
  head->next_free = nullptr;
  head->uses = 1;
  head->size = 0;
  ++live_;
  return Block(head);
}

// Free blocks of another size must not keep a request out: they go before the limit is pleaded.
bool BlockPool::make_room(std::size_t bytes) noexcept {
  if (bytes > limit_) return false;
  for (std::size_t size_class = kClasses; size_class-- > 0 && held_ > limit_ - bytes;)
    while (free_[size_class] != nullptr && held_ > limit_ - bytes) destroy_one(size_class);
  return held_ <= limit_ - bytes;
}

void BlockPool::give_back(Block::Head* head) noexcept {
  poison(head->bytes(), head->capacity);
  head->next_free = free_[head->size_class];
  free_[head->size_class] = head;
  --live_;
}

void BlockPool::destroy_one(std::size_t size_class) noexcept {
  Block::Head* head = free_[size_class];
  free_[size_class] = head->next_free;
  held_ -= sizeof(Block::Head) + head->capacity;
  unpoison(head->bytes(), head->capacity);
  ::operator delete(head);
}

BlockPool::~BlockPool() {
  assert(live_ == 0 && "a Block outlives its pool");
  for (std::size_t size_class = 0; size_class < kClasses; ++size_class)
    while (free_[size_class] != nullptr) destroy_one(size_class);
}

}  // namespace sipstack
