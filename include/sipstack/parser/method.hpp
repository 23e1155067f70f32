// SPDX-License-Identifier: Apache-2.0
// SIP methods: the registered ones as an enum, any token as text.
#pragma once

#include <cstdint>
#include <string_view>

namespace sipstack {

#define SIPSTACK_METHODS(X) \
  X(invite, "INVITE")       \
  X(ack, "ACK")             \
  X(bye, "BYE")             \
  X(cancel, "CANCEL")       \
  X(options, "OPTIONS")     \
  X(register_, "REGISTER")  \
  X(prack, "PRACK")         \
  X(update, "UPDATE")       \
  X(info, "INFO")           \
  X(message, "MESSAGE")     \
  X(subscribe, "SUBSCRIBE") \
  X(notify, "NOTIFY")       \
  X(refer, "REFER")         \
  X(publish, "PUBLISH")

enum class Method : std::uint8_t {
  other,
#define SIPSTACK_X(id, name) id,
  SIPSTACK_METHODS(SIPSTACK_X)
#undef SIPSTACK_X
};

/// "INVITE", ...; "" for `other`.
std::string_view name(Method method) noexcept;
/// Methods are case-sensitive (RFC 3261 section 7.1).
Method method_from(std::string_view name) noexcept;

}  // namespace sipstack
