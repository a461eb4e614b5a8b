// Kernels against ref/ at A.X K1's real widths: one expert's gate (2048 x 7168), for one row and for a prompt
// chunk. Prints GB/s of weights read and GFLOP/s. Results are checked against ref before anything is timed.
//
//   cmake --preset release -DJAJU_BENCH=ON && cmake --build build/release --target kernels_bench
//   build/release/bench/kernels_bench --benchmark_filter=avx512
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "kernels/ops.h"

namespace jaju {
namespace {

constexpr int64_t kRows = 2048;
constexpr int64_t kCols = 7168;

struct Case {
  const char* isa;
  DType type;
  Precision precision;
};

// Many matrices in turn, so that one row's weights come from memory and not from cache.
struct Operands {
  std::vector<std::vector<uint8_t>> weights;
  std::vector<float> scales;
  std::vector<float> x, y;
  std::vector<Matrix> matrices;

  Operands(DType type, int64_t n, int64_t copies) {
    std::mt19937 dice(1);
    const int64_t bytes = kRows * kCols * size_of(type);
    scales.assign(static_cast<size_t>(kRows / 128 * kCols / 128), 0.01f);
    for (int64_t c = 0; c < copies; ++c) {
      auto& w = weights.emplace_back(static_cast<size_t>(bytes));
      for (int64_t i = 0; i < kRows * kCols; ++i) {
        const float value = static_cast<float>(dice() >> 8) * 0x1p-24f - 0.5f;
        if (type == DType::f32) std::memcpy(w.data() + 4 * i, &value, 4);
        if (type == DType::f8_e4m3)
          w[static_cast<size_t>(i)] = static_cast<uint8_t>((dice() & 0x87u) | 0x30u);
        if (type == DType::bf16) {
          const uint16_t bits = f32_to_bf16(value);
          std::memcpy(w.data() + 2 * i, &bits, 2);
        }
      }
      Matrix m;
      m.data = w.data();
      m.dtype = type;
      m.rows = kRows;
      m.cols = kCols;
      if (type == DType::f8_e4m3) m.block_scales = scales.data();
      matrices.push_back(m);
    }
    for (int64_t i = 0; i < n * kCols; ++i) x.push_back(static_cast<float>(dice() >> 8) * 0x1p-23f - 1.0f);
    y.resize(static_cast<size_t>(n * kRows));
  }
};

void check(const Operands& o, int64_t n, Precision precision) {
  for (const int64_t i : {int64_t{0}, n - 1}) {
    for (int64_t r = 0; r < kRows; r += 97) {
      double sum = 0, size = 0;
      for (int64_t k = 0; k < kCols; ++k) {
        const double term = static_cast<double>(o.matrices[0].at(r, k)) *
                            static_cast<double>(o.x[static_cast<size_t>(i * kCols + k)]);
        sum += term;
        size += std::abs(term);
      }
      const double eps = precision == Precision::bf16 ? 0x1p-8 : kCols * 0x1p-24;
      if (std::abs(static_cast<double>(o.y[static_cast<size_t>(i * kRows + r)]) - sum) > eps * size) {
        std::fprintf(stderr, "wrong result at row %ld, input %ld: no timing\n", static_cast<long>(r),
                     static_cast<long>(i));
        std::exit(1);
      }
    }
  }
}

void matmul(benchmark::State& state, const Case& c) {
  const Ops* ops = find_ops(c.isa);
  if (ops == nullptr || (c.precision == Precision::bf16 && !cpu_has_bf16_dot())) {
    state.SkipWithError("this CPU cannot run it");
    return;
  }
  const int64_t n = state.range(0);
  ThreadTeam team(static_cast<int>(state.range(1)));
  Context context(team, *ops, c.precision);
  reserve_scratch(context, {.max_rows = n,
                            .max_input = n * staggered_stride(kCols, 4),
                            .nope = 1,
                            .rope = 1,
                            .v = 1,
                            .latent = 1});
  Operands o(c.type, n, n == 1 ? 8 : 1);
  const auto run = [&](size_t which) {
    ops->matmul(context, o.matrices[which], Rows(o.x.data(), n, kCols), MutRows(o.y.data(), n, kRows));
  };
  run(0);
  check(o, n, c.precision);
  size_t which = 0;
  for (auto _ : state) run(which++ % o.matrices.size());
  const double flop = 2.0 * kRows * kCols * static_cast<double>(n);
  const auto iterations = static_cast<double>(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(flop * iterations * 1e-9, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(static_cast<double>(o.matrices[0].bytes()) * iterations * 1e-9,
                                              benchmark::Counter::kIsRate);
}

const Case kCases[] = {
    {"ref", DType::bf16, Precision::f32},     {"avx2", DType::bf16, Precision::f32},
    {"avx512", DType::bf16, Precision::f32},  {"avx512", DType::bf16, Precision::bf16},
    {"avx2", DType::f32, Precision::f32},     {"avx512", DType::f32, Precision::f32},
    {"avx2", DType::f8_e4m3, Precision::f32}, {"avx512", DType::f8_e4m3, Precision::f32},
};

const int kRegistered = [] {
  for (const Case& c : kCases) {
    const std::string name = std::string(c.isa) + "/" + std::string(name_of(c.type)) +
                             (c.precision == Precision::bf16 ? "/bf16-dot" : "");
    for (const int64_t n : {1, 8, 64, 256}) {
      if (std::string(c.isa) == "ref" && n > 1) continue;
      benchmark::RegisterBenchmark(name.c_str(), [&c](benchmark::State& state) { matmul(state, c); })
          ->ArgNames({"rows", "threads"})
          ->Args({n, 1})
          ->Args({n, 2})
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
  return 0;
}();

}  // namespace
}  // namespace jaju

BENCHMARK_MAIN();
