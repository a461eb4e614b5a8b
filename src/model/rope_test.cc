// Numbers from the fact sheet, 2.4, for A.X K1's own rope settings; and the rules where settings differ.
#include "model/rope.h"

#include <gtest/gtest.h>

#include <cmath>

namespace jaju {
namespace {

ModelConfig k1_rope() {
  ModelConfig c;
  c.rope = {.theta = 10000,
            .interleaved = true,
            .yarn = true,
            .factor = 4,
            .original_context = 32768,
            .beta_fast = 32,
            .beta_slow = 1,
            .mscale = 1.0,
            .mscale_all_dim = 0.0};
  return c;
}

TEST(Rope, AxK1Numbers) {
  const Rope rope(k1_rope());
  ASSERT_EQ(rope.n_pairs(), 32);
  EXPECT_NEAR(rope.table_factor(), 1.138629436, 1e-9);
  EXPECT_NEAR(rope.softmax_scale(), 0.0721688, 1e-7);
  for (size_t j = 0; j < 32; ++j) {
    const double plain = std::pow(10000.0, -2.0 * static_cast<double>(j) / 64);
    if (j <= 17) {
      EXPECT_NEAR(rope.frequencies()[j] / plain, 1.0, 1e-12) << j;
    }
    if (j >= 30) {
      EXPECT_NEAR(rope.frequencies()[j] / plain, 0.25, 1e-12) << j;
    }
    if (j > 17 && j < 30) {
      const double ramp = (static_cast<double>(j) - 17) / 13;
      EXPECT_NEAR(rope.frequencies()[j] / plain, ramp / 4 + 1 - ramp, 1e-12) << j;
    }
  }
}

TEST(Rope, MscaleAllDimMovesTheFactorIntoTheSoftmax) {
  ModelConfig c = k1_rope();
  c.rope.mscale_all_dim = 1.0;
  const Rope rope(c);
  EXPECT_DOUBLE_EQ(rope.table_factor(), 1.0);
  EXPECT_NEAR(rope.softmax_scale(), 0.0721688 * 1.296477, 1e-6);
}

TEST(Rope, WithoutYarn) {
  ModelConfig c = k1_rope();
  c.rope = {};
  const Rope rope(c);
  EXPECT_EQ(rope.table_factor(), 1.0);
  std::vector<float> table(64);
  rope.fill(131071, table.data());
  EXPECT_NEAR(table[0], std::cos(131071.0), 1e-6);
  EXPECT_NEAR(table[32], std::sin(131071.0), 1e-6);
}

}  // namespace
}  // namespace jaju
