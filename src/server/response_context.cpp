// SPDX-License-Identifier: Apache-2.0
// Choosing the best response. RFC 3261 section 16.7 steps 6 and 7.
#include "server/response_context.hpp"

#include <algorithm>

#include "sipstack/parser/rewrite.hpp"

namespace sipstack::server {
namespace {

/// The lower the better.
int rank(const Branch& branch) noexcept {
  const int status = branch.status;
  if (status >= 600) return 0;
  const int by_class = status / 100 * 10;
  switch (status) {
    // What helps the caller to send the request again in another way.
    case 401:
    case 407: return by_class;
    case 415:
    case 420:
    case 484: return by_class + 1;
    // What says nothing of the callee.
    case 408:
    case 481:
    case 487: return by_class + 3;
    case 503: return by_class + 3;
    default: return by_class + 2;
  }
}

bool challenges(int status) noexcept { return status == 401 || status == 407; }

}  // namespace

bool ResponseContext::any_pending() const noexcept {
  return std::any_of(branches.begin(), branches.end(), [](const Branch& b) { return b.pending(); });
}

const Branch* ResponseContext::best() const noexcept {
  const Branch* best = nullptr;
  for (const Branch& b : branches) {
    // A branch that timed out brought nothing (section 16.6 step 7); one whose transport failed counts
    // as 503 (section 16.9).
    if (b.pending() || (!b.response && b.status == 408)) continue;
    if (best == nullptr || rank(b) < rank(*best)) best = &b;
  }
  return best;
}

void by_preference(std::vector<Target>& targets) {
  std::reverse(targets.begin(), targets.end());
  std::stable_sort(targets.begin(), targets.end(),
                   [](const Target& a, const Target& b) { return a.q < b.q; });
}

expected<Message, WriteErrc> as_forwarded(BlockPool& pool, const MessageView& response,
                                          const ResponseContext* gather) {
  Rewrite edit(response);
  edit.remove_first(HeaderId::via);
  if (gather != nullptr && challenges(response.status())) {
    for (const Branch& b : gather->branches) {
      if (!b.response || !challenges(b.status) ||
          b.response.bytes().data() == response.bytes().data())
        continue;
      const MessageView other = b.response.view();
      for (std::size_t i = 0; i < other.header_count(); ++i) {
        const HeaderView h = other.header(i);
        if (h.id == HeaderId::www_authenticate || h.id == HeaderId::proxy_authenticate)
          edit.append(h.id, unfold(h.value));
      }
    }
  }
  return edit.response(pool);
}

}  // namespace sipstack::server
