// SPDX-License-Identifier: Apache-2.0
// Random bits from OpenSSL.
#include "transport/entropy.hpp"

#include <cstdlib>

#include <openssl/rand.h>

namespace sipstack {

void fill_random(void* out, std::size_t size) noexcept {
  // Without randomness nothing here is safe, and no caller could do anything about it.
  if (RAND_bytes(static_cast<unsigned char*>(out), static_cast<int>(size)) != 1) std::abort();
}

}  // namespace sipstack
