// SPDX-License-Identifier: Apache-2.0
// Where a response goes. RFC 3261 section 18.2.2 as amended by RFC 3581 section 4.
#include "parser/top_via.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack {
namespace {

// The port of a sent-by that the grammar has accepted, where it stands in plain sight; else 0.
std::uint16_t port_of(std::string_view sent_by) noexcept {
  std::uint32_t port = 0;
  std::uint32_t unit = 1;
  for (std::size_t i = sent_by.size(); i-- > 0;) {
    const char c = sent_by[i];
    if (c == ':') return static_cast<std::uint16_t>(port);
    if (c < '0' || c > '9' || unit > 10'000) return 0;
    port += static_cast<std::uint32_t>(c - '0') * unit;
    unit *= 10;
  }
  return 0;
}

}  // namespace

Flow response_target(const MessageView& request, const Flow& source) noexcept {
  Flow target = source;
  if (!reliable(source.transport)) target.connection = 0;

  // Nearly always: UDP, and a Via with rport or a port.
  if (!reliable(source.transport) && request) {
    if (const TopVia top = top_via(request); top.line != nullptr && !top.maddr) {
      if (top.rport.length != 0) return target;
      const char* const base = request.bytes().data() - request.head().start;
      if (const std::uint16_t port = port_of(request.head().sent_by.in(base)); port != 0) {
        target.remote.port = port;
        return target;
      }
    }
  }

  // The raw line, so that a request which failed to parse can be answered too.
  const auto line = request.raw(HeaderId::via);
  Via via;
  const char* cursor = line ? line->data() : nullptr;
  if (!line ||
      read_via(cursor, cursor + line->size(), request.head().lenient, via) != ParseErrc::ok) {
    return target;
  }
  const std::uint16_t sent_by_port = via.port.value_or(default_port(source.transport));

  if (reliable(source.transport)) {
    // Only where the connection is gone does the address count, and then the peer's listening port.
    target.remote.port = sent_by_port;
    return target;
  }
  if (const auto maddr = via.params.find("maddr")) {
    // A name would have to be resolved for whoever cares to write one; addresses only.
    const auto ip = IpAddress::parse(*maddr);
    if (ip && !ip->is_unspecified()) {
      target.remote = {*ip, sent_by_port};
      return target;
    }
  }
  // received is always the source address (section 18.2.1).
  if (!via.params.has("rport")) target.remote.port = sent_by_port;
  return target;
}

}  // namespace sipstack
