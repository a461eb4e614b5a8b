// Products of bf16 on tiles in plain code (cpu/bf16_tiles_emulated.cc) and on those of the CPU where it has
// some: near the sums in double, both with the same bits, each output its own.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <random>
#include <vector>

#include "kernels/cpu/bf16_tiles.h"
#include "kernels/ops.h"
#include "tensor/dtype.h"
#include "tensor/line_vector.h"

#if defined(__x86_64__)

namespace jaju {
namespace bf16tiles_emulated {
class Tiles {
 public:
  Tiles();
  ~Tiles();
};
void pack_columns(const uint16_t* from, int64_t stride, int64_t cols, int64_t depth, uint16_t* to);
void pack_rows(const float* from, int64_t stride, int64_t rows, int64_t cols, uint16_t* to);
void multiply(const uint16_t* a, int64_t a_stride, int64_t rows, const uint16_t* b, int64_t depth,
              int64_t cols, float* c, int64_t c_stride, bool add, const uint16_t* next);
void weigh_rows(const uint16_t* b, int64_t b_stride, int64_t n_rows, int64_t width, const uint16_t* a,
                int64_t n, const float* keep, float* out, int64_t out_stride);
void round_transposed(const float* from, int64_t stride, uint16_t* to);
}  // namespace bf16tiles_emulated

namespace {

using Halves = LineVector<uint16_t>;
using Floats = LineVector<float>;

Floats random_floats(int64_t n, uint32_t seed) {
  std::mt19937 dice(seed);
  std::normal_distribution<float> normal;
  Floats out(static_cast<size_t>(n));
  for (float& x : out) x = normal(dice);
  return out;
}
Halves rounded(const Floats& from) {
  Halves out(from.size());
  for (size_t i = 0; i < from.size(); ++i) out[i] = f32_to_bf16(from[i]);
  return out;
}
double wide(uint16_t x) {
  return static_cast<double>(bf16_to_f32(x));
}

// The functions of either.
struct Unit {
  const char* name;
  decltype(&bf16tiles::pack_columns) pack_columns;
  decltype(&bf16tiles::pack_rows) pack_rows;
  decltype(&bf16tiles::multiply) multiply;
  decltype(&bf16tiles::weigh_rows) weigh_rows;
  decltype(&bf16tiles::round_transposed) round_transposed;
};
#define JAJU_UNIT(space)                                                               \
  Unit {                                                                               \
#space, space::pack_columns, space::pack_rows, space::multiply, space::weigh_rows, \
        space::round_transposed                                                        \
  }

std::vector<Unit> units() {
  std::vector<Unit> all = {JAJU_UNIT(bf16tiles_emulated)};
  if (uses_bf16_tiles()) all.push_back(JAJU_UNIT(bf16tiles));
  return all;
}

class Bf16Tiles : public testing::Test {
 protected:
  void SetUp() override {
    if (!cpu_has_bf16_dot()) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  }
};

// Whole squares, rows and columns of tiles, with tails of each.
TEST_F(Bf16Tiles, MultiplyIsNearTheSumsAndTheSameEverywhere) {
  const bf16tiles_emulated::Tiles emulated;
  for (const auto& [rows, depth, cols] : {std::array<int64_t, 3>{16, 32, 16},
                                          {64, 576, 16},
                                          {48, 192, 64},
                                          {80, 64, 16},
                                          {16, 96, 112},
                                          {48, 64, 48}}) {
    const Halves a = rounded(random_floats(rows * depth, 1));
    const Floats b = random_floats(depth * cols, 2);  // (depth, cols)
    const Halves columns = [&] {                      // (cols, depth)
      Halves out(b.size());
      for (int64_t k = 0; k < depth; ++k) {
        for (int64_t c = 0; c < cols; ++c)
          out[static_cast<size_t>(c * depth + k)] = f32_to_bf16(b[static_cast<size_t>(k * cols + c)]);
      }
      return out;
    }();
    for (const bool add : {false, true}) {
      std::vector<Floats> results;
      for (const Unit& unit : units()) {
        SCOPED_TRACE(testing::Message()
                     << unit.name << " " << rows << " " << depth << " " << cols << " " << add);
        std::optional<bf16tiles::Tiles> tiles;
        if (uses_bf16_tiles()) tiles.emplace();
        Halves packed(b.size()), from_rows(b.size());
        unit.pack_columns(columns.data(), depth, cols, depth, packed.data());
        unit.pack_rows(b.data(), cols, depth, cols, from_rows.data());
        ASSERT_EQ(0, std::memcmp(packed.data(), from_rows.data(), packed.size() * 2));
        Floats c = random_floats(rows * cols, 3);
        const Floats before = c;
        unit.multiply(a.data(), depth, rows, packed.data(), depth, cols, c.data(), cols, add, a.data());
        for (int64_t i = 0; i < rows; ++i) {
          for (int64_t j = 0; j < cols; ++j) {
            const auto at = static_cast<size_t>(i * cols + j);
            double sum = add ? static_cast<double>(before[at]) : 0, size = std::abs(sum);
            for (int64_t k = 0; k < depth; ++k) {
              const double term = wide(a[static_cast<size_t>(i * depth + k)]) *
                                  wide(columns[static_cast<size_t>(j * depth + k)]);
              sum += term;
              size += std::abs(term);
            }
            ASSERT_NEAR(c[at], sum, static_cast<double>(depth + 2) * 0x1p-24 * size) << i << " " << j;
          }
        }
        results.push_back(c);
      }
      for (const Floats& c : results) {
        EXPECT_EQ(0, std::memcmp(c.data(), results[0].data(), c.size() * sizeof(float)));
      }
    }
  }
}

TEST_F(Bf16Tiles, WeighedRowsAreNearTheSums) {
  const bf16tiles_emulated::Tiles emulated;
  constexpr int64_t kWidth = 128, kHeads = 32, kStride = kWidth + 32;
  for (const int64_t n_rows : {1, 2, 31, 32, 33, 63, 64}) {
    Halves b = rounded(random_floats(64 * kStride, 4));
    for (int64_t i = n_rows * kStride; i < 64 * kStride; ++i) b[static_cast<size_t>(i)] = 0x7fc0;  // NaN
    Halves a = rounded(random_floats(kHeads * 64, 5));
    for (int64_t h = 0; h < kHeads; ++h) {
      for (int64_t j = n_rows; j < 64; ++j) a[static_cast<size_t>(h * 64 + j)] = 0;
    }
    const Floats keep = random_floats(kHeads, 6);
    for (const bool first : {false, true}) {
      for (const Unit& unit : units()) {
        SCOPED_TRACE(testing::Message() << unit.name << " " << n_rows << " " << first);
        std::optional<bf16tiles::Tiles> tiles;
        if (uses_bf16_tiles()) tiles.emplace();
        Floats out = random_floats(kHeads * kWidth, 7);
        const Floats before = out;
        unit.weigh_rows(b.data(), kStride, n_rows, kWidth, a.data(), kHeads, first ? nullptr : keep.data(),
                        out.data(), kWidth);
        for (int64_t h = 0; h < kHeads; ++h) {
          for (int64_t k = 0; k < kWidth; ++k) {
            const auto at = static_cast<size_t>(h * kWidth + k);
            double sum =
                first ? 0
                      : static_cast<double>(keep[static_cast<size_t>(h)]) * static_cast<double>(before[at]);
            double size = std::abs(sum);
            for (int64_t j = 0; j < n_rows; ++j) {
              const double term =
                  wide(a[static_cast<size_t>(h * 64 + j)]) * wide(b[static_cast<size_t>(j * kStride + k)]);
              sum += term;
              size += std::abs(term);
            }
            ASSERT_NEAR(out[at], sum, static_cast<double>(n_rows + 3) * 0x1p-24 * size) << h << " " << k;
          }
        }
      }
    }
  }
}

TEST_F(Bf16Tiles, RoundTransposedTurnsAndRounds) {
  const Floats from = random_floats(64 * 48, 8);
  Halves to(16 * 64);
  bf16tiles::round_transposed(from.data() + 16, 48, to.data());
  for (size_t r = 0; r < 64; ++r) {
    for (size_t c = 0; c < 16; ++c)
      ASSERT_EQ(to[c * 64 + r], f32_to_bf16(from[r * 48 + 16 + c])) << r << " " << c;
  }
}

}  // namespace
}  // namespace jaju

#endif
