// SPDX-License-Identifier: Apache-2.0
// Size-classed free lists of reference-counted blocks. Under AddressSanitizer a returned block is
// poisoned, so that a view kept too long is found where it is read.
#include "sipstack/base/block.hpp"

#include <array>
#include <cassert>
#include <cstdint>
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
  BlockPool::Store* store;
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

struct BlockPool::Store {
  static constexpr std::size_t kClasses = 9;
  static_assert(kSmallest << (kClasses - 1) == kLargest);

  Block::Head* take(std::size_t size_class) noexcept;
  Block::Head* make(std::size_t size_class) noexcept;
  bool make_room(std::size_t bytes) noexcept;
  void give_back(Block::Head* head) noexcept;
  void destroy_one(std::size_t size_class) noexcept;
  void destroy_free() noexcept;

  std::array<Block::Head*, kClasses> free{};
  std::size_t limit;
  std::size_t held = 0;
  std::size_t live = 0;
  bool abandoned = false;  // the pool is gone; the last block takes the store along
};

Block::Block(const Block& other) noexcept : head_(other.head_) {
  if (head_ != nullptr) ++head_->uses;
}

Block::~Block() {
  if (head_ != nullptr && --head_->uses == 0) head_->store->give_back(head_);
}

char* Block::data() const noexcept { return head_ == nullptr ? nullptr : head_->bytes(); }
std::size_t Block::capacity() const noexcept { return head_ == nullptr ? 0 : head_->capacity; }
std::size_t Block::size() const noexcept { return head_ == nullptr ? 0 : head_->size; }
bool Block::unique() const noexcept { return head_ != nullptr && head_->uses == 1; }

void Block::resize(std::size_t size) noexcept {
  assert(size <= capacity());
  if (head_ != nullptr) head_->size = static_cast<std::uint32_t>(size);
}

Block::Head* BlockPool::Store::take(std::size_t size_class) noexcept {
  Block::Head* head = free[size_class];
  if (head == nullptr) return make(size_class);
  free[size_class] = head->next_free;
  unpoison(head->bytes(), head->capacity);
  return head;
}

Block::Head* BlockPool::Store::make(std::size_t size_class) noexcept {
  const std::size_t capacity = kSmallest << size_class;
  const std::size_t bytes = sizeof(Block::Head) + capacity;
  if (!make_room(bytes)) return nullptr;
  void* raw = ::operator new(bytes, std::nothrow);
  if (raw == nullptr) return nullptr;
  Block::Head* head = ::new (raw) Block::Head;
  head->store = this;
  head->capacity = static_cast<std::uint32_t>(capacity);
  head->size_class = static_cast<std::uint32_t>(size_class);
  held += bytes;
  return head;
}

// Free blocks of another size must not keep a request out: they go before the limit is pleaded.
bool BlockPool::Store::make_room(std::size_t bytes) noexcept {
  if (bytes > limit) return false;
  for (std::size_t size_class = kClasses; size_class-- > 0 && held > limit - bytes;)
    while (free[size_class] != nullptr && held > limit - bytes) destroy_one(size_class);
  return held <= limit - bytes;
}

void BlockPool::Store::give_back(Block::Head* head) noexcept {
  poison(head->bytes(), head->capacity);
  head->next_free = free[head->size_class];
  free[head->size_class] = head;
  --live;
  if (!abandoned) return;
  destroy_free();
  if (live == 0) delete this;
}

void BlockPool::Store::destroy_one(std::size_t size_class) noexcept {
  Block::Head* head = free[size_class];
  free[size_class] = head->next_free;
  held -= sizeof(Block::Head) + head->capacity;
  unpoison(head->bytes(), head->capacity);
  ::operator delete(head);
}

void BlockPool::Store::destroy_free() noexcept {
  for (std::size_t size_class = 0; size_class < kClasses; ++size_class)
    while (free[size_class] != nullptr) destroy_one(size_class);
}

BlockPool::BlockPool(std::size_t limit_bytes) : store_(new Store) { store_->limit = limit_bytes; }

BlockPool::~BlockPool() {
  store_->destroy_free();
  store_->abandoned = true;
  if (store_->live == 0) delete store_;
}

Block BlockPool::allocate(std::size_t size) noexcept {
  std::size_t size_class = 0;
  for (std::size_t capacity = kSmallest; capacity < size; capacity *= 2)
    if (++size_class == Store::kClasses) return {};
  Block::Head* head = store_->take(size_class);
  if (head == nullptr) return {};
  head->next_free = nullptr;
  head->uses = 1;
  head->size = 0;
  ++store_->live;
  return Block(head);
}

std::size_t BlockPool::live() const noexcept { return store_->live; }
std::size_t BlockPool::held() const noexcept { return store_->held; }

}  // namespace sipstack
