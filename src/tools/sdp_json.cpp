// SPDX-License-Identifier: Apache-2.0
// The lines of a session description by their names. RFC 8866 section 5.
#include "tools/sdp_json.hpp"

#include <cstddef>
#include <optional>

#include "sipstack/parser/sdp.hpp"

namespace sipstack::tools {

namespace {

void write_connection(Json& json, const sdp::Lines& lines) {
  json.key("connection");
  for (const sdp::LineView& line : lines) {
    if (line.type != 'c') continue;
    const sdp::Connection at = sdp::connection_of(line.value);
    json.object().key("net_type").string(at.net_type).key("addr_type").string(at.addr_type);
    json.key("address").string(at.address).end_object();
    return;
  }
  json.null();
}

void write_attributes(Json& json, const sdp::Lines& lines) {
  json.key("attributes").array();
  for (const sdp::LineView& line : lines) {
    if (line.type != 'a') continue;
    const sdp::Attribute attribute = sdp::attribute_of(line.value);
    json.object().key("name").string(attribute.name).key("value");
    json.string_or_null(attribute.has_value ? std::optional(attribute.value) : std::nullopt);
    json.end_object();
  }
  json.end_array();
}

void write_media(Json& json, const sdp::MediaView& media) {
  json.object();
  json.key("type").string(media.line.type);
  json.key("port").number(media.line.port);
  json.key("port_count").number(media.line.port_count);
  json.key("proto").string(media.line.proto);
  json.key("formats").array();
  for (std::string_view rest = media.line.formats; !rest.empty();) {
    const std::size_t end = rest.find(' ');
    if (end != 0) json.string(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  json.end_array();
  write_connection(json, media.lines);
  write_attributes(json, media.lines);
  json.end_object();
}

}  // namespace

void write_sdp(Json& json, std::string_view body) {
  json.object();
  const auto view = sdp::View::parse(body);
  json.key("valid").boolean(view.has_value());
  if (!view) {
    const ParseError& error = view.error();
    const TextPosition at = position(body, error.offset);
    json.key("error").object();
    json.key("code").string(to_string(error.code)).key("message").string(error.message());
    json.key("offset").number(error.offset);
    json.key("line").number(at.line).key("column").number(at.column);
    json.end_object().end_object();
    return;
  }
  const sdp::OriginView origin = view->origin();
  json.key("origin").object();
  json.key("username").string(origin.username).key("session_id").string(origin.session_id);
  json.key("session_version")
      .string(origin.session_version)
      .key("net_type")
      .string(origin.net_type);
  json.key("addr_type").string(origin.addr_type).key("address").string(origin.address);
  json.end_object();
  json.key("name").string(view->name());
  write_connection(json, view->lines());
  write_attributes(json, view->lines());
  json.key("media").array();
  for (const sdp::MediaView& media : view->media()) write_media(json, media);
  json.end_array();
  json.end_object();
}

}  // namespace sipstack::tools
