// Matrix products over the team: plain, and MLPs grouped by expert with SwiGLU fused. Included once per ISA.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

// body(i, thread) for every i below n: on the team where all tasks together take long enough on one thread,
// by a guess in nanoseconds, else here. node_starts: see ThreadTeam::run.
template <typename Body>
inline void for_tasks(Context& context, int64_t n, int64_t nanoseconds, const Body& body,
                      const int64_t* node_starts = nullptr) {
  constexpr int64_t kWorthSharing = 3000;  // three times what it costs to start a region and wait for its end
  if (nanoseconds >= kWorthSharing) return context.team.parallel_for(n, body, node_starts);
  for (int64_t i = 0; i < n; ++i) body(i, 0);
}

// Guesses: 64 multiplications a nanosecond, 256 in int8, or 16 values read or written from beyond the nearest
// caches.
inline int64_t product_cost(int64_t rows, int64_t cols, int64_t n) {
  return rows * cols * (n + 4) / 64;
}
inline int64_t product_cost(bool packed, int64_t rows, int64_t cols, int64_t n) {
  return packed ? rows * cols * (n + 2) / 256 : product_cost(rows, cols, n);
}
inline int64_t product_cost(const Matrix& w, int64_t n) {
  return product_cost(w.packed(), w.rows, w.cols, n);
}
inline int64_t copy_cost(int64_t values) {
  return values / 16;
}

// Whether inputs are rounded to bf16; fast: whether their products are then faster than in f32.
inline bool rounds_to_bf16(const Context& context, bool fast) {
  if (context.precision == Precision::fastest) return fast && has_bf16_dot();
  return context.precision == Precision::bf16 && has_bf16_dot();
}

// Whether a matrix is multiplied with inputs rounded to bf16.
inline bool takes_bf16(const Context& context, DType type) {
  return type == DType::bf16 && rounds_to_bf16(context, has_fast_bf16_dot());
}

// In which forms the matrices that read an input want it.
struct Forms {
  bool f32 = false;
  bool bf16 = false;
  bool int8 = false;

  void add(const Context& context, const Matrix& w) {
    const bool takes = takes_bf16(context, w.dtype);
    int8 = int8 || w.packed();
    bf16 = bf16 || takes;
    f32 = f32 || (!takes && !w.packed());
  }
};

// Copies the inputs of a matmul to shared scratch when that pays: rounded to int8 and bf16 where some matrix
// takes them so; else, for several rows, to rows that do not all start in the same sets of the first-level
// cache (rows a multiple of 4 KiB apart do, and the widths of models are such).
inline Inputs prepare(Context& context, Rows x, Forms forms) {
  Inputs in;
  in.x = x;
  float* room = context.shared_scratch.data();
  const auto take = [&](int64_t floats) {
    float* const taken = room;
    room += floats;
    JAJU_CHECK(room - context.shared_scratch.data() <= static_cast<int64_t>(context.shared_scratch.size()));
    return taken;
  };
  if (forms.int8) {
    in.int8_stride = packed_dot::row_stride(x.cols);
    auto* const to =
        reinterpret_cast<std::byte*>(take(x.n * in.int8_stride / static_cast<int64_t>(sizeof(float))));
    for_tasks(context, x.n, copy_cost(2 * x.n * x.cols), [&](int64_t i, int) {
      packed_kernels().quantize_row(x.row(i), x.cols, to + i * in.int8_stride);
    });
    in.int8 = to;
  }
#ifdef JAJU_HAS_BF16_DOT
  if (forms.bf16) {
    in.bf16_stride = staggered_stride(x.cols, sizeof(uint16_t));
    auto* const to = reinterpret_cast<uint16_t*>(take((x.n * in.bf16_stride + 1) / 2));
    for_tasks(context, x.n, copy_cost(x.n * x.cols),
              [&](int64_t i, int) { bf16dot::round_row(x.row(i), x.cols, to + i * in.bf16_stride); });
    in.bf16 = to;
    return in;
  }
#endif
  if (x.n < kFewestBlocked || !forms.f32) return in;
  const int64_t stride = staggered_stride(x.cols, sizeof(float));
  float* const to = take(x.n * stride);
  for_tasks(context, x.n, copy_cost(x.n * x.cols), [&](int64_t i, int) {
    __builtin_memcpy(to + i * stride, x.row(i), static_cast<size_t>(x.cols) * sizeof(float));
  });
  in.x = Rows(to, x.n, x.cols, stride);
  return in;
}

