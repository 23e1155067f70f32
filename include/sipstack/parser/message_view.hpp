// SPDX-License-Identifier: Apache-2.0
// A parsed message to look at: bytes and index, nothing owned.
#pragma once

#include <cstddef>
#include <iterator>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>

#include "sipstack/parser/diagnostics.hpp"
#include "sipstack/parser/headers.hpp"
#include "sipstack/parser/message_index.hpp"

namespace sipstack {

/// One header line as it stands.
struct HeaderView {
  HeaderId id = HeaderId::other;
  std::string_view name;   ///< as written, maybe compact
  std::string_view value;  ///< raw: folds inside, outer white space cut
};

/// One value of a header, or why it is none: as expected<T, ParseError>, but pointing into the iterator
/// that gave it. Copy the T to keep it.
template <class T>
class HeaderValue {
 public:
  HeaderValue(const T* value, const ParseError& error) noexcept : value_(value), error_(error) {}
  explicit operator bool() const noexcept { return value_ != nullptr; }
  bool has_value() const noexcept { return value_ != nullptr; }
  const T& operator*() const noexcept { return *value_; }
  const T* operator->() const noexcept { return value_; }
  const T& value() const noexcept { return *value_; }
  const ParseError& error() const noexcept { return error_; }
  operator expected<T, ParseError>() const {
    if (value_ != nullptr) return *value_;
    return unexpected<ParseError>(error_);
  }

 private:
  const T* value_;
  ParseError error_;
};

namespace detail {

/// One value by its grammar and, of a header that the registry knows, by a second reading where that
/// fails.
template <class T>
ParseErrc read_leniently(const HeaderTag<T>& tag, const char*& cursor, const char* end, T& out,
                         Notes& notes) noexcept {
  const char* const begin = cursor;
  const ParseErrc code = tag.parse(cursor, end, out);
  if (tag.id == HeaderId::other) return code;
  if (code == ParseErrc::ok &&
      (cursor == end || (tag.rule == HeaderRule::list && *cursor == ','))) {
    return code;
  }
  const auto again = [&](auto& base) {
    cursor = begin;
    return reread(tag.id, cursor, end, base, notes);
  };
  if constexpr (std::is_base_of_v<NameAddr, T>) {
    return again(static_cast<NameAddr&>(out));
  } else if constexpr (std::is_base_of_v<TokenValue, T>) {
    return again(static_cast<TokenValue&>(out));
  } else if constexpr (std::is_base_of_v<NumberValue, T>) {
    return again(static_cast<NumberValue&>(out));
  } else if constexpr (std::is_base_of_v<CallIdValue, T>) {
    return again(static_cast<CallIdValue&>(out));
  } else if constexpr (std::is_same_v<Via, T> || std::is_same_v<CSeq, T> ||
                       std::is_same_v<MediaType, T> || std::is_same_v<AuthValue, T> ||
                       std::is_same_v<Date, T> || std::is_same_v<TextValue, T>) {
    return again(out);
  } else {
    return code;
  }
}

}  // namespace detail

/// Every value of one header, over all its lines, in order. Lazy: each is parsed when it is reached.
/// Dereferences to HeaderValue<T>; an error ends the range after it.
template <class T>
class HeaderRange {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>,
                "values are views: they own nothing");

 public:
  HeaderRange(const char* bytes, const char* readable, const HeaderEntry* first,
              const HeaderEntry* last, const HeaderTag<T>& tag, bool lenient = false) noexcept
      : bytes_(bytes),
        readable_(readable),
        first_(first),
        last_(last),
        tag_(&tag),
        lenient_(lenient) {}

  struct sentinel {};
  class iterator {
   public:
    using value_type = HeaderValue<T>;
    using reference = HeaderValue<T>;
    class arrow;
    using pointer = arrow;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    explicit iterator(const HeaderRange& range) noexcept
        : bytes_(range.bytes_),
          readable_(range.readable_),
          entry_(range.first_),
          last_(range.last_),
          tag_(range.tag_),
          lenient_(range.lenient_) {
      advance();
    }
    reference operator*() const noexcept {
      return {error_.code == ParseErrc::ok ? &value_ : nullptr, error_};
    }
    /// What `it->error()` needs: a HeaderValue to point to.
    class arrow {
     public:
      explicit arrow(HeaderValue<T> value) noexcept : value_(value) {}
      const HeaderValue<T>* operator->() const noexcept { return &value_; }

