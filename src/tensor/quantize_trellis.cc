// Codes of q3 and q2. The pairs of a group form a ring in which a weight's values depend on the pair below
// (packed.h): a walk through a trellis whose states are what a pair tells the next one. Viterbi's algorithm
// finds the best walk between two given states; the best ring is the best of the walks that end where they
// started.
#include "base/check.h"
#include "tensor/quantize_lanes.h"

namespace jaju::lanes {
namespace {

template <Scheme S>
struct Trellis {
  static constexpr int kStates = S == Scheme::q3 ? 2 : 4;
  // A step: the pair below as a state, and a pair; q3's high bit is free besides. Step w leads from state w %
  // kStates to state w / 4.
  static constexpr int kSteps = 4 * kStates;
  static constexpr float value(int code) { return static_cast<float>(code_value(S, code)); }
};
constexpr int kOffsets = 8;
constexpr int kLargestSize = 15;
// Scales to try make the largest magnitude of a group a value between these: wider ranges change less than
// one error in two hundred.
constexpr float kLeast = 60, kMost = 150;
constexpr float kFar = 1e30f;

template <Scheme S>
constexpr float offset(int number) {
  return static_cast<float>(offset_value(S, static_cast<uint8_t>(number << 4)));
}
// Pair k of the ring is this column's.
constexpr int column_of(int k) {
  return 4 * (k % 4) + k / 4;
}

// The weighted square of what each step leaves of x.
template <Scheme S, class F>
JAJU_INLINE void errors_of(const F& x, float weight, F (&errors)[Trellis<S>::kSteps]) {
#pragma GCC unroll 16
  for (int w = 0; w < Trellis<S>::kSteps; ++w) {
    F off = x - Trellis<S>::value(w);
    F error = off * off;
    if constexpr (S == Scheme::q3) {
      off = x - Trellis<S>::value(w + 8);
      take_less(error, off * off);
    }
    errors[w] = weight * error;
  }
}

// One more step for walks with these sums.
template <Scheme S, class F>
JAJU_INLINE void advance(F (&sums)[Trellis<S>::kStates], const F (&errors)[Trellis<S>::kSteps]) {
  using T = Trellis<S>;
  F next[T::kStates];
#pragma GCC unroll 4
  for (int to = 0; to < T::kStates; ++to) {
    next[to] = sums[0] + errors[4 * to];
#pragma GCC unroll 4
    for (int w = 4 * to + 1; w < 4 * to + 4; ++w) take_less(next[to], sums[w % T::kStates] + errors[w]);
  }
#pragma GCC unroll 4
  for (int s = 0; s < T::kStates; ++s) sums[s] = next[s];
}

// The error of the best ring, with x in units of the scale.
template <Scheme S, class F>
JAJU_INLINE void ring_error(const F (&x)[kCols], float shift, const float* weights, F& least) {
  using T = Trellis<S>;
  F sums[T::kStates][T::kStates] = {};  // by where the walk started and is; {} for gcc's sake
#pragma GCC unroll 4
  for (int start = 0; start < T::kStates; ++start) {
#pragma GCC unroll 4
    for (int s = 0; s < T::kStates; ++s) sums[start][s] = F{} + (s == start ? 0.0f : kFar);
  }
  for (int k = 0; k < kCols; ++k) {
    F errors[T::kSteps];
    errors_of<S>(x[column_of(k)] - shift, weights[column_of(k)], errors);
#pragma GCC unroll 4
    for (int start = 0; start < T::kStates; ++start) advance<S>(sums[start], errors);
  }
  least = sums[0][0];
#pragma GCC unroll 4
  for (int s = 1; s < T::kStates; ++s) take_less(least, sums[s][s]);
}

// Steps of the best ring, by column.
template <Scheme S, class F>
JAJU_INLINE void best_ring(const F (&x)[kCols], const float* weights, MaskOf<F> (&steps)[kCols]) {
  using T = Trellis<S>;
  using I = MaskOf<F>;
  F errors[kCols][T::kSteps];
  for (int k = 0; k < kCols; ++k) errors_of<S>(x[column_of(k)], weights[column_of(k)], errors[k]);
  F least = F{} + kFar;
  for (int start = 0; start < T::kStates; ++start) {
    I came[kCols][T::kStates];  // the step by which a state is best reached
    F sums[T::kStates];
    for (int s = 0; s < T::kStates; ++s) sums[s] = F{} + (s == start ? 0.0f : kFar);
    for (int k = 0; k < kCols; ++k) {
      F next[T::kStates];
      for (int to = 0; to < T::kStates; ++to) {
        next[to] = sums[0] + errors[k][4 * to];
        came[k][to] = I{} + 4 * to;
        for (int w = 4 * to + 1; w < 4 * to + 4; ++w) {
          const F sum = sums[w % T::kStates] + errors[k][w];
          const I better = sum < next[to];
          select(next[to], better, sum, next[to]);
          select(came[k][to], better, I{} + w, came[k][to]);
        }
      }
      for (int s = 0; s < T::kStates; ++s) sums[s] = next[s];
    }
    const I better = sums[start] < least;
    select(least, better, sums[start], least);
    I state = I{} + start;
    for (int k = kCols - 1; k >= 0; --k) {
      I step = came[k][0];
      for (int s = 1; s < T::kStates; ++s) select(step, state == I{} + s, came[k][s], step);
      select(steps[column_of(k)], better, step, steps[column_of(k)]);
      state = step & (T::kStates - 1);
    }
  }
}

// Every size that may suit, with both signs and all offsets.
template <Scheme S, int Lanes>
JAJU_INLINE void search(const Group& g, int row, Found& found) {
  using F = Floats<Lanes>;
  using I = Ints<Lanes>;
  F x[kCols], largest, best;
  scale_group(g, row, x, largest, best);
  F kept_scale = F{};  // 0 is the first candidate
  I kept_offset = I{};
  F size, last;
  sizes_to_try(largest, kLeast, kMost, kLargestSize, size, last);
  do {
    for (float sign = 1; sign >= -1; sign -= 2) {
      const F scale = sign * size * size;
      F scaled[kCols];
      for (int c = 0; c < kCols; ++c) scaled[c] = x[c] / scale;
      for (int number = 0; number < kOffsets; ++number) {
        F error;
        ring_error<S>(scaled, offset<S>(number), g.weights, error);
        error *= scale * scale;
        const I better = error < best;
        select(best, better, error, best);
        select(kept_scale, better, sign * size, kept_scale);
        select(kept_offset, better, I{} + number, kept_offset);
      }
    }
  } while (next_size(size, last));
  const I none = kept_scale == F{};
  F scale;
  magnitude(scale, kept_scale);
  const I whole = __builtin_convertvector(scale, I);
  scale *= kept_scale;
  select(scale, none, F{} + 1.0f, scale);
  F shift = F{};
  for (int number = 0; number < kOffsets; ++number) {
    select(shift, kept_offset == I{} + number, F{} + offset<S>(number), shift);
  }
  for (int c = 0; c < kCols; ++c) {
    x[c] = x[c] / scale - shift;
    select(x[c], none, F{}, x[c]);
  }
  I codes[kCols] = {};
  best_ring<S>(x, g.weights, codes);
  for (int c = 0; c < kCols; ++c) {
    if constexpr (S == Scheme::q3) {  // the nearer of the two values of a step
      F near = F{} + kFar;
      I high_bit = I{};
      F far = F{};
      for (int w = 0; w < Trellis<S>::kSteps; ++w) {
        const I here = codes[c] == I{} + w;
        select(near, here, F{} + Trellis<S>::value(w), near);
        select(far, here, F{} + Trellis<S>::value(w + 8), far);
      }
      near = x[c] - near;
      far = x[c] - far;
      select(high_bit, far * far < near * near, I{} + 8, high_bit);
      codes[c] |= high_bit;
    }
    select(codes[c], none, I{}, codes[c]);
    store(found.codes[c], row, codes[c]);
  }
  I scales = whole | kept_offset << 4;
  select(scales, kept_scale < F{}, scales | 128, scales);
  select(scales, none, I{}, scales);
  store(found.scales, row, scales);
}

JAJU_SEARCHES(Group, Found)

}  // namespace

Search trellis_search(Scheme scheme) {
  static const Search q3 = fastest<Scheme::q3>();
  static const Search q2 = fastest<Scheme::q2>();
  JAJU_CHECK(has_trellis(scheme));
  return scheme == Scheme::q3 ? q3 : q2;
}

}  // namespace jaju::lanes