// y[i] = W x[i] for rows [r0, r1) of W and n inputs.
inline void multiply(const Matrix& w, int64_t r0, int64_t r1, const Inputs& in, int64_t n, MutRows y) {
  const int64_t block = input_block(w, in);
  for (int64_t i = 0; i < n; i += block) {
    dot_block(w, r0, r1, in, i, n - i < block ? n - i : block, y.row(i) + r0, y.stride);
  }
}

// Tasks are blocks of rows of several matrices, one matrix after the other; body(which, r0, r1).
// rows_of(which) and cost_of(which): its rows, and a guess of the nanoseconds they all take. On several NUMA
// nodes each takes the same blocks of a matrix every time, those whose memory it has (model/placement.h):
// tasks are then the first node's blocks of all matrices, those of the second, and so on.
template <int64_t kBlock = kRowBlock, typename RowsOf, typename CostOf, typename Body>
inline void for_row_blocks(Context& context, int64_t n, const RowsOf& rows_of, const CostOf& cost_of,
                           const Body& body) {
  const NodeSplit& split = context.team.split();
  const int64_t pieces = split.n_nodes() * n;  // (node, matrix)
  std::vector<int64_t>& starts = context.task_starts;
  if (static_cast<int64_t>(starts.size()) <= pieces) starts.resize(static_cast<size_t>(pieces) + 1);
  int64_t node_starts[Topology::kMostNodes + 1];
  int64_t tasks = 0;
  int64_t cost = 0;
  for (int node = 0; node < split.n_nodes(); ++node) {
    node_starts[node] = tasks;
    for (int64_t m = 0; m < n; ++m) {
      starts[static_cast<size_t>(node * n + m)] = tasks;
      const int64_t blocks = ceil_div(rows_of(m), kBlock);
      tasks += split.first(node + 1, blocks) - split.first(node, blocks);
      if (node == 0) cost += cost_of(m);
    }
  }
  node_starts[split.n_nodes()] = tasks;
  const auto run = [&](int64_t task, int) {
    // The last piece that starts at or before the task.
    int64_t low = 0;
    for (int64_t high = pieces; high - low > 1;) {
      const int64_t middle = (low + high) / 2;
      (starts[static_cast<size_t>(middle)] <= task ? low : high) = middle;
    }
    const int64_t m = low % n;
    const int64_t rows = rows_of(m);
    const int64_t first = split.first(static_cast<int>(low / n), ceil_div(rows, kBlock));
    const int64_t r0 = (first + task - starts[static_cast<size_t>(low)]) * kBlock;
    body(m, r0, r0 + kBlock < rows ? r0 + kBlock : rows);
  };
  for_tasks(context, tasks, cost, run, node_starts);
}

inline void products(Context& context, std::span<const Product> products, Rows x) {
  Forms forms;
  for (const Product& p : products) {
    JAJU_CHECK(x.cols == p.w.cols && p.y.cols == p.w.rows && x.n == p.y.n);
    forms.add(context, p.w);
  }
  const Inputs in = prepare(context, x, forms);
  const auto at = [&](int64_t m) -> const Product& { return products[static_cast<size_t>(m)]; };
  for_row_blocks(
      context, static_cast<int64_t>(products.size()), [&](int64_t m) { return at(m).w.rows; },
      [&](int64_t m) { return product_cost(at(m).w, x.n); },
      [&](int64_t m, int64_t r0, int64_t r1) { multiply(at(m).w, r0, r1, in, x.n, at(m).y); });
}

// The inner layer of a group, as its down projection reads it: rounded to bf16 where that takes it so. (To
// int8 it is rounded in place, later: quantize_inner.)
inline Inputs inner_of(const Context& context, const ExpertGroup& g) {
  Inputs in;
  if (takes_bf16(context, g.down.dtype)) {
    in.bf16_stride = staggered_stride(g.gate.rows, sizeof(uint16_t));
    in.bf16 = reinterpret_cast<const uint16_t*>(g.inner);
  }
  in.int8_stride = staggered_stride(g.gate.rows, sizeof(float)) * static_cast<int64_t>(sizeof(float));
  if (g.down.packed()) in.int8 = reinterpret_cast<const std::byte*>(g.inner);
  in.x = Rows(g.inner, g.n, g.gate.rows, staggered_stride(g.gate.rows, sizeof(float)));
  return in;
}

