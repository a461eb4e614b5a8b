// The heart of the CPU backend: blocks of dot products W x, and weighted sums of rows, for every weight type.
// Included once per ISA, inside that ISA's namespace.
//
// One output is one vector accumulator that walks k from 0 up in steps of kLanes and is summed across lanes
// at the end, whatever the tile around it: so an output's bits depend on its row and input alone.
#pragma once

namespace jaju::JAJU_ISA {
namespace {

// Loaders: one row of a matrix as f32 vectors.
struct RowF32 {
  const float* p;
  explicit RowF32(const Matrix& m, int64_t r) : p(static_cast<const float*>(m.row(r))) {}
  V at(int64_t k) const { return load(p + k); }
  V at_n(int64_t k, int64_t n) const { return load_n(p + k, n); }
};
struct RowBf16 {
  const uint16_t* p;
  explicit RowBf16(const Matrix& m, int64_t r) : p(static_cast<const uint16_t*>(m.row(r))) {}
  V at(int64_t k) const { return load_bf16(p + k); }
  V at_n(int64_t k, int64_t n) const { return load_bf16_n(p + k, n); }
};
struct RowF16 {
  const uint16_t* p;
  explicit RowF16(const Matrix& m, int64_t r) : p(static_cast<const uint16_t*>(m.row(r))) {}
  V at(int64_t k) const { return load_f16(p + k); }
  V at_n(int64_t k, int64_t n) const { return load_f16_n(p + k, n); }
};
// A vector never straddles two scale blocks: k is a multiple of kLanes, which divides 128.
struct RowF8 {
  const uint8_t* p;
  const float* scales;
  explicit RowF8(const Matrix& m, int64_t r)
      : p(static_cast<const uint8_t*>(m.row(r))), scales(m.row_scales(r)) {}
  V at(int64_t k) const { return mul(load_f8(p + k), set1(scales[k / Matrix::kScaleBlock])); }
  V at_n(int64_t k, int64_t n) const {
    return mul(load_f8_n(p + k, n), set1(scales[k / Matrix::kScaleBlock]));
  }
};

// Calls body with the loader of the matrix's type: body(type_tag<RowX>).
template <typename Row>
struct RowType {
  using type = Row;
};
template <typename Body>
inline void with_row_type(DType t, const Body& body) {
  switch (t) {
    case DType::f32:
      return body(RowType<RowF32>());
    case DType::bf16:
      return body(RowType<RowBf16>());
    case DType::f16:
      return body(RowType<RowF16>());
    case DType::f8_e4m3:
      return body(RowType<RowF8>());
    default:
      JAJU_CHECK(!"weights are f32, bf16, f16 or f8");
  }
}

// Inputs of a matmul: rows of f32, row i being x.row(index ? index[i] : i), and where the caller prepared
// them the same rows rounded to bf16 for the BF16 dot product.
struct Inputs {
  Rows x;
  const int32_t* index = nullptr;
  const uint16_t* bf16 = nullptr;  // row r at bf16 + r * bf16_stride
  int64_t bf16_stride = 0;

