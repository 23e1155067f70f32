// SPDX-License-Identifier: Apache-2.0
// What a call tells those who watch it, and what its Contact says of it. RFC 4235, RFC 3840.
#include <algorithm>

#include "dialog/user_agent_impl.hpp"

namespace sipstack {

std::optional<DialogInfo> InviteSession::dialog_info() const {
  const Dialog* const d = dialog_          ? dialog_.get()
                          : early_.empty() ? nullptr
                                           : &early_.back().dialog;
  if (d == nullptr) return std::nullopt;
  DialogInfo out;
  out.id = std::to_string(id_.slot) + "-" + std::to_string(id_.generation);
  out.call_id = d->call_id();
  out.local_tag = d->local_tag();
  out.remote_tag = d->remote_tag();
  out.remote_uri = d->remote_target();
  out.initiator = initiator_;
  switch (state_) {
    case State::up: out.state = DialogInfo::State::confirmed; break;
    case State::leaving:
    case State::cancelling:
    case State::over: out.state = DialogInfo::State::terminated; break;
    default: out.state = DialogInfo::State::early;
  }
  return out;
}

std::error_code InviteSession::contact_params(std::string_view params) {
  // A control byte would fail every later message; what closes the value cannot be told from another Contact.
  if (std::any_of(params.begin(), params.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return Errc::write_failed;
  if (state_ == State::leaving || state_ == State::over) return Errc::wrong_state;
  contact_params_ = params;
  return {};
}

std::optional<DialogInfo> UserAgent::dialog_info(CallId call) const {
  const InviteSession* session = impl_->calls.find(call);
  return session == nullptr ? std::nullopt : session->dialog_info();
}

std::error_code UserAgent::contact_params(CallId call, std::string_view params) {
  InviteSession* session = impl_->calls.find(call);
  return session == nullptr ? Errc::gone : session->contact_params(params);
}

}  // namespace sipstack
