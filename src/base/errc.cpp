// SPDX-License-Identifier: Apache-2.0
// Texts of sipstack::Errc.
#include "sipstack/base/errc.hpp"

namespace sipstack {
namespace {

class SipCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "sipstack"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::ok: return "no error";
      case Errc::timeout: return "no response in time";
      case Errc::transport_failed: return "the transport failed";
      case Errc::unresolved: return "no target to send to was found";
      case Errc::too_many_transactions: return "too many transactions";
      case Errc::write_failed: return "the message could not be written";
      case Errc::gone: return "the handle is stale";
      case Errc::wrong_state: return "not possible in this state";
      case Errc::cancelled: return "cancelled";
      case Errc::challenged_again: return "credentials were refused";
      case Errc::not_acknowledged: return "the answer was never acknowledged";
      case Errc::bad_response: return "the response cannot be used";
    }
    return "unknown error";
  }
};

}  // namespace

const std::error_category& sip_category() noexcept {
  static const SipCategory category;
  return category;
}

}  // namespace sipstack