  int64_t row_of(int64_t i) const { return index != nullptr ? index[i] : i; }
};

// Inputs per pass over a block of W: with K = 7168 they take under 1 MB, so they stay in the second-level
// cache.
constexpr int64_t kInputBlock = 24;

template <typename Row, int R, int C>
inline void dot_tile(const Matrix& w, int64_t r, const Inputs& in, int64_t i, float* out,
                     int64_t out_stride) {
  const int64_t cols = w.cols;
  const auto row = [&](int k) { return Row(w, r + k); };
  const Row rows[4] = {row(0), row(R > 1 ? 1 : 0), row(R > 2 ? 2 : 0), row(R > 3 ? 3 : 0)};
  static_assert(R <= 4);
  const float* x[C];
  for (int c = 0; c < C; ++c) x[c] = in.x.row(in.row_of(i + c));
  V acc[R][C];
  for (int a = 0; a < R; ++a) {
    for (int c = 0; c < C; ++c) acc[a][c] = zero();
  }
  int64_t k = 0;
  for (; k + kLanes <= cols; k += kLanes) {
    V weights[R];
    for (int a = 0; a < R; ++a) weights[a] = rows[a].at(k);
    for (int c = 0; c < C; ++c) {
      const V input = load(x[c] + k);
      for (int a = 0; a < R; ++a) acc[a][c] = fma(weights[a], input, acc[a][c]);
    }
  }
  if (k < cols) {
    V weights[R];
    for (int a = 0; a < R; ++a) weights[a] = rows[a].at_n(k, cols - k);
    for (int c = 0; c < C; ++c) {
      const V input = load_n(x[c] + k, cols - k);
      for (int a = 0; a < R; ++a) acc[a][c] = fma(weights[a], input, acc[a][c]);
    }
  }
  for (int c = 0; c < C; ++c) {
    for (int a = 0; a < R; ++a) out[c * out_stride + a] = sum(acc[a][c]);
  }
}

template <typename Row, int R>
inline void dot_inputs(const Matrix& w, int64_t r, const Inputs& in, int64_t i, int64_t n, float* out,
                       int64_t stride) {
  for (; n >= kTileInputs; i += kTileInputs, n -= kTileInputs, out += kTileInputs * stride) {
    dot_tile<Row, R, kTileInputs>(w, r, in, i, out, stride);
  }
  if constexpr (kTileInputs > 4) {
    if (n >= 4) {
      dot_tile<Row, R, 4>(w, r, in, i, out, stride);
      i += 4, n -= 4, out += 4 * stride;
    }
  }
  if (n >= 2) {
    dot_tile<Row, R, 2>(w, r, in, i, out, stride);
    i += 2, n -= 2, out += 2 * stride;
  }
  if (n == 1) dot_tile<Row, R, 1>(w, r, in, i, out, stride);
}

// out[i * out_stride + (r - r0)] = W[r] . x[i] for r in [r0, r1), i in [i0, i0 + n), n <= kInputBlock.
inline void dot_block(const Matrix& w, int64_t r0, int64_t r1, const Inputs& in, int64_t i0, int64_t n,
                      float* out, int64_t out_stride) {
#ifdef JAJU_HAS_BF16_DOT
  if (in.bf16 != nullptr && w.dtype == DType::bf16) {
    const uint16_t* x[kInputBlock];
    for (int64_t i = 0; i < n; ++i) x[i] = in.bf16 + in.row_of(i0 + i) * in.bf16_stride;
    return bf16dot::dot_block(w, r0, r1, x, n, out, out_stride);
  }
#endif
  with_row_type(w.dtype, [&](auto type) {
    using Row = typename decltype(type)::type;
    int64_t r = r0;
    for (; r + kTileRows <= r1; r += kTileRows)
      dot_inputs<Row, kTileRows>(w, r, in, i0, n, out + (r - r0), out_stride);
    for (; r < r1; ++r) dot_inputs<Row, 1>(w, r, in, i0, n, out + (r - r0), out_stride);
  });
}

// out[k] = keep * out[k] + sum_j coefficients[j] * M[j][k], k < width <= M.cols, j ascending. For W_UK^T q
// and P V.
template <typename Row>
inline void add_weighted_rows_of(const Matrix& m, const float* coefficients, int64_t n, int64_t width,
                                 float keep, float* out) {
  constexpr int kVectors = 4;
  int64_t k = 0;
  for (; k + kVectors * kLanes <= width; k += kVectors * kLanes) {
    V acc[kVectors];
    for (int a = 0; a < kVectors; ++a) acc[a] = mul(set1(keep), load(out + k + a * kLanes));
    for (int64_t j = 0; j < n; ++j) {
      const Row row(m, j);
      const V c = set1(coefficients[j]);
      for (int a = 0; a < kVectors; ++a) acc[a] = fma(c, row.at(k + a * kLanes), acc[a]);
    }
    for (int a = 0; a < kVectors; ++a) store(out + k + a * kLanes, acc[a]);
  }
  for (; k < width; k += kLanes) {
    const int64_t lanes = width - k < kLanes ? width - k : kLanes;
    V acc = mul(set1(keep), load_n(out + k, lanes));
    for (int64_t j = 0; j < n; ++j) acc = fma(set1(coefficients[j]), Row(m, j).at_n(k, lanes), acc);
    store_n(out + k, acc, lanes);
  }
}

inline void add_weighted_rows(const Matrix& m, const float* coefficients, int64_t n, int64_t width,
                              float keep, float* out) {
  with_row_type(m.dtype, [&](auto type) {
    add_weighted_rows_of<typename decltype(type)::type>(m, coefficients, n, width, keep, out);
  });
}

}  // namespace
}  // namespace jaju::JAJU_ISA
