// Every backend this CPU can run against ref/, which is plain loops, and ref/ against arithmetic in double.
// Sizes are odd on purpose: tails, one row, one column, blocks that do not divide.
//
// Tolerances are computed, not fitted: a dot product of K f32 terms in any order is within K * eps * sum |a
// b| of the exact value (Higham, Accuracy and Stability of Numerical Algorithms, 3.1), so two orders within
// twice that.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "kernels/kernels_test_tools.h"

namespace jaju {
namespace {

constexpr DType kTypes[] = {DType::f32, DType::bf16, DType::f16, DType::f8_e4m3};

TEST_P(Backend, MatmulMatchesDoubleForEveryTypeAndSize) {
  Context context = context_for(team, *ops);
  for (const DType type : kTypes) {
    for (const auto& [rows, cols, n] : {std::array<int64_t, 3>{1, 1, 1},
                                        {3, 7, 2},
                                        {5, 16, 1},
                                        {33, 129, 7},
                                        {64, 300, 31},
                                        {130, 257, 50}}) {
      const OwnedMatrix w = random_matrix(type, rows, cols, static_cast<uint32_t>(rows * 31 + cols));
      const std::vector<float> x = random_values(static_cast<size_t>(n * cols), 5);
      std::vector<float> y(static_cast<size_t>(n * rows), NAN);
      ops->matmul(context, w.view, Rows(x.data(), n, cols), MutRows(y.data(), n, rows));
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t r = 0; r < rows; ++r) {
          double exact = 0;
          double magnitude = 0;
          for (int64_t k = 0; k < cols; ++k) {
            const double term = static_cast<double>(w.view.at(r, k)) *
                                static_cast<double>(x[static_cast<size_t>(i * cols + k)]);
            exact += term;
            magnitude += std::abs(term);
          }
          // cols roundings of the sum and one of each product.
          const double bound = static_cast<double>(cols + 1) * kEps * magnitude + 1e-30;
          ASSERT_NEAR(y[static_cast<size_t>(i * rows + r)], exact, bound)
              << name_of(type) << " " << rows << "x" << cols << " n " << n;
        }
      }
    }
  }
}

// One input alone, in a batch, on one thread or several: the same bits.
TEST_P(Backend, MatmulBitsDoNotDependOnBatchOrThreads) {
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    for (const DType type : kTypes) {
      const int64_t rows = 77, cols = 1333,
                    most = 101;  // several column blocks of every kernel, and of inputs
      const OwnedMatrix w = random_matrix(type, rows, cols, 9);
      const std::vector<float> x = random_values(static_cast<size_t>(most * cols), 6);
      std::vector<float> singly(static_cast<size_t>(most * rows));
      ThreadTeam alone(1);
      Context single = context_for(alone, *ops, precision);
      for (int64_t i = 0; i < most; ++i) {
        ops->matmul(single, w.view, Rows(x.data() + i * cols, 1, cols),
                    MutRows(singly.data() + i * rows, 1, rows));
      }
      Context context = context_for(team, *ops, precision);
      for (const int64_t n : {2, 3, 5, 11, 12, 41, 101}) {
        std::vector<float> whole(static_cast<size_t>(n * rows));
        ops->matmul(context, w.view, Rows(x.data(), n, cols), MutRows(whole.data(), n, rows));
        ASSERT_EQ(0, std::memcmp(singly.data(), whole.data(), whole.size() * 4))
            << name_of(type) << " n " << n;
      }
    }
  }
}

// bf16 x bf16 products are exact in f32; only inputs are rounded. Relative to inputs rounded beforehand, f32
// bounds hold.
TEST_P(Backend, Bf16PrecisionIsRoundedInputs) {
  const int64_t rows = 20, cols = 1300, n = 9;
  const OwnedMatrix w = random_matrix(DType::bf16, rows, cols, 3);
  std::vector<float> x = random_values(static_cast<size_t>(n * cols), 8);
  if (std::string(GetParam()) == "avx512" && cpu_has_bf16_dot()) {
    for (float& value : x) value = bf16_to_f32(f32_to_bf16(value));
  }
  std::vector<float> rounded(static_cast<size_t>(n * rows)), exact(rounded.size());
  Context fast = context_for(team, *ops, Precision::bf16);
  Context plain = context_for(team, (*find_ops("ref")));
  ops->matmul(fast, w.view, Rows(x.data(), n, cols), MutRows(rounded.data(), n, rows));
  (*find_ops("ref")).matmul(plain, w.view, Rows(x.data(), n, cols), MutRows(exact.data(), n, rows));
  for (size_t i = 0; i < exact.size(); ++i)
    EXPECT_NEAR(rounded[i], exact[i], 2.0f * static_cast<float>(cols) * kEps * static_cast<float>(cols));
}

