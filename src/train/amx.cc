// Compiled with AVX-512 and AMX flags of its own: nothing here may run before amx_ready(), and nothing of the
// standard library may be instantiated here (the linker might keep this copy for everyone).
#include "train/amx.h"

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

namespace jaju::train {
namespace {

constexpr int64_t kTile = 16;       // rows and columns of a tile of sums
constexpr int64_t kDepth = 32;      // bf16 of a row of a tile
constexpr int64_t kTileSize = 512;  // bf16 of a tile

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

inline __mmask16 first_16(int64_t n) {
  return static_cast<__mmask16>(n >= 16 ? 0xffff : (1u << n) - 1u);
}
inline __mmask32 first_32(int64_t n) {
  return n >= 32 ? 0xffffffffu : (1u << n) - 1u;
}

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

void write_out(const AmxProduct& p, int64_t row, int64_t n_rows, int64_t col, const float* sums) {
  for (int64_t half = 0; half < 2 && col + half * kTile < p.cols; ++half) {
    const __mmask16 mask = first_16(p.cols - col - half * kTile);
    const float* from = sums + half * kTile;
    const int64_t at = row * p.out_stride + col + half * kTile;
    if (p.out_bf16 != nullptr) {
      uint16_t* to = p.out_bf16 + at;
      for (int64_t r = 0; r < n_rows; ++r, from += 2 * kTile, to += p.out_stride) {
        const auto narrow = (__m256i)_mm512_cvtneps_pbh(_mm512_load_ps(from));
        if (mask == 0xffff) {
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), narrow);
        } else {
          _mm256_mask_storeu_epi16(to, mask, narrow);
        }
      }
    } else {
      float* to = p.out_f32 + at;
      for (int64_t r = 0; r < n_rows; ++r, from += 2 * kTile, to += p.out_stride) {
        __m512 value = _mm512_load_ps(from);
        if (p.add) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, to));
        _mm512_mask_storeu_ps(to, mask, value);
      }
    }
  }
}

}  // namespace

void amx_pack(const uint16_t* from, int64_t stride, int64_t depth, int64_t cols, uint16_t* packed) {
  for (int64_t col = 0; col < cols; col += kTile) {
    const __mmask16 mask = first_16(cols - col);
    for (int64_t k = 0; k < depth; k += kDepth, packed += kTileSize) {
      __m512i r[16];
      load_pairs(from + k * stride + col, stride, depth - k, mask, r);
      for (int p = 0; p < 16; ++p) _mm512_storeu_si512(packed + p * 32, r[p]);
    }
  }
}

void amx_pack_transposed(const uint16_t* from, int64_t stride, int64_t depth, int64_t cols,
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

void amx_transpose(const uint16_t* from, int64_t stride, int64_t rows, int64_t cols, uint16_t* out,
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

void amx_multiply(const AmxProduct& p) {
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
      write_out(p, row, n_rows, tile * kTile, sums);
    }
  }
  _tile_release();
  free(copy);
}

}  // namespace jaju::train

#else

namespace jaju::train {

void amx_pack(const uint16_t*, int64_t, int64_t, int64_t, uint16_t*) {}
void amx_pack_transposed(const uint16_t*, int64_t, int64_t, int64_t, uint16_t*) {}
void amx_transpose(const uint16_t*, int64_t, int64_t, int64_t, uint16_t*, int64_t) {}
void amx_multiply(const AmxProduct&) {}

}  // namespace jaju::train

#endif
