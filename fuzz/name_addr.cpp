// SPDX-License-Identifier: Apache-2.0
// Lists of addresses, by each of the forms that headers take.
#include "values.hpp"

using namespace sipstack;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view list(reinterpret_cast<const char*>(data), size);
  const auto look = [](const NameAddr& address, std::string_view text) {
    if (!fuzzing::within(address.text, text) || !fuzzing::within(address.display, text) ||
        !fuzzing::within(address.uri.text, text) || !fuzzing::within(address.params.text(), text) ||
        address.wildcard != address.uri.text.empty()) {
      std::abort();
    }
    const int q = address.q();
    if (q < 0 || q > 1000) std::abort();
    static_cast<void>(address.expires());
    static_cast<void>(address.tag());
  };
  fuzzing::each(hdr::contact, list, look);
  fuzzing::each(hdr::route, list, look);
  fuzzing::each(hdr::from, list, look);
  return 0;
}
