// The searches of q8, q6 and q4, and the bytes of panels.
#include "tensor/quantize.h"

#include <cmath>

#include "base/check.h"
#include "tensor/fp4.h"
#include "tensor/quantize_lanes.h"

namespace jaju {
namespace {

using namespace lanes;  // NOLINT: this file is about them

// value: what the scheme has nearest to x.
template <Scheme S>
JAJU_INLINE void nearest(const F& x, F& value) {
  if constexpr (S == Scheme::q8) {
    value = x;
    clamp(value, -127, 127);
    round(value);
  } else if constexpr (S == Scheme::q6) {
    constexpr float kKnee = kQ6Knee;
    F inner = x;
    clamp(inner, -kKnee, kKnee);
    F u = 0.5f * (x + inner);
    clamp(u, -32, 31);
    round(u);
    inner = u;
    clamp(inner, -kKnee, kKnee);
    value = 2.0f * u - inner;
  } else {
    value = F{} + static_cast<float>(kQ4Values[0]);
#pragma GCC unroll 16
    for (size_t k = 1; k < kQ4Values.size(); ++k) {
      const auto low = static_cast<float>(kQ4Values[k - 1]);
      const auto high = static_cast<float>(kQ4Values[k]);
      select(value, x >= F{} + 0.5f * (low + high), F{} + high, value);
    }
  }
}

// Scales to try for a group whose largest magnitude is m: those that make it a value between kLeast and
// kMost, which is where measurement found the best (kTop: the lesser of the ends of the values).
template <Scheme S>
struct Range;
template <>
struct Range<Scheme::q8> {
  static constexpr float kTop = 127, kLeast = 119, kMost = 131;
};
template <>
struct Range<Scheme::q6> {
  static constexpr float kTop = 44, kLeast = 34, kMost = 56;
};
template <>
struct Range<Scheme::q4> {
  static constexpr float kTop = 111, kLeast = 98, kMost = 150;
};

constexpr float kLargestCode = 127;
constexpr float kLeastMagnitude = 0x1p-100f;

// Codes by value + 128.
template <Scheme S>
struct Codes {
  uint8_t at[256] = {};
  constexpr Codes() {
    for (int code = 0; code < n_codes(S); ++code) {
      if (const int value = code_value(S, code); value >= -127) at[value + 128] = static_cast<uint8_t>(code);
    }
  }
};
template <Scheme S>
constexpr Codes<S> kCodes;

template <Scheme S>
JAJU_INLINE void search(const Group& g, Found& found) {
  F x[kCols], largest, best;
  scale_group(g, x, largest, best);
  F kept = F{};  // 0 is the first candidate
  F size, last;
  sizes_to_try(largest, Range<S>::kLeast, Range<S>::kMost, kLargestCode, size, last);
  do {
    const F scale = size * size;
    const F inverse = 1.0f / scale;
    for (float sign = 1; sign >= -1; sign -= 2) {
      if (S == Scheme::q8 && sign < 0) break;  // its values are symmetric
      F error = F{};
      for (int c = 0; c < kCols; ++c) {
        const F scaled = x[c] * (sign * inverse);
        F value;
        nearest<S>(scaled, value);
        const F off = scaled - value;
        error += g.weights[c] * off * off;
      }
      error *= scale * scale;
      const I better = error < best;
      select(best, better, error, best);
      select(kept, better, sign * size, kept);
    }
  } while (next_size(size, last));
  const I none = kept == F{};
  F scale;
  magnitude(scale, kept);
  scale *= kept;
  select(scale, none, F{} + 1.0f, scale);
  for (int c = 0; c < kCols; ++c) {
    F scaled = x[c] / scale;
    select(scaled, none, F{}, scaled);
    F value;
    nearest<S>(scaled, value);
    const I whole = __builtin_convertvector(value, I);
    for (int lane = 0; lane < kLanes; ++lane) found.codes[c][lane] = kCodes<S>.at[whole[lane] + 128];
  }
  found.scales = __builtin_convertvector(kept, I);
}

JAJU_SEARCHES(Group, Found)

// The value that a row's largest magnitude gets with the largest scale, and that scale.
struct Top {
  float value = 0;
  float scale = 0;
};
Top top_of(Scheme scheme) {
  switch (scheme) {
    case Scheme::q8:
      return {Range<Scheme::q8>::kTop, kLargestCode * kLargestCode};
    case Scheme::q6:
      return {Range<Scheme::q6>::kTop, kLargestCode * kLargestCode};
    case Scheme::q4:
      return {Range<Scheme::q4>::kTop, kLargestCode * kLargestCode};
    case Scheme::q4i:
      return {kIntegerTop, 1};
    case Scheme::q3:  // what a group of equal values can reach
      return {127, 15 * 15};
    default:
      return {105, 15 * 15};
  }
}

Search search_of(Scheme scheme) {
  static const Search q8 = fastest<Scheme::q8>();
  static const Search q6 = fastest<Scheme::q6>();
  static const Search q4 = fastest<Scheme::q4>();
  return scheme == Scheme::q8   ? q8
         : scheme == Scheme::q6 ? q6
         : scheme == Scheme::q4 ? q4
                                : trellis_search(scheme);
}

float finite_or_zero(float x) {
  return std::isfinite(x) ? x : 0.0f;
}

// Writes the rows' factors, and gives their inverses.
void write_factors(Scheme scheme, const float* rows, int64_t n_rows, int64_t cols, F& inverse,
                   std::byte* out) {
  const Top top = top_of(scheme);
  inverse = F{};
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
    to.values[c] = F{};
    for (int64_t r = 0; c < width && r < n_rows; ++r) {
      to.values[c][r] = finite_or_zero(rows[r * cols + first + c]);
    }
  }
}

void quantize_groups(Scheme scheme, const float* rows, int64_t n_rows, int64_t cols, const float* importance,
                     const F& inverse_factors, std::byte* out) {
  const Search run = search_of(scheme);
  Group group;
  group.inverse_factors = inverse_factors;
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
                     const F& inverse_factors, std::byte* out) {
  static const BlockSearch run = integer_search();
  Block block;
  block.inverse_factors = inverse_factors;
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
  F inverse_factors;
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
