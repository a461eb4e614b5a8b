// Both instruction sets' packed order, and the choice between them. See bf16_product_impl.h for what may
// stand here.
#include "train/bf16_product_impl.h"

#if defined(__AVX512BF16__)

namespace jaju::train {
namespace {

// Two rows of 16 bf16 side by side: low halves from the first.
inline __m512i pair_of(const uint16_t* low, const uint16_t* high, __mmask16 mask) {
  const __m512i l =
      low == nullptr ? _mm512_setzero_si512() : _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, low));
  const __m512i h =
      high == nullptr ? _mm512_setzero_si512() : _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, high));
  return _mm512_or_si512(l, _mm512_slli_epi32(h, 16));
}

// 16 rows of 16 32-bit values, transposed in place.
inline void transpose_16(__m512i r[16]) {
  __m512i t[16], u[16];
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  for (int g = 0; g < 16; g += 4) {
    u[g] = _mm512_unpacklo_epi64(t[g], t[g + 2]);
    u[g + 1] = _mm512_unpackhi_epi64(t[g], t[g + 2]);
    u[g + 2] = _mm512_unpacklo_epi64(t[g + 1], t[g + 3]);
    u[g + 3] = _mm512_unpackhi_epi64(t[g + 1], t[g + 3]);
  }
  for (int c = 0; c < 4; ++c) {
    const __m512i x0 = _mm512_shuffle_i32x4(u[c], u[4 + c], 0x44);
    const __m512i x1 = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0x44);
    const __m512i x2 = _mm512_shuffle_i32x4(u[c], u[4 + c], 0xee);
    const __m512i x3 = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0xee);
    r[c] = _mm512_shuffle_i32x4(x0, x1, 0x88);
    r[4 + c] = _mm512_shuffle_i32x4(x0, x1, 0xdd);
    r[8 + c] = _mm512_shuffle_i32x4(x2, x3, 0x88);
    r[12 + c] = _mm512_shuffle_i32x4(x2, x3, 0xdd);
  }
}

// Row pairs 32 k .. 32 k + 31 of 16 columns: a tile of a right-hand side, in registers.
inline void load_pairs(const uint16_t* from, int64_t stride, int64_t rows_left, __mmask16 mask,
                       __m512i r[16]) {
  for (int64_t p = 0; p < 16; ++p) {
    r[p] = pair_of(2 * p < rows_left ? from + 2 * p * stride : nullptr,
                   2 * p + 1 < rows_left ? from + (2 * p + 1) * stride : nullptr, mask);
  }
}

}  // namespace

void bf16_pack(const uint16_t* from, int64_t stride, int64_t depth, int64_t cols, uint16_t* packed) {
  for (int64_t col = 0; col < cols; col += kTile) {
    const __mmask16 mask = first_16(cols - col);
    for (int64_t k = 0; k < depth; k += kDepth, packed += kTileSize) {
      __m512i r[16];
      load_pairs(from + k * stride + col, stride, depth - k, mask, r);
      for (int p = 0; p < 16; ++p) _mm512_storeu_si512(packed + p * 32, r[p]);
    }
  }
}

void bf16_pack_transposed(const uint16_t* from, int64_t stride, int64_t depth, int64_t cols,
                          uint16_t* packed) {
  for (int64_t col = 0; col < cols; col += kTile) {
    for (int64_t k = 0; k < depth; k += kDepth, packed += kTileSize) {
      const __mmask32 mask = first_32(depth - k);
      __m512i r[16];
      for (int64_t i = 0; i < 16; ++i) {
        r[i] = col + i < cols ? _mm512_maskz_loadu_epi16(mask, from + (col + i) * stride + k)
                              : _mm512_setzero_si512();
      }
      transpose_16(r);
      for (int p = 0; p < 16; ++p) _mm512_storeu_si512(packed + p * 32, r[p]);
    }
  }
}

void bf16_transpose(const uint16_t* from, int64_t stride, int64_t rows, int64_t cols, uint16_t* out,
                    int64_t out_stride) {
  for (int64_t k = 0; k < rows; k += kDepth) {
    for (int64_t col = 0; col < cols; col += kTile) {
      __m512i r[16];
      load_pairs(from + k * stride + col, stride, rows - k, first_16(cols - col), r);
      transpose_16(r);
      for (int64_t i = 0; i < 16 && col + i < cols; ++i)
        _mm512_storeu_si512(out + (col + i) * out_stride + k, r[i]);
    }
  }
}

void bf16_multiply(const Bf16Product& product) {
  if (bf16_isa() == Bf16Isa::amx) {
    multiply_amx(product);
  } else {
    multiply_avx512(product);
  }
}

}  // namespace jaju::train

#else

namespace jaju::train {

void bf16_pack(const uint16_t*, int64_t, int64_t, int64_t, uint16_t*) {}
void bf16_pack_transposed(const uint16_t*, int64_t, int64_t, int64_t, uint16_t*) {}
void bf16_transpose(const uint16_t*, int64_t, int64_t, int64_t, uint16_t*, int64_t) {}
void bf16_multiply(const Bf16Product&) {}

}  // namespace jaju::train

#endif
