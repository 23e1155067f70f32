// SPDX-License-Identifier: Apache-2.0
// A dialog: what two user agents remember of each other, and the requests that follow from it.
// RFC 3261 section 12.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/expected.hpp"
#include "sipstack/base/flow.hpp"
#include "sipstack/parser/message_view.hpp"
#include "sipstack/parser/writer.hpp"
#include "sipstack/transaction/layer.hpp"

namespace sipstack {

/// Request-URI, Route values and next hop of a request, by the route set (RFC 3261 section 12.2.1.1).
/// A first route without `lr` is a strict router's: it becomes the Request-URI.
struct Routing {
  std::string request_uri;
  std::vector<std::string> routes;  ///< whole values: "<sip:p.example.com;lr>"
  NextHop hop;

  static Routing by(std::string_view target, const std::vector<std::string>& route_set);
};

/// A value: copies what it needs of the messages that made it. Knows no transaction and no timer.
class Dialog {
 public:
  /// The callee's, from the INVITE and the tag that our responses carry (section 12.1.1). An error where
  /// the INVITE's Contact is missing or malformed: the request owes 400.
  static expected<Dialog, ParseError> uas(const MessageView& request, const Flow& flow,
                                          std::string_view local_tag);
  /// The caller's, from a response with a To tag (section 12.1.2). `target` is the Request-URI that the
  /// request had: the remote target where the response names no usable Contact.
  static Dialog uac(const MessageView& response, const Flow& flow, std::string_view target);

  /// Views live as long as the dialog.
  std::string_view call_id() const noexcept { return text(0); }
  std::string_view local_tag() const noexcept { return text(1); }
  std::string_view remote_tag() const noexcept { return text(2); }
  const std::string& remote_target() const noexcept { return remote_target_; }
  const std::vector<std::string>& route_set() const noexcept { return route_set_; }
  bool secure() const noexcept { return secure_; }  ///< only sips may be used (section 12.1.1)
  /// Our Contact in this dialog is a sips URI (sections 8.1.1.8 and 12.1.1).
  bool sips() const noexcept { return sips_; }
  bool caller() const noexcept { return caller_; }  ///< we own the Call-ID (section 14.1)

  std::uint32_t local_cseq() const noexcept { return local_cseq_; }
  std::optional<std::uint32_t> remote_cseq() const noexcept { return remote_cseq_; }
  /// The CSeq number of our next request; nothing once 2^31 - 1 is used up.
  std::optional<std::uint32_t> next_cseq() noexcept;
  /// False where the request is older than one seen before: 500 (section 12.2.2). A gap is no mistake,
  /// and an equal number is one request by two ways. ACK and CANCEL are not asked.
  bool in_order(const MessageView& request) noexcept;

  /// Takes the sequence numbers of the early dialog that this one confirms (section 13.2.2.4).
  void continue_from(const Dialog& early) noexcept;
  /// The last CSeq number that we used: a NOTIFY makes the dialog that our SUBSCRIBE began (RFC 6665
  /// section 4.4.1).
  void continue_at(std::uint32_t local_cseq) noexcept { local_cseq_ = local_cseq; }
  /// Counts a REFER that came in this dialog; how many came before (RFC 3515 section 2.4.6).
  std::uint32_t count_refer() noexcept { return refers_++; }

  /// Takes the Contact of a target refresh request, or of a 2xx to ours (sections 12.2.1.2, 12.2.2), and
  /// the flow that it came by. A message without a usable Contact changes nothing.
  void refresh_target(const MessageView& message, const Flow& flow);
  /// The connection that we stuck to is gone: later requests go by the remote target.
  void forget_flow() noexcept { flow_ = nullptr; }

  /// Start line, Route, Max-Forwards, From, To, Call-ID and CSeq of a request within the dialog.
  RequestWriter request(BlockPool& pool, std::string_view method, std::uint32_t cseq) const;
  /// Where such a request goes: the first route, else the connection that made the dialog, else the
  /// remote target.
  NextHop next_hop() const;

 private:
  Dialog() = default;
  void stick_to(const MessageView& message, const Flow& flow);

  using Texts = std::array<std::string_view, 5>;
  void remember(const Texts& texts);
  std::string_view text(std::size_t which) const noexcept {
    const std::uint32_t begin = which == 0 ? 0 : ends_[which - 1];
    return std::string_view(texts_).substr(begin, ends_[which] - begin);
  }
  std::string_view local() const noexcept {
    return text(3);
  }  ///< display name and URI, without tag
  std::string_view remote() const noexcept { return text(4); }

  // What never changes is one string, for calls that stand are many and long.
  std::string texts_;  ///< Call-ID, local and remote tag, local and remote
  std::array<std::uint32_t, std::tuple_size_v<Texts>> ends_{};
  std::string remote_target_;
  std::vector<std::string> route_set_;
  std::shared_ptr<const Flow> flow_;  ///< streams only
  std::uint32_t local_cseq_ = 0;
  std::uint32_t refers_ = 0;
  std::optional<std::uint32_t> remote_cseq_;
  bool secure_ = false;
  bool sips_ = false;
  bool caller_ = false;
};

}  // namespace sipstack
