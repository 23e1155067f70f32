// SPDX-License-Identifier: Apache-2.0
// What is accepted can be passed on untouched, byte for byte, and written anew from its values with the
// same fields. A request that is refused is answered with something that cannot be split.
#include <cstdlib>
#include <cstring>

#include "sipstack/parser/framer.hpp"
#include "sipstack/parser/rewrite.hpp"
#include "sipstack/parser/writer.hpp"

using namespace sipstack;

namespace {

BlockPool& pool() {
  static BlockPool blocks;
  return blocks;
}

Flow peer() {
  Flow flow;
  flow.remote = SocketAddress::parse("192.0.2.4:5060").value();
  return flow;
}

const Origin kOrigin{Transport::tcp, "192.0.2.9", "z9hG4bKf"};

void untouched(const MessageView& m) {
  const Rewrite rewrite(m);
  if (!m.is_request()) {
    const auto sealed = rewrite.response(pool());
    if (m.head().has_content_length && (!sealed || sealed->bytes() != m.bytes())) std::abort();
    return;
  }
  const auto out = rewrite.request(pool());
  if (!out) {
    if (out.error() != WriteErrc::too_large) std::abort();
    return;
  }
  const auto sealed = out->seal(kOrigin);
  if (!sealed) {
    // Our Via can make it one too long or one too many; the message itself cannot be wrong.
    if (sealed.error() != WriteErrc::too_large && m.header_count() < MessageIndex::kCapacity - 2)
      std::abort();
    return;
  }
  const MessageView other = sealed->view();
  const std::size_t added = m.head().has_content_length ? 1 : 2;
  if (other.header_count() != m.header_count() + added || other.body() != m.body() ||
      other.uri_text() != m.uri_text()) {
    std::abort();
  }
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    if (other.header(i + 1).name != m.header(i).name ||
        other.header(i + 1).value != m.header(i).value) {
      std::abort();
    }
  }
}

void anew(const MessageView& m) {
  RequestWriter out(pool(), m.method_name(), m.uri_text());
  std::size_t written = 0;
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    const HeaderView line = m.header(i);
    if (line.id == HeaderId::content_length) continue;
    out.header(line.name, unfold(line.value));
    ++written;
  }
  if (!m.body().empty()) out.body(m.has(HeaderId::content_type) ? "" : "a/b", m.body());
  const auto sealed = out.seal(kOrigin);
  if (!sealed) return;  // a control byte that was escaped, or one field too many
  const MessageView other = sealed->view();
  if (other.body() != m.body() || other.call_id() != m.call_id() ||
      other.from_tag() != m.from_tag() || other.to_tag() != m.to_tag() ||
      other.cseq().number != m.cseq().number || other.header_count() < written + 2) {
    std::abort();
  }
  StreamFramer framer;
  const Frame frame = framer.next(sealed->bytes());
  if (frame.kind == Frame::Kind::message && frame.size != sealed->bytes().size()) std::abort();
}

void answered(const MessageView& m, int status) {
  const auto sealed = ResponseWriter(pool(), m, peer(), status, "t1").seal();
  if (!sealed) return;
  const std::string_view bytes = sealed->bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\n'   ? i == 0 || bytes[i - 1] != '\r'
        : c == '\r' ? i + 1 == bytes.size() || bytes[i + 1] != '\n'
                    : (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
      std::abort();
    }
  }
  if (bytes.find("\r\n\r\n") != bytes.size() - 4) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static MessageIndex index;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse(bytes, index);
  const MessageView m(bytes.data(), index);
  if (!parsed) {
    if (recoverable(m) && parsed.error().status() != 0) answered(m, parsed.error().status());
  } else {
    untouched(m);
    if (m.is_request()) {
      anew(m);
      answered(m, 200);
    }
  }
  if (pool().live() != 0) std::abort();
  return 0;
}
