// Matrix products over the team: plain, and grouped by expert with SwiGLU fused. Included once per ISA.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

inline int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Copies the inputs of a matmul to shared scratch when that pays: rounded to bf16 where this matmul will use
// the BF16 dot product; else, for several rows, to rows that do not all start in the same sets of the
// first-level cache (rows a multiple of 4 KiB apart do, and the widths of models are such).
inline Inputs prepare(Context& context, Rows x, bool bf16_weights) {
  Inputs in;
  in.x = x;
#ifdef JAJU_HAS_BF16_DOT
  if (context.precision == Precision::bf16 && bf16_weights && has_bf16_dot()) {
    in.bf16_stride = staggered_stride(x.cols, sizeof(uint16_t));
    auto* const to = reinterpret_cast<uint16_t*>(context.shared_scratch.data());
    JAJU_CHECK(static_cast<int64_t>(context.shared_scratch.size()) * 2 >= x.n * in.bf16_stride);
    context.team.parallel_for(x.n, [&](int64_t i, int) {
      const float* from = x.row(i);
      uint16_t* const row = to + i * in.bf16_stride;
      for (int64_t k = 0; k < x.cols; ++k) row[k] = f32_to_bf16(from[k]);
    });
    in.bf16 = to;
    return in;
  }
#else
  (void)bf16_weights;
#endif
  if (x.n < kBlockedInputs) return in;
  const int64_t stride = staggered_stride(x.cols, sizeof(float));
  float* const to = context.shared_scratch.data();
  JAJU_CHECK(static_cast<int64_t>(context.shared_scratch.size()) >= x.n * stride);
  context.team.parallel_for(x.n, [&](int64_t i, int) {
    __builtin_memcpy(to + i * stride, x.row(i), static_cast<size_t>(x.cols) * sizeof(float));
  });
  in.x = Rows(to, x.n, x.cols, stride);
  return in;
}

inline void matmul(Context& context, const Matrix& w, Rows x, MutRows y) {
  JAJU_CHECK(x.cols == w.cols && y.cols == w.rows && x.n == y.n);
  const Inputs in = prepare(context, x, w.dtype == DType::bf16);
  context.team.parallel_for(ceil_div(w.rows, kRowBlock), [&](int64_t task, int) {
    const int64_t r0 = task * kRowBlock;
    const int64_t r1 = r0 + kRowBlock < w.rows ? r0 + kRowBlock : w.rows;
    for (int64_t i = 0; i < x.n; i += kInputBlock) {
      const int64_t n = x.n - i < kInputBlock ? x.n - i : kInputBlock;
      dot_block(w, r0, r1, in, i, n, y.row(i) + r0, y.stride);
    }
  });
}

// Tasks are (group, block of output rows), experts outside, rows inside; body(group, r0, r1).
template <typename Body>
inline void for_each_row_block(Context& context, std::span<const ExpertGroup> groups, int64_t rows,
                               const Body& body) {
  const int64_t blocks = ceil_div(rows, kRowBlock);
  context.team.parallel_for(static_cast<int64_t>(groups.size()) * blocks, [&](int64_t task, int) {
    const ExpertGroup& g = groups[static_cast<size_t>(task / blocks)];
    const int64_t r0 = task % blocks * kRowBlock;
    body(g, r0, r0 + kRowBlock < rows ? r0 + kRowBlock : rows);
  });
}

// Whether one of the groups multiplies bf16 weights: asked of all of them, so that which experts the rest of
// the batch visits changes nothing where experts are of different types.
template <typename Weights>
inline bool any_bf16(std::span<const ExpertGroup> groups, const Weights& weights) {
  for (const ExpertGroup& g : groups) {
    if (weights(g)) return true;
  }
  return false;
}

inline void grouped_swiglu(Context& context, std::span<const ExpertGroup> groups, Rows x, MutRows h) {
  if (groups.empty()) return;
  const Inputs shared = prepare(context, x, any_bf16(groups, [](const ExpertGroup& g) {
                                  return g.gate.dtype == DType::bf16 || g.up.dtype == DType::bf16;
                                }));
  for_each_row_block(context, groups, h.cols, [&](const ExpertGroup& g, int64_t r0, int64_t r1) {
    JAJU_CHECK(g.gate.rows == h.cols && g.up.rows == h.cols && g.gate.cols == x.cols && g.up.cols == x.cols);
    Inputs in = shared;
    in.index = g.rows;
    float gate[kInputBlock * kRowBlock];
    float up[kInputBlock * kRowBlock];
    for (int64_t i = 0; i < g.n; i += kInputBlock) {
      const int64_t n = g.n - i < kInputBlock ? g.n - i : kInputBlock;
      dot_block(g.gate, r0, r1, in, i, n, gate, kRowBlock);
      dot_block(g.up, r0, r1, in, i, n, up, kRowBlock);
      for (int64_t j = 0; j < n; ++j) {
        float* const out = h.row(g.first + i + j) + r0;
        for (int64_t r = 0; r < r1 - r0; r += kLanes) {
          const int64_t lanes = r1 - r0 - r < kLanes ? r1 - r0 - r : kLanes;
          const V product =
              mul(silu(load_n(gate + j * kRowBlock + r, lanes)), load_n(up + j * kRowBlock + r, lanes));
          store_n(out + r, product, lanes);
        }
      }
    }
  });
}

inline void grouped_down(Context& context, std::span<const ExpertGroup> groups, Rows h, MutRows y) {
  if (groups.empty()) return;
  const Inputs in =
      prepare(context, h, any_bf16(groups, [](const ExpertGroup& g) { return g.down.dtype == DType::bf16; }));
  for_each_row_block(context, groups, y.cols, [&](const ExpertGroup& g, int64_t r0, int64_t r1) {
    JAJU_CHECK(g.down.rows == y.cols && g.down.cols == h.cols);
    for (int64_t i = 0; i < g.n; i += kInputBlock) {
      const int64_t n = g.n - i < kInputBlock ? g.n - i : kInputBlock;
      dot_block(g.down, r0, r1, in, g.first + i, n, y.row(g.first + i) + r0, y.stride);
    }
  });
}

}  // namespace
}  // namespace jaju::JAJU_ISA
