// MXFP4 and NVFP4 in panels: every number as the formats define it, computed here by ldexp.
#include "tensor/fp4.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tensor/quantize.h"
#include "tensor/view.h"

namespace jaju {
namespace {

constexpr Scheme kKinds[] = {Scheme::mxfp4, Scheme::nvfp4};

// OCP Microscaling 1.0: E2M1 has the values 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
double e2m1(int code) {
  const int exponent = code >> 1 & 3;
  const double fraction = code & 1;
  const double size = exponent == 0 ? 0.5 * fraction : std::ldexp(1 + fraction / 2, exponent - 1);
  return code < 8 ? size : -size;
}
double e4m3(int byte) {
  const int exponent = byte >> 3;
  const double fraction = byte & 7;
  return exponent == 0 ? std::ldexp(fraction, -9) : std::ldexp(1 + fraction / 8, exponent - 7);
}

struct Stored {
  std::vector<uint8_t> codes, scales;
  Fp4Rows rows(float factor) const { return {codes.data(), scales.data(), factor}; }
};

// Every scale there is, the extremes among them.
Stored random_stored(Scheme scheme, int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 dice(seed);
  Stored s;
  for (int64_t i = 0; i < rows * cols / 2; ++i) s.codes.push_back(static_cast<uint8_t>(dice()));
  for (int64_t i = 0; i < rows * cols / fp4_group(scheme); ++i) {
    s.scales.push_back(static_cast<uint8_t>(scheme == Scheme::mxfp4 ? dice() % 250 : dice() % 127));
  }
  return s;
}

TEST(Fp4, PanelsHoldTheCheckpointsNumbers) {
  for (const Scheme scheme : kKinds) {
    for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{16, 64}, {3, 32}, {16, 480}, {7, 160}}) {
      const Stored stored = random_stored(scheme, rows, cols, static_cast<uint32_t>(cols));
      const float factor = scheme == Scheme::mxfp4 ? 1.0f : 0.37f;
      std::vector<std::byte> panel(static_cast<size_t>(panel_bytes(scheme, cols)), std::byte{0xee});
      pack_fp4_panel(scheme, stored.rows(factor), rows, cols, panel.data());
      for (int64_t r = 0; r < 16; ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          const float got = packed_at(scheme, panel.data(), cols, r, c);
          if (r >= rows) {
            ASSERT_EQ(got, 0);
            continue;
          }
          const int both = stored.codes[static_cast<size_t>((r * cols + c) / 2)];
          const int scale = stored.scales[static_cast<size_t>((r * cols + c) / fp4_group(scheme))];
          const double exact = e2m1(c % 2 == 0 ? both & 15 : both >> 4) *
                               (scheme == Scheme::mxfp4 ? std::ldexp(1.0, scale - 127) : e4m3(scale));
          // One rounding, and none for MXFP4 but below f32's smallest.
          const double want = exact * static_cast<double>(factor);
          ASSERT_NEAR(static_cast<double>(got), want, std::abs(want) * 0x1p-24 + 0x1p-150) << r << " " << c;
          if (scheme == Scheme::mxfp4 && std::abs(want) >= 0x1p-126) {
            ASSERT_EQ(static_cast<double>(got), want);
          }
          ASSERT_EQ(got, fp4_at(scheme, stored.rows(factor), cols, r, c));
        }
      }
    }
  }
}

TEST(Fp4, AViewOfStoredRowsSlices) {
  const int64_t rows = 40, cols = 96;
  for (const Scheme scheme : kKinds) {
    const Stored stored = random_stored(scheme, rows, cols, 5);
    Matrix m;
    m.data = stored.codes.data();
    m.dtype = DType::u8;
    m.rows = rows;
    m.cols = cols;
    m.scheme = scheme;
    m.fp4_scales = stored.scales.data();
    m.fp4_factor = 0.5f;
    EXPECT_FALSE(m.packed());
    EXPECT_EQ(m.bytes(), rows * cols / 2);
    for (int64_t c = 0; c < cols; ++c) {
      EXPECT_EQ(m.slice_rows(13, 20).at(4, c), m.at(17, c));
      EXPECT_EQ(m.at(17, c), fp4_at(scheme, stored.rows(0.5f), cols, 17, c));
    }
  }
}

// As bf16 or f32, from a GGUF file for one, and back.
TEST(Fp4, NumbersOfMxfp4AreFoundAgain) {
  const int64_t rows = 16, cols = 320;
  Stored stored = random_stored(Scheme::mxfp4, rows, cols, 6);
  for (uint8_t& s : stored.scales) s = static_cast<uint8_t>(97 + s % 60);  // rows above 2^-100
  for (size_t i = 0; i < 16; ++i) stored.codes[i] = 0x99;                  // a group of the least values only
  std::vector<float> values(static_cast<size_t>(rows * cols)), again(values.size());
  for (int64_t i = 0; i < rows * cols; ++i) {
    values[static_cast<size_t>(i)] = fp4_at(Scheme::mxfp4, stored.rows(1), cols, i / cols, i % cols);
  }
  std::vector<std::byte> panel(static_cast<size_t>(panel_bytes(Scheme::mxfp4, cols)));
  quantize_panel(Scheme::mxfp4, values.data(), rows, cols, nullptr, panel.data());
  dequantize_panel(Scheme::mxfp4, panel.data(), rows, cols, again.data());
  EXPECT_EQ(again, values);
}

// A step of E2M1 is at most half of the values beside it, and an error spread evenly over it has a twelfth of
// its square: 2 % of the values' squares.
TEST(Fp4, QuantisedValuesAreNear) {
  const int64_t cols = 256;
  std::mt19937 dice(7);
  std::normal_distribution<float> normal;
  std::vector<float> w(static_cast<size_t>(16 * cols)), got(w.size());
  for (float& x : w) x = normal(dice);
  for (const Scheme scheme : kKinds) {
    std::vector<std::byte> panel(static_cast<size_t>(panel_bytes(scheme, cols)));
    quantize_panel(scheme, w.data(), 16, cols, nullptr, panel.data());
    dequantize_panel(scheme, panel.data(), 16, cols, got.data());
    double error = 0, power = 0;
    for (size_t i = 0; i < w.size(); ++i) {
      error += std::pow(static_cast<double>(got[i] - w[i]), 2);
      power += std::pow(static_cast<double>(w[i]), 2);
    }
    EXPECT_LT(error, 0.02 * power) << name_of(scheme);
  }
}

TEST(Fp4, ScalesThatAreNoNumbersAreTold) {
  const uint8_t good[] = {0, 1, 126};
  EXPECT_TRUE(fp4_scales_good(Scheme::mxfp4, good, 3));
  EXPECT_TRUE(fp4_scales_good(Scheme::nvfp4, good, 3));
  const uint8_t nan_of_e8m0[] = {3, 255};
  EXPECT_FALSE(fp4_scales_good(Scheme::mxfp4, nan_of_e8m0, 2));
  const uint8_t nan_of_e4m3[] = {127};
  EXPECT_FALSE(fp4_scales_good(Scheme::nvfp4, nan_of_e4m3, 1));
  const uint8_t below_zero[] = {0x80};
  EXPECT_FALSE(fp4_scales_good(Scheme::nvfp4, below_zero, 1));
}

}  // namespace
}  // namespace jaju
