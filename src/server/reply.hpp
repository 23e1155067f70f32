// SPDX-License-Identifier: Apache-2.0
// A server's own responses, and what registrar and proxy both read in a request.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "sipstack/transaction/layer.hpp"

namespace sipstack::server {

/// A final response of our own to the request of `txn`, with Server and a new To tag; `more` adds header
/// fields. Nothing happens where the transaction is gone.
template <class More>
void reply(TransactionLayer& layer, TxnId txn, const MessageView& request, const Flow& flow,
           int status, std::string_view product, TimePoint now, More&& more) {
  ResponseWriter writer(layer.pool(), request, flow, status, layer.random().token());
  if (!product.empty()) writer.header(HeaderId::server, product);
  std::forward<More>(more)(writer);
  layer.respond(txn, writer, now);
}

/// A challenge, a 503, what we can do: told once, and forgotten (RFC 3261 section 8.2.7). A stranger costs neither memory
/// nor eleven answers (hardening A55).
template <class More>
void tell_once(TransactionLayer& layer, TxnId txn, const MessageView& request, const Flow& flow,
               int status, std::string_view product, More&& more) {
  ResponseWriter writer(layer.pool(), request, flow, status, layer.stateless_tag(txn));
  if (!product.empty()) writer.header(HeaderId::server, product);
  std::forward<More>(more)(writer);
  layer.dismiss(txn, writer);
}

/// Seconds for the Retry-After of a 503: spread, so that not all come back at once.
inline std::uint64_t retry_after(Random& random) { return 8 + random.below(25); }

/// The tags of a Require or Proxy-Require list that `supports` refuses, as the value of Unsupported;
/// empty where there are none.
template <class Supports>
std::string unsupported(const MessageView& request, const HeaderTag<TokenValue>& tag,
                        Supports supports) {
  std::string bad;
  for (const auto& value : request.all(tag)) {
    if (!value || supports(value->token)) continue;
    if (!bad.empty()) bad += ", ";
    bad += value->token;
  }
  return bad;
}

/// qvalue of RFC 3261 section 25.1.
inline std::string qvalue(int thousandths) {
  if (thousandths >= 1000) return "1";
  std::string q = std::to_string(1000 + std::max(thousandths, 0)).substr(1);
  while (q.size() > 1 && q.back() == '0') q.pop_back();
  return q == "0" ? q : "0." + q;
}

}  // namespace sipstack::server