     private:
      HeaderValue<T> value_;
    };
    arrow operator->() const noexcept { return arrow(**this); }
    iterator& operator++() noexcept {
      advance();
      return *this;
    }
    friend bool operator==(const iterator& a, sentinel) noexcept { return a.done_; }
    friend bool operator!=(const iterator& a, sentinel) noexcept { return !a.done_; }

   private:
    void advance() noexcept;
    const char* bytes_;
    const char* readable_;
    const HeaderEntry* entry_;
    const HeaderEntry* last_;
    const HeaderTag<T>* tag_;
    bool lenient_;
    const char* at_ = nullptr;  ///< next value within *entry_; null: look for the next line
    bool done_ = true;
    ParseError error_;
    union {
      T value_;  ///< of no use until a parser has filled it, which saves the filling with zeros
    };
  };

  iterator begin() const noexcept { return iterator(*this); }
  sentinel end() const noexcept { return {}; }

 private:
  const char* bytes_;
  const char* readable_;
  const HeaderEntry* first_;
  const HeaderEntry* last_;
  const HeaderTag<T>* tag_;
  bool lenient_;
};

/// A message as bytes and index. Two pointers and a half: pass by value. Valid while both live, and
/// every view it gives out likewise.
class MessageView {
 public:
  MessageView() = default;
  MessageView(const char* bytes, const MessageIndex& index) noexcept
      : bytes_(bytes), head_(&index), entries_(index.entries) {}
  MessageView(const char* bytes, const IndexHead& head, const HeaderEntry* entries) noexcept
      : bytes_(bytes), head_(&head), entries_(entries) {}

  explicit operator bool() const noexcept { return head_ != nullptr; }

  bool is_request() const noexcept { return head_->request; }
  Method method() const noexcept { return head_->method; }  ///< of a response: CSeq's
  std::string_view method_name() const noexcept { return head_->method_name.in(bytes_); }
  int status() const noexcept { return head_->status; }  ///< 0 for a request
  std::string_view reason() const noexcept { return head_->reason.in(bytes_); }
  std::string_view uri_text() const noexcept { return head_->uri.in(bytes_); }
  Uri request_uri() const noexcept;  ///< parses uri_text(), which parse() has checked
  std::string_view call_id() const noexcept { return head_->call_id.in(bytes_); }
  std::string_view from_tag() const noexcept { return head_->from_tag.in(bytes_); }
  std::string_view to_tag() const noexcept { return head_->to_tag.in(bytes_); }
  CSeq cseq() const noexcept;
  Via top_via() const noexcept;
  std::string_view branch() const noexcept { return head_->branch.in(bytes_); }
  std::optional<int> max_forwards() const noexcept {
    return head_->max_forwards < 0 ? std::nullopt : std::optional<int>(head_->max_forwards);
  }
  std::string_view body() const noexcept { return head_->body.in(bytes_); }
  /// The message, start line to body.
  std::string_view bytes() const noexcept { return {bytes_ + head_->start, head_->size}; }
  const IndexHead& head() const noexcept { return *head_; }

  std::size_t header_count() const noexcept { return head_->headers; }
  HeaderView header(std::size_t i) const noexcept;
  const HeaderEntry* begin_entries() const noexcept { return entries_; }
  const HeaderEntry* end_entries() const noexcept { return entries_ + head_->headers; }

  bool has(HeaderId id) const noexcept { return find(id) != nullptr; }
  /// The first line of that header as it stands; nothing where there is none.
  std::optional<std::string_view> raw(HeaderId id) const noexcept;
  std::optional<std::string_view> raw(std::string_view name) const noexcept;

  /// The (first) value of a header, typed. missing_header where it is absent; for a single-value
  /// header bytes behind the value are trailing_bytes.
  template <class T>
  expected<T, ParseError> get(const HeaderTag<T>& tag) const noexcept;
  /// All values of a header over all its lines.
  template <class T>
  HeaderRange<T> all(const HeaderTag<T>& tag) const noexcept {
    return {bytes_, readable(), entries_, entries_ + head_->headers, tag, head_->lenient};
  }
  /// The values of one line alone, which is one of that header.
  template <class T>
  HeaderRange<T> values(const HeaderEntry& line, const HeaderTag<T>& tag) const noexcept {
    return {bytes_, readable(), &line, &line + 1, tag, head_->lenient};
  }
  /// True where a list of tokens (Require, Supported, Allow, ...) has `token`, in any case.
  bool lists(const HeaderTag<TokenValue>& tag, std::string_view token) const noexcept;

