// SPDX-License-Identifier: Apache-2.0
// The server side of PUBLISH: an event state compositor, as data; and what a presence agent is told.
// RFC 3903 section 6, RFC 3856.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sipstack/base/random.hpp"
#include "sipstack/base/time.hpp"
#include "sipstack/parser/uri.hpp"

namespace sipstack {

struct EventStateOptions {
  std::uint32_t default_expires = 3600;  ///< seconds
  std::uint32_t min_expires = 60;        ///< less gets 423
  std::uint32_t max_expires = 86400;
  std::size_t max_publications = 16384;  ///< of all resources; then 503
  std::size_t max_per_resource = 16;     ///< then 503
  std::size_t max_body = 16384;          ///< bytes; then 413
  /// All publications of a resource make up its state, so that a change of any is one of it; see states().
  bool compose = false;
};

/// What is published of each resource, by entity-tag, until it expires. The state of a resource is its
/// publication that changed last, or all of them: composing documents of several is for whoever reads them.
///
/// Threads: none of its own. `random` must live longer.
class EventStateCompositor {
 public:
  explicit EventStateCompositor(const EventStateOptions& options, Random& random)
      : options_(options), random_(random) {}

  /// A PUBLISH, its Request-URI's resource and its event inspected already.
  struct Request {
    std::string_view resource;
    std::string_view if_match;             ///< SIP-If-Match; empty: a new publication
    std::optional<std::uint32_t> expires;  ///< seconds; nothing: not said
    std::string_view content_type;
    std::string_view body;
  };
  struct Outcome {
    int status = 200;
    std::string etag;           ///< of a 200
    std::uint32_t expires = 0;  ///< of a 200; of a 423: Min-Expires
    bool changed = false;       ///< the state of the resource is another now
  };
  /// Steps 3 to 6 of section 6: all of it is done, or nothing.
  Outcome publish(const Request& request, TimePoint now);

  struct State {
    std::string content_type;
    std::string body;
  };
  /// Null where nothing is published. Valid until the next publish() or expire().
  const State* state(std::string_view resource) const;
  /// All of it, what changed last at the end. As valid.
  std::vector<const State*> states(std::string_view resource) const;
  /// Drops what has expired; the resources whose state is another now.
  std::vector<std::string> expire(TimePoint now);
  TimePoint deadline() const noexcept;  ///< of the next expire(), or kNever
  std::size_t size() const noexcept { return publications_.size(); }

 private:
  struct Publication {
    std::string resource;
    State state;
    TimePoint expires_at{};
  };
  using Publications = std::map<std::string, Publication, std::less<>>;
  bool remove(Publications::iterator which);

  EventStateOptions options_;
  Random& random_;
  Publications publications_;  ///< by entity-tag
  /// Of each resource the entity-tags, what changed last at the end.
  std::map<std::string, std::vector<std::string>, std::less<>> resources_;
  std::set<std::pair<TimePoint, std::string>> expiries_;
};

/// A presence agent inside the user agent: PUBLISH and SUBSCRIBE of one package are dealt with by itself,
/// and none of it is told to the application.
struct PresenceAgentOptions {
  std::string package = "presence";
  std::string content_type = "application/pidf+xml";  ///< others get 415 and 406
  EventStateOptions state;
  /// The PIDF documents of several publications are shown as one, see merge_pidf(); what is no such document
  /// gets 400. Sets state.compose.
  bool merge = false;
  std::size_t max_watchers = SIZE_MAX;  ///< of one resource; then 503
  /// Watchers of a resource are told no more often than that (RFC 3856 section 6.10): what changes meanwhile
  /// is told in the end. Zero: at once. The first NOTIFY of each is never held back.
  Duration pace = Duration::zero();
  /// The name of the resource that a Request-URI means; empty: 404. Without it canonical_aor().
  std::function<std::string(const Uri& uri)> resource;
  enum class Answer : std::uint8_t { allow, wait, refuse };
  /// Who may watch `resource`, a canonical AOR or what `resource` made of it; `watcher` is the URI in From, proven only where
  /// UserAgentOptions::challenge is set. Empty: everybody.
  std::function<Answer(std::string_view watcher, std::string_view resource)> approve;
  /// Who may publish it; the same. Empty: everybody (who has passed the challenge).
  std::function<bool(std::string_view publisher, std::string_view resource)> may_publish;
};

}  // namespace sipstack
