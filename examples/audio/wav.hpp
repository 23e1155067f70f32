// SPDX-License-Identifier: Apache-2.0
// WAV files of one channel at 8000 Hz, as G.711 µ-law has them in RTP.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace audio {

using Ulaw = std::vector<std::uint8_t>;  ///< a byte a sample

constexpr std::uint8_t kSilence = 0xFF;

/// ITU-T G.711, µ-law.
std::uint8_t ulaw_of(std::int16_t sample) noexcept;

/// µ-law, or 16 bits linear; nothing where the file is none of these.
std::optional<Ulaw> read_wav(const std::string& path);

/// Writes µ-law as it comes; the file is whole once this is destroyed.
class WavWriter {
 public:
  explicit WavWriter(const std::string& path);
  ~WavWriter();
  WavWriter(const WavWriter&) = delete;
  WavWriter& operator=(const WavWriter&) = delete;
  void write(const std::uint8_t* samples, std::size_t count);

 private:
  void header();
  std::ofstream out_;
  std::uint32_t written_ = 0;
};

}  // namespace audio
