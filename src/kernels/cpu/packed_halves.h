// What packed_avx2.cc and packed_avx_vnni.cc share: vectors of 256 bits, which hold half a panel, eight rows,
// and what unpacks codes and scales into them. Included in each, inside its anonymous namespace, after it has
// told kAddedToWeights: what makes weights unsigned, kAdded or 0 (all but those of q6, see packed_dot.h).
#pragma once

using F = __m256;
using I = __m256i;
constexpr int kLanes = 8;

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

constexpr std::array<uint8_t, 16> plus(int added, const std::array<int8_t, 16>& values) {
  std::array<uint8_t, 16> out{};
  for (size_t i = 0; i < 16; ++i) out[i] = static_cast<uint8_t>(values[i] + added);
  return out;
}
template <Scheme S>
constexpr auto kTable = plus(kAddedToWeights, S == Scheme::q4   ? kQ4Values
                                              : S == Scheme::q3 ? kQ3Values
                                              : S == Scheme::q2 ? kQ2Values
                                                                : kFp4Values);
template <>
constexpr auto kTable<Scheme::q4i> = plus(packed_dot::kLevelAdded, kQ4iLevels);
template <Scheme S>
inline I table() {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kTable<S>.data())));
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
// Step s of group g of a block, from row `part` on. q6, from codes, which are u + 32:
// max(code - 50, 0) + code + min(code, 14) = 2 u - clamp(u, -18, 18) + 46.
template <Scheme S>
inline I unpack_step(const std::byte* block, int part, int g, int s) {
  if constexpr (S == Scheme::q8) {
    const I code = bytes_at(block + 64 + 64 * (4 * g + s) + 4 * part);  // the weight plus 128
    return kAddedToWeights == 128 ? code : _mm256_xor_si256(code, _mm256_set1_epi8(-128));
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
