// SPDX-License-Identifier: Apache-2.0
// From a file's bytes to messages. draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng; RFC 791, RFC 8200,
// RFC 768, RFC 9293. Everything in the file is a stranger's.
#include "sipstack/core/capture.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <list>
#include <map>
#include <optional>
#include <utility>

#include "sipstack/parser/framer.hpp"

namespace sipstack {
namespace {

/// Numbers out of bytes in either order; zero, and ok() false, beyond the end.
class Bytes {
 public:
  explicit Bytes(std::string_view all, bool little = false) : all_(all), little_(little) {}
  std::size_t size() const { return all_.size(); }
  std::string_view rest(std::size_t at) const {
    return at < all_.size() ? all_.substr(at) : std::string_view();
  }
  std::string_view part(std::size_t at, std::size_t size) const { return rest(at).substr(0, size); }
  std::uint32_t u8(std::size_t at) const {
    return at < all_.size() ? static_cast<unsigned char>(all_[at]) : 0U;
  }
  std::uint32_t u16(std::size_t at) const {
    return little_ ? u8(at) | (u8(at + 1) << 8) : (u8(at) << 8) | u8(at + 1);
  }
  std::uint32_t u32(std::size_t at) const {
    return little_ ? u16(at) | (u16(at + 2) << 16) : (u16(at) << 16) | u16(at + 2);
  }

 private:
  std::string_view all_;
  bool little_;
};

bool is_token_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '!' || c == '%' || c == '*' || c == '+';
}

/// Whether a message begins here, as far as its first line tells.
bool looks_like_sip(std::string_view bytes) {
  if (bytes.substr(0, 8) == "SIP/2.0 ") return true;
  const std::string_view line = bytes.substr(0, bytes.substr(0, 8192).find_first_of("\r\n"));
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0 || space > 32 || line.size() < space + 10)
    return false;
  return std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(space),
                     is_token_char) &&
         line.substr(line.size() - 8) == " SIP/2.0";
}

/// Whether one may begin here, of which not even the first line is there.
bool may_become_sip(std::string_view bytes) {
  return looks_like_sip(bytes) ||
         (bytes.size() < 8192 && bytes.find_first_of("\r\n") == std::string_view::npos &&
          std::all_of(
              bytes.begin(),
              bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), bytes.find(' '))),
              [](char c) { return is_token_char(c) || c == '/'; }));
}

class Reader {
 public:
  Reader(Capture& out, const CaptureLimits& limits) : out_(out), limits_(limits) {}

  void packet(std::uint32_t link, WallTime at, std::string_view bytes) {
    ++out_.packets;
    at_ = at;
    if (!link_layer(link, bytes)) ++out_.passed_over;
  }

 private:
  using Ends = std::pair<std::string, std::string>;  ///< from and to, as bytes

  bool link_layer(std::uint32_t link, std::string_view bytes) {
    const Bytes b(bytes);
    switch (link) {
      case 0:  // BSD loopback: the family in the order of the machine that wrote it; the packet tells
      case 108:  // the same in network order
        return ip(b.rest(4));
      case 1: {  // Ethernet, with VLAN tags
        std::size_t at = 12;
        for (int tags = 0; tags < 4; ++tags) {
          const std::uint32_t type = b.u16(at);
          if (type != 0x8100 && type != 0x88A8 && type != 0x9100) break;
          at += 4;
        }
        return (b.u16(at) == 0x0800 || b.u16(at) == 0x86DD) && ip(b.rest(at + 2));
      }
      case 12:
      case 14:
      case 101:  // raw
      case 228:
      case 229: return ip(bytes);
      case 113: return (b.u16(14) == 0x0800 || b.u16(14) == 0x86DD) && ip(b.rest(16));
      case 276: return (b.u16(0) == 0x0800 || b.u16(0) == 0x86DD) && ip(b.rest(20));
      default: return false;
    }
  }

  bool ip(std::string_view bytes) {
    const std::uint32_t version = Bytes(bytes).u8(0) >> 4;
    return version == 4 ? ipv4(bytes) : version == 6 && ipv6(bytes);
  }

