// SPDX-License-Identifier: Apache-2.0
// One message read by several parsers, compared as canonical records. hardening D3: accept or reject is
// no vote by itself, since parsers are lazy in different places; fields that all accept must agree.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace differential {

/// What a message says, as far as all parsers can tell. Optional: some parsers don't say.
struct Record {
  bool request = false;
  std::string method;  ///< of the request line
  int status = 0;
  std::string uri_user;
  std::string uri_host;  ///< lower case, without brackets
  std::string uri_port;
  std::string via_transport;  ///< of the topmost Via, upper case
  std::string via_host;
  std::string via_port;
  std::string branch;
  std::size_t vias = 0;
  std::string from_tag;
  std::string to_tag;
  std::string call_id;
  std::string cseq_number;  ///< without leading zeros
  std::string cseq_method;
  std::optional<std::string> content_length;
  std::size_t body = 0;  ///< its size
};

/// Nothing: refused.
using Reading = std::optional<Record>;

Reading ours(std::string_view text);
Reading osip(std::string_view text);
Reading sofia(std::string_view text);

/// Where two records differ, as the name of a field; empty where they agree.
std::string difference(const Record& a, const Record& b);

/// Why another parser may read that field of the text otherwise, with the section that says who is right;
/// empty where there is no excuse. `peer` is "osip" or "sofia".
std::string excuse(std::string_view text, std::string_view peer, const std::string& field,
                   const Record& mine, const Record& theirs);
/// Why we may refuse a text that every other parser takes; and why we may take what they refuse.
std::string refusal_excuse(std::string_view text);
std::string acceptance_excuse(std::string_view text);

// For those who fill in records.
std::string lower(std::string_view text);
std::string upper(std::string_view text);
std::string without_brackets(std::string_view host);
std::string number(std::string_view digits);

}  // namespace differential
