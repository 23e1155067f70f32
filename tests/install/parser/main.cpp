// SPDX-License-Identifier: Apache-2.0
// A product that uses the parser alone, built from an installed tree.
#include <cstdio>
#include <sipstack/parser/message_index.hpp>
#include <sipstack/parser/message_view.hpp>

int main() {
  const std::string_view bytes =
      "OPTIONS sip:bob@biloxi.example.com SIP/2.0\r\n"
      "Via: SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bK74bf9\r\n"
      "From: <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n"
      "To: <sip:bob@biloxi.example.com>\r\n"
      "Call-ID: 3848276298220188511@atlanta.example.com\r\n"
      "CSeq: 1 OPTIONS\r\n"
      "Max-Forwards: 70\r\n"
      "Content-Length: 0\r\n"
      "\r\n";
  sipstack::MessageIndex index;
  if (!sipstack::parse(bytes, index)) return 1;
  const sipstack::MessageView message(bytes.data(), index);
  std::printf("%.*s\n", static_cast<int>(message.call_id().size()), message.call_id().data());
  return message.call_id() == "3848276298220188511@atlanta.example.com" ? 0 : 1;
}
