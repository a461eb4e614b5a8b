#include "kernels/cpu/bf16_dot.h"

#include <immintrin.h>

#include "kernels/cpu/unroll.h"

namespace jaju::bf16dot {
namespace {

constexpr int64_t kPair = 32;  // values of a register of bf16
// Register tile of a dot product: rows of W times inputs. 24 accumulators, 10 loads for 24 products: more
// than one load of 64 bytes a cycle is not to be had.
constexpr int kTileRows = 4;
constexpr int kTileInputs = 6;
// Few inputs: more rows, as many accumulators.
constexpr int kTallRows = 8;
constexpr int kTallInputs = 3;
// How far ahead of the rows at work the next ones are fetched into the second-level cache: the hardware does
// not follow four short rows at once (docs/log.md).
constexpr int64_t kAheadBytes = 24576;

inline __m512bh as_bf16(__m512i v) {
  __m512bh out;
  __builtin_memcpy(&out, &v, sizeof out);
  return out;
}
// The same, loaded once: gcc 12 sees no harm in loading a value again for each of its uses.
inline __m512bh in_register(__m512i v) {
  asm("" : "+v"(v));
  return as_bf16(v);
}
inline __m256i as_bits(__m256bh v) {
  __m256i out;
  __builtin_memcpy(&out, &v, sizeof out);
  return out;
}
inline __m512i load(const uint16_t* p) {
  return _mm512_loadu_si512(p);
}
inline __m512i load_n(const uint16_t* p, int64_t n) {
  return _mm512_maskz_loadu_epi16(static_cast<__mmask32>((1ull << n) - 1), p);
}

// Adds the two halves of every run of 2 * kStep lanes of x and of y and interleaves the sums: x's where bit
// kStep of the lane is 0, y's where it is 1. One shuffle for two vectors, blends being cheap.
template <int kStep>
inline __m512 merge(__m512 x, __m512 y) {
  if constexpr (kStep == 8) {
    return _mm512_add_ps(_mm512_mask_blend_ps(0xff00, x, y), _mm512_shuffle_f32x4(x, y, 0x4e));
  } else if constexpr (kStep == 4) {
    const __m512 rest = _mm512_mask_blend_ps(0x0f0f, x, y);
    return _mm512_add_ps(_mm512_mask_blend_ps(0xf0f0, x, y), _mm512_shuffle_f32x4(rest, rest, 0xb1));
  } else if constexpr (kStep == 2) {
    return _mm512_add_ps(_mm512_mask_blend_ps(0xcccc, x, y), _mm512_shuffle_ps(x, y, 0x4e));
  } else {
    const __m512 rest = _mm512_mask_blend_ps(0x5555, x, y);
    return _mm512_add_ps(_mm512_mask_blend_ps(0xaaaa, x, y), _mm512_permute_ps(rest, 0xb1));
  }
}

// Sums of the lanes of 16, 8 or 4 vectors: lanes i and i + 8 first, then i + 4, i + 2 and i + 1, which is the
// order of _mm512_reduce_add_ps. Vectors are summed together: that takes a third of the work, which is what
// is left to save where rows are short.
inline __m512 sum16(const __m512 (&v)[16]) {
  __m512 rows[4];
  JAJU_UNROLL for (int a = 0; a < 4; ++a) rows[a] =
      merge<4>(merge<8>(v[a], v[8 + a]), merge<8>(v[4 + a], v[12 + a]));
  return merge<1>(merge<2>(rows[0], rows[2]), merge<2>(rows[1], rows[3]));
}
inline __m256 sum8(const __m512 (&v)[8]) {
  __m512 rows[4];
  JAJU_UNROLL for (int a = 0; a < 4; ++a) rows[a] = merge<8>(v[a], v[4 + a]);
  const __m512 pairs = merge<2>(merge<4>(rows[0], rows[2]), merge<4>(rows[1], rows[3]));
  const __m512 s = _mm512_add_ps(pairs, _mm512_permute_ps(pairs, 0xb1));
  const __m512i even = _mm512_castsi256_si512(_mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14));
  return _mm512_castps512_ps256(_mm512_permutexvar_ps(even, s));
}
inline __m128 sum4(const __m512 (&v)[4]) {
  const __m512 fours = merge<4>(merge<8>(v[0], v[2]), merge<8>(v[1], v[3]));
  const __m512 pairs = _mm512_add_ps(fours, _mm512_permute_ps(fours, 0x4e));
  const __m512 s = _mm512_add_ps(pairs, _mm512_permute_ps(pairs, 0xb1));
  const __m512i first_of_each = _mm512_castsi128_si512(_mm_setr_epi32(0, 4, 8, 12));
  return _mm512_castps512_ps128(_mm512_permutexvar_ps(first_of_each, s));
}

// out[c * stride + a] = sum of the lanes of acc[a][c].
template <int R, int C>
inline void sum_tile(const __m512 (&acc)[R][C], float* out, int64_t stride) {
  if constexpr (R == 1) {
    JAJU_UNROLL for (int c = 0; c < C; ++c) out[c * stride] = _mm512_reduce_add_ps(acc[0][c]);
    return;
  } else {
    // Fours of rows, one input after the other.
    constexpr int kFours = R / 4 * C;
    const auto to = [&](int four) { return out + four / (R / 4) * stride + four % (R / 4) * 4; };
    const auto at = [&](int i) { return acc[i / 4 % (R / 4) * 4 + i % 4][i / R]; };
    int four = 0;
    if constexpr (kFours >= 4) {
      __m512 v[16];
      JAJU_UNROLL for (int i = 0; i < 16; ++i) v[i] = at(i);
      const __m512 s = sum16(v);
      _mm_storeu_ps(to(0), _mm512_castps512_ps128(s));
      _mm_storeu_ps(to(1), _mm512_extractf32x4_ps(s, 1));
      _mm_storeu_ps(to(2), _mm512_extractf32x4_ps(s, 2));
      _mm_storeu_ps(to(3), _mm512_extractf32x4_ps(s, 3));
      four = 4;
    }
    if constexpr (kFours % 4 >= 2) {
      __m512 v[8];
      JAJU_UNROLL for (int i = 0; i < 8; ++i) v[i] = at(kFours / 4 * 16 + i);
      const __m256 s = sum8(v);
      _mm_storeu_ps(to(four), _mm256_castps256_ps128(s));
      _mm_storeu_ps(to(four + 1), _mm256_extractf128_ps(s, 1));
    }
    if constexpr (kFours % 2 == 1) {
      __m512 v[4];
      JAJU_UNROLL for (int i = 0; i < 4; ++i) v[i] = at((kFours - 1) * 4 + i);
      _mm_storeu_ps(to(kFours - 1), sum4(v));
    }
  }
}

// Same order for every tile: one accumulator an output, k upwards, lanes summed at the end. While it works a
// tile fetches P rows from `ahead` on, as far as it is in its own.
template <int R, int C, int P>
[[gnu::noinline]] void dot_tile(const uint16_t* w, int64_t w_stride, int64_t cols, const uint16_t* const* x,
                                float* out, int64_t out_stride, const uint16_t* ahead) {
  const uint16_t* in[C];
  JAJU_UNROLL for (int c = 0; c < C; ++c) in[c] = x[c];
  __m512 acc[R][C];
  JAJU_UNROLL for (int a = 0; a < R; ++a) {
    JAJU_UNROLL for (int c = 0; c < C; ++c) acc[a][c] = _mm512_setzero_ps();
  }
  int64_t k = 0;
  for (; k + kPair <= cols; k += kPair) {
    __m512bh weights[R];
    JAJU_UNROLL for (int a = 0; a < R; ++a) weights[a] = in_register(load(w + a * w_stride + k));
    JAJU_UNROLL for (int a = 0; a < P; ++a) _mm_prefetch(ahead + a * w_stride + k, _MM_HINT_T1);
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      const __m512bh input = as_bf16(load(in[c] + k));
      JAJU_UNROLL for (int a = 0; a < R; ++a) acc[a][c] = _mm512_dpbf16_ps(acc[a][c], weights[a], input);
    }
  }
  if (k < cols) {
    __m512bh weights[R];
    JAJU_UNROLL for (int a = 0; a < R; ++a) weights[a] = as_bf16(load_n(w + a * w_stride + k, cols - k));
    JAJU_UNROLL for (int c = 0; c < C; ++c) {
      const __m512bh input = as_bf16(load_n(in[c] + k, cols - k));
      JAJU_UNROLL for (int a = 0; a < R; ++a) acc[a][c] = _mm512_dpbf16_ps(acc[a][c], weights[a], input);
    }
  }
  sum_tile<R, C>(acc, out, out_stride);
}

