// Products of rows in 16 bits by AVX2: vpmaddwd and an addition. Compiled with the flags of avx2.cc, whose
// rules hold here.
#include <immintrin.h>

#include <limits>
#include <type_traits>

#include "kernels/cpu/int16_dot.h"
#include "kernels/cpu/unroll.h"
#include "kernels/cpu/vec_avx2.h"

namespace jaju::avx2 {
namespace {

// Codes of a vector: of two vectors of values, pairs of lanes change places, so that interleaved codes of two
// rows are in order.
constexpr int64_t kCodes = 2 * kLanes;
// Register tiles: queries of four rows' scores, and heads of two vectors of sums.
constexpr int kTileQueries = 2;
constexpr int kWeighHeads = 4;

using I = __m256i;

inline I no_codes() {
  return _mm256_setzero_si256();
}
inline I codes_at(const int16_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store_codes(int16_t* p, I codes) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), codes);
}
// The two codes at p in every lane.
inline I pair_at(const int16_t* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return _mm256_set1_epi32(pair);
}
// sum + the product of either pair.
inline I dot2(I sum, I a, I b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}
inline V to_float(I a) {
  return {_mm256_cvtepi32_ps(a)};
}
inline I pack(V first, V second) {
  return _mm256_packs_epi32(_mm256_cvtps_epi32(first.v), _mm256_cvtps_epi32(second.v));
}
inline I in_order(I packed) {
  return _mm256_permute4x64_epi64(packed, 0xd8);
}
// Of two packed rows, pairs of one code of each: those of the first vector, and those of the second.
inline void interleave(I a, I b, I (&pairs)[2]) {
  pairs[0] = _mm256_unpacklo_epi16(a, b);
  pairs[1] = _mm256_unpackhi_epi16(a, b);
}

// Magnitudes as numbers without sign: what is not finite is larger than all else.
inline I magnitudes(V a) {
  return _mm256_and_si256(_mm256_castps_si256(a.v), _mm256_set1_epi32(0x7fffffff));
}
inline I larger(I a, I b) {
  return _mm256_max_epi32(a, b);
}
inline float largest_of(I magnitudes) {
  __m128i half = _mm_max_epi32(_mm256_castsi256_si128(magnitudes), _mm256_extracti128_si256(magnitudes, 1));
  half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  return _mm_cvtss_f32(_mm_castsi128_ps(half));
}
inline float largest_magnitude(const uint16_t* values, int64_t n) {
  const I magnitude = _mm256_set1_epi16(0x7fff);
  I top = no_codes();
  for (int64_t k = 0; k < n; k += kCodes) {
    const I bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + k));
    top = _mm256_max_epu16(top, _mm256_and_si256(bits, magnitude));
  }
  const __m128i half = _mm_max_epu16(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
  const __m128i least = _mm_minpos_epu16(_mm_xor_si128(half, _mm_set1_epi16(-1)));
  const int largest = ~_mm_extract_epi16(least, 0) & 0xffff;
  return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(largest << 16)));
}

#include "kernels/cpu/int16_tile.h"

}  // namespace
}  // namespace jaju::avx2

namespace jaju::int16dot {

extern const Kernels kAvx2 = {avx2::round_row,     avx2::round_bf16_row, avx2::round_in_order,
                              avx2::round_columns, avx2::round_weights,  avx2::dot,
                              avx2::weigh};

}  // namespace jaju::int16dot
