// Packed products by AVX2: pairs of products of bytes in int16, pairs of those in int32. Two halves of a
// panel, eight rows each. One factor of such a product is unsigned, and a pair must stay below 2^15: q6 adds
// 46 to weights, at most 90 * 127 * 2; the others take the magnitude of the weight (at most 127 * 127 * 2),
// the input taking its sign.
#include <immintrin.h>
#include <unistd.h>

#include <array>

#include "kernels/cpu/packed_dot.h"
#include "kernels/cpu/unroll.h"

namespace jaju::packed_avx2 {
namespace {

using F = __m256;
using I = __m256i;
constexpr int kLanes = 8;
// Register tile: four inputs of one half of a panel; for one input both halves pass at once, so that memory
// is read all the time.
constexpr int kTileUnits = 1;
constexpr int kTileInputs = 4;
constexpr int64_t kFewInputs = 4;
constexpr int64_t kFewInputsOfTwo = 1;
// So many inputs are worth keeping a group's weights, some of them in memory then.
constexpr int kHoldsGroupFrom = 2;

inline I bytes_at(const std::byte* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store_bytes(std::byte* p, I a) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(p), a);
}
inline F zero() {
  return _mm256_setzero_ps();
}
inline F load(const float* p) {
  return _mm256_load_ps(p);
}
inline void store(float* p, F a) {
  _mm256_store_ps(p, a);
}
inline void store_anywhere(float* p, F a) {
  _mm256_storeu_ps(p, a);
}
inline void store_n(float* p, F a, int64_t n) {
  const I lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane), a);
}
inline F set(const std::byte* p) {
  return _mm256_loadu_ps(reinterpret_cast<const float*>(p));
}
inline F set1(const std::byte* p) {
  float x;
  __builtin_memcpy(&x, p, sizeof x);
  return _mm256_set1_ps(x);
}
inline F mul(F a, F b) {
  return _mm256_mul_ps(a, b);
}
inline F fma(F a, F b, F c) {
  return _mm256_fmadd_ps(a, b, c);
}
inline F to_float(I a) {
  return _mm256_cvtepi32_ps(a);
}
inline I four_codes(const std::byte* p) {
  int32_t codes;
  __builtin_memcpy(&codes, p, sizeof codes);
  return _mm256_set1_epi32(codes);
}
// What 8 bytes of scales stand for (packed.h).
template <Scheme S>
inline F scales(const std::byte* p) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  if constexpr (S == Scheme::mxfp4) {  // 2^-127 has no exponent of its own
    const I exponents = _mm256_slli_epi32(_mm256_cvtepu8_epi32(bytes), 23);
    return _mm256_castsi256_ps(_mm256_max_epi32(exponents, _mm256_set1_epi32(0x00400000)));
  } else if constexpr (S == Scheme::nvfp4) {  // f16 has the same bits below an exponent 8 larger
    const F s = _mm256_cvtph_ps(_mm_slli_epi16(_mm_cvtepu8_epi16(bytes), 7));
    return _mm256_mul_ps(s, _mm256_set1_ps(256));
  } else if constexpr (has_trellis(S)) {
    const I both = _mm256_cvtepi8_epi32(bytes);
    const F size = _mm256_cvtepi32_ps(_mm256_and_si256(both, _mm256_set1_epi32(15)));
    const F sign = _mm256_and_ps(_mm256_castsi256_ps(both), _mm256_set1_ps(-0.0f));
    return _mm256_or_ps(_mm256_mul_ps(size, size), sign);
  } else {
    const F s = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
    return _mm256_mul_ps(s, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), s));
  }
}

inline void round_to_codes(const float* values, float factor, int8_t* codes) {
  const F by = _mm256_set1_ps(factor);
  for (int64_t c = 0; c < packed_dot::kPieceCols; c += 8) {
    const I whole = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_load_ps(values + c), by));
    const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(codes + c), _mm_packs_epi16(halves, halves));
  }
}

