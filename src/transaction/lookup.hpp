// SPDX-License-Identifier: Apache-2.0
// One lookup as a machine: a URI goes in, then answers; the questions of the stage that it is in come out.
// RFC 3263 section 4, RFC 2782.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sipstack/base/random.hpp"
#include "sipstack/transaction/locator.hpp"

namespace sipstack {

/// Puts SRV records into the order in which to try them (RFC 2782, "Usage rules"), as many as `most`.
std::vector<SrvRecord> srv_order(std::vector<SrvRecord> records, std::size_t most, Random& random);

class Lookup {
 public:
  enum class Stage : std::uint8_t {
    naptr,    ///< which transports does the domain offer?
    srv,      ///< which hosts, for each of them?
    address,  ///< which addresses have the hosts?
    done
  };

  Lookup(std::string_view sip_uri, TransportSet ours, std::size_t max_targets);

  Stage stage() const noexcept { return stage_; }
  /// What is asked now and unanswered.
  const std::vector<DnsQuestion>& open() const noexcept { return open_; }
  /// Moves on when the last question of a stage is answered. What is not open is ignored.
  void answer(const DnsQuestion& question, const DnsAnswer& answer, Random& random);
  /// Goes on without the answers that are missing.
  void give_up(Random& random);
  std::vector<Destination> destinations() const;
  bool transport_free() const noexcept { return free_; }
  const std::string& host() const noexcept { return host_; }

 private:
  struct Service {
    Transport transport = Transport::udp;
    std::string name;
    std::vector<SrvRecord> records;
  };
  struct Host {
    Transport transport = Transport::udp;
    std::string name;
    std::uint16_t port = 0;
    std::vector<IpAddress> addresses;
  };

  void note(const DnsQuestion& question, const DnsAnswer& answer);
  void next_stage(Random& random);
  void probe();
  void ask_services();
  void ask_hosts();

  TransportSet ours_;
  std::size_t max_targets_;
  Stage stage_ = Stage::done;
  bool secure_ = false;
  bool free_ = false;
  std::string host_;
  std::string target_;  ///< TARGET of RFC 3263 section 4
  std::vector<Service> services_;
  std::vector<Host> hosts_;
  std::vector<DnsQuestion> open_;
};

}  // namespace sipstack