  bool ipv4(std::string_view bytes) {
    const Bytes b(bytes);
    const std::size_t header = (b.u8(0) & 15) * 4;
    std::size_t total = b.u16(2);
    if (total == 0) total = bytes.size();  // left to the network card
    if (header < 20 || bytes.size() < header || total < header) return false;
    std::array<std::uint8_t, 4> from{};
    std::array<std::uint8_t, 4> to{};
    for (std::size_t i = 0; i < 4; ++i) {
      from[i] = static_cast<std::uint8_t>(b.u8(12 + i));
      to[i] = static_cast<std::uint8_t>(b.u8(16 + i));
    }
    from_.ip = IpAddress::v4(from);
    to_.ip = IpAddress::v4(to);
    const std::string_view payload = b.part(header, total - header);
    const std::uint32_t fragment = b.u16(6);
    const std::uint32_t protocol = b.u8(9);
    if ((fragment & 0x3FFF) == 0) return upper(protocol, payload);
    const bool cut = payload.size() < total - header;
    return !cut && this->fragment(bytes.substr(12, 8), b.u16(4), protocol, (fragment & 0x1FFF) * 8,
                                  (fragment & 0x2000) != 0, payload);
  }

  bool ipv6(std::string_view bytes) {
    const Bytes b(bytes);
    if (bytes.size() < 40) return false;
    std::array<std::uint8_t, 16> from{};
    std::array<std::uint8_t, 16> to{};
    for (std::size_t i = 0; i < 16; ++i) {
      from[i] = static_cast<std::uint8_t>(b.u8(8 + i));
      to[i] = static_cast<std::uint8_t>(b.u8(24 + i));
    }
    from_.ip = IpAddress::v6(from);
    to_.ip = IpAddress::v6(to);
    std::size_t length = b.u16(4);
    if (length == 0) length = bytes.size() - 40;
    std::uint32_t next = b.u8(6);
    const std::string_view all = b.part(40, length);
    const Bytes p(all);
    std::size_t at = 0;
    for (int headers = 0; headers < 8; ++headers) {
      if (next == 0 || next == 43 || next == 60) {  // hop-by-hop, routing, destination options
        if (p.size() < at + 2) return false;
        next = p.u8(at);
        at += (p.u8(at + 1) + 1) * 8;
      } else if (next == 44) {  // fragment
        if (p.size() < at + 8) return false;
        const std::uint32_t where = p.u16(at + 2);
        const std::uint32_t upper_protocol = p.u8(at);
        const bool cut = all.size() < length;
        if ((where & 0xFFF9) == 0) return upper(upper_protocol, p.rest(at + 8));
        return !cut && fragment(bytes.substr(8, 32), p.u32(at + 4), upper_protocol, where & 0xFFF8,
                                (where & 1) != 0, p.rest(at + 8));
      } else {
        break;
      }
    }
    return at <= all.size() && upper(next, p.rest(at));
  }

  static constexpr std::size_t kMostPieces = 128;  // a datagram by links of 576 bytes has 118

  struct Pieces {
    std::string key;
    std::map<std::size_t, std::string> by_offset;
    std::optional<std::size_t> total;
  };

  // RFC 791 section 3.2, RFC 8200 section 4.5. Pieces that overlap make the whole of no use (RFC 5722).
  bool fragment(std::string_view ends, std::uint32_t id, std::uint32_t protocol, std::size_t offset,
                bool more, std::string_view payload) {
    std::string key(ends);
    for (int shift = 0; shift < 32; shift += 8) key += static_cast<char>((id >> shift) & 0xFF);
    key += static_cast<char>(protocol);
    auto found =
        std::find_if(pieces_.begin(), pieces_.end(), [&](const Pieces& p) { return p.key == key; });
    if (found == pieces_.end()) {
      if (limits_.fragmented == 0) return false;
      if (pieces_.size() >= limits_.fragmented) {
        pieces_.pop_front();
        ++out_.passed_over;
      }
      found = pieces_.insert(pieces_.end(), Pieces{std::move(key), {}, {}});
    }
    const std::size_t end = offset + payload.size();
    auto& pieces = found->by_offset;
    const auto known = pieces.find(offset);
    if (known != pieces.end() && known->second == payload) return true;  // seen on two interfaces
    const auto behind = pieces.lower_bound(offset);
    const bool overlap = known != pieces.end() || (behind != pieces.end() && end > behind->first) ||
                         (behind != pieces.begin() &&
                          std::prev(behind)->first + std::prev(behind)->second.size() > offset);
    if (payload.empty() || end > 65535 || pieces.size() >= kMostPieces || overlap ||
        (!more && found->total) || (found->total && end > *found->total)) {
      pieces_.erase(found);
      return false;
    }
    if (!more) found->total = end;
    pieces.emplace(offset, payload);
    std::size_t have = 0;
    for (const auto& [at, piece] : pieces) {
      if (at != have) return true;
      have += piece.size();
    }
    if (found->total != have) return true;
    std::string whole;
    for (const auto& [at, piece] : pieces) whole += piece;
    pieces_.erase(found);
    return upper(protocol, whole);
  }

