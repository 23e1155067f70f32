// SPDX-License-Identifier: Apache-2.0
// Rules that all grammars share: RFC 3261 section 25.1, "Basic Rules". Included, never compiled alone.
//
// A machine that includes this has `ParseErrc code` and `unsigned params` in scope, works on unsigned
// bytes, and sets `eof`.

%%{
  machine grammar;

  # A quoted string that reaches the end of the value.
  action unterminated { code = ParseErrc::unterminated; }
  action count_param { ++params; }

  WSP = " " | "\t";
  CRLF = "\r\n";

  #   LWS  =  [*WSP CRLF] 1*WSP ; linear whitespace
  #   SWS  =  [LWS] ; sep whitespace
  # Any number of folds in a row is taken for one LWS: TEXT-UTF8-TRIM has *LWS, and a line of white
  # space alone cannot be mistaken for anything else.
  LWS = ( WSP | CRLF WSP )+;
  SWS = ( WSP | CRLF WSP )*;

  #   token  =  1*(alphanum / "-" / "." / "!" / "%" / "*"
  #             / "_" / "+" / "`" / "'" / "~" )
  token_char = alnum | [\-.!%*_+`'~];
  token = token_char+;

  #   word   =  1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~" /
  #             "(" / ")" / "<" / ">" / ":" / "\" / DQUOTE / "/" / "[" / "]" / "?" / "{" / "}" )
  word_char = token_char | [()<>:\\"/\[\]?{}];

  #   mark        =  "-" / "_" / "." / "!" / "~" / "*" / "'" / "(" / ")"
  #   unreserved  =  alphanum / mark
  #   escaped     =  "%" HEXDIG HEXDIG
  unreserved = alnum | [\-_.!~*'()];
  escaped = "%" xdigit xdigit;

  # UTF8-NONASCII and UTF8-CONT: bytes, not characters; other charsets are on the wire, too.
  utf8 = 0x80..0xff;

  #   quoted-string  =  SWS DQUOTE *(qdtext / quoted-pair ) DQUOTE
  #   qdtext         =  LWS / %x21 / %x23-5B / %x5D-7E / UTF8-NONASCII
  #   quoted-pair    =  "\" (%x00-09 / %x0B-0C / %x0E-7F)
  qdtext = LWS | 0x21 | 0x23..0x5b | 0x5d..0x7e | utf8;
  quoted_pair = "\\" ( 0x00..0x09 | 0x0b..0x0c | 0x0e..0x7f );
  quoted_string = '"' ( ( qdtext | quoted_pair )* $eof(unterminated) ) '"';

  #   host           =  hostname / IPv4address / IPv6reference
  #   hostname       =  *( domainlabel "." ) toplabel [ "." ]
  #   domainlabel    =  alphanum / alphanum *( alphanum / "-" ) alphanum
  #   toplabel       =  ALPHA / ALPHA *( alphanum / "-" ) alphanum
  # Names of digits alone stand for whole platforms (GB/T 28181: 34020000002000000001), and names with
  # "_" are in use; both pass. What is inside the brackets is checked where the host is used.
  label_char = alnum | "_";
  label = label_char ( "-"* label_char )*;
  hostname = label ( "." label )* "."?;
  ipv6_reference = "[" ( xdigit | [:.] )+ "]";
  host = hostname | ipv6_reference;
  port = digit+;

  #   generic-param  =  token [ EQUAL gen-value ]
  #   gen-value      =  token / host / quoted-string
  # received=2001:db8::1 has colons without brackets (RFC 3261's own via-received), with them where
  # RFC 5118 section 4.5 asks for robustness. "/" and "=" come with branches and tags in base64.
  gen_char = token_char | [\[\]:];
  gen_value = gen_char ( gen_char | [/=] )* | quoted_string;
  generic_param = token ( SWS "=" SWS gen_value )?;
}%%
