// SPDX-License-Identifier: Apache-2.0
// Subscriptions, publications and transfers: options, and events to the application.
// RFC 6665 (SUBSCRIBE, NOTIFY), RFC 3515 and RFC 4488 (REFER), RFC 3903 (PUBLISH).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "sipstack/base/slab.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/dialog/event_bodies.hpp"
#include "sipstack/dialog/request_options.hpp"
#include "sipstack/parser/message.hpp"

namespace sipstack {

class InviteSession;
class ClientSubscription;
class ServerSubscription;
class ClientPublication;
using CallId = Handle<InviteSession>;
/// A subscription of ours, or the implicit one of a REFER of ours: one dialog usage.
using SubscriptionId = Handle<ClientSubscription>;
/// Somebody's subscription with us, or the implicit one of a REFER that we got.
using NotifierId = Handle<ServerSubscription>;
/// State that we publish.
using PublicationId = Handle<ClientPublication>;

/// What SUBSCRIBE requests that we get are measured by (RFC 6665 section 4.2.1). Seconds.
struct NotifierOptions {
  std::vector<std::string> packages;  ///< served, for Allow-Events; none: SUBSCRIBE gets 405
  std::uint32_t default_expires = 3600;
  /// Less gets 423; only what is below an hour may be refused so.
  std::uint32_t min_expires = 60;
  std::uint32_t max_expires = 86400;
  std::size_t max_subscriptions = 16384;  ///< referrals included; then 503
  /// REFER is served: it comes as ReferArrived. False: 405.
  bool refer = false;
  std::uint32_t refer_expires = 300;  ///< how long a referral may take
  /// The NOTIFY for a call that was answered names its dialog to the referrer, who may then replace or join
  /// it: see sipfrag_dialog(). A music or park server's does (RFC 5359 sections 2.3 and 2.15); others tell no
  /// more than the status (RFC 3515 section 5).
  bool refer_dialog = false;
};

struct SubscriptionOptions : RequestOptions {
  std::string event;                ///< package, perhaps with id: "presence", "dialog;id=7"
  std::vector<std::string> accept;  ///< media types that a NOTIFY may have; none: the package's own
  std::uint32_t expires = 3600;  ///< seconds asked for; 0: one NOTIFY and no subscription (4.4.3)
  /// Where a SUBSCRIBE forks: false keeps every subscription that comes of it (SubscriptionForked), true
  /// the first; the others' NOTIFYs get 481.
  bool one_dialog = false;
  std::size_t max_forks = 16;  ///< besides the first
  /// Subscribes anew, in a new dialog, where the end of a subscription that stood is no reason not to.
  bool resubscribe = true;
};

struct ReferOptions : RequestOptions {
  std::string refer_to;     ///< URI or name-addr; see UserAgent::refer_to() for attended transfers
  std::string referred_by;  ///< RFC 3892; none where empty
  /// False: asks for no subscription (RFC 4488). The other side may make one all the same.
  bool subscribe = true;
};

struct PublicationOptions : RequestOptions {
  std::string event;             ///< package
  std::uint32_t expires = 3600;  ///< seconds asked for
  bool refresh = true;           ///< false: publish once; the state is left to expire
};

// ---------------------------------------------------------------- events of a subscriber

/// A NOTIFY of a subscription of ours; it is answered already. For a REFER of ours the body is a
/// message/sipfrag: see sipfrag_status(). Comes before the SubscriptionChanged that it leads to.
struct NotifyReceived {
  SubscriptionId subscription;
  Message notify;
};
/// The state of a subscription of ours is another now (RFC 6665 section 4.1.2). `ended` comes exactly
/// once, and then the handle is stale.
struct SubscriptionChanged {
  enum class State : std::uint8_t {
    pending,   ///< received, not yet allowed
    active,    ///< allowed
    retrying,  ///< over, and asked for anew after `wait`
    ended
  };
  SubscriptionId subscription;
  State state = State::ended;
  /// Of Subscription-State: "rejected", "noresource", ...; may be empty.
  std::string reason;
  Message message;  ///< the NOTIFY, or the response that refused; may be empty
  std::error_code error;
  Duration wait{};
};
/// A SUBSCRIBE of ours reached another notifier as well: a subscription of its own, which is told of by
/// its own handle from now on and is not asked for anew when it ends.
struct SubscriptionForked {
  SubscriptionId subscription;
  SubscriptionId of;
};

// ---------------------------------------------------------------- events of a notifier

/// Somebody subscribes: accept(), defer() or reject() at once. The dialog is that of `call` where there is
/// one (RFC 5057).
struct SubscriptionArrived {
  NotifierId notifier;
  CallId call;
  Message request;
};
/// Somebody refers us to Refer-To: follow(), accept() or reject() it.
struct ReferArrived {
  NotifierId referral;
  CallId call;  ///< in whose dialog it came; null: in none
  Message request;
};
/// A subscription with us is over, its handle stale. Exactly one for each that arrived.
struct NotifierEnded {
  enum class Cause : std::uint8_t {
    unsubscribed,  ///< by the subscriber, or it only wanted one NOTIFY
    expired,
    terminated,       ///< by us
    rejected,         ///< by us, before it stood
    no_subscription,  ///< a REFER that wanted none (RFC 4488)
    failed            ///< a NOTIFY was refused or had no answer: see status and error
  };
  NotifierId notifier;
  Cause cause = Cause::failed;
  int status = 0;
  std::error_code error;
};

// ---------------------------------------------------------------- events of a publisher

/// A publication came about, was refreshed or changed, failed or was removed. After `removed`, and
/// without refresh after anything, its handle is stale. After `failed` it is tried again by itself, with
/// growing pauses.
struct PublicationChanged {
  enum class State : std::uint8_t { published, failed, removed };
  PublicationId publication;
  State state = State::failed;
  Message response;  ///< may be empty
  std::error_code error;
};

/// The status of the fragment in a NOTIFY to a REFER: "SIP/2.0 200 OK" (RFC 3515 section 2.4.5). 0 where
/// there is none.
int sipfrag_status(std::string_view body);
/// The dialog of the call that a fragment tells of, as the referred side has it (see NotifierOptions::
/// refer_dialog); nothing where it names none. For replaces(): RFC 5359 section 2.3, F17 and F19.
std::optional<DialogInfo> sipfrag_dialog(std::string_view body);
/// Package and id of an Event value are the same (RFC 6665 section 8.2.1).
bool same_event(std::string_view a, std::string_view b);

}  // namespace sipstack
