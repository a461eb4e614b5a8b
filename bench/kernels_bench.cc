// Every operation of kernels/ops.h on every backend, at A.X K1's widths, for one thread and for all: GB/s of
// what must be read and written, GOP/s where there are products (a multiplication and an addition are two).
// Results are compared with ref/ before anything is timed.
//
//   cmake --preset release -DJAJU_BENCH=ON && cmake --build build/release --target kernels_bench
//   build/release/bench/kernels_bench --benchmark_filter='avx512/products/q4'
//   build/release/bench/kernels_bench --benchmark_filter='(ref|avx512)/rms_norm' --benchmark_format=json
//
// Names are BACKEND/OPERATION[/WEIGHTS]; rows are inputs. ref/ takes its time: it is left out of what would
// take it minutes.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/ops.h"
#include "tensor/quantize.h"

namespace jaju {
namespace {

// Of A.X K1.
constexpr int64_t kHidden = 7168;
constexpr int64_t kInner = 2048;
constexpr int64_t kHeads = 64;
constexpr int64_t kNope = 128;
constexpr int64_t kRope = 64;
constexpr int64_t kV = 128;
constexpr int64_t kLatent = 512;
constexpr int64_t kTopK = 8;
constexpr int64_t kWidth = kLatent + kRope;

std::vector<float> values(int64_t n, uint32_t seed, float size = 1) {
  std::mt19937 dice(seed);
  std::vector<float> out(static_cast<size_t>(n));
  for (float& x : out) x = size * (static_cast<float>(dice() >> 8) * 0x1p-23f - 1.0f);
  return out;
}

// What weights lie as.
struct Kind {
  const char* name;
  DType type = DType::u8;
  Scheme scheme = Scheme::none;
  Precision precision = Precision::f32;
};
const std::vector<Kind> kKinds = [] {
  std::vector<Kind> kinds = {{"f32", DType::f32},
                             {"bf16", DType::bf16},
                             {"bf16-dot", DType::bf16, Scheme::none, Precision::bf16},
                             {"f8", DType::f8_e4m3}};
  for (const Scheme scheme : kSchemes) kinds.push_back({name_of(scheme).data(), DType::u8, scheme});
  return kinds;
}();

// Copies of one matrix in places of their own, so that weights come from memory and not from a cache.
struct Weights {
  std::vector<std::vector<std::byte>> bytes;
  std::vector<float> scales;
  std::vector<Matrix> copies;

