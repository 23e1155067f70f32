// SPDX-License-Identifier: Apache-2.0
// A REGISTER, read. RFC 3261 section 10.3, RFC 5626 section 6.
#include "server/register_request.hpp"

#include <algorithm>

#include "server/flow_token.hpp"
#include "server/reply.hpp"

namespace sipstack::server {
namespace {

/// Contacts of one request that are looked at (hardening, defaults).
constexpr std::size_t kMaxContactsPerRequest = 32;
/// Bytes of one binding: contact, parameters, path, Call-ID. More is no phone.
constexpr std::size_t kMaxBindingBytes = 4096;
/// What a malformed expiry means (RFC 3261 section 10.2.1.1), in seconds; also the least that is never
/// too brief (section 10.3 step 7).
constexpr std::uint32_t kOneHour = 3600;

const Refusal kBad{400, {}, {}};

/// qvalue of RFC 3261 section 25.1: 0 to 1, at most three decimals.
bool is_qvalue(std::string_view q) noexcept {
  if (q.empty() || (q[0] != '0' && q[0] != '1')) return false;
  if (q.size() == 1) return true;
  if (q[1] != '.' || q.size() > 5) return false;
  const auto digits = q.substr(2);
  return digits.find_first_not_of(q[0] == '1' ? "0" : "0123456789") == std::string_view::npos;
}

/// reg-id of RFC 5626 section 10: 1 to 2^31 - 1; 0 for anything else.
std::uint32_t reg_id_from(std::string_view text) noexcept {
  if (text.empty() || text.size() > 10) return 0;
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return 0;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  return number <= 0x7fffffff ? static_cast<std::uint32_t>(number) : 0;
}

/// The URN of +sip.instance, which stands in quotes and brackets.
std::string instance_of(const NameAddr& contact) {
  const auto value = contact.params.find("+sip.instance");
  if (!value) return {};
  const std::string text = unquote(*value);
  if (text.size() < 3 || text.front() != '<' || text.back() != '>') return {};
  return text.substr(1, text.size() - 2);
}

/// The expiry of the request as a whole: Expires, else our default. Too large a number is the largest.
std::uint32_t requested_expires(const MessageView& m, const RegistrarOptions& options) noexcept {
  const auto expires = m.get(hdr::expires);
  if (expires) return expires->number;
  switch (expires.error().code) {
    case ParseErrc::missing_header: return options.default_expires;
    case ParseErrc::out_of_range: return UINT32_MAX;
    default: return kOneHour;
  }
}

struct Path {
  std::vector<std::string> values;
  std::size_t bytes = 0;
  bool sips = true;
  bool ob = false;  ///< the phone's first hop keeps a flow to it
};

/// False where a value is none.
bool read_path(const MessageView& m, Path& path) {
  bool first = true, last = false;
  for (const auto& p : m.all(hdr::path)) {
    if (!p || !p->uri.is_sip()) return false;
    // Route wants name-addrs (section 20.34).
    path.values.push_back("<" + std::string(p->uri.text) + ">" + unfold(p->params.text()));
    path.bytes += path.values.back().size();
    path.sips = path.sips && p->uri.scheme == UriScheme::sips;
    last = p->uri.params.has("ob");
    path.ob = path.ob || (first && last);
    first = false;
  }
  // The edge proxy put itself there first, and those behind it before it: it is the last. That RFC 5626
  // section 6 says "first" is read both ways.
  path.ob = path.ob || last;
  return true;
}

class RegisterReader {
 public:
  RegisterReader(const RequestArrived& e, const RegistrarOptions& options, BindingUpdate& update,
                 TimePoint now)
      : event_(e), options_(options), update_(update), now_(now) {}

  std::optional<Refusal> read(bool& outbound) {
    const MessageView m = event_.request.view();
    if (!read_path(m, path_)) return kBad;
    wants_outbound_ = m.lists(hdr::supported, "outbound");
    // Section 6: outbound only where the first hop is we, or one that takes part.
    may_outbound_ = m.head().vias == 1 ? path_.values.empty() || path_.ob : path_.ob;
    for (const auto& c : m.all(hdr::contact)) {
      if (!c || ++count_ > kMaxContactsPerRequest) return kBad;
      if (c->wildcard) {
        update_.remove_all = true;
        continue;
      }
      if (const auto refusal = read(*c, m)) return refusal;
    }
    // Step 6: "*" stands alone, with Expires: 0.
    if (update_.remove_all &&
        (count_ != 1 || !m.has(HeaderId::expires) || requested_expires(m, options_) != 0))
      return kBad;
    // RFC 5630 section 5.2: a sips contact only where everything on its way is sips.
    if (any_sips_ && (!all_sips_ || !path_.sips || m.request_uri().scheme != UriScheme::sips))
      return kBad;
    if (brief_) return Refusal{423, HeaderId::min_expires, std::to_string(options_.min_expires)};
    // Section 6: one flow is registered at a time.
    if (living_flows_ > 0 && living_ > 1) return kBad;
    outbound = flows_ > 0 && wants_outbound_;
    return std::nullopt;
  }

