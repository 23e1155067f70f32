// SPDX-License-Identifier: Apache-2.0
// The parser alone: no allocation, nothing linked but sipstack::parser.
#include <iostream>
#include <string_view>

#include <sipstack/parser/message_view.hpp>

int main() {
  constexpr std::string_view bytes =
      "OPTIONS sip:bob@biloxi.example SIP/2.0\r\n"
      "Via: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK77ef4c2312983.1\r\n"
      "Max-Forwards: 70\r\n"
      "From: \"Alice, of Atlanta\" <sip:alice@atlanta.example>;tag=88sja8x\r\n"
      "To: <sip:bob@biloxi.example>\r\n"
      "Call-ID: 987asjd97y7atg\r\n"
      "CSeq: 986759 OPTIONS\r\n"
      "Supported: timer, 100rel\r\n"
      "Content-Length: 0\r\n\r\n";

  sipstack::MessageIndex index;
  if (const auto parsed = sipstack::parse(bytes, index); !parsed) {
    const auto at = sipstack::position(bytes, parsed.error().offset);
    std::cerr << at.line << ':' << at.column << ": " << parsed.error().message() << '\n';
    return 1;
  }
  const sipstack::MessageView message(bytes.data(), index);

  std::cout << message.method_name() << " for " << message.request_uri().user << '\n';
  if (const auto from = message.get(sipstack::hdr::from))  // views into the bytes
    std::cout << "from " << from->display << " at " << from->uri.host << ", tag " << from->tag()
              << '\n';
  for (const auto& option : message.all(sipstack::hdr::supported))
    if (option) std::cout << "supports " << option->token << '\n';
}
