// SPDX-License-Identifier: Apache-2.0
// What a proxy does to a message: a few edits, every other byte untouched. RFC 3261 section 16.6, 16.7.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/parser/writer.hpp"

namespace sipstack {

/// A list of edits over a message that parsed, carried out in the order of the calls when it is
/// written. Header fields that no edit names are copied byte for byte, order and case included; so is
/// the body, and Content-Length is added where the sender left it out. Keeps views of the message: it
/// must outlive this. Values given are copied, and checked as the writer does when it is written.
class Rewrite {
 public:
  explicit Rewrite(const MessageView& message) noexcept : message_(message) {}

  void request_uri(std::string_view uri);
  /// A new line in front of the first one of that header (or behind the Vias where there is none).
  void prepend(HeaderId id, std::string_view value);
  /// A new line at the end of the headers.
  void append(HeaderId id, std::string_view value);
  void append(std::string_view name, std::string_view value);
  /// All lines of that header become one with this value (appended where there was none).
  void replace(HeaderId id, std::string_view value);
  void replace(HeaderId id, std::uint64_t value);
  void remove(HeaderId id);
  /// The same by any name; compact and long are one.
  void remove(std::string_view name);
  /// The topmost value only, whether it shares its line or not: Via of a response, Route of a request.
  void remove_first(HeaderId id);
  /// The last value only (RFC 3261 section 16.4, strict routing).
  void remove_last(HeaderId id);
  /// received and rport of the topmost Via of a request, from where it came (RFC 3261 section 18.2.1,
  /// RFC 3581 section 4).
  void note_source(const Flow& source);

  /// The edited request, ready for TransactionLayer::send(), which puts our Via on top.
  expected<RequestWriter, WriteErrc> request(BlockPool& pool) const;
  /// The edited response, parsed.
  expected<Message, WriteErrc> response(BlockPool& pool) const;

 private:
  enum class Kind : unsigned char {
    prepend,
    append,
    replace,
    remove,
    remove_first,
    remove_last,
    first_line  ///< the first line's value becomes another
  };
  struct Edit {
    Kind kind;
    HeaderId id;
    std::string name;
    std::string value;
  };
  struct Line;
  static void apply(const Edit& edit, std::vector<Line>& lines);
  void write(MessageWriter& out) const;

  MessageView message_;
  std::string uri_;
  std::vector<Edit> edits_;
};

}  // namespace sipstack
