// Products of rows rounded to 16 bits, for attention: pairs of int16 give CPUs without fast products of
// bf16 twice what f32 does, and round less than bf16 would.
//
// A row has parts, each rounded by itself: value = code * scale. Callers keep codes so small that no sum of
// products leaves 32 bits. Sums are whole numbers, the same in any order and on any CPU.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jaju::int16dot {

// What rows have in common, at a fixed distance: codes [latent | rope], and scales of both parts.
struct CodedRows {
  int16_t* codes = nullptr;  // rows latent + rope apart, at a multiple of 64 bytes
  float* latent_scales = nullptr;
  float* rope_scales = nullptr;
  int64_t latent = 0;  // columns of either, multiples of Kernels::columns
  int64_t rope = 0;

  int64_t width() const { return latent + rope; }
  int16_t* row(int64_t r) const { return codes + r * width(); }
  CodedRows from(int64_t r) const { return {row(r), latent_scales + r, rope_scales + r, latent, rope}; }
};

// Rows are multiplied four at a time: there is room for so many, whatever it holds.
constexpr int64_t kRowsAtOnce = 4;

// Memory that is fetched meanwhile.
struct Ahead {
  const std::byte* first = nullptr;
  int64_t bytes = 0;
};

struct Kernels {
  // Of one vector: rows and their parts are whole ones.
  int64_t columns;

  // n values, a multiple of columns, as codes of at most `most`; returns their scale: 0 where all are below
  // 2^-100, NaN where one is not finite. Within a vector codes have an order of the CPU's own, ...
  float (*round_row)(const float* values, int64_t n, int32_t most, int16_t* codes);
  float (*round_bf16_row)(const uint16_t* values, int64_t n, int32_t most, int16_t* codes);
  // ... or the order of the values.
  float (*round_in_order)(const float* values, int64_t n, int32_t most, int16_t* codes);
  // A matrix (n_rows, cols) by columns, each with a scale of its own; cols and order as in round_row.
  void (*round_columns)(const float* values, int64_t n_rows, int64_t cols, int32_t most, int16_t* codes,
                        float* scales);
  // weights[j] * scales[j] as codes of at most `most`, in their order, zeros behind them up to `room`;
  // returns their scale. Weights are not negative.
  float (*round_weights)(const float* weights, const float* scales, int64_t n, int32_t most, int64_t room,
                         int16_t* codes);

  // out[i * out_stride + r] = rows[r] . queries[i], for n_rows rows (and what is behind them up to a multiple
  // of kRowsAtOnce) and n queries.
  void (*dot)(const CodedRows& rows, int64_t n_rows, const CodedRows& queries, int64_t n, float* out,
              int64_t out_stride, const Ahead& ahead);

  // out[i][k] = keep[i] * out[i][k] + factors[i] * sum_j weights[i][j] codes[j][k] for n inputs, j < n_rows,
  // k < cols, a multiple of columns; codes are `stride` apart, in the order of round_row; weights are codes
  // in their order, `weights_stride` apart, 0 behind an odd n_rows, where a row more is read and must be
  // there. keep null: from zero.
  void (*weigh)(const int16_t* codes, int64_t stride, int64_t n_rows, int64_t cols, const int16_t* weights,
                int64_t weights_stride, int64_t n, const float* keep, const float* factors, float* out,
                int64_t out_stride);
};

extern const Kernels kAvx2;
extern const Kernels kAvxVnni;
extern const Kernels kVnni;  // AVX-512 VNNI

}  // namespace jaju::int16dot
