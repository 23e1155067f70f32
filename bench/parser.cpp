// SPDX-License-Identifier: Apache-2.0
// Reading messages, beside libosip2 and sofia-sip in one run. Ends with the ratios.
#include "sipstack/parser/message_view.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "parser/mix.hpp"
#include "parser/record.hpp"
#include "ratios.hpp"
#include "sipstack/parser/sdp.hpp"

namespace {

using namespace sipstack;

using bench::kOne;
using bench::mark;
using bench::mark_unquoted;
using bench::Record;
using bench::Texts;

std::string_view bare(std::string_view host) {
  return host.size() > 1 && host.front() == '[' ? host.substr(1, host.size() - 2) : host;
}

void add(Record& record, const Uri& uri) {
  record.add(mark(uri.scheme_name) + mark(uri.user) + mark(bare(uri.host)) +
             mark(std::uint64_t(uri.port.value_or(0))));
}

void add_call_id(Record& record, std::string_view id) {
  const std::size_t at = id.find('@');
  record.add(mark(id.substr(0, at)));
  if (at != std::string_view::npos) record.add(mark(id.substr(at + 1)));
}

std::uint64_t digits(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  return value;
}

void add_transaction(Record& record, const MessageView& m) {
  const Via via = m.top_via();
  record.add(mark(m.branch()) + mark(bare(via.host)) + mark(std::uint64_t(via.port.value_or(0))) +
             mark(m.from_tag()) + mark(m.to_tag()));
  add_call_id(record, m.call_id());
  record.add(mark(std::uint64_t(m.cseq().number)) + mark(m.cseq().method_name));
}

bool is_digest_param(std::string_view name) {
  switch (name.size()) {
    case 2: return iequals(name, "nc");
    case 3: return iequals(name, "uri") || iequals(name, "qop");
    case 5: return iequals(name, "realm") || iequals(name, "nonce");
    case 6: return iequals(name, "cnonce");
    case 8: return iequals(name, "username") || iequals(name, "response");
    case 9: return iequals(name, "algorithm");
    default: return false;
  }
}

// The values of one header line.
template <class T, class F>
bool each(const MessageView& m, const HeaderEntry& line, const HeaderTag<T>& tag, F&& f) {
  for (const auto& value : m.values(line, tag)) {
    if (!value) return false;
    f(*value);
  }
  return true;
}

bool add_everything(Record& record, const MessageView& m) {
  add_transaction(record, m);
  if (m.is_request()) {
    record.add(mark(m.method_name()));
    add(record, m.request_uri());
  } else {
    record.add(mark(std::uint64_t(static_cast<unsigned>(m.status()))));
  }
  const auto address = [&](const NameAddr& a) { add(record, a.uri); };
  const auto route = [&](const NameAddr& a) {
    add(record, a.uri);
    if (a.uri.lr()) record.add(kOne);
  };
  const auto token = [&](const TokenValue& t) { record.add(mark(t.token) + kOne); };
  const auto number = [&](const NumberValue& n) { record.add(mark(std::uint64_t(n.number))); };
  bool ok = true;
  for (const HeaderEntry* line = m.begin_entries(); line != m.end_entries(); ++line) {
    switch (line->id) {
      case HeaderId::via:
        ok &= each(m, *line, hdr::via, [&](const Via& via) {
          record.add(mark(via.transport) + mark(bare(via.host)) +
                     mark(std::uint64_t(via.port.value_or(0))) + mark(via.branch()) +
                     mark(via.received()) + mark(std::uint64_t(digits(via.known.rport))));
        });
        break;
      case HeaderId::from: ok &= each(m, *line, hdr::from, address); break;
      case HeaderId::to: ok &= each(m, *line, hdr::to, address); break;
      case HeaderId::route: ok &= each(m, *line, hdr::route, route); break;
      case HeaderId::record_route: ok &= each(m, *line, hdr::record_route, route); break;
      case HeaderId::contact:
        ok &= each(m, *line, hdr::contact, [&](const NameAddr& a) {
          add(record, a.uri);
          record.add(mark(std::uint64_t(digits(a.known.expires))) + mark(a.known.q));
        });
        break;
      case HeaderId::p_asserted_identity:
        ok &= each(m, *line, hdr::p_asserted_identity, address);
        break;
      case HeaderId::allow: ok &= each(m, *line, hdr::allow, token); break;
      case HeaderId::supported: ok &= each(m, *line, hdr::supported, token); break;
      case HeaderId::authorization:
        ok &= each(m, *line, hdr::authorization, [&](const AuthValue& auth) {
          record.add(mark(auth.scheme));
          for (const Param& param : auth) {
            if (is_digest_param(param.name)) record.add(mark_unquoted(param.value));
          }
        });
        break;
      case HeaderId::content_type:
        ok &= each(m, *line, hdr::content_type, [&](const MediaType& type) {
          record.add(mark(type.type) + mark(type.subtype));
        });
        break;
      case HeaderId::content_length: ok &= each(m, *line, hdr::content_length, number); break;
      case HeaderId::max_forwards: ok &= each(m, *line, hdr::max_forwards, number); break;
      case HeaderId::expires: ok &= each(m, *line, hdr::expires, number); break;
      case HeaderId::min_se: ok &= each(m, *line, hdr::min_se, number); break;
      case HeaderId::session_expires: ok &= each(m, *line, hdr::session_expires, number); break;
      default: break;
    }
  }
  return ok;
}

std::uint64_t everything(const Texts& messages) {
  Record record;
  MessageIndex index;
  for (const std::string& text : messages) {
    if (!parse(text, index)) return 0;
    if (!add_everything(record, MessageView(text.data(), index))) return 0;
  }
  return record.sum;
}

std::uint64_t transaction(const Texts& messages) {
  Record record;
  MessageIndex index;
  for (const std::string& text : messages) {
    if (!parse(text, index)) return 0;
    add_transaction(record, MessageView(text.data(), index));
  }
  return record.sum;
}

// The yardstick of splitting: every line end found.
std::uint64_t line_ends(const Texts& messages) {
  Record record;
  for (const std::string& text : messages) {
    const char* p = text.data();
    const char* const end = p + text.size();
    while (const void* found = std::memchr(p, '\n', static_cast<std::size_t>(end - p))) {
      p = static_cast<const char*>(found) + 1;
      record.add(kOne);
      if (p + 1 < end && *p == '\r') break;
    }
  }
  return record.sum;
}

std::uint64_t divided(const Texts& messages) {
  Record record;
  MessageIndex index;
  for (const std::string& text : messages) {
    if (!split(text, index)) return 0;
    record.add((index.headers + 1) * kOne);
  }
  return record.sum;
}

std::uint64_t checked(const Texts& messages) {
  Record record;
  MessageIndex index;
  for (const std::string& text : messages) {
    if (!parse(text, index)) return 0;
    record.add(mark(std::uint64_t(index.headers)));
  }
  return record.sum;
}

std::uint64_t descriptions(const Texts& bodies) {
  Record record;
  for (const std::string& text : bodies) {
    const auto view = sdp::View::parse(text);
    if (!view) return 0;
    for (const sdp::MediaView& media : view->media()) {
      record.add(mark(media.line.type) + mark(std::uint64_t(media.line.port)));
      for (const sdp::LineView& l : media.lines) {
        if (l.type != 'a') continue;
        const sdp::Attribute attribute = sdp::attribute_of(l.value);
        if (attribute.name != "rtpmap") continue;
        const auto map = sdp::rtpmap_of(attribute.value);
        if (!map) return 0;
        record.add(mark(map->encoding) + mark(std::uint64_t(map->rate)) +
                   mark(std::uint64_t(map->payload_type)));
      }
    }
  }
  return record.sum;
}

}  // namespace

