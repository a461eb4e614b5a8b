// Packed products by AVX-512 VNNI: four products of bytes a lane, added to int32 at once. A panel's 16 rows
// are the 16 lanes. Weights become unsigned by adding 128 or 46, which the sums start out without.
#include <immintrin.h>
#include <unistd.h>

#include <array>

#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/unroll.h"

namespace jaju::packed_vnni {
namespace {

using F = __m512;
using I = __m512i;
constexpr int kLanes = 16;
// Register tile: 16 accumulators, 8 vectors of weights; two panels share an input's broadcast.
constexpr int kTileUnits = 2;
constexpr int kTileInputs = 8;
constexpr int64_t kFewInputs = 8;
constexpr int64_t kFewInputsOfTwo = 8;
template <int U, int C>
constexpr bool kHoldsGroup = true;

inline I bytes_at(const std::byte* p) {
  return _mm512_loadu_si512(p);
}
inline void store_bytes(std::byte* p, I a) {
  _mm512_store_si512(p, a);
}
inline F zero() {
  return _mm512_setzero_ps();
}
inline F load(const float* p) {
  return _mm512_load_ps(p);
}
inline void store(float* p, F a) {
  _mm512_store_ps(p, a);
}
inline void store_anywhere(float* p, F a) {
  _mm512_storeu_ps(p, a);
}
inline void store_n(float* p, F a, int64_t n) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), a);
}
inline F set(const std::byte* p) {
  return _mm512_loadu_ps(p);
}
inline F set1(const std::byte* p) {
  float x;
  __builtin_memcpy(&x, p, sizeof x);
  return _mm512_set1_ps(x);
}
inline F mul(F a, F b) {
  return _mm512_mul_ps(a, b);
}
inline F fma(F a, F b, F c) {
  return _mm512_fmadd_ps(a, b, c);
}
inline F to_float(I a) {
  return _mm512_cvtepi32_ps(a);
}
inline I four_codes(const std::byte* p) {
  int32_t codes;
  __builtin_memcpy(&codes, p, sizeof codes);
  return _mm512_set1_epi32(codes);
}
// What 16 bytes of scales stand for (packed.h).
template <Scheme S>
inline F scales(const std::byte* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  if constexpr (S == Scheme::mxfp4) {  // 2^-127 has no exponent of its own
    const I exponents = _mm512_slli_epi32(_mm512_cvtepu8_epi32(bytes), 23);
    return _mm512_castsi512_ps(_mm512_max_epi32(exponents, _mm512_set1_epi32(0x00400000)));
  } else if constexpr (S == Scheme::nvfp4) {  // f16 has the same bits below an exponent 8 larger
    const F s = _mm512_cvtph_ps(_mm256_slli_epi16(_mm256_cvtepu8_epi16(bytes), 7));
    return _mm512_mul_ps(s, _mm512_set1_ps(256));
  } else if constexpr (has_trellis(S)) {
    const I both = _mm512_cvtepi8_epi32(bytes);
    const F size = _mm512_cvtepi32_ps(_mm512_and_si512(both, _mm512_set1_epi32(15)));
    const I sign = _mm512_and_si512(both, _mm512_set1_epi32(INT32_MIN));
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(_mm512_mul_ps(size, size)), sign));
  } else {
    const F s = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
    return _mm512_mul_ps(s, _mm512_abs_ps(s));
  }
}

inline void round_to_codes(const float* values, float factor, int8_t* codes) {
  const F by = _mm512_set1_ps(factor);
  for (int64_t c = 0; c < packed_dot::kPieceCols; c += 16) {
    const I whole = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_load_ps(values + c), by));
    _mm_store_si128(reinterpret_cast<__m128i*>(codes + c), _mm512_cvtsepi32_epi8(whole));
  }
}

inline I dpbusd(I sum, I unsigned_bytes, I signed_bytes) {
  return _mm512_dpbusd_epi32(sum, unsigned_bytes, signed_bytes);
}

// Unsigned weights of a step.
template <bool Q6>
struct Step {
  I weights;
  I add(I sum, I codes) const { return dpbusd(sum, weights, codes); }
  static I start(const std::byte* in, int64_t group) {
    return four_codes(in + (Q6 ? packed_dot::kQ6OffsetsAt : packed_dot::kOffsetsAt) + 4 * group);
  }
};

