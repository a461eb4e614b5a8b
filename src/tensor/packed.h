// Quantised matrices in the order the kernels read them: made once by `jaju pack`, mapped and used as they are.
//
// A panel is 16 rows (outputs) of a matrix, all columns; a block is 64 columns of a panel, in two groups of 32 columns.
// Each row of a group has one f16 scale. Bytes of a block, blocks of a panel from left to right, panels from top to bottom:
//
//   64 bytes of scales: 16 f16 for group 0 (row 0 .. 15), 16 f16 for group 1
//   the codes of group 0, then those of group 1; a step is 4 columns of 16 rows, 8 steps a group
//     q8   8 vectors of 64 bytes: vector s is step s, byte 4 * row + column                  value = code - 128
//     q6   4 vectors of low 4 bits, as q4's; then 2 vectors of high 2 bits: bits 2j, 2j + 1
//          of vector u belong to step 4 u + j                                               value = code - 32
//     q4   4 vectors: low nibbles of vector v are step v, high nibbles step v + 4           value = kQ4Values[code]
//
// weight = scale * value. 16 rows side by side fill the 16 lanes of an AVX-512 dot product of bytes (VNNI), or the 16 columns of an
// AMX tile: nothing is summed across lanes, and a scale is one load. Rows and columns that are missing to whole blocks are
// padded: their scales are 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace jaju {

enum class Scheme : uint8_t { none, q8, q6, q4 };

constexpr int64_t kPanelRows = 16;
constexpr int64_t kGroupCols = 32;  // that share a scale
constexpr int64_t kBlockCols = 64;

constexpr std::string_view name_of(Scheme scheme) {
  switch (scheme) {
    case Scheme::q8: return "q8";
    case Scheme::q6: return "q6";
    case Scheme::q4: return "q4";
    case Scheme::none: break;
  }
  return "none";
}

// Bits of a code.
constexpr int64_t code_bits(Scheme scheme) {
  return scheme == Scheme::q8 ? 8 : scheme == Scheme::q6 ? 6 : scheme == Scheme::q4 ? 4 : 0;
}
// 1,088, 832 or 576: 8.5, 6.5 or 4.5 bits a weight.
constexpr int64_t block_bytes(Scheme scheme) {
  return 2 * kPanelRows * 2 + kPanelRows * kBlockCols * code_bits(scheme) / 8;
}
constexpr int64_t panel_bytes(Scheme scheme, int64_t cols) {
  return (cols + kBlockCols - 1) / kBlockCols * block_bytes(scheme);
}
constexpr int64_t packed_bytes(Scheme scheme, int64_t rows, int64_t cols) {
  return (rows + kPanelRows - 1) / kPanelRows * panel_bytes(scheme, cols);
}

}  // namespace jaju
