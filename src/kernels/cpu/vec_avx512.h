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
inline float sum(V a) {
  return _mm512_reduce_add_ps(a.v);
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
inline V load_f8_n(const uint8_t* p, int64_t n) {
  return widen_f8(_mm_maskz_loadu_epi8(first(n), p));
}

}  // namespace
}  // namespace jaju::avx512
