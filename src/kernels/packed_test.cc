// Packed matrices on every backend this CPU can run, against sums in double of the decoded weights times the
// inputs as the backend takes them: in f32 on ref, in int8 on the others, rounded here in plain code.
//
// Tolerances are computed: sums within a group are exact, a term passes at most 16 additions in its piece of
// 256 columns, one for each piece, and one product with the row factor; Matrix::at rounds once. On ref, see
// kernels_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/kernels_test_tools.h"
#include "kernels/ops.h"
#include "kernels/packed_check.h"
#include "tensor/quantize.h"

namespace jaju {
namespace {

constexpr double kEps = 0x1p-24;

std::vector<float> normal_values(int64_t n, uint32_t seed, float scale = 1.0f) {
  std::mt19937 dice(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<size_t>(n));
  for (float& x : out) x = scale * normal(dice);
  return out;
}

// A matrix of any kind: a scheme, or else f32 or bf16.
struct Owned {
  std::vector<std::byte> bytes;
  Matrix view;
};

Owned matrix_of(Scheme scheme, DType type, const std::vector<float>& values, int64_t rows, int64_t cols) {
  Owned m;
  m.view.dtype = scheme == Scheme::none ? type : DType::u8;
  m.view.rows = rows;
  m.view.cols = cols;
  m.view.scheme = scheme;
  m.bytes.resize(static_cast<size_t>(m.view.bytes()));
  for (int64_t r = 0; scheme != Scheme::none && r < rows; r += kPanelRows) {
    quantize_panel(scheme, values.data() + r * cols, std::min(kPanelRows, rows - r), cols, nullptr,
                   m.bytes.data() + r / kPanelRows * panel_bytes(scheme, cols));
  }
  for (size_t i = 0; scheme == Scheme::none && i < values.size(); ++i) {
    const uint16_t half = f32_to_bf16(values[i]);
    if (type == DType::f32) std::memcpy(m.bytes.data() + 4 * i, &values[i], 4);
    if (type == DType::bf16) std::memcpy(m.bytes.data() + 2 * i, &half, 2);
  }
  m.view.data = m.bytes.data();
  return m;
}

Owned random_packed(Scheme scheme, int64_t rows, int64_t cols, uint32_t seed) {
  return matrix_of(scheme, DType::u8, normal_values(rows * cols, seed, 0.05f), rows, cols);
}

struct Sum {
  double value = 0;
  double bound = 0;
};

class Packed : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const Ops* found = find_ops(GetParam());
    if (found == nullptr) GTEST_SKIP() << "this CPU cannot run " << GetParam();
    ops = found;
    is_ref = std::string(GetParam()) == "ref";
  }
  static Context context_for(ThreadTeam& threads, const Ops& table, Precision precision = Precision::f32) {
    Context context(threads, table, precision);
    reserve_scratch(context,
                    {.max_rows = 210, .max_input = 210 * staggered_stride(2100, 4), .max_groups = 4});
    return context;
  }

  // Row r of w times an input, as this backend computes it in Precision::f32.
  Sum product(const Matrix& w, int64_t r, const float* x) const {
    const bool int8 = w.packed() && !is_ref;
    const std::vector<double> input = int8 ? rounded_to_int8(x, w.cols) : std::vector<double>(x, x + w.cols);
    Sum sum;
    for (int64_t k = 0; k < w.cols; ++k) {
      const double term = static_cast<double>(w.at(r, k)) * input[static_cast<size_t>(k)];
      sum.value += term;
      sum.bound += std::abs(term);
    }
    const int64_t roundings = int8 ? 16 + (w.cols + 255) / 256 + 3 : w.cols + 1;
    sum.bound = sum.bound * kEps * static_cast<double>(roundings) + 1e-30;
    return sum;
  }
  std::vector<float> multiply(Context& context, const Matrix& w, const float* x, int64_t n) const {
    std::vector<float> y(static_cast<size_t>(n * w.rows), NAN);
    ops->matmul(context, w, Rows(x, n, w.cols), MutRows(y.data(), n, w.rows));
    return y;
  }

