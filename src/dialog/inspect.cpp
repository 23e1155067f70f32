// SPDX-License-Identifier: Apache-2.0
// UAS inspection of a request. RFC 3261 sections 8.2.1 (method), 8.2.2.1 (Request-URI), 8.2.2.2
// (merged), 8.2.2.3 (Require), 8.2.3 (content) and 20.1 (Accept; RFC 4475 section 3.3.15).
#include "dialog/inspect.hpp"

#include <algorithm>

namespace sipstack {
namespace {

bool served(const UserAgentContext& ua, std::string_view method) {
  const auto& allow = ua.options.allow;
  return std::find(allow.begin(), allow.end(), method) != allow.end();
}

bool supports(const UserAgentContext& ua, std::string_view tag) {
  const auto& all = ua.options.supported;
  return std::any_of(all.begin(), all.end(), [&](const auto& ours) { return iequals(ours, tag); });
}

bool understands(const std::vector<std::string>& types, const MediaType& media) {
  return std::any_of(types.begin(), types.end(), [&](const auto& ours) {
    const auto slash = ours.find('/');
    return slash != std::string::npos && media.is(std::string_view(ours).substr(0, slash),
                                                  std::string_view(ours).substr(slash + 1));
  });
}

/// The option tags of Require that we do not know, as a list.
std::string unsupported(const UserAgentContext& ua, const MessageView& request) {
  std::string out;
  for (const auto& tag : request.all(hdr::require)) {
    if (!tag) break;
    if (supports(ua, tag->token)) continue;
    if (!out.empty()) out += ", ";
    out.append(tag->token);
  }
  return out;
}

/// A body that must be understood and is not: of another type, or encoded (8.2.3).
bool body_unknown(const std::vector<std::string>& types, const MessageView& request,
                  bool& encoded) {
  if (request.body().empty()) return false;
  if (const auto how = request.get(hdr::content_disposition)) {
    // "required" is what an absent or unknown handling parameter means (section 20.11).
    const auto handling = how->params.find("handling");
    if (handling && iequals(*handling, "optional")) return false;
  }
  for (const auto& coding : request.all(hdr::content_encoding)) {
    encoded = !coding || !iequals(coding->token, "identity");
    if (encoded) return true;
  }
  const auto type = request.get(hdr::content_type);
  return !type || !understands(types, *type);
}

/// Of a package that we do not take (RFC 6086 section 4.2.2).
bool info_unknown(const UserAgentContext& ua, const MessageView& request) {
  if (request.method() != Method::info || !request.has(HeaderId::info_package)) return false;
  const auto package = request.get(hdr::info_package);
  const auto& taken = ua.options.recv_info;
  return !package || std::none_of(taken.begin(), taken.end(),
                                  [&](const auto& ours) { return iequals(ours, package->token); });
}

/// The caller takes no session description in the answer: Accept without any type of ours (20.1).
bool refuses_our_types(const UserAgentContext& ua, const MessageView& request) {
  if (!request.has(HeaderId::accept)) return false;
  for (const auto& media : request.all(hdr::accept)) {
    if (!media) return false;  // malformed: not our reason to refuse
    if (media->type == "*") return false;
    for (const auto& ours : ua.options.accept) {
      const auto slash = ours.find('/');
      if (slash == std::string::npos ||
          !iequals(media->type, std::string_view(ours).substr(0, slash)))
        continue;
      if (media->subtype == "*" ||
          iequals(media->subtype, std::string_view(ours).substr(slash + 1)))
        return false;
    }
  }
  return true;
}

}  // namespace

std::optional<ResponseWriter> refusal(UserAgentContext& ua, const RequestArrived& event,
                                      bool in_dialog) {
  const MessageView request = event.request.view();
  const auto refuse = [&](int status) { return ua.response(request, event.flow, status); };

  if (!served(ua, request.method_name())) {
    auto out = refuse(request.method() == Method::other ? 501 : 405);
    out.header(HeaderId::allow, ua.allow);
    return out;
  }
  const UriScheme scheme = request.request_uri().scheme;
  if (scheme == UriScheme::other) return refuse(416);
  if (event.merged && !in_dialog) return refuse(482);
  if (const std::string tags = unsupported(ua, request); !tags.empty()) {
    auto out = refuse(420);
    out.header(HeaderId::unsupported, tags);
    return out;
  }
  // RFC 3891 section 3: for INVITE alone.
  if (ua.options.replaces && request.method() != Method::invite && request.has(HeaderId::replaces))
    return refuse(400);
  if (ua.options.join && request.method() != Method::invite && request.has(HeaderId::join))
    return refuse(400);  // RFC 3911 section 4
  if (info_unknown(ua, request)) {
    auto out = refuse(469);
    out.header(HeaderId::recv_info, ua.recv_info);
    return out;
  }
  const bool message = request.method() == Method::message && !ua.options.message_types.empty();
  if (request.method() != Method::invite && request.method() != Method::update && !message)
    return std::nullopt;
  const auto& types = message ? ua.options.message_types : ua.options.accept;
  bool encoded = false;
  if (body_unknown(types, request, encoded)) {
    auto out = refuse(415);
    for (const auto& type : types) out.header(HeaderId::accept, type);
    if (encoded) out.header(HeaderId::accept_encoding, "identity");
    return out;
  }
  if (message) return std::nullopt;
  if (refuses_our_types(ua, request)) return refuse(406);
  return std::nullopt;
}

}  // namespace sipstack
