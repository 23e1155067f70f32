// SPDX-License-Identifier: Apache-2.0
// A configuration file against the table of keys: every problem with its line and column.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "sipstack/parser/uri.hpp"
#include "tools/config.hpp"
#include "tools/nearest.hpp"

namespace sipstack::tools {

namespace {

constexpr std::size_t kMostProblems = 100;
constexpr std::size_t kMostRoutes = 10'000;

std::vector<std::string> words_of(std::string_view choices) {
  std::vector<std::string> words;
  while (!choices.empty()) {
    const std::size_t bar = std::min(choices.find('|'), choices.size());
    words.emplace_back(choices.substr(0, bar));
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return words;
}

std::string list_of(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return text;
}

std::string printable_key(std::string_view key) { return printable(key.substr(0, 64)); }

class ConfigReader {
 public:
  ConfigReader(Servers which, Settings& settings) : which_(which), settings_(settings) {}

  std::vector<ConfigProblem> read(const toml::table& root) {
    for (auto&& [key, node] : root) {
      if (key.str() == "route" && which_ == kServe)
        routes(node, false);
      else if (is_table(key.str()))
        table(key, node);
      else
        value("", key, node);
    }
    check_together();
    std::stable_sort(problems_.begin(), problems_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    return std::move(problems_);
  }

 private:
  template <class Place>
  void problem(const Place& place, std::string message) {
    if (problems_.size() == kMostProblems) return;
    const toml::source_position at = place.source().begin;
    problems_.push_back({at.line, at.column, std::move(message)});
  }

  bool ours(const ConfigKey& key) const { return (key.of & which_) != 0; }

  static bool is_table(std::string_view name) {
    const auto& keys = config_keys();
    return !name.empty() && std::any_of(keys.begin(), keys.end(),
                                        [&](const ConfigKey& k) { return k.table == name; });
  }

  void table(const toml::key& name, const toml::node& node) {
    const toml::table* const inside = node.as_table();
    const auto& keys = config_keys();
    if (std::none_of(keys.begin(), keys.end(),
                     [&](const ConfigKey& k) { return k.table == name.str() && ours(k); }))
      return problem(name, fmt::format("[{}] is not for sipstack {}", name.str(),
                                       which_ == kServe ? "serve" : "b2bua"));
    if (inside == nullptr)
      return problem(node, fmt::format("{} must be a table: [{}]", name.str(), name.str()));
    for (auto&& [key, value_node] : *inside) {
      if (key.str() == "route" && name.str() == "b2bua")
        routes(value_node, true);
      else
        value(name.str(), key, value_node);
    }
  }

  void value(std::string_view table, const toml::key& name, const toml::node& node) {
    const ConfigKey* elsewhere = nullptr;
    for (const ConfigKey& key : config_keys()) {
      if (key.name != name.str()) continue;
      // What the command line of b2bua says stands as well without [b2bua].
      const bool here =
          key.table == table || (table.empty() && std::string_view(key.table) == "b2bua");
      if (here && ours(key)) {
        places_[key.name] = node.source().begin;
        return set(key, node);
      }
      if (elsewhere == nullptr || ours(key)) elsewhere = &key;
    }
    if (elsewhere == nullptr) return unknown(table, name);
    if (!ours(*elsewhere))
      return problem(name, fmt::format("{} is not for sipstack {}", name.str(),
                                       which_ == kServe ? "serve" : "b2bua"));
    problem(name, *elsewhere->table == '\0'
                      ? fmt::format("{} belongs in front of all tables", name.str())
                      : fmt::format("{} belongs in [{}]", name.str(), elsewhere->table));
  }

  void unknown(std::string_view table, const toml::key& name) {
    std::vector<std::string> known;
    for (const ConfigKey& key : config_keys()) {
      if (!ours(key)) continue;
      if (key.table == table) known.emplace_back(key.name);
      if (table.empty() && *key.table != '\0' &&
          std::find(known.begin(), known.end(), key.table) == known.end())
        known.emplace_back(key.table);
    }
    unknown(table.empty() ? "" : fmt::format(" in [{}]", table), name, known);
  }

  void unknown(const std::string& where, const toml::key& name,
               const std::vector<std::string>& known) {
    problem(name, fmt::format("unknown key {}{}; did you mean {}?", printable_key(name.str()),
                              where, nearest(name.str(), known)));
  }

  // ---- values

  void set(const ConfigKey& key, const toml::node& node) {
    std::visit(
        [&](auto* field) {
          auto* const to = field(settings_);
          using T = std::remove_pointer_t<decltype(to)>;
          if constexpr (std::is_same_v<T, bool>)
            set_flag(key, node, *to);
          else if constexpr (std::is_integral_v<T>)
            set_number(key, node, [to](std::int64_t n) { *to = static_cast<T>(n); });
          else if constexpr (std::is_same_v<T, Duration>)
            set_duration(key, node, *to);
          else
            set_text(key, node, *to);
        },
        key.field);
  }

  void set_flag(const ConfigKey& key, const toml::node& node, bool& to) {
    if (const auto flag = node.value_exact<bool>()) {
      to = *flag;
      return;
    }
    const auto word = node.value_exact<std::string_view>();
    if (!word || (*word != "on" && *word != "off"))
      return problem(node, fmt::format("{} must be true or false", key.name));
    to = *word == "on";
  }

  static std::string range(const ConfigKey& key) {
    const std::string unit = *key.unit == '\0' ? "" : fmt::format(" {}", key.unit);
    if (key.most == INT64_MAX) return fmt::format("at least {}{}", key.least, unit);
    return fmt::format("from {} to {}{}", key.least, key.most, unit);
  }

  template <class Set>
  void set_number(const ConfigKey& key, const toml::node& node, Set set) {
    const auto number = node.value_exact<std::int64_t>();
    if (!number)
      return problem(node, fmt::format("{} must be a whole number, {}", key.name, range(key)));
    if (*number < key.least || *number > key.most)
      return problem(node, fmt::format("{} must be {}, not {}", key.name, range(key), *number));
    set(*number);
  }

  void set_duration(const ConfigKey& key, const toml::node& node, Duration& to) {
    const auto number = node.is_number() ? node.value<double>() : std::nullopt;
    if (!number) return problem(node, fmt::format("{} must be a number, {}", key.name, range(key)));
    // Written so that NaN is refused, too.
    if (!(*number >= static_cast<double>(key.least) && *number <= static_cast<double>(key.most)))
      return problem(node, fmt::format("{} must be {}, not {}", key.name, range(key), *number));
    const double microseconds = std::string_view(key.unit) == "ms" ? 1e3 : 1e6;
    to = Duration(static_cast<Duration::rep>(*number * microseconds));
  }

  /// The text of a node as a key wants it; nothing, and said why, where it is not.
  std::optional<std::string> text_of(const ConfigKey& key, const toml::node& node) {
    const std::vector<std::string> words = words_of(key.unit);
    if (const auto flag = node.value_exact<bool>(); flag && std::string_view(key.unit) == "on|off")
      return *flag ? "on" : "off";
    auto text = node.value_exact<std::string>();
    if (!text) {
      problem(node, words.empty() ? fmt::format("{} must be text in quotes", key.name)
                                  : fmt::format("{} must be {}", key.name, list_of(words)));
      return std::nullopt;
    }
    std::string wrong;
    if (text->find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos)
      wrong = "must be one line";
    else if (!words.empty() && std::find(words.begin(), words.end(), *text) == words.end())
      wrong = fmt::format("must be {}, not {}", list_of(words), printable_key(*text));
    else if (key.check != nullptr)
      wrong = key.check(*text);
    if (wrong.empty()) return text;
    problem(node, fmt::format("{}: {}", key.name, wrong));
    return std::nullopt;
  }

  void set_text(const ConfigKey& key, const toml::node& node, std::string& to) {
    if (auto text = text_of(key, node)) to = *std::move(text);
  }

  void set_text(const ConfigKey& key, const toml::node& node, LogLevel& to) {
    const auto text = text_of(key, node);
    if (!text) return;
    const auto words = words_of(key.unit);
    to = static_cast<LogLevel>(std::find(words.begin(), words.end(), *text) - words.begin());
  }

  void set_text(const ConfigKey& key, const toml::node& node, std::vector<std::string>& to) {
    to.clear();
    const toml::array* const list = node.as_array();
    if (list == nullptr) {
      if (auto text = text_of(key, node)) to.push_back(*std::move(text));
      return;
    }
    for (const toml::node& one : *list)
      if (auto text = text_of(key, one)) to.push_back(*std::move(text));
  }

  // ---- [[route]], [[b2bua.route]]

  void routes(const toml::node& node, bool bridge) {
    const toml::array* const list = node.as_array();
    const std::string name = bridge ? "[[b2bua.route]]" : "[[route]]";
    if (list == nullptr) return problem(node, "a route is written as " + name);
    if (list->size() > kMostRoutes)
      return problem(node, fmt::format("more than {} routes", kMostRoutes));
    for (const toml::node& one : *list) {
      const toml::table* const table = one.as_table();
      if (table == nullptr) {
        problem(one, "a route is written as " + name);
        continue;
      }
      route(*table, bridge, " in " + name);
    }
  }

  void route(const toml::table& table, bool bridge, const std::string& where) {
    BridgeRoute r;
    bool open = false;
    const char* const target = bridge ? "to" : "targets";
    bool targets_wrong = false;
    for (auto&& [key, node] : table) {
      if (key.str() == "domain") {
        set_text({kBoth, "", "domain", {}}, node, r.domain);
      } else if (key.str() == "prefix") {
        set_text({kBoth, "", "prefix", {}}, node, r.prefix);
        r.prefix.erase(std::remove_if(r.prefix.begin(), r.prefix.end(), is_separator),
                       r.prefix.end());
      } else if (key.str() == "prepend") {
        set_text({kBoth, "", "prepend", {}}, node, r.prepend);
      } else if (key.str() == "strip") {
        set_number({kBoth, "", "strip", {}, 0, 64}, node,
                   [&](std::int64_t n) { r.strip = static_cast<std::size_t>(n); });
      } else if (key.str() == "open" && !bridge) {
        set_flag({kServe, "", "open", {}}, node, open);
      } else if (key.str() == target) {
        const std::size_t before = problems_.size();
        set_text({kBoth, "", target, {}, 0, 0, "", Reload::yes, "", complete_uri}, node, r.to);
        targets_wrong = problems_.size() != before;
      } else {
        std::vector<std::string> known;
        for (const ConfigRouteKey& k : config_route_keys(bridge)) known.emplace_back(k.name);
        unknown(where, key, known);
      }
    }
    if (r.to.empty() && !targets_wrong) problem(table, fmt::format("{} missing{}", target, where));
    if (bridge)
      settings_.routes.push_back(std::move(r));
    else
      settings_.server.proxy.routes.push_back({r.domain, r.prefix, r.to, r.strip, r.prepend, open});
  }

  /// RFC 3966 section 3.
  static bool is_separator(char c) {
    return c == '-' || c == '.' || c == '(' || c == ')' || c == ' ';
  }

  // ---- what holds of several

  void check_together() {
    const RegistrarOptions& r = settings_.server.registrar;
    if (which_ == kServe &&
        !(r.min_expires <= r.default_expires && r.default_expires <= r.max_expires)) {
      toml::source_position at{};
      for (const char* name : {"min-expires", "default-expires", "max-expires"})
        if (const auto known = places_.find(name); known != places_.end()) at = known->second;
      problems_.push_back(
          {at.line, at.column,
           fmt::format("min-expires {}, default-expires {} and max-expires {} must be in "
                       "this order",
                       r.min_expires, r.default_expires, r.max_expires)});
    }
    const std::uint32_t refresh = settings_.endpoint.user_agent.session_expires;
    if (refresh != 0 && refresh < 90) {
      const toml::source_position at = places_["session-expires"];
      problems_.push_back({at.line, at.column, "session-expires must be 0, or 90 s or more"});
    }
  }

  Servers which_;
  Settings& settings_;
  std::map<std::string, toml::source_position> places_;
  std::vector<ConfigProblem> problems_;
};

}  // namespace

std::vector<ConfigProblem> read_config(std::string_view text, Servers which, Settings& settings) {
  try {
    const toml::table root = toml::parse(text);
    return ConfigReader(which, settings).read(root);
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    return {{at.line, at.column, printable(error.description())}};
  }
}

std::string to_string(const ConfigProblem& problem, const std::string& file) {
  if (problem.line == 0) return fmt::format("{}: {}", file, problem.message);
  return fmt::format("{}:{}:{}: {}", file, problem.line, problem.column, problem.message);
}

}  // namespace sipstack::tools