  Weights(const Kind& kind, int64_t rows, int64_t cols, int64_t n) {
    Matrix m;
    m.dtype = kind.type;
    m.rows = rows;
    m.cols = cols;
    m.scheme = kind.scheme;
    const std::vector<float> plain = values(rows * cols, 1, 0.05f);
    std::vector<std::byte> first(static_cast<size_t>(m.bytes()));
    for (int64_t r = 0; m.packed() && r < rows; r += kPanelRows) {
      quantize_panel(m.scheme, plain.data() + r * cols, std::min(kPanelRows, rows - r), cols, nullptr,
                     first.data() + r / kPanelRows * panel_bytes(m.scheme, cols));
    }
    for (size_t i = 0; !m.packed() && i < plain.size(); ++i) {
      if (m.dtype == DType::f32) std::memcpy(first.data() + 4 * i, &plain[i], 4);
      if (m.dtype == DType::f8_e4m3) {  // 2^-1 to 2^1, either sign
        uint32_t bits;
        std::memcpy(&bits, &plain[i], sizeof bits);
        first[i] = static_cast<std::byte>((bits >> 24 & 0x80u) | 0x30u | (bits >> 8 & 0x0fu));
      }
      if (m.dtype == DType::bf16) {
        const uint16_t half = f32_to_bf16(plain[i]);
        std::memcpy(first.data() + 2 * i, &half, 2);
      }
    }
    if (m.dtype == DType::f8_e4m3) {
      scales.assign(static_cast<size_t>((rows + 127) / 128 * ((cols + 127) / 128)), 0.01f);
      m.block_scales = scales.data();
    }
    bytes.assign(static_cast<size_t>(n), first);
    for (const auto& copy : bytes) {
      m.data = copy.data();
      copies.push_back(m);
    }
  }
};

// An operation ready to run.
struct Work {
  std::function<void(Context&, size_t which)> run;  // the which-th time; 0 begins anew
  std::function<void(Context&, size_t)> truth{};    // what ref/ does for the comparison; empty: run
  const std::vector<float>* result = nullptr;       // of run(0)
  size_t leading = 0;                               // floats of it that do not move when there are more rows
  double tolerance = 1e-5;                          // of the distance from ref's result, over its size
  double bytes = 0;                                 // read and written by one run
  double operations = 0;
  int64_t groups = 1;
  std::shared_ptr<void> owner{};  // of the operands
};
using MakeWork = std::function<Work(int64_t rows)>;

double distance(const std::vector<float>& a, const std::vector<float>& b, size_t n) {
  double off = 0, size = 0;
  for (size_t i = 0; i < n; ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    off += (x - y) * (x - y);
    size += y * y;
  }
  return std::sqrt(off / std::max(size, 1e-300));
}

// What every maker begins with.
Work work_on(const std::shared_ptr<void>& owner, const std::vector<float>& result) {
  Work work;
  work.owner = owner;
  work.result = &result;
  work.leading = result.size();
  return work;
}

void reserve(Context& context, int64_t rows, int64_t groups) {
  reserve_scratch(context, {.max_rows = rows,
                            .max_input = rows * staggered_stride(std::max(kHidden, kHeads * kV), 4),
                            .max_groups = groups,
                            .n_heads = kHeads,
                            .nope = kNope,
                            .rope = kRope,
                            .v = kV,
                            .latent = kLatent});
}

// most_of_ref: rows ref/ is asked for; a row's result does not depend on how many there are.
void time(benchmark::State& state, const Ops& ops, Precision precision, const MakeWork& make,
          int64_t most_of_ref) {
  const int64_t rows = state.range(0);
  ThreadTeam team(static_cast<int>(state.range(1)));
  const Work work = make(rows);
  Context context(team, ops, precision);
  reserve(context, rows, work.groups);
  work.run(context, 0);
  {
    ThreadTeam every(0);
    const int64_t some = std::min(rows, most_of_ref);
    const Work same = make(some);
    Context slow(every, *find_ops("ref"), Precision::f32);
    reserve(slow, some, same.groups);
    (same.truth ? same.truth : same.run)(slow, 0);
    const double off = distance(*work.result, *same.result, same.leading);
    if (!(off <= work.tolerance)) {
      std::fprintf(stderr, "wrong by %g of its size: no timing\n", off);
      std::exit(1);
    }
  }
  size_t which = 1;
  for (auto _ : state) work.run(context, which++);
  const auto times = static_cast<double>(state.iterations()) * 1e-9;
  state.counters["GB/s"] = benchmark::Counter(work.bytes * times, benchmark::Counter::kIsRate);
  if (work.operations > 0) {
    state.counters["GOP/s"] = benchmark::Counter(work.operations * times, benchmark::Counter::kIsRate);
  }
}

// Weights alone are counted as read once; what a rounding of inputs may cost, see kernels_test.cc and
// packed_test.cc.
double tolerance_of(const Kind& kind) {
  return kind.scheme != Scheme::none ? 2e-2 : kind.precision == Precision::bf16 ? 1e-2 : 1e-5;
}

Work products(const Kind& kind, int64_t rows) {
  struct Operands {
    Weights w;
    std::vector<float> x, y;
  };
  const auto o = std::make_shared<Operands>(
      Operands{Weights(kind, kInner, kHidden, rows <= 8 ? 8 : 1), values(rows * kHidden, 2), {}});
  o->y.resize(static_cast<size_t>(rows * kInner));
  Work work = work_on(o, o->y);
  work.tolerance = tolerance_of(kind);
  work.bytes = static_cast<double>(o->w.copies[0].bytes());
  work.operations = 2.0 * kInner * kHidden * static_cast<double>(rows);
  work.run = [o, rows](Context& c, size_t which) {
    c.ops.matmul(c, o->w.copies[which % o->w.copies.size()], Rows(o->x.data(), rows, kHidden),
                 MutRows(o->y.data(), rows, kInner));
  };
  return work;
}

// Eight experts that every row visits.
Work mlps(const Kind& kind, int64_t rows) {
  struct Operands {
    Weights up, down;
    std::vector<float> x, y;
    std::vector<LineVector<float>> inner;
    std::vector<ExpertGroup> groups;
  };
  const auto o =
      std::make_shared<Operands>(Operands{Weights(kind, kInner, kHidden, 2 * kTopK),
                                          Weights(kind, kHidden, kInner, kTopK),
                                          values(rows * kHidden, 3),
                                          std::vector<float>(static_cast<size_t>(kTopK * rows * kHidden)),
                                          {},
                                          {}});
  double bytes = 0;
  for (size_t e = 0; e < kTopK; ++e) {
    o->inner.emplace_back(static_cast<size_t>(rows * staggered_stride(kInner, 4)));
    o->groups.push_back({o->up.copies[2 * e], o->up.copies[2 * e + 1], o->down.copies[e], nullptr, rows,
                         o->inner.back().data(), o->y.data() + static_cast<int64_t>(e) * rows * kHidden});
    bytes += static_cast<double>(2 * o->up.copies[0].bytes() + o->down.copies[0].bytes());
  }
  Work work = work_on(o, o->y);
  work.tolerance = 2 * tolerance_of(kind);
  work.groups = kTopK;
  work.leading = static_cast<size_t>(rows * kHidden);  // the first expert's
  work.bytes = bytes;
  work.operations = 2.0 * 3 * kInner * kHidden * kTopK * static_cast<double>(rows);
  work.run = [o, rows](Context& c, size_t) { c.ops.mlps(c, o->groups, Rows(o->x.data(), rows, kHidden)); };
  return work;
}

Work embed(int64_t rows) {
  struct Operands {
    Weights table{{"bf16", DType::bf16}, 4096, kHidden, 1};
    std::vector<int32_t> ids;
    std::vector<float> y;
  };
  const auto o = std::make_shared<Operands>();
  for (int64_t i = 0; i < rows; ++i) o->ids.push_back(static_cast<int32_t>(i * 997 % 4096));
  o->y.resize(static_cast<size_t>(rows * kHidden));
  Work work = work_on(o, o->y);
  work.bytes = static_cast<double>(rows * kHidden * (2 + 4));
  work.run = [o, rows](Context& c, size_t) {
    c.ops.embed(c, o->table.copies[0], o->ids, MutRows(o->y.data(), rows, kHidden));
  };
  return work;
}

struct TwoRows {
  std::vector<float> x, y, weight = values(kHidden, 4);
};
Work rms_norm(int64_t rows) {
  const auto o = std::make_shared<TwoRows>();
  o->x = values(rows * kHidden, 5);
  o->y.resize(o->x.size());
  Work work = work_on(o, o->y);
  work.bytes = static_cast<double>(rows * kHidden * 8);
  work.run = [o, rows](Context& c, size_t) {
    c.ops.rms_norm(c, Rows(o->x.data(), rows, kHidden), o->weight.data(), 1e-6f,
                   MutRows(o->y.data(), rows, kHidden));
  };
  return work;
}

Work add(int64_t rows) {
  const auto o = std::make_shared<TwoRows>();
  o->x = values(rows * kHidden, 6);
  o->y.resize(o->x.size());
  Work work = work_on(o, o->y);
  work.bytes = static_cast<double>(rows * kHidden * 12);
  work.run = [o, rows](Context& c, size_t which) {
    if (which == 0) std::fill(o->y.begin(), o->y.end(), 1.0f);  // once for each backend
    c.ops.add(c, MutRows(o->y.data(), rows, kHidden), Rows(o->x.data(), rows, kHidden));
  };
  return work;
}

Work combine_experts(int64_t rows) {
  struct Operands {
    std::vector<float> y, weights, out;
    std::vector<int32_t> slots;
  };
  const auto o = std::make_shared<Operands>();
  o->y = values(rows * kTopK * kHidden, 7);
  o->weights = values(rows * kTopK, 8);
  for (int64_t i = 0; i < rows * kTopK; ++i) {
    o->slots.push_back(static_cast<int32_t>(i % kTopK * rows + i / kTopK));
  }
  o->out.resize(static_cast<size_t>(rows * kHidden));
  Work work = work_on(o, o->out);
  work.bytes = static_cast<double>(rows * kHidden * 4 * (kTopK + 1));
  work.operations = 2.0 * static_cast<double>(rows * kTopK * kHidden);
  work.run = [o, rows](Context& c, size_t) {
    c.ops.combine_experts(c, Rows(o->y.data(), rows * kTopK, kHidden), o->slots.data(), o->weights.data(),
                          kTopK, Rows(), MutRows(o->out.data(), rows, kHidden));
  };
  return work;
}

// Queries, a cache of `depth` positions in bf16 before them, and room for theirs.
struct Attention {
  static constexpr int64_t kQ = kHeads * (kNope + kRope);
  int64_t rows, depth;
  std::vector<float> q, kv, cos_sin, out;
  std::vector<std::byte> memory;
  std::vector<std::byte*> pages;
  Weights kv_b{{"bf16", DType::bf16}, kHeads*(kNope + kV), kLatent, 1};
  SequenceSlice slice;

