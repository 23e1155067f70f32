// SPDX-License-Identifier: Apache-2.0
// Lists of Via values.
#include "values.hpp"

using namespace sipstack;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view list(reinterpret_cast<const char*>(data), size);
  fuzzing::each(hdr::via, list, [](const Via& via, std::string_view text) {
    if (via.host.empty() || via.transport.empty() || via.version.empty() ||
        (via.port && *via.port == 0) || !fuzzing::within(via.text, text) ||
        !fuzzing::within(via.sent_by(), text) || !fuzzing::within(via.received(), text) ||
        !fuzzing::within(via.branch(), text) ||
        via.sent_by().substr(0, via.host.size()) != via.host) {
      std::abort();
    }
  });
  return 0;
}
