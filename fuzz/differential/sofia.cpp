// SPDX-License-Identifier: Apache-2.0
// By sofia-sip's documented interface (sofia-sip/sip.h, msg.h).
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_parser.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

#include "differential.hpp"
#include "sipstack/parser/uri.hpp"

namespace differential {
namespace {

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

bool fill(const sip_t* sip, Record& record) {
  if (sip == nullptr || sip->sip_error != nullptr || sip->sip_via == nullptr ||
      sip->sip_from == nullptr || sip->sip_to == nullptr || sip->sip_call_id == nullptr ||
      sip->sip_cseq == nullptr) {
    return false;
  }
  if (sip->sip_request != nullptr) {
    record.request = true;
    record.method = text_of(sip->sip_request->rq_method_name);
    record.uri_user = sipstack::unescape(text_of(sip->sip_request->rq_url->url_user));
    record.uri_host = without_brackets(text_of(sip->sip_request->rq_url->url_host));
    record.uri_port = number(text_of(sip->sip_request->rq_url->url_port));
  } else if (sip->sip_status != nullptr) {
    record.status = sip->sip_status->st_status;
  } else {
    return false;
  }
  const std::string protocol = text_of(sip->sip_via->v_protocol);
  record.via_transport = upper(protocol.substr(protocol.rfind('/') + 1));
  record.via_host = without_brackets(text_of(sip->sip_via->v_host));
  record.via_port = number(text_of(sip->sip_via->v_port));
  record.branch = text_of(sip->sip_via->v_branch);
  for (const sip_via_t* via = sip->sip_via; via != nullptr; via = via->v_next) ++record.vias;
  record.from_tag = text_of(sip->sip_from->a_tag);
  record.to_tag = text_of(sip->sip_to->a_tag);
  record.call_id = text_of(sip->sip_call_id->i_id);
  record.cseq_number = std::to_string(sip->sip_cseq->cs_seq);
  record.cseq_method = text_of(sip->sip_cseq->cs_method_name);
  if (sip->sip_content_length != nullptr) {
    record.content_length = std::to_string(sip->sip_content_length->l_length);
  }
  if (sip->sip_payload != nullptr) record.body = sip->sip_payload->pl_len;
  return true;
}

}  // namespace

Reading sofia(std::string_view text) {
  msg_t* const msg =
      msg_make(sip_default_mclass(), 0, text.data(), static_cast<ssize_t>(text.size()));
  if (msg == nullptr) return std::nullopt;
  Record record;
  const bool good = fill(sip_object(msg), record);
  msg_destroy(msg);
  if (!good) return std::nullopt;
  return record;
}

}  // namespace differential
