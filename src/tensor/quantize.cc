// The bytes of panels; what stands in them is searched by the files beside this one.
#include "tensor/quantize.h"

#include <cmath>

#include "base/check.h"
#include "tensor/fp4.h"
#include "tensor/quantize_lanes.h"

namespace jaju {
namespace {

using namespace lanes;  // NOLINT: this file is about them

constexpr float kLeastMagnitude = 0x1p-100f;
// The largest of a scheme's scales.
constexpr float kLargestScale = 127 * 127, kLargestOfTrellis = 15 * 15;

// The value that a row's largest magnitude gets with the largest scale, and that scale.
struct Top {
  float value = 0;
  float scale = 0;
};
Top top_of(Scheme scheme) {
  switch (scheme) {
    // The lesser of the ends of the values.
    case Scheme::q8:
      return {127, kLargestScale};
    case Scheme::q6:
      return {44, kLargestScale};
    case Scheme::q4:
      return {111, kLargestScale};
    case Scheme::q4i:
      return {kIntegerTop, 1};
    case Scheme::q3:  // what a group of equal values can reach
      return {127, kLargestOfTrellis};
    default:
      return {105, kLargestOfTrellis};
  }
}

float finite_or_zero(float x) {
  return std::isfinite(x) ? x : 0.0f;
}

// Writes the rows' factors, and gives their inverses.
void write_factors(Scheme scheme, const float* rows, int64_t n_rows, int64_t cols, float (&inverse)[kRows],
                   std::byte* out) {
  const Top top = top_of(scheme);
  for (int lane = 0; lane < n_rows; ++lane) {
    float largest = 0;
    for (int64_t c = 0; c < cols; ++c) {
      const float magnitude = std::fabs(finite_or_zero(rows[lane * cols + c]));
      if (magnitude > largest) largest = magnitude;
    }
    if (largest < kLeastMagnitude) continue;  // a factor of 0
    // With the largest code the row's largest magnitude is a value at either end.
    const float factor = largest / (top.value * top.scale);
    inverse[lane] = 1.0f / factor;
    std::memcpy(out + 4 * lane, &factor, 4);
  }
}

// Columns from `first` on.
template <int64_t Cols>
void take_columns(const float* rows, int64_t n_rows, int64_t cols, int64_t first, const float* importance,
                  Columns<Cols>& to) {
  const int64_t width = cols - first < Cols ? cols - first : Cols;
  float sum = 0;
  for (int64_t c = 0; c < width; ++c) sum += importance == nullptr ? 1.0f : importance[first + c];
  const float mean = sum / static_cast<float>(width);
  const bool weighted = importance != nullptr && std::isnormal(mean) && mean > 0;
  for (int64_t c = 0; c < Cols; ++c) {
    to.weights[c] = c >= width ? 0.0f : weighted ? importance[first + c] / mean + 0.01f : 1.0f;
    for (int64_t r = 0; r < kRows; ++r) {
      to.values[c][r] = c < width && r < n_rows ? finite_or_zero(rows[r * cols + first + c]) : 0.0f;
    }
  }
}

void quantize_groups(Scheme scheme, const float* rows, int64_t n_rows, int64_t cols, const float* importance,
                     const float (&inverse_factors)[kRows], std::byte* out) {
  const Search run = has_trellis(scheme) ? trellis_search(scheme) : nearest_search(scheme);
  Group group;
  std::memcpy(group.inverse_factors, inverse_factors, sizeof group.inverse_factors);
  for (int64_t first = 0; first < cols; first += kCols) {
    take_columns(rows, n_rows, cols, first, importance, group);
    Found found;
    run(group, found);

    std::byte* const block = out + kPanelHeaderBytes + first / kBlockCols * block_bytes(scheme);
    const int64_t col = first % kBlockCols;
    for (int64_t r = 0; r < n_rows; ++r) {
      block[col / kGroupCols * kPanelRows + r] = static_cast<std::byte>(found.scales[r]);
    }
    for (int64_t c = 0; c < kCols; ++c) {
      for (int64_t r = 0; r < kPanelRows; ++r) put_code(scheme, block, r, col + c, found.codes[c][r]);
    }
  }
}

void quantize_blocks(Scheme scheme, const float* rows, int64_t n_rows, int64_t cols, const float* importance,
                     const float (&inverse_factors)[kRows], std::byte* out) {
  static const BlockSearch run = integer_search();
  Block block;
  std::memcpy(block.inverse_factors, inverse_factors, sizeof block.inverse_factors);
  std::byte* to = out + kPanelHeaderBytes;
  for (int64_t first = 0; first < cols; first += kBlockCols, to += block_bytes(scheme)) {
    take_columns(rows, n_rows, cols, first, importance, block);
    FoundBlock found;
    run(block, found);
    for (int64_t r = 0; r < n_rows; ++r) {
      const int32_t scales = found.scales[r];
      std::memcpy(to + 4 * r, &scales, 4);
    }
    for (int64_t c = 0; c < kBlockCols; ++c) {
      for (int64_t r = 0; r < kPanelRows; ++r) put_code(scheme, to, r, c, found.codes[c][r]);
    }
  }
}

}  // namespace

void quantize_panel(Scheme scheme, const float* rows, int64_t n_rows, int64_t cols, const float* importance,
                    std::byte* out) {
  JAJU_CHECK(scheme != Scheme::none && n_rows > 0 && n_rows <= kPanelRows && cols > 0);
  if (is_fp4(scheme)) return quantize_fp4_panel(scheme, rows, n_rows, cols, importance, out);
  std::memset(out, 0, static_cast<size_t>(panel_bytes(scheme, cols)));
  float inverse_factors[kRows] = {};
  write_factors(scheme, rows, n_rows, cols, inverse_factors, out);
  const auto quantize = has_integer_groups(scheme) ? quantize_blocks : quantize_groups;
  quantize(scheme, rows, n_rows, cols, importance, inverse_factors, out);
}

void dequantize_panel(Scheme scheme, const std::byte* panel, int64_t n_rows, int64_t cols, float* rows) {
  JAJU_CHECK(scheme != Scheme::none && n_rows > 0 && n_rows <= kPanelRows && cols > 0);
  for (int64_t r = 0; r < n_rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) rows[r * cols + c] = packed_at(scheme, panel, cols, r, c);
  }
}

}  // namespace jaju
