// Shared by the files that are compiled with AVX-512 flags of their own: nothing here may run before
// bf16_isa() said so, and nothing of the standard library may be instantiated here (the linker might keep
// this copy for everyone).
#pragma once

#include "train/bf16_product.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>

namespace jaju::train {

constexpr int64_t kTile = 16;       // columns of a tile
constexpr int64_t kDepth = 32;      // bf16 of a row of a tile
constexpr int64_t kTileSize = 512;  // bf16 of a tile

void multiply_avx512(const Bf16Product& product);
void multiply_amx(const Bf16Product& product);

inline __mmask16 first_16(int64_t n) {
  return static_cast<__mmask16>(n >= 16 ? 0xffff : (1u << n) - 1u);
}
inline __mmask32 first_32(int64_t n) {
  return n >= 32 ? 0xffffffffu : (1u << n) - 1u;
}

// 16 sums of one row, from column `col` on.
inline void write_sums(const Bf16Product& p, int64_t row, int64_t col, __m512 sums) {
  const __mmask16 mask = first_16(p.cols - col);
  const int64_t at = row * p.out_stride + col;
  if (p.out_bf16 != nullptr) {
    const auto narrow = (__m256i)_mm512_cvtneps_pbh(sums);
    if (mask == 0xffff) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p.out_bf16 + at), narrow);
    } else {
      _mm256_mask_storeu_epi16(p.out_bf16 + at, mask, narrow);
    }
    return;
  }
  if (p.add) sums = _mm512_add_ps(sums, _mm512_maskz_loadu_ps(mask, p.out_f32 + at));
  _mm512_mask_storeu_ps(p.out_f32 + at, mask, sums);
}

}  // namespace jaju::train
#endif