inline I add_pairs(I sum, I unsigned_bytes, I signed_bytes) {
  const I pairs = _mm256_maddubs_epi16(unsigned_bytes, signed_bytes);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// Weights of a step, eight rows.
template <bool Q6>
struct Step {
  I weights;
  I add(I sum, I codes) const {
    return add_pairs(sum, _mm256_abs_epi8(weights), _mm256_sign_epi8(codes, weights));
  }
  static I start(const std::byte*, int64_t) { return _mm256_setzero_si256(); }
};
// With 46 added.
template <>
struct Step<true> {
  I weights;
  I add(I sum, I codes) const { return add_pairs(sum, weights, codes); }
  static I start(const std::byte* in, int64_t group) {
    return four_codes(in + packed_dot::kQ6OffsetsAt + 4 * group);
  }
};

// q4i, see packed_levels.h: sums of 8 columns in each half of 32 bits, at most 8 * (15 + 16) * 127. What was
// added to levels is taken off with the sizes at once.
struct Levels {
  I weights;
  I add(I sum, I codes) const { return _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights, codes)); }
  static I start(const std::byte*, int64_t) { return _mm256_setzero_si256(); }
};
static_assert(8 * (kQ4iMostLevel + packed_dot::kLevelAdded) * 127 < 1 << 15);
inline I block_start(const I (&sizes)[4], const std::byte* in, int64_t block) {
  const std::byte* const offsets = in + packed_dot::kLevelOffsetsAt + 8 * block;
  const I low = _mm256_madd_epi16(_mm256_blend_epi16(sizes[0], sizes[1], 0xaa), four_codes(offsets));
  const I high = _mm256_madd_epi16(_mm256_blend_epi16(sizes[2], sizes[3], 0xaa), four_codes(offsets + 4));
  return _mm256_add_epi32(low, high);
}
inline I widen(I sum, I of_group, I size) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(of_group, size));
}
struct RowScales {
  I bits;
  // In both halves.
  I size(int g) const {
    const I of_groups = _mm256_shuffle_epi8(
        bits,
        _mm256_broadcastsi128_si256(_mm_set_epi8(15, 14, 15, 14, 11, 10, 11, 10, 7, 6, 7, 6, 3, 2, 3, 2)));
    const I shifted =
        g < 2 ? _mm256_slli_epi16(of_groups, 8 - 4 * g) : _mm256_srli_epi16(of_groups, 4 * g - 8);
    // Their numbers in the upper bytes; the lower ones have the bit that makes a 0.
    const I number =
        _mm256_or_si256(_mm256_and_si256(shifted, _mm256_set1_epi16(0xf00)), _mm256_set1_epi16(0x80));
    const I table =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kQ4iSizes.data())));
    return _mm256_shuffle_epi8(table, number);
  }
  F block() const {
    const I whole = _mm256_and_si256(bits, _mm256_set1_epi32(0xffff));
    return _mm256_mul_ps(_mm256_cvtepi32_ps(whole), _mm256_set1_ps(0x1p-8f));
  }
};

// Low or high nibbles of the vectors of a half, group 0 and 1 of it.
inline I nibbles(const std::byte* half, int part, int s, int high) {
  const I both = bytes_at(half + 64 * s + 4 * part);
  return _mm256_and_si256(high != 0 ? _mm256_srli_epi16(both, 4) : both, _mm256_set1_epi8(15));
}

constexpr std::array<int8_t, 16> unsigned_levels() {
  std::array<int8_t, 16> out = kQ4iLevels;
  for (int8_t& level : out) level = static_cast<int8_t>(level + packed_dot::kLevelAdded);
  return out;
}
constexpr std::array<int8_t, 16> kUnsignedLevels = unsigned_levels();
template <Scheme S>
inline I table() {
  constexpr const std::array<int8_t, 16>& kValues = S == Scheme::q4    ? kQ4Values
                                                    : S == Scheme::q4i ? kUnsignedLevels
                                                    : S == Scheme::q3  ? kQ3Values
                                                    : S == Scheme::q2  ? kQ2Values
                                                                       : kFp4Values;
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kValues.data())));
}

// The offsets of a group's rows from `part` on, each in the four bytes of its row.
template <Scheme S>
inline I offsets(const std::byte* scales_of_rows) {
  constexpr const std::array<int8_t, 8>& kOffsets = S == Scheme::q3 ? kQ3Offsets : kQ2Offsets;
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales_of_rows));
  const __m128i number = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(7));
  const __m128i of_rows =
      _mm_shuffle_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kOffsets.data())), number);
  const I spread = _mm256_set_epi32(0x07070707, 0x06060606, 0x05050505, 0x04040404, 0x03030303, 0x02020202,
                                    0x01010101, 0x00000000);
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(of_rows), spread);
}

// Bit `bit` of each byte where bit 3 is.
inline I q3_high_bit(I a, int bit) {
  return bit < 3 ? _mm256_slli_epi16(a, 3 - bit) : _mm256_srli_epi16(a, bit - 3);
}

