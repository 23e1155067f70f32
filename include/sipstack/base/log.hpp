// SPDX-License-Identifier: Apache-2.0
// The one hook through which the library says anything. Without a hook it is silent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sipstack {

enum class LogLevel : std::uint8_t { error, warning, info, debug };

/// One thing that is known of what happened. A text may be bytes of the wire, as they came: who writes it
/// somewhere escapes it.
struct LogField {
  constexpr LogField(std::string_view n, std::string_view t) noexcept : name(n), text(t) {}
  constexpr LogField(std::string_view n, std::int64_t v) noexcept
      : name(n), number(v), is_number(true) {}
  std::string_view name;
  std::string_view text;
  std::int64_t number = 0;
  bool is_number = false;
};

/// What happened: a sentence for people, and the same in fields. All of it lives for the call.
struct LogRecord {
  LogLevel level = LogLevel::info;
  std::string_view event;  ///< which kind it is: "request", "bad-message", ...; empty: of no kind
  std::string_view text;   ///< never holds control characters from the wire
  const LogField* fields = nullptr;
  std::size_t count = 0;
};

/// Called on the shard's thread. Must not call back into the stack. Made of whatever takes a LogRecord, or a
/// level and a text.
class LogHook {
 public:
  LogHook() = default;
  template <class F, std::enable_if_t<std::is_invocable_v<F&, const LogRecord&> &&
                                          !std::is_same_v<std::decay_t<F>, LogHook>,
                                      int> = 0>
  LogHook(F f) : hook_(std::move(f)) {}
  template <class F,
            std::enable_if_t<std::is_invocable_v<F&, LogLevel, std::string_view>, long> = 0>
  LogHook(F f) {
    std::function<void(LogLevel, std::string_view)> plain(std::move(f));
    if (plain) hook_ = [plain = std::move(plain)](const LogRecord& r) { plain(r.level, r.text); };
  }

  explicit operator bool() const noexcept { return static_cast<bool>(hook_); }
  void operator()(const LogRecord& record) const { hook_(record); }
  void operator()(LogLevel level, std::string_view text) const {
    hook_({level, {}, text, nullptr, 0});
  }

 private:
  std::function<void(const LogRecord&)> hook_;
};

}  // namespace sipstack