template <int R, int P>
inline void dot_inputs(const uint16_t* w, int64_t w_stride, int64_t cols, const uint16_t* const* x, int64_t n,
                       float* out, int64_t out_stride, const uint16_t* ahead) {
  switch (n) {
    case 1:
      return dot_tile<R, 1, P>(w, w_stride, cols, x, out, out_stride, ahead);
    case 2:
      return dot_tile<R, 2, P>(w, w_stride, cols, x, out, out_stride, ahead);
    case 3:
      return dot_tile<R, 3, P>(w, w_stride, cols, x, out, out_stride, ahead);
    default:
      break;
  }
  if constexpr (R <= kTileRows) {
    switch (n) {
      case 4:
        return dot_tile<R, 4, P>(w, w_stride, cols, x, out, out_stride, ahead);
      case 5:
        return dot_tile<R, 5, P>(w, w_stride, cols, x, out, out_stride, ahead);
      default:
        return dot_tile<R, kTileInputs, P>(w, w_stride, cols, x, out, out_stride, ahead);
    }
  }
}

// Columns of weigh_rows' tile: registers of f32, two of which share a load of bf16.
constexpr int kWeighInputs = 6;
constexpr int kWeighVectors = 4;

inline __m512 f32_lanes(const float* p, int64_t n) {
  return n >= 16 ? _mm512_loadu_ps(p)
                 : _mm512_maskz_loadu_ps(n <= 0 ? __mmask16{0} : static_cast<__mmask16>((1u << n) - 1), p);
}

