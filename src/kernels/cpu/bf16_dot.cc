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

// Same order for every tile: one accumulator an output, k upwards, lanes summed at the end.
template <int R, int C>
inline void tile(const Matrix& w, int64_t r, const uint16_t* const* x, float* out, int64_t out_stride) {
  const int64_t cols = w.cols;
  const uint16_t* rows[R];
  for (int a = 0; a < R; ++a) rows[a] = static_cast<const uint16_t*>(w.row(r + a));
  __m512 acc[R][C];
  for (int a = 0; a < R; ++a) {
    for (int c = 0; c < C; ++c) acc[a][c] = _mm512_setzero_ps();
  }
  int64_t k = 0;
  for (; k + kLanes <= cols; k += kLanes) {
    __m512bh weights[R];
    for (int a = 0; a < R; ++a) weights[a] = as_bf16(_mm512_loadu_si512(rows[a] + k));
    for (int c = 0; c < C; ++c) {
      const __m512bh input = as_bf16(_mm512_loadu_si512(x[c] + k));
      for (int a = 0; a < R; ++a) acc[a][c] = _mm512_dpbf16_ps(acc[a][c], weights[a], input);
    }
  }
  if (k < cols) {
    const auto mask = static_cast<__mmask32>((1ull << (cols - k)) - 1);
    __m512bh weights[R];
    for (int a = 0; a < R; ++a) weights[a] = as_bf16(_mm512_maskz_loadu_epi16(mask, rows[a] + k));
    for (int c = 0; c < C; ++c) {
      const __m512bh input = as_bf16(_mm512_maskz_loadu_epi16(mask, x[c] + k));
      for (int a = 0; a < R; ++a) acc[a][c] = _mm512_dpbf16_ps(acc[a][c], weights[a], input);
    }
  }
  for (int c = 0; c < C; ++c) {
    for (int a = 0; a < R; ++a) out[c * out_stride + a] = _mm512_reduce_add_ps(acc[a][c]);
  }
}

template <int R>
inline void inputs(const Matrix& w, int64_t r, const uint16_t* const* x, int64_t n, float* out,
                   int64_t stride) {
  for (; n >= kTileInputs; x += kTileInputs, n -= kTileInputs, out += kTileInputs * stride) {
    tile<R, kTileInputs>(w, r, x, out, stride);
  }
  if (n >= 4) {
    tile<R, 4>(w, r, x, out, stride);
    x += 4, n -= 4, out += 4 * stride;
  }
  if (n >= 2) {
    tile<R, 2>(w, r, x, out, stride);
    x += 2, n -= 2, out += 2 * stride;
  }
  if (n == 1) tile<R, 1>(w, r, x, out, stride);
}

}  // namespace

void dot_block(const Matrix& w, int64_t r0, int64_t r1, const uint16_t* const* x, int64_t n, float* out,
               int64_t out_stride) {
  int64_t r = r0;
  for (; r + kTileRows <= r1; r += kTileRows) inputs<kTileRows>(w, r, x, n, out + (r - r0), out_stride);
  for (; r < r1; ++r) inputs<1>(w, r, x, n, out + (r - r0), out_stride);
}

}  // namespace jaju::bf16dot
