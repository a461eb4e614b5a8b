// Products of bf16 pairs (AVX-512 BF16: vdpbf16ps), compiled with its own flags; call only where the CPU has
// it.
//
// Every output is one accumulator (or one lane of one) that walks its terms upwards, whatever the tile around
// it: its bits depend on its own row and input alone.
#pragma once

#include <cstdint>

namespace jaju::bf16dot {

// Inputs of one call of dot_rows: at most this many.
constexpr int64_t kMaxInputs = 96;

// to[k] = from[k] rounded to bf16, nearest even; subnormals become zero, as they do in the products.
void round_row(const float* from, int64_t n, uint16_t* to);

// to[k] = codes[k] * scales[k / 32] rounded to bf16, for n int8 codes filled up to a multiple of 32 and bf16
// scales.
void widen_codes(const int8_t* codes, const uint16_t* scales, int64_t n, uint16_t* to);

// out[i * out_stride + r] = W[r] . x[i] for n_rows rows of `cols` values at w, w_stride values apart, and n
// inputs. Terms are added 32 at a time, lanes last. `next`: the rows that will be read after these, w_stride
// apart, whose first are fetched; null: those that lie behind them.
void dot_rows(const uint16_t* w, int64_t w_stride, int64_t n_rows, int64_t cols, const uint16_t* const* x,
              int64_t n, float* out, int64_t out_stride, const uint16_t* next = nullptr);

// out[i][k] = keep[i] * out[i][k] + sum_j a[i][j] b[j][k] for n inputs, j < n_rows, k < width; pairs of j
// upwards. keep null: starts from zero.
void weigh_rows(const uint16_t* b, int64_t b_stride, int64_t n_rows, int64_t width, const uint16_t* a,
                int64_t a_stride, int64_t n, const float* keep, float* out, int64_t out_stride);

}  // namespace jaju::bf16dot
