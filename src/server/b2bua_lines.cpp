// SPDX-License-Identifier: Apache-2.0
// Header fields, Reason and o= across a B2BUA. RFC 3261 section 20, RFC 3326, RFC 8866 section 5.2.
#include "server/b2bua_lines.hpp"

#include <algorithm>
#include <memory>

#include "sipstack/parser/body.hpp"

namespace sipstack::server {

namespace {

constexpr std::size_t kReason = 512;

/// What no list lets pass: each side has its own, or it would let one side speak as the other's stack.
bool ours(HeaderId id) {
  switch (id) {
    case HeaderId::via:
    case HeaderId::from:
    case HeaderId::to:
    case HeaderId::call_id:
    case HeaderId::cseq:
    case HeaderId::contact:
    case HeaderId::route:
    case HeaderId::record_route:
    case HeaderId::max_forwards:
    case HeaderId::content_type:
    case HeaderId::content_length:
    case HeaderId::content_disposition:
    case HeaderId::content_encoding:
    case HeaderId::content_language:
    case HeaderId::mime_version:
    case HeaderId::authorization:
    case HeaderId::proxy_authorization:
    case HeaderId::proxy_authenticate:
    case HeaderId::www_authenticate:
    case HeaderId::authentication_info:
    case HeaderId::allow:
    case HeaderId::supported:
    case HeaderId::require:
    case HeaderId::proxy_require:
    case HeaderId::rseq:
    case HeaderId::rack:
    case HeaderId::session_expires:
    case HeaderId::min_se:
    case HeaderId::recv_info:
    case HeaderId::replaces:
    case HeaderId::join:
    case HeaderId::path:
    case HeaderId::service_route:
    case HeaderId::target_dialog:
    case HeaderId::user_agent:
    case HeaderId::server: return true;
    default: return false;
  }
}

bool named(std::string_view field, HeaderId id, const std::string& pattern) {
  if (!pattern.empty() && pattern.back() == '*') {
    const std::string_view begin = std::string_view(pattern).substr(0, pattern.size() - 1);
    return field.size() >= begin.size() && iequals(field.substr(0, begin.size()), begin);
  }
  // By id where there is one: compact forms are the same field.
  const HeaderId wanted = header_id(pattern);
  return wanted != HeaderId::other ? wanted == id : iequals(field, pattern);
}

void add_lines(ExtraHeaders& out, const MessageView& m, HeaderId id) {
  for (std::size_t i = 0; i < m.header_count(); ++i)
    if (const HeaderView line = m.header(i); line.id == id)
      out.emplace_back(std::string(name(id)), unfold(line.value));
}

/// The agent of a Warning is a host of that side; its code and text are for people.
void add_warnings(ExtraHeaders& out, const MessageView& m) {
  for (const auto& warning : m.all(hdr::warning)) {
    if (!warning) return;
    std::string value = std::to_string(warning->code);
    value.append(" b2bua ").append(unfold(warning->warn_text));
    out.emplace_back("Warning", std::move(value));
  }
}

}  // namespace

ExtraHeaders passing(const MessageView& message, const std::vector<std::string>& allowed) {
  ExtraHeaders out;
  for (std::size_t i = 0; i < message.header_count(); ++i) {
    const HeaderView line = message.header(i);
    if (ours(line.id)) continue;
    const bool passes =
        std::any_of(allowed.begin(), allowed.end(),
                    [&](const std::string& pattern) { return named(line.name, line.id, pattern); });
    if (!passes) continue;
    const std::string_view field = line.id == HeaderId::other ? line.name : name(line.id);
    out.emplace_back(std::string(field), unfold(line.value));
  }
  return out;
}

ExtraHeaders passing_refusal(const MessageView& response, const std::vector<std::string>& allowed,
                             bool contacts) {
  ExtraHeaders out = passing(response, allowed);
  const auto add = [&](HeaderId id) {
    const std::string_view field = name(id);
    const bool there =
        std::any_of(out.begin(), out.end(), [&](const auto& h) { return iequals(h.first, field); });
    if (!there) add_lines(out, response, id);
  };
  add(HeaderId::retry_after);
  add(HeaderId::reason);
  switch (response.status()) {
    case 405: add_lines(out, response, HeaderId::allow); break;
    case 406:
    case 415:
      add(HeaderId::accept);
      add(HeaderId::accept_encoding);
      add(HeaderId::accept_language);
      break;
    case 420: add(HeaderId::unsupported); break;
    case 421: add_lines(out, response, HeaderId::require); break;
    default: break;
  }
  out.erase(std::remove_if(out.begin(), out.end(),
                           [](const auto& h) { return header_id(h.first) == HeaderId::warning; }),
            out.end());
  add_warnings(out, response);
  if (contacts) add_lines(out, response, HeaderId::contact);
  return out;
}

std::string reason_of(const MessageView& message) {
  std::string out;
  for (std::size_t i = 0; i < message.header_count(); ++i) {
    const HeaderView line = message.header(i);
    if (line.id != HeaderId::reason) continue;
    if (!out.empty()) out += ", ";
    out += unfold(line.value);
  }
  // For people and their statistics: not worth a BYE that is too large.
  return out.size() <= kReason ? out : std::string();
}

std::string caller_of(const MessageView& request) {
  const auto from = request.get(hdr::from);
  if (!from) return {};
  std::string out(from->display);
  if (!out.empty()) out += ' ';
  return out.append("<").append(from->uri.text).append(">");
}

std::string_view session_of(const MessageView& message) {
  if (message.body().empty()) return {};
  const auto type = message.get(hdr::content_type);
  if (!type) return {};
  if (type->is("application", "sdp")) return message.body();
  if (!iequals(type->type, "multipart")) return {};
  const auto index = std::make_unique<BodyIndex>();
  if (!parse_body(message, *index)) return {};
  const BodyPart* const part = index->find("application", "sdp");
  return part == nullptr ? std::string_view() : part->bytes;
}

namespace {

/// A description without o=, line by line, whatever else is wrong with it: the other side judges the rest.
/// `place`: where the first one stood; npos: there was none.
std::string without_origin(std::string_view sdp, std::size_t& place) {
  std::string rest;
  place = std::string::npos;
  for (std::size_t at = 0; at < sdp.size();) {
    const std::size_t feed = sdp.find_first_of("\r\n", at);
    std::size_t end = feed == std::string_view::npos ? sdp.size() : feed + 1;
    if (feed != std::string_view::npos && sdp[feed] == '\r' && end < sdp.size() && sdp[end] == '\n')
      ++end;
    const std::string_view line = sdp.substr(at, end - at);
    const bool origin = line.size() >= 2 && (line[0] == 'o' || line[0] == 'O') && line[1] == '=';
    if (!origin)
      rest.append(line);
    else if (place == std::string::npos)
      place = rest.size();
    at = end;
  }
  return rest;
}

}  // namespace

bool same_session(std::string_view a, std::string_view b) {
  std::size_t place = 0;
  return a == b || without_origin(a, place) == without_origin(b, place);
}

std::string Origin::apply(std::string_view sdp, std::uint64_t session, std::string_view address) {
  std::size_t place = 0;
  std::string rest = without_origin(sdp, place);
  if (place == std::string::npos) return rest;
  if (version_ == 0 || rest != last_) {
    ++version_;
    last_ = rest;
  }
  std::string origin = "o=- " + std::to_string(session) + " " + std::to_string(version_);
  origin.append(address.find(':') == std::string_view::npos ? " IN IP4 " : " IN IP6 ");
  origin.append(address).append("\r\n");
  rest.insert(place, origin);
  return rest;
}

}  // namespace sipstack::server
