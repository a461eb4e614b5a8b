// Sums of a matrix's rows, each times a weight of its own: W_UK^T q and P V. Included once per ISA, after
// dot.h.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

// C vectors of a row from column k on, and as many places of an output. Whatever lies in a register must
// come from the same columns in both.
template <typename Row>
struct Columns {
  static constexpr int kAtOnce = 1;  // vectors
  template <int C>
  static void of_row(const Row& row, int64_t k, V (&to)[C]) {
    JAJU_UNROLL for (int c = 0; c < C; ++c) to[c] = row.at(k + c * kLanes);
  }
  template <int C>
  static void load_sums(const float* from, V (&to)[C]) {
    JAJU_UNROLL for (int c = 0; c < C; ++c) to[c] = load(from + c * kLanes);
  }
  template <int C>
  static void store_sums(const V (&from)[C], float* to) {
    JAJU_UNROLL for (int c = 0; c < C; ++c) store(to + c * kLanes, from[c]);
  }
};
// bf16: the even columns of two vectors and the odd ones, which takes two instructions where widening a
// vector by itself takes two for each.
template <>
struct Columns<RowBf16> {
  static constexpr int kAtOnce = 2;
  template <int C>
  static void of_row(const RowBf16& row, int64_t k, V (&to)[C]) {
    static_assert(C % 2 == 0);
    JAJU_UNROLL for (int c = 0; c < C; c += 2) {
      to[c] = load_bf16_even(row.p + k + c * kLanes);
      to[c + 1] = load_bf16_odd(row.p + k + c * kLanes);
    }
  }
  template <int C>
  static void load_sums(const float* from, V (&to)[C]) {
    JAJU_UNROLL for (int c = 0; c < C; c += 2) {
      split_pairs(load(from + c * kLanes), load(from + (c + 1) * kLanes), to[c], to[c + 1]);
    }
  }
  template <int C>
  static void store_sums(const V (&from)[C], float* to) {
    JAJU_UNROLL for (int c = 0; c < C; c += 2) {
      V first, second;
      join_pairs(from[c], from[c + 1], first, second);
      store(to + c * kLanes, first);
      store(to + (c + 1) * kLanes, second);
    }
  }
};

// out[i][k] = keep[i] * out[i][k] + sum_j a[i][j] M[j][k], k < width <= M.cols, j ascending, for R inputs.
// keep null: from zero.
template <typename Row, int R, int C>
inline void weigh_tile(const Matrix& m, int64_t k, const float* a, int64_t a_stride, const float* keep,
                       float* out, int64_t out_stride) {
  V acc[R][C];
  JAJU_UNROLL for (int i = 0; i < R; ++i) {
    if (keep != nullptr) Columns<Row>::load_sums(out + i * out_stride + k, acc[i]);
    JAJU_UNROLL for (int c = 0; c < C; ++c) acc[i][c] =
        keep == nullptr ? zero() : mul(set1(keep[i]), acc[i][c]);
  }
  Row row(m, 0);
  for (int64_t j = 0; j < m.rows; ++j, row.next(m)) {
    V values[C];
    Columns<Row>::of_row(row, k, values);
    JAJU_UNROLL for (int i = 0; i < R; ++i) {
      const V weight = set1(a[i * a_stride + j]);
      JAJU_UNROLL for (int c = 0; c < C; ++c) acc[i][c] = fma(weight, values[c], acc[i][c]);
    }
  }
  JAJU_UNROLL for (int i = 0; i < R; ++i) Columns<Row>::store_sums(acc[i], out + i * out_stride + k);
}

// The same a vector at a time, and at the end a part of one.
template <typename Row, int R>
inline void weigh_rest(const Matrix& m, int64_t k, int64_t width, const float* a, int64_t a_stride,
                       const float* keep, float* out, int64_t out_stride) {
  for (; k < width; k += kLanes) {
    const int64_t lanes = width - k < kLanes ? width - k : kLanes;
    JAJU_UNROLL for (int i = 0; i < R; ++i) {
      float* const to = out + i * out_stride + k;
      V acc = keep == nullptr ? zero() : mul(set1(keep[i]), load_n(to, lanes));
      for (int64_t j = 0; j < m.rows; ++j) {
        acc = fma(set1(a[i * a_stride + j]), Row(m, j).at_n(k, lanes), acc);
      }
      store_n(to, acc, lanes);
    }
  }
}

// Vectors of a tile: few inputs leave registers for more of them, without which sums would wait for
// themselves.
template <int R>
constexpr int kWeighVectors = kWeighAccumulators / R >= 8   ? 8
                              : kWeighAccumulators / R >= 4 ? 4
                                                            : 2;

template <typename Row, int R>
inline void weigh_inputs(const Matrix& m, int64_t width, const float* a, int64_t a_stride, const float* keep,
                         float* out, int64_t out_stride) {
  constexpr int kVectors = kWeighVectors<R>;
  constexpr int kAtOnce = Columns<Row>::kAtOnce;
  int64_t k = 0;
  for (; k + kVectors * kLanes <= width; k += kVectors * kLanes) {
    weigh_tile<Row, R, kVectors>(m, k, a, a_stride, keep, out, out_stride);
  }
  for (; k + kAtOnce * kLanes <= width; k += kAtOnce * kLanes) {
    weigh_tile<Row, R, kAtOnce>(m, k, a, a_stride, keep, out, out_stride);
  }
  weigh_rest<Row, R>(m, k, width, a, a_stride, keep, out, out_stride);
}

inline void weigh_rows(const Matrix& m, int64_t width, const float* a, int64_t a_stride, int64_t n,
                       const float* keep, float* out, int64_t out_stride) {
  with_row_type(m.dtype, [&](auto type) {
    using Row = typename decltype(type)::type;
    const auto pass = [&](auto inputs) {
      constexpr int kInputs = decltype(inputs)::value;
      for (; n >= kInputs; n -= kInputs) {
        weigh_inputs<Row, kInputs>(m, width, a, a_stride, keep, out, out_stride);
        a += kInputs * a_stride;
        out += kInputs * out_stride;
        if (keep != nullptr) keep += kInputs;
      }
    };
    pass(std::integral_constant<int, kWeighInputs>());
    if constexpr (kWeighInputs > 4) pass(std::integral_constant<int, 4>());
    pass(std::integral_constant<int, 2>());
    pass(std::integral_constant<int, 1>());
  });
}

}  // namespace
}  // namespace jaju::JAJU_ISA
