// SPDX-License-Identifier: Apache-2.0
// The block pool: sharing, classes, the limit.
#include "sipstack/base/block.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "catch.hpp"

using sipstack::Block;
using sipstack::BlockPool;

TEST_CASE("a block has at least the capacity that was asked for and begins empty") {
  BlockPool pool;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{512}, std::size_t{513},
                                 std::size_t{1024}, std::size_t{65535}, BlockPool::kLargest}) {
    CAPTURE(size);
    const Block block = pool.allocate(size);
    REQUIRE(block);
    CHECK(block.capacity() >= size);
    CHECK(block.capacity() <= std::max<std::size_t>(size + 63 + size / 8, 256));
    CHECK(block.size() == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(block.data()) % alignof(std::max_align_t) == 0);
    std::memset(block.data(), 'x', block.capacity());
  }
  CHECK_FALSE(pool.allocate(BlockPool::kLargest + 1));
  CHECK_FALSE(pool.allocate(SIZE_MAX));
}

TEST_CASE("copies share one block and the last handle returns it") {
  BlockPool pool;
  Block first = pool.allocate(100);
  std::memcpy(first.data(), "hello", 5);
  first.resize(5);
  CHECK(first.unique());
  CHECK(pool.live() == 1);
  {
    const Block second = first;
    CHECK_FALSE(first.unique());
    CHECK(second.view() == "hello");
    CHECK(second.data() == first.data());
    first = Block();
    CHECK(second.unique());
    CHECK(pool.live() == 1);
    CHECK(second.view() == "hello");
  }
  CHECK(pool.live() == 0);
}

TEST_CASE("moving a handle leaves the other empty and the count alone") {
  BlockPool pool;
  Block a = pool.allocate(1);
  Block b = std::move(a);
  CHECK(b.unique());
  CHECK(b.capacity() == 256);
  Block& alias = b;
  b = alias;
  CHECK(b.unique());
  CHECK(pool.live() == 1);
}

TEST_CASE("an empty handle answers everything") {
  const Block block;
  CHECK_FALSE(block);
  CHECK(block.data() == nullptr);
  CHECK(block.capacity() == 0);
  CHECK(block.view().empty());
  CHECK_FALSE(block.unique());
}

TEST_CASE("steady traffic reuses blocks instead of holding more") {
  BlockPool pool;
  pool.allocate(700);
  const std::size_t held = pool.held();
  for (int i = 0; i < 1000; ++i) pool.allocate(641 + static_cast<std::size_t>(i) % 64);
  CHECK(pool.held() == held);
  CHECK(pool.live() == 0);
}

TEST_CASE("the limit bounds what is held, and a returned block makes room again") {
  BlockPool pool(8 * 1024);
  std::vector<Block> blocks;
  for (Block b = pool.allocate(1024); b; b = pool.allocate(1024)) blocks.push_back(std::move(b));
  CHECK(blocks.size() == 7);  // seven of 1024 bytes and their heads
  CHECK(pool.held() <= 8 * 1024);
  CHECK_FALSE(pool.allocate(1024));
  blocks.pop_back();
  CHECK(pool.allocate(1024));
}

TEST_CASE("free blocks of one size do not keep another size out") {
  BlockPool pool(8 * 1024);
  {
    std::vector<Block> blocks;
    for (Block b = pool.allocate(512); b; b = pool.allocate(512)) blocks.push_back(std::move(b));
    CHECK(blocks.size() > 10);
  }
  const Block large = pool.allocate(4096);
  CHECK(large);
  CHECK(pool.held() <= 8 * 1024);
  CHECK_FALSE(pool.allocate(8192));
}

TEST_CASE("A block outlives its pool and takes the rest along when it goes") {
  Block kept;
  {
    BlockPool pool;
    pool.allocate(2000);
    kept = pool.allocate(100);
    std::memcpy(kept.data(), "bytes", 5);
    kept.resize(5);
  }
  CHECK(kept.view() == "bytes");
  const Block second = kept;
  kept = Block();
  CHECK(second.view() == "bytes");
}
