// SPDX-License-Identifier: Apache-2.0
// PIDF, dialog-info and reginfo documents. RFC 3863 section 4, RFC 4235 section 4, RFC 3680 section 5.
#include "sipstack/dialog/event_bodies.hpp"

#include "dialog/xml_scanner.hpp"

namespace sipstack {

using xml::escaped;

namespace {

constexpr std::string_view kHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n";

void attribute(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out.append(" ").append(name).append("=\"").append(escaped(value)).append("\"");
}

}  // namespace

std::string pidf(std::string_view entity, bool open, std::string_view contact) {
  std::string out(kHead);
  out += "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"";
  attribute(out, "entity", entity);
  out += ">\r\n  <tuple id=\"t1\"><status><basic>";
  out += open ? "open" : "closed";
  out += "</basic></status>";
  if (!contact.empty()) out.append("<contact>").append(escaped(contact)).append("</contact>");
  return out += "</tuple>\r\n</presence>\r\n";
}

std::string dialog_info(std::string_view entity, std::uint32_t version,
                        const std::vector<DialogInfo>& dialogs) {
  static constexpr std::string_view kStates[] = {"trying", "proceeding", "early", "confirmed",
                                                 "terminated"};
  std::string out(kHead);
  out += "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\"";
  attribute(out, "version", std::to_string(version));
  out += " state=\"full\"";
  attribute(out, "entity", entity);
  out += ">\r\n";
  for (const DialogInfo& d : dialogs) {
    out += "  <dialog";
    attribute(out, "id", d.id);
    attribute(out, "call-id", d.call_id);
    attribute(out, "local-tag", d.local_tag);
    attribute(out, "remote-tag", d.remote_tag);
    attribute(out, "direction", d.initiator ? "initiator" : "recipient");
    out.append("><state>").append(kStates[static_cast<std::size_t>(d.state)]).append("</state>");
    if (!d.remote_uri.empty())
      out.append("<remote><target uri=\"").append(escaped(d.remote_uri)).append("\"/></remote>");
    out += "</dialog>\r\n";
  }
  return out += "</dialog-info>\r\n";
}

std::string reg_info(std::uint32_t version, const RegistrationInfo& registration) {
  static constexpr std::string_view kStates[] = {"init", "active", "terminated"};
  static constexpr std::string_view kEvents[] = {"created", "refreshed", "expired", "unregistered"};
  std::string out(kHead);
  out += "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\"";
  out += " xmlns:gr=\"urn:ietf:params:xml:ns:gruuinfo\"";
  attribute(out, "version", std::to_string(version));
  out += " state=\"full\">\r\n  <registration";
  attribute(out, "aor", registration.aor);
  attribute(out, "id", registration.id);
  attribute(out, "state", kStates[static_cast<std::size_t>(registration.state)]);
  out += ">\r\n";
  for (const ContactInfo& c : registration.contacts) {
    out += "    <contact";
    attribute(out, "id", c.id);
    attribute(out, "state", c.active ? "active" : "terminated");
    attribute(out, "event", kEvents[static_cast<std::size_t>(c.event)]);
    if (c.expires) attribute(out, "expires", std::to_string(*c.expires));
    attribute(out, "duration-registered", std::to_string(c.duration));
    attribute(out, "q", c.q);
    attribute(out, "callid", c.call_id);
    attribute(out, "cseq", std::to_string(c.cseq));
    out.append("><uri>").append(escaped(c.uri)).append("</uri>");
    for (const auto& [name, value] : c.params) {
      out += "<unknown-param";
      attribute(out, "name", name);
      out.append(">").append(escaped(value)).append("</unknown-param>");
    }
    if (!c.pub_gruu.empty())
      out.append("<gr:pub-gruu uri=\"").append(escaped(c.pub_gruu)).append("\"/>");
    out += "</contact>\r\n";
  }
  return out += "  </registration>\r\n</reginfo>\r\n";
}

}  // namespace sipstack