// Tensors of a safetensors file may start at any byte.
TEST_P(Backend, UnalignedWeightsGiveTheSameBits) {
  Context context = context_for(team, *ops);
  for (const DType type : kTypes) {
    const int64_t rows = 37, cols = 261;
    const OwnedMatrix w = random_matrix(type, rows, cols, 13);
    std::vector<uint8_t> shifted(w.bytes.size() + 1);
    std::copy(w.bytes.begin(), w.bytes.end(), shifted.begin() + 1);
    Matrix odd = w.view;
    odd.data = shifted.data() + 1;
    for (const int64_t n : {1, 3, 30}) {
      const std::vector<float> x = random_values(static_cast<size_t>(n * cols), 14);
      std::vector<float> a(static_cast<size_t>(n * rows)), b(a.size());
      ops->matmul(context, w.view, Rows(x.data(), n, cols), MutRows(a.data(), n, rows));
      ops->matmul(context, odd, Rows(x.data(), n, cols), MutRows(b.data(), n, rows));
      EXPECT_EQ(0, std::memcmp(a.data(), b.data(), a.size() * 4)) << name_of(type) << " n " << n;
    }
  }
}

// Experts of different types in one layer: a token's bits do not depend on what its neighbours visit.
TEST_P(Backend, ExpertsOfSeveralTypesKeepToThemselves) {
  Context context = context_for(team, *ops, Precision::bf16);
  const int64_t hidden = 96, inner = 40;
  const auto group = [&](DType type, uint32_t seed, OwnedMatrix(&m)[3]) {
    m[0] = random_matrix(type, inner, hidden, seed);
    m[1] = random_matrix(type, inner, hidden, seed + 1);
    m[2] = random_matrix(type, hidden, inner, seed + 2);
    return ExpertGroup{m[0].view, m[1].view, m[2].view, nullptr, 1, nullptr, nullptr};
  };
  OwnedMatrix first[3], second[3];
  ExpertGroup wide = group(DType::f32, 80, first);
  ExpertGroup half = group(DType::bf16, 90, second);
  const std::vector<float> x = random_values(static_cast<size_t>(2 * hidden), 31);
  const int64_t stride = staggered_stride(inner, 4);
  const auto run = [&](std::span<ExpertGroup> groups) {
    LineVector<float> h(groups.size() * static_cast<size_t>(stride));
    std::vector<float> y(groups.size() * static_cast<size_t>(hidden));
    for (size_t g = 0; g < groups.size(); ++g) {
      groups[g].inner = h.data() + g * static_cast<size_t>(stride);
      groups[g].out = y.data() + g * static_cast<size_t>(hidden);
    }
    ops->mlps(context, groups, Rows(x.data(), 1, hidden));
    return y;
  };
  const std::vector<float> alone = run({&half, 1});
  ExpertGroup both[] = {wide, half};
  const std::vector<float> together = run(both);
  EXPECT_EQ(0, std::memcmp(alone.data(), together.data() + hidden, alone.size() * 4));
}

TEST_P(Backend, NanWeightsStayNan) {
  Context context = context_for(team, *ops);
  for (const DType type : kTypes) {
    OwnedMatrix w = random_matrix(type, 4, 40, 2);
    std::memset(w.bytes.data() + size_of(type) * 40, type == DType::f8_e4m3 ? 0x7f : 0xff,
                static_cast<size_t>(size_of(type)));
    const std::vector<float> x = random_values(40, 1);
    float y[4];
    ops->matmul(context, w.view, Rows(x.data(), 1, 40), MutRows(y, 1, 4));
    EXPECT_TRUE(std::isfinite(y[0])) << name_of(type);
    EXPECT_TRUE(std::isnan(y[1])) << name_of(type);
  }
}

