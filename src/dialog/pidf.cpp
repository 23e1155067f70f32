// SPDX-License-Identifier: Apache-2.0
// Several PIDF documents as one. RFC 3863 sections 4.1 and 4.2; namespaces as XML has them.
#include <algorithm>
#include <map>
#include <set>

#include "dialog/xml_scanner.hpp"
#include "sipstack/dialog/event_bodies.hpp"

namespace sipstack {
namespace {

constexpr std::string_view kNamespace = "urn:ietf:params:xml:ns:pidf";

bool declares_namespace(std::string_view attribute) noexcept {
  return attribute == "xmlns" || attribute.substr(0, 6) == "xmlns:";
}

bool is_name(std::string_view text) noexcept {
  return !text.empty() && text.find_first_of("\"'<>/=&!? \t\r\n") == std::string_view::npos;
}

/// The document that is made is in UTF-8, and so must be what goes into it.
bool is_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) continue;
    const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || text.size() - i <= more) return false;
    for (std::size_t end = i + more; i < end;)
      if ((static_cast<unsigned char>(text[++i]) & 0xC0) != 0x80) return false;
  }
  return true;
}

/// Of what stands below the roots; all of it is copied as it is written, but for what a root declared for it and
/// ids that are taken.
class PidfMerger {
 public:
  explicit PidfMerger(std::size_t max_elements) noexcept : max_elements_(max_elements) {}

  bool add(std::string_view document) {
    if (!is_utf8(document)) return false;
    xml::Scanner scanner(document);
    xml::Tag tag;
    std::string_view text;
    path_.clear();
    count_ = 0;
    bool any = false;
    while (scanner.next(tag, text)) {
      if (any && path_.empty()) return false;  // a second root
      any = true;
      if (tag.opens && !open(tag)) return false;
      if (tag.closes && !close(tag)) return false;
    }
    return scanner.sound() && any && path_.empty();
  }
  std::string take() { return std::move(out_); }

 private:
  bool open(const xml::Tag& tag) {
    path_.push_back(tag.qname);
    if (path_.size() > xml::kMaxDepth || !is_name(tag.qname)) return false;
    if (path_.size() == 1) return open_root(tag);
    if (path_.size() == 2) {
      if (++count_ > max_elements_) return false;
      copied_from_ = tag.whole.data() + tag.whole.size();
      return open_child(tag);
    }
    return true;
  }
  bool close(const xml::Tag& tag) {
    if (path_.empty() || path_.back() != tag.qname) return false;
    if (path_.size() == 2 && !tag.opens) {
      const char* const end = tag.whole.data() + tag.whole.size();
      out_.append(copied_from_, static_cast<std::size_t>(end - copied_from_));
    }
    if (path_.size() == 2) out_ += "\r\n";
    path_.pop_back();
    return true;
  }
  bool open_root(const xml::Tag& tag) {
    declared_.clear();
    declared_["xmlns"] = "";
    std::string_view rest = tag.attributes, name, value;
    while (xml::take_attribute(rest, name, value)) {
      if (!is_name(name)) return false;
      if (declares_namespace(name)) declared_[std::string(name)] = value;
    }
    return tag.name == "presence" && only_space(rest);
  }
  /// With the namespaces that its root declared, since there will be another root.
  bool open_child(const xml::Tag& tag) {
    std::string head;
    std::set<std::string_view> own;
    std::string_view rest = tag.attributes, name, value;
    while (xml::take_attribute(rest, name, value)) {
      if (!is_name(name) || !own.insert(name).second) return false;
      const std::string unique = name == "id" ? free_id(value) : std::string(value);
      const char quote = value.data()[-1];
      head.append(" ").append(name).append(1, '=').append(1, quote).append(unique) += quote;
    }
    if (!only_space(rest)) return false;
    for (const auto& [declaration, uri] : declared_) {
      if (own.count(declaration) != 0 || (declaration == "xmlns" && uri == kNamespace)) continue;
      const char quote = uri.find('"') == std::string_view::npos ? '"' : '\'';
      head.append(" ").append(declaration).append(1, '=').append(1, quote).append(uri) += quote;
    }
    out_.append("  <").append(tag.qname).append(head).append(tag.closes ? "/>" : ">");
    return true;
  }
  static bool only_space(std::string_view rest) noexcept {
    return std::all_of(rest.begin(), rest.end(), xml::is_space);
  }
  /// Never looked for from the beginning: a thousand of one name are a thousand steps.
  std::string free_id(std::string_view wanted) {
    std::string id(wanted);
    const auto [taken, fresh] = ids_.emplace(id, 2);
    if (fresh) return id;
    do {
      id = std::string(wanted) + "-" + std::to_string(taken->second++);
    } while (!ids_.emplace(id, 2).second);
    return id;
  }

  std::size_t max_elements_;
  std::size_t count_ = 0;
  std::string out_;
  std::vector<std::string_view> path_;
  std::map<std::string, std::string_view> declared_;  ///< by the root
  std::map<std::string, int> ids_;  ///< and the number that the next one of that name is tried with
  const char* copied_from_ = nullptr;
};

}  // namespace

std::optional<std::string> merge_pidf(std::string_view entity,
                                      const std::vector<std::string_view>& documents,
                                      std::size_t max_elements) {
  PidfMerger merger(max_elements);
  for (const std::string_view document : documents)
    if (!merger.add(document)) return std::nullopt;
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"";
  out.append(kNamespace).append("\" entity=\"").append(xml::escaped(entity)).append("\">\r\n");
  return out.append(merger.take()).append("</presence>\r\n");
}

}  // namespace sipstack
