// SPDX-License-Identifier: Apache-2.0
// The publisher: initial, refreshing, modifying and removing PUBLISH requests. RFC 3903 sections 4.1 to 4.5.
#include "dialog/client_publication.hpp"

#include "dialog/context.hpp"
#include "dialog/refresh.hpp"

namespace sipstack {

std::error_code ClientPublication::start(PublicationId id, const PublicationOptions& options,
                                         TimePoint now) {
  id_ = id;
  timer_.belongs_to(id);
  options_ = options;
  const auto flow = ua_.go_by_registration(options_, false);
  expires_ = options.expires;
  digest_ = DigestClient(options.credentials);
  head_ = RequestHead::of(options_, ua_.random(), ua_.options.shard);
  if (!head_.reaches(options.target)) return Errc::unresolved;
  return send(flow, now);
}

std::error_code ClientPublication::modify(std::string_view content_type, std::string_view body,
                                          TimePoint now) {
  if (removing_ || over_) return Errc::gone;
  if (body.empty()) return Errc::wrong_state;  // that would be a refresh; see remove()
  options_.content_type = content_type;
  options_.body = body;
  changed_ = true;
  // One at a time: with the response to the last comes the entity-tag for this one.
  return pending_ ? std::error_code{} : send(std::nullopt, now);
}

std::error_code ClientPublication::remove(TimePoint now) {
  if (over_) return Errc::gone;
  if (removing_) return {};
  removing_ = true;
  if (pending_) return {};
  if (etag_.empty()) {
    end(PublicationChanged::State::removed, {}, {});
    return {};
  }
  if (const auto error = send(std::nullopt, now))
    end(PublicationChanged::State::removed, {}, error);
  return {};
}

std::error_code ClientPublication::send(const std::optional<Flow>& flow, TimePoint now) {
  NextHop hop;
  RequestWriter out = head_.write(ua_.pool(), "PUBLISH", options_.target, ++cseq_, hop);
  out.header(HeaderId::event, options_.event);
  out.header(HeaderId::expires, removing_ ? 0 : expires_);
  if (!etag_.empty()) out.header(HeaderId::sip_if_match, etag_);
  // Table 1: a removal and a refresh have no body, anything else has one.
  const bool with_body = !removing_ && (changed_ || etag_.empty()) && !options_.body.empty();
  const std::string_view body = with_body ? std::string_view(options_.body) : std::string_view();
  digest_.authorize(out, "PUBLISH", std::string(out.uri()), body, ua_.random());
  ua_.write_product(out, HeaderId::user_agent);
  write_extra(out, options_.headers);
  if (with_body) out.body(options_.content_type, body);
  if (out.error() != WriteErrc::ok) return Errc::write_failed;
  const UsageRef user{UsageKind::publication, id_.slot, id_.generation, 0};
  const auto txn = ua_.layer.send(std::move(out), retry_hop(std::move(hop), flow), user, now);
  if (!txn) return txn.error();
  txn_ = *txn;
  pending_ = true;
  removal_sent_ = removing_;
  changed_ = false;
  ua_.disarm(timer_);
  return {};
}

void ClientPublication::receive(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  const int status = response.status();
  if (event.txn != txn_ || over_ || !pending_ || status < 200) return;
  pending_ = false;
  if (status / 100 == 2) return published(event, now);
  // What was refused still has to be said.
  changed_ = true;
  if ((status == 401 || status == 407) && digest_.challenged(response)) {
    if (const auto error = send(challenger(ua_.layer, event), now)) failed({}, error, now);
    return;
  }
  if (status == 401 || status == 407) return failed(event.response, Errc::challenged_again, now);
  if (status == 412 && !etag_.empty()) {
    // Section 4.3: the server has forgotten it; published anew, or there is nothing left to remove.
    etag_.clear();
    if (removing_) return end(PublicationChanged::State::removed, event.response, {});
    if (forgotten_++ < kMaxTooBrief) {
      if (const auto error = send(challenger(ua_.layer, event), now)) failed({}, error, now);
      return;
    }
  }
  if (status == 423 && !removing_ && too_brief_ < kMaxTooBrief) {
    const auto least = response.get(hdr::min_expires);
    if (least && least->number > expires_) {
      ++too_brief_;
      expires_ = least->number;
      if (const auto error = send(challenger(ua_.layer, event), now)) failed({}, error, now);
      return;
    }
  }
  failed(event.response, {}, now);
}

void ClientPublication::receive(const TxnFailed& event, TimePoint now) {
  if (event.txn != txn_ || over_ || !pending_) return;
  pending_ = false;
  changed_ = true;
  failed({}, event.error, now);
}

void ClientPublication::published(const ResponseArrived& event, TimePoint now) {
  const MessageView response = event.response.view();
  digest_.succeeded(response);
  failures_ = 0;
  too_brief_ = 0;
  forgotten_ = 0;
  if (removal_sent_) return end(PublicationChanged::State::removed, event.response, {});
  const auto etag = response.get(hdr::sip_etag);
  etag_ = etag ? std::string(etag->text) : std::string();
  if (removing_) {
    if (etag_.empty()) return end(PublicationChanged::State::removed, event.response, {});
    if (const auto error = send(std::nullopt, now))
      end(PublicationChanged::State::removed, {}, error);
    return;
  }
  if (!options_.refresh) return end(PublicationChanged::State::published, event.response, {});
  const auto expires = response.get(hdr::expires);
  const std::uint32_t granted = expires ? expires->number : expires_;
  // Section 6 step 6: a 2xx has both. Without them nothing could be refreshed.
  if (!etag || granted == 0) return failed(event.response, Errc::bad_response, now);
  ua_.arm(timer_, now + refresh_after(std::min(granted, 31536000U), ua_.timings().timeout()));
  ua_.tell(PublicationChanged{id_, PublicationChanged::State::published, event.response, {}});
  if (changed_)
    if (const auto error = send(std::nullopt, now)) failed({}, error, now);
}

void ClientPublication::failed(Message response, std::error_code error, TimePoint now) {
  too_brief_ = 0;
  forgotten_ = 0;
  if (removing_) {
    if (!etag_.empty() && !removal_sent_ && !send(std::nullopt, now)) return;
    return end(PublicationChanged::State::removed, std::move(response), error);
  }
  if (!options_.refresh) return end(PublicationChanged::State::failed, std::move(response), error);
  const Duration wait = pause_after(failures_++, response, ua_.random());
  digest_ = DigestClient(options_.credentials);
  ua_.arm(timer_, now + wait);
  ua_.tell(PublicationChanged{id_, PublicationChanged::State::failed, std::move(response), error});
}

void ClientPublication::expire(TimePoint now) {
  if (over_ || pending_) return;
  if (const auto error = send(std::nullopt, now)) failed({}, error, now);
}

void ClientPublication::end(PublicationChanged::State state, Message response,
                            std::error_code error) {
  over_ = true;
  ua_.disarm(timer_);
  ua_.usages.over(id_);
  ua_.tell(PublicationChanged{id_, state, std::move(response), error});
}

}  // namespace sipstack
