// SPDX-License-Identifier: Apache-2.0
// The table of keys for people: a reference, and a file that says what holds.
#include <algorithm>
#include <string>
#include <type_traits>

#include <fmt/format.h>

#include "tools/config.hpp"
#include "tools/json.hpp"

namespace sipstack::tools {

namespace {

bool is_secret(const ConfigKey& key) {
  const std::string_view name = key.name;
  return name == "password" || name == "gruu-key" || name == "path-key";
}

/// A basic string of TOML is one of JSON, but that DEL and what is no UTF-8 do not come here.
std::string quoted(const std::string& text) { return Json().string(text).text(); }

std::string duration_text(const ConfigKey& key, Duration d) {
  const std::int64_t us = d.count();
  const std::int64_t unit = std::string_view(key.unit) == "ms" ? 1'000 : 1'000'000;
  return us % unit == 0 ? std::to_string(us / unit)
                        : fmt::format("{}", static_cast<double>(us) / static_cast<double>(unit));
}

struct Shown {
  std::string type;
  std::string value;
  bool none = false;  ///< nothing is set
};

/// As a file would say it. Reads only, whatever the field's constness says.
Shown show(const ConfigKey& key, const Settings& settings) {
  auto& s = const_cast<Settings&>(settings);
  return std::visit(
      [&](auto* field) -> Shown {
        const auto& v = *field(s);
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, bool>) {
          return {"true or false", v ? "true" : "false"};
        } else if constexpr (std::is_integral_v<T>) {
          return {"number", std::to_string(v)};
        } else if constexpr (std::is_same_v<T, Duration>) {
          return {"number", duration_text(key, v)};
        } else if constexpr (std::is_same_v<T, LogLevel>) {
          static constexpr const char* kWords[] = {"error", "warning", "info", "debug"};
          return {"text", quoted(kWords[static_cast<std::size_t>(v)])};
        } else if constexpr (std::is_same_v<T, std::string>) {
          return {"text", quoted(v), v.empty()};
        } else {
          std::string all;
          for (const std::string& one : v) all += (all.empty() ? "" : ", ") + quoted(one);
          return {"list of texts", "[" + all + "]", v.empty()};
        }
      },
      key.field);
}

/// The URL of a store.
bool has_password(const ConfigKey& key, const Shown& shown) {
  return std::string_view(key.name) == "location" && shown.value.find('@') != std::string::npos;
}

std::string title(const char* table) {
  return *table == '\0' ? "In front of all tables" : fmt::format("`[{}]`", table);
}

const char* command_of(const ConfigKey& key) {
  return key.of == kBoth ? "" : key.of == kServe ? "serve" : "b2bua";
}

/// "1 to 256", "1 to 60000 ms", "proxy, redirect".
std::string values_of(const ConfigKey& key) {
  std::string unit = key.unit;
  if (unit.find('|') != std::string::npos) {
    for (std::size_t at = 0; (at = unit.find('|', at)) != std::string::npos; at += 2)
      unit.replace(at, 1, ", ");
    return unit;
  }
  if (key.most == 0) return "";
  const std::string most = key.most == INT64_MAX ? "" : std::to_string(key.most);
  std::string text = most.empty() ? fmt::format("{} or more", key.least)
                                  : fmt::format("{} to {}", key.least, most);
  return unit.empty() ? text : text + " " + unit;
}

}  // namespace

std::string config_reference() {
  const Settings defaults;
  std::string out;
  const char* table = nullptr;
  for (const ConfigKey& key : config_keys()) {
    if (table == nullptr || std::string_view(table) != key.table) {
      table = key.table;
      out += fmt::format("{}### {}\n\n| key | type | values | default | reload | of | |\n",
                         out.empty() ? "" : "\n", title(table));
      out += "| --- | --- | --- | --- | --- | --- | --- |\n";
    }
    const Shown shown = show(key, defaults);
    out += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", key.name, shown.type,
                       values_of(key), shown.none ? "" : "`" + shown.value + "`",
                       key.reload == Reload::yes ? "yes" : "", command_of(key), key.text);
  }
  for (const bool bridge : {false, true}) {
    out += fmt::format("\n### `{}`\n\n| key | |\n| --- | --- |\n",
                       bridge ? "[[b2bua.route]]" : "[[route]]");
    for (const ConfigRouteKey& key : config_route_keys(bridge))
      out += fmt::format("| `{}` | {} |\n", key.name, key.text);
  }
  return out;
}

std::string config_text(Servers which, const Settings& settings) {
  std::string out;
  const char* table = "";
  for (const ConfigKey& key : config_keys()) {
    if ((key.of & which) == 0) continue;
    if (std::string_view(table) != key.table) {
      table = key.table;
      out += fmt::format("\n[{}]\n", table);
    }
    const Shown shown = show(key, settings);
    const std::string values = values_of(key);
    out += fmt::format("# {}{}\n", key.text, values.empty() ? "" : " (" + values + ")");
    if (is_secret(key) || has_password(key, shown))
      out += fmt::format("# {} = \"...\"\n", key.name);
    else
      out += fmt::format("{}{} = {}\n", shown.none ? "# " : "", key.name, shown.value);
  }
  const auto routes = [&](const char* name, const char* targets, const auto& all, auto of) {
    for (const auto& r : all) {
      std::string list;
      for (const std::string& one : r.*of) list += (list.empty() ? "" : ", ") + quoted(one);
      out += fmt::format(
          "\n[[{}]]\ndomain = {}\nprefix = {}\n{} = [{}]\nstrip = {}\nprepend = {}\n", name,
          quoted(r.domain), quoted(r.prefix), targets, list, r.strip, quoted(r.prepend));
      if constexpr (std::is_same_v<std::decay_t<decltype(r)>, StaticRoute>)
        if (r.open) out += "open = true\n";
    }
  };
  if ((which & kServe) != 0)
    routes("route", "targets", settings.server.proxy.routes, &StaticRoute::targets);
  if ((which & kBridge) != 0) routes("b2bua.route", "to", settings.routes, &BridgeRoute::to);
  return out;
}

std::vector<std::string> unchangeable(Servers which, const Settings& running,
                                      const Settings& wanted) {
  std::vector<std::string> names;
  for (const ConfigKey& key : config_keys())
    if ((key.of & which) != 0 && key.reload == Reload::no &&
        show(key, running).value != show(key, wanted).value)
      names.push_back(*key.table == '\0' ? key.name : fmt::format("{}.{}", key.table, key.name));
  return names;
}

}  // namespace sipstack::tools
