// SPDX-License-Identifier: Apache-2.0
// Where a response goes. RFC 3261 section 18.2.2 as amended by RFC 3581 section 4.
#include "parser/top_via.hpp"
#include "sipstack/parser/writer.hpp"

namespace sipstack {

Flow response_target(const MessageView& request, const Flow& source) noexcept {
  Flow target = source;
  if (!reliable(source.transport)) target.connection = 0;

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