  Attention(int64_t n, int64_t before) : rows(n), depth(before) {
    q = values(rows * kQ, 9);
    kv = values(rows * kWidth, 10);
    cos_sin = values(rows * kRope, 11);
    out.resize(static_cast<size_t>(rows * kHeads * kV));
    constexpr int64_t kPageBytes = LatentCache::kPositions * kWidth * 2;
    const int64_t n_pages = (depth + rows + LatentCache::kPositions - 1) / LatentCache::kPositions;
    const std::vector<float> latents = values(n_pages * LatentCache::kPositions * kWidth, 12);
    memory.resize(static_cast<size_t>(n_pages * kPageBytes));
    for (size_t i = 0; i < latents.size(); ++i) {
      const uint16_t half = f32_to_bf16(latents[i]);
      std::memcpy(memory.data() + 2 * i, &half, 2);
    }
    for (int64_t p = 0; p < n_pages; ++p) pages.push_back(memory.data() + p * kPageBytes);
    slice = {0, rows, depth, {pages.data(), 0, CacheRow{CacheType::bf16, kLatent, kRope}}};
  }
  MlaArgs args() {
    MlaArgs a;
    a.q = Rows(q.data(), rows, kQ);
    a.kv_b = kv_b.copies[0];
    a.n_heads = kHeads;
    a.nope = kNope;
    a.rope = kRope;
    a.v = kV;
    a.latent = kLatent;
    a.scale = 0.07f;
    a.slices = {&slice, 1};
    a.out = MutRows(out.data(), rows, kHeads * kV);
    return a;
  }
  // Pairs of a row and a position it sees.
  double pairs() const {
    return static_cast<double>(rows) * (static_cast<double>(depth) + 0.5 * static_cast<double>(rows + 1));
  }
};

Work attention(bool absorbed, int64_t depth, Precision precision, int64_t rows) {
  const auto o = std::make_shared<Attention>(rows, depth);
  Work work = work_on(o, o->out);
  const auto positions = static_cast<double>(depth + rows);
  work.bytes = positions * kWidth * 2 + static_cast<double>(o->kv_b.copies[0].bytes());
  const double through_kv_b = 2.0 * kHeads * (kNope + kV) * kLatent;  // of a query row, or of a position
  work.operations =
      absorbed ? static_cast<double>(rows) * through_kv_b + o->pairs() * 2 * kHeads * (2 * kLatent + kRope)
               : positions * through_kv_b + o->pairs() * 2 * kHeads * (kNope + kRope + kV);
  work.run = [o, absorbed](Context& c, size_t) {
    (absorbed ? c.ops.mla_absorbed : c.ops.mla_expanded)(c, o->args());
  };
  // The two agree to rounding, and ref/ takes far longer for the other.
  work.tolerance = precision == Precision::f32 ? 1e-4 : 1e-2;  // it may be bf16 or int16
  work.truth = [o](Context& c, size_t) { c.ops.mla_absorbed(c, o->args()); };
  return work;
}

Work rope(int64_t rows) {
  const auto o = std::make_shared<Attention>(rows, 0);
  Work work = work_on(o, o->q);
  work.bytes = static_cast<double>(rows * kHeads * kRope * 8);
  work.run = [o, rows](Context& c, size_t which) {
    if (which == 0) o->q = values(rows * Attention::kQ, 9);
    c.ops.rope(c, MutRows(o->q.data(), rows, Attention::kQ), kNope, kHeads, kNope + kRope, kRope / 2,
               o->cos_sin.data(), true);
  };
  return work;
}

Work append_latent(int64_t rows) {
  const auto o = std::make_shared<Attention>(rows, 0);
  Work work = work_on(o, o->out);
  work.bytes = static_cast<double>(rows * kWidth * (4 + 2));
  work.run = [o, rows](Context& c, size_t which) {
    c.ops.append_latent(c, Rows(o->kv.data(), rows, kWidth), {&o->slice, 1});
    if (which != 0) return;
    for (int64_t i = 0; i < rows * kWidth; ++i) {  // for the comparison
      o->out[static_cast<size_t>(i)] = load_as_f32(o->memory.data(), DType::bf16, i);
    }
  };
  return work;
}

void add_benchmark(const std::string& backend, const std::string& name, Precision precision,
                   const MakeWork& make, std::initializer_list<int64_t> rows, int64_t most_of_ref) {
  const Ops* const ops = find_ops(backend);
  if (ops == nullptr || (precision == Precision::bf16 && !(backend == "avx512" && cpu_has_bf16_dot())))
    return;
  for (const int64_t n : rows) {
    if (backend == "ref" && n > most_of_ref) continue;
    auto* const b = benchmark::RegisterBenchmark(
        (backend + "/" + name).c_str(),
        [=](benchmark::State& state) { time(state, *ops, precision, make, most_of_ref); });
    b->ArgNames({"rows", "threads"})->Args({n, 1})->UseRealTime()->Unit(benchmark::kMicrosecond);
    static const int every = ThreadTeam(0).size();
    if (every > 1) b->Args({n, every});
  }
}

const int kRegistered = [] {
  for (const std::string backend : {"ref", "avx2", "avx512"}) {
    const auto add_plain = [&](const char* name, Work (*make)(int64_t)) {
      add_benchmark(backend, name, Precision::f32, make, {1, 8, 256}, 256);
    };
    add_plain("embed", embed);
    add_plain("rms_norm", rms_norm);
    add_plain("add", add);
    add_plain("rope", rope);
    add_plain("append_latent", append_latent);
    add_plain("combine_experts", combine_experts);
    for (const int64_t depth : {0, 512, 4096}) {
      const std::string at = "/depth:" + std::to_string(depth);
      for (const Precision precision : {Precision::f32, Precision::fastest}) {
        const std::string how = precision == Precision::f32 ? "/f32" : "/fastest";
        if (backend == "ref" && precision == Precision::fastest) continue;
        add_benchmark(
            backend, "mla_absorbed" + how + at, precision,
            [=](int64_t rows) { return attention(true, depth, precision, rows); }, {1, 8}, 1);
        add_benchmark(
            backend, "mla_expanded" + how + at, precision,
            [=](int64_t rows) { return attention(false, depth, precision, rows); }, {256}, 1);
      }
    }
    for (const Kind& kind : kKinds) {
      if (backend == "ref" && kind.precision == Precision::bf16) continue;
      add_benchmark(
          backend, std::string("products/") + kind.name, kind.precision,
          [&kind](int64_t rows) { return products(kind, rows); }, {1, 4, 8, 32, 256}, 8);
      add_benchmark(
          backend, std::string("mlps/") + kind.name, kind.precision,
          [&kind](int64_t rows) { return mlps(kind, rows); }, {1, 8, 32}, 1);
    }
  }
  return 0;
}();

}  // namespace
}  // namespace jaju

BENCHMARK_MAIN();
