// Eight f32 lanes on AVX2 with FMA and F16C. Lanes past n read as zero and are not written.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace jaju::avx2 {
namespace {

struct V {
  __m256 v;
};
constexpr int kLanes = 8;
// Register tile of a matmul: rows of W times inputs. 12 accumulators of 16 registers.
constexpr int kTileRows = 4;
constexpr int kTileInputs = 3;
// From this many inputs on, weights that are not f8 are widened once and blocked (dot.h).
constexpr int64_t kBlockedInputs = 12;
// And where bf16 is widened as it passes: inputs.
constexpr int kPairInputs = 2;
// And of a weighted sum of rows: inputs, and accumulators at most.
constexpr int kWeighInputs = 6;
constexpr int kWeighAccumulators = 12;

inline __m256i first(int64_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}

inline V zero() {
  return {_mm256_setzero_ps()};
}
inline V set1(float x) {
  return {_mm256_set1_ps(x)};
}
inline V load(const float* p) {
  return {_mm256_loadu_ps(p)};
}
inline V load_n(const float* p, int64_t n) {
  return {_mm256_maskload_ps(p, first(n))};
}
inline void store(float* p, V a) {
  _mm256_storeu_ps(p, a.v);
}
inline void store_n(float* p, V a, int64_t n) {
  _mm256_maskstore_ps(p, first(n), a.v);
}

inline V add(V a, V b) {
  return {_mm256_add_ps(a.v, b.v)};
}
inline V sub(V a, V b) {
  return {_mm256_sub_ps(a.v, b.v)};
}
inline V mul(V a, V b) {
  return {_mm256_mul_ps(a.v, b.v)};
}
inline V div(V a, V b) {
  return {_mm256_div_ps(a.v, b.v)};
}
inline V fma(V a, V b, V c) {
  return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
// The second operand where either is NaN.
inline V max(V a, V b) {
  return {_mm256_max_ps(a.v, b.v)};
}
inline V min(V a, V b) {
  return {_mm256_min_ps(a.v, b.v)};
}
inline V round(V a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// a * 2^n for whole n in [-126, 127].
inline V scale_by_power(V a, V n) {
  const __m256i bits =
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127)), 23);
  return {_mm256_mul_ps(a.v, _mm256_castsi256_ps(bits))};
}
// Lanes at n and above become x.
inline V fill_after(V a, int64_t n, float x) {
  return {_mm256_blendv_ps(_mm256_set1_ps(x), a.v, _mm256_castsi256_ps(first(n)))};
}
inline float sum(V a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
// out[c * stride + a] = sum(acc[a][c]) for four rows, bit for bit (lanes i and i + 4 first, then i + 2 and i
// + 1).
template <int C>
inline void sum_tile(const V (&acc)[4][C], float* out, int64_t stride) {
  JAJU_UNROLL for (int c = 0; c < C; ++c) {
    __m128 s[4];
    JAJU_UNROLL for (int a = 0; a < 4; ++a) {
      s[a] = _mm_add_ps(_mm256_castps256_ps128(acc[a][c].v), _mm256_extractf128_ps(acc[a][c].v, 1));
    }
    const __m128 s01 = _mm_add_ps(_mm_shuffle_ps(s[0], s[1], 0x44), _mm_shuffle_ps(s[0], s[1], 0xee));
    const __m128 s23 = _mm_add_ps(_mm_shuffle_ps(s[2], s[3], 0x44), _mm_shuffle_ps(s[2], s[3], 0xee));
    _mm_storeu_ps(out + c * stride,
                  _mm_add_ps(_mm_shuffle_ps(s01, s23, 0x88), _mm_shuffle_ps(s01, s23, 0xdd)));
  }
}
inline float largest(V a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}

// AVX2 masks 32-bit lanes only: narrower tails go through a small zeroed buffer.
inline __m128i halves_n(const uint16_t* p, int64_t n) {
  uint16_t buffer[8] = {};
  std::memcpy(buffer, p, static_cast<size_t>(n) * 2);
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(buffer));
}

inline V widen_bf16(__m128i h) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16))};
}
inline V load_bf16(const uint16_t* p) {
  return widen_bf16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline V load_bf16_n(const uint16_t* p, int64_t n) {
  return widen_bf16(halves_n(p, n));
}
// 16 values of bf16: those at even places, and those at odd ones.
inline V load_bf16_even(const uint16_t* p) {
  const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(both, 16))};
}
inline V load_bf16_odd(const uint16_t* p) {
  const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i upper_half = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  return {_mm256_castsi256_ps(_mm256_and_si256(both, upper_half))};
}
// 16 values in their order, to those at even and at odd places, ...
inline void split_pairs(V first, V second, V& even, V& odd) {
  const auto in_order = [](__m256 v) {
    return V{_mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8))};
  };
  even = in_order(_mm256_shuffle_ps(first.v, second.v, 0x88));
  odd = in_order(_mm256_shuffle_ps(first.v, second.v, 0xdd));
}
// ... and back.
inline void join_pairs(V even, V odd, V& first, V& second) {
  const __m256 low = _mm256_unpacklo_ps(even.v, odd.v);
  const __m256 high = _mm256_unpackhi_ps(even.v, odd.v);
  first = {_mm256_permute2f128_ps(low, high, 0x20)};
  second = {_mm256_permute2f128_ps(low, high, 0x31)};
}
inline V load_f16(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
inline V load_f16_n(const uint16_t* p, int64_t n) {
  return {_mm256_cvtph_ps(halves_n(p, n))};
}

// E4M3 as f16 bits with the exponent 8 too small (bias 15 against 7): exact, subnormals included; 0x7f is
// NaN.
inline V widen_f8(__m128i b) {
  const __m128i wide = _mm_cvtepu8_epi16(b);
  const __m128i magnitude = _mm_and_si128(wide, _mm_set1_epi16(0x7f));
  const __m128i sign = _mm_slli_epi16(_mm_and_si128(wide, _mm_set1_epi16(0x80)), 8);
  const __m128i nan = _mm_cmpeq_epi16(magnitude, _mm_set1_epi16(0x7f));
  __m128i half = _mm_or_si128(_mm_slli_epi16(magnitude, 7), sign);
  half = _mm_blendv_epi8(half, _mm_set1_epi16(0x7e00), nan);
  return {_mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256.0f))};
}
inline V load_f8(const uint8_t* p) {
  return widen_f8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
inline V load_i8(const int8_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
}
inline V load_f8_n(const uint8_t* p, int64_t n) {
  uint8_t buffer[8] = {};
  std::memcpy(buffer, p, static_cast<size_t>(n));
  return widen_f8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(buffer)));
}

}  // namespace
}  // namespace jaju::avx2
