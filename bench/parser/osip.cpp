// SPDX-License-Identifier: Apache-2.0
// The same fields by libosip2. What it has no type for (Expires, Supported, identities, ...) is read
// from its generic headers, identities by its own parser of addresses.
#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>
#include <osipparser2/sdp_message.h>
#include <strings.h>

#include "record.hpp"

namespace bench {
namespace {

const char* param(osip_list_t& list, const char* name) {
  osip_generic_param_t* found = nullptr;
  std::string text(name);
  if (osip_generic_param_get_byname(&list, text.data(), &found) != OSIP_SUCCESS || found == nullptr)
    return nullptr;
  return found->gvalue != nullptr ? found->gvalue : "";
}

bool is(const char* a, const char* b) { return a != nullptr && strcasecmp(a, b) == 0; }

void uri(Record& record, const osip_uri_t* url) {
  record.add(mark(url->scheme) + mark(url->username));
  // libosip2 takes the brackets of an IPv6 reference off.
  record.add(mark(url->host) + mark(std::uint64_t(decimal(url->port))));
}

void address(Record& record, osip_from_t* from) { uri(record, from->url); }

template <class T, class F>
void each(const osip_list_t& list, F&& f) {
  osip_list_iterator_t at;
  for (T* item = static_cast<T*>(osip_list_get_first(&list, &at)); osip_list_iterator_has_elem(at);
       item = static_cast<T*>(osip_list_get_next(&at))) {
    f(item);
  }
}

void ready() {
  static const bool once = parser_init() == OSIP_SUCCESS;
  static_cast<void>(once);
}

struct Parsed {
  osip_message_t* m = nullptr;
  bool ok = false;
  explicit Parsed(const std::string& text) {
    ready();
    osip_message_init(&m);
    ok = osip_message_parse(m, text.data(), text.size()) == OSIP_SUCCESS;
  }
  ~Parsed() { osip_message_free(m); }
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;
};

void transaction(Record& record, osip_message_t* m) {
  auto* via = static_cast<osip_via_t*>(osip_list_get(&m->vias, 0));
  record.add(mark(param(via->via_params, "branch")) + mark(via->host) +
             mark(std::uint64_t(decimal(via->port))) + mark(param(m->from->gen_params, "tag")) +
             mark(param(m->to->gen_params, "tag")) + mark(m->call_id->number) +
             mark(m->call_id->host) + mark(std::uint64_t(decimal(m->cseq->number))) +
             mark(m->cseq->method));
}

void tokens(Record& record, const char* list) {
  std::string_view rest = list == nullptr ? "" : list;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::string_view token = rest.substr(0, comma);
    while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
    record.add(mark(token) + kOne);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
}

bool everything(Record& record, const std::string& text) {
  const Parsed parsed(text);
  if (!parsed.ok) return false;
  osip_message_t* const m = parsed.m;
  transaction(record, m);
  if (MSG_IS_REQUEST(m)) {
    record.add(mark(m->sip_method));
    uri(record, m->req_uri);
  } else {
    record.add(mark(std::uint64_t(static_cast<unsigned>(m->status_code))));
  }
  each<osip_via_t>(m->vias, [&](osip_via_t* via) {
    record.add(mark(via->protocol) + mark(via->host) + mark(std::uint64_t(decimal(via->port))) +
               mark(param(via->via_params, "branch")) + mark(param(via->via_params, "received")) +
               mark(std::uint64_t(decimal(param(via->via_params, "rport")))));
  });
  address(record, m->from);
  address(record, m->to);
  const auto route = [&](osip_from_t* r) {
    address(record, r);
    osip_uri_param_t* lr = nullptr;
    std::string name("lr");
    if (osip_uri_param_get_byname(&r->url->url_params, name.data(), &lr) == OSIP_SUCCESS)
      record.add(kOne);
  };
  each<osip_from_t>(m->routes, route);
  each<osip_from_t>(m->record_routes, route);
  each<osip_from_t>(m->contacts, [&](osip_from_t* c) {
    address(record, c);
    record.add(mark(std::uint64_t(decimal(param(c->gen_params, "expires")))) +
               mark(param(c->gen_params, "q")));
  });
  each<osip_content_length_t>(m->allows,
                              [&](osip_content_length_t* allow) { tokens(record, allow->value); });
  each<osip_authorization_t>(m->authorizations, [&](osip_authorization_t* a) {
    record.add(mark(a->auth_type));
    for (const char* s : {a->username, a->realm, a->nonce, a->uri, a->response, a->cnonce,
                          a->algorithm, a->message_qop, a->nonce_count}) {
      record.add(mark_unquoted(s));
    }
  });
  if (m->content_type != nullptr) {
    record.add(mark(m->content_type->type) + mark(m->content_type->subtype));
  }
  if (m->content_length != nullptr)
    record.add(mark(std::uint64_t(decimal(m->content_length->value))));
  bool ok = true;
  each<osip_header_t>(m->headers, [&](osip_header_t* h) {
    if (is(h->hname, "max-forwards") || is(h->hname, "expires") || is(h->hname, "min-se") ||
        is(h->hname, "session-expires") || is(h->hname, "x")) {
      record.add(mark(std::uint64_t(decimal(h->hvalue))));
    } else if (is(h->hname, "supported") || is(h->hname, "k")) {
      tokens(record, h->hvalue);
    } else if (is(h->hname, "p-asserted-identity")) {
      osip_from_t* from = nullptr;
      osip_from_init(&from);
      ok = osip_from_parse(from, h->hvalue) == OSIP_SUCCESS && ok;
      if (ok) address(record, from);
      osip_from_free(from);
    }
  });
  return ok;
}

}  // namespace

std::uint64_t osip_everything(const Texts& messages) {
  Record record;
  for (const std::string& text : messages) {
    if (!everything(record, text)) return 0;
  }
  return record.sum;
}

std::uint64_t osip_transaction(const Texts& messages) {
  Record record;
  for (const std::string& text : messages) {
    const Parsed parsed(text);
    if (!parsed.ok) return 0;
    transaction(record, parsed.m);
  }
  return record.sum;
}

std::uint64_t osip_sdp(const Texts& bodies) {
  ready();
  Record record;
  for (const std::string& text : bodies) {
    sdp_message_t* sdp = nullptr;
    sdp_message_init(&sdp);
    if (sdp_message_parse(sdp, text.c_str()) != OSIP_SUCCESS) return 0;
    for (int i = 0; const char* media = sdp_message_m_media_get(sdp, i); ++i) {
      record.add(mark(media) + mark(std::uint64_t(decimal(sdp_message_m_port_get(sdp, i)))));
      for (int j = 0; const char* payload = sdp_message_m_payload_get(sdp, i, j); ++j) {
        record.add(mark(std::uint64_t(decimal(payload))));
      }
      for (int j = 0; sdp_attribute_t* a = sdp_message_attribute_get(sdp, i, j); ++j) {
        if (!is(a->a_att_field, "rtpmap")) continue;
        // "8 PCMA/8000"
        std::string_view map(a->a_att_value);
        map.remove_prefix(std::min(map.find(' ') + 1, map.size()));
        record.add(mark(map.substr(0, map.find('/'))));
        record.add(mark(decimal(map.substr(map.find('/') + 1).data())));
      }
    }
    sdp_message_free(sdp);
  }
  return record.sum;
}

}  // namespace bench
