// SPDX-License-Identifier: Apache-2.0
// A trace of messages that Wireshark and sngrep open.
#pragma once

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "sipstack/base/flow.hpp"

namespace sipstack::tools {

/// Writes a capture file of bare IP packets (LINKTYPE_RAW). A message that came over a stream is
/// written as one UDP datagram too: what matters is the message, and so nobody has to put segments
/// together. Each packet is in the file when write() returns.
class PcapWriter {
 public:
  /// Nothing where the file can't be written; errno says why.
  static std::unique_ptr<PcapWriter> open(const std::string& file);

  void write(bool sent, std::string_view message, const Flow& flow,
             std::chrono::system_clock::time_point at);

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  explicit PcapWriter(std::FILE* file) : file_(file) {}
  std::unique_ptr<std::FILE, Close> file_;
  std::string packet_;
};

/// The IP packet, version by the addresses, that carries `payload` from one to the other. What is
/// beyond the reach of a datagram's 16-bit length is left out.
void append_packet(std::string& out, const SocketAddress& from, const SocketAddress& to,
                   std::string_view payload);

}  // namespace sipstack::tools