  bool upper(std::uint32_t protocol, std::string_view bytes) {
    if (protocol == 17) return udp(bytes);
    return protocol == 6 && tcp(bytes);
  }

  void ports(const Bytes& b) {
    from_.port = static_cast<std::uint16_t>(b.u16(0));
    to_.port = static_cast<std::uint16_t>(b.u16(2));
  }

  bool udp(std::string_view bytes) {
    const Bytes b(bytes);
    if (bytes.size() < 8) return false;
    ports(b);
    const std::size_t length = b.u16(4);
    const std::string_view payload =
        length == 0 ? b.rest(8) : b.part(8, length < 8 ? 0 : length - 8);
    return !looks_like_sip(payload) || keep(Transport::udp, payload);
  }

  struct Stream {
    std::string key;
    std::uint32_t next = 0;  ///< the sequence number that is expected
    bool begun = false;
    bool deaf = false;  ///< it carries something else
    std::string buffer;
    StreamFramer framer = StreamFramer();
    std::map<std::uint32_t, std::string> early;  ///< by sequence number
    std::size_t early_bytes = 0;
  };

  static constexpr std::size_t kMostEarly = 256;
  static constexpr std::size_t kMostEarlyBytes = 512 * 1024;

  bool tcp(std::string_view bytes) {
    const Bytes b(bytes);
    const std::size_t header = (b.u8(12) >> 4) * 4;
    if (header < 20 || bytes.size() < header) return false;
    ports(b);
    const std::uint32_t flags = b.u8(13);
    const bool syn = (flags & 2) != 0;
    std::uint32_t sequence = b.u32(4);
    std::string_view payload = bytes.substr(header);
    std::string key(from_.ip.bytes());
    key.append(to_.ip.bytes()).append(bytes.substr(0, 4));
    const auto known = streams_by_key_.find(key);
    if ((flags & 4) != 0) {  // reset
      if (known != streams_by_key_.end()) forget(known->second);
      return true;
    }
    if (known == streams_by_key_.end() && payload.empty() && !syn) return true;
    Stream* stream = known == streams_by_key_.end() ? open(key) : &*known->second;
    if (stream == nullptr) return false;
    if (syn) {
      *stream = Stream{};
      stream->key = std::move(key);
      stream->begun = true;
      stream->next = ++sequence;
    }
    if (!stream->begun) {
      // In the middle of a connection: from the first segment on that begins a message.
      if (!looks_like_sip(payload)) return true;
      stream->begun = true;
      stream->next = sequence;
    }
    return payload.empty() || segment(*stream, sequence, payload);
  }

  bool segment(Stream& s, std::uint32_t sequence, std::string_view payload) {
    const auto ahead = static_cast<std::int32_t>(sequence - s.next);
    if (ahead > 0) {
      if (s.early.size() < kMostEarly && s.early_bytes + payload.size() <= kMostEarlyBytes) {
        const auto [at, fresh] = s.early.try_emplace(sequence, payload);
        if (fresh) s.early_bytes += payload.size();
        return true;
      }
      // What is missing was never captured: on from the next message that begins a segment.
      s.early.clear();
      s.early_bytes = 0;
      restart(s);
      if (!looks_like_sip(payload)) return false;
      s.next = sequence;
      return segment(s, sequence, payload);
    }
    const std::uint32_t behind = s.next - sequence;
    if (behind >= payload.size()) return true;  // sent again
    take(s, payload.substr(behind));
    // Sequence numbers wrap, so the first of the map need not be the nearest; there are few.
    for (bool moved = true; moved && !s.early.empty();) {
      moved = false;
      for (auto it = s.early.begin(); it != s.early.end(); ++it) {
        if (static_cast<std::int32_t>(it->first - s.next) > 0) continue;
        const std::string piece = std::move(it->second);
        const std::uint32_t old = s.next - it->first;
        s.early_bytes -= piece.size();
        s.early.erase(it);
        if (old < piece.size()) take(s, std::string_view(piece).substr(old));
        moved = true;
        break;
      }
    }
    return true;
  }

