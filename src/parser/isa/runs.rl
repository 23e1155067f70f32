// SPDX-License-Identifier: Apache-2.0
// Rules of grammar.rl whose runs are stepped over. Included, never compiled alone.
//
// On the first byte of a run an action sets `mark` and moves `p` to the run's last byte, so that the
// machine looks at the ends alone. One action, since actions of outer rules come after those of inner
// ones, when `p` has moved. It may run twice, where two alternatives have it: the second time it finds
// the same run. A machine that includes this has `mark` and `readable` in scope.

%%{
  machine runs;
  include grammar "parser/grammar.rl";

  action mark { mark = p; }
  action token_run { mark = p; p = skip(kToken, p, pe, readable) - 1; }
  action digit_run { mark = p; p = skip(kDigit, p, pe, readable) - 1; }
  action value_run { mark = p; p = skip(kGenValue, p, pe, readable) - 1; }
  action quoted_run { p = skip(kQuoted, p, pe, readable) - 1; }

  token_r = token_char+ >token_run;
  digits_r = digit+ >digit_run;

  quoted_char = 0x20 | "\t" | 0x21 | 0x23..0x5b | 0x5d..0x7e | utf8;
  quoted_string_r =
      '"' ( ( quoted_char+ >quoted_run | CRLF WSP | quoted_pair )* $eof(unterminated) ) '"';

  host_r = ( hostname | ipv6_reference ) >mark;

  gen_value_r = ( gen_char ( gen_char | [/=] )* ) >value_run | quoted_string_r >mark;
  generic_param_r = token_r ( SWS "=" SWS gen_value_r )?;
}%%
