// SPDX-License-Identifier: Apache-2.0
// RFC 3261 sections 17.1.1.2 (timer A), 17.1.2.2 (E), 17.2.1 (G) and 13.3.1.4 (2xx), as seen from outside.
#include "tools/flow_model.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "sipstack/parser/message_view.hpp"
#include "sipstack/parser/peek.hpp"
#include "tools/node.hpp"

namespace sipstack::tools {

namespace {

std::string_view first_line(std::string_view bytes) {
  return bytes.substr(0, bytes.find_first_of("\r\n"));
}

struct Seen {
  std::size_t copies = 0;
  WallTime last{};
};

struct Reading {
  FlowCall call;
  std::unordered_map<std::string, Seen> seen;  ///< ends and bytes
};

std::size_t column_of(FlowCall& call, const SocketAddress& address) {
  const std::string text = address.to_string();
  const auto found = std::find(call.columns.begin(), call.columns.end(), text);
  if (found != call.columns.end()) return static_cast<std::size_t>(found - call.columns.begin());
  call.columns.push_back(text);
  return call.columns.size() - 1;
}

/// What sends such a message again, if anything does but a copy of the request.
std::string_view timer_of(const MessageView& view) {
  const bool invite = view.method() == Method::invite;
  if (view.is_request()) {
    if (view.method() == Method::ack) return "the response came again";
    return invite ? "timer A" : "timer E";
  }
  if (!invite || view.status() < 200) return "the request came again";
  return view.status() < 300 ? "no ACK yet" : "timer G";
}

void read(Reading& reading, const CapturedMessage& message) {
  FlowCall& call = reading.call;
  FlowArrow arrow;
  arrow.message = &message;
  arrow.from = column_of(call, message.from);
  arrow.to = column_of(call, message.to);
  MessageIndex index;
  const std::string_view bytes = message.bytes;
  const bool good = static_cast<bool>(parse(bytes, index));
  const MessageView view(bytes.data(), index);
  if (good) {
    arrow.label = view.is_request()
                      ? std::string(view.method_name())
                      : fmt::format("{} {} ({})", view.status(), view.reason(), view.method_name());
    if (const auto type = view.get(hdr::content_type); type && type->subtype == "sdp")
      arrow.label += " SDP";
    arrow.transport = view.top_via().transport;
  } else {
    arrow.label = "malformed: " + std::string(first_line(bytes).substr(0, 40));
  }
  arrow.label = printable(arrow.label);
  if (call.arrows.empty()) {
    call.begin = message.at;
    call.title = printable(good && view.is_request()
                               ? fmt::format("{} {}", view.method_name(), view.uri_text())
                               : std::string(first_line(bytes)));
  }
  arrow.since = message.at - call.begin;
  call.end = std::max(call.end, message.at);

  Seen& seen = reading.seen[fmt::format("{} {} ", arrow.from, arrow.to) + message.bytes];
  if (seen.copies > 0) {
    arrow.copy = seen.copies;
    arrow.note = fmt::format("retransmission {}, {:.3f} s later", arrow.copy,
                             static_cast<double>((message.at - seen.last).count()) / 1e6);
    if (good) arrow.note += fmt::format(", {}", timer_of(view));
  }
  ++seen.copies;
  seen.last = message.at;
  call.arrows.push_back(std::move(arrow));
}

}  // namespace

std::vector<FlowCall> calls_of(const Capture& capture, std::string_view call_id) {
  std::vector<Reading> readings;
  std::unordered_map<std::string_view, std::size_t> by_id;
  for (const CapturedMessage& message : capture.messages) {
    const std::string_view id = peek_call_id(message.bytes);
    if (!call_id.empty() && id != call_id) continue;
    const auto [known, fresh] = by_id.try_emplace(id, readings.size());
    if (fresh) {
      readings.emplace_back();
      readings.back().call.id = std::string(id);
    }
    read(readings[known->second], message);
  }
  std::vector<FlowCall> calls;
  calls.reserve(readings.size());
  for (Reading& reading : readings) calls.push_back(std::move(reading.call));
  return calls;
}

}  // namespace sipstack::tools