  static void restart(Stream& s) {
    s.buffer.clear();
    s.framer.reset();
    s.deaf = false;
  }

  void take(Stream& s, std::string_view bytes) {
    s.next += static_cast<std::uint32_t>(bytes.size());
    if (s.deaf || s.buffer.empty()) {
      // CRLFs between messages are keep-alives (RFC 5626 section 4.4.1).
      const std::size_t text = bytes.find_first_not_of("\r\n");
      if (text == std::string_view::npos) return;
      if (s.deaf && !looks_like_sip(bytes.substr(text))) return;
      if (!may_become_sip(bytes.substr(text))) {
        s.deaf = true;
        return;
      }
      restart(s);
    }
    s.buffer += bytes;
    std::size_t done = 0;
    for (;;) {
      const std::string_view rest = std::string_view(s.buffer).substr(done);
      const Frame frame = rest.empty() ? Frame{} : s.framer.next(rest);
      if (frame.kind == Frame::Kind::error) {
        ++out_.passed_over;
        restart(s);
        s.deaf = true;
        return;
      }
      if (frame.kind == Frame::Kind::need_more) break;
      if (frame.kind == Frame::Kind::message && looks_like_sip(rest))
        keep(Transport::tcp, rest.substr(0, frame.size));
      done += frame.size;
    }
    s.buffer.erase(0, done);
  }

  bool keep(Transport transport, std::string_view bytes) {
    if (out_.messages.size() >= limits_.messages || bytes.size() > limits_.message_bytes - kept_) {
      ++out_.passed_over;
      return true;
    }
    kept_ += bytes.size();
    out_.messages.push_back({at_, from_, to_, transport, std::string(bytes)});
    return true;
  }

  Stream* open(const std::string& key) {
    if (limits_.streams == 0) return nullptr;
    if (streams_.size() >= limits_.streams) forget(streams_.begin());
    streams_.emplace_back();
    streams_.back().key = key;
    streams_by_key_[key] = std::prev(streams_.end());
    return &streams_.back();
  }
  void forget(std::list<Stream>::iterator stream) {
    streams_by_key_.erase(stream->key);
    streams_.erase(stream);
  }

  Capture& out_;
  CaptureLimits limits_;
  WallTime at_{};
  SocketAddress from_;
  SocketAddress to_;
  std::size_t kept_ = 0;
  std::list<Pieces> pieces_;
  std::list<Stream> streams_;  ///< the oldest first
  std::map<std::string, std::list<Stream>::iterator> streams_by_key_;
};

// ---------------------------------------------------------------- files

constexpr std::size_t kMostPacket = 1 << 20;  // nothing on a SIP network is larger

void read_pcap(std::string_view file, bool little, bool nanoseconds, Reader& reader, Capture& out) {
  const Bytes b(file, little);
  const std::uint32_t link = b.u32(20) & 0x0FFFFFFF;  // the rest is about frame checksums
  std::size_t at = 24;
  while (at < file.size()) {
    const std::size_t size = b.u32(at + 8);
    if (file.size() - at < 16 || size > kMostPacket || file.size() - at - 16 < size) {
      out.problem = "cut off in the middle of a packet";
      return;
    }
    const std::uint32_t fraction = b.u32(at + 4);
    reader.packet(link,
                  std::chrono::seconds(b.u32(at)) +
                      std::chrono::microseconds(nanoseconds ? fraction / 1000 : fraction),
                  b.part(at + 16, size));
    at += 16 + size;
  }
}