// Full: all kVectors * 16 columns exist; else only the first `width`.
template <int R, int kVectors, bool Full>
[[gnu::noinline]] void weigh_tile(const uint16_t* b, int64_t b_stride, int64_t n_rows, int64_t width,
                                  const uint16_t* a, int64_t a_stride, const float* keep, float* out,
                                  int64_t out_stride) {
  static_assert(kVectors % 2 == 0);
  // Value pairs of two rows, columns 0 to 15 and 16 to 31.
  alignas(64) static constexpr uint16_t kLow[32] = {0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,
                                                    37, 6,  38, 7,  39, 8,  40, 9,  41, 10, 42,
                                                    11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  const __m512i low = _mm512_load_si512(kLow);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  __m512 acc[R][kVectors];
  JAJU_UNROLL for (int i = 0; i < R; ++i) {
    JAJU_UNROLL for (int c = 0; c < kVectors; ++c) {
      acc[i][c] = keep == nullptr
                      ? _mm512_setzero_ps()
                      : _mm512_mul_ps(_mm512_set1_ps(keep[i]),
                                      Full ? _mm512_loadu_ps(out + i * out_stride + c * 16)
                                           : f32_lanes(out + i * out_stride + c * 16, width - c * 16));
    }
  }
  const auto row = [&](int64_t j, int c) {
    const uint16_t* const p = b + j * b_stride + c * 16;
    const int64_t left = width - c * 16;
    if (Full || left >= kPair) return load(p);
    return left > 0 ? load_n(p, left) : _mm512_setzero_si512();
  };
  const auto step = [&](int c, __m512i even, __m512i odd, const __m512bh(&weights)[R]) {
    const __m512bh first = as_bf16(_mm512_permutex2var_epi16(even, low, odd));
    const __m512bh second = as_bf16(_mm512_permutex2var_epi16(even, high, odd));
    JAJU_UNROLL for (int i = 0; i < R; ++i) acc[i][c] = _mm512_dpbf16_ps(acc[i][c], weights[i], first);
    JAJU_UNROLL for (int i = 0; i < R; ++i) acc[i][c + 1] =
        _mm512_dpbf16_ps(acc[i][c + 1], weights[i], second);
  };
  int64_t j = 0;
  for (; j + 2 <= n_rows; j += 2) {
    __m512bh weights[R];
    JAJU_UNROLL for (int i = 0; i < R; ++i) {
      int32_t pair;
      __builtin_memcpy(&pair, a + i * a_stride + j, sizeof pair);
      weights[i] = as_bf16(_mm512_set1_epi32(pair));
    }
    JAJU_UNROLL for (int c = 0; c < kVectors; c += 2) step(c, row(j, c), row(j + 1, c), weights);
  }
  if (j < n_rows) {
    __m512bh weights[R];
    JAJU_UNROLL for (int i = 0; i < R; ++i) weights[i] = as_bf16(_mm512_set1_epi32(a[i * a_stride + j]));
    JAJU_UNROLL for (int c = 0; c < kVectors; c += 2) step(c, row(j, c), _mm512_setzero_si512(), weights);
  }
  JAJU_UNROLL for (int i = 0; i < R; ++i) {
    JAJU_UNROLL for (int c = 0; c < kVectors; ++c) {
      float* const to = out + i * out_stride + c * 16;
      const int64_t left = width - c * 16;
      if (Full || left >= 16) {
        _mm512_storeu_ps(to, acc[i][c]);
      } else if (left > 0) {
        _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << left) - 1), acc[i][c]);
      }
    }
  }
}

