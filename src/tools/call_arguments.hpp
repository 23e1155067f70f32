// SPDX-License-Identifier: Apache-2.0
// What `sipstack call` was asked for.
#pragma once

#include <optional>
#include <string>

#include "tools/media.hpp"
#include "tools/node.hpp"

namespace sipstack::tools {

struct CallArguments : ClientArguments {
  std::string target;
  std::string from;
  std::string sdp;  ///< a file
  int duration_ms = 1000;
  int cancel_after_ms = 0;  ///< 0: never
  int hold_after_ms = 0;    ///< 0: never
  std::string refer_to;     ///< empty: nobody
  int repeat = 0;           ///< 0: one call, told step by step
  int rate = 50;
};

/// The host that our media's address is chosen by.
std::string media_peer(const CallArguments& arguments);

/// The INVITE with its offer. Nothing, and said why, where there is none.
std::optional<CallOptions> call_options(const CallArguments& arguments, Media& media);

}  // namespace sipstack::tools