struct Interface {
  std::uint32_t link = 0;
  std::uint32_t resolution = 6;  ///< if_tsresol: a power of ten, or of two with the top bit
};

WallTime time_of(const Interface& interface, std::uint64_t ticks) {
  const std::uint32_t power = interface.resolution & 0x7F;
  std::uint64_t seconds = 0;
  double fraction = 0;
  if ((interface.resolution & 0x80) != 0) {
    if (power > 62) return {};
    seconds = ticks >> power;
    fraction = static_cast<double>(ticks & ((std::uint64_t{1} << power) - 1)) /
               static_cast<double>(std::uint64_t{1} << power);
  } else {
    if (power > 18) return {};
    std::uint64_t unit = 1;
    for (std::uint32_t i = 0; i < power; ++i) unit *= 10;
    seconds = ticks / unit;
    fraction = static_cast<double>(ticks % unit) / static_cast<double>(unit);
  }
  if (seconds > 0xFFFFFFFF) return {};  // no time of ours
  return std::chrono::seconds(seconds) + std::chrono::microseconds(std::llround(fraction * 1e6));
}

void read_pcapng(std::string_view file, Reader& reader, Capture& out) {
  std::vector<Interface> interfaces;
  bool little = false;
  std::size_t at = 0;
  while (file.size() - at >= 12) {
    if (Bytes(file).u32(at) == 0x0A0D0D0A) {
      little = Bytes(file, true).u32(at + 8) == 0x1A2B3C4D;
      if (!little && Bytes(file).u32(at + 8) != 0x1A2B3C4D) break;
      interfaces.clear();  // each section has its own
    }
    const Bytes b(file, little);
    const std::uint32_t type = b.u32(at);
    const std::size_t total = b.u32(at + 4);
    if (total < 12 || total % 4 != 0 || total > file.size() - at) break;
    const Bytes block(file.substr(at + 8, total - 12), little);
    at += total;
    if (type == 1 && interfaces.size() < 4096) {
      Interface interface;
      interface.link = block.u16(0);
      for (std::size_t option = 8; option + 4 <= block.size();) {
        const std::uint32_t code = block.u16(option);
        const std::size_t size = block.u16(option + 2);
        if (code == 0) break;
        if (code == 9 && size == 1) interface.resolution = block.u8(option + 4);
        option += 4 + (size + 3) / 4 * 4;
      }
      interfaces.push_back(interface);
    } else if (type == 6 || type == 2) {  // an enhanced packet, or the packet block of old
      const std::size_t which = type == 6 ? block.u32(0) : block.u16(0);
      const std::size_t size = block.u32(12);
      if (which >= interfaces.size() || block.size() < 20 || size > block.size() - 20 ||
          size > kMostPacket) {
        ++out.packets;
        ++out.passed_over;
        continue;
      }
      const std::uint64_t ticks = (std::uint64_t{block.u32(4)} << 32) | block.u32(8);
      reader.packet(interfaces[which].link, time_of(interfaces[which], ticks),
                    block.part(20, size));
    } else if (type == 3 && !interfaces.empty()) {  // a simple packet, without a time
      reader.packet(interfaces[0].link, {}, block.part(4, block.u32(0)));
    }
  }
  if (at != file.size()) out.problem = "cut off in the middle of a block";
}

}  // namespace

Capture read_capture(std::string_view file, const CaptureLimits& limits) {
  Capture out;
  Reader reader(out, limits);
  const Bytes b(file);
  out.is_capture = true;
  switch (b.u32(0)) {
    case 0x0A0D0D0A: read_pcapng(file, reader, out); return out;
    case 0xA1B2C3D4:
    case 0xD4C3B2A1:
    case 0xA1B23C4D:
    case 0x4D3CB2A1:
      if (file.size() >= 24) {
        const bool little = b.u8(0) != 0xA1;
        const bool nanoseconds = b.u32(0) == 0xA1B23C4D || b.u32(0) == 0x4D3CB2A1;
        read_pcap(file, little, nanoseconds, reader, out);
        return out;
      }
      break;
    default: break;
  }
  out.is_capture = false;
  out.problem = "not a pcap or pcapng file";
  return out;
}

}  // namespace sipstack
