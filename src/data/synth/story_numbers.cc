// The numbers of stories: what sizes are natural for things, money, ages, speeds and lengths at each level.
#include <algorithm>

#include "data/synth/story.h"

namespace jaju::data {

namespace {

int64_t round_to(int64_t value, int64_t unit) {
  return std::max<int64_t>(unit, value / unit * unit);
}

// Sums and differences of things. `top` bounds the largest number that appears or results.
Numbers additive(Dice& dice, Shape shape, int64_t low, int64_t top) {
  Numbers n{};
  switch (shape) {
    case Shape::add: {
      const int64_t sum = dice.between(std::max<int64_t>(2 * low, 4), top);
      n[0] = dice.between(std::max<int64_t>(low, 2), sum - low);
      n[1] = sum - n[0];
      break;
    }
    case Shape::add_add:
    case Shape::add_sub: {
      n[0] = dice.between(std::max<int64_t>(low, 2), top / 2);
      n[1] = dice.between(low, top / 2);
      n[2] = shape == Shape::add_add ? dice.between(low, top / 2) : dice.between(1, n[0] + n[1] - 1);
      break;
    }
    case Shape::sub_sub: {
      n[0] = dice.between(std::max<int64_t>(3 * low, 6), top);
      n[1] = dice.between(low, n[0] - 2 * low);
      n[2] = dice.between(1, n[0] - n[1] - 1);
      break;
    }
    default: {  // sub, sub_add
      n[0] = dice.between(std::max<int64_t>(2 * low, 4), top);
      n[1] = dice.between(low, n[0] - 1);
      n[2] = dice.between(low, top / 2);
      break;
    }
  }
  return n;
}

Numbers count_numbers(Dice& dice, Shape shape, int level, bool small, bool large) {
  constexpr int64_t kTops[] = {20, 99, 999, 999, 5000};
  int64_t top = kTops[level - 1];
  if (small) top = std::min<int64_t>(top, 99);
  int64_t low = level == 1 ? 1 : 2;
  if (large) low = std::max<int64_t>(low, 10), top = std::max<int64_t>(top, 99);
  Numbers n{};
  const auto factors = [&](int64_t& x, int64_t& y) {
    x = dice.between(2, 9);
    y = dice.between(2, 9);
    if (small) {
      if (level >= 3) y = dice.between(2, 20);
    } else if (level == 2) {
      y = dice.between(10, 30);
    } else if (level == 3) {
      y = dice.between(10, 99);
    } else if (level >= 4) {
      x = dice.between(11, level == 4 ? 30 : 99);
      y = dice.between(11, level == 4 ? 60 : 99);
    }
  };
  const auto quotient = [&](int64_t& divisor, int64_t& result) {
    divisor = dice.between(2, 9);
    result = dice.between(2, level == 1 || small ? 9
                             : level == 2        ? 30
                             : level == 3        ? 99
                             : level == 4        ? 300
                                                 : 600);
    if (level == 5 && !small &&
        dice.chance(0.5)) {  // no table for the divisor: keep the search for multiples short
      divisor = dice.between(11, 20);
      result = dice.between(2, 9);
    }
  };
  switch (shape) {
    case Shape::mul:
      factors(n[0], n[1]);
      break;
    case Shape::div:
    case Shape::rem: {
      int64_t result = 0;
      quotient(n[1], result);
      n[0] = n[1] * result;
      if (shape == Shape::rem) n[0] += dice.between(1, n[1] - 1);
      break;
    }
    case Shape::mul_add: {
      factors(n[0], n[1]);
      n[2] = dice.between(2, std::max<int64_t>(9, n[0] * n[1] / 2));
      break;
    }
    case Shape::mul_sub: {
      factors(n[0], n[1]);
      n[2] = dice.between(1, n[0] * n[1] - 1);
      break;
    }
    case Shape::mul_div: {  // a boxes of b shared by c
      n[2] = dice.between(2, 9);
      n[0] = n[2] * dice.between(1, 3);
      n[1] = dice.between(2, level <= 3 || small ? 12 : 40);
      break;
    }
    case Shape::sub_div: {
      int64_t result = 0;
      quotient(n[2], result);
      n[1] = dice.between(2, std::max<int64_t>(9, n[2] * result / 2));
      n[0] = n[2] * result + n[1];
      break;
    }
    case Shape::add_div: {
      int64_t result = 0;
      quotient(n[2], result);
      n[0] = dice.between(1, n[2] * result - 1);
      n[1] = n[2] * result - n[0];
      break;
    }
    case Shape::sub_mul: {
      n[0] = dice.between(4, level <= 3 || small ? 20 : 60);
      n[1] = dice.between(1, n[0] - 2);
      n[2] = dice.between(2, 9);
      break;
    }
    case Shape::add_mul: {
      n[0] = dice.between(2, level <= 3 || small ? 20 : 60);
      n[1] = dice.between(2, level <= 3 || small ? 20 : 60);
      n[2] = dice.between(2, 9);
      break;
    }
    case Shape::pay: {  // a things, b taken c times
      n[1] = dice.between(2, 9);
      n[2] = dice.between(2, level <= 3 || small ? 9 : 40);
      n[0] = n[1] * n[2] + dice.between(1, level <= 3 || small ? 20 : 200);
      break;
    }
    case Shape::mul_mul_add: {
      n[0] = dice.between(2, 9);
      n[1] = dice.between(2, level <= 3 || small ? 9 : 40);
      n[2] = dice.between(2, 9);
      n[3] = dice.between(2, level <= 3 || small ? 9 : 40);
      break;
    }
    default:
      n = additive(dice, shape, low, top);
  }
  return n;
}

// Prices are multiples of what coins allow; the sum handed over is a round one above the total.
Numbers money_numbers(Dice& dice, Language language, Shape shape, int level) {
  const bool won = language == Language::ko;
  const bool yen = language == Language::ja;
  const int64_t unit = won ? 100 : yen ? 10 : 1;
  const int64_t note = won ? 1000 : yen ? 100 : level <= 3 ? 5 : 10;
  const auto price = [&] {
    const int64_t most = won   ? (level <= 2   ? 30
                                  : level <= 4 ? 60
                                               : 150)
                         : yen ? (level <= 2 ? 30 : 95)
                               : (level <= 1   ? 9
                                  : level <= 3 ? 20
                                               : 60);
    const int64_t least = won ? 3 : yen ? 3 : 2;
    int64_t value = dice.between(least, most) * unit;
    if (won && level == 1) value = dice.between(1, 9) * (dice.chance(0.5) ? 100 : 1000);
    return value;
  };
  const auto pieces = [&] { return dice.between(2, 9); };
  const auto above = [&](int64_t total) { return (total / note + 1 + dice.between(0, 3)) * note; };
  Numbers n{};
  switch (shape) {
    case Shape::add:
      n = {price(), price()};
      break;
    case Shape::sub: {
      n[1] = price();
      n[0] = above(n[1]);
      break;
    }
    case Shape::mul:
      n = {price(), pieces()};
      break;
    case Shape::div: {
      n[1] = pieces();
      n[0] = price() * n[1];
      break;
    }
    case Shape::add_add:
      n = {price(), price(), price()};
      break;
    case Shape::add_sub: {
      n[0] = price();
      n[1] = price();
      n[2] = round_to(dice.between(1, n[0] + n[1] - 1), unit);
      if (n[2] >= n[0] + n[1]) n[2] = n[0];
      break;
    }
    case Shape::sub_sub: {
      n[1] = price();
      n[2] = price();
      n[0] = above(n[1] + n[2]);
      break;
    }
    case Shape::sub_add: {
      n[1] = price();
      n[0] = above(n[1]);
      n[2] = price();
      break;
    }
    case Shape::mul_add:
      n = {price(), pieces(), price()};
      break;
    case Shape::mul_sub: {
      n[0] = price();
      n[1] = pieces();
      n[2] = round_to(dice.between(1, n[0] * n[1] / 2), unit);
      break;
    }
    case Shape::pay: {
      n[1] = price();
      n[2] = pieces();
      n[0] = above(n[1] * n[2]);
      break;
    }
    case Shape::mul_mul_add:
    default: {  // pay_two
      n = {price(), dice.between(2, 6), price(), dice.between(2, 6), 0};
      n[4] = above(n[0] * n[1] + n[2] * n[3]);
      break;
    }
  }
  return n;
}

Numbers age_numbers(Dice& dice, Shape shape, int level) {
  Numbers n{};
  n[0] = dice.between(6, level <= 2 ? 15 : 40);
  n[1] = dice.between(2, level == 1 ? 5 : level == 2 ? 12 : 30);
  n[2] = dice.between(2, 15);
  if (shape == Shape::sub || shape == Shape::sub_add || shape == Shape::sub_sub) {
    n[0] = level <= 2 ? dice.between(8, 20) : dice.between(25, 70);
    n[1] = dice.between(2, n[0] / 2);
    n[2] = dice.between(2, n[0] - n[1] - 1);
  }
  if (shape == Shape::mul || shape == Shape::mul_add || shape == Shape::mul_sub) {
    n[0] = dice.between(7, 14);
    n[1] = dice.between(3, 5);
    n[2] = dice.between(2, 6);
  }
  if (shape == Shape::add_sub) n[2] = dice.between(2, n[0] + n[1] - 2);
  if (shape == Shape::add_add) n[2] = dice.between(2, 20);
  if (shape == Shape::twice_sum) n[1] = dice.between(2, 12);
  if (shape == Shape::div) {
    n[1] = dice.between(2, 5);
    n[0] = n[1] * dice.between(5, 16);
  }
  return n;
}

// Kilometres an hour on foot (`small`) or on wheels.
Numbers speed_numbers(Dice& dice, Shape shape, int level, bool small) {
  Numbers n{};
  const auto pace = [&] {
    if (small) return dice.between(3, 9);
    return level <= 1 ? dice.between(2, 9) * 10 : dice.between(4, level <= 3 ? 16 : 24) * 5;
  };
  const auto hours = [&] { return dice.between(2, level <= 3 ? 6 : 12); };
  n[0] = pace();
  n[1] = hours();
  n[2] = pace();
  n[3] = hours();
  if (shape == Shape::div) {
    n[1] = level <= 2 ? dice.between(2, 9) : pace();
    n[0] = n[1] * hours();
  }
  if (shape == Shape::mul_add) n[2] = dice.between(2, 90);
  if (shape == Shape::mul_sub) n[2] = dice.between(2, n[0] * n[1] - 1);
  if (shape == Shape::pay) {  // a km of way, b km/h for c hours
    n[1] = pace();
    n[2] = hours();
    n[0] = n[1] * n[2] + dice.between(2, 90);
  }
  if (shape == Shape::half) {
    n[0] = dice.between(4, 20) * 6;
    n[1] = dice.between(1, 11) * 10;
  }
  if (shape == Shape::mul_div) {  // there at a km/h in b hours, back in c
    n[2] = dice.between(2, 6);
    n[0] = dice.between(8, 20) * n[2];
    n[1] = dice.between(2, 6);
  }
  if (shape == Shape::add_mul || shape == Shape::sub_mul) {
    n[0] = dice.between(30, level <= 4 ? 60 : 99);
    n[1] = dice.between(20, n[0] - 1);
    n[2] = hours();
  }
  return n;
}

Numbers length_numbers(Dice& dice, Shape shape, int level) {
  constexpr int64_t kTops[] = {15, 30, 60, 120, 150};
  const int64_t top = kTops[level - 1];
  Numbers n{};
  n[0] = dice.between(3, top);
  n[1] = dice.between(2, level <= 2 ? 9 : level <= 4 ? 30 : 60);
  n[2] = dice.between(2, level <= 2 ? 9 : 30);
  if (n[0] == n[1]) ++n[0];
  if (shape == Shape::div) {
    n[1] = dice.between(2, 9);
    n[0] = n[1] * dice.between(2, top);
    if (level == 5 && dice.chance(0.5)) {
      n[1] = dice.between(11, 20);
      n[0] = n[1] * dice.between(2, 9);
    }
  }
  if (shape == Shape::sub || shape == Shape::sub_sub) {
    n[0] = dice.between(6, top * 2);
    n[1] = dice.between(1, n[0] - 3);
    n[2] = dice.between(1, n[0] - n[1] - 1);
  }
  if (shape == Shape::add_add)
    n[2] = dice.between(std::max(n[0], n[1]) - std::min(n[0], n[1]) + 1, n[0] + n[1] - 1);
  if (shape == Shape::mul_mul_add) {
    n[1] = dice.between(2, 9);
    n[3] = dice.between(2, 9);
  }
  if (shape == Shape::square) n[0] = dice.between(2, level <= 1 ? 9 : level <= 3 ? 20 : 40);
  if (shape == Shape::mul_sub) n[2] = dice.between(1, n[0] * n[1] - 1);
  return n;
}

Numbers score_numbers(Dice& dice, int level) {
  constexpr int64_t kTops[] = {10, 20, 40, 60, 100};
  const int64_t top = kTops[level - 1];
  const int64_t mean = dice.between(3, top - 2);
  const int64_t room = std::min(mean - 1, top - mean);
  Numbers n{};
  do {
    n[0] = mean + dice.between(-room, room);
    n[1] = mean + dice.between(-room, room);
    n[2] = 3 * mean - n[0] - n[1];
  } while (n[2] < 1 || n[2] > top);
  return n;
}

}  // namespace

Numbers draw_numbers(Dice& dice, Language language, Measure measure, Shape shape, int level, bool small,
                     bool large) {
  switch (measure) {
    case Measure::count:
      return count_numbers(dice, shape, level, small, large);
    case Measure::money:
      return money_numbers(dice, language, shape, level);
    case Measure::age:
      return age_numbers(dice, shape, level);
    case Measure::speed:
      return speed_numbers(dice, shape, level, small);
    case Measure::length:
      return length_numbers(dice, shape, level);
    case Measure::score:
      return score_numbers(dice, level);
  }
  return {};
}

}  // namespace jaju::data
