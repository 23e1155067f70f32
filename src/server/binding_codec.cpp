// SPDX-License-Identifier: Apache-2.0
// Version 1: a byte 1, latest expiry, number of bindings, then each. Numbers are little endian or in groups of
// seven bits, texts have their length before them.
#include "server/binding_codec.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>

namespace sipstack::server {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMostBindings = 1024;
constexpr std::size_t kMostPath = 1024;
constexpr std::int64_t kMostMilliseconds = std::int64_t{1} << 52;

enum : std::uint64_t { kHasQ = 1, kByFlow = 2, kAll = 3 };

class Writer {
 public:
  void number(std::uint64_t n) {
    for (; n >= 0x80; n >>= 7) out.push_back(static_cast<char>((n & 0x7f) | 0x80));
    out.push_back(static_cast<char>(n));
  }
  void fixed(std::uint64_t n) {
    for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>((n >> (8 * i)) & 0xff));
  }
  void text(std::string_view t) {
    number(t.size());
    out.append(t);
  }
  void address(const SocketAddress& a) {
    text(a.ip.bytes().substr(0, a.ip.is_v4() ? 4 : a.ip.is_v6() ? 16 : 0));
    number(a.ip.scope_id());
    number(a.port);
  }
  std::string out;
};

/// Each read fails where nothing is left, and all that follow.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number(std::uint64_t most) {
    std::uint64_t n = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      n |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return n <= most ? n : fail();
    }
    return fail();
  }
  std::uint64_t fixed() {
    if (rest_.size() < 8) return fail();
    std::uint64_t n = 0;
    for (std::size_t i = 0; i < 8; ++i)
      n |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(rest_[i])) << (8 * i);
    rest_.remove_prefix(8);
    return n;
  }
  /// They go into headers: none may end a line. Other control characters a quoted string may have (RFC 3261
  /// section 25.1, quoted-pair).
  std::string text() {
    const std::string_view t = bytes();
    if (t.find_first_of("\r\n") != std::string_view::npos) fail();
    return std::string(t);
  }
  SocketAddress address() {
    SocketAddress a;
    const std::string_view ip = bytes();
    const auto scope = static_cast<std::uint32_t>(number(UINT32_MAX));
    a.port = static_cast<std::uint16_t>(number(UINT16_MAX));
    if (ip.size() == 4) {
      std::array<std::uint8_t, 4> v4{};
      std::memcpy(v4.data(), ip.data(), v4.size());
      a.ip = IpAddress::v4(v4);
    } else if (ip.size() == 16) {
      std::array<std::uint8_t, 16> v6{};
      std::memcpy(v6.data(), ip.data(), v6.size());
      a.ip = IpAddress::v6(v6, scope);
    } else if (!ip.empty()) {
      fail();
    }
    return a;
  }
  bool good() const noexcept { return good_; }
  bool at_end() const noexcept { return good_ && rest_.empty(); }

 private:
  std::uint64_t fail() noexcept {
    good_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view bytes() {
    const auto size = static_cast<std::size_t>(number(rest_.size()));
    if (size > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view t = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return t;
  }

  std::string_view rest_;
  bool good_ = true;
};

std::int64_t milliseconds_until(TimePoint expires, TimePoint now) noexcept {
  const auto left = std::chrono::floor<std::chrono::milliseconds>(expires - now).count();
  return std::clamp<std::int64_t>(left, 0, kMostMilliseconds);
}

void write(Writer& w, const Binding& b, const CodecFrame& frame) {
  const std::int64_t granted = milliseconds_until(b.expires, frame.now);
  std::uint64_t flags = 0;
  if (b.has_q) flags |= kHasQ;
  if (b.by_flow) flags |= kByFlow;
  w.number(flags);
  w.number(static_cast<std::uint64_t>(b.q));
  w.fixed(static_cast<std::uint64_t>(frame.unix_ms + granted));
  w.number(static_cast<std::uint64_t>(granted));
  w.number(b.cseq);
  w.number(b.reg_id);
  w.fixed(b.epoch);
  w.fixed(b.holder != 0 ? b.holder : frame.node);
  w.text(b.contact);
  w.text(b.params);
  w.text(b.call_id);
  w.text(b.instance);
  w.number(b.path.size());
  for (const std::string& p : b.path) w.text(p);
  w.number(static_cast<std::uint64_t>(b.flow.transport));
  w.address(b.flow.local);
  w.address(b.flow.remote);
  w.number(b.flow.identity);
  w.number(b.flow.connection);
}

Binding read(Reader& r, const CodecFrame& frame) {
  Binding b;
  const std::uint64_t flags = r.number(kAll);
  b.has_q = (flags & kHasQ) != 0;
  b.by_flow = (flags & kByFlow) != 0;
  b.q = static_cast<int>(r.number(1000));
  const auto expires = static_cast<std::int64_t>(r.fixed());
  const auto granted = static_cast<std::int64_t>(r.number(kMostMilliseconds));
  const std::int64_t left =
      expires <= frame.unix_ms ? 0 : std::min(expires - frame.unix_ms, granted);
  b.expires = frame.now + std::chrono::milliseconds(left);
  b.cseq = static_cast<std::uint32_t>(r.number(UINT32_MAX));
  b.reg_id = static_cast<std::uint32_t>(r.number(UINT32_MAX));
  b.epoch = r.fixed();
  b.holder = r.fixed();
  if (b.holder == frame.node) b.holder = 0;
  b.contact = r.text();
  b.params = r.text();
  b.call_id = r.text();
  b.instance = r.text();
  for (std::uint64_t i = r.number(kMostPath); i-- > 0 && r.good();) b.path.push_back(r.text());
  b.flow.transport = static_cast<Transport>(r.number(static_cast<std::uint64_t>(Transport::wss)));
  b.flow.local = r.address();
  b.flow.remote = r.address();
  b.flow.identity = static_cast<std::uint32_t>(r.number(UINT32_MAX));
  b.flow.connection = r.number(UINT64_MAX);
  return b;
}

}  // namespace

