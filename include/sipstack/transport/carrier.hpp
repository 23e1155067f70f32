// SPDX-License-Identifier: Apache-2.0
// The seam for transports of the user's own: a tunnel, another stack's sockets, plain memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <system_error>

#include "sipstack/base/block.hpp"
#include "sipstack/base/flow.hpp"

namespace sipstack {

/// Takes the place of one of our transports: whatever names that one in a Via or URI goes by the carrier,
/// and what the carrier brings is what that one would have brought. As udp it may lose and reorder, and
/// timers repeat what is lost; as any other it must deliver or report (RFC 3261 section 17).
/// examples/loopback.cpp is one of fifteen lines.
///
/// Threads: all calls, both ways, on the io_context's thread. Lifetime: shared with Transports, which
/// calls close() once, when it closes or dies; nothing may be told after that (and is ignored).
class Carrier {
 public:
  /// How things come up. Copyable; may be kept. Each is a turn of its own, in which the core works and
  /// user code runs. Called from inside send(), they wait for the next turn.
  struct Up {
    /// One whole message, framed already; at most 65,535 bytes. `flow`: local is us, remote the sender,
    /// connection whatever the carrier likes to get back for the answer (0: none).
    std::function<void(std::string_view message, const Flow& flow)> received;
    /// A send with that token failed.
    std::function<void(std::uint64_t token, std::error_code error)> send_failed;
    /// A flow is gone; `error` is empty where that is in good order.
    std::function<void(const Flow& flow, std::error_code error)> closed;
  };

  virtual ~Carrier() = default;
  /// Once, before anything else.
  virtual void start(Up up) = 0;
  /// Sends the first `size` bytes of the block, which may be shared and not written to. A token other
  /// than 0 may come back in Up::send_failed.
  virtual void send(const Block& block, std::size_t size, const Flow& flow,
                    std::uint64_t token) = 0;
  /// Where others reach us; what a Via and a Contact say.
  virtual SocketAddress address() const = 0;
  virtual void close() {}
};

}  // namespace sipstack
