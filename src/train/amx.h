// bf16 matrix products on AMX tiles (Sapphire Rapids and later): the shapes of a small model are short, many
// and never the same twice, so a library that compiles code per shape spends its time doing that.
//
// Single-threaded pieces; the callers split rows over threads. Matrices are row-major bf16; strides count
// elements. Sums are f32. Works for any size: tails are padded inside.
#pragma once

#include <cstdint>

namespace jaju::train {

// Whether this CPU has AMX-BF16 and the system lets the process use it (asked once).
bool amx_ready();
// Off: amx_ready() says no, so that tests reach the other path.
void allow_amx(bool on);

// A right-hand side (depth, cols) in tile order: elements of its buffer.
inline int64_t amx_packed_size(int64_t depth, int64_t cols) {
  return (depth + 31) / 32 * 32 * ((cols + 15) / 16 * 16);
}
// From `from` (depth, cols).
void amx_pack(const uint16_t* from, int64_t stride, int64_t depth, int64_t cols, uint16_t* packed);
// From `from` (cols, depth): the right-hand side is its transpose.
void amx_pack_transposed(const uint16_t* from, int64_t stride, int64_t depth, int64_t cols, uint16_t* packed);

struct AmxProduct {
  int64_t rows = 0, cols = 0, depth = 0;
  const uint16_t* a = nullptr;  // (rows, depth)
  int64_t a_stride = 0;
  const uint16_t* packed = nullptr;  // (depth, cols)
  uint16_t* out_bf16 = nullptr;      // one of the two
  float* out_f32 = nullptr;
  int64_t out_stride = 0;
  bool add = false;  // out_f32 += instead of =
};
void amx_multiply(const AmxProduct& product);

// out (cols, rows rounded up to 32) = transpose of from (rows, cols); the columns behind `rows` become zero.
void amx_transpose(const uint16_t* from, int64_t stride, int64_t rows, int64_t cols, uint16_t* out,
                   int64_t out_stride);

}  // namespace jaju::train
