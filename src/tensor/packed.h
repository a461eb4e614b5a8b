// Quantised matrices in the order the kernels read them: made once by `jaju pack`, mapped and used as they
// are.
//
// A panel is 16 rows (outputs) of a matrix, all columns: 16 f32 row factors, then blocks from left to right.
// A block is 64 columns of a panel; a group is 16 columns of one row, and has a scale. Panels follow one
// another from top to bottom. Bytes of a block:
//
//   64 bytes of scales: 16 of the first group (row 0 .. 15), then those of the other three
//   the codes. A step is 4 columns of 16 rows; byte 4 * row + column of a vector of 64 bytes belongs to a
//   column of a step. q8, q6 and q4 have the codes of the first 32 columns, then those of the last 32, 8
//   steps each:
//     q8  8 vectors: vector s is step s
//         value = code - 128, never -128
//     q6  4 vectors of low 4 bits, as q4's; then 2 vectors of high 2 bits: bits 2j, 2j + 1 of vector u belong
//         to step 4 u + j
//         value = 2 u - clamp(u, -kQ6Knee, kQ6Knee), u = code - 32
//     q4  4 vectors: low nibbles of vector v are step v, high nibbles step v + 4
//         value = kQ4Values[code]
//     q4i  as q4
//         value = kQ4iLevels[code] * kQ4iSizes[of the group], an int8
//     mxfp4, nvfp4  as q4
//         value = kFp4Values[code]
//   q3 and q2 have a vector of pairs of bits for each of the 4 groups, bits 2s, 2s + 1 of a byte being step
//   s; q3 then 2 vectors of high bits, bit 4 (g % 2) + s of vector g / 2 being step s of group g. The 4 bytes
//   of a row, read as a number, are a ring of 16 pairs, and a code takes bits of the pair below (the lowest
//   those of the highest):
//     q3  code = high bit << 3 | pair << 1 | upper bit of the pair below
//         value = kQ3Values[code] + kQ3Offsets[of the group]
//     q2  code = pair << 2 | pair below
//         value = kQ2Values[code] + kQ2Offsets[of the group]
//
// weight = row factor * scale * value, where a byte of scales stands for
//   q8, q6, q4    b * |b|, b as int8
//   q3, q2        size * size, bits 0 to 3; minus that if bit 7 is set; bits 4 to 6: the offset's number
//   mxfp4, nvfp4  2^(b - 127), the same for 32 columns; E4M3, bit 7 not set
// and q4i has 32 bits for each row, row 0 .. 15: 16 of a scale that is the same for all 64 columns, a whole
// number; then 4 for each group, the number of its size in kQ4iSizes.
//
// 16 rows side by side fill the 16 lanes of an AVX-512 dot product of bytes (VNNI), or the 16 columns of an
// AMX tile: nothing is summed across lanes, and a scale is one load. Rows that are missing to a whole panel
// have factor 0, groups that are missing to a whole block have scale 0 (of q4i any); what stands beyond the
// last column means nothing, inputs are 0 there.
//
// Why so. Groups of 16 with scales of 8 bits take what groups of 32 with an f16 take, and halve the range a
// code must cover: that is what lets q4 and q6 go below the error of Q4_K and Q6_K, which groups of 32 cannot
// (quantize_test.cc has the figures). Squares of scales because the groups of a row differ: steps near a
// row's typical group are 2 %, and the smallest scale is a 16,129th of the largest. Signed, because q4's and
// q6's values lean to one side, and turning them round is one more choice for the search. q6's values are
// twice as far apart beyond the knee, where there are fewer weights.
//
// Why q3 and q2 look at the pair below: a weight chooses among 8 or 4 of 16 values, and its neighbour's
// choice tells which ones; the search finds the best walk round the ring (trellis coded quantisation,
// Marcellin and Fischer 1990). Kernels pay one rotation a group for a tenth less error. An offset does what
// Q2_K's minimum does, as one addition to bytes. Sign and offset are worth more than finer scales here.
//
// Why q4i beside q4: its weights are whole numbers in 8 bits for 64 columns at once, and sums over a group in
// 16, which q4's are not. So a product needs a conversion to f32 and a multiplication for 64 columns instead
// of 16, and without VNNI half the instructions; the error is between q4's and Q4_K's.
//
// mxfp4 and nvfp4 hold the numbers of a checkpoint that has them, to the bit.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "tensor/dtype.h"

