// SPDX-License-Identifier: Apache-2.0
#include "wav.hpp"

#include <iterator>

namespace audio {

namespace {

constexpr std::uint32_t kRate = 8000;
constexpr std::uint32_t kPcm = 1;
constexpr std::uint32_t kMuLaw = 7;

std::uint32_t number(const std::string& bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;)
    value = value << 8U | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

void put(std::ostream& out, std::uint32_t value, int size) {
  for (int i = 0; i < size; ++i) out.put(static_cast<char>(value >> (8 * i) & 0xFFU));
}

}  // namespace

// Sign, three bits of exponent, four of mantissa, all inverted: 14 bits of which 33 are bias.
std::uint8_t ulaw_of(std::int16_t sample) noexcept {
  const bool negative = sample < 0;
  int level = (negative ? -int{sample} : int{sample}) / 4;
  level = (level > 8158 ? 8158 : level) + 33;
  int exponent = 7;
  while (exponent > 0 && level < 64 << (exponent - 1)) --exponent;
  const int mantissa = level >> (exponent + 1) & 0xF;
  return static_cast<std::uint8_t>(~((negative ? 0x80 : 0) | exponent << 4 | mantissa));
}

std::optional<Ulaw> read_wav(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  if (bytes.size() < 12 || bytes.compare(0, 4, "RIFF") != 0 || bytes.compare(8, 4, "WAVE") != 0)
    return std::nullopt;
  std::uint32_t format = 0;
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::string name = bytes.substr(at, 4);
    const std::size_t size = number(bytes, at + 4, 4);
    at += 8;
    if (size > bytes.size() - at) return std::nullopt;
    if (name == "fmt " && size >= 16) {
      format = number(bytes, at, 2);
      const bool narrow = number(bytes, at + 2, 2) == 1 && number(bytes, at + 4, 4) == kRate;
      const std::uint32_t bits = number(bytes, at + 14, 2);
      if (!narrow || !((format == kPcm && bits == 16) || (format == kMuLaw && bits == 8)))
        return std::nullopt;
    } else if (name == "data" && format != 0) {
      const auto data = bytes.begin() + static_cast<std::ptrdiff_t>(at);
      if (format == kMuLaw) return Ulaw(data, data + static_cast<std::ptrdiff_t>(size));
      Ulaw samples;
      for (std::size_t i = 0; i + 2 <= size; i += 2)
        samples.push_back(ulaw_of(static_cast<std::int16_t>(number(bytes, at + i, 2))));
      return samples;
    }
    at += size + size % 2;
  }
  return std::nullopt;
}

WavWriter::WavWriter(const std::string& path) : out_(path, std::ios::binary) { header(); }

WavWriter::~WavWriter() {
  if (written_ % 2 != 0) out_.put('\0');
  out_.seekp(0);
  header();
}

void WavWriter::write(const std::uint8_t* samples, std::size_t count) {
  out_.write(reinterpret_cast<const char*>(samples), static_cast<std::streamsize>(count));
  written_ += static_cast<std::uint32_t>(count);
}

void WavWriter::header() {
  out_ << "RIFF";
  put(out_, 50 + written_ + written_ % 2, 4);
  out_ << "WAVEfmt ";
  put(out_, 18, 4);
  put(out_, kMuLaw, 2);
  put(out_, 1, 2);
  put(out_, kRate, 4);
  put(out_, kRate, 4);
  put(out_, 1, 2);
  put(out_, 8, 2);
  put(out_, 0, 2);
  out_ << "fact";
  put(out_, 4, 4);
  put(out_, written_, 4);
  out_ << "data";
  put(out_, written_, 4);
}

}  // namespace audio
