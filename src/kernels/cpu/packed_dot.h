// Products of packed matrices (tensor/packed.h) with inputs in int8: for AVX2, for AVX-VNNI, for AVX-512 VNNI
// and for AMX, each in a file with its own flags and a namespace of its own; call only what the CPU has. All
// give the same bits.
//
// An input row is cut in pieces of 256 columns, each with the scale that makes its largest magnitude 127. A
// dot product adds the products of a group of 16 columns in int32, exactly; the groups of a piece in f32,
// each times its weight scale, by fused multiply-adds from left to right; the pieces so too, each times its
// input scale; and multiplies by the row factor. q4i adds the products of 64 columns in int32, group scales
// included, and those of a piece in f32, each times its block scale. Nothing else decides an output's bits:
// not the rows, inputs or threads around it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/packed.h"

namespace jaju::packed_dot {

constexpr int64_t kPieceCols = 256;
// What makes weights unsigned: added to all values but those of q6, whose least is 2 * -32 + kQ6Knee.
constexpr int32_t kAdded = 128;
constexpr int32_t kQ6Added = 64 - kQ6Knee;
// To q4i's levels, where they are multiplied without their group's scale.
constexpr int32_t kLevelAdded = 16;
// Of a piece: 256 codes, padded with zeros; then for each group of 16, as int32, minus its sum of codes times
// what is added to weights; then the scale; then minus sums of codes times what is added for q4i: of each
// block with kAdded as int32, of each group with half of kLevelAdded as int16.
constexpr int64_t kOffsetsAt = 256;
constexpr int64_t kQ6OffsetsAt = 320;
constexpr int64_t kScaleAt = 384;
constexpr int64_t kBlockOffsetsAt = 400;
constexpr int64_t kLevelOffsetsAt = 416;
constexpr int64_t kPieceBytes =
    448;  // an odd number of cache lines: pieces of several rows fall in different sets

// Bytes of an input row, and from one to the next: an odd number of cache lines. At most what the row takes
// in f32, see staggered_stride.
constexpr int64_t row_bytes(int64_t cols) {
  return (cols + kPieceCols - 1) / kPieceCols * kPieceBytes;
}
constexpr int64_t row_stride(int64_t cols) {
  return row_bytes(cols) | 64;
}

// Inputs of one call of dot_panels: at most this many.
constexpr int64_t kMaxInputs = 96;

struct Panels {
  Scheme scheme;
  const std::byte* first;
  int64_t bytes;  // of one
  int64_t rows;   // of all; the last panel may have fewer than 16
  int64_t cols;
};

struct Kernels {
  // Quantises a row of `cols` values to row_bytes(cols) bytes at `to`, which may be where the row starts. A
  // piece whose largest magnitude is below 2^-100 becomes 0; NaN or infinity makes all outputs NaN.
  void (*quantize_row)(const float* from, int64_t cols, std::byte* to);
  // out[i * out_stride + r] = W[r] . x[i] for n inputs.
  void (*dot_panels)(const Panels& w, const std::byte* const* x, int64_t n, float* out, int64_t out_stride);
};

}  // namespace jaju::packed_dot

namespace jaju::packed_avx2 {
extern const packed_dot::Kernels kKernels;
}
namespace jaju::packed_avx_vnni {
extern const packed_dot::Kernels kKernels;
}
namespace jaju::packed_vnni {
extern const packed_dot::Kernels kKernels;
// For packed_amx.cc: blocks [b0, b1) of a panel of q4i, of each its 16 steps as 64 signed bytes, group scales
// included, then the scales of its 16 rows. `to` at a multiple of 64 bytes.
void unpack_blocks(const std::byte* panel, int64_t b0, int64_t b1, std::byte* to);
}  // namespace jaju::packed_vnni
namespace jaju::packed_vbmi {
// A block of q4i: its 16 steps as 64 bytes each, group scales included, to which kAdded is added, or as they
// are. `to` at a multiple of 64 bytes.
void unpack_products(const std::byte* block, std::byte* to);
void unpack_signed_products(const std::byte* block, std::byte* to);
}  // namespace jaju::packed_vbmi
namespace jaju::packed_amx {
extern const packed_dot::Kernels kKernels;
}
