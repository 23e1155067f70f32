// SPDX-License-Identifier: Apache-2.0
// Size-classed free lists of reference-counted blocks. Under AddressSanitizer a returned block is
// poisoned, so that a view kept too long is found where it is read.
#include "sipstack/base/block.hpp"

#include <array>
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

namespace {

// Steps of kStep from kSmallest to kFine, then eight steps a doubling.
constexpr std::size_t kSmallest = 256;
constexpr std::size_t kStep = 64;
constexpr std::size_t kFine = 4096;
constexpr std::size_t kFineClasses = (kFine - kSmallest) / kStep + 1;

constexpr unsigned highest_bit(std::size_t value) noexcept {
  return 63U - static_cast<unsigned>(__builtin_clzll(value));
}

/// The least class whose blocks hold `size` bytes, not above kLargest.
constexpr std::size_t class_of(std::size_t size) noexcept {
  if (size <= kSmallest) return 0;
  if (size <= kFine) return (size - kSmallest + kStep - 1) / kStep;
  const unsigned power = highest_bit(size - 1);
  return kFineClasses + (power - highest_bit(kFine)) * 8 + (((size - 1) >> (power - 3)) & 7);
}

constexpr std::size_t capacity_of(std::size_t size_class) noexcept {
  if (size_class < kFineClasses) return kSmallest + size_class * kStep;
  const std::size_t coarse = size_class - kFineClasses;
  const std::size_t base = kFine << (coarse / 8);
  return base + (coarse % 8 + 1) * (base / 8);
}
static_assert(class_of(4096) + 1 == class_of(4097) && capacity_of(class_of(4097)) == 4608);
static_assert(capacity_of(class_of(8192)) == 8192 && capacity_of(class_of(8193)) == 9216);
static_assert(capacity_of(class_of(257)) == 320 &&
              capacity_of(class_of(BlockPool::kLargest)) == BlockPool::kLargest);

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

struct Block::Store {
  static constexpr std::size_t kClasses = class_of(BlockPool::kLargest) + 1;

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

void Block::give_back() noexcept { head_->store->give_back(head_); }

Block::Head* Block::Store::take(std::size_t size_class) noexcept {
  Block::Head* head = free[size_class];
  if (head == nullptr) return make(size_class);
  free[size_class] = head->next_free;
  unpoison(head->bytes(), head->capacity);
  return head;
}

Block::Head* Block::Store::make(std::size_t size_class) noexcept {
  const std::size_t capacity = capacity_of(size_class);
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
bool Block::Store::make_room(std::size_t bytes) noexcept {
  if (bytes > limit) return false;
  for (std::size_t size_class = kClasses; size_class-- > 0 && held > limit - bytes;)
    while (free[size_class] != nullptr && held > limit - bytes) destroy_one(size_class);
  return held <= limit - bytes;
}

void Block::Store::give_back(Block::Head* head) noexcept {
  poison(head->bytes(), head->capacity);
  head->next_free = free[head->size_class];
  free[head->size_class] = head;
  --live;
  if (!abandoned) return;
  destroy_free();
  if (live == 0) delete this;
}

void Block::Store::destroy_one(std::size_t size_class) noexcept {
  Block::Head* head = free[size_class];
  free[size_class] = head->next_free;
  held -= sizeof(Block::Head) + head->capacity;
  unpoison(head->bytes(), head->capacity);
  ::operator delete(head);
}

void Block::Store::destroy_free() noexcept {
  for (std::size_t size_class = 0; size_class < kClasses; ++size_class)
    while (free[size_class] != nullptr) destroy_one(size_class);
}

BlockPool::BlockPool(std::size_t limit_bytes) : store_(new Block::Store) {
  store_->limit = limit_bytes;
}

BlockPool::~BlockPool() {
  store_->destroy_free();
  store_->abandoned = true;
  if (store_->live == 0) delete store_;
}

Block BlockPool::allocate(std::size_t size) noexcept {
  if (size > kLargest) return {};
  const std::size_t size_class = class_of(size);
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