TEST_P(Backend, RmsNormAndEmbed) {
  Context context = context_for(team, *ops);
  const OwnedMatrix table = random_matrix(DType::bf16, 50, 61, 4);
  const std::vector<int32_t> ids = {7, 0, 49, 7};
  std::vector<float> x(4 * 61), y(4 * 61);
  ops->embed(context, table.view, ids, MutRows(x.data(), 4, 61));
  const std::vector<float> weight = random_values(61, 12);
  ops->rms_norm(context, Rows(x.data(), 4, 61), weight.data(), 1e-6f, MutRows(y.data(), 4, 61));
  for (size_t i = 0; i < 4; ++i) {
    double squares = 0;
    for (size_t k = 0; k < 61; ++k) {
      ASSERT_EQ(x[i * 61 + k], table.view.at(ids[i], static_cast<int64_t>(k)));
      squares += static_cast<double>(x[i * 61 + k]) * static_cast<double>(x[i * 61 + k]);
    }
    for (size_t k = 0; k < 61; ++k) {
      const double want = static_cast<double>(x[i * 61 + k]) / std::sqrt(squares / 61 + 1e-6) *
                          static_cast<double>(weight[k]);
      ASSERT_NEAR(y[i * 61 + k], want, (61 + 4) * kEps * std::abs(want) + 1e-12);
    }
  }
}

// Experts of two widths, their rows out of order, against double; also where tasks are sorted by NUMA node.
TEST_P(Backend, MlpsMatchDouble) {
  const auto nodes = Topology::synthetic("numa:3 pu:4");
  ASSERT_TRUE(nodes.ok()) << nodes.message();
  ThreadTeam spread(4, &*nodes);
  ASSERT_EQ(spread.split().n_nodes(), 3);
  const int64_t hidden = 70, n = 130;
  const std::vector<float> x = random_values(static_cast<size_t>(n * hidden), 30, 8.0f);
  for (const auto& [type, threads] : {std::pair{DType::f32, &team},
                                      {DType::bf16, &team},
                                      {DType::f16, &team},
                                      {DType::f8_e4m3, &team},
                                      {DType::f32, &spread},
                                      {DType::bf16, &spread}}) {
    Context context = context_for(*threads, *ops);
    std::vector<int32_t> rows[2];
    for (int32_t i = 0; i < n; ++i) rows[i % 9 == 0 ? 0 : 1].push_back(static_cast<int32_t>(n - 1 - i));
    std::vector<OwnedMatrix> matrices;
    matrices.reserve(6);
    std::vector<LineVector<float>> inner(2);
    std::vector<std::vector<float>> out(2);
    std::vector<ExpertGroup> groups;
    for (size_t g = 0; g < 2; ++g) {
      const int64_t width = g == 0 ? 45 : 101;
      const auto seed = static_cast<uint32_t>(21 + 3 * g);
      const auto visits = static_cast<int64_t>(rows[g].size());
      inner[g].resize(rows[g].size() * static_cast<size_t>(staggered_stride(width, 4)));
      out[g].resize(rows[g].size() * static_cast<size_t>(hidden), NAN);
      const Matrix& gate = matrices.emplace_back(random_matrix(type, width, hidden, seed)).view;
      const Matrix& up = matrices.emplace_back(random_matrix(type, width, hidden, seed + 1)).view;
      const Matrix& down = matrices.emplace_back(random_matrix(type, hidden, width, seed + 2)).view;
      groups.push_back({gate, up, down, rows[g].data(), visits, inner[g].data(), out[g].data()});
    }
    ops->mlps(context, groups, Rows(x.data(), n, hidden));
    for (const ExpertGroup& g : groups) {
      const int64_t width = g.gate.rows;
      std::vector<double> h(static_cast<size_t>(width)), h_bound(h.size());
      for (int64_t i = 0; i < g.n; ++i) {
        const float* row = x.data() + g.rows[i] * hidden;
        for (int64_t r = 0; r < width; ++r) {
          double a = 0, b = 0, size_a = 0, size_b = 0;
          for (int64_t k = 0; k < hidden; ++k) {
            const double term_a = static_cast<double>(g.gate.at(r, k)) * static_cast<double>(row[k]);
            const double term_b = static_cast<double>(g.up.at(r, k)) * static_cast<double>(row[k]);
            a += term_a;
            b += term_b;
            size_a += std::abs(term_a);
            size_b += std::abs(term_b);
          }
          const double silu = a / (1 + std::exp(-a));
          h[static_cast<size_t>(r)] = silu * b;
          // d silu/da is below 1.1; the vector exp and the divisions add a few roundings of silu itself.
          h_bound[static_cast<size_t>(r)] =
              (hidden + 1) * kEps * (1.1 * size_a * std::abs(b) + size_b * std::abs(silu)) +
              16 * kEps * std::abs(silu * b) + 1e-30;
        }
        for (int64_t r = 0; r < hidden; ++r) {
          double sum = 0, size = 0, carried = 0;
          for (int64_t k = 0; k < width; ++k) {
            const double w = static_cast<double>(g.down.at(r, k));
            sum += w * h[static_cast<size_t>(k)];
            size += std::abs(w * h[static_cast<size_t>(k)]);
            carried += std::abs(w) * h_bound[static_cast<size_t>(k)];
          }
          ASSERT_NEAR(g.out[i * hidden + r], sum,
                      static_cast<double>(width + 1) * kEps * size + 1.1 * carried + 1e-30)
              << name_of(type);
        }
      }
    }
  }
}

