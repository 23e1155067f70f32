// SPDX-License-Identifier: Apache-2.0
// For how long a queue has been standing: what is always served but never seen empty is a queue that is too long,
// however short it is (RFC 8289 section 3.1 has the idea).
#pragma once

#include "sipstack/base/time.hpp"

namespace sipstack {

class Standing {
 public:
  /// A turn of reading has ended, with the queue empty or not: how long that has not been empty.
  Duration turn(bool emptied, TimePoint began, TimePoint ends) noexcept {
    if (!emptied && !stands_) since_ = began;
    stands_ = !emptied;
    return stands_ ? ends - since_ : Duration::zero();
  }
  bool stands() const noexcept { return stands_; }

 private:
  TimePoint since_{};
  bool stands_ = false;
};

}  // namespace sipstack
