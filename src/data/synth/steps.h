// Worked steps of arithmetic, the same in every language and every family: what a model of a few million
// parameters can copy line by line. Digits are single tokens, so every step touches one digit at a time.
//
// Each returns one line without a line break that ends in the result:
//   add_steps(472, 389)  "472+389: 2+9=11, 7+8+1=16, 4+3+1=8 → 861"
//   add_steps(7, 5)      "7+5=12"                (both below 10: one fact)
//   sub_steps(502, 78)   "502-78: ..., ... → 424"   (borrows written out)
//   mul_steps(47, 86)    "47*86: 47*6=..., 47*80=..., sum ... → 4042"   (partial products with carries, then
//   add_steps) div_steps(157, 6)    "157/6: 15=6*2+3; 37=6*6+1 → 26 r 1"   (remainder left out when 0)
//   div_steps(37, 12)    "37/12: 12*1=12, 12*2=24, 12*3=36, 12*4=48, 37-36=1, 37=12*3+1 → 3 r 1"
//   gcd_steps(24, 18)    "gcd(24,18): 24=18*1+6, 18=6*3+0 → 6"
//   lcm_steps(4, 6)      "lcm(4,6): 6=4*1+2, 12=4*3+0 → 12"   (multiples of the larger)
//   compare_steps(472, 478)   "472(3) 478(3): 3=3, 4=4, 7=7, 2<8 → 472<478"   (number of digits, then digits)
#pragma once

#include <cstdint>
#include <string>

namespace jaju::data {

std::string add_steps(int64_t a, int64_t b);      // a, b >= 0
std::string sub_steps(int64_t a, int64_t b);      // any sign of the result
std::string mul_steps(int64_t a, int64_t b);      // a, b >= 0
std::string div_steps(int64_t a, int64_t b);      // a >= 0, b > 0
std::string gcd_steps(int64_t a, int64_t b);      // a, b > 0
std::string lcm_steps(int64_t a, int64_t b);      // a, b > 0, small
std::string compare_steps(int64_t a, int64_t b);  // any sign; ends in "a<b", "a>b" or "a=b"

}  // namespace jaju::data
