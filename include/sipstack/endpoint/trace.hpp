// SPDX-License-Identifier: Apache-2.0
// Where traces go: a capture file, a Homer server. Hang them on EndpointOptions::on_message.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "sipstack/base/expected.hpp"
#include "sipstack/core/trace.hpp"

namespace boost::asio {
class io_context;
}

namespace sipstack {

/// The time of day, for a TracedMessage.
WallTime wall_time() noexcept;

/// A pcap file that Wireshark and sngrep open, see append_pcap_record(). Each message is in the file when
/// write() returns, so that a process which dies leaves what it said.
///
///     options.on_message = [&](bool sent, std::string_view bytes, const Flow& flow) {
///       file.write({sent, bytes, flow, wall_time()});
///     };
///
/// Threads: one at a time. A disk that is full loses messages and nothing else; good() tells.
class PcapFile {
 public:
  /// Errors: the system's.
  static expected<PcapFile, std::error_code> create(const std::string& path);
  PcapFile(PcapFile&&) noexcept;
  PcapFile& operator=(PcapFile&&) noexcept;
  ~PcapFile();

  void write(const TracedMessage& message);
  bool good() const noexcept;

 private:
  struct Impl;
  explicit PcapFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Sends each message to a Homer server by UDP, see append_hep3(). What the system does not take at once is
/// dropped and counted: the calls go on. Addresses only: a name server must not hold calls up.
///
/// Threads: the io_context's. Lifetime: `io` lives longer.
class HepSender {
 public:
  /// Errors: the system's.
  static expected<HepSender, std::error_code> open(boost::asio::io_context& io,
                                                   const SocketAddress& server,
                                                   const HepOptions& options = {});
  HepSender(HepSender&&) noexcept;
  HepSender& operator=(HepSender&&) noexcept;
  ~HepSender();

  void send(const TracedMessage& message);
  std::uint64_t dropped() const noexcept;

 private:
  struct Impl;
  explicit HepSender(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipstack
