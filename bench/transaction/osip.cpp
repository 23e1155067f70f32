// SPDX-License-Identifier: Apache-2.0
// The same through libosip2's osip_transaction: parse, look for the transaction, make one, run it, answer,
// write, linger, end. It keeps lingering by the wall clock: for the oldest ones timer J is set to have passed,
// and its timers, which look through a list of all, are run once for every 32 that end.
#include <sys/time.h>
#include <ctime>

#include <osip2/osip.h>
#include <osipparser2/osip_parser.h>

#include "peers.hpp"

namespace bench {
namespace {

std::size_t bytes_sent = 0;

int sent(osip_transaction_t*, osip_message_t* message, char*, int, int) {
  char* text = nullptr;
  std::size_t length = 0;
  if (osip_message_to_str(message, &text, &length) != 0) return -1;
  bytes_sent += length;
  osip_free(text);
  return 0;
}
void ended(int, osip_transaction_t*) {}
void told(int, osip_transaction_t*, osip_message_t*) {}

bool respond(osip_transaction_t* transaction) {
  osip_message_t* const request = transaction->orig_request;
  osip_message_t* response = nullptr;
  if (osip_message_init(&response) != 0) return false;
  osip_message_set_version(response, osip_strdup("SIP/2.0"));
  osip_message_set_status_code(response, 200);
  osip_message_set_reason_phrase(response, osip_strdup("OK"));
  osip_from_clone(request->from, &response->from);
  osip_to_clone(request->to, &response->to);
  osip_to_set_tag(response->to, osip_strdup("8d1f9c0aa1b2c3d4"));
  osip_call_id_clone(request->call_id, &response->call_id);
  osip_cseq_clone(request->cseq, &response->cseq);
  for (int i = 0; i < osip_list_size(&request->vias); ++i) {
    osip_via_t* via = nullptr;
    osip_via_clone(static_cast<osip_via_t*>(osip_list_get(&request->vias, i)), &via);
    osip_list_add(&response->vias, via, -1);
  }
  osip_message_set_content_length(response, "0");
  osip_event_t* const event = osip_new_outgoing_sipmessage(response);
  event->transactionid = transaction->transactionid;
  osip_transaction_execute(transaction, event);
  return transaction->state == NIST_COMPLETED;
}

}  // namespace

OsipServer::OsipServer(std::size_t lingering) : lingering_(lingering) {
  osip_t* osip = nullptr;
  if (osip_init(&osip) != 0) return;
  osip_ = osip;
  osip_set_cb_send_message(osip, sent);
  for (int i = 0; i < OSIP_KILL_CALLBACK_COUNT; ++i)
    osip_set_kill_transaction_callback(osip, i, ended);
  for (int i = 0; i < OSIP_MESSAGE_CALLBACK_COUNT; ++i) osip_set_message_callback(osip, i, told);
}

OsipServer::~OsipServer() {
  end_oldest(live_.size());
  if (osip_ != nullptr) osip_release(static_cast<osip_t*>(osip_));
}

bool OsipServer::answer(std::string_view bytes) {
  osip_t* const osip = static_cast<osip_t*>(osip_);
  if (osip == nullptr) return false;
  osip_event_t* const event = osip_parse(bytes.data(), bytes.size());
  if (event == nullptr) return false;
  osip_message_fix_last_via_header(event->sip, "192.0.2.2", 5060);
  if (osip_find_transaction_and_add_event(osip, event) == 0) return false;
  osip_transaction_t* const transaction = osip_create_transaction(osip, event);
  if (transaction == nullptr) return false;
  osip_transaction_execute(transaction, event);
  const std::size_t before = bytes_sent;
  if (!respond(transaction) || bytes_sent == before) return false;
  live_.push_back(transaction);
  if (lingering_ == 0) return end_oldest(1);
  return live_.size() < lingering_ + 32 || end_oldest(32);
}

bool OsipServer::end_oldest(std::size_t count) {
  osip_t* const osip = static_cast<osip_t*>(osip_);
  for (std::size_t i = 0; i < count; ++i) {
    auto* const transaction = static_cast<osip_transaction_t*>(live_[i]);
    transaction->nist_context->timer_j_length = 0;
    transaction->nist_context->timer_j_start = timeval{1, 0};  // long past by any clock
  }
  osip_timers_nist_execute(osip);
  osip_nist_execute(osip);
  bool over = true;
  for (std::size_t i = 0; i < count; ++i) {
    auto* const transaction = static_cast<osip_transaction_t*>(live_.front());
    live_.pop_front();
    over = over && transaction->state == NIST_TERMINATED;
    osip_remove_transaction(osip, transaction);
    osip_transaction_free2(transaction);
  }
  return over;
}

}  // namespace bench