// q4i, see packed_levels.h.
struct Levels {
  I weights;
  I add(I sum, I codes) const { return dpbusd(sum, weights, codes); }
  static I start(const std::byte* in, int64_t group) {
    static_assert(packed_dot::kAdded == packed_dot::kLevelAdded << 3);
    return _mm512_srai_epi32(four_codes(in + packed_dot::kOffsetsAt + 4 * group), 3);
  }
};
// The sum has 16 bits, and a 0 beside the size takes what extends its sign.
inline I widen(I sum, I of_group, I size) {
  return _mm512_dpwssd_epi32(sum, of_group, size);
}
inline I sizes_table() {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kQ4iSizes.data())));
}
struct RowScales {
  I bits;
  I size(int g) const {
    // Its number to the second byte; the others have the bit that makes a 0.
    const I number = _mm512_ternarylogic_epi32(_mm512_srli_epi32(bits, 8 + 4 * g), _mm512_set1_epi32(0xf00),
                                               _mm512_set1_epi32(static_cast<int>(0x80800080)), 0xea);
    return _mm512_shuffle_epi8(sizes_table(), number);
  }
  F block() const {
    const I whole = _mm512_and_si512(bits, _mm512_set1_epi32(0xffff));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(whole), _mm512_set1_ps(0x1p-8f));
  }
  // The sizes themselves in all bytes of a row.
  I size_in_bytes(int g) const {
    const I number = _mm512_and_si512(_mm512_srli_epi32(bits, 16 + 4 * g), _mm512_set1_epi32(15));
    const I first = _mm512_broadcast_i32x4(_mm_set_epi8(12, 12, 12, 12, 8, 8, 8, 8, 4, 4, 4, 4, 0, 0, 0, 0));
    return _mm512_shuffle_epi8(sizes_table(), _mm512_shuffle_epi8(number, first));
  }
};

// Low or high nibbles of the vectors of a half, group 0 and 1 of it.
inline I nibbles(const std::byte* half, int s, int high) {
  const I both = bytes_at(half + 64 * s);
  return _mm512_and_si512(high != 0 ? _mm512_srli_epi16(both, 4) : both, _mm512_set1_epi8(15));
}

// A table of values that 128 or so is added to, in every lane.
constexpr std::array<uint8_t, 16> unsigned_values(const std::array<int8_t, 16>& values,
                                                  int added = packed_dot::kAdded) {
  std::array<uint8_t, 16> out{};
  for (size_t i = 0; i < 16; ++i) out[i] = static_cast<uint8_t>(values[i] + added);
  return out;
}
// Bit `bit` of each byte where bit 3 is.
inline I q3_high_bit(I a, int bit) {
  return bit < 3 ? _mm512_slli_epi16(a, 3 - bit) : _mm512_srli_epi16(a, bit - 3);
}

template <Scheme S>
constexpr auto kTable = unsigned_values(S == Scheme::q4   ? kQ4Values
                                        : S == Scheme::q3 ? kQ3Values
                                        : S == Scheme::q2 ? kQ2Values
                                                          : kFp4Values);
template <>
constexpr auto kTable<Scheme::q4i> = unsigned_values(kQ4iLevels, packed_dot::kLevelAdded);
template <Scheme S>
inline I table() {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kTable<S>.data())));
}

// The offsets of a group's rows, each in the four bytes of its row.
template <Scheme S>
inline I offsets(const std::byte* scales_of_group) {
  constexpr const std::array<int8_t, 8>& kOffsets = S == Scheme::q3 ? kQ3Offsets : kQ2Offsets;
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(scales_of_group));
  const __m128i number = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(7));
  const __m128i of_rows =
      _mm_shuffle_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kOffsets.data())), number);
  const I spread = _mm512_set_epi32(0x0f0f0f0f, 0x0e0e0e0e, 0x0d0d0d0d, 0x0c0c0c0c, 0x0b0b0b0b, 0x0a0a0a0a,
                                    0x09090909, 0x08080808, 0x07070707, 0x06060606, 0x05050505, 0x04040404,
                                    0x03030303, 0x02020202, 0x01010101, 0x00000000);
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(of_rows), spread);
}

