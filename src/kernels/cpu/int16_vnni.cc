// Products of rows in 16 bits by AVX-512 VNNI: vpdpwssd. Compiled with its own flags; call only where the CPU
// has it.
#include <immintrin.h>

#include <limits>
#include <type_traits>

#include "kernels/cpu/int16_dot.h"
#include "kernels/cpu/unroll.h"
#include "kernels/cpu/vec_avx512.h"

namespace jaju::avx512 {
namespace {

// Codes of a vector: of two vectors of values, pairs of lanes change places, so that interleaved codes of two
// rows are in order.
constexpr int64_t kCodes = 2 * kLanes;
// Register tiles: queries of four rows' scores, and heads of two vectors of sums.
constexpr int kTileQueries = 4;
constexpr int kWeighHeads = 8;

using I = __m512i;

inline I no_codes() {
  return _mm512_setzero_si512();
}
inline I codes_at(const int16_t* p) {
  return _mm512_loadu_si512(p);
}
inline void store_codes(int16_t* p, I codes) {
  _mm512_storeu_si512(p, codes);
}
// The two codes at p in every lane.
inline I pair_at(const int16_t* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return _mm512_set1_epi32(pair);
}
// sum + the product of either pair.
inline I dot2(I sum, I a, I b) {
  return _mm512_dpwssd_epi32(sum, a, b);
}
inline V to_float(I a) {
  return {_mm512_cvtepi32_ps(a)};
}
inline I pack(V first, V second) {
  return _mm512_packs_epi32(_mm512_cvtps_epi32(first.v), _mm512_cvtps_epi32(second.v));
}
inline I in_order(I packed) {
  return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), packed);
}
// Of two packed rows, pairs of one code of each: those of the first vector, and those of the second.
inline void interleave(I a, I b, I (&pairs)[2]) {
  pairs[0] = _mm512_unpacklo_epi16(a, b);
  pairs[1] = _mm512_unpackhi_epi16(a, b);
}

// Magnitudes as numbers without sign: what is not finite is larger than all else.
inline I magnitudes(V a) {
  return _mm512_and_si512(_mm512_castps_si512(a.v), _mm512_set1_epi32(0x7fffffff));
}
inline I larger(I a, I b) {
  return _mm512_max_epi32(a, b);
}
inline float largest_of(I magnitudes) {
  return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(_mm512_reduce_max_epi32(magnitudes))));
}
inline float largest_magnitude(const uint16_t* values, int64_t n) {
  const I magnitude = _mm512_set1_epi16(0x7fff);
  I top = no_codes();
  for (int64_t k = 0; k < n; k += kCodes) {
    top = _mm512_max_epu16(top, _mm512_and_si512(_mm512_loadu_si512(values + k), magnitude));
  }
  const __m256i half = _mm256_max_epu16(_mm512_castsi512_si256(top), _mm512_extracti64x4_epi64(top, 1));
  const __m128i quarter = _mm_max_epu16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  const __m128i least = _mm_minpos_epu16(_mm_xor_si128(quarter, _mm_set1_epi16(-1)));
  const int largest = ~_mm_extract_epi16(least, 0) & 0xffff;
  return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(largest << 16)));
}

#include "kernels/cpu/int16_tile.h"

}  // namespace
}  // namespace jaju::avx512

namespace jaju::int16dot {

extern const Kernels kVnni = avx512::kTable;

}  // namespace jaju::int16dot
