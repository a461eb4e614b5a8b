// Codes of q4i: a block's scale, its groups' sizes and its levels are searched together. For each of some
// scales every group takes its best size; then least squares tells the scale that suits best what they took,
// and they choose again.
#include "tensor/quantize_lanes.h"

namespace jaju::lanes {
namespace {

constexpr int kGroups = kBlockCols / kGroupCols;
constexpr int kSizes = 8;  // of either sign
constexpr int kNumberOfMinus = 8;
static_assert([] {
  for (size_t k = 0; k < kSizes; ++k) {
    if (kQ4iSizes[k] != -kQ4iSizes[k + kNumberOfMinus]) return false;
  }
  return true;
}());
constexpr float kMostLevel = [] {
  int most = 0;
  for (const int level : kQ4iLevels) most = level > most ? level : -level > most ? -level : most;
  return static_cast<float>(most);
}();
constexpr float kMostSize = kQ4iSizes[kSizes - 1];
static_assert(kMostLevel <= kQ4iMostLevel && kMostLevel * kMostSize <= 127);

// Scales to try make the largest magnitude of a block what the largest product stands for, divided by from
// kLeast to kMost; sizes to try make the largest of a group a level between kLeastTop and kMostTop, or are
// the ends. Twice as many scales leave half a percent less, sizes of any kind as much.
constexpr int kScales = 24;
constexpr float kLeast = 0.7f, kMost = 1.8f;
constexpr float kLeastTop = 7, kMostTop = 18;
constexpr int kFits = 2;
constexpr float kLargestScale = 65535;
constexpr float kFar = 0x1p120f;

// The code of the level nearest to x, less 8, and that level.
template <class F>
JAJU_INLINE void nearest_level(const F& x, F& code, F& level) {
  F inner = x;
  clamp(inner, -kQ4iKneeBelow, kQ4iKneeAbove);
  code = 0.5f * (x + inner);
  clamp(code, -8, 7);
  round(code);
  inner = code;
  clamp(inner, -kQ4iKneeBelow, kQ4iKneeAbove);
  level = 2.0f * code - inner;
}

// The best of its sizes for a group, as its number in kQ4iSizes, and the error it leaves.
template <class F>
JAJU_INLINE void choose_size(const F* x, const float* weights, const F& largest, const F& scale, F& number,
                             F& least) {
  using I = MaskOf<F>;
  least = F{} + kFar;
  for (int k = 0; k < kSizes; ++k) {
    const F unit = scale * static_cast<float>(kQ4iSizes[static_cast<size_t>(k)]);
    const I suits = ((largest >= kLeastTop * unit) | (I{} + (k == 0 ? -1 : 0))) &
                    ((largest <= kMostTop * unit) | (I{} + (k == kSizes - 1 ? -1 : 0)));
    bool some = false;
    for (int lane = 0; lane < kLanesOf<F>; ++lane) some |= suits[lane] != 0;
    if (!some) continue;
    const F inverse = 1.0f / unit;
    F errors[2] = {};  // of the size, and of its negative
    for (int c = 0; c < kCols; ++c) {
      const F scaled = x[c] * inverse;
      for (int turned = 0; turned < 2; ++turned) {
        const F value = turned == 0 ? scaled : -scaled;
        F code, level;
        nearest_level(value, code, level);
        const F off = value - level;
        errors[turned] += weights[c] * off * off;
      }
    }
    for (int turned = 0; turned < 2; ++turned) {
      const F error = errors[turned] * (unit * unit);
      const I better = suits & (error < least);
      select(least, better, error, least);
      select(number, better, F{} + static_cast<float>(k + turned * kNumberOfMinus), number);
    }
  }
}

// The sizes with these numbers.
template <class F>
JAJU_INLINE void sizes_of(const F& numbers, F& sizes) {
  for (int lane = 0; lane < kLanesOf<F>; ++lane) {
    sizes[lane] = static_cast<float>(kQ4iSizes[static_cast<size_t>(numbers[lane])]);
  }
}

// The scale that least squares wants for the levels that a scale and these sizes choose; where all of them
// are 0, the same.
template <class F>
JAJU_INLINE void fit_scale(const F* x, const float* weights, const F (&numbers)[kGroups], F& scale) {
  F products = F{}, squares = F{};  // of levels with values, of levels
  for (int g = 0; g < kGroups; ++g) {
    F size;
    sizes_of(numbers[g], size);
    const F unit = scale * size;
    const F inverse = 1.0f / unit;
    F of_group = F{}, squares_of_group = F{};
    for (int c = g * kCols; c < (g + 1) * kCols; ++c) {
      const F scaled = x[c] * inverse;
      F code, level;
      nearest_level(scaled, code, level);
      const F weighted = weights[c] * level;
      of_group += weighted * scaled;
      squares_of_group += weighted * level;
    }
    products += of_group * (unit * unit);
    squares += squares_of_group * (unit * unit);
  }
  select(scale, squares > F{}, scale * (products / squares), scale);
}

template <Scheme S, int Lanes>
JAJU_INLINE void search(const Block& b, int row, FoundBlock& found) {
  using F = Floats<Lanes>;
  using I = Ints<Lanes>;
  F x[kBlockCols], largest[kGroups], most = F{}, inverse;
  load(inverse, b.inverse_factors, row);
  for (int g = 0; g < kGroups; ++g) {
    largest[g] = F{};
    for (int c = g * kCols; c < (g + 1) * kCols; ++c) {
      load(x[c], b.values[c], row);
      x[c] *= inverse;
      F size;
      magnitude(size, x[c]);
      select(largest[g], size > largest[g], size, largest[g]);
    }
    select(most, largest[g] > most, largest[g], most);
  }
  F best = F{} + kFar, kept = F{} + 1.0f, numbers[kGroups] = {};
  for (int k = 0; k < kScales + kFits; ++k) {
    constexpr float kStep = (kMost - kLeast) / (kScales - 1);
    F scale = most * ((kLeast + kStep * static_cast<float>(k)) / (kMostLevel * kMostSize));
    if (k >= kScales) {
      scale = kept;
      fit_scale(x, b.weights, numbers, scale);
    }
    round(scale);
    clamp(scale, 1, kLargestScale);
    F error = F{}, chosen[kGroups] = {};
    for (int g = 0; g < kGroups; ++g) {
      F least;
      choose_size(x + g * kCols, b.weights + g * kCols, largest[g], scale, chosen[g], least);
      error += least;
    }
    const I better = error < best;
    select(best, better, error, best);
    select(kept, better, scale, kept);
    for (int g = 0; g < kGroups; ++g) select(numbers[g], better, chosen[g], numbers[g]);
  }
  I scales = __builtin_convertvector(kept, I);
  for (int g = 0; g < kGroups; ++g) {
    scales |= __builtin_convertvector(numbers[g], I) << (16 + 4 * g);
    F size;
    sizes_of(numbers[g], size);
    const F unit = kept * size;
    for (int c = g * kCols; c < (g + 1) * kCols; ++c) {
      const F scaled = x[c] / unit;
      F code, level;
      nearest_level(scaled, code, level);
      store(found.codes[c], row, __builtin_convertvector(code, I) + 8);
    }
  }
  store(found.scales, row, scales);
}

JAJU_SEARCHES(Block, FoundBlock)

}  // namespace

BlockSearch integer_search() {
  return fastest<Scheme::q4i>();
}

}  // namespace jaju::lanes
