// SPDX-License-Identifier: Apache-2.0
// RFC 6455 sections 4.1, 4.2 and 11; RFC 7118 section 4.1. Boost.Beast reads the HTTP.
#include "transport/web_handshake.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include <openssl/evp.h>

#include "sipstack/parser/params.hpp"
#include "transport/entropy.hpp"

namespace sipstack {

namespace {

namespace http = boost::beast::http;

constexpr std::string_view kProtocol = "sip";

std::string base64(const unsigned char* bytes, int size) {
  std::string out(static_cast<std::size_t>((size + 2) / 3 * 4 + 1), '\0');
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes, size);
  out.resize(static_cast<std::size_t>(written));
  return out;
}

/// RFC 6455 section 4.2.2, step 5.4.
std::string accept_of(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), hash, &size, EVP_sha1(), nullptr) != 1) return {};
  return base64(hash, static_cast<int>(size));
}

/// 16 bytes in base64 (section 4.2.1, step 5).
bool good_key(std::string_view key) {
  if (key.size() != 24 || key.substr(22) != "==") return false;
  return key.substr(0, 22).find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") ==
         std::string_view::npos;
}

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

template <class Message>
bool lists(const Message& message, http::field field, std::string_view token) {
  for (auto [at, end] = message.equal_range(field); at != end; ++at)
    for (const auto& one : http::token_list(at->value()))
      if (iequals(view(one), token)) return true;
  return false;
}

WebAnswer refuse(std::string_view status, std::string_view more = {}) {
  std::string bytes("HTTP/1.1 ");
  bytes.append(status).append("\r\nConnection: close\r\nContent-Length: 0\r\n");
  bytes.append(more).append("\r\n");
  return {false, std::move(bytes)};
}

template <class Parser>
bool parse_whole(Parser& parser, std::string_view bytes) {
  boost::beast::error_code error;
  parser.header_limit(kWebHandshake);
  parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  return !error && parser.is_header_done();
}

}  // namespace

WebAnswer answer_web_handshake(std::string_view request) {
  http::request_parser<http::empty_body> parser;
  if (!parse_whole(parser, request)) return refuse("400 Bad Request");
  const auto& m = parser.get();
  if (m.method() != http::verb::get) return refuse("405 Method Not Allowed", "Allow: GET\r\n");
  if (m.version() < 11 || m.count(http::field::host) != 1) return refuse("400 Bad Request");
  if (!lists(m, http::field::connection, "upgrade") || !lists(m, http::field::upgrade, "websocket"))
    return refuse("426 Upgrade Required", "Upgrade: websocket\r\n");
  if (view(m[http::field::sec_websocket_version]) != "13")
    return refuse("426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
  const std::string_view key = view(m[http::field::sec_websocket_key]);
  if (m.count(http::field::sec_websocket_key) != 1 || !good_key(key))
    return refuse("400 Bad Request");
  // Who does not speak SIP has come to the wrong place (RFC 7118 section 4.1).
  if (!lists(m, http::field::sec_websocket_protocol, kProtocol)) return refuse("400 Bad Request");
  std::string bytes(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ");
  bytes.append(accept_of(key)).append("\r\nSec-WebSocket-Protocol: ").append(kProtocol);
  bytes.append("\r\n\r\n");
  return {true, std::move(bytes)};
}

std::string web_request(std::string_view host, std::string_view path, std::string_view key) {
  std::string bytes("GET ");
  bytes.append(path).append(" HTTP/1.1\r\nHost: ").append(host);
  bytes.append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
  bytes.append(key).append("\r\nSec-WebSocket-Protocol: ").append(kProtocol);
  bytes.append("\r\nSec-WebSocket-Version: 13\r\n\r\n");
  return bytes;
}

bool web_accepted(std::string_view response, std::string_view key) {
  http::response_parser<http::empty_body> parser;
  parser.skip(true);
  if (!parse_whole(parser, response)) return false;
  const auto& m = parser.get();
  // An extension or a subprotocol that we did not ask for fails the connection (RFC 6455 section 4.1).
  return m.result() == http::status::switching_protocols &&
         lists(m, http::field::connection, "upgrade") &&
         lists(m, http::field::upgrade, "websocket") &&
         view(m[http::field::sec_websocket_accept]) == accept_of(key) &&
         m.count(http::field::sec_websocket_extensions) == 0 &&
         m.count(http::field::sec_websocket_protocol) == 1 &&
         iequals(view(m[http::field::sec_websocket_protocol]), kProtocol);
}

std::string draw_web_key() {
  unsigned char bytes[16];
  fill_random(bytes, sizeof bytes);
  return base64(bytes, sizeof bytes);
}

}  // namespace sipstack