// Some columns for all inputs, which go in groups of equal size.
template <int kVectors, bool Full>
inline void weigh_columns(const uint16_t* b, int64_t b_stride, int64_t n_rows, int64_t width,
                          const uint16_t* a, int64_t a_stride, int64_t n, const float* keep, float* out,
                          int64_t out_stride) {
  const int64_t groups = (n + kWeighInputs - 1) / kWeighInputs;
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t i = n * g / groups;
    const auto run = [&](auto tile) {
      tile(b, b_stride, n_rows, width, a + i * a_stride, a_stride, keep == nullptr ? nullptr : keep + i,
           out + i * out_stride, out_stride);
    };
    switch (n * (g + 1) / groups - i) {
      case 1:
        run(weigh_tile<1, kVectors, Full>);
        break;
      case 2:
        run(weigh_tile<2, kVectors, Full>);
        break;
      case 3:
        run(weigh_tile<3, kVectors, Full>);
        break;
      case 4:
        run(weigh_tile<4, kVectors, Full>);
        break;
      case 5:
        run(weigh_tile<5, kVectors, Full>);
        break;
      default:
        run(weigh_tile<kWeighInputs, kVectors, Full>);
        break;
    }
  }
}

}  // namespace

void round_row(const float* from, int64_t n, uint16_t* to) {
  int64_t k = 0;
  for (; k + 16 <= n; k += 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + k),
                        as_bits(_mm512_cvtneps_pbh(_mm512_loadu_ps(from + k))));
  }
  if (k == n) return;
  const auto mask = static_cast<__mmask16>((1u << (n - k)) - 1);
  _mm256_mask_storeu_epi16(to + k, mask, as_bits(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from + k))));
}

void widen_codes(const int8_t* codes, const uint16_t* scales, int64_t n, uint16_t* to) {
  const __m512i upper_half = _mm512_set1_epi32(static_cast<int32_t>(0xffff0000u));
  const auto widen = [&](int64_t k) {
    const auto scale = static_cast<int16_t>(scales[k / kPair]);
    const __m512 factor = _mm512_castsi512_ps(_mm512_and_si512(_mm512_set1_epi16(scale), upper_half));
    const auto half = [&](int64_t at) {
      const __m128i c = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + at));
      return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(c)), factor);
    };
    const __m512bh both = _mm512_cvtne2ps_pbh(half(k + kPair / 2), half(k));
    __m512i bits;
    __builtin_memcpy(&bits, &both, sizeof bits);
    return bits;
  };
  int64_t k = 0;
  for (; k + kPair <= n; k += kPair) _mm512_storeu_si512(to + k, widen(k));
  if (k < n) _mm512_mask_storeu_epi16(to + k, static_cast<__mmask32>((1ull << (n - k)) - 1), widen(k));
}

