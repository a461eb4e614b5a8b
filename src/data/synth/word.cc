// Word problems: the families of stories, and two that are not stories: units and percentages.
#include "data/synth/families.h"
#include "data/synth/story.h"

namespace jaju::data {

namespace {

using enum Shape;

// Shapes by difficulty; a repeated shape is told more often.
template <size_t n>
using Levels = std::array<std::span<const Shape>, n>;

constexpr Shape kPlusMinus[] = {sub, add};
constexpr Shape kMul[] = {mul};
constexpr Shape kDiv[] = {div};
constexpr Shape kDivRem[] = {div, rem};
constexpr Shape kTwoEasy[] = {add_sub, sub_add, sub_sub, add_add};
constexpr Shape kTwoMiddle[] = {mul_add, mul_sub, sub_sub, add_sub, pay};
constexpr Shape kTwoHard[] = {mul_add, mul_sub, mul_div, sub_div, add_div, sub_mul, add_mul, pay};
constexpr Shape kThree[] = {mul_mul_add, mul_div, sub_div, add_div, pay, add_mul};
constexpr Shape kMoneyOne[] = {add, sub, mul};
constexpr Shape kMoneyTwo[] = {mul, div, sub, pay, add_add};
constexpr Shape kMoneyThree[] = {pay, add_add, sub_sub, sub_add, add_sub, mul_add, mul_sub, div};
constexpr Shape kMoneyFour[] = {pay, mul_add, mul_sub, mul_mul_add};
constexpr Shape kMoneyFive[] = {pay, mul_mul_add, pay_two, mul_add};
constexpr Shape kAgeOne[] = {add, sub};
constexpr Shape kAgeTwo[] = {add, sub, mul, div};
constexpr Shape kAgeThree[] = {mul_add, mul_sub, add_add, sub_add, add_sub};
constexpr Shape kSpeedTwo[] = {mul, div};
constexpr Shape kSpeedThree[] = {mul_add, div, pay, mul};
constexpr Shape kSpeedFour[] = {mul_add, pay, mul_mul_add, mul_div};
constexpr Shape kSpeedFive[] = {mul_mul_add, add_mul, sub_mul, half, mul_div};
constexpr Shape kFlatOne[] = {mul, square, four_times, sub};
constexpr Shape kFlatTwo[] = {mul, twice_sum, square, four_times, sub, add_add};
constexpr Shape kFlatThree[] = {mul, twice_sum, div, add_add, square};
constexpr Shape kFlatFour[] = {twice_sum, div, mul_sub, mul};
constexpr Shape kFlatFive[] = {mul_sub, mul_mul_add, div};
constexpr Shape kMean[] = {mean3};

// One maker per subject: the set of stories and the shapes of each level.
template <StorySet Stories::*subject, const Levels<5>& levels>
Problem make(Dice& dice, Language language, int difficulty) {
  return tell(dice, language, difficulty, stories(language).*subject,
              levels[static_cast<size_t>(difficulty - 1)]);
}

constexpr Levels<5> kGiveTakeLevels{kPlusMinus, kPlusMinus, kPlusMinus, kPlusMinus, kPlusMinus};
constexpr Levels<5> kGroupLevels{kMul, kMul, kMul, kMul, kMul};
constexpr Levels<5> kShareLevels{kDiv, kDiv, kDivRem, kDivRem, kDivRem};
constexpr Levels<5> kSeveralLevels{kTwoEasy, kTwoEasy, kTwoMiddle, kTwoHard, kThree};
constexpr Levels<5> kMoneyLevels{kMoneyOne, kMoneyTwo, kMoneyThree, kMoneyFour, kMoneyFive};
constexpr Levels<5> kAgeLevels{kAgeOne, kAgeTwo, kAgeThree, kAgeThree, kAgeThree};
constexpr Levels<5> kSpeedLevels{kMul, kSpeedTwo, kSpeedThree, kSpeedFour, kSpeedFive};
constexpr Levels<5> kFlatLevels{kFlatOne, kFlatTwo, kFlatThree, kFlatFour, kFlatFive};
constexpr Levels<5> kMeanLevels{kMean, kMean, kMean, kMean, kMean};

}  // namespace

std::span<const Family> word_families() {
  static const Family list[] = {
      {"give_take", "word", 5, 2.0, make<&Stories::give_take, kGiveTakeLevels>},
      {"groups", "word", 5, 1.0, make<&Stories::groups, kGroupLevels>},
      {"share", "word", 5, 1.0, make<&Stories::share, kShareLevels>},
      {"several", "word", 5, 1.5, make<&Stories::several, kSeveralLevels>},
      {"money", "word", 5, 1.5, make<&Stories::money, kMoneyLevels>},
      {"ages", "word", 4, 1.0, make<&Stories::ages, kAgeLevels>},
      {"speed", "word", 5, 0.8, make<&Stories::speed, kSpeedLevels>},
      {"rectangle", "word", 5, 0.8, make<&Stories::rectangle, kFlatLevels>},
      {"average", "word", 5, 0.6, make<&Stories::average, kMeanLevels>},
      {"units", "word", 5, 0.8, make_units},
      {"percent", "word", 5, 0.8, make_percent},
  };
  return list;
}

}  // namespace jaju::data
