// SPDX-License-Identifier: Apache-2.0
#include "tools/log_line.hpp"

#include <cstddef>
#include <cstdint>

#include <fmt/format.h>

#include "sipstack/core/trace.hpp"
#include "tools/json.hpp"

namespace sipstack::tools {

namespace {

constexpr const char* kLevels[] = {"error", "warning", "info", "debug"};

Json& head(Json& json, WallTime now, LogLevel level, std::string_view event,
           std::string_view text) {
  json.object().key("time").string(rfc3339(now));
  json.key("level").string(kLevels[static_cast<std::size_t>(level)]);
  if (!event.empty()) json.key("event").string(event);
  return json.key("message").string(text);
}

/// Howard Hinnant's days_from_civil turned round, in the proleptic Gregorian calendar.
struct Date {
  std::int64_t year;
  unsigned month, day;
};
Date date_of(std::int64_t days) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
  const unsigned shifted = (5 * of_year + 2) / 153;  // March is 0
  const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {static_cast<std::int64_t>(year) + era * 400 + (month <= 2 ? 1 : 0), month,
          of_year - (153 * shifted + 2) / 5 + 1};
}

}  // namespace

std::string rfc3339(WallTime time) {
  const std::int64_t us = time.count();
  const std::int64_t day_us = 86'400'000'000;
  const std::int64_t days = us >= 0 ? us / day_us : (us - day_us + 1) / day_us;
  const std::int64_t rest = us - days * day_us;
  const Date d = date_of(days);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", d.year, d.month, d.day,
                     rest / 3'600'000'000, rest / 60'000'000 % 60, rest / 1'000'000 % 60,
                     rest % 1'000'000);
}

std::string text_line(const LogRecord& record) {
  return fmt::format("sipstack: {}: {}", kLevels[static_cast<std::size_t>(record.level)],
                     record.text);
}

std::string json_line(const LogRecord& record, WallTime now) {
  Json json;
  head(json, now, record.level, record.event, record.text);
  for (std::size_t i = 0; i < record.count; ++i) {
    const LogField& field = record.fields[i];
    json.key(field.name);
    if (field.is_number)
      json.number(field.number);
    else
      json.string(field.text);
  }
  json.end_object();
  return json.text();
}

std::string json_line(bool sent, std::string_view bytes, const Flow& flow, WallTime now) {
  Json json;
  head(json, now, LogLevel::debug, sent ? "sent" : "received", "");
  json.key("transport").string(uri_name(flow.transport));
  json.key(sent ? "destination" : "source").string(flow.remote.to_string());
  json.key("bytes").string(without_credentials(bytes));
  json.end_object();
  return json.text();
}

}  // namespace sipstack::tools