  const Ops* ops = nullptr;
  bool is_ref = false;
  ThreadTeam team{2};
};

TEST_P(Packed, MatmulMatchesDoubleForAllTails) {
  Context context = context_for(team, *ops);
  for (const Scheme scheme : kSchemes) {
    for (int64_t cols = 32; cols <= 300; ++cols) {
      const int64_t rows = 1 + cols * 7 % 40;
      const int64_t n = 1 + cols * 5 % 9;
      const Owned w = random_packed(scheme, rows, cols, static_cast<uint32_t>(cols));
      const std::vector<float> x = normal_values(n * cols, 5, 3.0f);
      const std::vector<float> y = multiply(context, w.view, x.data(), n);
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t r = 0; r < rows; ++r) {
          const Sum want = product(w.view, r, x.data() + i * cols);
          ASSERT_NEAR(y[static_cast<size_t>(i * rows + r)], want.value, want.bound)
              << name_of(scheme) << " " << rows << "x" << cols << " n " << n;
        }
      }
    }
  }
}

// Long rows, small ones, and more inputs than one call of a kernel takes.
TEST_P(Packed, MatmulMatchesDoubleForManyInputsAndColumns) {
  Context context = context_for(team, *ops);
  for (const Scheme scheme : kSchemes) {
    for (const auto& [rows, cols, n] :
         {std::array<int64_t, 3>{1, 1, 1}, {17, 15, 3}, {70, 2100, 9}, {35, 1290, 30}, {33, 70, 205}}) {
      const Owned w = random_packed(scheme, rows, cols, static_cast<uint32_t>(rows));
      const std::vector<float> x = normal_values(n * cols, 6);
      const std::vector<float> y = multiply(context, w.view, x.data(), n);
      for (int64_t i = 0; i<n; i += n> 100 ? 17 : 1) {
        for (int64_t r = 0; r < rows; ++r) {
          const Sum want = product(w.view, r, x.data() + i * cols);
          ASSERT_NEAR(y[static_cast<size_t>(i * rows + r)], want.value, want.bound)
              << name_of(scheme) << " " << rows << "x" << cols << " n " << n << " input " << i;
        }
      }
    }
  }
}

// Rounding inputs to int8 costs what it should: half a step of 1/127 of the largest of 256, evenly spread.
TEST_P(Packed, Int8InputsCostLittle) {
  Context context = context_for(team, *ops);
  const int64_t rows = 64, cols = 1024, n = 8;
  const Owned w = random_packed(Scheme::q8, rows, cols, 1);
  const std::vector<float> x = normal_values(n * cols, 2);
  const std::vector<float> y = multiply(context, w.view, x.data(), n);
  double errors = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t r = 0; r < rows; ++r) {
      double exact = 0;
      for (int64_t k = 0; k < cols; ++k) {
        exact +=
            static_cast<double>(w.view.at(r, k)) * static_cast<double>(x[static_cast<size_t>(i * cols + k)]);
      }
      errors += std::pow(static_cast<double>(y[static_cast<size_t>(i * rows + r)]) - exact, 2);
      squares += exact * exact;
    }
  }
  // The largest of 256 normal values is about 2.9: 2.9 / 127 / sqrt(12) = 0.0066.
  EXPECT_LE(std::sqrt(errors / squares), 0.008);
}

