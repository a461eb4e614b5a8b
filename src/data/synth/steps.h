// Worked steps of arithmetic, the same in every language and every family: what a model of a few million parameters
// can copy line by line. Digits are single tokens, so every step touches one digit at a time.
//
// Each returns one line without a line break that ends in the result:
//   add_steps(472, 389)  "472+389: 2+9=11, 7+8+1=16, 4+3+1=8 → 861"
//   add_steps(7, 5)      "7+5=12"                (both below 10: one fact)
//   sub_steps(502, 78)   "502-78: ..., ... → 424"   (borrows written out)
//   mul_steps(47, 86)    "47*86: 47*6=..., 47*80=..., sum ... → 4042"   (partial products with carries, then add_steps)
//   div_steps(157, 12)   long division; ends "→ 13 r 1" (remainder left out when 0)
#pragma once

#include <cstdint>
#include <string>

namespace jaju::data {

std::string add_steps(int64_t a, int64_t b);  // a, b >= 0
std::string sub_steps(int64_t a, int64_t b);  // any sign of the result
std::string mul_steps(int64_t a, int64_t b);  // a, b >= 0
std::string div_steps(int64_t a, int64_t b);  // a >= 0, b > 0

}  // namespace jaju::data
