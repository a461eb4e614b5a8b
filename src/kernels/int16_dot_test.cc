// Products of rows in 16 bits, as this CPU has them, against plain ones in double.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cpu/int16_dot.h"
#include "kernels/ops.h"
#include "tensor/dtype.h"
#include "tensor/line_vector.h"

namespace jaju {
namespace {

constexpr double kEps = 0x1p-24;
constexpr int32_t kMost = 2047;         // of 512 columns
constexpr int32_t kMostOfRope = 5792;   // of 64
constexpr int32_t kMostWeight = 16391;  // of 64 rows
constexpr int64_t kLatent = 512, kRope = 64, kWidth = kLatent + kRope;

struct Coded {
  LineVector<float> codes, latent_scales, rope_scales;
  int16dot::CodedRows rows;

  explicit Coded(int64_t n)
      : codes(static_cast<size_t>((n + 1) * kWidth / 2)),  // one more, for odd numbers of rows
        latent_scales(static_cast<size_t>(n)),
        rope_scales(static_cast<size_t>(n)),
        rows{reinterpret_cast<int16_t*>(codes.data()), latent_scales.data(), rope_scales.data(), kLatent,
             kRope} {}
  void round(const int16dot::Kernels& kernels, const std::vector<float>& values) {
    for (size_t r = 0; r < latent_scales.size(); ++r) {
      const float* const row = values.data() + r * kWidth;
      int16_t* const to = rows.row(static_cast<int64_t>(r));
      latent_scales[r] = kernels.round_row(row, kLatent, kMost, to);
      rope_scales[r] = kernels.round_row(row + kLatent, kRope, kMostOfRope, to + kLatent);
    }
  }
};

std::vector<float> normal_values(int64_t n, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) value = normal(generator);
  return values;
}

class Int16Dot : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
#if defined(__x86_64__)
    if (std::string(GetParam()) == "avx2" && find_ops("avx2") != nullptr) kernels = &int16dot::kAvx2;
    if (std::string(GetParam()) == "avxvnni" && cpu_has_avx_vnni()) kernels = &int16dot::kAvxVnni;
    if (std::string(GetParam()) == "vnni" && cpu_has_vnni()) kernels = &int16dot::kVnni;
#endif
    if (kernels == nullptr) GTEST_SKIP() << "this CPU cannot run " << GetParam();
  }
  // The codes of rows in their order: each row weighed alone, once.
  std::vector<float> latents_in_order(const int16dot::CodedRows& rows, int64_t n) const {
    std::vector<float> out(static_cast<size_t>(n * kLatent));
    const int16_t one[2] = {1, 0};
    const float factor = 1;
    for (int64_t r = 0; r < n; ++r)
      kernels->weigh(rows.row(r), kWidth, 1, kLatent, one, 2, 1, nullptr, &factor, out.data() + r * kLatent,
                     kLatent);
    return out;
  }
  const int16dot::Kernels* kernels = nullptr;
};

TEST_P(Int16Dot, RoundsToTheNearestCode) {
  std::vector<float> values = normal_values(2 * kWidth, 1);
  for (int64_t k = 0; k < kWidth; ++k) values[static_cast<size_t>(k)] *= 1e-20f;
  Coded coded(2);
  coded.round(*kernels, values);
  const std::vector<float> codes = latents_in_order(coded.rows, 2);
  for (size_t r = 0; r < 2; ++r) {
    float largest = 0;
    for (size_t k = 0; k < kLatent; ++k) {
      const double scale = static_cast<double>(coded.latent_scales[r]);
      const double code = static_cast<double>(codes[r * kLatent + k]);
      EXPECT_NEAR(code * scale, values[r * kWidth + k], scale * (0.5 + kMost * 4 * kEps)) << k;
      largest = std::max(largest, std::abs(codes[r * kLatent + k]));
    }
    EXPECT_EQ(largest, kMost);
  }
}

TEST_P(Int16Dot, Bf16HasTheCodesOfItsValues) {
  std::vector<float> values = normal_values(kLatent, 2);
  std::vector<uint16_t> halves;
  for (float& value : values) {
    halves.push_back(f32_to_bf16(value));
    value = bf16_to_f32(halves.back());
  }
  LineVector<float> room(kLatent);
  auto* const a = reinterpret_cast<int16_t*>(room.data());
  int16_t* const b = a + kLatent;
  EXPECT_EQ(kernels->round_row(values.data(), kLatent, kMost, a),
            kernels->round_bf16_row(halves.data(), kLatent, kMost, b));
  EXPECT_EQ(std::vector<int16_t>(a, b), std::vector<int16_t>(b, b + kLatent));
}

