// SPDX-License-Identifier: Apache-2.0
// Bounds on what a peer may send. Each is an option whose default is safe.
#pragma once

#include <cstdint>

namespace sipstack {

/// All in bytes or counts.
struct ParseLimits {
  std::uint32_t message = 65535;  ///< whole message; also the reach of the 16-bit index
  std::uint32_t start_line = 8192;
  std::uint32_t uri = 2048;  ///< Request-URI; above it 414
  std::uint32_t header_block = 32768;
  std::uint32_t header_value = 8192;
  std::uint32_t header_name = 128;  ///< RFC 4475 section 3.1.1.7 has one of 93
  std::uint16_t headers = 256;      ///< header fields a message; not above MessageIndex::kCapacity
  std::uint16_t vias = 70;          ///< Via values: one for each legal hop
  std::uint16_t values = 64;        ///< values of any other list header, over all its lines
  std::uint16_t contacts = 32;      ///< Contact values
  std::uint16_t credentials = 8;    ///< Authorization lines, Proxy-Authorization lines
  std::uint16_t params = 32;        ///< parameters a value or URI
  std::uint16_t uri_headers = 16;   ///< header fields in one URI, behind its "?"
};

}  // namespace sipstack
