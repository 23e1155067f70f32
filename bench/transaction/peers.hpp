// SPDX-License-Identifier: Apache-2.0
// What every stack is given, and the stacks beside ours.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

// The request of every measurement here.
inline constexpr std::string_view kOptions =
    "OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK0000000000000000;rport\r\n"
    "Max-Forwards: 70\r\n"
    "From: \"Alice\" <sip:alice@atlanta.example.com>;tag=0000000000000000\r\n"
    "To: <sip:bob@biloxi.example.com>\r\n"
    "Call-ID: 0000000000000000@192.0.2.2\r\n"
    "CSeq: 63104 OPTIONS\r\n"
    "Contact: <sip:alice@192.0.2.2:5060>\r\n"
    "Accept: application/sdp\r\n"
    "User-Agent: bench\r\n"
    "Content-Length: 0\r\n\r\n";

// Bytes as they lie in a receive buffer; each call makes them those of another transaction.
class Request {
 public:
  explicit Request(std::string_view text, std::uint64_t first = 0) : bytes_(text), number_(first) {
    for (const std::string_view mark : {"z9hG4bK", "tag=", "Call-ID: "})
      places_.push_back(bytes_.data() + bytes_.find(mark) + mark.size());
  }
  std::string_view next() {
    char digits[16];
    std::uint64_t n = ++number_ * 0x9e3779b97f4a7c15U;  // senders' branches are random
    for (char& digit : digits) {
      digit = "0123456789abcdef"[n >> 60];
      n <<= 4;
    }
    for (char* place : places_) std::memcpy(place, digits, sizeof digits);
    return bytes_;
  }

 private:
  std::string bytes_;
  std::vector<char*> places_;
  std::uint64_t number_;
};

/// libosip2's transactions. Answers an OPTIONS with 200 and sees the transaction to its end, behind so many
/// others that linger.
class OsipServer {
 public:
  explicit OsipServer(std::size_t lingering);
  ~OsipServer();
  OsipServer(const OsipServer&) = delete;
  OsipServer& operator=(const OsipServer&) = delete;
  bool answer(std::string_view bytes);

 private:
  bool end_oldest(std::size_t count);
  void* osip_ = nullptr;
  std::size_t lingering_;
  std::deque<void*> live_;
};

}  // namespace bench