TEST_P(Packed, MatmulBitsDoNotDependOnBatchOrThreads) {
  for (const Scheme scheme : kSchemes) {
    const int64_t rows = 77, cols = 1333, n = 70;
    const Owned w = random_packed(scheme, rows, cols, 9);
    const std::vector<float> x = normal_values(n * cols, 6);
    Context context = context_for(team, *ops);
    const std::vector<float> whole = multiply(context, w.view, x.data(), n);
    for (int64_t batch = 1; batch < n; batch += is_ref ? 23 : 1) {
      // The last `batch` of them, so that an input's place changes too.
      const std::vector<float> y = multiply(context, w.view, x.data() + (n - batch) * cols, batch);
      ASSERT_EQ(0, std::memcmp(y.data(), whole.data() + (n - batch) * rows, y.size() * 4))
          << name_of(scheme) << " batch " << batch;
    }
    for (const int threads : {1, 3, 7}) {
      ThreadTeam others(threads);
      Context of_others = context_for(others, *ops);
      for (const int64_t batch : {1L, 5L, n}) {
        const std::vector<float> y = multiply(of_others, w.view, x.data(), batch);
        ASSERT_EQ(0, std::memcmp(y.data(), whole.data(), y.size() * 4))
            << name_of(scheme) << " threads " << threads;
      }
    }
    // Rows of a slice are those of the whole.
    const std::vector<float> part = multiply(context, w.view.slice_rows(32, 45), x.data(), 4);
    for (size_t i = 0; i < 4; ++i) {
      ASSERT_EQ(0, std::memcmp(part.data() + i * 45, whole.data() + i * 77 + 32, 45 * 4));
    }
  }
}

// Matrices of several kinds that read one input, in both precisions.
TEST_P(Packed, ProductsOfSeveralKindsKeepToThemselves) {
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    Context context = context_for(team, *ops, precision);
    const int64_t cols = 530;
    std::vector<Owned> owned;
    owned.push_back(random_packed(Scheme::q4, 40, cols, 1));
    owned.push_back(matrix_of(Scheme::none, DType::bf16, normal_values(24 * cols, 2), 24, cols));
    owned.push_back(random_packed(Scheme::q8, 3, cols, 3));
    owned.push_back(matrix_of(Scheme::none, DType::f32, normal_values(9 * cols, 4), 9, cols));
    owned.push_back(random_packed(Scheme::q6, 100, cols, 5));
    for (const int64_t n : {1, 3, 4, 200}) {
      const std::vector<float> x = normal_values(n * cols, 7);
      std::vector<std::vector<float>> y;
      std::vector<Product> products;
      for (const Owned& w : owned) {
        y.emplace_back(static_cast<size_t>(n * w.view.rows), NAN);
        products.push_back({w.view, MutRows(y.back().data(), n, w.view.rows)});
      }
      ops->products(context, products, Rows(x.data(), n, cols));
      for (size_t m = 0; m < owned.size(); ++m) {
        const std::vector<float> alone = multiply(context, owned[m].view, x.data(), n);
        ASSERT_EQ(0, std::memcmp(alone.data(), y[m].data(), alone.size() * 4))
            << "matrix " << m << " n " << n;
      }
    }
  }
}

