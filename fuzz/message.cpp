// SPDX-License-Identifier: Apache-2.0
// One datagram: parse, then every header by its own grammar. What is accepted keeps its promises.
#include <cstdlib>
#include <utility>

#include "sipstack/parser/message_view.hpp"

using namespace sipstack;

namespace {

template <class T>
void walk(const HeaderTag<T>& tag, const MessageView& m) {
  std::size_t values = 0;
  for (const auto& value : m.all(tag)) {
    if (++values > m.bytes().size()) std::abort();
    if (!value && value.error().offset > m.head().start + m.bytes().size()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static MessageIndex index;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse(bytes, index);
  const MessageView m(bytes.data(), index);
  if (!parsed) {
    if (parsed.error().offset > size) std::abort();
  } else if (m.call_id().empty() || m.top_via().host.empty() || m.head().vias == 0 ||
             m.cseq().number > 0x7fffffffU || index.start + index.size > size ||
             (m.is_request() ? m.request_uri().text.empty() : m.status() < 100)) {
    std::abort();
  }
  bool walked[kHeaderIds] = {};
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    const HeaderId id = m.header(i).id;
    if (std::exchange(walked[static_cast<std::size_t>(id)], true)) continue;
    switch (id) {
#define SIPSTACK_X(header, type, parser) \
  case HeaderId::header: walk(hdr::header, m); break;
      SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
      case HeaderId::other: break;
    }
  }
  if (parsed) static_cast<void>(validate(m));
  static_cast<void>(recoverable(m));
  return 0;
}
