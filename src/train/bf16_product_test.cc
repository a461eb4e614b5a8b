// The products against sums in double precision, at sizes with every kind of tail.
#include "train/bf16_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tensor/dtype.h"

namespace jaju::train {
namespace {

std::vector<uint16_t> random_bf16(int64_t n, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<uint16_t> values(static_cast<size_t>(n));
  for (uint16_t& v : values) v = f32_to_bf16(normal(random));
  return values;
}

double value(const std::vector<uint16_t>& v, int64_t i) {
  return static_cast<double>(bf16_to_f32(v[static_cast<size_t>(i)]));
}

// Also when an assertion leaves the test early.
struct LimitedIsa {
  explicit LimitedIsa(Bf16Isa most) { limit_bf16_isa(most); }
  ~LimitedIsa() { limit_bf16_isa(Bf16Isa::amx); }
  LimitedIsa(const LimitedIsa&) = delete;
  LimitedIsa& operator=(const LimitedIsa&) = delete;
};

class Bf16Products : public testing::TestWithParam<Bf16Isa> {};

TEST_P(Bf16Products, ProductsAndTransposes) {
  if (bf16_isa() < GetParam()) GTEST_SKIP() << "this CPU has no such instructions";
  const LimitedIsa limited(GetParam());
  std::mt19937 random(1);
  const int64_t sizes[][3] = {{32, 32, 32}, {70, 37, 45}, {1, 16, 192}, {48, 8, 64},
                              {33, 80, 80}, {17, 15, 33}, {5, 100, 1},  {256, 20, 300}};
  for (const auto& [m, n, k] : sizes) {
    SCOPED_TRACE(testing::Message() << m << " x " << n << " x " << k);
    const auto a = random_bf16(m * k, random);
    const auto b = random_bf16(k * n, random);
    std::vector<uint16_t> b_transposed(b.size());
    for (int64_t i = 0; i < k; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        b_transposed[static_cast<size_t>(j * k + i)] = b[static_cast<size_t>(i * n + j)];
      }
    }
    std::vector<uint16_t> packed(static_cast<size_t>(bf16_packed_size(k, n)),
                                 0x7fc0);  // NaN where nothing writes
    std::vector<uint16_t> again = packed;
    bf16_pack(b.data(), n, k, n, packed.data());
    bf16_pack_transposed(b_transposed.data(), k, k, n, again.data());
    EXPECT_EQ(packed, again);

    const int64_t stride = n + 3;
    std::vector<float> sums(static_cast<size_t>(m * stride), 1.0f);
    std::vector<uint16_t> rounded(sums.size(), 7);
    Bf16Product p;
    p.rows = m;
    p.cols = n;
    p.depth = k;
    p.a = a.data();
    p.a_stride = k;
    p.packed = packed.data();
    p.out_stride = stride;
    p.out_f32 = sums.data();
    p.add = true;
    bf16_multiply(p);
    p.out_f32 = nullptr;
    p.out_bf16 = rounded.data();
    bf16_multiply(p);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < stride; ++j) {
        const auto at = static_cast<size_t>(i * stride + j);
        if (j >= n) {  // beside the matrix nothing is written
          ASSERT_EQ(sums[at], 1.0f);
          ASSERT_EQ(rounded[at], 7);
          continue;
        }
        double want = 0, size = 0;
        for (int64_t x = 0; x < k; ++x) {
          want += value(a, i * k + x) * value(b, x * n + j);
          size += std::abs(value(a, i * k + x) * value(b, x * n + j));
        }
        // Products of bf16 are exact in f32; k + 1 sums each round by half of 2^-23.
        const double tolerance = (size + 1) * static_cast<double>(k + 1) * 0x1p-24;
        ASSERT_NEAR(static_cast<double>(sums[at]), want + 1, tolerance);
        ASSERT_NEAR(static_cast<double>(bf16_to_f32(rounded[at])), want, tolerance + std::abs(want) * 0x1p-8);
      }
    }

    const int64_t room = (m + 31) / 32 * 32;
    std::vector<uint16_t> turned(static_cast<size_t>(k * room), 0x7fc0);
    bf16_transpose(a.data(), k, m, k, turned.data(), room);
    for (int64_t i = 0; i < k; ++i) {
      for (int64_t j = 0; j < room; ++j) {
        const uint16_t want = j < m ? a[static_cast<size_t>(j * k + i)] : 0;
        ASSERT_EQ(turned[static_cast<size_t>(i * room + j)], want);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Bf16Products, testing::Values(Bf16Isa::avx512, Bf16Isa::amx),
                         [](const auto& one) { return one.param == Bf16Isa::amx ? "amx" : "avx512"; });

}  // namespace
}  // namespace jaju::train
