// SPDX-License-Identifier: Apache-2.0
// The grammar of session descriptions. RFC 8866 section 9, with what View::parse() says is let pass.
#include "parser/sdp_scan.hpp"

#include <cstdint>

namespace sipstack::sdp {
namespace {

%%{
  machine sdp;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);

  action port_begin { number = 0; }
  action port_digit {
    number = number * 10 + static_cast<unsigned>(*p - '0');
    if (number > 65535) {
      return unexpected(ParseError{ParseErrc::bad_body, HeaderId::other, offset(p)});
    }
  }
  action media {
    if (found.media_count++ == 0) found.first_media = static_cast<std::size_t>(p - begin);
    if (found.media_count > kMaxMedia) {
      return unexpected(ParseError{ParseErrc::too_many, HeaderId::other, offset(p)});
    }
  }

  #   byte-string    = 1*(%x01-09/%x0B-0C/%x0E-FF)   ; any byte except NUL, CR, or LF
  #   non-ws-string  = 1*(VCHAR/%x80-FF)
  #   token-char     = ALPHA / DIGIT / "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." /
  #                    "^" / "_" / "`" / "{" / "|" / "}" / "~"
  # RFC 2327 and 3261 bodies are in any charset, GB 18030 too: bytes, not characters. A CR alone ends
  # no line.
  EOL = "\r"? "\n";
  byte = 0x01..0x09 | 0x0b..0x0c | 0x0e..0xff;
  text = byte*;
  word = ( 0x21..0x7e | 0x80..0xff )+;
  token = ( alnum | [!#$%&'*+\-.^_`{|}~] )+;
  SP = " "+;
  tail = " "*;
  lead = " "*;  # "t= 0 0" stands in RFC 5359 section 2.12

  #   proto-version  = %s"v" "=" 1*DIGIT CRLF        ; this memo describes version 0
  version = "v=0" tail;

  #   origin-field   = %s"o" "=" username SP sess-id SP sess-version SP nettype SP addrtype SP
  #                    unicast-address CRLF
  # sess-id and sess-version are numbers; "(null)" has been seen of both.
  origin = "o=" lead word ( SP word ){4,} tail;

  #   session-name-field = %s"s" "=" text CRLF
  name = "s=" text;

  #   connection-field = %s"c" "=" nettype SP addrtype SP connection-address CRLF
  connection = "c=" lead token SP token ( SP word )? tail;

  #   bandwidth-field = %s"b" "=" bwtype ":" bandwidth CRLF
  bandwidth = "b=" lead token ":" digit+ tail;

  #   time-field     = %s"t" "=" start-time SP stop-time
  time = "t=" lead digit+ SP digit+ tail;

  #   attribute      = (attribute-name ":" attribute-value) / attribute-name
  attribute = "a=" token ( ":" text | tail );

  #   media-field    = %s"m" "=" media SP port ["/" integer] SP proto 1*(SP fmt) CRLF
  #   proto          = token *("/" token)            ; typically "RTP/AVP", "RTP/SAVP", "udp"
  integer = digit+ >port_begin $port_digit;
  media = "m=" lead token SP integer ( "/" integer )? SP token ( "/" token )* ( SP word )+ tail;

  # i=, u=, e=, p=, r=, z=, k= and what nobody knows: kept as it stands.
  other = ( alpha - [vosctbam] ) "=" text;

  line = connection | bandwidth | attribute | other;
  main := version EOL origin EOL name
          ( EOL line )* EOL time ( EOL ( line | time ) )*
          ( EOL media >media ( EOL ( line | time ) )* )*
          EOL*;
}%%

%% write data noentry;

}  // namespace

expected<Sections, ParseError> scan(std::string_view text) noexcept {
  const char* const begin = text.data();
  const char* p = begin;
  const char* const pe = begin + text.size();
  int cs = sdp_start;
  unsigned number = 0;
  Sections found;
  found.first_media = text.size();
  const auto offset = [begin](const char* at) { return static_cast<std::uint32_t>(at - begin); };

  %% write exec;

  if (cs < sdp_first_final)
    return unexpected(ParseError{ParseErrc::bad_body, HeaderId::other, offset(p)});
  return found;
}

}  // namespace sipstack::sdp
