// SPDX-License-Identifier: Apache-2.0
// One datagram: parse, then every header by its own grammar.
#include "sipstack/parser/message_view.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace sipstack;
  static MessageIndex index;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const bool accepted = parse(bytes, index).has_value();
  const MessageView message(bytes.data(), index);
  if (accepted && message.call_id().empty()) __builtin_trap();
  static_cast<void>(validate(message));
  return 0;
}