 private:
  std::optional<Refusal> read(const NameAddr& c, const MessageView& m) {
    Binding b;
    if (const auto q = c.params.find("q")) {
      if (!is_qvalue(*q)) return kBad;
      b.has_q = true;
      b.q = c.q();
    }
    std::uint32_t expires = requested_expires(m, options_);
    if (c.params.has("expires")) expires = c.expires().value_or(kOneHour);
    if (expires > 0 && expires < options_.min_expires && expires < kOneHour) brief_ = true;
    expires = std::min(expires, options_.max_expires);

    b.contact = c.uri.text;
    for (const Param& p : c.params) {
      // A phone cannot suggest a GRUU (RFC 5627 section 5.1).
      if (iequals(p.name, "q") || iequals(p.name, "expires") || iequals(p.name, "pub-gruu") ||
          iequals(p.name, "temp-gruu"))
        continue;
      b.params.append(";").append(p.name);
      if (p.has_value) b.params.append("=").append(p.value);
    }
    if (!b.params.empty()) b.params = unfold(b.params);
    b.path = path_.values;
    b.call_id = update_.call_id;
    b.cseq = update_.cseq;
    b.expires = now_ + std::chrono::seconds(expires);
    b.flow = event_.flow;
    b.by_flow = path_.values.empty() && reached_by_flow(c.uri, m, event_.flow);
    b.instance = instance_of(c);
    if (const auto refusal = read_flow(c, b)) return refusal;
    if (const auto refusal = read_bulk(c.uri, m)) return refusal;
    if (b.contact.size() + b.params.size() + b.call_id.size() + path_.bytes > kMaxBindingBytes)
      return kBad;
    if (c.uri.scheme == UriScheme::sips)
      any_sips_ = true;
    else
      all_sips_ = false;
    if (expires > 0) ++living_;
    if (expires > 0 && b.reg_id != 0) ++living_flows_;
    update_.set.push_back(std::move(b));
    return std::nullopt;
  }

  std::optional<Refusal> read_flow(const NameAddr& c, Binding& b) {
    const auto reg_id = c.params.find("reg-id");
    if (!reg_id || b.instance.empty()) return std::nullopt;
    if (!may_outbound_) {
      if (wants_outbound_) return Refusal{439, {}, {}};
      return std::nullopt;
    }
    b.reg_id = reg_id_from(*reg_id);
    if (b.reg_id == 0) return kBad;
    if (path_.values.empty()) b.by_flow = true;
    ++flows_;
    return std::nullopt;
  }

  /// RFC 6140 section 5.2.
  std::optional<Refusal> read_bulk(const Uri& uri, const MessageView& m) const {
    if (!options_.trunk_of || !uri.params.has("bnc")) return std::nullopt;
    if (uri.has_user || uri.params.has("user") || !m.lists(hdr::require, "gin")) return kBad;
    return std::nullopt;
  }

  const RequestArrived& event_;
  const RegistrarOptions& options_;
  BindingUpdate& update_;
  const TimePoint now_;
  Path path_;
  std::size_t count_ = 0;
  std::size_t living_ = 0;  ///< contacts that are not removed
  std::size_t flows_ = 0;
  std::size_t living_flows_ = 0;
  bool wants_outbound_ = false;
  bool may_outbound_ = false;
  bool any_sips_ = false, all_sips_ = true, brief_ = false;
};

}  // namespace

// RFC 3327 section 5.3 recommends to refuse a Path that the phone does not know of.
std::optional<Refusal> refused_extensions(const MessageView& m, const RegistrarOptions& options) {
  std::string bad = unsupported(m, hdr::require, [&](std::string_view t) {
    return iequals(t, "path") || iequals(t, "outbound") || iequals(t, "gruu") ||
           (iequals(t, "gin") && options.trunk_of);
  });
  if (!bad.empty()) return Refusal{420, HeaderId::unsupported, std::move(bad)};
  if (m.has(HeaderId::path) && !m.lists(hdr::supported, "path") && !m.lists(hdr::require, "path"))
    return Refusal{420, HeaderId::unsupported, "path"};
  return std::nullopt;
}

std::optional<Refusal> read_contacts(const RequestArrived& event, const RegistrarOptions& options,
                                     BindingUpdate& update, bool& outbound, TimePoint now) {
  return RegisterReader(event, options, update, now).read(outbound);
}

}  // namespace sipstack::server
