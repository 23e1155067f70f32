// SPDX-License-Identifier: Apache-2.0
// Parameters that are noted while a value is read. Included by scanners.hpp alone.
//
// known() gives the place for a parameter's value and notes that it is there: a view that is empty but
// not null. Null for all others.

namespace sipstack::scan::SIPSTACK_ISA {
namespace {

SIPSTACK_INLINE std::uint32_t four(const char* p) noexcept {
  std::uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return word | 0x20202020U;
}

/// ASCII letters in any case; `lower` is in lower case and as long as the name, eight at most.
template <std::size_t N>
SIPSTACK_INLINE bool named(std::string_view name, const char (&lower)[N]) noexcept {
  constexpr std::size_t size = N - 1;
  const char* const p = name.data();
  if constexpr (size >= 4) {
    // Two words, which may overlap.
    return ((four(p) ^ four(lower)) | (four(p + size - 4) ^ four(lower + size - 4))) == 0;
  } else {
    unsigned different = 0;
    for (std::size_t i = 0; i < size; ++i) {
      different |=
          (static_cast<unsigned char>(p[i]) | 0x20U) ^ static_cast<unsigned char>(lower[i]);
    }
    return different == 0;
  }
}

SIPSTACK_INLINE std::string_view* found(std::string_view& slot, std::string_view name,
                                        const char** again = nullptr) noexcept {
  if (slot.data() != nullptr) {
    if (again != nullptr && *again == nullptr) *again = name.data();
    return nullptr;
  }
  slot = {name.data() + name.size(), 0};
  return &slot;
}

SIPSTACK_INLINE std::string_view* known(Via& via, std::string_view name) noexcept {
  switch (name.size()) {
    case 5: return named(name, "rport") ? found(via.known.rport, name) : nullptr;
    case 6:
      return named(name, "branch") ? found(via.known.branch, name, &via.known.again) : nullptr;
    case 8: return named(name, "received") ? found(via.known.received, name) : nullptr;
    default: return nullptr;
  }
}

SIPSTACK_INLINE std::string_view* known(NameAddr& address, std::string_view name) noexcept {
  switch (name.size()) {
    case 1: return named(name, "q") ? found(address.known.q, name) : nullptr;
    case 3:
      return named(name, "tag") ? found(address.known.tag, name, &address.known.again) : nullptr;
    case 7: return named(name, "expires") ? found(address.known.expires, name) : nullptr;
    default: return nullptr;
  }
}

SIPSTACK_INLINE std::string_view* known(Uri& uri, std::string_view name) noexcept {
  switch (name.size()) {
    case 2: return named(name, "lr") ? found(uri.known.lr, name) : nullptr;
    case 9:
      return named(name, "transpor") && (name[8] | 0x20) == 't' ? found(uri.known.transport, name)
                                                                : nullptr;
    default: return nullptr;
  }
}

}  // namespace
}  // namespace sipstack::scan::SIPSTACK_ISA