// In bf16 an expert's bits depend on its own row alone too, and rounding costs no more than rounding does.
TEST_P(Backend, MlpsInBf16AreRoundedOnceOnTheWay) {
  const int64_t hidden = 200, width = 133, n = 101;
  const OwnedMatrix gate = random_matrix(DType::bf16, width, hidden, 51);
  const OwnedMatrix up = random_matrix(DType::bf16, width, hidden, 52);
  const OwnedMatrix down = random_matrix(DType::bf16, hidden, width, 53);
  const std::vector<float> x = random_values(static_cast<size_t>(n * hidden), 54);
  LineVector<float> inner(static_cast<size_t>(n * staggered_stride(width, 4)));
  const auto run = [&](Precision precision, int64_t first, int64_t count) {
    std::vector<float> out(static_cast<size_t>(count * hidden));
    Context context = context_for(team, *ops, precision);
    const ExpertGroup g{gate.view, up.view, down.view, nullptr, count, inner.data(), out.data()};
    ops->mlps(context, {&g, 1}, Rows(x.data() + first * hidden, count, hidden));
    return out;
  };
  const std::vector<float> exact = run(Precision::f32, 0, n);
  const std::vector<float> rounded = run(Precision::bf16, 0, n);
  double squares = 0, errors = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    squares += static_cast<double>(exact[i]) * static_cast<double>(exact[i]);
    errors += std::pow(static_cast<double>(rounded[i]) - static_cast<double>(exact[i]), 2);
  }
  // Inputs and the inner layer are each rounded by at most 2^-9 of their size; both factors of the inner
  // layer see the first.
  EXPECT_LE(std::sqrt(errors / squares), 4 * 0x1p-9);
  for (const int64_t i : {0, 1, 50, 100}) {
    const std::vector<float> alone = run(Precision::bf16, i, 1);
    EXPECT_EQ(0, std::memcmp(alone.data(), rounded.data() + i * hidden, alone.size() * 4)) << i;
  }
}

// Pins the vector exp over its whole range.
TEST_P(Backend, SiluOverTheWholeRange) {
  Context context = context_for(team, *ops);
  const float one = 1.0f;
  Matrix unit;
  unit.data = &one;
  unit.rows = unit.cols = 1;
  LineVector<float> inner(static_cast<size_t>(staggered_stride(1, 4)));
  for (double x = -120; x <= 120; x += 0.0371) {
    const auto input = static_cast<float>(x);
    // gate(x) = x and up(x) = x, so what goes through `down` unchanged is silu(x) * x.
    float y = NAN;
    const ExpertGroup g{unit, unit, unit, nullptr, 1, inner.data(), &y};
    ops->mlps(context, {&g, 1}, Rows(&input, 1, 1));
    const double v = input;
    const double want = v / (1 + std::exp(-v)) * v;
    ASSERT_NEAR(y, want, 16 * kEps * std::abs(want) + 2e-34) << x;
  }
}

