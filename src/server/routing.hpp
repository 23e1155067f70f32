// SPDX-License-Identifier: Apache-2.0
// Where a request is on its way: its Route set and Request-URI as RFC 3261 section 16.4 leaves them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/flow.hpp"
#include "sipstack/base/keyed_hash.hpp"
#include "sipstack/base/random.hpp"
#include "sipstack/server/registrar.hpp"

namespace sipstack::server {

/// The user part of our Record-Route: a mark that only we can make and only the dialog for which it was
/// made can use, so that a Route may be trusted without state (section 16.6 item 4). Behind it the flows to
/// those of both sides who can be reached by no other way (RFC 5626 section 5.3, RFC 7118 section 5.2).
class DialogMark {
 public:
  /// What a Route of ours says of the dialog of a request, which either side may send.
  struct Seen {
    bool made_for_it = false;
    std::optional<Flow> onward;  ///< to the other side
  };

  explicit DialogMark(Random& random) noexcept : key_{random.next(), random.next()} {}

  /// For a request that sets up a dialog, or is of one. `back` leads to its sender, `onward` to where it
  /// goes; null: by their URIs.
  std::string make(const MessageView& request, const Flow* back, const Flow* onward) const;
  Seen seen(const MessageView& request, std::string_view user) const;

 private:
  std::string of(std::string_view call_id, std::string_view tag, std::string_view flows) const;
  HashKey key_;
};

/// The user part of our Path: a flow that only we can name (RFC 5626 section 5.2). It is of no dialog, so it
/// serves whoever has it, and that is the registrar.
class PathToken {
 public:
  PathToken(Random& random, const std::optional<std::array<std::uint8_t, 16>>& key) noexcept;
  std::string make(const Flow& flow) const;
  std::optional<Flow> read(std::string_view user) const;

 private:
  std::string of(std::string_view token) const;
  HashKey key_;
};

/// What is left of a request's routing once what concerns us is taken away.
struct Routing {
  std::string uri;                 ///< Request-URI
  std::vector<std::string> route;  ///< Route values, first hop first
  bool route_changed = false;      ///< `route` is not what the message has
  /// The Route showed the mark of a dialog through us, and the request has a To tag.
  bool in_dialog = false;
  /// And that Route led to the next one, who is the other user agent, by this.
  std::optional<Flow> flow;
  bool by_path = false;  ///< or it was our Path, and `flow` leads to the phone
};

/// `paths`: of an edge proxy, or of one of several nodes; else null. Nothing where Request-URI or a Route value is malformed.
std::optional<Routing> preprocess(const MessageView& request, const Flow& flow,
                                  const DialogMark& mark, const PathToken* paths,
                                  const Registrar& registrar);

/// The URI as it may stand as Request-URI: without headers and method (section 19.1.1, table 1).
std::string as_request_uri(const Uri& uri);

}  // namespace sipstack::server
