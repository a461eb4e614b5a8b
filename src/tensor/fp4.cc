#include "tensor/fp4.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"

namespace jaju {
namespace {

constexpr float kLeastMagnitude = 0x1p-100f;  // of a row, as in quantize_panel
constexpr int kLargestE8m0 = 254;
constexpr int kLargestE4m3 = 126;

constexpr int largest_scale(Scheme scheme) {
  return scheme == Scheme::mxfp4 ? kLargestE8m0 : kLargestE4m3;
}

std::byte* block_of(Scheme scheme, std::byte* panel, int64_t col) {
  return panel + kPanelHeaderBytes + col / kBlockCols * block_bytes(scheme);
}

// A scale in its place; MXFP4's twice.
void put_scale(Scheme scheme, std::byte* panel, int64_t row, int64_t first, int64_t cols, uint8_t scale) {
  for (int64_t c = first; c < std::min(cols, first + fp4_group(scheme)); c += kGroupCols) {
    block_of(scheme, panel, c)[c % kBlockCols / kGroupCols * kPanelRows + row] = std::byte{scale};
  }
}

// The code whose value is nearest to x, -12 to 12.
uint8_t nearest_code(float x) {
  constexpr std::array<float, 7> kHalfway = {0.5f, 1.5f, 2.5f, 3.5f, 5.0f, 7.0f, 10.0f};
  const float size = std::fabs(x);
  const auto code = static_cast<uint8_t>(
      std::count_if(kHalfway.begin(), kHalfway.end(), [&](float limit) { return size > limit; }));
  return static_cast<uint8_t>(x < 0 && code != 0 ? code + 8 : code);
}

double error_with(const float* x, const float* weights, int64_t n, float scale) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float value = scale * static_cast<float>(kFp4Values[nearest_code(x[i] / scale)]);
    const auto off = static_cast<double>(x[i] - value);
    sum += static_cast<double>(weights[i]) * off * off;
  }
  return sum;
}

// The scale with the least error among those with which `largest` is no more than twice and no less than a
// twelfth of the largest value. x is in units of the row factor.
uint8_t best_scale(Scheme scheme, const float* x, const float* weights, int64_t n) {
  float largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::fabs(x[i]));
  if (largest == 0) return 0;
  int best = largest_scale(scheme);
  double least = -1;
  for (int byte = 0; byte <= largest_scale(scheme); ++byte) {
    const float scale = scale_value(scheme, static_cast<uint8_t>(byte));
    if (largest >= 24 * scale || largest < scale) continue;
    const double error = error_with(x, weights, n, scale);
    if (least < 0 || error < least) {
      least = error;
      best = byte;
    }
  }
  return static_cast<uint8_t>(best);
}

}  // namespace

bool fp4_scales_good(Scheme scheme, const uint8_t* scales, int64_t n) {
  return std::all_of(scales, scales + n, [&](uint8_t s) { return s <= largest_scale(scheme); });
}

void pack_fp4_panel(Scheme scheme, const Fp4Rows& rows, int64_t n_rows, int64_t cols, std::byte* out) {
  const int64_t group = fp4_group(scheme);
  JAJU_CHECK(is_fp4(scheme) && n_rows > 0 && n_rows <= kPanelRows && cols > 0 && cols % group == 0);
  std::memset(out, 0, static_cast<size_t>(panel_bytes(scheme, cols)));
  const float factor = 0.5f * rows.factor;  // values are doubled
  for (int64_t r = 0; r < n_rows; ++r) {
    std::memcpy(out + 4 * r, &factor, 4);
    for (int64_t c = 0; c < cols; c += group) {
      put_scale(scheme, out, r, c, cols, rows.scales[(r * cols + c) / group]);
    }
    const uint8_t* const codes = rows.codes + r * (cols / 2);
    for (int64_t c = 0; c < cols; ++c) {
      const int code = c % 2 == 0 ? codes[c / 2] & 15 : codes[c / 2] >> 4;
      put_code(scheme, block_of(scheme, out, c), r, c % kBlockCols, code);
    }
  }
}

void quantize_fp4_panel(Scheme scheme, const float* rows, int64_t n_rows, int64_t cols,
                        const float* importance, std::byte* out) {
  const int64_t group = fp4_group(scheme);
  JAJU_CHECK(is_fp4(scheme) && n_rows > 0 && n_rows <= kPanelRows && cols > 0);
  std::memset(out, 0, static_cast<size_t>(panel_bytes(scheme, cols)));
  for (int64_t r = 0; r < n_rows; ++r) {
    const auto at = [&](int64_t c) { return std::isfinite(rows[r * cols + c]) ? rows[r * cols + c] : 0.0f; };
    float largest = 0;
    for (int64_t c = 0; c < cols; ++c) largest = std::max(largest, std::fabs(at(c)));
    if (largest < kLeastMagnitude) continue;
    const float factor =
        scheme == Scheme::mxfp4 ? 0.5f : largest / (12 * scale_value(scheme, uint8_t{kLargestE4m3}));
    std::memcpy(out + 4 * r, &factor, 4);
    for (int64_t first = 0; first < cols; first += group) {
      const int64_t n = std::min(group, cols - first);
      std::array<float, 32> x{}, weights{};
      float mean = 0;
      for (int64_t i = 0; i < n; ++i) {
        x[static_cast<size_t>(i)] = at(first + i) / factor;
        mean += (importance == nullptr ? 1.0f : importance[first + i]) / static_cast<float>(n);
      }
      const bool weighted = importance != nullptr && std::isnormal(mean) && mean > 0;
      for (int64_t i = 0; i < n; ++i) {
        weights[static_cast<size_t>(i)] = weighted ? importance[first + i] / mean + 0.01f : 1.0f;
      }
      const uint8_t scale = best_scale(scheme, x.data(), weights.data(), n);
      put_scale(scheme, out, r, first, cols, scale);
      const float unit = scale_value(scheme, scale);
      for (int64_t i = 0; i < n; ++i) {
        const float value = x[static_cast<size_t>(i)];
        put_code(scheme, block_of(scheme, out, first + i), r, (first + i) % kBlockCols,
                 value == 0 ? 0 : nearest_code(value / unit));
      }
    }
  }
}

}  // namespace jaju
