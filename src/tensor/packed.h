// Quantised matrices in the order the kernels read them: made once by `jaju pack`, mapped and used as they
// are.
//
// A panel is 16 rows (outputs) of a matrix, all columns: 16 f32 row factors, then blocks from left to right.
// A block is 64 columns of a panel; a group is 16 columns of one row, and has a scale. Panels follow one
// another from top to bottom. Bytes of a block:
//
//   64 bytes of scales, int8: 16 of the first group (row 0 .. 15), then those of the other three
//   the codes of the first 32 columns, then those of the last 32; a step is 4 columns of 16 rows, 8 steps a
//   half:
//     q8  8 vectors of 64 bytes: vector s is step s, byte 4 * row + column
//         value = code - 128, never -128
//     q6  4 vectors of low 4 bits, as q4's; then 2 vectors of high 2 bits: bits 2j, 2j + 1 of vector u belong
//         to step 4 u + j
//         value = 2 u - clamp(u, -kQ6Knee, kQ6Knee), u = code - 32
//     q4  4 vectors: low nibbles of vector v are step v, high nibbles step v + 4
//         value = kQ4Values[code]
//
// weight = row factor * (scale * |scale|) * value.
//
// 16 rows side by side fill the 16 lanes of an AVX-512 dot product of bytes (VNNI), or the 16 columns of an
// AMX tile: nothing is summed across lanes, and a scale is one load. Rows that are missing to a whole panel
// have factor 0, groups that are missing to a whole block have scale 0; what stands in a group beyond the
// last column means nothing.
//
// Why so. Groups of 16 with scales of 8 bits take what groups of 32 with an f16 take, and halve the range a
// code must cover: that is what lets q4 and q6 go below the error of Q4_K and Q6_K, which groups of 32 cannot
// (quantize_test.cc has the figures). Squares of scales because the groups of a row differ: steps near a
// row's typical group are 2 %, and the smallest scale is a 16,129th of the largest. Signed, because q4's and
// q6's values lean to one side, and turning them round is one more choice for the search. q6's values are
// twice as far apart beyond the knee, where there are fewer weights.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace jaju {

enum class Scheme : uint8_t { none, q8, q6, q4 };

constexpr int64_t kPanelRows = 16;
constexpr int64_t kGroupCols = 16;  // that share a scale
constexpr int64_t kBlockCols = 64;
constexpr int64_t kPanelHeaderBytes = 4 * kPanelRows;  // the row factors

// Lloyd-Max levels for groups with the scale (of either sign) that suits each best: from 127 (0.6 u + 0.4
// u^3), u even steps from -1 to 0.93, groups choose scales and values, levels become the mean of what chose
// them weighted by the scale squared, 30 times; then rounded. Trained on 131,072 values, half of them normal,
// the others of Student's t with 4 degrees and normal with 1 % eight times as large, of like errors. (Normal
// values alone would ask for wider inner steps: 4 % less error on themselves, 7 and 16 % more on the other
// two.)
constexpr std::array<int8_t, 16> kQ4Values = {-127, -105, -80, -61, -44, -29, -16, -6,
                                              2,    11,   22,  34,  47,  63,  82,  111};
// From one to the other end of the normal, heavy-tailed and outlier matrices of quantize_test.cc 16 to 20
// differ by little; without a knee their errors are 15 to 60 % larger.
constexpr int kQ6Knee = 18;

constexpr std::string_view name_of(Scheme scheme) {
  switch (scheme) {
    case Scheme::q8:
      return "q8";
    case Scheme::q6:
      return "q6";
    case Scheme::q4:
      return "q4";
    case Scheme::none:
      break;
  }
  return "none";
}

constexpr std::array kSchemes = {Scheme::q8, Scheme::q6, Scheme::q4};
constexpr std::optional<Scheme> scheme_named(std::string_view name) {
  for (const Scheme scheme : kSchemes) {
    if (name_of(scheme) == name) return scheme;
  }
  return std::nullopt;
}

// Bits of a code.
constexpr int64_t code_bits(Scheme scheme) {
  return scheme == Scheme::q8 ? 8 : scheme == Scheme::q6 ? 6 : scheme == Scheme::q4 ? 4 : 0;
}
// 1,088, 832 or 576: 8.5, 6.5 or 4.5 bits a weight.
constexpr int64_t block_bytes(Scheme scheme) {
  return kPanelRows * kBlockCols / kGroupCols + kPanelRows * kBlockCols * code_bits(scheme) / 8;
}
constexpr int64_t panel_bytes(Scheme scheme, int64_t cols) {
  return kPanelHeaderBytes + (cols + kBlockCols - 1) / kBlockCols * block_bytes(scheme);
}
constexpr int64_t packed_bytes(Scheme scheme, int64_t rows, int64_t cols) {
  return (rows + kPanelRows - 1) / kPanelRows * panel_bytes(scheme, cols);
}

// What a code stands for, at most 127 in magnitude.
constexpr int code_value(Scheme scheme, int code) {
  if (scheme == Scheme::q8) return code - 128;
  if (scheme == Scheme::q4) return kQ4Values[static_cast<size_t>(code)];
  const int u = code - 32;
  return 2 * u - (u < -kQ6Knee ? -kQ6Knee : u > kQ6Knee ? kQ6Knee : u);
}

// Where a code lies: bits [shift, shift + bits) of a byte of its block. q6 has two places, for 4 bits and
// for 2.
struct CodePlace {
  int64_t byte = 0;
  int shift = 0;
};
constexpr CodePlace low_bits_at(Scheme scheme, int64_t row, int64_t col) {  // row < 16, col < 64
  const int64_t half = 64 + col / 32 * (kPanelRows * 32 * code_bits(scheme) / 8);
  const int64_t step = col % 32 / 4;
  const int64_t lane = 4 * row + col % 4;
  if (scheme == Scheme::q8) return {half + 64 * step + lane, 0};
  return {half + 64 * (step % 4) + lane, static_cast<int>(4 * (step / 4))};
}
constexpr CodePlace high_bits_at(int64_t row, int64_t col) {  // q6
  const int64_t half = 64 + col / 32 * (kPanelRows * 32 * 6 / 8);
  const int64_t step = col % 32 / 4;
  return {half + 4 * 64 + 64 * (step / 4) + 4 * row + col % 4, static_cast<int>(2 * (step % 4))};
}

// The weight at row r, column c of a packed matrix of `cols` columns. Exact but for one rounding.
inline float packed_at(Scheme scheme, const void* panels, int64_t cols, int64_t r, int64_t c) {
  const auto* const panel = static_cast<const uint8_t*>(panels) + r / kPanelRows * panel_bytes(scheme, cols);
  const int64_t row = r % kPanelRows;
  const int64_t col = c % kBlockCols;
  float factor;
  std::memcpy(&factor, panel + 4 * row, 4);
  const uint8_t* const block = panel + kPanelHeaderBytes + c / kBlockCols * block_bytes(scheme);
  const int scale = static_cast<int8_t>(block[col / kGroupCols * kPanelRows + row]);
  const CodePlace low = low_bits_at(scheme, row, col);
  int code = block[low.byte] >> low.shift & (scheme == Scheme::q8 ? 0xff : 0xf);
  if (scheme == Scheme::q6) {
    const CodePlace high = high_bits_at(row, col);
    code |= (block[high.byte] >> high.shift & 3) << 4;
  }
  return factor * static_cast<float>(scale * (scale < 0 ? -scale : scale) * code_value(scheme, code));
}

}  // namespace jaju