// The bits of a row turned round in its four bytes.
template <int Left>
inline I turn(I a) {
  return _mm256_or_si256(_mm256_slli_epi32(a, Left), _mm256_srli_epi32(a, 32 - Left));
}
// Step s of group g of a block, from row `part` on. q6, from codes, which are u + 32: max(code - 50, 0) +
// code
// + min(code, 14) = 2 u - clamp(u, -18, 18) + 46.
template <Scheme S>
inline I unpack_step(const std::byte* block, int part, int g, int s) {
  if constexpr (S == Scheme::q8) {
    const I code = bytes_at(block + 64 + 64 * (4 * g + s) + 4 * part);
    return _mm256_xor_si256(code, _mm256_set1_epi8(-128));  // code - 128
  } else if constexpr (S == Scheme::q4 || S == Scheme::q4i || is_fp4(S)) {
    const std::byte* const half = block + 64 + g / 2 * (4 * 64);
    return _mm256_shuffle_epi8(table<S>(), nibbles(half, part, s, g % 2));
  } else if constexpr (S == Scheme::q2) {
    const I ring = bytes_at(block + 64 + 64 * g + 4 * part);
    const I code = s == 0 ? turn<2>(ring) : s == 1 ? ring : _mm256_srli_epi16(ring, 2 * s - 2);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table<S>(), _mm256_and_si256(code, _mm256_set1_epi8(15))),
                           offsets<S>(block + 16 * g + part));
  } else if constexpr (S == Scheme::q3) {
    const I ring = bytes_at(block + 64 + 64 * g + 4 * part);
    const I high = q3_high_bit(bytes_at(block + 64 + 4 * 64 + 64 * (g / 2) + 4 * part), 4 * (g % 2) + s);
    const I low = s == 0 ? turn<1>(ring) : _mm256_srli_epi16(ring, 2 * s - 1);
    const I code = _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi8(7)),
                                   _mm256_and_si256(high, _mm256_set1_epi8(8)));
    return _mm256_add_epi8(_mm256_shuffle_epi8(table<S>(), code), offsets<S>(block + 16 * g + part));
  } else {
    const std::byte* const half = block + 64 + g / 2 * (6 * 64);
    const I high = bytes_at(half + 4 * 64 + g % 2 * 64 + 4 * part);
    const I high_bits = s < 2 ? _mm256_slli_epi16(high, 4 - 2 * s) : _mm256_srli_epi16(high, 2 * s - 4);
    const I code =
        _mm256_or_si256(nibbles(half, part, s, g % 2), _mm256_and_si256(high_bits, _mm256_set1_epi8(0x30)));
    const I above = _mm256_subs_epu8(code, _mm256_set1_epi8(32 + kQ6Knee));
    const I below = _mm256_min_epu8(code, _mm256_set1_epi8(32 - kQ6Knee));
    return _mm256_add_epi8(_mm256_add_epi8(code, above), below);
  }
}

#include "kernels/cpu/packed_levels.h"

// q4i's levels of a block, its sizes and its scales.
template <>
struct WideSource<Scheme::q4i> : Wide {
  static constexpr int64_t kSizesAt = 16 * 32;
  static constexpr int64_t kBlockScaleAt = kSizesAt + 4 * 32;
  static constexpr int64_t kBytes = kBlockScaleAt + 32;

  static void unpack(const PackedSource<Scheme::q4i>& from, int64_t b, std::byte* to) {
    I sizes[4];
    JAJU_UNROLL for (int g = 0; g < 4; ++g) sizes[g] = from.size(0, b, g);
    const F scale = from.block_scale(0, b);
    JAJU_UNROLL for (int g = 0; g < 4; ++g) {
      I steps[4];
      JAJU_UNROLL for (int s = 0; s < 4; ++s) steps[s] = from.levels(0, b, g, s).weights;
      JAJU_UNROLL for (int s = 0; s < 4; ++s) store_bytes(to + 32 * (4 * g + s), steps[s]);
      store_bytes(to + kSizesAt + 32 * g, sizes[g]);
    }
    store(reinterpret_cast<float*>(to + kBlockScaleAt), scale);
  }

  const std::byte* block(int unit, int64_t b) const {
    return first + unit * unit_bytes + (b - first_block) * kBytes;
  }
  Levels levels(int unit, int64_t b, int g, int s) const {
    return {bytes_at(block(unit, b) + 32 * (4 * g + s))};
  }
  I size(int unit, int64_t b, int g) const { return bytes_at(block(unit, b) + kSizesAt + 32 * g); }
  F block_scale(int unit, int64_t b) const { return set(block(unit, b) + kBlockScaleAt); }
};

template <int U, int C>
inline void add_block(const WideSource<Scheme::q4i>& from, int64_t b, int64_t b_in_piece,
                      const std::byte* const (&in)[C], F (&acc)[U][C]) {
  add_block_by_levels(from, b, b_in_piece, in, acc);
}

#include "kernels/cpu/packed_tile.h"

}  // namespace

extern const packed_dot::Kernels kKernels = {quantize_row, dot_panels};

}  // namespace jaju::packed_avx2