std::string encode_bindings(const std::vector<Binding>& bindings, const CodecFrame& frame) {
  std::int64_t latest = 0;
  for (const Binding& b : bindings)
    latest = std::max(latest, frame.unix_ms + milliseconds_until(b.expires, frame.now));
  Writer w;
  w.number(kVersion);
  w.fixed(static_cast<std::uint64_t>(latest));
  w.number(bindings.size());
  for (const Binding& b : bindings) write(w, b, frame);
  return std::move(w.out);
}

std::optional<std::vector<Binding>> decode_bindings(std::string_view bytes,
                                                    const CodecFrame& frame) {
  const auto summary = summarize_bindings(bytes);
  if (!summary) return std::nullopt;
  Reader r(bytes);
  r.number(kVersion);
  r.fixed();
  r.number(kMostBindings);
  std::vector<Binding> out;
  for (std::size_t i = 0; i < summary->count && r.good(); ++i) {
    Binding b = read(r, frame);
    if (b.expires > frame.now) out.push_back(std::move(b));
  }
  if (!r.at_end()) return std::nullopt;
  return out;
}

std::optional<EncodedSummary> summarize_bindings(std::string_view bytes) noexcept {
  Reader r(bytes);
  if (r.number(kVersion) != kVersion) return std::nullopt;
  EncodedSummary summary;
  summary.latest = static_cast<std::int64_t>(r.fixed());
  summary.count = static_cast<std::size_t>(r.number(kMostBindings));
  if (!r.good()) return std::nullopt;
  return summary;
}

void forget_foreign_flows(std::vector<Binding>& bindings) {
  for (Binding& b : bindings) {
    if (b.holder == 0) continue;
    b.flow.local = {};
    b.flow.identity = 0;
    b.flow.connection = 0;
    if (reliable(b.flow.transport)) b.by_flow = false;
  }
}

}  // namespace sipstack::server
