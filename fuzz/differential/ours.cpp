// SPDX-License-Identifier: Apache-2.0
#include "differential.hpp"
#include "sipstack/parser/message_view.hpp"

namespace differential {

Reading ours(std::string_view text) {
  static sipstack::MessageIndex index;
  if (!sipstack::parse(text, index)) return std::nullopt;
  const sipstack::MessageView m(text.data(), index);
  Record record;
  record.request = m.is_request();
  record.status = m.status();
  if (m.is_request()) {
    record.method = m.method_name();
    const sipstack::Uri uri = m.request_uri();
    if (uri.is_sip()) {
      record.uri_user = sipstack::unescape(uri.user);
      record.uri_host = without_brackets(uri.host);
      if (uri.port) record.uri_port = std::to_string(*uri.port);
    }
  }
  const sipstack::Via via = m.top_via();
  record.via_transport = upper(via.transport);
  record.via_host = without_brackets(via.host);
  if (via.port) record.via_port = std::to_string(*via.port);
  record.branch = m.branch();
  record.vias = m.head().vias;
  record.from_tag = m.from_tag();
  record.to_tag = m.to_tag();
  record.call_id = m.call_id();
  record.cseq_number = std::to_string(m.cseq().number);
  record.cseq_method = m.cseq().method_name;
  if (const auto length = m.raw(sipstack::HeaderId::content_length))
    record.content_length = number(*length);
  record.body = m.body().size();
  return record;
}

}  // namespace differential
