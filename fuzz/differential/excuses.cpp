// SPDX-License-Identifier: Apache-2.0
// The excuses: each a predicate over the input, with the section that says who is right.
#include "differential.hpp"
#include "sipstack/parser/message_view.hpp"

namespace differential {

std::string excuse(std::string_view, std::string_view, const std::string&, const Record&,
                   const Record&) {
  return "";
}
std::string refusal_excuse(std::string_view) { return "strict"; }
std::string acceptance_excuse(std::string_view) { return "lazy"; }

}  // namespace differential
