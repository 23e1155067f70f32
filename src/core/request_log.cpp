// SPDX-License-Identifier: Apache-2.0
#include "core/request_log.hpp"

#include <array>
#include <string>

#include "sipstack/parser/message_view.hpp"

namespace sipstack {

namespace {

/// A method that the registry does not know is the CSeq's, as text.
std::string_view method_text(const MessageView& m) {
  const std::string_view known = name(m.method());
  return known.empty() ? m.cseq().method_name : known;
}

}  // namespace

void log_answer(const LogHook& log, const Transmit& out) {
  const MessageView m = out.message.view();
  const std::string source = out.flow.remote.to_string();
  const auto from = m.get(hdr::from);
  const auto to = m.get(hdr::to);
  const std::array<LogField, 7> fields = {{
      {"method", method_text(m)},
      {"status", std::int64_t{m.status()}},
      {"call-id", m.call_id()},
      {"source", source},
      {"transport", uri_name(out.flow.transport)},
      {"from", from ? from->uri.text : std::string_view()},
      {"to", to ? to->uri.text : std::string_view()},
  }};
  // Methods are tokens, addresses ours: nothing of the wire that a terminal would mind.
  std::string text(method_text(m));
  text.append(" from ").append(source).append(": ").append(std::to_string(m.status()));
  log({LogLevel::info, "request", text, fields.data(), fields.size()});
}

}  // namespace sipstack
