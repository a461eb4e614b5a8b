#include "data/synth/steps.h"

#include <gtest/gtest.h>

#include "data/synth.h"
#include "data/synth/claims_for_test.h"

namespace jaju::data {
namespace {

// The written forms are a contract with whoever reads a trace: these lines come from paper.
TEST(Steps, AreWrittenAsOnPaper) {
  EXPECT_EQ(add_steps(472, 389), "472+389: 2+9=11, 7+8+1=16, 4+3+1=8 → 861");
  EXPECT_EQ(add_steps(7, 5), "7+5=12");
  EXPECT_EQ(add_steps(999, 1), "999+1: 9+1=10, 9+0+1=10, 9+0+1=10 → 1000");
  EXPECT_EQ(sub_steps(502, 78), "502-78: 12-8=4, 10-7-1=2, 5-0-1=4 → 424");
  EXPECT_EQ(sub_steps(78, 502), "78-502=-(502-78): 12-8=4, 10-7-1=2, 5-0-1=4 → -424");
  EXPECT_EQ(sub_steps(3, 8), "3-8=-5");
  EXPECT_EQ(sub_steps(12, 5), "12-5=7");
  EXPECT_EQ(mul_steps(47, 6), "47*6: 6*7=42, 6*4+4=28 → 282");
  EXPECT_EQ(mul_steps(47, 86),
            "47*86: 47*6: 6*7=42, 6*4+4=28 → 282; 47*80: 8*7=56, 8*4+5=37 → 3760; "
            "282+3760: 2+0=2, 8+6=14, 2+7+1=10, 0+3+1=4 → 4042");
  EXPECT_EQ(div_steps(157, 6), "157/6: 15=6*2+3; 37=6*6+1 → 26 r 1");
  EXPECT_EQ(div_steps(56, 7), "56/7=8");
  EXPECT_EQ(div_steps(37, 12), "37/12: 12*1=12, 12*2=24, 12*3=36, 12*4=48, 37-36=1, 37=12*3+1 → 3 r 1");
  EXPECT_EQ(gcd_steps(24, 18), "gcd(24,18): 24=18*1+6, 18=6*3+0 → 6");
  EXPECT_EQ(lcm_steps(4, 6), "lcm(4,6): 6=4*1+2, 12=4*3+0 → 12");
  EXPECT_EQ(compare_steps(472, 478), "472(3) 478(3): 3=3, 4=4, 7=7, 2<8 → 472<478");
}

// Steps end in their result, which is worked out here another way.
TEST(Steps, AreTrue) {
  Dice dice(11);
  const auto number = [&] {
    int64_t high = 10;
    for (int64_t i = dice.between(0, 5); i > 0; --i) high *= 10;
    return dice.between(0, high - 1);
  };
  const auto check = [](const std::string& steps, const std::string& wanted) {
    const Verdict verdict = ClaimReader(steps, std::nullopt).verdict();
    EXPECT_EQ(verdict.mistake, "") << steps;
    EXPECT_GT(verdict.claims, 0) << steps;
    EXPECT_TRUE(steps.ends_with("=" + wanted) || steps.ends_with("→ " + wanted)) << steps << " / " << wanted;
  };
  for (int i = 0; i < 20000 && !testing::Test::HasFailure(); ++i) {
    const int64_t a = number();
    const int64_t b = number();
    check(add_steps(a, b), std::to_string(a + b));
    check(sub_steps(a, b), std::to_string(a - b));
    check(mul_steps(a, b), std::to_string(a * b));
    check(div_steps(a, b % 100 + 1),
          std::to_string(a / (b % 100 + 1)) +
              (a % (b % 100 + 1) != 0 ? " r " + std::to_string(a % (b % 100 + 1)) : ""));
    check(gcd_steps(a + 1, b + 1), std::to_string(std::gcd(a + 1, b + 1)));
    check(lcm_steps(a % 20 + 1, b % 20 + 1), std::to_string(std::lcm(a % 20 + 1, b % 20 + 1)));
    const int64_t c = i % 3 == 0 ? -a : a;
    const int64_t d = i % 2 == 0 ? -b : b;
    const Verdict verdict = ClaimReader(compare_steps(c, d), std::nullopt).verdict();
    EXPECT_EQ(verdict.mistake, "") << compare_steps(c, d);
  }
}

// The reader of claims must notice what is wrong, or the tests above say nothing.
TEST(Steps, AWrongStepIsNoticed) {
  for (const char* wrong :
       {"47*6: 6*7=42, 6*4+4=29 → 282", "47*6: 6*7=42, 6*4+4=28 → 283", "13=6*2+2",
        "157/6: 15=6*2+3; 37=6*6+1 → 26 r 2", "2<1", "47*86: 47*6: 6*7=42, 6*4+4=28 → 282",
        "472(3) 478(4): 3=3 → 472<478", "x=4", "1/4=3/13"}) {
    EXPECT_NE(ClaimReader(wrong, Rational{3, 1}).verdict().mistake, "") << wrong;
  }
  EXPECT_EQ(ClaimReader("3x=9", Rational{3, 1}).verdict().mistake, "");
}

}  // namespace
}  // namespace jaju::data
