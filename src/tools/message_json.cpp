// SPDX-License-Identifier: Apache-2.0
// The fields of a message, named as the RFC names them. RFC 3261 sections 7, 19.1 and 20.
#include "tools/message_json.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

#include "tools/explain.hpp"
#include "tools/json.hpp"
#include "tools/sdp_json.hpp"

namespace sipstack::tools {

namespace {

/// An object of names and values; of a name that comes twice the first stands, as in a message.
class Members {
 public:
  explicit Members(Json& json) : json_(json) { json_.object(); }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;
  ~Members() { json_.end_object(); }

  void add(std::string_view name, const std::optional<std::string_view>& value) {
    for (const std::string_view& seen : seen_)
      if (seen == name) return;
    seen_.push_back(name);
    json_.key(name).string_or_null(value);
  }

 private:
  Json& json_;
  std::vector<std::string_view> seen_;
};

void write_params(Json& json, const Params& params) {
  Members members(json);
  for (const Param& param : params)
    members.add(param.name,
                param.has_value ? std::optional<std::string_view>(param.value) : std::nullopt);
}

void write_uri_headers(Json& json, std::string_view headers) {
  Members members(json);
  while (!headers.empty()) {
    const std::string_view one = headers.substr(0, headers.find('&'));
    headers.remove_prefix(one.size() == headers.size() ? one.size() : one.size() + 1);
    const std::size_t equals = one.find('=');
    if (one.empty()) continue;
    members.add(one.substr(0, equals),
                equals == std::string_view::npos
                    ? std::nullopt
                    : std::optional<std::string_view>(one.substr(equals + 1)));
  }
}

std::optional<std::string_view> some(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

void write_uri(Json& json, const Uri& uri) {
  json.object();
  json.key("text").string(uri.text);
  json.key("scheme").string(uri.scheme_name);
  json.key("user").string_or_null(uri.has_user ? std::optional<std::string_view>(uri.user)
                                               : some(uri.user));
  json.key("password").string_or_null(uri.password);
  json.key("host").string_or_null(some(uri.host));
  json.key("port").number_or_null(uri.port);
  json.key("params");
  write_params(json, uri.params);
  json.key("headers");
  write_uri_headers(json, uri.headers);
  json.end_object();
}

void write_name_addr(Json& json, const NameAddr& addr) {
  json.object();
  json.key("display");
  if (addr.display.empty())
    json.null();
  else
    json.string(unquote(addr.display));
  json.key("uri");
  write_uri(json, addr.uri);
  json.key("tag").string_or_null(addr.params.find("tag"));
  json.key("params");
  write_params(json, addr.params);
  json.end_object();
}

template <class T, class Write>
void write_one(Json& json, std::string_view key, const MessageView& message,
               const HeaderTag<T>& tag, Write write) {
  json.key(key);
  if (const auto value = message.get(tag))
    write(*value);
  else
    json.null();
}

/// The values of a list as far as they can be read.
template <class T, class Write>
void write_all(Json& json, std::string_view key, const MessageView& message,
               const HeaderTag<T>& tag, Write write) {
  json.key(key).array();
  for (const auto& value : message.all(tag)) {
    if (!value) break;
    write(*value);
  }
  json.end_array();
}

void write_via(Json& json, const Via& via) {
  json.object();
  json.key("transport").string(via.transport);
  json.key("host").string(via.host);
  json.key("port").number_or_null(via.port);
  json.key("branch").string_or_null(via.params.find("branch"));
  json.key("params");
  write_params(json, via.params);
  json.end_object();
}

void write_contacts(Json& json, const MessageView& message) {
  for (const auto& contact : message.all(hdr::contact)) {
    if (contact && contact->wildcard) {
      json.key("contact").string("*");
      return;
    }
    break;
  }
  write_all(json, "contact", message, hdr::contact,
            [&](const NameAddr& a) { write_name_addr(json, a); });
}

/// The version as the start line has it: its first word or its last.
std::string_view version(const MessageView& message, std::string_view bytes) {
  if (message.status() != 0) return bytes.substr(0, bytes.find(' '));
  const IndexHead& head = message.head();
  std::string_view rest = bytes.substr(std::size_t{head.uri.begin} + head.uri.length);
  rest = rest.substr(0, rest.find_first_of("\r\n"));
  const std::size_t last = rest.find_last_not_of(' ');
  if (last == std::string_view::npos) return {};
  rest = rest.substr(0, last + 1);
  return rest.substr(rest.rfind(' ') + 1);
}

void write_start_line(Json& json, const MessageView& message, std::string_view bytes) {
  if (!message) {
    json.key("kind").null();
  } else if (message.status() != 0) {
    json.key("kind").string("response");
    json.key("status").number(message.status());
    json.key("reason").string(message.reason());
    json.key("version").string(version(message, bytes));
  } else if (message.is_request() && !message.method_name().empty()) {
    json.key("kind").string("request");
    json.key("method").string(message.method_name());
    json.key("version").string(version(message, bytes));
    json.key("uri");
    if (const auto uri = Uri::parse(message.uri_text()))
      write_uri(json, *uri);
    else if (message.head().lenient && message.head().faults == 0)
      write_uri(json, message.request_uri());
    else
      json.null();
  } else {
    json.key("kind").null();
  }
}

void write_headers(Json& json, const MessageView& message) {
  json.key("headers").array();
  for (std::size_t i = 0; i < message.header_count(); ++i) {
    const HeaderView header = message.header(i);
    json.object();
    json.key("name").string(header.id == HeaderId::other ? header.name : name(header.id));
    json.key("raw_name").string(header.name);
    json.key("value").string(unfold(header.value));
    json.end_object();
  }
  json.end_array();
}

void write_fields(Json& json, const MessageView& message) {
  const auto name_addr = [&](const NameAddr& a) { write_name_addr(json, a); };
  const auto number = [&](const NumberValue& n) { json.number(n.number); };
  write_all(json, "via", message, hdr::via, [&](const Via& via) { write_via(json, via); });
  write_one(json, "from", message, hdr::from, name_addr);
  write_one(json, "to", message, hdr::to, name_addr);
  write_contacts(json, message);
  write_all(json, "route", message, hdr::route, name_addr);
  write_all(json, "record_route", message, hdr::record_route, name_addr);
  write_one(json, "cseq", message, hdr::cseq, [&](const CSeq& cseq) {
    json.object()
        .key("number")
        .number(cseq.number)
        .key("method")
        .string(cseq.method_name)
        .end_object();
  });
  write_one(json, "call_id", message, hdr::call_id,
            [&](const TextValue& v) { json.string(v.text); });
  write_one(json, "max_forwards", message, hdr::max_forwards, number);
  write_one(json, "expires", message, hdr::expires, number);
  write_one(json, "content_type", message, hdr::content_type, [&](const MediaType& type) {
    json.object().key("type").string(type.type).key("subtype").string(type.subtype).key("params");
    write_params(json, type.params);
    json.end_object();
  });
  write_one(json, "content_length", message, hdr::content_length, number);
}

void write_error(Json& json, const ParseError& error, const MessageView& message,
                 std::string_view bytes) {
  const TextPosition at = position(bytes, error.offset);
  json.key("error").object();
  json.key("code").string(to_string(error.code));
  json.key("header").string_or_null(some(name(error.header)));
  json.key("message").string(error.message());
  json.key("offset").number(error.offset);
  json.key("line").number(at.line);
  json.key("column").number(at.column);
  json.key("status").number(owed(error, message));
  json.key("rfc").string(error.rfc());
  json.end_object();
}

void write_repairs(Json& json, const Diagnostics& told, std::string_view bytes) {
  json.key("repairs").array();
  for (const Diagnostic& one : told) {
    const TextPosition at = position(bytes, one.offset);
    json.object();
    json.key("rule").string(to_string(one.rule));
    json.key("header").string_or_null(some(name(one.header)));
    json.key("assumed").string(assumption(one.rule));
    json.key("offset").number(one.offset);
    json.key("line").number(at.line);
    json.key("column").number(at.column);
    json.end_object();
  }
  json.end_array();
  if (told.dropped() != 0)
    json.key("repairs_dropped").number(static_cast<std::int64_t>(told.dropped()));
}

}  // namespace

std::string message_json(const MessageView& message, std::string_view bytes,
                         const std::optional<ParseError>& error, const Diagnostics* told) {
  Json json;
  json.object();
  json.key("valid").boolean(!error);
  if (error) write_error(json, *error, message, bytes);
  if (told != nullptr) write_repairs(json, *told, bytes);
  write_start_line(json, message, bytes);
  if (message) {
    write_headers(json, message);
    write_fields(json, message);
    const IndexHead& head = message.head();
    json.key("body").object();
    json.key("offset").number(head.body.begin).key("length").number(head.body.length);
    json.end_object();
    const auto type = message.get(hdr::content_type);
    if (type && type->is("application", "sdp") && head.body.length > 0) {
      json.key("sdp");
      write_sdp(json, message.body());
    }
  }
  json.end_object();
  return json.text();
}

}  // namespace sipstack::tools
