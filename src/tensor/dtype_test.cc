// Conversions checked against independent arithmetic over every bit pattern.
#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include <cmath>

namespace jaju {
namespace {

TEST(DType, F16EveryPatternByDefinition) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const int exponent = (bits >> 10) & 31;
    const int mantissa = bits & 1023;
    const float got = f16_to_f32(static_cast<uint16_t>(bits));
    if (exponent == 31) {
      EXPECT_EQ(std::isnan(got), mantissa != 0) << bits;
      continue;
    }
    const double magnitude =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    EXPECT_EQ(got, (bits & 0x8000) != 0 ? -magnitude : magnitude) << bits;
  }
}

TEST(DType, F8EveryPatternByDefinition) {
  for (int bits = 0; bits < 256; ++bits) {
    const int exponent = (bits >> 3) & 15;
    const int mantissa = bits & 7;
    const float got = f8_e4m3_to_f32(static_cast<uint8_t>(bits));
    if (exponent == 15 && mantissa == 7) {
      EXPECT_TRUE(std::isnan(got));
      continue;
    }
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
    EXPECT_EQ(got, (bits & 0x80) != 0 ? -magnitude : magnitude) << bits;
  }
}

TEST(DType, Bf16RoundsToNearestEven) {
  EXPECT_EQ(f32_to_bf16(1.0f), 0x3f80);
  EXPECT_EQ(f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);            // tie, stays even
  EXPECT_EQ(f32_to_bf16(1.0f + 0x1p-8f + 0x1p-20f), 0x3f81);  // past the tie
  EXPECT_EQ(f32_to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);         // tie, goes to even
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::nanf("")))));
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = bf16_to_f32(static_cast<uint16_t>(bits));
    if (!std::isnan(value)) { EXPECT_EQ(f32_to_bf16(value), bits); }
  }
}

TEST(DType, NamesRoundTrip) {
  for (DType t : {DType::f32, DType::f16, DType::bf16, DType::f8_e4m3, DType::i64, DType::boolean}) {
    EXPECT_EQ(dtype_from_name(name_of(t)), t);
  }
  EXPECT_EQ(dtype_from_name("F8_E5M2"), std::nullopt);
}

}  // namespace
}  // namespace jaju
