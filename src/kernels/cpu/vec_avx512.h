// Sixteen f32 lanes on AVX-512 (F, BW, VL, DQ). Tails are masked: lanes past n read as zero and are not
// written.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace jaju::avx512 {
namespace {

struct V {
  __m512 v;
};
constexpr int kLanes = 16;
// Register tile of a matmul: rows of W times inputs. 24 accumulators of 32 registers.
constexpr int kTileRows = 4;
constexpr int kTileInputs = 6;
// From this many inputs on, weights that are not f8 are widened once and blocked (dot.h).
constexpr int64_t kBlockedInputs = 4;
// And where bf16 is widened as it passes: inputs.
constexpr int kPairInputs = 6;
// And of a weighted sum of rows: inputs, and accumulators at most.
constexpr int kWeighInputs = 6;
constexpr int kWeighAccumulators = 24;

inline __mmask16 first(int64_t n) {
  return static_cast<__mmask16>((1u << n) - 1u);
}

inline V zero() {
  return {_mm512_setzero_ps()};
}
inline V set1(float x) {
  return {_mm512_set1_ps(x)};
}
inline V load(const float* p) {
  return {_mm512_loadu_ps(p)};
}
inline V load_n(const float* p, int64_t n) {
  return {_mm512_maskz_loadu_ps(first(n), p)};
}
inline void store(float* p, V a) {
  _mm512_storeu_ps(p, a.v);
}
inline void store_n(float* p, V a, int64_t n) {
  _mm512_mask_storeu_ps(p, first(n), a.v);
}

inline V add(V a, V b) {
  return {_mm512_add_ps(a.v, b.v)};
}
inline V sub(V a, V b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
inline V mul(V a, V b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
inline V div(V a, V b) {
  return {_mm512_div_ps(a.v, b.v)};
}
inline V fma(V a, V b, V c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
// The second operand where either is NaN.
inline V max(V a, V b) {
  return {_mm512_max_ps(a.v, b.v)};
}
inline V min(V a, V b) {
  return {_mm512_min_ps(a.v, b.v)};
}
inline V round(V a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// a * 2^n for whole n.
inline V scale_by_power(V a, V n) {
  return {_mm512_scalef_ps(a.v, n.v)};
}
// Lanes at n and above become x.
inline V fill_after(V a, int64_t n, float x) {
  return {_mm512_mask_mov_ps(_mm512_set1_ps(x), first(n), a.v)};
}
// Lanes i and i + 8 first, then i + 4, i + 2 and i + 1: the order of sum_tile too.
inline float sum(V a) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
// Four vectors to one: 128 bits of each, lanes i, i + 4, i + 8 and i + 12 added.
inline __m512 fold4(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  const __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
  return _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}
// out[c * stride + a] = sum(acc[a][c]) for four rows, bit for bit. Summing vectors together takes a quarter
// of the shuffles, which is most of the work where rows are short.
template <int C>
inline void sum_tile(const V (&acc)[4][C], float* out, int64_t stride) {
  int c = 0;
  if constexpr (C >= 4) {
    for (; c + 4 <= C; c += 4) {
      __m512 r[4];  // row a: 128 bits per input
      JAJU_UNROLL for (int a = 0; a < 4; ++a) r[a] =
          fold4(acc[a][c].v, acc[a][c + 1].v, acc[a][c + 2].v, acc[a][c + 3].v);
      const __m512 r01 =
          _mm512_add_ps(_mm512_shuffle_ps(r[0], r[1], 0x44), _mm512_shuffle_ps(r[0], r[1], 0xee));
      const __m512 r23 =
          _mm512_add_ps(_mm512_shuffle_ps(r[2], r[3], 0x44), _mm512_shuffle_ps(r[2], r[3], 0xee));
      const __m512 s = _mm512_add_ps(_mm512_shuffle_ps(r01, r23, 0x88), _mm512_shuffle_ps(r01, r23, 0xdd));
      _mm_storeu_ps(out + c * stride, _mm512_castps512_ps128(s));
      _mm_storeu_ps(out + (c + 1) * stride, _mm512_extractf32x4_ps(s, 1));
      _mm_storeu_ps(out + (c + 2) * stride, _mm512_extractf32x4_ps(s, 2));
      _mm_storeu_ps(out + (c + 3) * stride, _mm512_extractf32x4_ps(s, 3));
    }
  }
  for (; c < C; ++c) {
    const __m512 r = fold4(acc[0][c].v, acc[1][c].v, acc[2][c].v, acc[3][c].v);
    const __m512 pairs = _mm512_add_ps(r, _mm512_permute_ps(r, 0x4e));
    const __m512 s = _mm512_add_ps(pairs, _mm512_permute_ps(pairs, 0xb1));
    const __m512i first_of_each = _mm512_castsi128_si512(_mm_setr_epi32(0, 4, 8, 12));
    _mm_storeu_ps(out + c * stride, _mm512_castps512_ps128(_mm512_permutexvar_ps(first_of_each, s)));
  }
}
inline float largest(V a) {
  return _mm512_reduce_max_ps(a.v);
}

inline V widen_bf16(__m256i h) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16))};
}
inline V load_bf16(const uint16_t* p) {
  return widen_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline V load_bf16_n(const uint16_t* p, int64_t n) {
  return widen_bf16(_mm256_maskz_loadu_epi16(first(n), p));
}
// 32 values of bf16: those at even places, and those at odd ones.
inline V load_bf16_even(const uint16_t* p) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16))};
}
inline V load_bf16_odd(const uint16_t* p) {
  const __m512i upper_half = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), upper_half))};
}
// 32 values in their order, to those at even and at odd places, ...
inline void split_pairs(V first, V second, V& even, V& odd) {
  const __m512i at = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  even = {_mm512_permutex2var_ps(first.v, at, second.v)};
  odd = {_mm512_permutex2var_ps(first.v, _mm512_add_epi32(at, _mm512_set1_epi32(1)), second.v)};
}
// ... and back.
inline void join_pairs(V even, V odd, V& first, V& second) {
  const __m512i at = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  first = {_mm512_permutex2var_ps(even.v, at, odd.v)};
  second = {_mm512_permutex2var_ps(even.v, _mm512_add_epi32(at, _mm512_set1_epi32(8)), odd.v)};
}
inline V load_f16(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline V load_f16_n(const uint16_t* p, int64_t n) {
  return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p))};
}

// E4M3 as f16 bits with the exponent 8 too small (bias 15 against 7): exact, subnormals included; 0x7f is
// NaN.
inline V widen_f8(__m128i b) {
  const __m256i wide = _mm256_cvtepu8_epi16(b);
  const __m256i magnitude = _mm256_and_si256(wide, _mm256_set1_epi16(0x7f));
  const __m256i sign = _mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x80)), 8);
  const __mmask16 nan = _mm256_cmpeq_epi16_mask(magnitude, _mm256_set1_epi16(0x7f));
  __m256i half = _mm256_or_si256(_mm256_slli_epi16(magnitude, 7), sign);
  half = _mm256_mask_mov_epi16(half, nan, _mm256_set1_epi16(0x7e00));
  return {_mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256.0f))};
}
inline V load_f8(const uint8_t* p) {
  return widen_f8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline V load_i8(const int8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
inline V load_f8_n(const uint8_t* p, int64_t n) {
  return widen_f8(_mm_maskz_loadu_epi8(first(n), p));
}

}  // namespace
}  // namespace jaju::avx512