int main(int argc, char** argv) {
  const Texts messages = bench::mix();
  const Texts bodies = bench::sdp_mix();
  std::size_t bytes = 0;
  for (const std::string& text : messages) bytes += text.size();
  fmt::print("{} messages of {} bytes on average; all times are of one message\n", messages.size(),
             bytes / messages.size());

  bench::Ratios ratios(argc, argv);
  const auto run = [&](const char* name, std::uint64_t (*read)(const Texts&), const Texts& texts) {
    ratios.add(name, texts.size(), [read, &texts] { return read(texts); });
  };
  run("everything/sipstack", everything, messages);
  run("transaction/sipstack", transaction, messages);
  run("parse/sipstack", checked, messages);
  run("split/sipstack", divided, messages);
  run("split/memchr", line_ends, messages);
  run("sdp/sipstack", descriptions, bodies);
#if defined(BENCH_OSIP)
  run("everything/libosip2", bench::osip_everything, messages);
  run("transaction/libosip2", bench::osip_transaction, messages);
  run("sdp/libosip2", bench::osip_sdp, bodies);
#endif
#if defined(BENCH_SOFIA)
  run("everything/sofia-sip", bench::sofia_everything, messages);
  run("transaction/sofia-sip", bench::sofia_transaction, messages);
  run("sdp/sofia-sip", bench::sofia_sdp, bodies);
#endif
  return ratios.run();
}
