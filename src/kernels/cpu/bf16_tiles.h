// Products of bf16 matrices on AMX tiles, for attention (mla_expanded.h, mla_absorbed.h), compiled with their
// own flags; call only where uses_bf16_tiles() (ops.h).
//
// Every output adds 32 terms at a time in f32, even and odd ones apart, upwards, whatever the rows and columns
// around it: its bits depend on its own row and column alone. Subnormals count as zero.
#pragma once

#include <cstdint>

namespace jaju::bf16tiles {

constexpr int64_t kSide = 16;   // rows, or columns, of a tile
constexpr int64_t kDepth = 32;  // terms of one instruction

// Gives the calling thread its tiles for as long as it lives: needed by multiply and weigh_rows.
class Tiles {
 public:
  Tiles();
  ~Tiles();
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

// A right-hand side (depth, cols) in the unit's order: depth * cols values, 64 bytes aligned, tiles of 32 x
// 16 one below the other, then those of the next 16 columns. depth: a multiple of 32; cols: of 16.

// b[k][c] = from[c * stride + k].
void pack_columns(const uint16_t* from, int64_t stride, int64_t cols, int64_t depth, uint16_t* to);
// b[k][c] = from[k * stride + c], rounded, for k < rows, and 0 for the rows to the next multiple of 32.
void pack_rows(const float* from, int64_t stride, int64_t rows, int64_t cols, uint16_t* to);

// c[i][j] = a[i] . b[][j], added to what is there if `add`, for `rows` rows, a multiple of 16; what stands in
// rows of `a` that mean nothing decides only the same rows of c. next: rows a_stride apart, as many, that are
// fetched meanwhile, or null.
void multiply(const uint16_t* a, int64_t a_stride, int64_t rows, const uint16_t* b, int64_t depth,
              int64_t cols, float* c, int64_t c_stride, bool add, const uint16_t* next = nullptr);

// out[i][k] = keep[i] * out[i][k] + sum_j a[i][j] b[j][k] for n inputs (a multiple of 16), j < n_rows <= 64
// and k < width (a multiple of 64). Rows of `a` are 64 values, zeros from n_rows on. keep null: from zero.
void weigh_rows(const uint16_t* b, int64_t b_stride, int64_t n_rows, int64_t width, const uint16_t* a,
                int64_t n, const float* keep, float* out, int64_t out_stride);

// to[c][r] = from[r][c] rounded, for 64 rows and 16 columns; rows of `to` are 64 values.
void round_transposed(const float* from, int64_t stride, uint16_t* to);

}  // namespace jaju::bf16tiles
