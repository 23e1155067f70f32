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
    if (number > 65535) return bad(ParseErrc::bad_body, p);
  }
  action media {
    if (found.media_count == 0) found.first_media = static_cast<std::size_t>(p - begin);
    if (found.media_count < found.media_at.size())
      found.media_at[found.media_count] = static_cast<std::uint32_t>(p - begin);
    if (++found.media_count > limits.media) return bad(ParseErrc::too_many, p);
    attributes = 0;
  }
  # On the "=" of an attribute: most lines of most descriptions. Name and value are runs of one class
  # each, and attributes that follow are a run of such lines: the machine goes on behind the last.
  action attributes {
    for (;;) {
      if (++attributes > limits.attributes) return bad(ParseErrc::too_many, p - 1);
      const char* const stop = text_end(p + 1, pe);
      const char* const name_end = token_end(p + 1, stop);
      if (name_end == p + 1) return bad(ParseErrc::bad_body, name_end);
      if (name_end != stop && *name_end != ':') {
        const char* const tail = spaces_end(name_end, stop);
        if (tail != stop) return bad(ParseErrc::bad_body, tail);
      }
      p = stop - 1;
      const char* const feed = stop + (stop != pe && *stop == '\r' ? 1 : 0);
      if (pe - feed < 4 || *feed != '\n' || feed[1] != 'a' || feed[2] != '=') break;
      if (stop - line > static_cast<std::ptrdiff_t>(limits.line))
        return bad(ParseErrc::too_large, line);
      line = feed + 1;
      p = feed + 2;
    }
  }
  # Entered on the byte before a run that may hold anything: the run is stepped over in one go.
  action skip_text { p = text_end(p + 1, pe) - 1; }
  # Entered on the first byte of a run, which is stepped over; both are idempotent.
  action skip_token { p = token_end(p + 1, pe) - 1; }
  action skip_word { p = run_end(p + 1, pe, ByteClasses::kVisible) - 1; }
  action origin { found.origin = std::string_view(p + 1, 0); }
  action name {
    const char* const origin_end = p - 2 - (p[-3] == '\r' ? 1 : 0);
    const char* const origin_begin = found.origin.data();
    found.origin = std::string_view(origin_begin, static_cast<std::size_t>(origin_end - origin_begin));
    const char* const name_end = text_end(p + 1, pe);
    found.name = std::string_view(p + 1, static_cast<std::size_t>(name_end - p - 1));
    p = name_end - 1;
  }
  action line_end {
    if (p - line - (p[-1] == '\r' ? 1 : 0) > static_cast<std::ptrdiff_t>(limits.line))
      return bad(ParseErrc::too_large, line);
    line = p + 1;
  }

  #   byte-string    = 1*(%x01-09/%x0B-0C/%x0E-FF)   ; any byte except NUL, CR, or LF
  #   non-ws-string  = 1*(VCHAR/%x80-FF)
  #   token-char     = ALPHA / DIGIT / "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." /
  #                    "^" / "_" / "`" / "{" / "|" / "}" / "~"
  # RFC 2327 and 3261 bodies are in any charset, GB 18030 too: bytes, not characters. A CR alone ends
  # no line.
  EOL = "\r"? "\n" @line_end;
  byte = 0x01..0x09 | 0x0b..0x0c | 0x0e..0xff;
  text = byte*;
  word = ( 0x21..0x7e | 0x80..0xff )+ >skip_word;
  token = ( alnum | [!#$%&'*+\-.^_`{|}~] )+ >skip_token;
  SP = " "+;
  tail = " "*;
  lead = " "*;  # "t= 0 0" stands in RFC 5359 section 2.12

  #   proto-version  = %s"v" "=" 1*DIGIT CRLF        ; this memo describes version 0
  version = "v=0" tail;

  #   origin-field   = %s"o" "=" username SP sess-id SP sess-version SP nettype SP addrtype SP
  #                    unicast-address CRLF
  # sess-id and sess-version are numbers; "(null)" has been seen of both.
  origin = "o" "=" @origin lead word ( SP word ){4,} tail;

  #   session-name-field = %s"s" "=" text CRLF
  name = "s" "=" @name text;

  #   connection-field = %s"c" "=" nettype SP addrtype SP connection-address CRLF
  connection = "c=" lead token SP token ( SP word )? tail;

  #   bandwidth-field = %s"b" "=" bwtype ":" bandwidth CRLF
  bandwidth = "b=" lead token ":" digit+ tail;

  #   time-field     = %s"t" "=" start-time SP stop-time
  time = "t=" lead digit+ SP digit+ tail;

  #   attribute      = (attribute-name ":" attribute-value) / attribute-name
  #   attribute-name = token
  #   attribute-value = byte-string
  attribute = "a" "=" @attributes text;

  #   media-field    = %s"m" "=" media SP port ["/" integer] SP proto 1*(SP fmt) CRLF
  #   proto          = token *("/" token)            ; typically "RTP/AVP", "RTP/SAVP", "udp"
  integer = digit+ >port_begin $port_digit;
  media = "m=" lead token SP integer ( "/" integer )? SP token ( "/" token )* ( SP word )+ tail;

  # i=, u=, e=, p=, r=, z=, k= and what nobody knows: kept as it stands.
  other = ( alpha - [vosctbam] ) "=" @skip_text text;

  line = connection | bandwidth | attribute | other;
  main := version EOL origin EOL name
          ( EOL line )* EOL time ( EOL ( line | time ) )*
          ( EOL media >media ( EOL ( line | time ) )* )*
          EOL*;
}%%

%% write data noerror noentry;

}  // namespace

ParseError scan(std::string_view text, const Limits& limits, Sections& out) noexcept {
  const char* const begin = text.data();
  const char* p = begin;
  const char* const pe = begin + text.size();
  int cs = sdp_start;
  unsigned number = 0;
  std::uint32_t attributes = 0;
  const char* line = begin;
  Sections& found = out;
  found.first_media = text.size();
  const auto bad = [begin](ParseErrc code, const char* at) {
    return ParseError{code, HeaderId::other, static_cast<std::uint32_t>(at - begin)};
  };

  %% write exec;

  if (cs < sdp_first_final) return bad(ParseErrc::bad_body, p);
  if (pe - line > static_cast<std::ptrdiff_t>(limits.line)) return bad(ParseErrc::too_large, line);
  const char* behind = found.name.data() + found.name.size();
  while (behind != pe && *behind++ != '\n') {
  }
  found.session_begin = static_cast<std::size_t>(behind - begin);
  return {};
}

}  // namespace sipstack::sdp
