// SPDX-License-Identifier: Apache-2.0
// The ladder diagram of a run, as a person would draw it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/time.hpp"

namespace sipstack::testing {

/// One arrow: where it began and was to end, what it says, and whether it arrived.
struct Arrow {
  TimePoint at{};  ///< of sending
  std::size_t from = 0;
  std::size_t to = 0;
  std::string label;
  bool lost = false;
};

///           alice                   bob
///     0.000 |--INVITE-------------->|
///     0.000 |<-180 INVITE-----------|
///     0.500 |--INVITE-------------x |        lost on its way
///
/// Columns are nodes in the order of attaching. Lines stand in the order of sending.
class Ladder {
 public:
  explicit Ladder(std::size_t limit = SIZE_MAX) : limit_(limit) {}

  std::size_t column(std::string_view name);
  void add(Arrow arrow);
  const std::vector<Arrow>& arrows() const noexcept { return arrows_; }
  std::size_t left_out() const noexcept { return left_out_; }  ///< arrows past the limit

  /// The diagram. Lines end without white space, the last one with a line feed.
  std::string text() const;
  /// The same without times, for flows whose timing is not the point.
  std::string text_without_times() const;

 private:
  std::string draw(bool times) const;

  std::vector<std::string> names_;
  std::vector<Arrow> arrows_;
  std::size_t limit_;
  std::size_t left_out_ = 0;
};

/// "INVITE" for a request, "200 INVITE" for a response: first line and CSeq, read leniently.
std::string message_label(std::string_view bytes);

}  // namespace sipstack::testing
