// SPDX-License-Identifier: Apache-2.0
// The same fields by sofia-sip, with its extended class of headers, so that identities are typed.
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/msg_parser.h>
#include <sofia-sip/sdp.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

#include "record.hpp"

namespace bench {
namespace {

const msg_mclass_t* headers() {
  static const msg_mclass_t* const mclass = sip_extend_mclass(nullptr);
  return mclass;
}

std::string_view host(const char* text) {
  std::string_view s = text == nullptr ? "" : text;
  if (s.size() > 1 && s.front() == '[') s = s.substr(1, s.size() - 2);
  return s;
}

void uri(Record& record, const url_t* url) {
  record.add(mark(url->url_scheme) + mark(url->url_user) + mark(host(url->url_host)) +
             mark(std::uint64_t(decimal(url->url_port))));
}

struct Parsed {
  msg_t* msg;
  sip_t* sip;
  explicit Parsed(const std::string& text)
      : msg(msg_make(headers(), 0, text.data(), static_cast<ssize_t>(text.size()))),
        sip(msg == nullptr ? nullptr : sip_object(msg)) {}
  ~Parsed() { msg_destroy(msg); }
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;
  bool ok() const {
    return sip != nullptr && sip->sip_error == nullptr && sip->sip_via != nullptr &&
           sip->sip_from != nullptr && sip->sip_to != nullptr && sip->sip_call_id != nullptr &&
           sip->sip_cseq != nullptr;
  }
};

void call_id(Record& record, std::string_view id) {
  const std::size_t at = id.find('@');
  record.add(mark(id.substr(0, at)));
  if (at != std::string_view::npos) record.add(mark(id.substr(at + 1)));
}

void transaction(Record& record, const sip_t* sip) {
  record.add(mark(sip->sip_via->v_branch) + mark(host(sip->sip_via->v_host)) +
             mark(std::uint64_t(decimal(sip->sip_via->v_port))) + mark(sip->sip_from->a_tag) +
             mark(sip->sip_to->a_tag));
  call_id(record, sip->sip_call_id->i_id);
  record.add(mark(std::uint64_t(sip->sip_cseq->cs_seq)) + mark(sip->sip_cseq->cs_method_name));
}

void tokens(Record& record, const msg_list_t* list) {
  for (; list != nullptr; list = list->k_next) {
    for (const msg_param_t* item = list->k_items; item != nullptr && *item != nullptr; ++item) {
      record.add(mark(*item) + kOne);
    }
  }
}

bool everything(Record& record, const std::string& text) {
  const Parsed parsed(text);
  if (!parsed.ok()) return false;
  const sip_t* const sip = parsed.sip;
  transaction(record, sip);
  if (sip->sip_request != nullptr) {
    record.add(mark(sip->sip_request->rq_method_name));
    uri(record, sip->sip_request->rq_url);
  } else {
    record.add(mark(std::uint64_t(static_cast<unsigned>(sip->sip_status->st_status))));
  }
  for (const sip_via_t* via = sip->sip_via; via != nullptr; via = via->v_next) {
    const std::string_view protocol(via->v_protocol);
    record.add(mark(protocol.substr(protocol.rfind('/') + 1)) + mark(host(via->v_host)) +
               mark(std::uint64_t(decimal(via->v_port))) + mark(via->v_branch) +
               mark(via->v_received) + mark(std::uint64_t(decimal(via->v_rport))));
  }
  uri(record, sip->sip_from->a_url);
  uri(record, sip->sip_to->a_url);
  for (const sip_route_t* first : {sip->sip_route, sip->sip_record_route}) {
    for (const sip_route_t* route = first; route != nullptr; route = route->r_next) {
      uri(record, route->r_url);
      if (url_has_param(route->r_url, "lr") != 0) record.add(kOne);
    }
  }
  for (const sip_contact_t* contact = sip->sip_contact; contact != nullptr;
       contact = contact->m_next) {
    uri(record, contact->m_url);
    record.add(mark(std::uint64_t(decimal(contact->m_expires))) + mark(contact->m_q));
  }
  tokens(record, reinterpret_cast<const msg_list_t*>(sip->sip_allow));
  tokens(record, sip->sip_supported);
  for (const sip_authorization_t* auth = sip->sip_authorization; auth != nullptr;
       auth = auth->au_next) {
    record.add(mark(auth->au_scheme));
    for (const char* name : {"username=", "realm=", "nonce=", "uri=", "response=", "cnonce=",
                             "algorithm=", "qop=", "nc="}) {
      record.add(mark_unquoted(msg_params_find(auth->au_params, name)));
    }
  }
  if (sip->sip_content_type != nullptr) {
    const std::string_view type(sip->sip_content_type->c_type);
    record.add(mark(type.substr(0, type.find('/'))) + mark(sip->sip_content_type->c_subtype));
  }
  if (sip->sip_content_length != nullptr)
    record.add(mark(std::uint64_t(sip->sip_content_length->l_length)));
  if (sip->sip_max_forwards != nullptr)
    record.add(mark(std::uint64_t(sip->sip_max_forwards->mf_count)));
  if (sip->sip_expires != nullptr) record.add(mark(std::uint64_t(sip->sip_expires->ex_delta)));
  if (sip->sip_session_expires != nullptr)
    record.add(mark(std::uint64_t(sip->sip_session_expires->x_delta)));
  if (sip->sip_min_se != nullptr) record.add(mark(std::uint64_t(sip->sip_min_se->min_delta)));
  for (const sip_p_asserted_identity_t* id = sip_p_asserted_identity(sip); id != nullptr;
       id = id->paid_next) {
    uri(record, id->paid_url);
  }
  return true;
}

}  // namespace

std::uint64_t sofia_everything(const Texts& messages) {
  Record record;
  for (const std::string& text : messages) {
    if (!everything(record, text)) return 0;
  }
  return record.sum;
}

std::uint64_t sofia_transaction(const Texts& messages) {
  Record record;
  for (const std::string& text : messages) {
    const Parsed parsed(text);
    if (!parsed.ok()) return 0;
    transaction(record, parsed.sip);
  }
  return record.sum;
}

std::uint64_t sofia_sdp(const Texts& bodies) {
  Record record;
  for (const std::string& text : bodies) {
    sdp_parser_t* const parser =
        sdp_parse(nullptr, text.data(), static_cast<issize_t>(text.size()), 0);
    const sdp_session_t* const sdp = sdp_session(parser);
    if (sdp == nullptr) return 0;
    for (const sdp_media_t* media = sdp->sdp_media; media != nullptr; media = media->m_next) {
      record.add(mark(media->m_type_name) + mark(std::uint64_t(media->m_port)));
      for (const sdp_rtpmap_t* map = media->m_rtpmaps; map != nullptr; map = map->rm_next) {
        record.add(mark(std::uint64_t(map->rm_pt)) + mark(map->rm_encoding) +
                   mark(std::uint64_t(map->rm_rate)));
      }
    }
    sdp_parser_free(parser);
  }
  return record.sum;
}

}  // namespace bench
