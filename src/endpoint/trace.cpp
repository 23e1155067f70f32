// SPDX-License-Identifier: Apache-2.0
// Capture files and HEP by UDP.
#include "sipstack/endpoint/trace.hpp"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include "transport/asio_address.hpp"

namespace sipstack {

WallTime wall_time() noexcept {
  return std::chrono::duration_cast<WallTime>(std::chrono::system_clock::now().time_since_epoch());
}

// ---------------------------------------------------------------- files

struct PcapFile::Impl {
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> stream;
  std::string record;
  bool good = true;

  void put() {
    good = std::fwrite(record.data(), 1, record.size(), stream.get()) == record.size() &&
           std::fflush(stream.get()) == 0 && good;
    record.clear();
  }
};

PcapFile::PcapFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PcapFile::PcapFile(PcapFile&&) noexcept = default;
PcapFile& PcapFile::operator=(PcapFile&&) noexcept = default;
PcapFile::~PcapFile() = default;

expected<PcapFile, std::error_code> PcapFile::create(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  errno = 0;
  impl->stream.reset(std::fopen(path.c_str(), "wb"));
  if (impl->stream) {
    append_pcap_header(impl->record);
    impl->put();
    if (impl->good) return PcapFile(std::move(impl));
  }
  return unexpected(std::error_code(errno != 0 ? errno : EIO, std::generic_category()));
}

void PcapFile::write(const TracedMessage& message) {
  append_pcap_record(impl_->record, message);
  impl_->put();
}

bool PcapFile::good() const noexcept { return impl_->good; }

// ---------------------------------------------------------------- HEP

struct HepSender::Impl {
  explicit Impl(boost::asio::io_context& io) : socket(io) {}
  boost::asio::ip::udp::socket socket;
  boost::asio::ip::udp::endpoint server;
  HepOptions options;
  std::string packet;
  std::uint64_t dropped = 0;
};

HepSender::HepSender(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HepSender::HepSender(HepSender&&) noexcept = default;
HepSender& HepSender::operator=(HepSender&&) noexcept = default;
HepSender::~HepSender() = default;

expected<HepSender, std::error_code> HepSender::open(boost::asio::io_context& io,
                                                     const SocketAddress& server,
                                                     const HepOptions& options) {
  using udp = boost::asio::ip::udp;
  if (!server.ip.is_v4() && !server.ip.is_v6())
    return unexpected(std::make_error_code(std::errc::address_family_not_supported));
  auto impl = std::make_unique<Impl>(io);
  impl->server = to_endpoint<udp>(server);
  impl->options = options;
  boost::system::error_code error;
  impl->socket.open(impl->server.protocol(), error);
  if (!error) impl->socket.non_blocking(true, error);
  if (error) return unexpected(to_std(error));
  return HepSender(std::move(impl));
}

void HepSender::send(const TracedMessage& message) {
  impl_->packet.clear();
  append_hep3(impl_->packet, message, impl_->options);
  boost::system::error_code error;
  impl_->socket.send_to(boost::asio::buffer(impl_->packet), impl_->server, 0, error);
  if (error) ++impl_->dropped;
}

std::uint64_t HepSender::dropped() const noexcept { return impl_->dropped; }

}  // namespace sipstack
