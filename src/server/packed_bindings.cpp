// SPDX-License-Identifier: Apache-2.0
// A head, the AOR, then each binding: its numbers as they lie in memory, texts with their length before them.
#include "server/packed_bindings.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

namespace sipstack::server {
namespace {

struct PackedHead {
  std::uint32_t count = 0;
  std::uint32_t aor = 0;  ///< bytes of it
};

enum : std::uint8_t { kHasQ = 1, kByFlow = 2 };

struct PackedNumbers {
  TimePoint expires{};
  std::uint64_t epoch = 0;
  std::uint64_t holder = 0;
  ConnectionId connection = 0;
  std::uint32_t cseq = 0;
  std::uint32_t reg_id = 0;
  std::uint32_t identity = 0;
  std::uint16_t q = 0;
  Transport transport = Transport::udp;
  std::uint8_t flags = 0;
};
static_assert(std::is_trivially_copyable_v<PackedNumbers> && sizeof(PackedNumbers) == 48);

/// Where bytes go, or how many they would be.
class Packer {
 public:
  explicit Packer(char* at = nullptr) : at_(at) {}

  void bytes(const void* from, std::size_t size) noexcept {
    if (at_ != nullptr && size > 0) std::memcpy(at_ + size_, from, size);
    size_ += size;
  }
  void size(std::size_t n) noexcept {
    for (; n >= 0x80; n >>= 7) byte(static_cast<std::uint8_t>((n & 0x7f) | 0x80));
    byte(static_cast<std::uint8_t>(n));
  }
  void text(std::string_view t) noexcept {
    size(t.size());
    bytes(t.data(), t.size());
  }
  void address(const SocketAddress& a) noexcept {
    const std::size_t size = a.ip.is_v4() ? 4 : a.ip.is_v6() ? 16 : 0;
    byte(static_cast<std::uint8_t>(size));
    bytes(a.ip.storage().data(), size);
    const std::uint32_t scope = a.ip.scope_id();
    if (size == 16) bytes(&scope, sizeof scope);
    bytes(&a.port, sizeof a.port);
  }
  std::size_t written() const noexcept { return size_; }

 private:
  void byte(std::uint8_t b) noexcept { bytes(&b, 1); }

  char* at_;
  std::size_t size_ = 0;
};

void pack(Packer& out, std::string_view aor, const std::vector<Binding>& bindings) {
  const PackedHead head{static_cast<std::uint32_t>(bindings.size()),
                        static_cast<std::uint32_t>(aor.size())};
  out.bytes(&head, sizeof head);
  out.bytes(aor.data(), aor.size());
  for (const Binding& b : bindings) {
    PackedNumbers n;
    n.expires = b.expires;
    n.epoch = b.epoch;
    n.holder = b.holder;
    n.connection = b.flow.connection;
    n.cseq = b.cseq;
    n.reg_id = b.reg_id;
    n.identity = b.flow.identity;
    n.q = static_cast<std::uint16_t>(b.q);
    n.transport = b.flow.transport;
    n.flags = static_cast<std::uint8_t>((b.has_q ? kHasQ : 0) | (b.by_flow ? kByFlow : 0));
    out.bytes(&n, sizeof n);
    out.text(b.contact);
    out.text(b.params);
    out.text(b.call_id);
    out.text(b.instance);
    out.size(b.path.size());
    for (const std::string& p : b.path) out.text(p);
    out.address(b.flow.local);
    out.address(b.flow.remote);
  }
}

class Unpacker {
 public:
  explicit Unpacker(const char* at) : at_(at) {}

  template <class T>
  T value() noexcept {
    T v;
    std::memcpy(&v, at_, sizeof v);
    at_ += sizeof v;
    return v;
  }
  std::size_t size() noexcept {
    std::size_t n = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto b = value<std::uint8_t>();
      n |= static_cast<std::size_t>(b & 0x7f) << shift;
      if ((b & 0x80) == 0) return n;
    }
  }
  std::string_view bytes(std::size_t n) noexcept {
    const std::string_view t(at_, n);
    at_ += n;
    return t;
  }
  std::string_view text() noexcept { return bytes(size()); }
  SocketAddress address() noexcept {
    SocketAddress a;
    const auto size = value<std::uint8_t>();
    if (size == 4) {
      a.ip = IpAddress::v4(value<std::array<std::uint8_t, 4>>());
    } else if (size == 16) {
      const auto v6 = value<std::array<std::uint8_t, 16>>();
      a.ip = IpAddress::v6(v6, value<std::uint32_t>());
    }
    a.port = value<std::uint16_t>();
    return a;
  }

 private:
  const char* at_;
};

Binding unpack(Unpacker& in) {
  Binding b;
  const auto n = in.value<PackedNumbers>();
  b.expires = n.expires;
  b.epoch = n.epoch;
  b.holder = n.holder;
  b.cseq = n.cseq;
  b.reg_id = n.reg_id;
  b.q = n.q;
  b.has_q = (n.flags & kHasQ) != 0;
  b.by_flow = (n.flags & kByFlow) != 0;
  b.contact = in.text();
  b.params = in.text();
  b.call_id = in.text();
  b.instance = in.text();
  b.path.resize(in.size());
  for (std::string& p : b.path) p = in.text();
  b.flow.transport = n.transport;
  b.flow.local = in.address();
  b.flow.remote = in.address();
  b.flow.identity = n.identity;
  b.flow.connection = n.connection;
  return b;
}

PackedHead head_of(const char* bytes) noexcept { return Unpacker(bytes).value<PackedHead>(); }

}  // namespace

PackedBindings::PackedBindings(std::string_view aor, const std::vector<Binding>& bindings) {
  Packer measured;
  pack(measured, aor, bindings);
  bytes_.reset(new char[measured.written()]);
  Packer written(bytes_.get());
  pack(written, aor, bindings);
}

std::string_view PackedBindings::aor() const noexcept {
  return {bytes_.get() + sizeof(PackedHead), head_of(bytes_.get()).aor};
}

std::size_t PackedBindings::count() const noexcept { return head_of(bytes_.get()).count; }

std::vector<Binding> PackedBindings::live(TimePoint now) const {
  const PackedHead head = head_of(bytes_.get());
  Unpacker in(bytes_.get() + sizeof head + head.aor);
  std::vector<Binding> out;
  out.reserve(head.count);
  for (std::uint32_t i = 0; i < head.count; ++i) {
    out.push_back(unpack(in));
    if (out.back().expires <= now) out.pop_back();
  }
  return out;
}

}  // namespace sipstack::server
