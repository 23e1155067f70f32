// SPDX-License-Identifier: Apache-2.0
// The excuses: each a predicate over the input, with the section that says who is right.
#include <algorithm>
#include <cctype>

#include "differential.hpp"
#include "sipstack/parser/message_view.hpp"

namespace differential {
namespace {

using sipstack::HeaderId;
using sipstack::ParseErrc;

// The values of a header by the plainest reading: lines at CRLF, the name before the colon.
std::vector<std::string_view> lines_of(std::string_view text, HeaderId id) {
  std::vector<std::string_view> out;
  std::size_t at = text.find("\r\n");
  while (at != std::string_view::npos && text.substr(at, 4) != "\r\n\r\n") {
    at += 2;
    std::size_t end = text.find("\r\n", at);
    while (end != std::string_view::npos && end + 2 < text.size() &&
           (text[end + 2] == ' ' || text[end + 2] == '\t')) {
      end = text.find("\r\n", end + 2);
    }
    const std::string_view line = text.substr(at, end == std::string_view::npos ? end : end - at);
    std::string_view name = line.substr(0, line.find(':'));
    while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
    if (sipstack::header_id(name) == id && name.size() < line.size()) {
      out.push_back(line.substr(line.find(':') + 1));
    }
    at = end;
  }
  return out;
}

std::string_view request_uri(std::string_view text) {
  std::string_view line = text.substr(0, text.find("\r\n"));
  line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
  return line.substr(0, line.rfind(' '));
}

bool multipart(std::string_view text) {
  for (const std::string_view type : lines_of(text, HeaderId::content_type)) {
    if (lower(type).find("multipart") != std::string::npos) return true;
  }
  return false;
}

bool is_sip(std::string_view uri) {
  return sipstack::iequals(uri.substr(0, 4), "sip:") ||
         sipstack::iequals(uri.substr(0, 5), "sips:");
}

}  // namespace

std::string excuse(std::string_view text, std::string_view peer, const std::string& field,
                   const Record& mine, const Record& theirs) {
  const bool by_osip = peer == "osip";
  if (field == "content-length" && by_osip && !mine.content_length) {
    return "RFC 3261 section 20.14: it may be absent from datagrams; libosip2 fills it in";
  }
  if (field == "body" && by_osip) {
    if (multipart(text)) return "RFC 2046 section 5.1: we count the whole body, libosip2 its parts";
    if (theirs.body == 0 && lines_of(text, HeaderId::content_type).empty()) {
      return "RFC 3261 section 20.15: a body has a Content-Type; libosip2 drops one that has none";
    }
  }
  if ((field == "uri-user" || field == "uri-host" || field == "uri-port") &&
      !is_sip(request_uri(text))) {
    return "RFC 3261 section 19.1.1: other schemes have no such parts";
  }
  return "";
}

std::string refusal_excuse(std::string_view text) {
  static sipstack::MessageIndex index;
  const auto parsed = sipstack::parse(text, index);
  if (parsed) return "";
  const sipstack::ParseError error = parsed.error();
  const char at = error.offset < text.size() ? text[error.offset] : '\0';
  switch (error.code) {
    case ParseErrc::bad_byte:
      if ((static_cast<unsigned char>(at) < 0x20 && at != '\t') || at == 0x7f) {
        return "RFC 3261 section 25.1: a control character";
      }
      return "";
    case ParseErrc::duplicate_header:
      return lines_of(text, error.header).size() > 1 ? "RFC 4475 section 3.3.8 and 3.3.9" : "";
    case ParseErrc::missing_header:
      return lines_of(text, error.header).empty() ? "RFC 3261 section 8.1.1" : "";
    case ParseErrc::out_of_range:
      return std::isdigit(static_cast<unsigned char>(at)) != 0 ? "RFC 4475 section 3.1.2.4" : "";
    case ParseErrc::cseq_mismatch: return "RFC 3261 section 8.1.1.5";
    case ParseErrc::bad_version: return "RFC 3261 section 21.5.6: answered with 505";
    case ParseErrc::bad_status: return "RFC 3261 section 7.2: three digits, 1xx to 6xx";
    case ParseErrc::body_too_short: return "RFC 3261 section 18.3";
    case ParseErrc::bad_content_length: return "RFC 3261 section 20.14";
    case ParseErrc::bad_header_name: return "RFC 3261 section 7.3.1: the name is a token";
    case ParseErrc::bad_method: return "RFC 3261 section 7.1: the method is a token";
    case ParseErrc::bad_start_line:
    case ParseErrc::not_sip: return "RFC 3261 sections 7.1 and 7.2: one SP between the parts";
    case ParseErrc::bad_uri: return "RFC 3261 section 19.1.1: the grammar of URIs";
    case ParseErrc::bad_header:
    case ParseErrc::unterminated:
    case ParseErrc::trailing_bytes: return "RFC 3261 section 25.1: the grammar of that header";
    case ParseErrc::incomplete: return "RFC 3261 section 7: no empty line";
    case ParseErrc::too_large:
    case ParseErrc::too_many:
    case ParseErrc::uri_too_long: return "RFC 3261 section 21.5.7: limits of ours";
    default: return "";
  }
}

std::string acceptance_excuse(std::string_view text) {
  static sipstack::MessageIndex index;
  if (!sipstack::parse(text, index)) return "";
  const sipstack::MessageView m(text.data(), index);
  if (!sipstack::validate(m)) return "docs/parser.md: that header is checked when it is asked for";
  if (m.is_request() && !is_sip(m.uri_text())) {
    return "RFC 3261 section 21.4.16: an unknown scheme is answered with 416, not malformed";
  }
  if (multipart(text)) return "RFC 3261 section 7.4: a body is no matter of the message's grammar";
  return "";
}

}  // namespace differential