namespace jaju {

// Hashes of models contain the numbers (runtime/model_hash.cc): new ones at the end.
enum class Scheme : uint8_t { none, q8, q6, q4, q3, q2, mxfp4, nvfp4, q4i };
constexpr Scheme kSchemes[] = {Scheme::q8, Scheme::q6, Scheme::q4,    Scheme::q4i,
                               Scheme::q3, Scheme::q2, Scheme::mxfp4, Scheme::nvfp4};

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

// Trained like kQ4Values, 8 times, from evenly spaced levels of which neighbours in the ring take turns and
// evenly spaced offsets, which became means of what was left over.
constexpr std::array<int8_t, 16> kQ3Values = {-94, -72, -31, -17, -58, -42, -13, -4,
                                              2,   12,  41,  59,  20,  33,  79,  113};
constexpr std::array<int8_t, 8> kQ3Offsets = {-12, -8, -4, -1, 2, 5, 9, 14};
constexpr std::array<int8_t, 16> kQ2Values = {-82, -26, -51, -71, -28, -6,  -13, -23,
                                              1,   27,  17,  8,   44,  103, 62,  49};
constexpr std::array<int8_t, 8> kQ2Offsets = {-23, -15, -9, -3, 3, 9, 15, 24};
// Found by annealing levels and sizes together on the three kinds of weights of quantize_test.cc, for the
// least mean of the errors as parts of Q4_K's. What came out has the form of q6's values, u being code - 8:
//   level = 2 u - clamp(u, -kQ4iKneeBelow, kQ4iKneeAbove)
constexpr int kQ4iKneeBelow = 4, kQ4iKneeAbove = 5;
constexpr std::array<int8_t, 16> kQ4iLevels = {-12, -10, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 9};
constexpr std::array<int8_t, 16> kQ4iSizes = {2, 4, 5, 6, 7, 8, 9, 10, -2, -4, -5, -6, -7, -8, -9, -10};
// What kernels count on: products fit in int8, sums of 16 levels times int8 in int16, and so do sums of 8
// levels that are made unsigned by adding 16.
constexpr int kQ4iMostLevel = 15;
// E2M1 (OCP Microscaling 1.0) times two.
constexpr std::array<int8_t, 16> kFp4Values = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

constexpr std::string_view name_of(Scheme scheme) {
  switch (scheme) {
    case Scheme::q8:
      return "q8";
    case Scheme::q6:
      return "q6";
    case Scheme::q4:
      return "q4";
    case Scheme::q4i:
      return "q4i";
    case Scheme::q3:
      return "q3";
    case Scheme::q2:
      return "q2";
    case Scheme::mxfp4:
      return "mxfp4";
    case Scheme::nvfp4:
      return "nvfp4";
    case Scheme::none:
      break;
  }
  return "none";
}

constexpr std::optional<Scheme> scheme_named(std::string_view name) {
  for (const Scheme scheme : kSchemes) {
    if (name_of(scheme) == name) return scheme;
  }
  return std::nullopt;
}

constexpr bool is_fp4(Scheme scheme) {
  return scheme == Scheme::mxfp4 || scheme == Scheme::nvfp4;
}
// Whose groups have whole numbers as scales, and blocks a scale of their own: q4i.
constexpr bool has_integer_groups(Scheme scheme) {
  return scheme == Scheme::q4i;
}
// q3 and q2, whose codes share bits.
constexpr bool has_trellis(Scheme scheme) {
  return scheme == Scheme::q3 || scheme == Scheme::q2;
}

// Bits a weight takes in the codes.
constexpr int64_t code_bits(Scheme scheme) {
  switch (scheme) {
    case Scheme::q8:
      return 8;
    case Scheme::q6:
      return 6;
    case Scheme::q4:
    case Scheme::q4i:
    case Scheme::mxfp4:
    case Scheme::nvfp4:
      return 4;
    case Scheme::q3:
      return 3;
    case Scheme::q2:
      return 2;
    case Scheme::none:
      break;
  }
  return 0;
}
// 1,088, 832, 576, 448 or 320: 8.5, 6.5, 4.5, 3.5 or 2.5 bits a weight.
constexpr int64_t block_bytes(Scheme scheme) {
  return kPanelRows * kBlockCols / kGroupCols + kPanelRows * kBlockCols * code_bits(scheme) / 8;
}
constexpr int64_t panel_bytes(Scheme scheme, int64_t cols) {
  return kPanelHeaderBytes + (cols + kBlockCols - 1) / kBlockCols * block_bytes(scheme);
}
constexpr int64_t packed_bytes(Scheme scheme, int64_t rows, int64_t cols) {
  return (rows + kPanelRows - 1) / kPanelRows * panel_bytes(scheme, cols);
}

// Codes there are: those of q3 and q2 have 4 bits, some of them a neighbour's.
constexpr int n_codes(Scheme scheme) {
  return scheme == Scheme::q8 ? 256 : scheme == Scheme::q6 ? 64 : 16;
}
// What a code stands for without its group's offset or size.
constexpr int code_value(Scheme scheme, int code) {
  const auto at = static_cast<size_t>(code);
  if (scheme == Scheme::q8) return code - 128;
  if (scheme == Scheme::q4) return kQ4Values[at];
  if (scheme == Scheme::q4i) return kQ4iLevels[at];
  if (scheme == Scheme::q3) return kQ3Values[at];
  if (scheme == Scheme::q2) return kQ2Values[at];
  if (is_fp4(scheme)) return kFp4Values[at];
  const int u = code - 32;
  return 2 * u - (u < -kQ6Knee ? -kQ6Knee : u > kQ6Knee ? kQ6Knee : u);
}
// What a byte of scales stands for, and the offset in it; q4i has none. Values with their offsets are at most
// 127 in magnitude.
inline float scale_value(Scheme scheme, uint8_t byte) {
  if (scheme == Scheme::mxfp4) {  // 2^-127 has no exponent of its own in f32
    return std::bit_cast<float>(byte == 0 ? 0x00400000u : uint32_t{byte} << 23);
  }
  if (scheme == Scheme::nvfp4) return 256.0f * f16_to_f32(static_cast<uint16_t>(byte << 7));
  if (has_trellis(scheme)) {
    const int size = byte & 15;
    return static_cast<float>(byte < 128 ? size * size : -size * size);
  }
  const int b = static_cast<int8_t>(byte);
  return static_cast<float>(b < 0 ? -b * b : b * b);
}
constexpr int offset_value(Scheme scheme, uint8_t byte) {
  const auto number = static_cast<size_t>(byte >> 4 & 7);
  return scheme == Scheme::q3 ? kQ3Offsets[number] : scheme == Scheme::q2 ? kQ2Offsets[number] : 0;
}

// What a row's 32 bits of scales in a block of q4i stand for.
struct IntegerScales {
  uint32_t bits = 0;
  float block() const { return static_cast<float>(bits & 0xffff); }
  int group(int64_t g) const { return kQ4iSizes[bits >> (16 + 4 * g) & 15]; }
};
inline IntegerScales integer_scales_at(const void* block, int64_t row) {
  IntegerScales s;
  std::memcpy(&s.bits, static_cast<const std::byte*>(block) + 4 * row, sizeof s.bits);
  return s;
}

// A weight's bits in a block: bits [shift, shift + width) of byte `at`, in one or two places. low: all of
// them, or the low 4 of q6 and the pair of q3; high: the rest.
struct CodePlace {
  int64_t at = 0;
  int shift = 0;
  int width = 0;
};
constexpr CodePlace low_bits_at(Scheme scheme, int64_t row, int64_t col) {  // row < 16, col < 64
  const int64_t lane = 4 * row + col % 4;
  if (has_trellis(scheme)) return {64 + 64 * (col / 16) + lane, static_cast<int>(2 * (col % 16 / 4)), 2};
  const int64_t half = 64 + col / 32 * (kPanelRows * 32 * code_bits(scheme) / 8);
  const int64_t step = col % 32 / 4;
  if (scheme == Scheme::q8) return {half + 64 * step + lane, 0, 8};
  return {half + 64 * (step % 4) + lane, static_cast<int>(4 * (step / 4)), 4};
}
constexpr CodePlace high_bits_at(Scheme scheme, int64_t row, int64_t col) {
  const int64_t lane = 4 * row + col % 4;
  const int64_t step = col % 32 / 4;
  if (scheme == Scheme::q3) return {64 + 4 * 64 + 64 * (col / 32) + lane, static_cast<int>(step), 1};
  if (scheme != Scheme::q6) return {};
  const int64_t half = 64 + col / 32 * (kPanelRows * 32 * 6 / 8);
  return {half + 4 * 64 + 64 * (step / 4) + lane, static_cast<int>(2 * (step % 4)), 2};
}
// The column whose pair is below that of `col` in the ring of their group.
constexpr int64_t column_below(int64_t col) {
  const int64_t c = col % kGroupCols;
  return col - c + (c >= 4 ? c - 4 : c > 0 ? c + 11 : 15);
}

constexpr int code_at(Scheme scheme, const uint8_t* block, int64_t row, int64_t col) {
  const auto bits = [&](const CodePlace& p) { return block[p.at] >> p.shift & ((1 << p.width) - 1); };
  const int low = bits(low_bits_at(scheme, row, col));
  const int high = bits(high_bits_at(scheme, row, col));
  if (!has_trellis(scheme)) return low | high << 4;
  const int below = bits(low_bits_at(scheme, row, column_below(col)));
  return scheme == Scheme::q3 ? high << 3 | low << 1 | below >> 1 : low << 2 | below;
}
// Writes a code where zeros stood; of q3 and q2 the bits that are its own.
constexpr void put_code(Scheme scheme, std::byte* block, int64_t row, int64_t col, int code) {
  const auto put = [&](const CodePlace& p, int bits) {
    block[p.at] |= static_cast<std::byte>((bits & ((1 << p.width) - 1)) << p.shift);
  };
  const int low = scheme == Scheme::q3 ? code >> 1 : scheme == Scheme::q2 ? code >> 2 : code;
  put(low_bits_at(scheme, row, col), low);
  put(high_bits_at(scheme, row, col), scheme == Scheme::q3 ? code >> 3 : code >> 4);
}

// The weight at row r, column c of a packed matrix of `cols` columns. Exact but for one rounding.
inline float packed_at(Scheme scheme, const void* panels, int64_t cols, int64_t r, int64_t c) {
  const auto* const panel = static_cast<const uint8_t*>(panels) + r / kPanelRows * panel_bytes(scheme, cols);
  const int64_t row = r % kPanelRows;
  const int64_t col = c % kBlockCols;
  float factor;
  std::memcpy(&factor, panel + 4 * row, 4);
  const uint8_t* const block = panel + kPanelHeaderBytes + c / kBlockCols * block_bytes(scheme);
  if (has_integer_groups(scheme)) {
    const IntegerScales scales = integer_scales_at(block, row);
    const int value = code_value(scheme, code_at(scheme, block, row, col)) * scales.group(col / kGroupCols);
    return factor * (scales.block() * static_cast<float>(value));
  }
  const uint8_t byte = block[col / kGroupCols * kPanelRows + row];
  const int value = code_value(scheme, code_at(scheme, block, row, col)) + offset_value(scheme, byte);
  return factor * (scale_value(scheme, byte) * static_cast<float>(value));
}

}  // namespace jaju
