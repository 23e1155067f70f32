// SPDX-License-Identifier: Apache-2.0
// Traces of messages as bytes: capture files, HEP3, a ring of messages for each call, and credentials made
// unreadable. No file and no socket: who owns these takes the bytes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sipstack/base/flow.hpp"

namespace sipstack {

/// Time of day for traces: since 1970-01-01 00:00 UTC.
using WallTime = std::chrono::microseconds;

/// A message on its way, as EndpointOptions::on_message tells of it: decrypted, whole. Views and flow live
/// for the call.
struct TracedMessage {
  bool sent = false;  ///< by us: from flow.local to flow.remote; else the other way
  std::string_view bytes;
  const Flow& flow;
  WallTime at{};

  const SocketAddress& from() const noexcept { return sent ? flow.local : flow.remote; }
  const SocketAddress& to() const noexcept { return sent ? flow.remote : flow.local; }
};

/// The header of a pcap file of bare IP packets (draft-ietf-opsawg-pcap, LINKTYPE_RAW).
void append_pcap_header(std::string& out);
/// One record of such a file. A message of a stream is written as one UDP datagram too: what matters is
/// the message, and nobody has to put segments together or to decrypt.
void append_pcap_record(std::string& out, const TracedMessage& message);
/// The IP packet, version by the addresses, that carries `payload` from one to the other (RFC 791, RFC 8200,
/// RFC 768). What is beyond the reach of a datagram's 16-bit length is left out.
void append_packet(std::string& out, const SocketAddress& from, const SocketAddress& to,
                   std::string_view payload);

struct HepOptions {
  std::uint32_t agent = 1;  ///< the capture agent's number at the Homer server
  std::string password;     ///< empty: none is sent
};
/// One message as a HEP3 packet (Homer encapsulation protocol, version 3): one datagram a message, with the
/// Call-ID as its correlation id. What does not fit into 65,507 bytes is cut off the message's end.
void append_hep3(std::string& out, const TracedMessage& message, const HepOptions& options = {});

/// The message with its secrets as asterisks, of the same length: in Authorization and Proxy-Authorization
/// all but the parameters that name things (of schemes other than Digest, all), in a session description the
/// keys of a=crypto, k= and a=ice-pwd. Nonces, user names and realms stay.
std::string without_credentials(std::string_view message);

struct CallTraceOptions {
  std::size_t calls = 1024;        ///< the one that was silent for longest is forgotten
  std::size_t messages = 64;       ///< of one call; the oldest go first
  std::size_t bytes = 128 * 1024;  ///< of one call
};

/// The last messages of each call, by Call-ID: to be looked at when a call has gone wrong.
///
/// Threads: one. Allocates for every message; throws std::bad_alloc alone.
class CallTraces {
 public:
  struct Entry {
    bool sent = false;
    std::string bytes;
    Flow flow;
    WallTime at{};
  };
  explicit CallTraces(const CallTraceOptions& options = {}) : options_(options) {}

  /// Messages without a Call-ID, and single ones above `bytes`, are not kept.
  void add(const TracedMessage& message);
  /// Oldest first; empty where the call is not known.
  std::vector<Entry> of(std::string_view call_id) const;
  /// The same as a capture file.
  std::string pcap(std::string_view call_id) const;
  std::size_t calls() const noexcept { return by_id_.size(); }

 private:
  struct Call {
    std::string id;
    std::deque<Entry> entries;
    std::size_t bytes = 0;
  };
  CallTraceOptions options_;
  std::list<Call> calls_;  ///< the one that spoke last stands first
  std::unordered_map<std::string_view, std::list<Call>::iterator> by_id_;
};

}  // namespace sipstack