// Step s of group g of a block. q6, from codes, which are u + 32: max(code - 50, 0) + code + min(code, 14) =
// 2 u - clamp(u, -18, 18) + 46.
template <Scheme S>
inline I unpack_step(const std::byte* block, int, int g, int s) {
  if constexpr (S == Scheme::q8) {
    return bytes_at(block + 64 + 64 * (4 * g + s));
  } else if constexpr (S == Scheme::q4 || S == Scheme::q4i || is_fp4(S)) {
    return _mm512_shuffle_epi8(table<S>(), nibbles(block + 64 + g / 2 * (4 * 64), s, g % 2));
  } else if constexpr (S == Scheme::q2) {
    const I ring = bytes_at(block + 64 + 64 * g);
    const I code = s == 0 ? _mm512_rol_epi32(ring, 2) : s == 1 ? ring : _mm512_srli_epi16(ring, 2 * s - 2);
    return _mm512_add_epi8(_mm512_shuffle_epi8(table<S>(), _mm512_and_si512(code, _mm512_set1_epi8(15))),
                           offsets<S>(block + 16 * g));
  } else if constexpr (S == Scheme::q3) {
    const I ring = bytes_at(block + 64 + 64 * g);
    const I low = s == 0 ? _mm512_rol_epi32(ring, 1) : _mm512_srli_epi16(ring, 2 * s - 1);
    const I high = q3_high_bit(bytes_at(block + 64 + 4 * 64 + 64 * (g / 2)), 4 * (g % 2) + s);
    // Three bits of the one, the others of the other.
    const I both = _mm512_ternarylogic_epi32(_mm512_set1_epi8(7), low, high, 0xca);
    return _mm512_add_epi8(_mm512_shuffle_epi8(table<S>(), _mm512_and_si512(both, _mm512_set1_epi8(15))),
                           offsets<S>(block + 16 * g));
  } else {
    const std::byte* const half = block + 64 + g / 2 * (6 * 64);
    const I high = bytes_at(half + 4 * 64 + g % 2 * 64);
    const I high_bits = s < 2 ? _mm512_slli_epi16(high, 4 - 2 * s) : _mm512_srli_epi16(high, 2 * s - 4);
    const I code =
        _mm512_or_si512(nibbles(half, s, g % 2), _mm512_and_si512(high_bits, _mm512_set1_epi8(0x30)));
    const I above = _mm512_subs_epu8(code, _mm512_set1_epi8(32 + kQ6Knee));
    const I below = _mm512_min_epu8(code, _mm512_set1_epi8(32 - kQ6Knee));
    return _mm512_add_epi8(_mm512_add_epi8(code, above), below);
  }
}

#include "kernels/cpu/packed_levels.h"

// With many inputs q4i's levels are multiplied by their sizes when they are unpacked: sixteen steps of a
// block as products, to which 128 is added, and the scales.
template <>
struct WideSource<Scheme::q4i> : Wide {
  static constexpr int64_t kBytes = 16 * 64 + 64;

  // Signed.
  static void products(const PackedSource<Scheme::q4i>& from, int64_t b, int g, I (&out)[4]) {
    const I size = from.row_scales(0, b).size_in_bytes(g);
    const I odd = _mm512_set1_epi16(static_cast<short>(0xff00));
    const I signed_levels =
        _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kQ4iLevels.data())));
    JAJU_UNROLL for (int s = 0; s < 4; ++s) {
      const I levels =
          _mm512_shuffle_epi8(signed_levels, nibbles(from.block(0, b) + 64 + g / 2 * (4 * 64), s, g % 2));
      // A product of words is one of bytes in its low byte, and in its high one if the low factor is 0.
      const I low = _mm512_mullo_epi16(levels, size);
      const I high = _mm512_mullo_epi16(_mm512_and_si512(levels, odd), size);
      out[s] = _mm512_ternarylogic_epi32(odd, high, low, 0xca);
    }
  }
  static bool has_vbmi() {
    static const bool has = __builtin_cpu_supports("avx512vbmi") != 0;
    return has;
  }
  static void unpack(const PackedSource<Scheme::q4i>& from, int64_t b, std::byte* to) {
    store(reinterpret_cast<float*>(to + 16 * 64),
          _mm512_mul_ps(from.block_scale(0, b), _mm512_set1_ps(0x1p8f)));
    if (has_vbmi()) return packed_vbmi::unpack_products(from.block(0, b), to);
    JAJU_UNROLL for (int g = 0; g < 4; ++g) {
      I steps[4];
      products(from, b, g, steps);
      JAJU_UNROLL for (int s = 0; s < 4; ++s) {
        store_bytes(to + 64 * (4 * g + s), _mm512_xor_si512(steps[s], _mm512_set1_epi8(-128)));
      }
    }
  }

  const std::byte* block(int unit, int64_t b) const {
    return first + unit * unit_bytes + (b - first_block) * kBytes;
  }
};

#include "kernels/cpu/packed_products.h"
#include "kernels/cpu/packed_tile.h"

}  // namespace

void unpack_blocks(const std::byte* panel, int64_t b0, int64_t b1, std::byte* to) {
  using Products = WideSource<Scheme::q4i>;
  const PackedSource<Scheme::q4i> source{panel, 0, 0};
  for (int64_t b = b0; b < b1; ++b, to += Products::kBytes) {
    store(reinterpret_cast<float*>(to + 16 * 64),
          _mm512_mul_ps(source.block_scale(0, b), _mm512_set1_ps(0x1p8f)));
    if (Products::has_vbmi()) {
      packed_vbmi::unpack_signed_products(source.block(0, b), to);
      continue;
    }
    JAJU_UNROLL for (int g = 0; g < 4; ++g) {
      I steps[4];
      Products::products(source, b, g, steps);
      JAJU_UNROLL for (int s = 0; s < 4; ++s) store_bytes(to + 64 * (4 * g + s), steps[s]);
    }
  }
}

extern const packed_dot::Kernels kKernels = {quantize_row, dot_panels};

}  // namespace jaju::packed_vnni
