// SPDX-License-Identifier: Apache-2.0
// From an AOR or a GRUU to targets. RFC 3261 section 16.5, RFC 5626 section 7, RFC 5627 section 6.1, RFC 6140
// section 6.
#include <algorithm>

#include "server/proxy_impl.hpp"

namespace sipstack {

using server::Target;

namespace {

bool is_bulk(const Binding& b) {
  const auto uri = Uri::parse(b.contact);
  return uri && uri->params.has("bnc");
}

/// RFC 6140 section 5.2: the contact of one number is that of the PBX with the number as user, without `bnc`.
std::string contact_of_number(const Uri& pbx, std::string_view number) {
  std::string out(pbx.scheme_name);
  out.append(":").append(number).append("@").append(pbx.host);
  if (pbx.port) out.append(":").append(std::to_string(*pbx.port));
  for (const Param& p : pbx.params) {
    if (iequals(p.name, "bnc")) continue;
    out.append(";").append(p.name);
    if (p.has_value) out.append("=").append(p.value);
  }
  return out;
}

}  // namespace

void Proxy::Impl::look_up(ContextId id, const std::string& aor, TimePoint now) {
  Context& c = *contexts.find(id);
  c.looking_up = true;
  c.aor = aor;
  const std::string trunk = registrar.trunk(aor);
  store.find(
      aor, now,
      [id, trunk, token = std::weak_ptr<Impl*>(alive)](const LocationResult& result, TimePoint at) {
        const auto impl = token.lock();
        if (!impl) return;
        if (!result || trunk.empty()) return (*impl)->found(id, result, at);
        (*impl)->look_up_trunk(id, trunk, *result, at);
      });
}

void Proxy::Impl::look_up_trunk(ContextId id, const std::string& trunk, std::vector<Binding> own,
                                TimePoint now) {
  if (contexts.find(id) == nullptr) return;
  store.find(trunk, now,
             [id, own = std::move(own), token = std::weak_ptr<Impl*>(alive)](
                 const LocationResult& result, TimePoint at) {
               const auto impl = token.lock();
               const Context* const c = impl ? (*impl)->contexts.find(id) : nullptr;
               if (c == nullptr) return;
               if (!result) return (*impl)->found(id, result, at);
               std::vector<Binding> all = own;
               const std::string_view number =
                   std::string_view(c->aor).substr(4, c->aor.rfind('@') - 4);
               for (Binding b : *result) {
                 const auto uri = Uri::parse(b.contact);
                 if (!uri || !uri->params.has("bnc")) continue;
                 b.contact = contact_of_number(*uri, number);
                 all.push_back(std::move(b));
               }
               std::stable_sort(all.begin(), all.end(),
                                [](const Binding& a, const Binding& b) { return a.q > b.q; });
               (*impl)->found(id, all, at);
             });
}

void Proxy::Impl::found(ContextId id, const LocationResult& result, TimePoint now) {
  Context* const c = contexts.find(id);
  if (c == nullptr) return;
  c->looking_up = false;
  if (c->stopped) return settle(id, now);
  if (!result) {
    unavailable(*c, now);
    return settle(id, now);
  }
  std::vector<Binding> bindings = *result;
  keep_those_of(c->gruu, bindings);
  if (options.redirect && !bindings.empty()) {
    redirect(*c, bindings, now);
    return settle(id, now);
  }
  add_targets(*c, bindings);
  follow(*c, now);
}

void Proxy::Impl::keep_those_of(const std::optional<GruuTarget>& gruu,
                                std::vector<Binding>& bindings) const {
  const auto elsewhere = [&](const Binding& b) {
    // A PBX's own AOR has no user to be put before its contact.
    return (gruu && !registrar.leads_to(*gruu, b)) || is_bulk(b);
  };
  bindings.erase(std::remove_if(bindings.begin(), bindings.end(), elsewhere), bindings.end());
}

void Proxy::Impl::add_targets(Context& c, const std::vector<Binding>& bindings) const {
  const auto original = Uri::parse(c.routing.uri);
  const bool secure = original && original->scheme == UriScheme::sips;
  for (const Binding& b : bindings) {
    const auto uri = Uri::parse(b.contact);
    if (!uri || !uri->is_sip()) continue;
    // A sips request stays secure all the way (RFC 5630 section 5.3).
    if (secure && uri->scheme != UriScheme::sips) continue;
    Target t;
    t.uri = server::as_request_uri(*uri);
    if (!secure && uri->scheme == UriScheme::sips) {
      t.secure = true;
      t.uri = "sip" + t.uri.substr(uri->scheme_name.size());
    }
    const bool our_flow = b.by_flow && (b.holder == 0 || b.path.empty());
    if (!our_flow) t.path = b.path;
    t.q = c.q * 1001 + b.q;
    t.instance = b.instance;
    t.by_flow_only = b.reg_id != 0 && our_flow;
    if (our_flow) t.flow = b.flow;
    // One contact of an instance at a time, the preferred and latest first (RFC 5626 section 7).
    const auto same = std::find_if(c.waiting.begin(), c.waiting.end(), [&](const Target& other) {
      return !t.instance.empty() && iequals(t.instance, other.instance);
    });
    if (same != c.waiting.end())
      same->standby.push_back(std::move(t));
    else if (c.waiting.size() < options.max_branches)
      c.waiting.push_back(std::move(t));
  }
}

}  // namespace sipstack
