// What int16_avx2.cc and int16_avx_vnni.cc share: codes in vectors of 256 bits. Included in each, inside its
// anonymous namespace.
#pragma once

// Codes of a vector: of two vectors of values, pairs of lanes change places, so that interleaved codes of two
// rows are in order.
constexpr int64_t kCodes = 2 * kLanes;

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
