// SPDX-License-Identifier: Apache-2.0
// SIP messages out of a capture file: pcap and pcapng, as tcpdump, Wireshark, sngrep and we write them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/core/trace.hpp"

namespace sipstack {

/// One message as it went over the wire. `transport` is udp or tcp; the message's Via may say more.
struct CapturedMessage {
  WallTime at{};  ///< when its last byte was captured
  SocketAddress from;
  SocketAddress to;
  Transport transport = Transport::udp;
  std::string bytes;
};

/// What is kept while reading. Beyond it packets are passed over and counted, the reading goes on.
struct CaptureLimits {
  std::size_t messages = 200'000;
  std::size_t message_bytes = std::size_t{512} << 20;  ///< of all messages together
  std::size_t streams = 4096;                          ///< one direction of a TCP connection each
  std::size_t fragmented = 256;                        ///< datagrams that wait for more fragments
};

struct Capture {
  std::vector<CapturedMessage> messages;  ///< in the order of the file
  std::size_t packets = 0;
  std::size_t passed_over = 0;  ///< of these: no IP, broken, beyond a limit
  /// Why the file was not read to its end, or at all: "not a capture file", "cut off", ...; else empty.
  std::string problem;
  bool is_capture = false;
};

/// Reads a whole file. Links: Ethernet with VLAN tags, Linux cooked v1 and v2, raw IP, BSD loopback. IPv4 and
/// IPv6 with its extension headers, fragments of both put together; UDP; TCP through the StreamFramer, segments
/// in any order. Whatever is no SIP is left out. Checksums are not looked at: on the sending machine they
/// are rarely filled in. Every length in the file is checked against what is there.
Capture read_capture(std::string_view file, const CaptureLimits& limits = {});

}  // namespace sipstack
