// SPDX-License-Identifier: Apache-2.0
// Randomness from OpenSSL's generator, which getrandom seeds. RFC 4086 section 7.
#include "sipstack/endpoint/system_random.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace sipstack {

SystemRandom::~SystemRandom() { OPENSSL_cleanse(pool_.data(), pool_.size()); }

void SystemRandom::fill(void* out, std::size_t size) noexcept {
  auto* to = static_cast<unsigned char*>(out);
  while (size > 0) {
    if (used_ == pool_.size()) {
      if (RAND_bytes(pool_.data(), static_cast<int>(pool_.size())) != 1) {
        std::fputs("sipstack: the system gives no randomness\n", stderr);
        std::abort();
      }
      used_ = 0;
    }
    const std::size_t part = std::min(size, pool_.size() - used_);
    std::memcpy(to, pool_.data() + used_, part);
    OPENSSL_cleanse(pool_.data() + used_, part);  // what was drawn is nobody's business any more
    used_ += part;
    to += part;
    size -= part;
  }
}

}  // namespace sipstack