// gate, up and down of every mixture of kinds. The inner layer is read through a down projection that is the
// identity in f32, which changes no bit of it; what the real one makes of it is compared with double.
TEST_P(Packed, MlpsOfMixedKindsMatchDouble) {
  Context context = context_for(team, *ops);
  const int64_t hidden = 90;
  const Scheme kinds[] = {Scheme::none, Scheme::q8,    Scheme::q6,    Scheme::q4, Scheme::q3,
                          Scheme::q2,   Scheme::mxfp4, Scheme::nvfp4, Scheme::q4i};
  for (int mixture = 0; mixture < 81; ++mixture) {
    const int64_t width = 30 + mixture * 13 % 271;  // up to two pieces
    const int64_t n = 1 + mixture * 11 % 20;
    const auto seed = static_cast<uint32_t>(mixture);
    const auto matrix = [&](Scheme scheme, int64_t rows, int64_t cols, uint32_t add) {
      return matrix_of(scheme, mixture % 2 == 0 ? DType::f32 : DType::bf16,
                       normal_values(rows * cols, seed + add, 0.2f), rows, cols);
    };
    const Owned gate = matrix(kinds[mixture % 9], width, hidden, 100);
    const Owned up = matrix(kinds[mixture / 9], width, hidden, 200);
    const Owned down = matrix(kinds[(mixture + mixture / 9) % 9], hidden, width, 300);
    std::vector<float> identity(static_cast<size_t>(width * width));
    for (int64_t i = 0; i < width; ++i) identity[static_cast<size_t>(i * width + i)] = 1;
    const Owned same = matrix_of(Scheme::none, DType::f32, identity, width, width);

    const std::vector<float> x = normal_values(25 * hidden, seed + 400, 2.0f);
    std::vector<int32_t> visits;
    for (int64_t i = 0; i < n; ++i) visits.push_back(static_cast<int32_t>((i * 7 + 3) % 25));
    LineVector<float> inner(static_cast<size_t>(n * staggered_stride(width, 4)));
    std::vector<float> h(static_cast<size_t>(n * width), NAN), y(static_cast<size_t>(n * hidden), NAN);
    const ExpertGroup to_h{gate.view, up.view, same.view, visits.data(), n, inner.data(), h.data()};
    const ExpertGroup to_y{gate.view, up.view, down.view, visits.data(), n, inner.data(), y.data()};
    ops->mlps(context, {&to_h, 1}, Rows(x.data(), 25, hidden));
    ops->mlps(context, {&to_y, 1}, Rows(x.data(), 25, hidden));

    for (int64_t i = 0; i < n; ++i) {
      const float* const row = x.data() + visits[static_cast<size_t>(i)] * hidden;
      for (int64_t r = 0; r < width; ++r) {
        const Sum a = product(gate.view, r, row);
        const Sum b = product(up.view, r, row);
        const double silu = a.value / (1 + std::exp(-a.value));
        // As in kernels_test.cc: d silu/da is below 1.1.
        const double bound = 1.1 * a.bound * (std::abs(b.value) + b.bound) + b.bound * std::abs(silu) +
                             16 * kEps * std::abs(silu * b.value);
        ASSERT_NEAR(h[static_cast<size_t>(i * width + r)], silu * b.value, bound + 1e-30)
            << "mixture " << mixture;
      }
      for (int64_t r = 0; r < hidden; ++r) {
        const Sum want = product(down.view, r, h.data() + i * width);
        ASSERT_NEAR(y[static_cast<size_t>(i * hidden + r)], want.value, want.bound) << "mixture " << mixture;
      }
    }
  }
}

// Groups of different kinds in one call: each as if alone, and each row as if alone.
TEST_P(Packed, MlpsBitsDoNotDependOnBatchOrThreads) {
  const int64_t hidden = 300, tokens = 70;
  struct Mlp {
    Owned gate, up, down;
  };
  std::vector<Mlp> mlps;
  for (const auto& [scheme, down, width] : {std::tuple<Scheme, Scheme, int64_t>{Scheme::q4, Scheme::q6, 520},
                                            {Scheme::q8, Scheme::none, 101},
                                            {Scheme::none, Scheme::q8, 45},
                                            {Scheme::q4i, Scheme::q4i, 300}}) {
    const auto seed = static_cast<uint32_t>(width);
    mlps.push_back(
        {matrix_of(scheme, DType::bf16, normal_values(width * hidden, seed, 0.1f), width, hidden),
         matrix_of(scheme, DType::bf16, normal_values(width * hidden, seed + 1, 0.1f), width, hidden),
         matrix_of(down, DType::bf16, normal_values(width * hidden, seed + 2, 0.1f), hidden, width)});
  }
  const std::vector<float> x = normal_values(tokens * hidden, 11);
  const auto run = [&](Context& context, size_t first, size_t count, int64_t token, int64_t n) {
    std::vector<LineVector<float>> inner;
    std::vector<float> out(count * static_cast<size_t>(n * hidden), NAN);
    std::vector<ExpertGroup> groups;
    for (size_t m = first; m < first + count; ++m) {
      const Mlp& mlp = mlps[m];
      inner.emplace_back(static_cast<size_t>(n * staggered_stride(mlp.gate.view.rows, 4)));
      groups.push_back({mlp.gate.view, mlp.up.view, mlp.down.view, nullptr, n, inner.back().data(),
                        out.data() + (m - first) * static_cast<size_t>(n * hidden)});
    }
    ops->mlps(context, groups, Rows(x.data() + token * hidden, n, hidden));
    return out;
  };
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    Context context = context_for(team, *ops, precision);
    const std::vector<float> all = run(context, 0, 4, 0, tokens);
    ThreadTeam five(5);
    Context of_five = context_for(five, *ops, precision);
    const std::vector<float> again = run(of_five, 0, 4, 0, tokens);
    ASSERT_EQ(0, std::memcmp(all.data(), again.data(), all.size() * 4));
    for (size_t m = 0; m < 4; ++m) {
      for (const auto& [token, n] : {std::pair<int64_t, int64_t>{0, 1}, {3, 2}, {69, 1}, {10, 17}, {0, 70}}) {
        const std::vector<float> alone = run(context, m, 1, token, n);
        ASSERT_EQ(0,
                  std::memcmp(alone.data(), all.data() + (static_cast<int64_t>(m) * tokens + token) * hidden,
                              alone.size() * 4))
            << "mlp " << m << " token " << token << " n " << n;
      }
    }
  }
}