 private:
  const HeaderEntry* find(HeaderId id) const noexcept;
  /// The end of the bytes that are known to be there.
  const char* readable() const noexcept { return bytes_ + head_->start + head_->size; }

  const char* bytes_ = nullptr;
  const IndexHead* head_ = nullptr;
  const HeaderEntry* entries_ = nullptr;
};

/// Parses every known header of a message that parse() accepted: the eager check that `sipstack parse`
/// and tests make. The first error in message order.
expected<void, ParseError> validate(const MessageView& message,
                                    const ParseLimits& limits = {}) noexcept;

/// The same of a message that parse() accepted leniently: repairs are told (appended to `told`), values
/// that can't be read are told as ignored, and so are header fields in the wrong kind of message. An
/// error is only what exceeds `limits`.
expected<void, ParseError> validate(const MessageView& message, Diagnostics& told,
                                    const ParseLimits& limits = {}) noexcept;

/// Whether a request that failed to parse can be answered: it has a Via, along which the answer goes,
/// and is no ACK. Of From, To, Call-ID and CSeq the answer has what there is (RFC 4475 section 3.3.1).
bool recoverable(const MessageView& message) noexcept;

namespace detail {

/// Whether a line is one of that header: by id, or by name where the registry doesn't know it.
inline bool is_header(const char* bytes, const HeaderEntry& entry, HeaderId id,
                      std::string_view name) noexcept {
  if (id != HeaderId::other) return entry.id == id;
  return entry.id == HeaderId::other && iequals({bytes + entry.name, entry.name_length}, name);
}

/// Lists that the grammar lets be empty (RFC 3261 section 25.1, RFC 4412, 5009, 6086). A line without values is no value.
constexpr bool may_be_empty(HeaderId id) noexcept {
  return id == HeaderId::accept || id == HeaderId::accept_encoding ||
         id == HeaderId::accept_language || id == HeaderId::allow || id == HeaderId::supported ||
         id == HeaderId::accept_resource_priority || id == HeaderId::p_early_media ||
         id == HeaderId::recv_info;
}

}  // namespace detail

template <class T>
void HeaderRange<T>::iterator::advance() noexcept {
  done_ = true;
  const HeaderId id = tag_->id;
  while (entry_ != last_) {
    if (at_ == nullptr && id != HeaderId::other && entry_->id != id) {
      ++entry_;  // most headers that are asked for are not there
      continue;
    }
    const char* const value = bytes_ + entry_->value;
    const char* const end = value + entry_->length;
    if (at_ == nullptr) {
      if (!detail::is_header(bytes_, *entry_, tag_->id, tag_->name) ||
          (value == end && detail::may_be_empty(tag_->id))) {
        ++entry_;
        continue;
      }
      at_ = value;
    }
    scan::Scan s{at_, end, readable_};
    ParseErrc code = ParseErrc::ok;
    if (tag_->scan != nullptr) {
      code = tag_->scan(s, value_);
    } else {
      code = tag_->parse(s.at, end, *::new (&value_) T{});
    }
    bool more = code == ParseErrc::ok && s.at != end;
    if (more && (tag_->rule != HeaderRule::list || *s.at != ',')) code = ParseErrc::trailing_bytes;
    if (code != ParseErrc::ok && lenient_) {
      detail::Notes silent;
      if (tag_->rule == HeaderRule::list) {
        at_ = detail::skip_empty_values(at_, end, silent);
        if (at_ == end) {
          at_ = nullptr;
          ++entry_;
          continue;
        }
      }
      s.at = at_;
      code = detail::read_leniently(*tag_, s.at, end, *::new (&value_) T{}, silent);
      more = code == ParseErrc::ok && s.at != end;
      if (more && (tag_->rule != HeaderRule::list || *s.at != ','))
        code = ParseErrc::trailing_bytes;
    }
    done_ = false;
    if (code != ParseErrc::ok) {
      error_ = {code, tag_->id, static_cast<std::uint32_t>(s.at - bytes_)};
      entry_ = last_;
      return;
    }
    at_ = more ? s.at + 1 : nullptr;
    if (!more) ++entry_;
    return;
  }
}

template <class T>
expected<T, ParseError> MessageView::get(const HeaderTag<T>& tag) const noexcept {
  const HeaderRange<T> range = all(tag);
  const auto first = range.begin();
  if (first != range.end()) return *first;
  const std::uint16_t at = head_->headers != 0 ? entries_[0].name : head_->start;
  return unexpected<ParseError>(ParseError{ParseErrc::missing_header, tag.id, at});
}

}  // namespace sipstack
