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

// What a group has with the best of its sizes: the error, and the sums that least squares wants.
struct Choice {
  F number;  // in kQ4iSizes
  F error;
  F products;  // of weights' magnitudes with values
  F squares;   // of values
};

JAJU_INLINE void choose_size(const F* x, const float* weights, const F& largest, const F& scale,
                             Choice& best) {
  best.error = F{} + kFar;
  for (int k = 0; k < kSizes; ++k) {
    const F unit = scale * static_cast<float>(kQ4iSizes[static_cast<size_t>(k)]);
    const I suits = ((largest >= kLeastTop * unit) | (I{} + (k == 0 ? -1 : 0))) &
                    ((largest <= kMostTop * unit) | (I{} + (k == kSizes - 1 ? -1 : 0)));
    bool some = false;
    for (int lane = 0; lane < kLanes; ++lane) some |= suits[lane] != 0;
    if (!some) continue;
    const F inverse = 1.0f / unit;
    for (float sign = 1; sign >= -1; sign -= 2) {
      F error = F{}, products = F{}, squares = F{};
      for (int c = 0; c < kCols; ++c) {
        const F scaled = x[c] * (sign * inverse);
        F code, level;
        nearest_level(scaled, code, level);
        const F off = scaled - level;
        const F weighted = weights[c] * level;
        error += weights[c] * off * off;
        products += weighted * scaled;
        squares += weighted * level;
      }
      const F square = unit * unit;
      error *= square;
      const I better = suits & (error < best.error);
      select(best.error, better, error, best.error);
      select(best.number, better, F{} + static_cast<float>(sign > 0 ? k : k + kNumberOfMinus), best.number);
      select(best.products, better, products * square, best.products);
      select(best.squares, better, squares * square, best.squares);
    }
  }
}

template <Scheme S>
JAJU_INLINE void search(const Block& b, FoundBlock& found) {
  F x[kBlockCols], largest[kGroups], most = F{};
  for (int g = 0; g < kGroups; ++g) {
    largest[g] = F{};
    for (int c = g * kCols; c < (g + 1) * kCols; ++c) {
      x[c] = b.values[c] * b.inverse_factors;
      F size;
      magnitude(size, x[c]);
      select(largest[g], size > largest[g], size, largest[g]);
    }
    select(most, largest[g] > most, largest[g], most);
  }
  F best = F{} + kFar, kept = F{} + 1.0f, sizes[kGroups];
  for (int g = 0; g < kGroups; ++g) sizes[g] = F{};
  F fitted = kept;  // what least squares makes of the best scale's choices
  for (int k = 0; k < kScales + kFits; ++k) {
    constexpr float kStep = (kMost - kLeast) / (kScales - 1);
    F scale = most * ((kLeast + kStep * static_cast<float>(k)) / (kMostLevel * kMostSize));
    if (k >= kScales) scale = fitted;
    round(scale);
    clamp(scale, 1, kLargestScale);
    Choice choices[kGroups];
    F error = F{}, products = F{}, squares = F{};
    for (int g = 0; g < kGroups; ++g) {
      choose_size(x + g * kCols, b.weights + g * kCols, largest[g], scale, choices[g]);
      error += choices[g].error;
      products += choices[g].products;
      squares += choices[g].squares;
    }
    const I better = error < best;
    select(best, better, error, best);
    select(kept, better, scale, kept);
    for (int g = 0; g < kGroups; ++g) select(sizes[g], better, choices[g].number, sizes[g]);
    const F next = scale * (products / squares);
    select(fitted, better & (squares > F{}), next, fitted);
  }
  found.scales = __builtin_convertvector(kept, I);
  for (int g = 0; g < kGroups; ++g) {
    const I number = __builtin_convertvector(sizes[g], I);
    found.scales |= number << (16 + 4 * g);
    F unit;
    for (int lane = 0; lane < kLanes; ++lane) {
      unit[lane] = kept[lane] * static_cast<float>(kQ4iSizes[static_cast<size_t>(number[lane])]);
    }
    for (int c = g * kCols; c < (g + 1) * kCols; ++c) {
      const F scaled = x[c] / unit;
      F code, level;
      nearest_level(scaled, code, level);
      found.codes[c] = __builtin_convertvector(code, I) + 8;
    }
  }
}

JAJU_SEARCHES(Block, FoundBlock)

}  // namespace

BlockSearch integer_search() {
  return fastest<Scheme::q4i>();
}

}  // namespace jaju::lanes
