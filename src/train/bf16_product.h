// bf16 matrix products on AMX tiles (Sapphire Rapids and later) or AVX-512 BF16 dot products (Cooper Lake,
// Zen 4 and later): the shapes of a small model are short, many and never the same twice, so a library that
// compiles code per shape spends its time doing that.
//
// Single-threaded pieces; the callers split rows over threads. Matrices are row-major bf16; strides count
// elements. Sums are f32. Works for any size: tails are padded inside. One packed order serves both
// instruction sets.
#pragma once

#include <cstdint>

namespace jaju::train {

enum class Bf16Isa { none, avx512, amx };  // each can what the ones before it can

// The best this CPU has and the system lets the process use (asked once), or less when limited.
Bf16Isa bf16_isa();
// For tests: use no more than this.
void limit_bf16_isa(Bf16Isa most);

// Nothing below may be called while bf16_isa() is none.

// A right-hand side (depth, cols) in packed order: elements of its buffer.
inline int64_t bf16_packed_size(int64_t depth, int64_t cols) {
  return (depth + 31) / 32 * 32 * ((cols + 15) / 16 * 16);
}
// From `from` (depth, cols).
void bf16_pack(const uint16_t* from, int64_t stride, int64_t depth, int64_t cols, uint16_t* packed);
// From `from` (cols, depth): the right-hand side is its transpose.
void bf16_pack_transposed(const uint16_t* from, int64_t stride, int64_t depth, int64_t cols,
                          uint16_t* packed);

struct Bf16Product {
  int64_t rows = 0, cols = 0, depth = 0;
  const uint16_t* a = nullptr;  // (rows, depth)
  int64_t a_stride = 0;
  const uint16_t* packed = nullptr;  // (depth, cols)
  uint16_t* out_bf16 = nullptr;      // one of the two
  float* out_f32 = nullptr;
  int64_t out_stride = 0;
  bool add = false;  // out_f32 += instead of =
};
void bf16_multiply(const Bf16Product& product);

// out (cols, rows rounded up to 32) = transpose of from (rows, cols); the columns behind `rows` become zero.
void bf16_transpose(const uint16_t* from, int64_t stride, int64_t rows, int64_t cols, uint16_t* out,
                    int64_t out_stride);

}  // namespace jaju::train
