// Codes of q8, q6 and q4: for each scale that may suit, every value of a group takes the nearest that the
// scheme has.
#include "base/check.h"
#include "tensor/quantize_lanes.h"

namespace jaju::lanes {
namespace {

// value: what the scheme has nearest to x.
template <Scheme S, class F>
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
// kMost, which is where measurement found the best.
template <Scheme S>
struct Range;
template <>
struct Range<Scheme::q8> {
  static constexpr float kLeast = 119, kMost = 131;
};
template <>
struct Range<Scheme::q6> {
  static constexpr float kLeast = 34, kMost = 56;
};
template <>
struct Range<Scheme::q4> {
  static constexpr float kLeast = 98, kMost = 150;
};

constexpr float kLargestSize = 127;

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

template <Scheme S, int Lanes>
JAJU_INLINE void search(const Group& g, int row, Found& found) {
  using F = Floats<Lanes>;
  using I = Ints<Lanes>;
  F x[kCols], largest, best;
  scale_group(g, row, x, largest, best);
  F kept = F{};  // 0 is the first candidate
  F size, last;
  sizes_to_try(largest, Range<S>::kLeast, Range<S>::kMost, kLargestSize, size, last);
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
    for (int lane = 0; lane < Lanes; ++lane) found.codes[c][row + lane] = kCodes<S>.at[whole[lane] + 128];
  }
  store(found.scales, row, __builtin_convertvector(kept, I));
}

JAJU_SEARCHES(Group, Found)

}  // namespace

Search nearest_search(Scheme scheme) {
  static const Search q8 = fastest<Scheme::q8>();
  static const Search q6 = fastest<Scheme::q6>();
  static const Search q4 = fastest<Scheme::q4>();
  JAJU_CHECK(scheme == Scheme::q8 || scheme == Scheme::q6 || scheme == Scheme::q4);
  return scheme == Scheme::q8 ? q8 : scheme == Scheme::q6 ? q6 : q4;
}

}  // namespace jaju::lanes
