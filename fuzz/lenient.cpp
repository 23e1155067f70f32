// SPDX-License-Identifier: Apache-2.0
// The lenient reading: what the exact one takes it takes alike and tells nothing; whatever it takes, both
// see the same header fields and the same body.
#include <cstdlib>
#include <cstring>

#include "sipstack/parser/diagnostics.hpp"
#include "sipstack/parser/message_view.hpp"

using namespace sipstack;

namespace {

bool same(Span16 a, Span16 b) { return a.begin == b.begin && a.length == b.length; }

bool same(const MessageIndex& a, const MessageIndex& b) {
  return a.request == b.request && a.method == b.method && a.status == b.status &&
         same(a.method_name, b.method_name) && same(a.uri, b.uri) && same(a.call_id, b.call_id) &&
         same(a.from_tag, b.from_tag) && same(a.to_tag, b.to_tag) && same(a.branch, b.branch) &&
         a.cseq == b.cseq && a.max_forwards == b.max_forwards && a.vias == b.vias &&
         same(a.body, b.body) && a.start == b.start && a.size == b.size && a.headers == b.headers &&
         std::memcmp(a.entries, b.entries, a.headers * sizeof(HeaderEntry)) == 0;
}

template <class T>
void walk(const HeaderTag<T>& tag, const MessageView& m) {
  std::size_t values = 0;
  for (const auto& value : m.all(tag)) {
    static_cast<void>(value);
    if (++values > m.bytes().size()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static MessageIndex exact;
  static MessageIndex loose;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const bool taken = parse(bytes, exact).has_value();
  Diagnostics told;
  const auto parsed = parse(bytes, loose, told);
  if (!parsed) {
    if (taken || parsed.error().offset > size) std::abort();
    return 0;
  }
  if (taken && (!told.empty() || !same(exact, loose))) std::abort();
  for (const Diagnostic& one : told) {
    if (one.offset > size || to_string(one.rule).empty() || assumption(one.rule).empty())
      std::abort();
  }
  // Where headers and the body end is never a matter of leniency.
  if (!taken && exact.headers == loose.headers &&
      std::memcmp(exact.entries, loose.entries, loose.headers * sizeof(HeaderEntry)) != 0) {
    std::abort();
  }
  const MessageView m(bytes.data(), loose);
  Diagnostics more;
  static_cast<void>(validate(m, more));
  for (std::size_t i = 0; i < m.header_count(); ++i) {
    switch (m.header(i).id) {
#define SIPSTACK_X(header, type, parser) \
  case HeaderId::header: walk(hdr::header, m); break;
      SIPSTACK_HEADER_TYPES(SIPSTACK_X)
#undef SIPSTACK_X
      case HeaderId::other: break;
    }
  }
  return 0;
}
