// Products by BF16 dot instructions. See bf16_product_impl.h for what may stand here.
#include "train/bf16_product_impl.h"

#if defined(__AVX512BF16__)
#include <string.h>

namespace jaju::train {
namespace {

inline __m512bh broadcast_pair(const uint16_t* at) {
  int pair;
  memcpy(&pair, at, sizeof pair);
  return (__m512bh)_mm512_set1_epi32(pair);
}

// kRows rows by kTiles tiles of 16 columns: all sums stay in registers. The loops are unrolled before the
// compiler decides where arrays live; gcc 12 keeps them in memory otherwise.
template <int kRows, int kTiles>
void block(const Bf16Product& p, int64_t row, int64_t tile, int64_t k_tiles) {
  const uint16_t* const a = p.a + row * p.a_stride;
  const uint16_t* const b = p.packed + tile * k_tiles * kTileSize;
  const int64_t tile_stride = k_tiles * kTileSize;
  __m512 sums[kRows][kTiles];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < kTiles; ++t) sums[r][t] = _mm512_setzero_ps();
  }
  const int64_t pairs = p.depth / 2;
  for (int64_t k = 0; k < pairs; ++k) {
    __m512bh right[kTiles];
#pragma GCC unroll 4
    for (int t = 0; t < kTiles; ++t)
      right[t] = (__m512bh)_mm512_loadu_si512(b + t * tile_stride + k * kDepth);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const __m512bh left = broadcast_pair(a + r * p.a_stride + 2 * k);
#pragma GCC unroll 4
      for (int t = 0; t < kTiles; ++t) sums[r][t] = _mm512_dpbf16_ps(sums[r][t], left, right[t]);
    }
  }
  if (p.depth % 2 != 0) {  // the last value has no partner; the packed side has a zero there
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const auto left = (__m512bh)_mm512_set1_epi32(a[r * p.a_stride + p.depth - 1]);
#pragma GCC unroll 4
      for (int t = 0; t < kTiles; ++t) {
        const auto right = (__m512bh)_mm512_loadu_si512(b + t * tile_stride + pairs * kDepth);
        sums[r][t] = _mm512_dpbf16_ps(sums[r][t], left, right);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < kTiles; ++t) write_sums(p, row + r, (tile + t) * kTile, sums[r][t]);
  }
}

constexpr int kRows = 6;  // 6 x 4 sums, 4 right-hand vectors and a left one: 29 of 32 registers

template <int kTiles>
void columns(const Bf16Product& p, int64_t tile, int64_t k_tiles) {
  int64_t row = 0;
  for (; row + kRows <= p.rows; row += kRows) block<kRows, kTiles>(p, row, tile, k_tiles);
  switch (p.rows - row) {
    case 5:
      return block<5, kTiles>(p, row, tile, k_tiles);
    case 4:
      return block<4, kTiles>(p, row, tile, k_tiles);
    case 3:
      return block<3, kTiles>(p, row, tile, k_tiles);
    case 2:
      return block<2, kTiles>(p, row, tile, k_tiles);
    case 1:
      return block<1, kTiles>(p, row, tile, k_tiles);
    default:
      return;
  }
}

}  // namespace

// Four tiles of columns at a time for all rows: their part of the right-hand side stays in the first-level
// cache.
void multiply_avx512(const Bf16Product& p) {
  const int64_t k_tiles = (p.depth + kDepth - 1) / kDepth;
  const int64_t n_tiles = (p.cols + kTile - 1) / kTile;
  int64_t tile = 0;
  for (; tile + 4 <= n_tiles; tile += 4) columns<4>(p, tile, k_tiles);
  switch (n_tiles - tile) {
    case 3:
      return columns<3>(p, tile, k_tiles);
    case 2:
      return columns<2>(p, tile, k_tiles);
    case 1:
      return columns<1>(p, tile, k_tiles);
    default:
      return;
  }
}

}  // namespace jaju::train

#endif
