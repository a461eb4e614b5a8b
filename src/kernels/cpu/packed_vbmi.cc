// Unpacks q4i by one lookup in 128 bytes (AVX-512 VBMI), where packed_vnni.cc alone takes a lookup of 16 and
// two multiplications of words.
#include <immintrin.h>

#include <array>

#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/unroll.h"

namespace jaju::packed_vbmi {
namespace {

using I = __m512i;

// Level times size, to which kAdded is added, by size << 4 | level; the sizes of positive sign.
template <int kAdded>
constexpr std::array<uint8_t, 128> kProducts = [] {
  std::array<uint8_t, 128> out{};
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<uint8_t>(kQ4iLevels[i % 16] * kQ4iSizes[i / 16] + kAdded);
  }
  return out;
}();
constexpr bool signs_are_bit_3() {
  for (size_t i = 0; i < 8; ++i) {
    if (kQ4iSizes[i] <= 0 || kQ4iSizes[i + 8] != -kQ4iSizes[i]) return false;
  }
  return true;
}
static_assert(signs_are_bit_3());
static_assert(packed_dot::kAdded == 128);  // then 128 - x is minus (128 + x), in bytes

template <int kAdded>
inline void unpack(const std::byte* block, std::byte* to) {
  const I low = _mm512_loadu_si512(kProducts<kAdded>.data());
  const I high = _mm512_loadu_si512(kProducts<kAdded>.data() + 64);
  const I low_nibbles = _mm512_set1_epi8(15);
  const I sizes = _mm512_loadu_si512(block);
  JAJU_UNROLL for (int half = 0; half < 2; ++half) {
    // The byte with a row's two sizes, four times.
    const int at = 2 + half;
    const I spread =
        _mm512_broadcast_i32x4(_mm_add_epi8(_mm_set_epi8(12, 12, 12, 12, 8, 8, 8, 8, 4, 4, 4, 4, 0, 0, 0, 0),
                                            _mm_set1_epi8(static_cast<char>(at))));
    const I both = _mm512_shuffle_epi8(sizes, spread);
    JAJU_UNROLL for (int odd = 0; odd < 2; ++odd) {
      const I size = odd == 0 ? _mm512_slli_epi16(both, 4) : both;
      const __mmask64 minus = _mm512_movepi8_mask(size);
      JAJU_UNROLL for (int s = 0; s < 4; ++s) {
        const I codes = _mm512_loadu_si512(block + 64 + half * (4 * 64) + 64 * s);
        // The lookup leaves out bit 7.
        const I number = _mm512_ternarylogic_epi32(
            low_nibbles, odd == 0 ? codes : _mm512_srli_epi16(codes, 4), size, 0xca);
        const I product = _mm512_permutex2var_epi8(low, number, high);
        _mm512_store_si512(to + 64 * (8 * half + 4 * odd + s),
                           _mm512_mask_sub_epi8(product, minus, _mm512_setzero_si512(), product));
      }
    }
  }
}

}  // namespace

void unpack_products(const std::byte* block, std::byte* to) {
  unpack<packed_dot::kAdded>(block, to);
}

void unpack_signed_products(const std::byte* block, std::byte* to) {
  unpack<0>(block, to);
}

}  // namespace jaju::packed_vbmi