// Rows [r0, r1) of the inner layer: silu(gate x) * (up x).
inline void swiglu_block(const Context& context, const ExpertGroup& g, const Inputs& x, int64_t r0,
                         int64_t r1) {
  float gate[kMostInputs * kRowBlock];
  float up[kMostInputs * kRowBlock];
  const int64_t block =
      input_block(g.gate, x) < input_block(g.up, x) ? input_block(g.gate, x) : input_block(g.up, x);
  const int64_t rows = r1 - r0;
  const Inputs inner = inner_of(context, g);
  for (int64_t i = 0; i < g.n; i += block) {
    const int64_t n = g.n - i < block ? g.n - i : block;
    dot_block(g.gate, r0, r1, x, i, n, gate, kRowBlock);
    dot_block(g.up, r0, r1, x, i, n, up, kRowBlock);
    for (int64_t j = 0; j < n; ++j) {
      float* const product = gate + j * kRowBlock;
      float* const f32_out = g.inner + (i + j) * inner.x.stride + r0;
      float* const to = inner.bf16 != nullptr ? product : f32_out;
      for (int64_t r = 0; r < rows; r += kLanes) {
        const int64_t lanes = rows - r < kLanes ? rows - r : kLanes;
        store_n(to + r, mul(silu(load_n(product + r, lanes)), load_n(up + j * kRowBlock + r, lanes)), lanes);
      }
#ifdef JAJU_HAS_BF16_DOT
      if (inner.bf16 != nullptr) {
        bf16dot::round_row(product, rows,
                           const_cast<uint16_t*>(inner.bf16) + (i + j) * inner.bf16_stride + r0);
      }
#endif
    }
  }
}

// A piece of 256 columns has one scale, so a row's inner layer must be whole before it becomes int8.
inline void quantize_inner(Context& context, std::span<const ExpertGroup> groups) {
  constexpr int64_t kInputsOfTask = 4;
  const auto at = [&](int64_t m) -> const ExpertGroup& { return groups[static_cast<size_t>(m)]; };
  const auto rows_of = [&](int64_t m) { return at(m).down.packed() ? at(m).n : 0; };
  for_row_blocks<kInputsOfTask>(
      context, static_cast<int64_t>(groups.size()), rows_of,
      [&](int64_t m) { return copy_cost(2 * rows_of(m) * at(m).down.cols); },
      [&](int64_t m, int64_t i0, int64_t i1) {
        const Rows inner = inner_of(context, at(m)).x;
        for (int64_t i = i0; i < i1; ++i) {
          float* const row = at(m).inner + i * inner.stride;
          packed_kernels().quantize_row(row, inner.cols, reinterpret_cast<std::byte*>(row));
        }
      });
}

inline void mlps(Context& context, std::span<const ExpertGroup> groups, Rows x) {
  if (groups.empty()) return;
  // Asked of all of them, so that which experts the rest of the batch visits changes nothing where experts
  // are of different types.
  Forms forms;
  bool packed_down = false;
  for (const ExpertGroup& g : groups) {
    JAJU_CHECK(g.gate.cols == x.cols && g.up.cols == x.cols && g.up.rows == g.gate.rows &&
               g.down.cols == g.gate.rows);
    forms.add(context, g.gate);
    forms.add(context, g.up);
    packed_down = packed_down || g.down.packed();
  }
  const Inputs shared = prepare(context, x, forms);
  const auto n = static_cast<int64_t>(groups.size());
  const auto at = [&](int64_t m) -> const ExpertGroup& { return groups[static_cast<size_t>(m)]; };
  for_row_blocks(
      context, n, [&](int64_t m) { return at(m).gate.rows; },
      [&](int64_t m) { return 2 * product_cost(at(m).gate, at(m).n); },
      [&](int64_t m, int64_t r0, int64_t r1) {
        Inputs in = shared;
        in.index = at(m).rows;
        swiglu_block(context, at(m), in, r0, r1);
      });
  if (packed_down) quantize_inner(context, groups);
  for_row_blocks(
      context, n, [&](int64_t m) { return at(m).down.rows; },
      [&](int64_t m) { return product_cost(at(m).down, at(m).n); },
      [&](int64_t m, int64_t r0, int64_t r1) {
        const ExpertGroup& g = at(m);
        multiply(g.down, r0, r1, inner_of(context, g), g.n, MutRows(g.out, g.n, g.down.rows));
      });
}

}  // namespace
}  // namespace jaju::JAJU_ISA