// What reserve_scratch makes for a step of these sizes holds its inputs in two forms; a check in the kernels
// would stop us.
TEST_P(Packed, ScratchOfAStepIsEnough) {
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    for (const int64_t cols : {1, 15, 33, 255, 257, 513, 1025}) {
      const int64_t n = 300;
      Context context(team, *ops, precision);
      reserve_scratch(context, {.max_rows = n, .max_input = n * staggered_stride(cols, 4)});
      const Owned packed = random_packed(Scheme::q4, 3, cols, 1);
      const Owned plain = matrix_of(Scheme::none, DType::bf16, normal_values(2 * cols, 2), 2, cols);
      const std::vector<float> x = normal_values(n * cols, 7);
      std::vector<float> a(static_cast<size_t>(n * 3), NAN), b(static_cast<size_t>(n * 2), NAN);
      const Product products[] = {{packed.view, MutRows(a.data(), n, 3)},
                                  {plain.view, MutRows(b.data(), n, 2)}};
      ops->products(context, {products, 2}, Rows(x.data(), n, cols));
      for (const float y : a) ASSERT_TRUE(std::isfinite(y));
      for (const float y : b) ASSERT_TRUE(std::isfinite(y));
    }
  }
}

TEST_P(Packed, NanAndInfinityOfAnInputStayItsOwn) {
  Context context = context_for(team, *ops);
  for (const Scheme scheme : kSchemes) {
    const int64_t rows = 20, cols = 400, n = 5;
    const Owned w = random_packed(scheme, rows, cols, 9);
    std::vector<float> x = normal_values(n * cols, 6);
    const std::vector<float> before = multiply(context, w.view, x.data(), n);
    x[300] = NAN;
    x[static_cast<size_t>(2 * cols + 7)] = INFINITY;
    std::fill_n(x.begin() + 4 * cols, cols, 0.0f);
    const std::vector<float> y = multiply(context, w.view, x.data(), n);
    for (size_t r = 0; r < 20; ++r) {
      EXPECT_TRUE(std::isnan(y[r]));
      EXPECT_EQ(y[20 + r], before[20 + r]);
      EXPECT_FALSE(std::isfinite(y[40 + r]));
      EXPECT_EQ(y[60 + r], before[60 + r]);
      EXPECT_EQ(y[80 + r], 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Packed, testing::Values("ref", "avx2", "avx512"),
                         [](const auto& p) { return std::string(p.param); });

TEST(PackedBackends, Avx2AndAvx512GiveTheSameBits) {
  const Ops* const narrow = find_ops("avx2");
  const Ops* const wide = find_ops("avx512");
  if (narrow == nullptr || wide == nullptr) GTEST_SKIP() << "this CPU runs only one of them";
  ThreadTeam team(2);
  for (const Scheme scheme : kSchemes) {
    for (const auto& [rows, cols, n] :
         {std::array<int64_t, 3>{40, 300, 1}, {33, 2100, 7}, {50, 1000, 70}, {16, 33, 18}}) {
      const Owned w = random_packed(scheme, rows, cols, 12);
      const std::vector<float> x = normal_values(n * cols, 13);
      std::vector<float> a(static_cast<size_t>(n * rows)), b(a.size());
      for (const auto& [ops, y] : {std::pair{narrow, &a}, {wide, &b}}) {
        Context context(team, *ops, Precision::f32);
        reserve_scratch(context, {.max_rows = n, .max_input = n * staggered_stride(cols, 4)});
        ops->matmul(context, w.view, Rows(x.data(), n, cols), MutRows(y->data(), n, rows));
      }
      ASSERT_EQ(0, std::memcmp(a.data(), b.data(), a.size() * 4)) << name_of(scheme) << " n " << n;
    }
  }
}

TEST(PackedBackendsDeathTest, EmbeddingsStayUnpackedAndKvBHasItsKeysTurnedRound) {
  for (const char* name : {"avx2", "avx512"}) {
    const Ops* const ops = find_ops(name);
    if (ops == nullptr) continue;
    ThreadTeam team(1);
    Context context(team, *ops, Precision::f32);
    reserve_scratch(context, {.max_rows = 1, .max_input = 1000});
    const Owned w = random_packed(Scheme::q4, 32, 64, 1);
    std::vector<float> out(64);
    const int32_t id = 3;
    EXPECT_DEATH(ops->embed(context, w.view, {&id, 1}, MutRows(out.data(), 1, 64)), "internal error");
    MlaArgs args;
    args.kv_b = w.view;
    EXPECT_DEATH(ops->mla_absorbed(context, args), "internal error");
  }
}

// The check before a benchmark passes what is right, and notices one wrong code of one weight.
TEST(PackedCheck, NoticesOneWrongWeight) {
  const int64_t rows = 40, cols = 700, inputs = 130;
  ThreadTeam team(1);
  for (const char* name : {"ref", "avx2", "avx512"}) {
    const Ops* const ops = find_ops(name);
    if (ops == nullptr) continue;
    Context context(team, *ops, Precision::f32);
    const ScratchSizes sizes{.max_rows = inputs,
                             .max_input = inputs * staggered_stride(cols, 4),
                             .nope = 1,
                             .rope = 1,
                             .v = 1,
                             .latent = 1};
    reserve_scratch(context, sizes);
    for (const Scheme scheme : kSchemes) {
      const Owned m = random_packed(scheme, rows, cols, 3);
      const Status right = check_packed_product(context, m.view, inputs);
      EXPECT_TRUE(right.ok()) << name << ' ' << right.message();
      // A backend whose row 20 is the sum of another weight.
      static const Ops* truth;
      truth = ops;
      Ops wrong = *ops;
      wrong.products = [](Context& c, std::span<const Product> products, Rows x) {
        truth->products(c, products, x);
        const Product& p = products[0];
        for (int64_t i = 0; i < x.n; ++i) {
          p.y.row(i)[20] += x.row(i)[333] * (p.w.at(20, 334) - p.w.at(20, 333));
        }
      };
      Context off(team, wrong, Precision::f32);
      reserve_scratch(off, sizes);
      const Status noticed = check_packed_product(off, m.view, inputs);
      EXPECT_NE(noticed.message().find("row 20"), std::string::npos) << name << ' ' << name_of(scheme);
    }
  }
}

}  // namespace
}  // namespace jaju
