// SPDX-License-Identifier: Apache-2.0
// Grammars of values that are given as text: Call-ID, ETags, Warning, Timestamp, MIME-Version.
// RFC 3261 section 25.1, RFC 3903 section 11.3.
#include "parser/scan.hpp"

namespace sipstack {

%%{
  machine texts;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action begin { begin = p; }
  action stop { stop = p; }
  action comma { fhold; fbreak; }

  #   Call-ID  =  ( "Call-ID" / "i" ) HCOLON callid
  #   callid   =  word [ "@" word ]
  call_id := SWS ( word_char+ ( "@" word_char+ )? ) >begin %stop SWS;

  #   SIP-ETag  =  "SIP-ETag" HCOLON entity-tag
  #   entity-tag  =  token
  token_text := SWS token >begin %stop SWS;

  #   MIME-Version  =  "MIME-Version" HCOLON 1*DIGIT "." 1*DIGIT
  mime_version := SWS ( digit+ "." digit+ ) >begin %stop SWS;

  #   Timestamp  =  "Timestamp" HCOLON 1*(DIGIT) [ "." *(DIGIT) ] [ LWS delay ]
  #   delay      =  *(DIGIT) [ "." *(DIGIT) ]
  timestamp := SWS ( digit+ ( "." digit* )? ( LWS ( digit+ ( "." digit* )? | "." digit* ) )? )
               >begin %stop SWS;

  #   warning-value  =  warn-code SP warn-agent SP warn-text
  #   warn-code      =  3DIGIT
  #   warn-agent     =  hostport / pseudonym
  #   warn-text      =  quoted-string
  warn_agent = ( token_char | [\[\]:] )+;
  main := SWS ( digit{3} LWS warn_agent LWS quoted_string ) >begin %stop SWS ( "," @comma )?;
}%%

%% write data noerror;

namespace {

ParseErrc parse_text(const char*& cursor, const char* end, TextValue& out, int start) noexcept {
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = start;
  ParseErrc code = ParseErrc::bad_header;
  const char* begin = nullptr;
  const char* stop = nullptr;
  out = TextValue{};

  %% write exec;

  cursor = p;
  if (cs < texts_first_final) return code;
  out.text = scan::text(begin, stop);
  return ParseErrc::ok;
}

}  // namespace

ParseErrc parse_call_id(const char*& cursor, const char* end, TextValue& out) noexcept {
  return parse_text(cursor, end, out, texts_en_call_id);
}

ParseErrc parse_token_text(const char*& cursor, const char* end, TextValue& out) noexcept {
  return parse_text(cursor, end, out, texts_en_token_text);
}

ParseErrc parse_mime_version(const char*& cursor, const char* end, TextValue& out) noexcept {
  return parse_text(cursor, end, out, texts_en_mime_version);
}

ParseErrc parse_timestamp(const char*& cursor, const char* end, TextValue& out) noexcept {
  return parse_text(cursor, end, out, texts_en_timestamp);
}

ParseErrc parse_warning(const char*& cursor, const char* end, TextValue& out) noexcept {
  return parse_text(cursor, end, out, texts_en_main);
}

}  // namespace sipstack
