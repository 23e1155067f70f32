// SPDX-License-Identifier: Apache-2.0
// By libosip2's documented interface (osipparser2/*.h).
#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>

#include "differential.hpp"
#include "sipstack/parser/uri.hpp"

namespace differential {
namespace {

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

std::string param(osip_list_t* list, const char* name) {
  osip_generic_param_t* found = nullptr;
  std::string key(name);
  if (osip_generic_param_get_byname(list, key.data(), &found) != OSIP_SUCCESS || found == nullptr) {
    return "";
  }
  return text_of(found->gvalue);
}

bool fill(osip_message_t* m, Record& record) {
  if (m->from == nullptr || m->to == nullptr || m->call_id == nullptr || m->cseq == nullptr)
    return false;
  if (m->cseq->number == nullptr || m->cseq->method == nullptr) return false;
  auto* const via = static_cast<osip_via_t*>(osip_list_get(&m->vias, 0));
  if (via == nullptr) return false;
  record.request = MSG_IS_REQUEST(m);
  if (record.request) {
    record.method = text_of(m->sip_method);
    if (m->req_uri == nullptr) return false;
    record.uri_user = sipstack::unescape(text_of(m->req_uri->username));
    record.uri_host = without_brackets(text_of(m->req_uri->host));
    record.uri_port = number(text_of(m->req_uri->port));
  } else {
    record.status = m->status_code;
  }
  record.via_transport = upper(text_of(via->protocol));
  record.via_host = without_brackets(text_of(via->host));
  record.via_port = number(text_of(via->port));
  record.branch = param(&via->via_params, "branch");
  record.vias = static_cast<std::size_t>(osip_list_size(&m->vias));
  record.from_tag = param(&m->from->gen_params, "tag");
  record.to_tag = param(&m->to->gen_params, "tag");
  // It splits a Call-ID at the "@".
  record.call_id = text_of(m->call_id->number);
  if (m->call_id->host != nullptr) record.call_id += "@" + text_of(m->call_id->host);
  record.cseq_number = number(m->cseq->number);
  record.cseq_method = m->cseq->method;
  if (m->content_length != nullptr)
    record.content_length = number(text_of(m->content_length->value));
  for (int i = 0;; ++i) {
    osip_body_t* body = nullptr;
    if (osip_message_get_body(m, i, &body) < 0 || body == nullptr) break;
    record.body += body->length;
  }
  return true;
}

}  // namespace

Reading osip(std::string_view text) {
  static const bool ready = [] {
    // What it has to say about broken messages is not asked for.
    for (int level = 0; level < END_TRACE_LEVEL; ++level) {
      osip_trace_disable_level(static_cast<osip_trace_level_t>(level));
    }
    return parser_init() == OSIP_SUCCESS;
  }();
  if (!ready) return std::nullopt;
  osip_message_t* m = nullptr;
  if (osip_message_init(&m) != OSIP_SUCCESS) return std::nullopt;
  Record record;
  const std::string copy(text);
  const bool good =
      osip_message_parse(m, copy.data(), copy.size()) == OSIP_SUCCESS && fill(m, record);
  osip_message_free(m);
  if (!good) return std::nullopt;
  return record;
}

}  // namespace differential
