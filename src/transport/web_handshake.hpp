// SPDX-License-Identifier: Apache-2.0
// The opening handshake of a WebSocket as bytes, on both sides. RFC 6455 section 4, RFC 7118 section 4.1.
// All of Boost.Beast that the library has is behind this: it is slow to compile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sipstack {

/// More than any browser sends, cookies and all.
constexpr std::size_t kWebHandshake = 8192;

/// The server's answer to a request that ends with its empty line.
struct WebAnswer {
  bool accepted = false;
  std::string bytes;  ///< what to send: 101, or a refusal
};
WebAnswer answer_web_handshake(std::string_view request);

/// The client's request; `host` as in the Host header. `key` from draw_web_key().
std::string web_request(std::string_view host, std::string_view path, std::string_view key);
/// True where the server has accepted us, the subprotocol included.
bool web_accepted(std::string_view response, std::string_view key);

/// 16 random bytes in base64.
std::string draw_web_key();

}  // namespace sipstack
