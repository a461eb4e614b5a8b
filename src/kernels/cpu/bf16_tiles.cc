#include "kernels/cpu/bf16_tiles.h"

#include <immintrin.h>

#include <utility>

#include "kernels/cpu/tiles.h"
#include "kernels/cpu/unroll.h"

namespace jaju::bf16tiles {
namespace {

constexpr int64_t kTileValues = kSide * kDepth;
constexpr int64_t kTileBytes = 64;  // from one row of a packed tile to the next
constexpr int64_t kBytes = static_cast<int64_t>(sizeof(uint16_t));

template <int N, typename Body>
inline void repeat(const Body& body) {
  [&]<int... I>(std::integer_sequence<int, I...>) {
    (body.template operator()<I>(), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

// 16 x 16 of 32 bits.
inline void transpose(__m512i (&v)[16]) {
  __m512i t[16];
  JAJU_UNROLL for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
  }
  JAJU_UNROLL for (int i = 0; i < 16; i += 4) {
    v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  JAJU_UNROLL for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
  }
  JAJU_UNROLL for (int i = 0; i < 4; ++i) {
    v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    v[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    v[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

// Value pairs of two rows: columns 0 to 15, rounded.
inline __m512i pairs(__m512 even, __m512 odd) {
  const __m512bh both = _mm512_cvtne2ps_pbh(odd, even);
  __m512i bits;
  __builtin_memcpy(&bits, &both, sizeof bits);
  alignas(64) static constexpr uint16_t kOrder[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                      21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                      11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kOrder), bits);
}

// M x N tiles of c, at most four, over the whole depth. `next`: see multiply.
template <int M, int N>
[[gnu::noinline]] void multiply_tiles(const uint16_t* a, int64_t a_stride, const uint16_t* b, int64_t depth,
                                      float* c, int64_t c_stride, bool add, const uint16_t* next) {
  static_assert(M * N <= 4);
  const int64_t c_bytes = c_stride * static_cast<int64_t>(sizeof(float));
  const int64_t column = depth / kDepth * kTileValues;  // from a tile of b to the one beside it
  const auto place = [&]<int C>() { return c + C / N * kSide * c_stride + C % N * kSide; };
  repeat<M * N>([&]<int C>() {
    if (add) {
      tiles::load<C>(place.template operator()<C>(), c_bytes);
    } else {
      tiles::zero<C>();
    }
  });
  for (int64_t k = 0; k < depth; k += kDepth, b += kTileValues) {
    if (next != nullptr) {
      for (int64_t r = 0; r < M * kSide; ++r) _mm_prefetch(next + r * a_stride + k, _MM_HINT_T1);
    }
    // In a square each tile is loaded once; in a row or a column two of the many are there at a time.
    if constexpr (N == 2 && M == 2) {
      tiles::load<4>(a + k, a_stride * kBytes);
      tiles::load<6>(b, kTileBytes);
      tiles::dot_bf16<0, 4, 6>();
      tiles::load<7>(b + column, kTileBytes);
      tiles::dot_bf16<1, 4, 7>();
      tiles::load<5>(a + kSide * a_stride + k, a_stride * kBytes);
      tiles::dot_bf16<2, 5, 6>();
      tiles::dot_bf16<3, 5, 7>();
    } else if constexpr (M == 1) {
      tiles::load<4>(a + k, a_stride * kBytes);
      repeat<N>([&]<int C>() {
        tiles::load<6 + C % 2>(b + C * column, kTileBytes);
        tiles::dot_bf16<C, 4, 6 + C % 2>();
      });
    } else {
      static_assert(N == 1);
      tiles::load<6>(b, kTileBytes);
      repeat<M>([&]<int C>() {
        tiles::load<4 + C % 2>(a + C * kSide * a_stride + k, a_stride * kBytes);
        tiles::dot_bf16<C, 4 + C % 2, 6>();
      });
    }
  }
  repeat<M * N>([&]<int C>() { tiles::store<C>(place.template operator()<C>(), c_bytes); });
}

}  // namespace

Tiles::Tiles() {
  tiles::configure();
}
Tiles::~Tiles() {
  tiles::release();
}

void pack_columns(const uint16_t* from, int64_t stride, int64_t cols, int64_t depth, uint16_t* to) {
  for (int64_t c = 0; c < cols; c += kSide) {
    for (int64_t k = 0; k < depth; k += kDepth, to += kTileValues) {
      __m512i v[16];
      JAJU_UNROLL for (int i = 0; i < 16; ++i) v[i] = _mm512_loadu_si512(from + (c + i) * stride + k);
      transpose(v);
      JAJU_UNROLL for (int i = 0; i < 16; ++i) _mm512_store_si512(to + i * kDepth, v[i]);
    }
  }
}

void pack_rows(const float* from, int64_t stride, int64_t rows, int64_t cols, uint16_t* to) {
  const int64_t depth = (rows + kDepth - 1) / kDepth * kDepth;
  for (int64_t c = 0; c < cols; c += kSide) {
    for (int64_t k = 0; k < depth; k += 2, to += kDepth) {
      const __m512 even = k < rows ? _mm512_loadu_ps(from + k * stride + c) : _mm512_setzero_ps();
      const __m512 odd = k + 1 < rows ? _mm512_loadu_ps(from + (k + 1) * stride + c) : _mm512_setzero_ps();
      _mm512_store_si512(to, pairs(even, odd));
    }
  }
}

void multiply(const uint16_t* a, int64_t a_stride, int64_t rows, const uint16_t* b, int64_t depth,
              int64_t cols, float* c, int64_t c_stride, bool add, const uint16_t* next) {
  const auto run = [&](auto block, int64_t i, int64_t j) {
    const bool fetches = next != nullptr && j == 0;
    block(a + i * a_stride, a_stride, b + j * depth, depth, c + i * c_stride + j, c_stride, add,
          fetches ? next + i * a_stride : nullptr);
  };
  int64_t i = 0;
  if (cols == kSide) {
    for (; i + 4 * kSide <= rows; i += 4 * kSide) run(multiply_tiles<4, 1>, i, 0);
  }
  for (; i + 2 * kSide <= rows; i += 2 * kSide) {
    int64_t j = 0;
    for (; j + 2 * kSide <= cols; j += 2 * kSide) run(multiply_tiles<2, 2>, i, j);
    if (j < cols) run(multiply_tiles<2, 1>, i, j);
  }
  if (i == rows) return;
  int64_t j = 0;
  for (; j + 4 * kSide <= cols; j += 4 * kSide) run(multiply_tiles<1, 4>, i, j);
  for (; j < cols; j += kSide) run(multiply_tiles<1, 1>, i, j);
}

void weigh_rows(const uint16_t* b, int64_t b_stride, int64_t n_rows, int64_t width, const uint16_t* a,
                int64_t n, const float* keep, float* out, int64_t out_stride) {
  constexpr int64_t kMostRows = 64;
  constexpr int64_t kWide = 4 * kSide;
  alignas(64) uint16_t strip[kMostRows * kWide];  // columns of b in the unit's order
  alignas(64) static constexpr uint16_t kLow[32] = {0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,
                                                    37, 6,  38, 7,  39, 8,  40, 9,  41, 10, 42,
                                                    11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  const __m512i low = _mm512_load_si512(kLow);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  const int64_t depth = (n_rows + kDepth - 1) / kDepth * kDepth;
  const int64_t column = depth * kSide;
  for (int64_t k = 0; k < width; k += kWide) {
    for (int64_t j = 0; j < depth; j += 2) {
      uint16_t* const to = strip + j * kSide;
      JAJU_UNROLL for (int half = 0; half < 2; ++half) {
        const uint16_t* const from = b + j * b_stride + k + half * kDepth;
        const __m512i even = j < n_rows ? _mm512_loadu_si512(from) : _mm512_setzero_si512();
        const __m512i odd = j + 1 < n_rows ? _mm512_loadu_si512(from + b_stride) : _mm512_setzero_si512();
        _mm512_store_si512(to + 2 * half * column, _mm512_permutex2var_epi16(even, low, odd));
        _mm512_store_si512(to + (2 * half + 1) * column, _mm512_permutex2var_epi16(even, high, odd));
      }
    }
    for (int64_t i = 0; keep != nullptr && i < n; ++i) {
      float* const row = out + i * out_stride + k;
      const __m512 factor = _mm512_set1_ps(keep[i]);
      JAJU_UNROLL for (int64_t c = 0; c < kWide; c += kSide) {
        _mm512_storeu_ps(row + c, _mm512_mul_ps(_mm512_loadu_ps(row + c), factor));
      }
    }
    multiply(a, kMostRows, n, strip, depth, kWide, out + k, out_stride, keep != nullptr);
  }
}

void round_transposed(const float* from, int64_t stride, uint16_t* to) {
  constexpr int64_t kRows = 64;
  for (int64_t r = 0; r < kRows; r += kDepth) {
    __m512i v[16];
    JAJU_UNROLL for (int i = 0; i < 16; ++i) {
      const float* const row = from + (r + 2 * i) * stride;
      v[i] = pairs(_mm512_loadu_ps(row), _mm512_loadu_ps(row + stride));
    }
    transpose(v);
    JAJU_UNROLL for (int i = 0; i < 16; ++i) _mm512_storeu_si512(to + i * kRows + r, v[i]);
  }
}

}  // namespace jaju::bf16tiles
