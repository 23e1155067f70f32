// SPDX-License-Identifier: Apache-2.0
// PRACK and UPDATE as requests of ours, and in which of a call's dialogs. RFC 3261 section 12.2.1.
#include "dialog/context.hpp"

namespace sipstack {

InviteSession::Early* InviteSession::early(std::string_view remote_tag) noexcept {
  for (Early& e : early_)
    if (e.dialog.remote_tag() == remote_tag) return &e;
  return nullptr;
}

Dialog* InviteSession::dialog_with(std::string_view remote_tag) noexcept {
  if (Early* const found = early(remote_tag)) return &found->dialog;
  return dialog_ && dialog_->remote_tag() == remote_tag ? &*dialog_ : nullptr;
}

InviteSession::Talk* InviteSession::talk_with(std::string_view remote_tag) noexcept {
  if (Early* const found = early(remote_tag)) return &found->talk;
  return dialog_ && dialog_->remote_tag() == remote_tag ? &talk_ : nullptr;
}

/// A Contact that the application gave, or a registration, is ours from then on: a target refresh must not
/// take it back.
void InviteSession::write_contact(MessageWriter& out, const ExtraHeaders& headers, bool secure) {
  if (names(headers, HeaderId::contact)) {
    for (const auto& [field, value] : headers)
      if (header_id(field) == HeaderId::contact) contact_ = value;
  } else if (!contact_.empty()) {
    std::string value(contact_.view());
    if (!contact_params_.empty()) value.append(";").append(contact_params_.view());
    out.header(HeaderId::contact, value);
  } else {
    ua_.write_contact(out, headers, secure, contact_params_.view());
  }
}

expected<TxnId, std::error_code> InviteSession::send_within(Dialog& dialog, std::string_view method,
                                                            Part which, std::string_view sdp,
                                                            const HeaderLines& lines,
                                                            std::optional<Flow> flow,
                                                            TimePoint now) {
  const auto cseq = dialog.next_cseq();
  if (!cseq) return unexpected(make_error_code(Errc::wrong_state));
  RequestWriter out = dialog.request(ua_.pool(), method, *cseq);
  for (const auto& [id, value] : lines) out.header(id, value);
  if (which == update_request) {
    write_contact(out, {}, dialog.sips());
    ua_.write_capabilities(out);
    if (state_ == State::up) timer_.write_request(out);
  }
  digest_.authorize(out, method, std::string(out.uri()), sdp, ua_.random());
  ua_.write_product(out, HeaderId::user_agent);
  if (!sdp.empty()) out.body("application/sdp", sdp);
  if (out.error() != WriteErrc::ok) return unexpected(make_error_code(Errc::write_failed));
  return ua_.layer.send(std::move(out), retry_hop(dialog.next_hop(), flow), part(which), now);
}

}  // namespace sipstack
