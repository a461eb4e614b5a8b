#include "kernels/cpu/bf16_dot.h"

#include <immintrin.h>

namespace jaju::bf16dot {
namespace {

constexpr int kLanes = 32;
constexpr int kTileRows = 4;
constexpr int kTileInputs = 6;

inline __m512bh as_bf16(__m512i v) {
  __m512bh out;
  __builtin_memcpy(&out, &v, sizeof out);
  return out;
}

// Columns per pass when there are several inputs: 24 inputs of 512 bf16 are 24 KB, within the first-level
// cache.
constexpr int64_t kColBlock = 512;
constexpr int64_t kInputBlock = 24;
constexpr int64_t kRowBlock = 32;
constexpr int64_t kBlockedInputs = 4;
constexpr int64_t kStateLanes = 16;

// Columns [k0, k1) of a tile. The accumulators, one an output, wait in `state` between column blocks and are
// summed across lanes at the end: the same order for every tile and blocking.
template <int R, int C>
inline void tile(const Matrix& w, int64_t r, const uint16_t* const* x, int64_t k0, int64_t k1, float* state,
                 float* out, int64_t out_stride) {
  const uint16_t* rows[R];
  for (int a = 0; a < R; ++a) rows[a] = static_cast<const uint16_t*>(w.row(r + a));
  __m512 acc[R][C];
  for (int a = 0; a < R; ++a) {
    for (int c = 0; c < C; ++c) {
      acc[a][c] = k0 == 0 ? _mm512_setzero_ps() : _mm512_loadu_ps(state + (c * R + a) * kStateLanes);
    }
  }
  int64_t k = k0;
  for (; k + kLanes <= k1; k += kLanes) {
    __m512bh weights[R];
    for (int a = 0; a < R; ++a) weights[a] = as_bf16(_mm512_loadu_si512(rows[a] + k));
    for (int c = 0; c < C; ++c) {
      const __m512bh input = as_bf16(_mm512_loadu_si512(x[c] + k));
      for (int a = 0; a < R; ++a) acc[a][c] = _mm512_dpbf16_ps(acc[a][c], weights[a], input);
    }
  }
  if (k < k1) {
    const auto mask = static_cast<__mmask32>((1ull << (k1 - k)) - 1);
    __m512bh weights[R];
    for (int a = 0; a < R; ++a) weights[a] = as_bf16(_mm512_maskz_loadu_epi16(mask, rows[a] + k));
    for (int c = 0; c < C; ++c) {
      const __m512bh input = as_bf16(_mm512_maskz_loadu_epi16(mask, x[c] + k));
      for (int a = 0; a < R; ++a) acc[a][c] = _mm512_dpbf16_ps(acc[a][c], weights[a], input);
    }
  }
  for (int c = 0; c < C; ++c) {
    for (int a = 0; a < R; ++a) {
      if (k1 == w.cols) {
        out[c * out_stride + a] = _mm512_reduce_add_ps(acc[a][c]);
      } else {
        _mm512_storeu_ps(state + (c * R + a) * kStateLanes, acc[a][c]);
      }
    }
  }
}

template <int R>
inline void inputs(const Matrix& w, int64_t r, const uint16_t* const* x, int64_t n, int64_t k0, int64_t k1,
                   float* state, float* out, int64_t stride) {
  const auto advance = [&](int64_t c) {
    x += c;
    n -= c;
    state += c * R * kStateLanes;
    out += c * stride;
  };
  for (; n >= kTileInputs; advance(kTileInputs)) tile<R, kTileInputs>(w, r, x, k0, k1, state, out, stride);
  if (n >= 4) {
    tile<R, 4>(w, r, x, k0, k1, state, out, stride);
    advance(4);
  }
  if (n >= 2) {
    tile<R, 2>(w, r, x, k0, k1, state, out, stride);
    advance(2);
  }
  if (n == 1) tile<R, 1>(w, r, x, k0, k1, state, out, stride);
}

// At most kRowBlock rows.
inline void row_block(const Matrix& w, int64_t r0, int64_t r1, const uint16_t* const* x, int64_t n,
                      float* out, int64_t out_stride) {
  alignas(64) float state[kRowBlock * kInputBlock * kStateLanes];
  const int64_t block = n >= kBlockedInputs ? kColBlock : w.cols;
  for (int64_t k0 = 0; k0 < w.cols; k0 += block) {
    const int64_t k1 = k0 + block < w.cols ? k0 + block : w.cols;
    int64_t r = r0;
    for (; r + kTileRows <= r1; r += kTileRows) {
      inputs<kTileRows>(w, r, x, n, k0, k1, state + (r - r0) * kInputBlock * kStateLanes, out + (r - r0),
                        out_stride);
    }
    for (; r < r1; ++r) {
      inputs<1>(w, r, x, n, k0, k1, state + (r - r0) * kInputBlock * kStateLanes, out + (r - r0), out_stride);
    }
  }
}

}  // namespace

void dot_block(const Matrix& w, int64_t r0, int64_t r1, const uint16_t* const* x, int64_t n, float* out,
               int64_t out_stride) {
  for (int64_t r = r0; r < r1; r += kRowBlock) {
    row_block(w, r, r + kRowBlock < r1 ? r + kRowBlock : r1, x, n, out + (r - r0), out_stride);
  }
}

}  // namespace jaju::bf16dot
