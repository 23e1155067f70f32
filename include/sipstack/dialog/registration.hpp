// SPDX-License-Identifier: Apache-2.0
// Registrations that we keep at a registrar: options, what becomes of them, and what they give to the requests
// of their AOR. RFC 3261 section 10.2; RFC 3327 (Path), 3608 (Service-Route), 5626 (outbound), 5627 (GRUU),
// 6140 (bulk numbers).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/slab.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/dialog/request_options.hpp"
#include "sipstack/parser/message.hpp"

namespace sipstack {

/// Another place to register at.
struct RegistrarTarget {
  std::string registrar;           ///< Request-URI; that of the registration where empty
  std::vector<std::string> route;  ///< outbound proxies
};

struct RegistrationOptions {
  std::string aor;                    ///< To and From
  std::string registrar;              ///< Request-URI; "sip:" + the AOR's host where empty
  std::vector<std::string> contacts;  ///< URIs or name-addrs; our own address where empty
  std::uint32_t expires = 3600;       ///< seconds asked for
  std::vector<std::string> route;
  ExtraHeaders headers;
  std::vector<Credentials> credentials;
  bool refresh = true;      ///< false: register once; the binding is left to expire
  bool fetch = false;       ///< no Contact: only ask for the bindings, once
  bool remove_all = false;  ///< Contact "*": removes all bindings of the AOR, others' as well, once

  /// Tried in turn, and at once, where registrar and route do not answer, or by 408, 502, 503 or 504. The
  /// one that answers is kept until it fails. Only when all have failed is there a pause.
  std::vector<RegistrarTarget> alternatives;
  /// Names this device for good: a URN (RFC 5626 section 4.1), "urn:uuid:00000000-0000-1000-8000-...".
  /// None where empty. With it there is at most one contact.
  std::string instance;
  /// Not 0: outbound. The binding is one flow, kept alive, by which requests reach us: each of an instance's
  /// flows has a number of its own, the same after every restart. Needs `instance`. A registrar or proxy
  /// that does not know it (439, or no Require: outbound) is used without; see Registered::outbound.
  std::uint32_t reg_id = 0;
  bool gruu = false;  ///< asks for GRUUs; needs `instance`
  /// A PBX registers all its numbers at once (RFC 6140): Contact <sip:us;bnc>, and `gin` is required of
  /// everybody. `contacts`, where given, need the parameter themselves.
  bool bulk = false;
};

class ClientRegistration;
using RegistrationId = Handle<ClientRegistration>;

/// A registration came about, was refreshed, failed or was removed. After `removed`, and without refresh
/// after anything, its handle is stale. After `failed` it is tried again by itself, with growing pauses.
struct RegistrationChanged {
  enum class State : std::uint8_t { registered, failed, removed };
  RegistrationId registration;
  State state = State::failed;
  Message response;  ///< the 200 with the bindings, or the refusal; may be empty
  std::error_code error;
};

/// A flow that registrations depend on has to be kept alive so often from our side (RFC 5626 section 4.4),
/// or no more where the interval is zero; its end is told by UserAgent::flow_closed(). The endpoint does both.
struct KeepFlowAlive {
  Flow flow;
  Duration interval{};
};

/// What a registration that stands gives to others. A copy.
struct Registered {
  Flow flow;  ///< by which the 2xx came
  /// Our contact with the registrar as a Contact value: the public GRUU where there is one, else our
  /// address, or what RegistrationOptions::contacts has first; with `ob` where outbound is in use.
  std::string contact;
  std::vector<std::string> service_route;  ///< Route values, first hop first (RFC 3608)
  std::string pub_gruu;                    ///< URI, or empty (RFC 5627 section 4.2)
  std::string temp_gruu;  ///< the latest; for who wants to stay unknown (RFC 5627 section 4.4)
  bool outbound = false;  ///< registrar and first hop take part in RFC 5626
};

}  // namespace sipstack