TEST_P(Int16Dot, RoundsInOrderAndByColumns) {
  const std::vector<float> values = normal_values(kRope * kRope, 8);
  std::vector<float> turned;
  for (size_t r = 0; r < kRope; ++r) {
    for (size_t k = 0; k < kRope; ++k) turned.push_back(values[k * kRope + r]);
  }
  LineVector<float> room(kRope * kRope);
  auto* const by_columns = reinterpret_cast<int16_t*>(room.data());
  int16_t* const by_rows = by_columns + kRope * kRope;
  std::vector<float> scales(kRope);
  kernels->round_columns(turned.data(), kRope, kRope, kMost, by_columns, scales.data());
  for (int64_t r = 0; r < kRope; ++r) {
    const float* const row = values.data() + r * kRope;
    const float scale = kernels->round_in_order(row, kRope, kMost, by_rows + r * kRope);
    EXPECT_EQ(scale, scales[static_cast<size_t>(r)]);
    for (int64_t k = 0; k < kRope; ++k) {
      const double step = static_cast<double>(scale);
      EXPECT_NEAR(by_rows[r * kRope + k] * step, row[k], step * (0.5 + kMost * 4 * kEps)) << r << " " << k;
    }
    // Of the columns the codes one after the other.
    std::vector<float> codes(kRope);
    const int16_t one[2] = {1, 0};
    const float factor = 1;
    for (int64_t k = 0; k < kRope; ++k) {
      kernels->weigh(by_columns + k * kRope, kRope, 1, kRope, one, 2, 1, nullptr, &factor, codes.data(),
                     kRope);
      EXPECT_EQ(codes[static_cast<size_t>(r)], static_cast<float>(by_rows[r * kRope + k])) << r << " " << k;
    }
  }
}

TEST_P(Int16Dot, RowsWithoutCodes) {
  LineVector<float> room(kLatent);
  auto* const codes = reinterpret_cast<int16_t*>(room.data());
  std::vector<float> values(kLatent, 1e-35f);
  values[7] = -0x1p-101f;
  EXPECT_EQ(kernels->round_row(values.data(), kLatent, kMost, codes), 0.0f);
  EXPECT_EQ(std::vector<int16_t>(codes, codes + kLatent), std::vector<int16_t>(kLatent, 0));
  for (const float wrong : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
    for (const size_t at : {size_t{0}, size_t{77}, size_t{kLatent - 1}}) {
      std::vector<float> row = normal_values(kLatent, 3);
      row[at] = wrong;
      EXPECT_TRUE(std::isnan(kernels->round_row(row.data(), kLatent, kMost, codes)));
      std::vector<uint16_t> halves;
      for (const float value : row) halves.push_back(f32_to_bf16(value));
      EXPECT_TRUE(std::isnan(kernels->round_bf16_row(halves.data(), kLatent, kMost, codes)));
    }
  }
}

// Scores against the codes' own values, for numbers of rows and queries that leave tiles unfilled.
TEST_P(Int16Dot, DotIsTheSumOfProducts) {
  const std::vector<float> values = normal_values(64 * kWidth, 4);
  const std::vector<float> of_queries = normal_values(16 * kWidth, 5);
  Coded rows(64), queries(16);
  rows.round(*kernels, values);
  queries.round(*kernels, of_queries);
  for (const int64_t n_rows : {1, 5, 64}) {
    for (const int64_t n : {1, 2, 3, 5, 7, 16}) {
      std::vector<float> scores(static_cast<size_t>(n * 64), NAN);
      kernels->dot(rows.rows, n_rows, queries.rows, n, scores.data(), 64, {});
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t r = 0; r < n_rows; ++r) {
          double want = 0, error = 0;
          for (const auto& [from, to] : {std::pair{int64_t{0}, kLatent}, {kLatent, kWidth}}) {
            int64_t sum = 0;
            for (int64_t k = from; k < to; ++k) sum += int64_t{rows.rows.row(r)[k]} * queries.rows.row(i)[k];
            const bool latent = from == 0;
            const double scale = static_cast<double>((latent ? rows.latent_scales
                                                             : rows.rope_scales)[static_cast<size_t>(r)]) *
                                 static_cast<double>((latent ? queries.latent_scales
                                                             : queries.rope_scales)[static_cast<size_t>(i)]);
            want += static_cast<double>(sum) * scale;
            // Sums of single lanes are larger than their sum; each is rounded when it becomes a float.
            for (int64_t k = from; k < to; ++k)
              error += std::abs(int64_t{rows.rows.row(r)[k]} * queries.rows.row(i)[k]) * scale * 16 * kEps;
          }
          ASSERT_NEAR(scores[static_cast<size_t>(i * 64 + r)], want, error) << r << " " << i;
        }
      }
    }
  }
}