TEST_P(Backend, CombineAddsInOrderThenShared) {
  Context context = context_for(team, *ops);
  const std::vector<float> y = random_values(6 * 19, 40);
  const std::vector<float> shared = random_values(2 * 19, 41);
  const int32_t slots[] = {5, 0, 2, 4, 3, 1};
  const float weights[] = {0.5f, 1.25f, 2.0f, 0.1f, 0.7f, 1.5f};
  std::vector<float> out(2 * 19);
  ops->combine_experts(context, Rows(y.data(), 6, 19), slots, weights, 3, Rows(shared.data(), 2, 19),
                       MutRows(out.data(), 2, 19));
  for (size_t i = 0; i < 2; ++i) {
    for (size_t c = 0; c < 19; ++c) {
      double want = shared[i * 19 + c];
      for (size_t k = 0; k < 3; ++k)
        want += static_cast<double>(weights[i * 3 + k]) *
                static_cast<double>(y[static_cast<size_t>(slots[i * 3 + k]) * 19 + c]);
      ASSERT_NEAR(out[i * 19 + c], want, 5 * kEps * 6);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Backend, testing::Values("ref", "avx2", "avx512"),
                         [](const auto& p) { return std::string(p.param); });

TEST(Rope, InterleavedAndHalfSplit) {
  ThreadTeam team(1);
  Context context(team, (*find_ops("ref")), Precision::f32);
  const float table[] = {0.6f, 0.0f, 0.8f, 1.0f};  // cos, cos, sin, sin
  std::vector<float> x = {9, 1, 2, 3, 4};
  (*find_ops("ref")).rope(context, MutRows(x.data(), 1, 5), 1, 1, 4, 2, table, true);
  EXPECT_EQ(x, (std::vector<float>{9, 1 * 0.6f - 2 * 0.8f, 2 * 0.6f + 1 * 0.8f, -4, 3}));
  x = {9, 1, 2, 3, 4};
  (*find_ops("ref")).rope(context, MutRows(x.data(), 1, 5), 1, 1, 4, 2, table, false);
  EXPECT_EQ(x, (std::vector<float>{9, 1 * 0.6f - 3 * 0.8f, -4, 3 * 0.6f + 1 * 0.8f, 2}));
}

TEST(SelectOps, SaysWhatItWillNotDo) {
  setenv("JAJU_ISA", "sse9", 1);
  EXPECT_NE(select_ops().message().find("JAJU_ISA is 'sse9': use ref, avx2, avxvnni, avx512 or amx"),
            std::string::npos);
  setenv("JAJU_ISA", "ref", 1);
  EXPECT_STREQ((*select_ops())->name, "ref");
  unsetenv("JAJU_ISA");
  EXPECT_TRUE(select_ops().ok());
}

// What is rounded is told: a saved prefix cache is bound to these words.
TEST(DescribeKernels, NamesWhatRounds) {
  EXPECT_EQ(describe_kernels(*find_ops("ref"), Precision::fastest, true), "ref");
  for (const char* name : {"avx2", "avx512"}) {
    const Ops* const ops = find_ops(name);
    if (ops == nullptr) continue;
    const std::string plain = describe_kernels(*ops, Precision::f32, false);
    EXPECT_EQ(plain, name);
    const std::string fastest = describe_kernels(*ops, Precision::fastest, false);
    const bool int16 = attends_in_int16(*ops) && !(plain == "avx512" && uses_bf16_tiles());
    EXPECT_EQ(fastest.ends_with(" attention in int16"), int16) << fastest;
    EXPECT_EQ(fastest.find("int16") == std::string::npos, !int16) << fastest;
    EXPECT_EQ(fastest.find("bf16 dot products") != std::string::npos,
              plain == "avx512" && cpu_has_fast_bf16_dot())
        << fastest;
  }
}

}  // namespace
}  // namespace jaju
