// SPDX-License-Identifier: Apache-2.0
// The grammar of Date. RFC 3261 section 25.1; the form of GB/T 28181 platforms.
#include <array>

#include "parser/scan.hpp"
#include "sipstack/parser/extensions.hpp"

namespace sipstack {
namespace {

%%{
  machine dates;
  alphtype unsigned char;
  getkey static_cast<unsigned char>(*p);
  include grammar "grammar.rl";

  action first { first = p; }
  action begin { mark = p; number = 0; }
  action digit { number = number * 10 + (*p - '0'); }
  action year { out.time.year = number; }
  action month { at[kMonth] = mark; out.time.month = number; }
  action day { at[kDay] = mark; out.time.day = number; }
  action hour { at[kHour] = mark; out.time.hour = number; }
  action minute { at[kMinute] = mark; out.time.minute = number; }
  action second { at[kSecond] = mark; out.time.second = number; }
  action fraction {
    // Thousandths; digits behind the third don't count.
    if (p - mark < 3) out.time.millisecond = out.time.millisecond * 10 + (*p - '0');
  }
  action fraction_end {
    for (auto digits = p - mark; digits < 3; ++digits) out.time.millisecond *= 10;
  }
  action gmt { out.utc_offset = 0; }
  action sign { west = *p == '-'; }
  action offset_hours { offset = number * 60; }
  action offset_minutes {
    offset += number;
    out.utc_offset = west ? -offset : offset;
  }
  action stop { stop = p; }

  #   rfc1123-date  =  wkday "," SP date1 SP time SP "GMT"
  #   date1         =  2DIGIT SP month SP 4DIGIT
  #   time          =  2DIGIT ":" 2DIGIT ":" 2DIGIT
  # One digit for the day passes: what C libraries write on the first of a month.
  wkday = "Mon" | "Tue" | "Wed" | "Thu" | "Fri" | "Sat" | "Sun";
  month = "Jan" @{ out.time.month = 1; } | "Feb" @{ out.time.month = 2; }
        | "Mar" @{ out.time.month = 3; } | "Apr" @{ out.time.month = 4; }
        | "May" @{ out.time.month = 5; } | "Jun" @{ out.time.month = 6; }
        | "Jul" @{ out.time.month = 7; } | "Aug" @{ out.time.month = 8; }
        | "Sep" @{ out.time.month = 9; } | "Oct" @{ out.time.month = 10; }
        | "Nov" @{ out.time.month = 11; } | "Dec" @{ out.time.month = 12; };
  two = digit{2} >begin $digit;
  four = digit{4} >begin $digit;
  time = two %hour ":" two %minute ":" two %second;
  rfc1123 = wkday "," LWS digit{1,2} >begin $digit %day LWS month LWS four %year LWS time LWS
            "GMT" @gmt;

  # GB/T 28181: local time, often with thousandths; some platforms add a zone (RFC 3339 section 5.6).
  zone = "Z" @gmt | [+\-] @sign two %offset_hours ":"? two %offset_minutes;
  rfc3339 = four %year "-" two %month "-" two %day "T" time
            ( "." digit{1,9} >begin $fraction %fraction_end )? zone?;

  main := SWS ( rfc1123 | rfc3339 ) >first %stop SWS;
}%%

%% write data noerror noentry;

constexpr bool leap(int year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

constexpr int days_of(int year, int month) noexcept {
  constexpr std::array<int, 12> days = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && leap(year) ? 29 : days[static_cast<std::size_t>(month - 1)];
}

}  // namespace

ParseErrc parse_value(const char*& cursor, const char* end, Date& out) noexcept {
  enum { kMonth, kDay, kHour, kMinute, kSecond, kFields };
  const char* p = cursor;
  const char* const pe = end;
  const char* const eof = end;
  int cs = dates_start;
  int number = 0;
  int offset = 0;
  bool west = false;
  const char* mark = p;
  const char* first = p;
  const char* stop = p;
  const char* at[kFields] = {p, p, p, p, p};
  out = Date{};

  %% write exec;

  cursor = p;
  if (cs < dates_first_final) return ParseErrc::bad_header;
  out.text = scan::text(first, stop);
  const CivilTime& time = out.time;
  const bool month_fits = time.month >= 1 && time.month <= 12;
  const bool fits[kFields] = {
      month_fits, month_fits && time.day >= 1 && time.day <= days_of(time.year, time.month),
      time.hour < 24, time.minute < 60, time.second < 60};
  for (int i = 0; i < kFields; ++i) {
    if (fits[i]) continue;
    cursor = at[i];
    return ParseErrc::out_of_range;
  }
  return ParseErrc::ok;
}

std::int64_t Date::unix_seconds() const noexcept {
  // Days in whole years since year 0, then in whole months, then of this month.
  const auto days_before = [](std::int64_t year) {
    return year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
  };
  std::int64_t days = days_before(time.year) - days_before(1970) + time.day - 1;
  for (int month = 1; month < time.month; ++month) days += days_of(time.year, month);
  const std::int64_t minutes = days * 1440 + time.hour * 60 + time.minute - utc_offset.value_or(0);
  return minutes * 60 + time.second;
}

}  // namespace sipstack