// The largest codes there are, in the largest sums.
TEST_P(Int16Dot, NoSumLeaves32Bits) {
  for (const float sign : {1.0f, -1.0f}) {
    Coded rows(64), query(1);
    rows.round(*kernels, std::vector<float>(64 * kWidth, sign * 3.0f));
    query.round(*kernels, std::vector<float>(kWidth, 0.5f));
    std::vector<float> scores(64);
    kernels->dot(rows.rows, 64, query.rows, 1, scores.data(), 64, {});
    for (const float score : scores) EXPECT_NEAR(score, sign * 1.5f * kWidth, 1e-3f);

    LineVector<float> room(32);
    auto* const weights = reinterpret_cast<int16_t*>(room.data());
    const std::vector<float> ones(64, 1.0f);
    const float factor =
        kernels->round_weights(ones.data(), rows.latent_scales.data(), 64, kMostWeight, 64, weights);
    std::vector<float> out(kLatent);
    kernels->weigh(rows.rows.codes, kWidth, 64, kLatent, weights, 64, 1, nullptr, &factor, out.data(),
                   kLatent);
    for (const float sum : out) EXPECT_NEAR(sum, sign * 64 * 3.0f, 1e-3f);
  }
}

TEST_P(Int16Dot, WeighsRows) {
  const std::vector<float> values = normal_values(64 * kWidth, 6);
  Coded rows(64);
  rows.round(*kernels, values);
  const std::vector<float> codes = latents_in_order(rows.rows, 64);
  std::vector<float> weights;
  for (const float x : normal_values(13 * 64, 7)) weights.push_back(std::exp(x - 3));
  for (const int64_t n_rows : {1, 2, 37, 64}) {
    for (const int64_t n : {1, 3, 4, 13}) {
      LineVector<float> room(static_cast<size_t>(n * 32));
      auto* const coded = reinterpret_cast<int16_t*>(room.data());
      std::vector<float> factors, keep;
      for (int64_t i = 0; i < n; ++i) {
        factors.push_back(kernels->round_weights(weights.data() + i * 64, rows.latent_scales.data(), n_rows,
                                                 kMostWeight, 64, coded + i * 64));
        keep.push_back(0.25f * static_cast<float>(i));
        for (int64_t j = 0; j < 64; ++j) {
          const double scaled = j >= n_rows
                                    ? 0.0
                                    : static_cast<double>(weights[static_cast<size_t>(i * 64 + j)]) *
                                          static_cast<double>(rows.latent_scales[static_cast<size_t>(j)]);
          const double factor = static_cast<double>(factors.back());
          ASSERT_NEAR(coded[i * 64 + j] * factor, scaled, factor * (0.5 + kMostWeight * 4 * kEps)) << j;
        }
      }
      for (const float* const kept :
           {static_cast<const float*>(nullptr), static_cast<const float*>(keep.data())}) {
        std::vector<float> out(static_cast<size_t>(n * kLatent), 2.0f);
        kernels->weigh(rows.rows.codes, kWidth, n_rows, kLatent, coded, 64, n, kept, factors.data(),
                       out.data(), kLatent);
        for (int64_t i = 0; i < n; ++i) {
          for (int64_t k = 0; k < kLatent; ++k) {
            const double before =
                kept == nullptr ? 0.0 : 2.0 * static_cast<double>(keep[static_cast<size_t>(i)]);
            double sum = 0;
            for (int64_t j = 0; j < n_rows; ++j)
              sum += coded[i * 64 + j] * static_cast<double>(codes[static_cast<size_t>(j * kLatent + k)]);
            const double want = before + sum * static_cast<double>(factors[static_cast<size_t>(i)]);
            const double size = std::abs(before) + std::abs(want);
            ASSERT_NEAR(out[static_cast<size_t>(i * kLatent + k)], want, 4 * kEps * size + 1e-12)
                << i << " " << k;
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Int16Dot, testing::Values("avx2", "avxvnni", "vnni"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace jaju
