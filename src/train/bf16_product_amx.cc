// Products on AMX tiles. See bf16_product_impl.h for what may stand here.
#include "train/bf16_product_impl.h"

#if defined(__AMX_BF16__)
#include <stdlib.h>
#include <string.h>

namespace jaju::train {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

// Tiles 0-3 hold sums, 4-5 left, 6-7 right; all full.
void configure() {
  TileConfig config;
  for (int i = 0; i < 8; ++i) {
    config.row_bytes[i] = 64;
    config.rows[i] = 16;
  }
  _tile_loadconfig(&config);
}

}  // namespace

void multiply_amx(const Bf16Product& p) {
  const int64_t k_tiles = (p.depth + kDepth - 1) / kDepth;
  const int64_t n_tiles = (p.cols + kTile - 1) / kTile;
  const int64_t whole_depth = k_tiles * kDepth;
  alignas(64) float sums[32 * 32];
  // Rows whose end no tile may read past: copied into a block with room.
  uint16_t* copy = nullptr;
  const bool ragged = p.depth != whole_depth;
  if (ragged || p.rows % 32 != 0) {
    copy = static_cast<uint16_t*>(calloc(static_cast<size_t>(32 * whole_depth), sizeof(uint16_t)));
    if (copy == nullptr) abort();
  }
  configure();
  for (int64_t row = 0; row < p.rows; row += 32) {
    const int64_t n_rows = p.rows - row < 32 ? p.rows - row : 32;
    const uint16_t* a = p.a + row * p.a_stride;
    int64_t stride = p.a_stride;
    if (ragged || n_rows < 32) {
      for (int64_t r = 0; r < n_rows; ++r) {
        memcpy(copy + r * whole_depth, a + r * stride, static_cast<size_t>(p.depth) * sizeof(uint16_t));
      }
      a = copy;
      stride = whole_depth;
    }
    const auto a_bytes = static_cast<size_t>(stride) * sizeof(uint16_t);
    const bool two_rows = n_rows > 16;
    for (int64_t tile = 0; tile < n_tiles; tile += 2) {
      const uint16_t* b0 = p.packed + tile * k_tiles * kTileSize;
      const bool two_cols = tile + 1 < n_tiles;
      const uint16_t* b1 = b0 + k_tiles * kTileSize;
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      if (two_rows && two_cols) {
        for (int64_t k = 0; k < k_tiles; ++k) {
          // The right-hand side comes from the second-level cache: ask for the next tiles while these
          // multiply.
          for (int64_t line = 0; line < kTileSize; line += 32) {
            _mm_prefetch(b0 + (k + 1) * kTileSize + line, _MM_HINT_T0);
            _mm_prefetch(b1 + (k + 1) * kTileSize + line, _MM_HINT_T0);
          }
          _tile_loadd(4, a + k * kDepth, a_bytes);
          _tile_loadd(6, b0 + k * kTileSize, 64);
          _tile_dpbf16ps(0, 4, 6);
          _tile_loadd(7, b1 + k * kTileSize, 64);
          _tile_dpbf16ps(1, 4, 7);
          _tile_loadd(5, a + 16 * stride + k * kDepth, a_bytes);
          _tile_dpbf16ps(2, 5, 6);
          _tile_dpbf16ps(3, 5, 7);
        }
      } else {
        for (int64_t k = 0; k < k_tiles; ++k) {
          _tile_loadd(4, a + k * kDepth, a_bytes);
          _tile_loadd(6, b0 + k * kTileSize, 64);
          _tile_dpbf16ps(0, 4, 6);
          if (two_rows) {
            _tile_loadd(5, a + 16 * stride + k * kDepth, a_bytes);
            _tile_dpbf16ps(2, 5, 6);
          }
          if (two_cols) {
            _tile_loadd(7, b1 + k * kTileSize, 64);
            _tile_dpbf16ps(1, 4, 7);
          }
        }
      }
      _tile_stored(0, sums, 128);
      _tile_stored(1, sums + 16, 128);
      _tile_stored(2, sums + 16 * 32, 128);
      _tile_stored(3, sums + 16 * 32 + 16, 128);
      for (int64_t r = 0; r < n_rows; ++r) {
        write_sums(p, row + r, tile * kTile, _mm512_load_ps(sums + r * 32));
        if (two_cols) write_sums(p, row + r, (tile + 1) * kTile, _mm512_load_ps(sums + r * 32 + 16));
      }
    }
  }
  _tile_release();
  free(copy);
}

}  // namespace jaju::train

#endif
