// SPDX-License-Identifier: Apache-2.0
// Grammars of values that are given as text: Call-ID, ETags.
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

  #   Call-ID  =  ( "Call-ID" / "i" ) HCOLON callid
  #   callid   =  word [ "@" word ]
  call_id := SWS ( word_char+ ( "@" word_char+ )? ) >begin %stop SWS;

  #   SIP-ETag  =  "SIP-ETag" HCOLON entity-tag
  #   entity-tag  =  token
  main := SWS token >begin %stop SWS;
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
  return parse_text(cursor, end, out, texts_en_main);
}

}  // namespace sipstack