namespace {

// Whole tiles of R rows from row r on; returns the row behind them. Inputs go in groups of equal size, at
// most kTileInputs. `next`: as for dot_rows.
template <int R>
inline int64_t dot_tiles(const uint16_t* w, int64_t w_stride, int64_t r, int64_t n_rows, int64_t cols,
                         const uint16_t* const* x, int64_t n, float* out, int64_t out_stride,
                         const uint16_t* next) {
  const int64_t tile_bytes = R * w_stride * static_cast<int64_t>(sizeof(uint16_t));
  const int64_t rows_ahead = (kAheadBytes + tile_bytes - 1) / tile_bytes * R;
  const int64_t groups = (n + kTileInputs - 1) / kTileInputs;
  for (; r + R <= n_rows; r += R) {
    const uint16_t* const rows = w + r * w_stride;
    const int64_t to_fetch = r + rows_ahead;
    const uint16_t* const ahead = (to_fetch < n_rows ? w : next - n_rows * w_stride) + to_fetch * w_stride;
    if (groups == 1) {
      dot_inputs<R, R>(rows, w_stride, cols, x, n, out + r, out_stride, ahead);
      continue;
    }
    if constexpr (R == kTileRows) {
      // The groups share the fetching, so that memory is asked all the time.
      for (int64_t g = 0; g < groups; ++g) {
        const int64_t i = n * g / groups;
        const int64_t count = n * (g + 1) / groups - i;
        const int64_t first = R * g / groups;
        const auto run = [&](auto tile) {
          tile(rows, w_stride, cols, x + i, count, out + i * out_stride + r, out_stride,
               ahead + first * w_stride);
        };
        switch (R * (g + 1) / groups - first) {
          case 0:
            run(dot_inputs<R, 0>);
            break;
          case 1:
            run(dot_inputs<R, 1>);
            break;
          default:
            run(dot_inputs<R, 2>);
            break;
        }
      }
    }
  }
  return r;
}

}  // namespace

void dot_rows(const uint16_t* w, int64_t w_stride, int64_t n_rows, int64_t cols, const uint16_t* const* x,
              int64_t n, float* out, int64_t out_stride, const uint16_t* next) {
  if (next == nullptr) next = w + n_rows * w_stride;
  // Eight rows a multiple of 4 KiB apart would fight for the eight places of a set.
  const bool tall = n <= kTallInputs && w_stride * static_cast<int64_t>(sizeof(uint16_t)) % 4096 != 0;
  int64_t r = 0;
  if (tall) r = dot_tiles<kTallRows>(w, w_stride, r, n_rows, cols, x, n, out, out_stride, next);
  r = dot_tiles<kTileRows>(w, w_stride, r, n_rows, cols, x, n, out, out_stride, next);
  for (; r < n_rows; ++r) {
    for (int64_t i = 0; i < n; i += kTileInputs) {
      const int64_t count = n - i < kTileInputs ? n - i : kTileInputs;
      dot_inputs<1, 0>(w + r * w_stride, w_stride, cols, x + i, count, out + i * out_stride + r, out_stride,
                       nullptr);
    }
  }
}

// Columns outside: those of a tile stay in the first-level cache until all inputs have passed.
void weigh_rows(const uint16_t* b, int64_t b_stride, int64_t n_rows, int64_t width, const uint16_t* a,
                int64_t a_stride, int64_t n, const float* keep, float* out, int64_t out_stride) {
  constexpr int64_t kWide = kWeighVectors * 16;
  int64_t k = 0;
  for (; k + kWide <= width; k += kWide) {
    weigh_columns<kWeighVectors, true>(b + k, b_stride, n_rows, kWide, a, a_stride, n, keep, out + k,
                                       out_stride);
  }
  for (; k < width; k += kPair) {
    weigh_columns<2, false>(b + k, b_stride, n_rows, width - k, a, a_stride, n, keep, out + k, out_stride);
  }
}

}  // namespace jaju::bf16dot
